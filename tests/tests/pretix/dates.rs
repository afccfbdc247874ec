//! What the adapter reads of a series, of a festival, of tickets that are no good and of scans that vanish.

use std::collections::BTreeMap;

use async_trait::async_trait;
use reqwest::StatusCode;
use serde_json::json;
use wom_adapter_ticketing::{AttendanceMinutes, Pretix, PretixConfig};
use wom_sdk::{
    Clock as _, Kind, MINUTE_MS, Observation, Result, Span, Subject, SystemClock, Timestamp,
    instrument::{Cursor, Hint, Input, Instrument, Refusal, Sink},
    observation::Merged,
    rules::RuleSet,
};

use crate::server::{Bought, Evening, ORGANIZER, Server};

/// What is known of everybody.
#[derive(Default)]
struct Known {
    people: BTreeMap<Subject, Merged>,
    refusals: Vec<&'static str>,
    cursor: Option<Cursor>,
}

#[async_trait]
impl Sink for Known {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        for observation in chunk {
            let (subject, entry) = observation.into_entry();
            self.people.entry(subject).or_default().insert(entry);
        }
        Ok(())
    }

    async fn refuse(&mut self, refusal: Refusal) -> Result<()> {
        self.refusals.push(refusal.code);
        Ok(())
    }

    async fn resume_at(&mut self, cursor: Cursor) -> Result<()> {
        self.cursor = Some(cursor);
        Ok(())
    }
}

impl Known {
    /// Minutes of each session of a ticket, or why there are none.
    fn of(
        &self,
        event: &Evening<'_>,
        ticket: &Bought,
    ) -> std::result::Result<Vec<i64>, Vec<&'static str>> {
        let id = format!("{}/{}", event.event, ticket.position);
        let found = self
            .people
            .iter()
            .find(|(subject, _)| subject.reveal() == id);
        let Some((_, merged)) = found else {
            return Err(vec!["never_scanned"]);
        };
        let rules = AttendanceMinutes::default();
        let judgement = rules.judge(&merged.open(), SystemClock.now());
        let sessions = judgement.sessions.iter();
        let minutes: Vec<_> = sessions.map(|it| it.time.millis() / MINUTE_MS).collect();
        match minutes.is_empty() {
            false => Ok(minutes),
            true => Err(judgement
                .findings
                .iter()
                .map(|finding| finding.reason.code)
                .collect()),
        }
    }

    async fn pull(&mut self, adapter: &Pretix) {
        let pull = Input::Pull(self.cursor.take());
        adapter.read(pull, SystemClock.now(), self).await.unwrap();
    }

    async fn look_again(&mut self, adapter: &Pretix) {
        let now = SystemClock.now();
        let subjects = self.people.keys();
        let units: Vec<_> = subjects
            .map(|it| (it.clone(), Span::starting(now, 0)))
            .collect();
        adapter.refresh(&units, now, self).await.unwrap();
    }
}

fn adapter(server: &Server, token: &std::path::Path, events: &[&str]) -> Pretix {
    Pretix::new(PretixConfig {
        address: Some(server.url.clone()),
        organizer: Some(ORGANIZER.to_owned()),
        events: events.iter().map(|&event| event.to_owned()).collect(),
        secret_files: vec![token.to_owned()],
        ..PretixConfig::default()
    })
    .unwrap()
}

/// Four days ago at noon of UTC, and minutes after.
fn moments() -> impl Fn(i64) -> String {
    let day = SystemClock.now().as_seconds() / 86_400 - 4;
    let noon = Timestamp::from_seconds(day * 86_400 + 43_200);
    move |minutes| noon.plus_millis(minutes * MINUTE_MS).to_string()
}

pub(crate) async fn dates(server: &Server) {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, &server.reader).unwrap();
    series(server, &token).await;
    festival(server, &token).await;
    no_good(server, &token).await;

    // A token that is none, and an event that is none.
    let mut known = Known::default();
    let hint = |event: &str| Input::Hint(Hint(format!("order/{event}/ABCDE")));
    let now = SystemClock.now();
    let reader = adapter(server, &token, &[]);
    let error = reader
        .read(hint("nowhere"), now, &mut known)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::AccessDenied);
    std::fs::write(&token, "wrong").unwrap();
    let error = reader
        .read(hint("tours"), now, &mut known)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::AccessDenied);
}

/// Each date is a session with its own times.
async fn series(server: &Server, token: &std::path::Path) {
    let at = moments();
    let tours = Evening::begin(server, "tours", &at(-60 * 24 * 30), None, true).await;
    let mut dates = Vec::new();
    for day in [0, 1] {
        let date = json!({
            "name": {"en": "Tour"}, "active": true, "is_public": true,
            "date_from": at(day * 1440), "date_to": at(day * 1440 + 90),
            "item_price_overrides": [], "variation_price_overrides": [], "meta_data": {},
        });
        let date = tours.post("subevents/", date).await["id"].as_u64().unwrap();
        tours.quota(Some(date)).await;
        dates.push(date);
    }
    let first = tours.sell_with("one", json!({"subevent": dates[0]})).await;
    let second = tours.sell_with("two", json!({"subevent": dates[1]})).await;
    let door = tours.list("All dates").await;
    assert!(tours.scan(door, &first, "entry", &at(30)).await);
    assert!(
        tours.scan(door, &second, "entry", &at(40)).await,
        "of the other date"
    );
    let mut known = Known::default();
    let adapter = adapter(server, token, &["tours"]);
    known.pull(&adapter).await;
    assert_eq!(known.of(&tours, &first), Ok(vec![60]));
    assert_eq!(known.of(&tours, &second).unwrap_err().len(), 1);

    // It is moved to the date on which it was scanned.
    let moved = json!({
        "patch_positions": [{"position": second.position, "body": {"subevent": dates[0]}}],
        "send_email": false, "recalculate_taxes": "keep_net",
    });
    tours
        .post(&format!("orders/{}/change/", second.code), moved)
        .await;
    known.pull(&adapter).await;
    assert_eq!(known.of(&tours, &second), Ok(vec![50]));
}

/// Each day is a session from an entry to its exit.
async fn festival(server: &Server, token: &std::path::Path) {
    let at = moments();
    let festival = Evening::begin(server, "festival", &at(0), Some(&at(3 * 1440)), false).await;
    festival.quota(None).await;
    let pass = festival.sell_with("pass", json!({})).await;
    let valid = json!({"valid_from": at(1440), "valid_until": at(1440 + 60)});
    let short = festival.sell_with("short", valid).await;
    let door = festival.list("Door").await;
    for (way, minute) in [
        ("entry", 0),
        ("exit", 100),
        ("entry", 1440),
        ("exit", 1440 + 30),
        ("entry", 2880),
    ] {
        assert!(
            festival.scan(door, &pass, way, &at(minute)).await,
            "{way} {minute}"
        );
    }
    for (way, minute) in [("entry", 1440 + 10), ("exit", 1440 + 200)] {
        assert!(
            festival.scan(door, &short, way, &at(minute)).await,
            "{way} {minute}"
        );
    }
    let adapter = adapter(server, token, &["festival"]);
    let mut known = Known::default();
    known.pull(&adapter).await;
    assert_eq!(
        known.of(&festival, &pass),
        Ok(vec![100, 30]),
        "the last exit is missing"
    );
    assert_eq!(known.of(&festival, &short), Ok(vec![50]));

    // All check-ins of the event are reset, and no webhook tells.
    let mut pages = server.pages().await;
    let reset = format!("/control/event/{ORGANIZER}/festival/checkinlists/reset");
    assert_eq!(pages.post(&reset, &[("ok", "on")]).await, StatusCode::FOUND);
    known.pull(&adapter).await;
    assert_eq!(
        known.of(&festival, &pass),
        Ok(vec![100, 30]),
        "nothing tells of it"
    );
    known.look_again(&adapter).await;
    assert!(known.of(&festival, &pass).is_err());
    assert!(known.of(&festival, &short).is_err());
}

/// Tests, refunds, exits that nobody made, and an event without an end.
async fn no_good(server: &Server, token: &std::path::Path) {
    let at = moments();
    let show = Evening::begin(server, "show", &at(0), Some(&at(120)), false).await;
    show.quota(None).await;
    let paid_back = show.sell_with("back", json!({})).await;
    let sent_home = show.sell_with("home", json!({})).await;
    let door = show.list("Door").await;
    for ticket in [&paid_back, &sent_home] {
        assert!(show.scan(door, ticket, "entry", &at(0)).await);
    }
    let refund = json!({
        "state": "done", "source": "admin", "provider": "manual", "amount": "10.00", "payment": 1,
        "execution_date": null,
    });
    show.post(&format!("orders/{}/refunds/", paid_back.code), refund)
        .await;
    // The list closes for everybody an hour after it began, which the periodic work finds later.
    let closes = json!({"exit_all_at": at(60)});
    server
        .patch(&format!("events/show/checkinlists/{door}/"), closes)
        .await;
    server.work().await;
    server
        .patch("events/show/", json!({"testmode": true}))
        .await;
    let trial = show.sell_for_trial("trial").await;
    assert!(show.scan(door, &trial, "entry", &at(0)).await);
    let endless = Evening::begin(server, "endless", &at(0), None, false).await;
    endless.quota(None).await;
    let open = endless.sell_with("open", json!({})).await;
    let gate = endless.list("Gate").await;
    assert!(endless.scan(gate, &open, "entry", &at(0)).await);

    let adapter = adapter(server, token, &["show", "endless"]);
    let mut known = Known::default();
    known.pull(&adapter).await;
    assert_eq!(known.of(&show, &paid_back), Err(vec!["refunded"]));
    assert_eq!(known.of(&show, &sent_home), Ok(vec![60]));
    assert_eq!(known.of(&show, &trial), Err(vec!["test"]));
    assert_eq!(known.of(&endless, &open), Err(vec![]));
    assert_eq!(known.refusals, ["no_end"]);
}
