//! Study, from what learning platforms say to what is awarded: through real adapters, the real rule
//! set and the collector, with the delays that a campaign would set.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use async_trait::async_trait;
use serde_json::{Value, json};
use wom_catalog::{Catalog, Settings};
use wom_sdk::{
    Clock, MINUTE_MS, Result, Span, Subject, Timestamp, Zone,
    award::Identity,
    campaign::{Campaign, Collect, Line},
    collector::{Collector, Directory, Person, Settled, Watcher},
    instrument::{Input, Refusal},
    privacy::{MemoryKeyStore, Participant},
    store::MemoryStore,
};

const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
const LMS: &str = "https://lms.example.org";
const FILM: &str = "5178eed285805eae982883a046926b6f";

/// A clock that the test moves.
#[derive(Debug)]
struct Wall(AtomicI64);

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A school that knows Ana on three platforms, by her mailbox too, and Bo on one.
#[derive(Debug)]
struct School;

#[async_trait]
impl Directory for School {
    async fn person(&self, subject: &Subject) -> Result<Option<Person>> {
        let person = match (subject.namespace(), subject.reveal()) {
            (LMS, "ana")
            | ("kolibri:Ridge School", "amarad")
            | ("https://moodle.example.org", "5")
            | ("mbox_sha1sum", _) => "ana",
            (LMS, "bo") => "bo",
            _ => return Ok(None),
        };
        Ok(Some(Person {
            subject: Subject::new(Subject::PARTICIPANT, person)?,
            handle: None,
        }))
    }
}

/// A campaign whose days stay open for a week, with what was awarded so far.
struct World {
    wall: Arc<Wall>,
    collector: Collector,
    awarded: BTreeMap<String, u32>,
    participants: BTreeSet<Participant>,
    refused: Codes,
}

/// The codes of what was refused.
#[derive(Default)]
struct Codes(Vec<&'static str>);

impl Watcher for Codes {
    fn refused(&mut self, refusal: &Refusal) {
        self.0.push(refusal.code);
    }
}

impl World {
    fn new(settlement_ms: i64) -> Self {
        let wall = Arc::new(Wall(AtomicI64::new(0)));
        let campaign = Campaign {
            name: "study".to_owned(),
            zone: Zone::UTC,
            runs: Span::new(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z")).unwrap(),
            settlement_ms,
            lateness_ms: 30 * DAY_MS,
            place: "43.72,12.63".parse().unwrap(),
            lines: vec![Line::all_day("study", "E".parse().unwrap())],
            collect: Collect::AtOnce,
        };
        let collector = Collector::new(
            Arc::new(MemoryStore::new()),
            Arc::new(MemoryKeyStore::default()),
            wall.clone(),
            Identity {
                registry: "http://127.0.0.1".to_owned(),
                source: "s".to_owned(),
            },
            campaign,
            Catalog::standard()
                .rule_set("study-minutes/1", &Settings::none())
                .unwrap(),
        );
        let mut world = Self {
            wall,
            collector,
            awarded: BTreeMap::new(),
            participants: BTreeSet::new(),
            refused: Codes::default(),
        };
        world.go_to("2026-03-20T00:00:00Z");
        world
    }

    fn knowing(self, directory: impl Directory + 'static) -> Self {
        let collector = self.collector.with_directory(Arc::new(directory));
        Self { collector, ..self }
    }

    fn go_to(&mut self, now: &str) {
        self.wall.0.store(at(now).as_millis(), Ordering::SeqCst);
    }

    async fn take(&mut self, delivery: &Delivery) {
        let adapter = Catalog::standard()
            .instrument(
                delivery.adapter,
                &Settings::from_texts(delivery.settings.clone()),
            )
            .unwrap();
        let input = Input::Bytes(delivery.text.clone().into_bytes());
        let submission = self
            .collector
            .submit(&*adapter, input, None, &mut self.refused)
            .await
            .unwrap();
        self.note(&submission.settled);
    }

    async fn settle(&mut self) {
        let settled = self.collector.settle_due(usize::MAX).await.unwrap();
        self.note(&settled);
    }

    fn note(&mut self, settled: &[Settled]) {
        for settled in settled {
            self.participants.insert(settled.participant);
            let payments = settled.awarded.iter().flat_map(|one| &one.payments);
            for payment in payments {
                *self.awarded.entry(payment.unit.to_string()).or_default() += payment.minutes;
            }
        }
    }

    fn minutes(&self) -> u32 {
        self.awarded.values().sum()
    }
}

/// What a platform hands over.
#[derive(Clone)]
struct Delivery {
    adapter: &'static str,
    settings: Vec<(&'static str, String)>,
    text: String,
}

fn statements(statements: &[Value]) -> Delivery {
    Delivery {
        adapter: "elearning.xapi",
        settings: Vec::new(),
        text: Value::from(statements).to_string(),
    }
}

/// Visits of Kolibri's export: the content, its first and last instant, and its seconds.
fn visits(rows: &[(&str, &str, &str, f64)]) -> Delivery {
    let mut text = String::from(
        "Facility name,Username,User type,Content id,Time of first interaction,Time of last interaction,Time Spent (sec)\n",
    );
    for (content, from, until, seconds) in rows {
        text += &format!("Ridge School,amarad,Learner,{content},{from},{until},{seconds:.1}\n");
    }
    Delivery {
        adapter: "elearning.kolibri",
        settings: Vec::new(),
        text,
    }
}

/// Views in Moodle's log.
fn views(times: &[&str]) -> Delivery {
    let row = |(id, time): (usize, &&str)| {
        json!({
            "id": id + 1, "eventname": "\\mod_page\\event\\course_module_viewed", "objectid": 4,
            "edulevel": 2, "contextlevel": 70, "contextinstanceid": 17, "userid": 5, "courseid": 3,
            "relateduserid": null, "anonymous": 0, "other": "N;", "origin": "web", "realuserid": null,
            "timecreated": at(time).as_millis() / 1_000,
        })
        .to_string()
            + "\n"
    };
    Delivery {
        adapter: "elearning.moodle",
        settings: vec![("home_page", "https://moodle.example.org".to_owned())],
        text: times.iter().enumerate().map(row).collect(),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A statement of Ana's about a module; its id is made of its number.
fn said(n: u32, verb: &str, time: &str, duration: Option<&str>) -> Value {
    let mut statement = json!({
        "id": id(n),
        "actor": {"account": {"homePage": LMS, "name": "ana"}},
        "verb": {"id": format!("http://adlnet.gov/expapi/verbs/{verb}")},
        "object": {"id": format!("{LMS}/act/module")},
        "timestamp": time,
    });
    if let Some(duration) = duration {
        statement["result"] = json!({ "duration": duration });
    }
    statement
}

fn in_session(session: &str, mut statement: Value) -> Value {
    let extension = "https://w3id.org/xapi/cmi5/context/extensions/sessionid";
    statement["context"] = json!({"extensions": {extension: session}});
    statement
}

fn void_of(n: u32, time: &str) -> Value {
    let mut void = said(n + 1_000, "voided", time, None);
    void["actor"]["account"]["name"] = json!("teacher");
    void["object"] = json!({"objectType": "StatementRef", "id": id(n)});
    void
}

fn id(n: u32) -> String {
    format!("{n:08x}-1234-4234-8234-123456789012")
}

/// All orders of some deliveries.
fn orders(deliveries: &[Delivery]) -> Vec<Vec<Delivery>> {
    if deliveries.len() < 2 {
        return vec![deliveries.to_vec()];
    }
    let mut orders_of_all = Vec::new();
    for first in 0..deliveries.len() {
        let mut rest = deliveries.to_vec();
        let first = rest.remove(first);
        for mut order in orders(&rest) {
            order.insert(0, first.clone());
            orders_of_all.push(order);
        }
    }
    orders_of_all
}

#[tokio::test]
async fn statements_a_week_late_count_and_what_was_voided_before_them_does_not() {
    let mut world = World::new(7 * DAY_MS);
    // A void of a statement that nobody has seen; and what was studied after it, in time.
    world.go_to("2026-03-02T20:00:00Z");
    world
        .take(&statements(&[void_of(2, "2026-03-02T19:00:00Z")]))
        .await;
    world
        .take(&statements(&[said(
            3,
            "experienced",
            "2026-03-02T19:30:00Z",
            Some("PT12M"),
        )]))
        .await;
    // Seven days later the rest comes, an hour before its day closes.
    world.go_to("2026-03-09T23:00:00Z");
    let late = statements(&[
        said(1, "experienced", "2026-03-02T09:30:00Z", Some("PT30M")),
        said(2, "experienced", "2026-03-02T12:00:00Z", Some("PT50M")),
    ]);
    world.take(&late).await;
    world.take(&late).await;
    assert_eq!(world.minutes(), 0, "the day is open");
    world.go_to("2026-03-10T00:00:00Z");
    world.settle().await;
    let day = |minutes| BTreeMap::from([("2026-03-02".to_owned(), minutes)]);
    assert_eq!(world.awarded, day(30 + 12));

    // Later still: what was paid stays, and only what is over it is awarded besides.
    world.go_to("2026-03-12T00:00:00Z");
    world
        .take(&statements(&[void_of(1, "2026-03-11T09:00:00Z")]))
        .await;
    assert_eq!(world.awarded, day(42), "nothing is taken back");
    world
        .take(&statements(&[said(
            4,
            "experienced",
            "2026-03-02T18:00:00Z",
            Some("PT20M"),
        )]))
        .await;
    assert_eq!(world.awarded, day(42), "12 + 20 are paid");
    world
        .take(&statements(&[said(
            5,
            "experienced",
            "2026-03-02T16:00:00Z",
            Some("PT15M"),
        )]))
        .await;
    assert_eq!(world.awarded, day(47), "12 + 20 + 15");
    // Another day owes nothing for it.
    world
        .take(&statements(&[said(
            6,
            "experienced",
            "2026-03-04T16:00:00Z",
            Some("PT15M"),
        )]))
        .await;
    assert_eq!(world.awarded["2026-03-04"], 15);

    // Lateness, settlement and three days after its month it is too late for all of it.
    assert!(world.refused.0.is_empty());
    world.go_to("2026-05-10T23:59:59Z");
    world
        .take(&statements(&[said(
            7,
            "experienced",
            "2026-03-05T16:00:00Z",
            Some("PT15M"),
        )]))
        .await;
    assert_eq!((world.minutes(), world.refused.0.len()), (77, 0));
    world.go_to("2026-05-11T00:00:00Z");
    world.take(&late).await;
    assert_eq!(world.refused.0, ["late", "late"]);
    assert_eq!(world.minutes(), 77);
}

/// Half past eight is seen by an LRS, Kolibri and Moodle: three quarters of an hour in all.
fn three_platforms() -> [Delivery; 3] {
    [
        statements(&[
            in_session("a", said(1, "initialized", "2026-03-02T08:00:00Z", None)),
            in_session(
                "a",
                said(2, "terminated", "2026-03-02T08:20:00Z", Some("PT20M")),
            ),
        ]),
        visits(&[(
            FILM,
            "2026-03-02 08:10:00.000000+00:00",
            "2026-03-02 09:40:00.000000+01:00",
            1_800.0,
        )]),
        views(&["2026-03-02T08:36:00Z", "2026-03-02T08:45:00Z"]),
    ]
}

#[tokio::test]
async fn one_learner_on_three_platforms_is_one_participant_whose_minutes_count_once() {
    for order in orders(&three_platforms()) {
        let mut world = World::new(7 * DAY_MS).knowing(School);
        world.go_to("2026-03-02T12:00:00Z");
        for delivery in order.iter().chain(&order) {
            world.take(delivery).await;
        }
        world.go_to("2026-03-10T00:00:00Z");
        world.settle().await;
        assert_eq!(world.minutes(), 45);
        assert_eq!(world.participants.len(), 1);
    }
    // Where nobody knows that they are one, each learner stands alone.
    let mut world = World::new(0);
    for delivery in three_platforms() {
        world.take(&delivery).await;
    }
    assert_eq!(world.minutes(), 20 + 30 + 9);
    assert_eq!(world.participants.len(), 3);
}

#[tokio::test]
async fn a_mailbox_and_an_account_are_one_where_the_directory_says_so() {
    let by = |n, actor: Value| {
        let mut statement = said(n, "experienced", "2026-03-02T10:30:00Z", Some("PT30M"));
        statement["actor"] = actor;
        statement
    };
    let delivery = statements(&[
        by(1, json!({"account": {"homePage": LMS, "name": "ana"}})),
        by(2, json!({"mbox": "mailto:ana@example.org"})),
        by(3, json!({"account": {"homePage": LMS, "name": "bo"}})),
    ]);
    let mut world = World::new(0).knowing(School);
    world.take(&delivery).await;
    assert_eq!((world.minutes(), world.participants.len()), (60, 2));
}

#[tokio::test]
async fn two_devices_at_once_and_durations_that_nest_count_once() {
    let delivery = statements(&[
        // A telephone and a computer, a quarter of an hour apart.
        in_session(
            "phone",
            said(1, "initialized", "2026-03-02T10:00:00Z", None),
        ),
        in_session(
            "phone",
            said(2, "terminated", "2026-03-02T10:30:00Z", Some("PT30M")),
        ),
        in_session("desk", said(3, "initialized", "2026-03-02T10:15:00Z", None)),
        in_session(
            "desk",
            said(4, "terminated", "2026-03-02T10:45:00Z", Some("PT30M")),
        ),
        // The end of a session says again what completing and passing said.
        in_session("exam", said(5, "initialized", "2026-03-03T11:00:00Z", None)),
        in_session(
            "exam",
            said(6, "completed", "2026-03-03T11:24:00Z", Some("PT24M")),
        ),
        in_session(
            "exam",
            said(7, "passed", "2026-03-03T11:24:30Z", Some("PT24M30S")),
        ),
        in_session(
            "exam",
            said(8, "terminated", "2026-03-03T11:25:00Z", Some("PT25M")),
        ),
    ]);
    let mut world = World::new(0);
    world.take(&delivery).await;
    let expected = [("2026-03-02".to_owned(), 45), ("2026-03-03".to_owned(), 25)];
    assert_eq!(world.awarded, BTreeMap::from(expected));
}

/// A tab that is open for eight hours on a day, as each kind of evidence tells it.
fn open_tabs(day: &str) -> Vec<Delivery> {
    let stamp = |time: &str| format!("{day}T{time}Z");
    let n = day[8..].parse::<u32>().unwrap() * 100;
    let clicks: Vec<_> = (0..=96)
        .map(|k| {
            let clock = at(&stamp("08:00:00")).plus_millis(i64::from(k) * 5 * MINUTE_MS);
            said(n * 100 + k, "experienced", &clock.to_string(), None)
        })
        .collect();
    vec![
        statements(&[
            in_session(day, said(n, "initialized", &stamp("08:00:00"), None)),
            in_session(
                day,
                said(n + 1, "terminated", &stamp("16:00:00"), Some("PT8H")),
            ),
        ]),
        statements(&clicks),
        visits(&[(
            FILM,
            &format!("{day} 08:00:00.000000+00:00"),
            &format!("{day} 16:00:00.000000+00:00"),
            28_800.0,
        )]),
    ]
}

#[tokio::test]
async fn a_tab_that_stays_open_for_eight_hours_is_worth_what_its_module_may_take() {
    let dir = tempfile::tempdir().unwrap();
    let durations = dir.path().join("durations");
    fs::write(&durations, format!("40 {LMS}/act/module\n40 {FILM}\n")).unwrap();
    let durations = durations.display().to_string();
    let two_days = open_tabs("2026-03-02")
        .into_iter()
        .zip(open_tabs("2026-03-03"));
    for (first, second) in two_days {
        // Nobody knows how long it should take: two hours a day, however often it is told.
        let mut world = World::new(0);
        for delivery in [&first, &second, &first] {
            world.take(delivery).await;
        }
        let expected = ["2026-03-02", "2026-03-03"].map(|day| (day.to_owned(), 120));
        assert_eq!(world.awarded, BTreeMap::from(expected), "{}", first.adapter);
        // Forty minutes: an hour in all, on whichever day.
        let mut world = World::new(0);
        for mut delivery in [first.clone(), second, first] {
            delivery.settings.push(("durations", durations.clone()));
            world.take(&delivery).await;
        }
        let expected = BTreeMap::from([("2026-03-02".to_owned(), 60)]);
        assert_eq!(world.awarded, expected);
    }
}

#[tokio::test]
async fn a_visit_that_grows_replaces_itself() {
    let start = "2026-03-02 08:00:00.000000+00:00";
    let young = visits(&[(FILM, start, "2026-03-02 08:10:00.000000+00:00", 600.0)]);
    let grown = visits(&[(FILM, start, "2026-03-02 08:25:00.000000+00:00", 1_500.0)]);
    // Where days stay open, nothing but the last state is ever judged.
    for order in orders(&[young.clone(), grown.clone(), young.clone()]) {
        let mut world = World::new(DAY_MS);
        world.go_to("2026-03-02T12:00:00Z");
        for delivery in &order {
            world.take(delivery).await;
        }
        world.go_to("2026-03-04T00:00:00Z");
        world.settle().await;
        assert_eq!(world.minutes(), 25);
    }
    // Where they do not, the difference is awarded, and an old state changes nothing.
    let mut world = World::new(0);
    for (delivery, minutes) in [(&young, 10), (&grown, 25), (&young, 25)] {
        world.take(delivery).await;
        assert_eq!(world.minutes(), minutes);
    }
}
