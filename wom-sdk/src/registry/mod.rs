//! The client of a Registry: what instruments, POS and wallets ask of it over HTTP.
//!
//! [`RegistryClient`] holds what they share: the Registry's address and key, the connections, the
//! time allowed for an operation, and the rules for trying again. On top of it stand
//! [`InstrumentClient`] and [`ApiKeyClient`] (each an
//! [`award::Issuer`](crate::award::Issuer)), [`PosClient`] (a
//! [`checkout::Payee`](crate::checkout::Payee)) and [`PocketClient`] (a
//! [`pocket::Gateway`](crate::pocket::Gateway)).
//!
//! ```no_run
//! # async fn example() -> wom_sdk::Result<()> {
//! use wom_sdk::{
//!     protocol::PrivateKey,
//!     registry::{InstrumentClient, RegistryClient},
//! };
//!
//! let client = RegistryClient::builder("https://dev.wom.social")
//!     .pin("3f0a9c…the fingerprint that `wom doctor` shows…")
//!     .build()?;
//! let pem = std::fs::read_to_string("source.pem").expect("the file is there");
//! let key = PrivateKey::from_pem(&pem, None)?;
//! let instrument = InstrumentClient::new(client, "65aa0c3be1f0d25c7b9e4411".parse()?, key)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Trying again
//!
//! An operation has one total time, [`RegistryClient::DEADLINE`] unless set otherwise. What asks for
//! information is tried up to three times within it, with random pauses; `Retry-After` is honoured as
//! far as the time allows. What the [`Dispatcher`](crate::dispatcher::Dispatcher) and the
//! [`CashDesk`](crate::cash_desk::CashDesk) ask is sent once each time: they write down how it ended,
//! and ask again after ever longer pauses, so that a whole award needs no more than eight requests
//! in the time that somebody waits for it.
//! Redeem and confirm are never sent again once they may have arrived: an answer that was lost is
//! asked for again by [`Pocket`](crate::pocket::Pocket), under the same session key.
//!
//! # The Registry's key
//!
//! The key is fetched once per client. It is looked at again only when the Registry says that it
//! cannot read a payload; without a pin a changed key is then taken, with a pin it never is.

mod address;
mod api_key;
mod client;
mod instrument;
mod keys;
mod operation;
mod pocket;
mod pos;
#[cfg(feature = "client")]
mod reqwest_transport;
mod transport;
mod tries;

#[cfg(test)]
mod tests;

pub use address::Address;
pub(crate) use address::only_here;
pub use api_key::ApiKeyClient;
pub use client::{RegistryClient, RegistryClientBuilder, SourceInfo};
pub use instrument::InstrumentClient;
pub use pocket::PocketClient;
pub use pos::{PosClient, Probe};
#[cfg(feature = "client")]
pub use reqwest_transport::ReqwestTransport;
pub use transport::{HttpRequest, HttpResponse, Method, Transport};
