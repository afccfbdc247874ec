//! Award and accept WOM.

mod error;
mod time;

pub use error::{Error, Kind, Result, Retry};
pub use time::{Clock, Day, MINUTE_MS, SystemClock, Timestamp, Zone};
