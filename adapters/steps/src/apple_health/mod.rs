//! The adapter `steps.apple-health`: steps and workouts in the export of Apple's Health app.
//!
//! It takes the `export.zip` as the telephone makes it, or the `export.xml` in it, of any size, as a
//! stream: memory does not grow with the file. The XML file in the archive is found by its root
//! element, as its name differs by language.
//!
//! # What it yields
//! * `StepCount` records as [`Body::Steps`](wom_sdk::Body::Steps), and `PushCount` of a wheelchair
//!   likewise ([`pushes`](AppleHealthConfig::pushes)). Telephone and watch both count the same walk;
//!   choosing between them is the rule set's work.
//! * Workouts as [`Body::Interval`](wom_sdk::Body::Interval), one for each time that the timer ran; as
//!   [`Body::Seconds`](wom_sdk::Body::Seconds) where the stated duration is shorter than the span and
//!   the events do not say when the pauses were. `HKIndoorWorkout` makes `cycling` `cycling.indoor`.
//! * Apple's exercise minutes only if asked for ([`exercise_time`](AppleHealthConfig::exercise_time)).
//!
//! What was typed in (`HKWasUserEntered`) is marked as manual. Names of sources and devices become a
//! digest at once; who the person is (`Me`), positions, heart rates and everything else is passed
//! over unread.
//!
//! # What it survives
//! Exports are often not well-formed. The document type is skipped and never used, no entity beyond
//! XML's own five is resolved, control characters in names and attributes that are there twice are
//! let pass, and a record that cannot be read is refused alone. If the end is missing, what came
//! before is kept and the refusal `truncated` says so.

mod archive;
mod attributes;
mod config;
mod date;
mod device;
mod document;
mod markup;
mod source;
#[cfg(test)]
mod tests;
mod workout;

use async_trait::async_trait;
use wom_sdk::{
    Observation, Result, Subject, Timestamp,
    instrument::{Capabilities, Chunks, Info, Input, Instrument, Proven, Sink},
};

use archive::Limits;
pub use config::AppleHealthConfig;
use document::{Document, Next, Wanted};
use source::Source;

/// Reads exports of Apple's Health app: see the [module](self).
#[derive(Debug)]
pub struct AppleHealth {
    subject: Subject,
    wanted: Wanted,
    limits: Limits,
}

impl AppleHealth {
    /// The adapter with these settings.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`](wom_sdk::Kind::InputInvalid) if the subject has no or more than
    /// 256 bytes.
    pub fn new(config: AppleHealthConfig) -> Result<Self> {
        Ok(Self {
            subject: Subject::new(Subject::PARTICIPANT, config.subject)?,
            wanted: Wanted {
                pushes: config.pushes,
                exercise_time: config.exercise_time,
            },
            limits: Limits {
                bytes: config.max_bytes,
                ratio: config.max_ratio,
            },
        })
    }
}

/// After how many bytes a progress bar hears of it.
const REPORT: u64 = 1 << 20;

#[async_trait]
impl Instrument for AppleHealth {
    fn info(&self) -> Info {
        Info {
            name: "steps.apple-health",
            summary: "Steps and workouts in the export (zip or XML) of Apple's Health app",
            rules: "active-minutes/1",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::FILE
    }

    async fn read(&self, input: Input, _now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let source = Source::open(input.into_reader()?, self.limits)?;
        let mut document = Document::new(source, self.wanted);
        let mut chunks = Chunks::new(sink);
        let mut reported = 0;
        loop {
            let next = match document.next() {
                Ok(next) => next,
                Err(error) => {
                    chunks.finish().await?;
                    return Err(error);
                }
            };
            match next {
                Next::Found(found) => {
                    let observation = Observation {
                        subject: self.subject.clone(),
                        key: found.key,
                        revision: 0,
                        provenance: found.provenance,
                        body: found.body,
                    };
                    chunks.push(observation).await?;
                }
                Next::Refused(refusal) => chunks.refuse(refusal).await?,
                Next::GoingOn => {}
                Next::Done => break,
            }
            if document.done() - reported >= REPORT {
                reported = document.done();
                chunks.progress(reported);
            }
        }
        chunks.progress(document.done());
        chunks.finish().await
    }
}
