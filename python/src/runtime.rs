//! One tokio runtime for each process, and one thread that brings answers into Python.
//!
//! After a fork the child has none of its parent's threads, so nothing of the parent's runtime would
//! ever end there. The child gets a runtime of its own at its first call, and the parent's is left as
//! it is: ending it would wait for threads that are not there.

use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
};

use pyo3::prelude::*;
use tokio::runtime::Runtime;
use wom_sdk::{Error, Kind, Result};

/// What one process has.
pub(crate) struct Home {
    pid: u32,
    pub(crate) runtime: Runtime,
    deliveries: Mutex<Option<Deliveries>>,
    /// A forked child's.
    next: OnceLock<&'static Self>,
}

/// What is brought into Python.
enum Letter {
    /// To be called.
    Call(Py<PyAny>),
    /// An event for Python's `logging`: level as Python numbers it, logger, text.
    Event(u8, String, String),
}

struct Deliveries {
    post: Sender<Option<Letter>>,
    thread: JoinHandle<()>,
}

/// The first process's; those of its children follow, each after its parent's. Never freed, as calls may
/// be under way as long as the process lives. No lock guards them: one that somebody held at the fork
/// would be held for ever in the child.
static FIRST: OnceLock<&'static Home> = OnceLock::new();

/// This process's own runtime, started at the first call.
pub(crate) fn home() -> Result<&'static Home> {
    let pid = std::process::id();
    let mut place = &FIRST;
    loop {
        let home = match place.get() {
            Some(home) => home,
            None => {
                let new: &'static Home = Box::leak(Box::new(Home::start(pid)?));
                // Whoever was faster has started this process's: ours ends.
                match place.set(new) {
                    Ok(()) => new,
                    Err(ours) => {
                        ours.end();
                        continue;
                    }
                }
            }
        };
        if home.pid == pid {
            return Ok(home);
        }
        place = &home.next;
    }
}

impl Home {
    fn start(pid: u32) -> Result<Self> {
        let no_threads = |error: std::io::Error| {
            Error::new(Kind::Internal, "the system gives no threads").because(error)
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("wom")
            .enable_all()
            .build()
            .map_err(no_threads)?;
        let (post, letters) = channel();
        let thread = std::thread::Builder::new()
            .name("wom-deliver".to_owned())
            .spawn(move || deliver(&letters))
            .map_err(no_threads)?;
        Ok(Self {
            pid,
            runtime,
            deliveries: Mutex::new(Some(Deliveries { post, thread })),
            next: OnceLock::new(),
        })
    }

    /// Takes no more letters; gives the thread that brings in what waits.
    fn end(&self) -> Option<JoinHandle<()>> {
        let mut deliveries = self
            .deliveries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let deliveries = deliveries.take()?;
        let _ = deliveries.post.send(None);
        Some(deliveries.thread)
    }

    /// Lets Python hear of something: this is called soon, by a thread that may wait for Python.
    pub(crate) fn deliver(&self, callback: Py<PyAny>) {
        self.post(Letter::Call(callback));
    }

    /// Lets Python's `logging` hear of an event.
    pub(crate) fn report(&self, level: u8, logger: String, text: String) {
        self.post(Letter::Event(level, logger, text));
    }

    fn post(&self, letter: Letter) {
        let deliveries = self
            .deliveries
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(deliveries) = &*deliveries {
            // After the end of Python nobody hears of anything.
            let _ = deliveries.post.send(Some(letter));
        }
    }
}

/// Brings in what comes, all that waits in one go, until it is told to end.
fn deliver(letters: &Receiver<Option<Letter>>) {
    while let Ok(Some(first)) = letters.recv() {
        let mut on = true;
        let called = Python::try_attach(|py| {
            let mut next = Some(first);
            while let Some(letter) = next.take() {
                if let Err(error) = letter.open(py) {
                    error.write_unraisable(py, None);
                }
                match letters.try_recv() {
                    Ok(Some(letter)) => next = Some(letter),
                    Ok(None) => on = false,
                    Err(_) => {}
                }
            }
        });
        if called.is_none() || !on {
            return;
        }
    }
}

impl Letter {
    fn open(self, py: Python<'_>) -> PyResult<()> {
        match self {
            Self::Call(callback) => callback.call0(py).map(drop),
            Self::Event(level, logger, text) => {
                let logging = py.import("logging")?;
                let logger = logging.call_method1("getLogger", (logger,))?;
                logger.call_method1("log", (level, "%s", text)).map(drop)
            }
        }
    }
}

/// Lets no more answers into Python, which is about to end. Awards that are under way are written
/// down: whoever asks again with the same key goes on with them.
#[pyfunction]
pub(crate) fn shut_down(py: Python<'_>) {
    let mut place = FIRST.get();
    while let Some(home) = place {
        if home.pid == std::process::id() {
            // The thread may be waiting for Python.
            py.detach(|| {
                if let Some(thread) = home.end() {
                    let _ = thread.join();
                }
            });
            return;
        }
        place = home.next.get();
    }
}
