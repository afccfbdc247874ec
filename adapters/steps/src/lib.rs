//! Step counters and recorded activities.
//!
//! * [`Fit`] (`steps.fit`): activity and monitoring files of watches and bicycle computers.
//!
//! The adapters yield observations; the rule set [`ActiveMinutes`] says which minutes of them were
//! active.

pub mod active_minutes;
mod fit;
#[cfg(feature = "testing")]
pub mod testing;

pub use active_minutes::ActiveMinutes;
pub use fit::{Fit, FitConfig};
