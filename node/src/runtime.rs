//! One tokio runtime for the process, whatever number of JavaScript threads it has.

use std::sync::OnceLock;

use tokio::runtime::Runtime;
use wom_sdk::{Error, Kind, Result};

/// Never ended: calls may be under way as long as the process lives, and what was promised is written
/// down by then.
static RUNTIME: OnceLock<Runtime> = OnceLock::new();

/// The runtime, started at the first call.
pub(crate) fn runtime() -> Result<&'static Runtime> {
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let new = tokio::runtime::Builder::new_multi_thread()
        .thread_name("wom")
        .enable_all()
        .build()
        .map_err(|error| {
            Error::new(Kind::Internal, "the system gives no threads").because(error)
        })?;
    if let Err(ours) = RUNTIME.set(new) {
        // Another thread was faster; nothing runs on ours.
        ours.shutdown_background();
    }
    RUNTIME
        .get()
        .ok_or_else(|| Error::new(Kind::Internal, "there is no runtime"))
}
