//! The adapter `steps.fit`: activities and all-day step counts in FIT files.
//!
//! FIT is what most sports watches and bicycle computers write. One file may hold several parts,
//! one after the other; they are read as a stream, in memory that does not grow with the file.
//!
//! Activity files yield one observation for every stretch that a session's timer ran, monitoring
//! files one for every interval in which a counter of walking or running grew. Other files
//! (settings, weight, workouts, courses) yield nothing. Positions, heart rates and names are never
//! read. See `docs.md` of this crate for how times and totals are reconciled.

mod config;
mod container;
mod crc;
mod message;
mod monitoring;
mod part;
mod sport;
mod timer;
mod track;
mod window;

use async_trait::async_trait;
use wom_sdk::{
    Observation, Result, Subject, Timestamp,
    instrument::{Capabilities, Chunks, Info, Input, Instrument, Proven, Sink},
};

pub use config::FitConfig;
use container::{Decoder, Event, Trust};
use part::Part;

/// Reads FIT files: see the [module](self).
#[derive(Debug)]
pub struct Fit {
    subject: Subject,
    keep_bad_crc: bool,
}

impl Fit {
    /// The adapter with these settings.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`](wom_sdk::Kind::InputInvalid) if the subject has no or more than
    /// 256 bytes.
    pub fn new(config: FitConfig) -> Result<Self> {
        Ok(Self {
            subject: Subject::new(Subject::PARTICIPANT, config.subject)?,
            keep_bad_crc: config.keep_bad_crc,
        })
    }
}

/// After how many bytes a progress bar hears of it.
const REPORT: u64 = 256 * 1024;

#[async_trait]
impl Instrument for Fit {
    fn info(&self) -> Info {
        Info {
            name: "steps.fit",
            summary: "Activities and all-day step counts in FIT files of watches and \
                      bicycle computers",
            rules: "active-minutes/1",
            proven: Proven::RealSystem,
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::FILE
    }

    async fn read(&self, input: Input, _now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let mut decoder = Decoder::new(input.into_reader()?);
        let mut chunks = Chunks::new(sink);
        let mut part = Part::default();
        let mut reported = 0;
        loop {
            let event = match decoder.next() {
                Ok(event) => event,
                Err(error) => {
                    chunks.finish().await?;
                    return Err(error);
                }
            };
            match event {
                Event::Message(message) => part.take(&message),
                Event::Refused(refusal) => chunks.refuse(refusal).await?,
                Event::Done => break,
                Event::End(trust, faults) => {
                    let mut part = std::mem::take(&mut part);
                    for refusal in faults.into_iter().chain(part.refusals()) {
                        chunks.refuse(refusal).await?;
                    }
                    if trust != Trust::Corrupt || self.keep_bad_crc {
                        for found in part.found(trust) {
                            chunks.push(self.observation(found)).await?;
                        }
                    }
                }
            }
            if decoder.offset() - reported >= REPORT {
                reported = decoder.offset();
                chunks.progress(reported);
            }
        }
        chunks.progress(decoder.offset());
        chunks.finish().await
    }
}

impl Fit {
    fn observation(&self, found: part::Found) -> Observation {
        Observation {
            subject: self.subject.clone(),
            key: found.key,
            revision: found.revision,
            provenance: found.provenance,
            body: found.body,
        }
    }
}
