//! Names, settings and constructors of the adapters, merchants and rule sets.
//!
//! A program names an adapter and its settings in a file or on the command line; the [`Catalog`]
//! makes the instrument of it. Whoever writes an adapter of their own registers it beside ours:
//!
//! ```
//! use wom_catalog::{Catalog, Settings};
//!
//! let catalog = Catalog::standard();
//! let settings = Settings::from_texts([("zone", "Europe/Rome")]);
//! let adapter = catalog.instrument("activity.csv", &settings)?;
//! assert_eq!(adapter.info().rules, "active-minutes/1");
//!
//! let misspelt = Settings::from_texts([("zona", "Europe/Rome")]);
//! let error = catalog.instrument("activity.csv", &misspelt).unwrap_err();
//! assert!(error.to_string().contains("did you mean zone?"));
//! # Ok::<(), wom_sdk::Error>(())
//! ```

mod catalog;
mod merchants;
mod platforms;
mod settings;
mod standard;
mod ticketing;

pub use catalog::{Catalog, Entry, RulesEntry};
pub use merchants::MerchantEntry;
pub use settings::{Form, Setting, Settings, offer};
