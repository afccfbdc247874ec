//! What the packages for other languages share: plain options in, plain answers out.
//!
//! A package for a language opens what this crate offers, converts values at its boundary, and adds
//! the language's own manners: exceptions, promises, context managers. Everything that the packages
//! have in common stands here once:
//!
//! * [`Client`], [`CashDesk`], [`Shop`], [`Pocket`] and [`Registry`], opened from options that can be read from
//!   JSON; their answers can be written as JSON;
//! * [`Campaign`](CampaignTable) as it is written in `wom.toml` and handed over by programs;
//! * [`Fault`], an error as data;
//! * [`Host`], an adapter that is written in the other language, with its [`Seen`] observations, and
//!   [`HostMerchant`], a shop or till that is.
//!
//! Nothing here starts a runtime or a thread that works by itself: callers bring a tokio runtime.

mod answers;
mod campaign;
mod cash_desk;
mod client;
mod conformance;
mod fault;
mod host;
mod merchant;
mod minutes;
mod options;
mod pocket;
mod read;
mod registry;
mod seen;
mod shop;
mod sold;
mod webhook;

pub use answers::{Claim, Code, Given, Refused, Taken, Worked};
pub use campaign::{CampaignTable, LineTable};
pub use cash_desk::{CashDesk, CashDeskOptions, ChargeOptions, Standing};
pub use client::{Award, Client, ClientOptions, Own, Person, Source, SourceAdapter};
pub use conformance::{conform, conform_merchant};
pub use fault::{ErrorTable, Fault};
pub use host::{Found, Host, HostInfo, HostInput, HostUnit, Hosted, Reading};
pub use merchant::{HostMerchant, HostedMerchant, MerchantInfo};
pub use minutes::Minutes;
pub use options::{Credential, KeyPlace, Pem, StorePlace, UrlPlace};
pub use pocket::{Paid, Pocket};
pub use read::read;
pub use registry::{Admitted, Registry};
pub use seen::{Seen, SeenRefusal};
pub use shop::{MerchantAdapter, OfferOptions, ReportOptions, Resolve, Shop, ShopOptions};
pub use sold::{Hung, Reported, Sold};
pub use webhook::{SCHEMES, scheme};
pub use wom_store::EnqueueSql;
