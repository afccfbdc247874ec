//! The WOM service: awards, claims and checkouts over HTTP, for everybody who does not embed the SDK.
//!
//! One process holds any number of [`Programme`]s, each an instrument with its campaign, store and
//! adapters, the [`Tills`] of any number of POS, and the [`Shops`] that these POS take payments for. A caller shows a token that is good for some
//! things, for one instrument and for some POS; whatever is not of these does not exist for it.
//!
//! [`Service::run`] does everything at once: it listens, brings awards to the Registry, reads what
//! webhooks told to read, pulls, settles, looks after payments and discounts and hands claims over. Any number of
//! processes may do so over one PostgreSQL.
//!
//! `wom serve` is this crate with a configuration file.

mod api;
mod claim_page;
mod connection;
mod listen;
mod metrics;
mod money;
mod page;
mod programme;
mod service;
mod shops;
mod till_page;
mod tills;
mod token;
mod work;

pub use api::openapi;
pub use connection::Connection;
pub use money::Currency;
pub use programme::{Programme, Source};
pub use service::{Service, ServiceBuilder};
pub use shops::{ServedShop, Shops};
pub use till_page::TillPage;
pub use tills::Tills;
pub use token::{Grant, Scope, Tokens};
