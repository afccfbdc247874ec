//! Statements of xAPI, from files and from the LRS that holds them.

mod config;
mod evidence;
mod person;
mod read;
mod statement;
mod verb;

pub use config::StatementsConfig;
pub use person::{MBOX_SHA1SUM, OPENID};

use async_trait::async_trait;
use wom_sdk::{
    Result, Timestamp,
    instrument::{Capabilities, Info, Input, Instrument, Proven, Sink},
};

use evidence::{Profile, Witness};
use read::read;

/// Reads statements of xAPI 1.0.3 and 2.0: an array, one on each line, or saved pages.
#[derive(Clone, Debug)]
pub struct Xapi {
    witness: Witness,
    limit: usize,
}

/// Reads the statements of cmi5 sessions, from the same files as [`Xapi`].
#[derive(Clone, Debug)]
pub struct Cmi5 {
    witness: Witness,
    limit: usize,
}

impl Xapi {
    /// The adapter with these settings.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`](wom_sdk::Kind) if an authority or a file of durations cannot be read.
    pub fn new(config: StatementsConfig) -> Result<Self> {
        Ok(Self {
            witness: Witness::new(&config, Profile::Any)?,
            limit: config.max_statement_bytes as usize,
        })
    }
}

impl Cmi5 {
    /// The adapter with these settings.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`](wom_sdk::Kind) if an authority or a file of durations cannot be read.
    pub fn new(config: StatementsConfig) -> Result<Self> {
        Ok(Self {
            witness: Witness::new(&config, Profile::Cmi5)?,
            limit: config.max_statement_bytes as usize,
        })
    }
}

/// Files, and statements that void others.
const CAPABILITIES: Capabilities = {
    let mut capabilities = Capabilities::FILE;
    capabilities.withdraws = true;
    capabilities
};

#[async_trait]
impl Instrument for Xapi {
    fn info(&self) -> Info {
        Info {
            name: "elearning.xapi",
            summary: "Statements of xAPI 1.0.3 and 2.0, as files",
            rules: "study-minutes/1",
            proven: Proven::RealSystem,
        }
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn read(&self, input: Input, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        read(&self.witness, input.into_reader()?, self.limit, now, sink).await?;
        Ok(())
    }
}

#[async_trait]
impl Instrument for Cmi5 {
    fn info(&self) -> Info {
        Info {
            name: "elearning.cmi5",
            summary: "Statements of cmi5 sessions, as files",
            rules: "study-minutes/1",
            proven: Proven::RealSystem,
        }
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn read(&self, input: Input, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        read(&self.witness, input.into_reader()?, self.limit, now, sink).await?;
        Ok(())
    }
}
