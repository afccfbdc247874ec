//! A call that is under way.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use pyo3::{PyClass, prelude::*};
use serde::Serialize;
use tokio::task::AbortHandle;
use wom_sdk::{Error, Kind, Result};

use crate::{
    errors::raise,
    runtime::{self, Home},
    values,
};

/// How often a thread that waits looks whether Python has a signal for it.
const LOOK: Duration = Duration::from_millis(50);

/// Makes the Python value of an answer.
pub(crate) type Answer = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

enum State {
    /// Under way, with what to call in the end.
    Running(Option<Py<PyAny>>),
    /// Over, with what came of it, until somebody takes it.
    Done(Option<Result<Answer>>),
}

struct Shared {
    state: Mutex<State>,
    over: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, home: &Home, outcome: Result<Answer>) {
        let before = std::mem::replace(&mut *self.state(), State::Done(Some(outcome)));
        self.over.notify_all();
        if let State::Running(Some(callback)) = before {
            home.deliver(callback);
        }
    }
}

/// A call that is under way on this process's runtime.
#[pyclass(frozen, module = "wom_sdk._native")]
pub(crate) struct Call {
    shared: Arc<Shared>,
    abort: AbortHandle,
}

impl Call {
    /// Begins a call whose answer is data.
    pub(crate) fn data<T: Serialize>(
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> PyResult<Self> {
        Self::begin(async move {
            let value = serde_json::to_value(work.await?).map_err(|error| {
                Error::new(Kind::Internal, "an answer cannot be written").because(error)
            })?;
            Ok(Box::new(move |py: Python<'_>| values::to_py(py, &value)) as Answer)
        })
    }

    /// Begins a call whose answer is an object.
    pub(crate) fn object<T>(
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> PyResult<Self>
    where
        T: Into<PyClassInitializer<T>> + PyClass + Send + 'static,
    {
        Self::begin(async move {
            let object = work.await?;
            Ok(Box::new(move |py: Python<'_>| Ok(Py::new(py, object)?.into_any())) as Answer)
        })
    }

    /// Begins a call. It ends whatever happens to it, in a panic too.
    pub(crate) fn begin(
        work: impl Future<Output = Result<Answer>> + Send + 'static,
    ) -> PyResult<Self> {
        let home = runtime::home().map_err(|error| raise(&error))?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State::Running(None)),
            over: Condvar::new(),
        });
        let task = home.runtime.spawn(work);
        let call = Self {
            shared: Arc::clone(&shared),
            abort: task.abort_handle(),
        };
        home.runtime.spawn(async move {
            let outcome = match task.await {
                Ok(outcome) => outcome,
                Err(error) if error.is_cancelled() => Err(Error::new(
                    Kind::Cancelled,
                    "the call was given up before its answer came",
                )
                .hint("call again with the same key: what was begun is written down")),
                Err(_) => Err(Error::new(Kind::Internal, "the call ended in a panic")),
            };
            shared.end(home, outcome);
        });
        Ok(call)
    }
}

#[pymethods]
impl Call {
    /// Waits for the answer, while other threads run, and gives it. A signal ends the waiting, and
    /// gives the call up.
    fn wait(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        loop {
            let over = py.detach(|| {
                let state = self.shared.state();
                let running = |state: &mut State| matches!(state, State::Running(_));
                let waited = self.shared.over.wait_timeout_while(state, LOOK, running);
                let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
                matches!(*state, State::Done(_))
            });
            if over {
                return self.result(py);
            }
            if let Err(signal) = py.check_signals() {
                self.abort.abort();
                return Err(signal);
            }
        }
    }

    /// Has this called once the answer is there: soon, from another thread.
    fn then(&self, callback: Py<PyAny>) -> PyResult<()> {
        let mut state = self.shared.state();
        match &mut *state {
            State::Running(waiting) => {
                *waiting = Some(callback);
                Ok(())
            }
            State::Done(_) => {
                drop(state);
                let home = runtime::home().map_err(|error| raise(&error))?;
                home.deliver(callback);
                Ok(())
            }
        }
    }

    /// Gives the call up.
    fn cancel(&self) {
        self.abort.abort();
    }

    /// The answer of a call that is over, once.
    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let outcome = match &mut *self.shared.state() {
            State::Done(outcome) => outcome.take(),
            State::Running(_) => None,
        };
        let taken = || Error::new(Kind::Internal, "the answer is not there");
        match outcome.unwrap_or_else(|| Err(taken())) {
            Ok(answer) => answer(py),
            Err(error) => Err(raise(&error)),
        }
    }
}
