//! Traces of study: what was withdrawn without saying whose it is, and the two pseudonyms.

use super::*;
use crate::{
    observation::{Mark, Study, Toward, Trace},
    rules::Reached,
};

/// Counts points of study as a minute each, and heeds what names a record only.
#[derive(Debug)]
struct PointsOfStudy;

impl RuleSet for PointsOfStudy {
    fn name(&self) -> &'static str {
        "study/1"
    }

    fn heeds_whoever(&self) -> bool {
        true
    }

    fn judge(&self, entries: &[&Entry], _: Timestamp) -> Judgement {
        let mut judgement = Judgement::default();
        for entry in entries {
            let Body::Study(study) = &entry.body else {
                unreachable!()
            };
            let at = study.trace.span().start();
            if study.toward == Toward::Days {
                judgement.evidence.push(Evidence {
                    activity: Activity::WALKING,
                    time: Span::starting(at, 60_000).into(),
                });
            } else {
                let name = format!("{}:{}", entries.len(), study.item.to_hex());
                judgement.milestones.push(Reached {
                    name,
                    at,
                    minutes: 7,
                });
            }
        }
        judgement
    }
}

/// A file of traces: the subject, the key, and `None` for a withdrawal.
#[derive(Debug)]
struct Lms(Vec<(Subject, u8, Option<Trace>, Toward)>);

#[async_trait]
impl Instrument for Lms {
    fn info(&self) -> Info {
        Info {
            name: "toy.lms",
            summary: "a learning platform",
            rules: "study/1",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::FILE
    }

    async fn read(&self, _: Input, _: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        for (subject, key, trace, toward) in &self.0 {
            let body = trace.clone().map_or(Body::Withdrawn, |trace| {
                Body::Study(Study {
                    item: Digest::of(["item"]),
                    session: Some(Digest::of(["session"])),
                    course: None,
                    nominal_s: None,
                    toward: *toward,
                    trace,
                })
            });
            let observation = Observation {
                subject: subject.clone(),
                key: Digest::of([[*key]]),
                revision: if trace.is_none() { u64::MAX } else { 1 },
                provenance: Provenance {
                    stream: Digest::of(["lms"]),
                    device: Device::Unknown,
                    recording: Recording::Unknown,
                },
                body,
            };
            sink.observe(vec![observation]).await?;
        }
        Ok(())
    }
}

fn lms_world() -> World {
    let world = world();
    let collector = Collector {
        rules: Arc::new(PointsOfStudy),
        ..world.collector
    };
    World { collector, ..world }
}

fn learner(id: &str) -> Subject {
    Subject::new("lms", id).unwrap()
}

fn seen(seconds: i64) -> Option<Trace> {
    Some(Trace::Point {
        at: at(seconds),
        mark: Mark::Seen,
    })
}

#[tokio::test]
async fn a_withdrawal_of_whoevers_record_counts_before_and_after_it() {
    let world = lms_world();
    let days = Toward::Days;
    let early = Lms(vec![
        (Subject::whoever(), 1, None, days),
        (learner("ana"), 1, seen(0), days),
        (learner("ana"), 2, seen(300), days),
        (learner("bo"), 3, seen(0), days),
    ]);
    let submit = async |lms: &Lms| {
        let input = Input::Bytes(Vec::new());
        let collector = &world.collector;
        collector.submit(lms, input, None, &mut Unwatched).await
    };
    submit(&early).await.unwrap();
    assert_eq!(world.waiting().await, 2);

    // One more of bo's, which is withdrawn in the delivery that brings it, after it.
    let late = Lms(vec![
        (learner("bo"), 4, seen(600), days),
        (Subject::whoever(), 4, None, days),
    ]);
    submit(&late).await.unwrap();
    submit(&early).await.unwrap();
    assert_eq!(world.waiting().await, 2);

    let wrong = Lms(vec![(Subject::whoever(), 5, seen(0), days)]);
    assert_eq!(submit(&wrong).await.unwrap_err().kind(), Kind::Internal);
}

#[tokio::test]
async fn study_toward_both_is_known_by_month_and_by_campaign_and_never_by_the_platforms_digests() {
    let world = lms_world();
    let lms = Lms(vec![
        (learner("ana"), 1, seen(0), Toward::Both),
        (learner("ana"), 2, seen(4 * 86_400), Toward::Both),
    ]);
    let input = Input::Bytes(Vec::new());
    let submission = world
        .collector
        .submit(&lms, input, None, &mut Unwatched)
        .await
        .unwrap();
    let mut seen = Vec::new();
    for settled in &submission.settled {
        let holding = world.store.participant(settled.participant).await.unwrap();
        for entry in &holding.entries {
            let Body::Study(study) = &entry.body else {
                panic!("study leaves no tombstones");
            };
            assert_ne!(study.item, Digest::of(["item"]));
            assert_ne!(study.session, Some(Digest::of(["session"])));
            seen.push((settled.participant.epoch().to_string(), study.toward));
        }
    }
    seen.sort_by_key(|(epoch, _)| epoch.clone());
    assert_eq!(
        seen,
        [
            ("0000-00".to_owned(), Toward::Milestones),
            ("0000-00".to_owned(), Toward::Milestones),
            ("2026-03".to_owned(), Toward::Days),
            ("2026-03".to_owned(), Toward::Days),
        ]
    );
}
