//! Things that are open, until they are closed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use wom_sdk::{Error, Kind, Result};

use crate::{
    home::{Home, Thread},
    runtime::runtime,
};

/// Something that a JavaScript thread opens, uses and closes.
pub(crate) struct Held<T: Send + Sync + 'static> {
    pub(crate) thread: Arc<Thread>,
    what: &'static str,
    place: Arc<Place<T>>,
}

struct Place<T>(Mutex<Option<Arc<T>>>);

impl<T> Place<T> {
    fn open(&self) -> MutexGuard<'_, Option<Arc<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + Sync + 'static> Held<T> {
    /// Nothing yet; `what` is its name for people.
    pub(crate) fn new(home: &Home, what: &'static str) -> Self {
        Self {
            thread: Arc::clone(&home.0),
            what,
            place: Arc::new(Place(Mutex::new(None))),
        }
    }

    /// Opens it.
    pub(crate) fn open(
        &self,
        call: u32,
        opening: impl Future<Output = Result<T>> + Send + 'static,
    ) {
        let place = Arc::clone(&self.place);
        self.thread.begin(call, async move {
            let opened = Arc::new(opening.await?);
            *place.open() = Some(opened);
            Ok(())
        });
    }

    /// Begins a call that uses it. Once it is closed that is an error.
    pub(crate) fn call<F, A>(&self, call: u32, work: impl FnOnce(Arc<T>) -> F + Send + 'static)
    where
        F: Future<Output = Result<A>> + Send,
        A: Serialize,
    {
        let held = self.get();
        self.thread.begin(call, async move { work(held?).await });
    }

    /// Begins to close it. Once more does nothing.
    pub(crate) fn close<F>(&self, call: u32, closing: impl FnOnce(Arc<T>) -> F + Send + 'static)
    where
        F: Future<Output = Result<()>> + Send,
    {
        let held = self.place.open().take();
        self.thread.begin(call, async move {
            match held {
                Some(held) => closing(held).await,
                None => Ok(()),
            }
        });
    }

    /// The thing itself.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] once it is closed.
    pub(crate) fn get(&self) -> Result<Arc<T>> {
        self.place.open().clone().ok_or_else(|| {
            Error::new(Kind::InputInvalid, "it is closed")
                .with("object", self.what)
                .hint("open it again")
        })
    }
}

impl<T> Drop for Place<T> {
    fn drop(&mut self) {
        // What is dropped may need the runtime, and JavaScript's threads are not of it.
        if let Ok(runtime) = runtime() {
            let _entered = runtime.enter();
            drop(self.open().take());
        }
    }
}

impl<T: Send + Sync + 'static> std::fmt::Debug for Held<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.what)
    }
}
