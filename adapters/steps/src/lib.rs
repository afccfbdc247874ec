//! Step counters and recorded activities.
//!
//! * [`AppleHealth`] (`steps.apple-health`): the export of Apple's Health app.
//! * [`Fit`] (`steps.fit`): activity and monitoring files of watches and bicycle computers.
//!
//! The adapters yield observations; the rule set [`ActiveMinutes`] says which minutes of them were
//! active.

pub mod active_minutes;
pub mod apple_health;
pub mod fit;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use active_minutes::ActiveMinutes;
pub use apple_health::{AppleHealth, AppleHealthConfig};
pub use fit::{Fit, FitConfig};
