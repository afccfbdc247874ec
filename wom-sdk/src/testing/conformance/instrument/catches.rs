//! The suite sees what it is for: each of these adapters has one defect, and fails the named topic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::{
    Activity, Body, Digest, Provenance, Span, Subject,
    instrument::{Chunks, Hint, Info, Proven, Received, Reply},
};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    None,
    Anonymous,
    BlamesTheStore,
    BreaksOnDamage,
    DropsTheSinksError,
    ForgetsTheFile,
    KeysByCounter,
    NamesPeople,
    PrintsPeople,
    PullsInSecret,
    TakesAndRefuses,
}

/// Lines of a person's id, a blank and minutes of 2026-03-01.
struct Lines {
    defect: Defect,
    seen: std::sync::atomic::AtomicU64,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.defect {
            Defect::PrintsPeople => f.write_str("Lines(of sara.rossi)"),
            _ => f.write_str("Lines"),
        }
    }
}

impl Lines {
    fn observation(&self, line: &str) -> Option<Observation> {
        let (who, minutes) = line.split_once(' ')?;
        let minutes: i64 = minutes
            .parse()
            .ok()
            .filter(|minutes| (1..1_440).contains(minutes))?;
        let seen = self.seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let key = match self.defect {
            Defect::KeysByCounter => Digest::of([seen.to_string()]),
            _ => Digest::of([line]),
        };
        let start: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        Some(Observation {
            subject: Subject::new("lines", who).ok()?,
            key,
            revision: 0,
            provenance: Provenance {
                stream: Digest::of(["lines"]),
                device: crate::Device::Unknown,
                recording: crate::Recording::Attested,
            },
            body: Body::Interval {
                span: Span::starting(start, minutes * 60_000),
                activity: Activity::WALKING,
                steps: None,
            },
        })
    }
}

#[async_trait]
impl Instrument for Lines {
    fn info(&self) -> Info {
        Info {
            name: match self.defect {
                Defect::Anonymous => "Lines",
                _ => "test.lines",
            },
            summary: "Lines",
            rules: "active-minutes/1",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::FILE;
        capabilities.webhook = self.defect == Defect::TakesAndRefuses;
        capabilities
    }

    fn receive(&self, _: &Request<'_>) -> Received {
        match self.defect {
            Defect::TakesAndRefuses => Received::read(Reply::status(401), Hint("x".to_owned())),
            _ => Received::refuse(404, Error::new(Kind::Unsupported, "none")),
        }
    }

    async fn read(&self, input: Input, _: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let bytes = match (input, self.defect) {
            (Input::Pull(_), Defect::PullsInSecret) => return Ok(()),
            (Input::Path(_), Defect::ForgetsTheFile) => Vec::new(),
            (input, _) => {
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut input.into_reader()?, &mut bytes).unwrap();
                bytes
            }
        };
        let text = String::from_utf8_lossy(&bytes);
        let mut chunks = Chunks::new(sink);
        for (number, line) in text.lines().enumerate() {
            if let Some(observation) = self.observation(line) {
                chunks.push(observation).await?;
                continue;
            }
            match self.defect {
                Defect::BreaksOnDamage => panic!("no such line"),
                Defect::BlamesTheStore => return Err(Error::new(Kind::StorageFailed, "bad line")),
                _ => {}
            }
            let refusal = match self.defect {
                Defect::NamesPeople => Refusal::new("bad_line", line.to_owned() + " is none"),
                _ => Refusal::new("bad_line", "is none; write an id and minutes"),
            };
            chunks.refuse(refusal.at("line", number as u64 + 1)).await?;
        }
        match (chunks.finish().await, self.defect) {
            (Err(_), Defect::DropsTheSinksError) => Ok(()),
            (ended, _) => ended,
        }
    }
}

impl Fixture for Defect {
    fn adapter(&self) -> Arc<dyn Instrument> {
        Arc::new(Lines {
            defect: *self,
            seen: std::sync::atomic::AtomicU64::new(u64::from(std::process::id()) << 20 | serial()),
        })
    }

    fn sample(&self) -> Vec<u8> {
        b"sara.rossi 30\nanna.bianchi 20\n".to_vec()
    }
}

/// So that adapters that count do not count alike.
fn serial() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    NEXT.fetch_add(1_000, std::sync::atomic::Ordering::Relaxed)
}

crate::instrument_conformance!(Defect::None);

#[test]
fn the_topics_are_all_named() {
    for topic in TOPICS {
        run(super::topic(topic, &Defect::None));
    }
    assert!(TOPICS.is_sorted());
}

#[test]
fn each_defect_fails_its_topic_and_no_other() {
    for (defect, topic) in [
        (Defect::Anonymous, "it_says_what_it_is"),
        (Defect::BlamesTheStore, "damage_is_refused_or_an_error"),
        (Defect::BreaksOnDamage, "damage_is_refused_or_an_error"),
        (
            Defect::DropsTheSinksError,
            "a_sink_that_fails_ends_the_reading",
        ),
        (Defect::ForgetsTheFile, "the_same_again_is_the_same"),
        (Defect::NamesPeople, "damage_is_refused_or_an_error"),
        (Defect::PrintsPeople, "nothing_of_a_person_is_printed"),
        (
            Defect::PullsInSecret,
            "what_it_does_not_offer_is_unsupported",
        ),
        (Defect::TakesAndRefuses, "calls_are_not_believed_by_chance"),
    ] {
        let failed: Vec<_> = TOPICS
            .iter()
            .filter(|topic| {
                let topic = AssertUnwindSafe(|| run(super::topic(topic, &defect)));
                catch_unwind(topic).is_err()
            })
            .collect();
        assert_eq!(failed, [&topic], "{defect:?}");
    }
    // This one's readings differ from each other, so it fails wherever two are compared.
    let keys = AssertUnwindSafe(|| run(super::the_same_again_is_the_same(&Defect::KeysByCounter)));
    assert!(catch_unwind(keys).is_err());
}
