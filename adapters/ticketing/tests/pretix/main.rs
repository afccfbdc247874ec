//! The adapter of pretix against what a real one sent and answered.
#![allow(clippy::unwrap_used, reason = "a test")]

mod faults;
mod imitation;

use std::{collections::BTreeMap, sync::Arc};

use imitation::{Imitation, capture};
use proptest::prelude::*;
use wom_adapter_ticketing::{AttendanceMinutes, Pretix, PretixConfig, pretix::Tokens};
use wom_sdk::{
    Body, Observation, Result, Span, Subject, Timestamp,
    instrument::{CHUNK, Cursor, Hint, Input, Instrument, Refusal, Request, Sink, Verdict},
    observation::{Attendance, Merged, Policy, Scan, Standing},
    rules::RuleSet as _,
};
use zeroize::Zeroizing;

#[derive(Debug)]
struct Given(&'static [&'static str]);

impl Tokens for Given {
    fn tokens(&self) -> Result<Vec<Zeroizing<String>>> {
        let tokens = self
            .0
            .iter()
            .map(|token| Zeroizing::new((*token).to_owned()));
        Ok(tokens.collect())
    }
}

fn pretix(url: &str, change: impl FnOnce(&mut PretixConfig)) -> Pretix {
    let mut config = PretixConfig {
        address: url.to_owned(),
        organizer: "womdemo".to_owned(),
        ..PretixConfig::default()
    };
    change(&mut config);
    Pretix::with_tokens(config, Arc::new(Given(&["old", "right"]))).unwrap()
}

/// What came out, and all that was said.
#[derive(Default)]
struct Heard {
    people: BTreeMap<Subject, Merged>,
    refusals: Vec<Refusal>,
    cursor: Option<String>,
    /// Everything that might be shown or kept.
    words: String,
}

impl Heard {
    /// Every record that is not withdrawn, person by person.
    fn attendances(&self) -> Vec<&Attendance> {
        let open = self.people.values().flat_map(Merged::open);
        let bodies = open.filter_map(|entry| match &entry.body {
            Body::Attendance(attendance) => Some(attendance),
            _ => None,
        });
        bodies.collect()
    }

    fn subjects(&self) -> Vec<Subject> {
        self.people.keys().cloned().collect()
    }

    /// What everybody's minutes come to who has any, and why others have none.
    fn judged(&self, rules: &AttendanceMinutes) -> (Vec<i64>, Vec<&'static str>) {
        let (mut minutes, mut reasons) = (Vec::new(), Vec::new());
        for merged in self.people.values() {
            let judgement = rules.judge(&merged.open(), later(0));
            let sessions = judgement.sessions.iter();
            minutes.extend(sessions.map(|session| session.time.millis() / 60_000));
            if judgement.sessions.is_empty() {
                reasons.extend(judgement.findings.iter().map(|finding| finding.reason.code));
            }
        }
        minutes.sort_unstable();
        reasons.sort_unstable();
        (minutes, reasons)
    }

    /// What is known of tickets that were scanned, but for when it was read.
    fn known(&self) -> Vec<String> {
        let open = self.people.values().flat_map(Merged::open);
        let scanned = open.filter(|entry| match &entry.body {
            Body::Attendance(attendance) => !attendance.scans.is_empty(),
            _ => false,
        });
        let words = scanned.map(|entry| format!("{:?} {:?}", entry.key, entry.body));
        let mut words: Vec<_> = words.collect();
        words.sort();
        words
    }
}

#[async_trait::async_trait]
impl Sink for Heard {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        assert!((1..=CHUNK).contains(&chunk.len()));
        for observation in chunk {
            self.words.push_str(&format!("{observation:?}\n"));
            let (subject, entry) = observation.into_entry();
            self.words.push_str(&serde_json::to_string(&entry).unwrap());
            self.words.push_str(subject.reveal());
            self.words.push_str(subject.namespace());
            self.people.entry(subject).or_default().insert(entry);
        }
        Ok(())
    }

    async fn refuse(&mut self, refusal: Refusal) -> Result<()> {
        self.words.push_str(&format!("{refusal:?} {refusal}\n"));
        self.refusals.push(refusal);
        Ok(())
    }

    async fn resume_at(&mut self, cursor: Cursor) -> Result<()> {
        self.words.push_str(&format!("{cursor:?}{}\n", cursor.0));
        self.cursor = Some(cursor.0);
        Ok(())
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A day after the concert, and some milliseconds more at every reading.
fn later(n: i64) -> Timestamp {
    at("2026-11-22T12:00:00Z").plus_millis(n)
}

fn deliver(pretix: &Pretix, headers: &[(&str, &[u8])], body: &[u8]) -> (u16, Option<Hint>) {
    let request = Request {
        method: "POST",
        query: "",
        headers,
        body,
        received_at: later(0),
    };
    let received = pretix.receive(&request);
    let hint = match received.verdict {
        Verdict::Read(hint) => Some(hint),
        _ => None,
    };
    (received.reply.status, hint)
}

fn deliveries() -> Vec<String> {
    let captured = capture("webhooks_concerto");
    let deliveries = captured["deliveries"].as_array().unwrap();
    let bodies = deliveries
        .iter()
        .map(|it| it["body_raw"].as_str().unwrap().to_owned());
    bodies.collect()
}

#[tokio::test]
async fn the_evening_of_the_captures_is_read_as_it_was() {
    let imitation = Imitation::start().await;
    let pretix = pretix(&imitation.url, |_| {});
    let mut heard = Heard::default();
    for (n, body) in deliveries().iter().enumerate() {
        let (status, hint) = deliver(&pretix, &[], body.as_bytes());
        assert_eq!(status, 204);
        let hint = hint.unwrap();
        let now = later(i64::try_from(n).unwrap());
        pretix
            .read(Input::Hint(hint), now, &mut heard)
            .await
            .unwrap();
    }
    assert_eq!(heard.refusals, []);
    assert_eq!(
        heard.people.len(),
        4,
        "those that were scanned, one of them in vain"
    );
    let concert = Span::new(at("2026-11-20T19:30:00Z"), at("2026-11-20T21:45:00Z")).unwrap();
    let mut found: Vec<_> = heard
        .attendances()
        .into_iter()
        .map(|it| {
            assert_eq!(it.slots, [concert]);
            assert_eq!(it.policy, Policy::Overlap);
            (it.standing, it.scans.clone())
        })
        .collect();
    found.sort_by_key(|(standing, scans)| (format!("{standing:?}"), scans.clone()));
    let good = Standing::Valid;
    assert_eq!(
        found,
        [
            (good, vec![]),
            (good, vec![Scan::entry(at("2026-11-20T18:48:12Z"))]),
            (good, vec![Scan::entry(at("2026-11-20T20:05:40Z"))]),
            (good, vec![Scan::entry(at("2026-11-21T23:24:05.052Z"))]),
        ]
    );
    let (minutes, reasons) = heard.judged(&AttendanceMinutes::default());
    assert_eq!(minutes, [99, 135], "two awards, 234 minutes");
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    // One event, one product, and an order for each delivery; before each, the old token is tried.
    let asked = imitation.asked();
    assert_eq!(asked.len(), 2 * deliveries().len() + 2, "{asked:#?}");
    assert!(
        asked
            .iter()
            .all(|asked| !asked.contains("attendee") && !asked.contains("secret"))
    );
}

/// Everything of the captures that is somebody's.
fn canaries() -> Vec<String> {
    let mut canaries = Vec::new();
    fn gather(value: &serde_json::Value, name: &str, canaries: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    gather(value, name, canaries);
                }
            }
            serde_json::Value::Array(values) => {
                for value in values {
                    gather(value, name, canaries);
                }
            }
            serde_json::Value::String(text) => {
                let personal = [
                    "full_name",
                    "secret",
                    "email",
                    "pseudonymization_id",
                    "code",
                    "order",
                ];
                if personal.contains(&name) && text.len() > 3 {
                    canaries.push(text.clone());
                }
            }
            _ => {}
        }
    }
    gather(&capture("order_and_positions"), "", &mut canaries);
    canaries.sort();
    canaries.dedup();
    canaries
}

#[tokio::test]
async fn nobody_is_in_what_is_kept_or_said() {
    let imitation = Imitation::start().await;
    let adapter = pretix(&imitation.url, |_| {});
    let mut heard = Heard::default();
    for body in deliveries() {
        let hint = deliver(&adapter, &[], body.as_bytes()).1.unwrap();
        heard.words.push_str(&format!("{hint:?}"));
        adapter
            .read(Input::Hint(hint), later(0), &mut heard)
            .await
            .unwrap();
    }
    adapter
        .read(Input::Pull(None), later(1), &mut heard)
        .await
        .unwrap();
    // A field that is not what it should be, beside all the others.
    imitation.change(|books| books.position(1)["item"] = "Alba Esempio".into());
    let hint = Hint("order/concerto/TNXKZ".to_owned());
    let error = adapter
        .read(Input::Hint(hint), later(2), &mut heard)
        .await
        .unwrap_err();
    heard
        .words
        .push_str(&format!("{error} {error:?} {adapter:?}"));
    imitation.change(|books| {
        books.orders.clear();
        books.mood = imitation::Mood::Status(418, None);
    });
    let error = adapter
        .read(Input::Pull(None), later(3), &mut heard)
        .await
        .unwrap_err();
    heard.words.push_str(&format!("{error} {error:?}"));
    let canaries = canaries();
    assert!(canaries.len() > 20, "{canaries:?}");
    for canary in canaries
        .iter()
        .map(String::as_str)
        .chain(["Esempio", "canary", "right"])
    {
        assert!(!heard.words.contains(canary), "{canary}");
    }
}

/// What happens during an evening.
#[derive(Clone, Debug)]
enum Event {
    /// A ticket's scans become these, which makes a webhook.
    Scanned(u64, Vec<(i64, bool)>),
    /// They vanish, and no webhook tells.
    Reset(u64),
    /// An order's state, which makes a webhook.
    State(&'static str, char),
    /// Something waiting is read, again and again.
    Read(prop::sample::Index, u8),
    /// Something waiting never comes.
    Lost(prop::sample::Index),
    Pull,
}

fn evening() -> impl Strategy<Value = Vec<Event>> {
    let ticket = prop::sample::select(vec![1_u64, 2, 3, 4, 5, 6, 7]);
    let code = prop::sample::select(vec!["TNXKZ", "7M3BT", "7X3FV", "K99ZN"]);
    let state = prop::sample::select(vec!['p', 'n', 'c', 'e']);
    let scans = prop::collection::vec((0_i64..200, any::<bool>()), 0..4);
    let event = prop_oneof![
        (ticket.clone(), scans).prop_map(|(ticket, scans)| Event::Scanned(ticket, scans)),
        ticket.prop_map(Event::Reset),
        (code, state).prop_map(|(code, state)| Event::State(code, state)),
        (any::<prop::sample::Index>(), 1_u8..5)
            .prop_map(|(which, times)| Event::Read(which, times)),
        any::<prop::sample::Index>().prop_map(Event::Lost),
        Just(Event::Pull),
    ];
    prop::collection::vec(event, 1..25)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_comes_and_in_whatever_order_it_ends_as_pretix_has_it(evening in evening()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let imitation = Imitation::start().await;
            let adapter = pretix(&imitation.url, |_| {});
            let mut heard = Heard::default();
            adapter.read(Input::Pull(None), later(0), &mut heard).await.unwrap();
            let mut waiting = Vec::new();
            for (n, event) in evening.iter().enumerate() {
                // Workers whose clocks do not agree.
                let now = later([3_600_000, 0, -3_600_000][n % 3]);
                match event {
                    Event::Scanned(ticket, scans) => {
                        let code = scanned(&imitation, *ticket, scans);
                        let why = if scans.is_empty() { "back" } else { "order" };
                        waiting.push(format!("{why}/concerto/{code}"));
                    }
                    Event::Reset(ticket) => imitation.change(|books| {
                        books.position(*ticket)["checkins"] = serde_json::json!([]);
                        books.scans.retain(|scan| scan["position"] != *ticket);
                    }),
                    Event::State(code, state) => {
                        imitation.change(|books| {
                            books.orders.get_mut(*code).unwrap()["status"] = state.to_string().into();
                            let at = "2026-11-21T23:35:00Z".to_owned();
                            books.modified.insert((*code).to_owned(), at);
                        });
                        waiting.push(format!("order/concerto/{code}"));
                    }
                    Event::Read(which, times) if !waiting.is_empty() => {
                        let hint = waiting.remove(which.index(waiting.len()));
                        for _ in 0..*times {
                            let hint = Hint(hint.clone());
                            adapter.read(Input::Hint(hint), now, &mut heard).await.unwrap();
                        }
                    }
                    Event::Lost(which) if !waiting.is_empty() => {
                        waiting.remove(which.index(waiting.len()));
                    }
                    Event::Pull => {
                        let cursor = heard.cursor.clone().map(Cursor);
                        adapter.read(Input::Pull(cursor), now, &mut heard).await.unwrap();
                    }
                    _ => {}
                }
            }
            // What was lost is found, and what is about to be settled is looked at.
            let cursor = heard.cursor.clone().map(Cursor);
            adapter.read(Input::Pull(cursor), later(-3_600_000), &mut heard).await.unwrap();
            let units: Vec<_> = heard.subjects().iter().map(|subject| {
                (subject.clone(), Span::starting(later(0), 0))
            }).collect();
            adapter.refresh(&units, later(-3_600_000), &mut heard).await.unwrap();
            let mut truth = Heard::default();
            adapter.read(Input::Pull(None), later(0), &mut truth).await.unwrap();
            assert_eq!(heard.known(), truth.known());
        });
    }
}

/// Gives a ticket these scans and no others, and tells its order.
fn scanned(imitation: &Imitation, ticket: u64, scans: &[(i64, bool)]) -> &'static str {
    let begin = at("2026-11-20T19:00:00Z");
    let scans: Vec<_> = scans
        .iter()
        .enumerate()
        .map(|(n, (minute, entry))| {
            serde_json::json!({
                "id": 100 * ticket + n as u64,
                "datetime": begin.plus_millis(minute * 60_000),
                "list": 2,
                "type": if *entry { "entry" } else { "exit" },
                "auto_checked_in": false,
            })
        })
        .collect();
    imitation.change(|books| {
        books.position(ticket)["checkins"] = scans.into();
        let scan = serde_json::json!({"created": "2026-11-21T23:36:00Z", "position": ticket});
        books.scans.push(scan);
    });
    match ticket {
        1..=4 => "TNXKZ",
        5 => "7M3BT",
        6 => "7X3FV",
        _ => "K99ZN",
    }
}

#[tokio::test]
async fn pulling_finds_what_no_webhook_told_page_by_page() {
    let imitation = Imitation::start().await;
    imitation.change(|books| books.page_size = 1);
    let adapter = pretix(&imitation.url, |_| {});
    let mut heard = Heard::default();
    adapter
        .read(Input::Pull(None), later(0), &mut heard)
        .await
        .unwrap();
    assert_eq!(heard.people.len(), 3);
    let before = heard.known();
    imitation.asked();

    scanned(&imitation, 3, &[(35, true)]);
    let cursor = heard.cursor.clone().map(Cursor);
    adapter
        .read(Input::Pull(cursor), later(1), &mut heard)
        .await
        .unwrap();
    assert_ne!(heard.known(), before);
    let asked = imitation.asked();
    let orders = asked.iter().filter(|asked| asked.contains("code=TNXKZ"));
    assert_eq!(orders.count(), 1, "{asked:#?}");

    // The concert is moved: all that is known of its tickets changes.
    imitation.change(|books| {
        let times = &mut books.items.get_mut(&4).unwrap()["program_times"][0];
        times["end"] = "2026-11-20T22:00:00Z".into();
    });
    let cursor = heard.cursor.clone().map(Cursor);
    adapter
        .read(Input::Pull(cursor), later(2), &mut heard)
        .await
        .unwrap();
    let end = at("2026-11-20T22:00:00Z");
    let found = heard.attendances().into_iter();
    let scanned: Vec<_> = found.filter(|it| !it.scans.is_empty()).collect();
    assert_eq!(scanned.len(), 4);
    assert!(scanned.iter().all(|it| it.window().end() == end));
}

#[tokio::test]
async fn add_ons_are_their_main_tickets_and_what_moves_is_the_same_record() {
    let imitation = Imitation::start().await;
    imitation.change(|books| {
        books.event["has_subevents"] = true.into();
        let date = |id: u64, day: u8| {
            let from = format!("2026-11-{day}T18:00:00Z");
            let to = format!("2026-11-{day}T20:00:00Z");
            (
                id,
                serde_json::json!({"id": id, "date_from": from, "date_to": to}),
            )
        };
        books.subevents = [date(1, 18), date(2, 19)].into();
        books.orders.retain(|code, _| code == "TNXKZ");
        for id in 1..=4 {
            books.position(id)["subevent"] = 1.into();
        }
        books.position(2)["addon_to"] = 1.into();
        let scan = books.position(1)["checkins"].clone();
        books.position(3)["checkins"] = scan;
    });
    let adapter = pretix(&imitation.url, |_| {});
    let mut heard = Heard::default();
    let hint = || Input::Hint(Hint("order/concerto/TNXKZ".to_owned()));
    adapter.read(hint(), later(0), &mut heard).await.unwrap();
    assert_eq!(heard.people.len(), 2, "the add-on is no person of its own");
    let found = heard.attendances();
    assert_eq!(found.len(), 3);
    let tickets: std::collections::BTreeSet<_> = found.iter().map(|it| it.ticket).collect();
    assert_eq!(tickets.len(), 2);
    let first = found[0].session;
    assert!(found.iter().all(|it| it.session == first));
    assert_eq!(found[0].window().start(), at("2026-11-18T18:00:00Z"));

    imitation.change(|books| (1..=4).for_each(|id| books.position(id)["subevent"] = 2.into()));
    adapter.read(hint(), later(1), &mut heard).await.unwrap();
    let found = heard.attendances();
    assert_eq!(found.len(), 3, "nothing is left of the other date");
    assert!(found.iter().all(|it| it.session != first));

    // A date that is no more, and no date at all.
    imitation.change(|books| {
        books.position(1)["subevent"] = 9.into();
        books.position(3)["subevent"] = serde_json::Value::Null;
    });
    adapter.read(hint(), later(2), &mut heard).await.unwrap();
    let mut codes: Vec<_> = heard.refusals.iter().map(|refusal| refusal.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["gone", "no_date"]);
    assert_eq!(
        heard.attendances().len(),
        1,
        "what was known of them is taken back"
    );
}

#[tokio::test]
async fn days_of_a_festival_come_and_go_with_their_scans() {
    let imitation = Imitation::start().await;
    imitation.change(|books| {
        books.event["date_from"] = "2026-11-10T12:00:00Z".into();
        books.event["date_to"] = "2026-11-20T12:00:00Z".into();
        books.items.get_mut(&4).unwrap()["program_times"] = serde_json::json!([]);
        books.orders.retain(|code, _| code == "7X3FV");
        let scan = |id: u64, at: &str, entry: bool| {
            let way = if entry { "entry" } else { "exit" };
            serde_json::json!({"id": id, "datetime": at, "list": 2, "type": way})
        };
        books.position(6)["checkins"] = serde_json::json!([
            scan(1, "2026-11-12T18:00:00Z", true),
            scan(2, "2026-11-13T01:30:00Z", false),
            scan(3, "2026-11-17T10:00:00Z", true),
            scan(4, "2026-11-17T11:00:00Z", false),
        ]);
    });
    let adapter = pretix(&imitation.url, |_| {});
    let mut heard = Heard::default();
    adapter
        .read(Input::Pull(None), later(0), &mut heard)
        .await
        .unwrap();
    let days = |heard: &Heard| -> Vec<String> {
        let found = heard.attendances();
        assert!(found.iter().all(|it| it.policy == Policy::Measured));
        found
            .iter()
            .map(|it| it.window().start().to_string())
            .collect()
    };
    assert_eq!(
        days(&heard),
        ["2026-11-12T03:00:00Z", "2026-11-17T03:00:00Z"]
    );

    imitation.change(|books| {
        books.position(6)["checkins"]
            .as_array_mut()
            .unwrap()
            .truncate(2);
    });
    let units: Vec<_> = heard
        .subjects()
        .iter()
        .map(|subject| (subject.clone(), Span::starting(later(0), 0)))
        .collect();
    adapter.refresh(&units, later(1), &mut heard).await.unwrap();
    assert_eq!(days(&heard), ["2026-11-12T03:00:00Z"]);
}

#[tokio::test]
async fn the_standing_says_what_is_wrong_with_a_ticket() {
    let imitation = Imitation::start().await;
    let change = |change: fn(&mut serde_json::Value)| {
        let order = capture("order_and_positions")["order"]["response"].clone();
        imitation.change(|books| {
            books.orders.insert("TNXKZ".to_owned(), order);
            let order = books.orders.get_mut("TNXKZ").unwrap();
            order["positions"].as_array_mut().unwrap().truncate(1);
            change(order);
        });
    };
    let lenient = |config: &mut PretixConfig| config.trust_refunded = true;
    let strict = |config: &mut PretixConfig| config.exclude_items = vec!["4".to_owned()];
    type Change = fn(&mut serde_json::Value);
    let cases: [(Change, Standing); 8] = [
        (|_| {}, Standing::Valid),
        (|order| order["testmode"] = true.into(), Standing::Test),
        (|order| order["status"] = "c".into(), Standing::Cancelled),
        (|order| order["status"] = "e".into(), Standing::Unpaid),
        (
            |order| order["positions"][0]["canceled"] = true.into(),
            Standing::Cancelled,
        ),
        (
            |order| order["positions"][0]["blocked"] = serde_json::json!(["admin"]),
            Standing::Blocked,
        ),
        (
            |order| order["positions"][0]["item"] = 6.into(),
            Standing::NoAdmission,
        ),
        (
            |order| order["refunds"] = serde_json::json!([{"state": "done", "amount": "35.00"}]),
            Standing::Refunded,
        ),
    ];
    for (n, (changed, standing)) in cases.into_iter().enumerate() {
        change(changed);
        let look = async |adapter: Pretix| {
            let mut heard = Heard::default();
            let hint = Input::Hint(Hint("order/concerto/TNXKZ".to_owned()));
            adapter.read(hint, later(0), &mut heard).await.unwrap();
            heard.attendances()[0].standing
        };
        assert_eq!(
            look(pretix(&imitation.url, |_| {})).await,
            standing,
            "case {n}"
        );
        let seen = look(pretix(&imitation.url, lenient)).await;
        assert_eq!(seen == standing, standing != Standing::Refunded);
        let seen = look(pretix(&imitation.url, strict)).await;
        assert_eq!(seen == Standing::Excluded, standing == Standing::Valid);
    }
}

#[tokio::test]
async fn the_evening_is_worth_what_the_policy_says() {
    let imitation = Imitation::start().await;
    let worth = async |policy| {
        let mut heard = Heard::default();
        let adapter = pretix(&imitation.url, |config| config.policy = policy);
        let pull = Input::Pull(None);
        adapter.read(pull, later(0), &mut heard).await.unwrap();
        heard.judged(&AttendanceMinutes::default()).0
    };
    assert_eq!(worth(Policy::Overlap).await, [99, 135]);
    assert_eq!(worth(Policy::Scheduled).await, [135, 135]);
    assert_eq!(worth(Policy::Measured).await, [0; 0]);
}

#[tokio::test]
async fn lists_choose_what_counts_and_how() {
    let imitation = Imitation::start().await;
    imitation.change(|books| {
        books.position(1)["checkins"] = serde_json::json!([
            {"id": 1, "datetime": "2026-11-20T19:00:00Z", "list": 2, "type": "entry"},
            {"id": 2, "datetime": "2026-11-20T20:00:00Z", "list": 3, "type": "entry"},
            {"id": 3, "datetime": "2026-11-20T22:00:00Z", "list": 2, "type": "exit", "auto_checked_in": true},
        ]);
        books.orders.get_mut("TNXKZ").unwrap()["positions"].as_array_mut().unwrap().truncate(1);
    });
    let look = async |change: fn(&mut PretixConfig)| {
        let mut heard = Heard::default();
        let hint = Input::Hint(Hint("order/concerto/TNXKZ".to_owned()));
        let adapter = pretix(&imitation.url, change);
        adapter.read(hint, later(0), &mut heard).await.unwrap();
        heard.attendances()[0].clone()
    };
    let all = look(|_| {}).await;
    assert_eq!((all.policy, all.scans.len()), (Policy::Overlap, 3));
    assert!(all.scans[2].automatic && !all.scans[2].entry);
    let measured = look(|config| config.list_policies = vec!["3=measured".to_owned()]).await;
    assert_eq!(measured.policy, Policy::Measured);
    let without = look(|config| {
        config.list_policies = vec!["3=measured".to_owned()];
        config.exclude_lists = vec!["3".to_owned()];
    })
    .await;
    assert_eq!((without.policy, without.scans.len()), (Policy::Overlap, 2));
}
