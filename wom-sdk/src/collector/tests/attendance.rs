//! Sessions: where a night across the end of a month counts, and what a later read changes.

use super::*;
use crate::{
    observation::{Attendance, Scan, Standing},
    privacy::Participant,
    rules::Attended,
};

/// Counts good tickets from their first scan to the end of the session.
#[derive(Debug)]
struct Presence;

impl RuleSet for Presence {
    fn name(&self) -> &'static str {
        "attendance/1"
    }

    fn judge(&self, entries: &[&Entry], _: Timestamp) -> Judgement {
        let mut judgement = Judgement::default();
        for entry in entries {
            let Body::Attendance(seen) = &entry.body else {
                unreachable!()
            };
            let (window, first) = (seen.window(), seen.scans.iter().min());
            let Some(first) = first.filter(|_| seen.standing == Standing::Valid) else {
                continue;
            };
            judgement.sessions.push(Attended {
                name: format!("session:{}", seen.session.to_hex()),
                activity: seen.activity.clone(),
                window,
                time: Span::starting(first.at, window.end().since(first.at)).into(),
            });
        }
        judgement
    }
}

/// What a box office says of one ticket.
#[derive(Debug)]
struct BoxOffice(u64, Attendance);

#[async_trait]
impl Instrument for BoxOffice {
    fn info(&self) -> Info {
        Info {
            name: "toy.box-office",
            summary: "a box office",
            rules: "attendance/1",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::FILE
    }

    async fn read(&self, _: Input, _: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let observation = Observation {
            subject: Subject::new("box-office", "42").unwrap(),
            key: Digest::of(["42"]),
            revision: self.0,
            provenance: Provenance {
                stream: Digest::of(["box office"]),
                device: Device::Unknown,
                recording: Recording::Attested,
            },
            body: Body::Attendance(self.1.clone()),
        };
        sink.observe(vec![observation]).await
    }
}

/// From an hour before midnight to an hour after it.
fn night(midnight: &str) -> Attendance {
    let midnight: Timestamp = midnight.parse().unwrap();
    let begins = midnight.plus_millis(-60 * MINUTE_MS);
    let (ticket, session) = (Digest::of(["42"]), Digest::of(["concert"]));
    let planned = [Span::starting(begins, 120 * MINUTE_MS)];
    let seen = Attendance::new(ticket, session, planned).unwrap();
    Attendance {
        scans: vec![Scan::entry(begins.plus_millis(30_500))],
        ..seen
    }
}

fn box_office_world() -> World {
    let world = world();
    world
        .clock
        .0
        .store(at(40 * 86_400).as_millis(), Ordering::SeqCst);
    let collector = Collector {
        rules: Arc::new(Presence),
        ..world.collector
    };
    World { collector, ..world }
}

async fn submit(world: &World, office: BoxOffice) -> Vec<(Participant, u32)> {
    let input = Input::Bytes(Vec::new());
    let collector = &world.collector;
    let submission = collector.submit(&office, input, None, &mut Unwatched).await;
    let mut due = Vec::new();
    for settled in submission.unwrap().settled {
        let counted = settled.assessment.counted.iter();
        due.extend(counted.map(|counted| (settled.participant, counted.minutes)));
    }
    due
}

#[tokio::test]
async fn a_night_across_the_end_of_a_month_is_one_session_of_the_month_it_begins_in() {
    let world = box_office_world();
    let counted = submit(&world, BoxOffice(1, night("2026-04-01T00:00:00Z"))).await;
    let [(participant, 119)] = counted[..] else {
        panic!("not once: {counted:?}");
    };
    assert_eq!(participant.epoch().to_string(), "2026-03");
    assert_eq!(world.waiting().await, 119);

    let holding = world.store.participant(participant).await.unwrap();
    let Body::Attendance(held) = &holding.entries[0].body else {
        panic!("no attendance");
    };
    assert_ne!(
        held.ticket,
        Digest::of(["42"]),
        "told by the system's digest"
    );
    assert_ne!(held.session, Digest::of(["concert"]));
}

#[tokio::test]
async fn a_later_read_stands_for_all_earlier_ones_in_whatever_order_they_come() {
    let world = box_office_world();
    let cancelled = Attendance {
        standing: Standing::Cancelled,
        ..night("2026-03-20T00:00:00Z")
    };
    assert!(submit(&world, BoxOffice(7, cancelled)).await.is_empty());
    let stale = BoxOffice(5, night("2026-03-20T00:00:00Z"));
    assert!(submit(&world, stale).await.is_empty());
    assert_eq!(world.waiting().await, 0);

    // Put off to another month: it counts there, and nowhere else.
    submit(&world, BoxOffice(8, night("2026-03-20T00:00:00Z"))).await;
    let world = box_office_world();
    let mut put_off = night("2026-03-31T00:00:00Z");
    put_off.scans.clear();
    submit(&world, BoxOffice(1, put_off)).await;
    submit(&world, BoxOffice(2, night("2026-04-02T00:00:00Z"))).await;
    assert_eq!(world.waiting().await, 119);
}

#[tokio::test]
async fn a_session_that_goes_on_is_taken_in_and_one_scanned_in_the_future_is_not() {
    let world = box_office_world();
    let midnight: Timestamp = "2026-04-11T00:00:00Z".parse().unwrap();
    world.clock.0.store(midnight.as_millis(), Ordering::SeqCst);
    let counted = submit(&world, BoxOffice(1, night("2026-04-11T00:00:00Z"))).await;
    assert_eq!(counted.len(), 1, "it is known, and settles when it is over");
    assert_eq!(world.waiting().await, 0);
    let to_come = night("2026-04-11T02:00:00Z");
    assert!(submit(&world, BoxOffice(2, to_come)).await.is_empty());
}
