//! Statements of xAPI, from files and from the LRS that holds them.

mod config;
mod credentials;
mod evidence;
mod lrs;
mod person;
mod push;
mod read;
mod recent;
mod statement;
mod verb;

pub use config::{LrsConfig, PushConfig, StatementsConfig, XapiConfig};
pub use credentials::Credentials;
pub use person::{MBOX_SHA1SUM, OPENID};
pub use push::XapiPush;

use std::sync::Arc;

use async_trait::async_trait;
use wom_sdk::{
    Error, Kind, Result, Timestamp,
    instrument::{Capabilities, Info, Input, Instrument, Proven, Sink, Window},
};

use evidence::{Profile, Witness};
use lrs::Lrs;
use read::read;

use crate::records::Records;

/// Reads statements of xAPI 1.0.3 and 2.0: from files (an array, one on each line, or saved pages), and
/// from any LRS.
#[derive(Clone, Debug)]
pub struct Xapi(Reader);

/// Reads the statements of cmi5 sessions, from the same files and LRSs as [`Xapi`].
#[derive(Clone, Debug)]
pub struct Cmi5(Reader);

impl Xapi {
    /// The adapter with these settings.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if an authority or a file of durations cannot be read, or an LRS
    /// is named that cannot be asked; [`Kind::InsecureTransport`] for one over plain http elsewhere.
    pub fn new(config: XapiConfig) -> Result<Self> {
        Reader::new(&config, None, Profile::Any).map(Self)
    }

    /// As [`new`](Self::new), with credentials from elsewhere.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_credentials(config: XapiConfig, credentials: Arc<dyn Credentials>) -> Result<Self> {
        Reader::new(&config, Some(credentials), Profile::Any).map(Self)
    }
}

impl Cmi5 {
    /// The adapter with these settings.
    ///
    /// # Errors
    /// As [`Xapi::new`].
    pub fn new(config: XapiConfig) -> Result<Self> {
        Reader::new(&config, None, Profile::Cmi5).map(Self)
    }

    /// As [`new`](Self::new), with credentials from elsewhere.
    ///
    /// # Errors
    /// As [`Xapi::new`].
    pub fn with_credentials(config: XapiConfig, credentials: Arc<dyn Credentials>) -> Result<Self> {
        Reader::new(&config, Some(credentials), Profile::Cmi5).map(Self)
    }
}

/// What both adapters do.
#[derive(Clone, Debug)]
struct Reader {
    witness: Witness,
    limit: usize,
    lrs: Option<Lrs>,
}

impl Reader {
    fn new(
        config: &XapiConfig,
        credentials: Option<Arc<dyn Credentials>>,
        profile: Profile,
    ) -> Result<Self> {
        Ok(Self {
            witness: Witness::new(&config.statements, profile)?,
            limit: config.statements.max_statement_bytes as usize,
            lrs: Lrs::new(&config.lrs, credentials)?,
        })
    }

    async fn read(&self, input: Input, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        if let Input::Pull(cursor) = input {
            let lrs = self.lrs.as_ref().ok_or_else(|| {
                Error::new(Kind::ConfigurationInvalid, "there is no LRS to pull from")
                    .hint("set endpoint to its address")
            })?;
            return lrs.pull(&self.witness, self.limit, cursor, now, sink).await;
        }
        let records = Records::new(Window::open(input, self.limit)?);
        read(&self.witness, records, self.limit, now, sink).await?;
        Ok(())
    }
}

const CAPABILITIES: Capabilities = {
    let mut capabilities = Capabilities::FILE;
    capabilities.pull = true;
    capabilities.withdraws = true;
    capabilities
};

#[async_trait]
impl Instrument for Xapi {
    fn info(&self) -> Info {
        Info {
            name: "elearning.xapi",
            summary: "Statements of xAPI 1.0.3 and 2.0: files, or pulled from any LRS",
            rules: "study-minutes/1",
            proven: Proven::RealSystem,
        }
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn read(&self, input: Input, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        self.0.read(input, now, sink).await
    }
}

#[async_trait]
impl Instrument for Cmi5 {
    fn info(&self) -> Info {
        Info {
            name: "elearning.cmi5",
            summary: "Statements of cmi5 sessions: files, or pulled from any LRS",
            rules: "study-minutes/1",
            proven: Proven::RealSystem,
        }
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn read(&self, input: Input, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        self.0.read(input, now, sink).await
    }
}
