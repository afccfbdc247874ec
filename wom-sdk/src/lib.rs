//! Award and accept WOM.

pub mod audit;
pub mod award;
pub mod campaign;
pub mod cash_desk;
pub mod checkout;
pub mod claim;
pub mod collector;
pub mod cores;
pub mod dispatcher;
mod error;
pub mod files;
mod hex;
pub mod instrument;
pub mod merchant;
pub mod observation;
pub mod pocket;
pub mod privacy;
pub mod protocol;
pub mod registry;
mod rounds;
pub mod rules;
pub mod sale;
pub mod shop;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod time;
mod time_set;
pub mod webhook;

pub use error::{Error, Kind, Result, Retry};
pub use observation::{
    Activity, Body, Device, Digest, Observation, Provenance, Recording, Subject,
};
pub use time::{Clock, Day, MINUTE_MS, SystemClock, Timestamp, Zone};
pub use time_set::{Span, TimeSet};
