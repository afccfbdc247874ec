//! Award and accept WOM.

mod error;
pub mod instrument;
pub mod observation;
pub mod protocol;
pub mod rules;
mod time;
mod time_set;

pub use error::{Error, Kind, Result, Retry};
pub use observation::{
    Activity, Body, Device, Digest, Observation, Provenance, Recording, Subject,
};
pub use time::{Clock, Day, MINUTE_MS, SystemClock, Timestamp, Zone};
pub use time_set::{Span, TimeSet};
