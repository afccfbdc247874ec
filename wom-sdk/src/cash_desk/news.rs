//! Who waits for which checkout, within this process.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::checkout::CheckoutId;

/// Tells those who wait for a checkout that it moved on.
#[derive(Debug, Default)]
pub(super) struct News(Mutex<BTreeMap<CheckoutId, watch::Sender<()>>>);

/// One who waits for a checkout. Gone, it is waited for no longer.
pub(super) struct Heard {
    news: Arc<News>,
    id: CheckoutId,
    receiver: watch::Receiver<()>,
}

impl News {
    /// News of a checkout from now on.
    pub(super) fn of(self: &Arc<Self>, id: CheckoutId) -> Heard {
        let receiver = self.waited().entry(id).or_default().subscribe();
        Heard {
            news: Arc::clone(self),
            id,
            receiver,
        }
    }

    pub(super) fn tell(&self, id: CheckoutId) {
        if let Some(sender) = self.waited().get(&id) {
            sender.send_replace(());
        }
    }

    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.waited().is_empty()
    }

    fn waited(&self) -> MutexGuard<'_, BTreeMap<CheckoutId, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    /// Until there is news.
    pub(super) async fn wait(&self) {
        // The sender is there as long as we are.
        let _ = self.receiver.clone().changed().await;
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        let mut waited = self.news.waited();
        if waited
            .get(&self.id)
            .is_some_and(|sender| sender.receiver_count() <= 1)
        {
            waited.remove(&self.id);
        }
    }
}
