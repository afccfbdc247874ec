//! From the SDK's errors to Python's exceptions, and back.

use std::{error::Error as _, fmt};

use pyo3::{
    exceptions::{PyConnectionError, PyTimeoutError},
    prelude::*,
};
use serde_json::json;
use wom_embed::{ErrorTable, Fault};
use wom_sdk::{Error, Kind, Retry};

use crate::values;

/// The exception for an error. Where an exception of an adapter in Python is behind it, that is its
/// cause.
pub(crate) fn raise(error: &Error) -> PyErr {
    Python::attach(|py| make(py, error).unwrap_or_else(|failed| failed))
}

fn make(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let fault = json!(Fault::from(error));
    let make = py.import("wom_sdk.errors")?.getattr("from_fault")?;
    let made = PyErr::from_value(make.call1((values::to_py(py, &fault)?,))?);
    let mut source = error.source();
    while let Some(because) = source {
        if let Some(Raised(raised)) = because.downcast_ref::<Raised>() {
            made.set_cause(py, Some(raised.clone_ref(py)));
            break;
        }
        source = because.source();
    }
    Ok(made)
}

/// The error for what code in Python raised: a `WomError` as it is, anything else as a failure of
/// the adapter. Its text is not in the message, as it may hold a person's id; it is the cause.
pub(crate) fn caught(py: Python<'_>, raised: PyErr) -> Error {
    let value = raised.value(py);
    let text = |name: &str| -> Option<String> { value.getattr(name).ok()?.extract().ok() };
    let kind = text("code").and_then(|code| ErrorTable::kind(&code));
    let error = match kind {
        Some(kind) => {
            let error = Error::new(
                kind,
                text("message").unwrap_or_else(|| kind.meaning().to_owned()),
            );
            let advice = text("retry").and_then(|retry| ErrorTable::retry(&retry));
            advice.map_or(error.clone(), |advice| error.with_retry(advice))
        }
        None => {
            let away = raised.is_instance_of::<PyConnectionError>(py)
                || raised.is_instance_of::<PyTimeoutError>(py);
            let name = raised.get_type(py).name();
            let name = name.map_or_else(|_| "an exception".to_owned(), |name| name.to_string());
            // Reading again changes nothing, so what may have been a passing trouble is tried again.
            let kind = if away {
                Kind::NetworkUnreachable
            } else {
                Kind::Internal
            };
            Error::new(kind, "code in Python failed")
                .with_retry(Retry::Safe)
                .with("exception", name)
                .hint("its cause tells more")
        }
    };
    error.because(Raised(raised))
}

/// What code in Python raised. It prints its type only.
struct Raised(PyErr);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an exception in Python")
    }
}

impl fmt::Debug for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Raised {}
