//! Things that live in the process that opened them.

use std::sync::{Arc, Mutex, PoisonError};

use wom_sdk::{Error, Kind, Result};

use crate::runtime;

/// Something that is open in one process, and in no process that was forked from it.
pub(crate) struct Here<T> {
    pid: u32,
    what: &'static str,
    inner: Mutex<Option<Arc<T>>>,
}

impl<T> Here<T> {
    /// What was opened now; `what` is its name for people.
    pub(crate) fn new(what: &'static str, inner: T) -> Self {
        Self {
            pid: std::process::id(),
            what,
            inner: Mutex::new(Some(Arc::new(inner))),
        }
    }

    /// The thing itself.
    ///
    /// # Errors
    /// [`Kind::Unsupported`] in a forked process: its threads are not there. [`Kind::InputInvalid`]
    /// once it is closed.
    pub(crate) fn get(&self) -> Result<Arc<T>> {
        if self.pid != std::process::id() {
            return Err(Error::new(
                Kind::Unsupported,
                "it was opened before this process was forked, and its threads stayed behind",
            )
            .with("object", self.what)
            .hint("open it after the fork: in gunicorn's post_fork, Celery's worker_process_init, or at the first request"));
        }
        let held = self
            .inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        held.ok_or_else(|| {
            Error::new(Kind::InputInvalid, "it is closed")
                .with("object", self.what)
                .hint("open it again")
        })
    }

    /// Takes it out, to close it; none if it is closed, or open in another process only.
    pub(crate) fn take(&self) -> Option<Arc<T>> {
        if self.pid != std::process::id() {
            return None;
        }
        self.inner
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl<T> Drop for Here<T> {
    fn drop(&mut self) {
        let inner = self
            .inner
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // In a forked process dropping would wait for threads that are not there.
        if self.pid != std::process::id() {
            std::mem::forget(inner);
            return;
        }
        if let Ok(home) = runtime::home() {
            let _entered = home.runtime.enter();
            drop(inner);
        }
    }
}
