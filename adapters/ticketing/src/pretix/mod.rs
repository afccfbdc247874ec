#![doc = include_str!("docs.md")]

mod api;
mod config;
mod door;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod fuzz;
mod name;
mod plan;
mod pull;
mod read;
mod shelf;
mod ticket;
mod wire;

pub use config::PretixConfig;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use wom_http::{Credentials, Secrets};
use wom_sdk::{
    Error, Kind, Result, Span, Subject, Timestamp,
    instrument::{Capabilities, Info, Input, Instrument, Proven, Received, Request, Sink},
};

use api::Api;
use config::{Events, Terms, wrong};
use door::{Door, Look};
use name::Slug;
use read::Reading;
use shelf::Shelf;
use ticket::Witness;

/// Looks at tickets and their scans in pretix: when a webhook calls, when it is pulled from, and before
/// tickets are settled.
#[derive(Debug)]
pub struct Pretix {
    api: Api,
    door: Door,
    events: Events,
    shelf: Mutex<Shelf>,
    witness: Witness,
}

impl Pretix {
    /// What this adapter is.
    pub const INFO: Info = Info {
        name: "ticketing.pretix",
        summary: "Tickets and check-ins of pretix: by webhook, pulled, and looked at before they count",
        rules: "attendance/1",
        proven: Proven::RealSystem,
    };

    /// What this adapter offers.
    pub const CAPABILITIES: Capabilities = {
        let mut capabilities = Capabilities::SERVICE;
        capabilities.refresh = true;
        capabilities
    };

    /// The longest body of a webhook, in bytes: 64 KiB.
    pub const LARGEST: usize = door::LARGEST;

    /// The adapter with these settings. Tokens are read when they are needed; the webhook's
    /// passwords now.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] without an address, an organizer or a token, or for a setting that
    /// is not of its form; [`Kind::InsecureTransport`] for plain http to another machine.
    pub fn new(config: PretixConfig) -> Result<Self> {
        let (files, variables) = (&config.secret_files, &config.secret_variables);
        let tokens = Secrets::named(files, variables).ok_or_else(|| {
            Error::new(Kind::ConfigurationInvalid, "there is no token for pretix").hint(
                "make one for a team that may see orders, and set secret_files or secret_variables",
            )
        })?;
        Self::with_credentials(config, Arc::new(tokens))
    }

    /// As [`new`](Self::new), with tokens from elsewhere. Those of a team that may only read orders
    /// (`event.orders:read`) are enough, and cannot scan.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_credentials(config: PretixConfig, tokens: Arc<dyn Credentials>) -> Result<Self> {
        let organizer = Slug::new(config.organizer.as_deref().unwrap_or_default().trim())
            .ok_or_else(|| wrong("organizer", "its short form, as it stands in addresses"))?;
        let address = wom_http::address("address", config.address.as_deref().unwrap_or_default())?;
        let events = Events::new(&config)?;
        // Without the scheme: the same installation stays the same when it gets a certificate.
        let installation = address.as_str().trim_end_matches('/');
        let installation = installation
            .split_once("://")
            .map_or(installation, |(_, rest)| rest);
        Ok(Self {
            api: Api::new(
                &address,
                &organizer,
                config.danger_accept_plain_http,
                tokens,
            )?,
            door: Door::new(&config, organizer.clone(), events.clone())?,
            witness: Witness::new(installation, &organizer, Terms::new(&config)?),
            events,
            shelf: Mutex::default(),
        })
    }

    fn reading<'a>(&'a self, now: Timestamp, sink: &'a mut dyn Sink) -> Result<Reading<'a>> {
        Ok(Reading::new(
            self.api.ask()?,
            &self.witness,
            &self.shelf,
            now,
            sink,
        ))
    }
}

#[async_trait]
impl Instrument for Pretix {
    fn info(&self) -> Info {
        Self::INFO
    }

    fn capabilities(&self) -> Capabilities {
        Self::CAPABILITIES
    }

    fn receive(&self, request: &Request<'_>) -> Received {
        self.door.receive(request)
    }

    async fn read(&self, input: Input, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        match input {
            Input::Hint(hint) => {
                let look = Look::from_hint(&hint)
                    .ok_or_else(|| Error::new(Kind::InputInvalid, "not a hint of this adapter"))?;
                self.reading(now, sink)?.look(&look).await
            }
            Input::Pull(cursor) => {
                self.reading(now, sink)?
                    .pull(&self.events, cursor.as_ref())
                    .await
            }
            _ => Err(Error::new(
                Kind::Unsupported,
                "pretix is asked by this adapter itself; there is no file to read",
            )
            .hint("ticketing.checkin-csv reads lists of check-ins")),
        }
    }

    async fn refresh(
        &self,
        units: &[(Subject, Span)],
        now: Timestamp,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let subjects = units.iter().map(|(subject, _)| subject);
        self.reading(now, sink)?.refresh(subjects).await
    }
}
