//! Step counters and recorded activities.
//!
//! * [`Fit`] (`steps.fit`): activity and monitoring files of watches and bicycle computers.

mod fit;
#[cfg(feature = "testing")]
pub mod testing;

pub use fit::{Fit, FitConfig};
