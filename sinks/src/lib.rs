//! How claims leave us when nobody taps: as a signed [webhook](WebhookSink), as lines of a
//! [CSV file](CsvSink), as [printed slips](Slips), or by a [function](CallbackSink) of yours.
//!
//! Each is a [`ClaimSink`](wom_sdk::claim::ClaimSink): it takes claims at least once, and says
//! `Ok` only when the receiver has them durably. A claim that comes again has the same id.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use wom_sdk::claim::ClaimSink;
//! use wom_sinks::CsvSink;
//!
//! # let folder = tempfile::tempdir().expect("a folder");
//! # let path = folder.path().join("claims.csv");
//! let sink = CsvSink::open(&path)?.in_zone("Europe/Rome".parse()?);
//! sink.deliver(&[]).await?;
//! # Ok::<(), wom_sdk::Error>(())
//! # }).unwrap();
//! ```

mod callback;
mod csv;
mod slips;
mod tongue;
mod webhook;

pub use callback::CallbackSink;
pub use csv::CsvSink;
pub use slips::{Languages, Slips, SlipsSink};
pub use tongue::Tongue;
pub use webhook::{WebhookOptions, WebhookSink};
