//! The captures give the seconds that were worked out by hand, whatever their order.

use proptest::prelude::*;
use serde_json::{Value, json};
use wom_adapter_elearning::{Cmi5, StatementsConfig, Xapi, XapiConfig};

use crate::support::*;

const CY: &str = "0a5715adbca1b3525e5194f98b1860861e4a76da";
/// The SHA-1 of `mailto:bo@example.org`.
const BO: &str = "16cdffaa89e80db57d007e33ad3d7628f59291e8";

/// Learner, day, seconds and why.
fn expected(bo: &str) -> Vec<(String, &'static str, i64)> {
    vec![
        // A session of cmi5 from 09:00 to 09:24:30; its three durations nest.
        ("ana-7".into(), "2026-03-02", 1_470),
        // Points at 06:00 (two, one with a bad duration), 06:30, 06:40 and 06:41. The late statement
        // of 3 March is voided.
        ("ana-7".into(), "2026-03-05", 660),
        // Points and play from 10:00:00 to 10:08:05, and eight minutes up to 10:08:20.
        (bo.into(), "2026-03-02", 500),
        // 4 and 5 minutes, a break of 21, then 60.4 s.
        (CY.into(), "2026-03-03", 600),
    ]
}

fn expected_seconds() -> std::collections::BTreeMap<(String, String), i64> {
    let expected = expected(&bo());
    let borrowed: Vec<_> = expected
        .iter()
        .map(|(id, day, s)| (id.as_str(), *day, *s))
        .collect();
    of(&borrowed)
}

/// What the adapter calls the learner with a mailbox.
fn bo() -> String {
    let gathered = xapi(&capture("ralph-fs-store.jsonl"));
    let subjects = subjects(&gathered);
    let sums = subjects
        .iter()
        .filter(|subject| subject.namespace() == "mbox_sha1sum");
    let other = sums.map(|subject| subject.reveal()).find(|sum| *sum != CY);
    other.unwrap().to_owned()
}

#[test]
fn the_store_of_an_lrs_gives_the_seconds_that_were_worked_out_by_hand() {
    let gathered = xapi(&capture("ralph-fs-store.jsonl"));
    assert_eq!(bo(), BO);
    assert_eq!(gathered.seconds(), expected_seconds());
    assert_eq!(gathered.codes(), ["bad_duration", "no_zone"]);
}

#[test]
fn arrays_lines_and_pages_give_the_same() {
    let store = store();
    let array = Value::from(store.clone());
    let pages: Vec<_> = store
        .chunks(5)
        .enumerate()
        .map(|(n, page)| {
            json!({"statements": page, "more": format!("/xAPI/statements?page={n}")}).to_string()
        })
        .collect();
    let pretty: Vec<_> = store
        .iter()
        .map(|one| serde_json::to_string_pretty(one).unwrap())
        .collect();
    for input in [
        array.to_string(),
        serde_json::to_string_pretty(&array).unwrap(),
        pages.join("\n"),
        pretty.join("\r\n"),
    ] {
        assert_eq!(xapi(input.as_bytes()).seconds(), expected_seconds());
    }
}

/// The bodies that a client posts, as statements.
fn client() -> Vec<Value> {
    let requests: Vec<Value> =
        serde_json::from_slice(&capture("cmi5-client-requests.json")).unwrap();
    let bodies = requests
        .into_iter()
        .filter(|request| request["path"] == "/lrs/statements");
    bodies.map(|mut request| request["body"].take()).collect()
}

#[test]
fn a_genuine_cmi5_client_gives_one_second() {
    let statements = lines(&client());
    let expected = of(&[("lea-3", "2026-11-21", 1)]);
    assert_eq!(cmi5(&statements).seconds(), expected);
    assert_eq!(xapi(&statements).seconds(), expected);
    let milestones = StatementsConfig {
        milestones: true,
        ..StatementsConfig::default()
    };
    let (gathered, _) = read_with(&Cmi5::new(config(milestones)).unwrap(), &statements);
    let reached = gathered
        .observations
        .iter()
        .filter(|o| format!("{o:?}").contains("Milestone {"));
    assert_eq!(reached.count(), 2, "completed and passed");
}

#[test]
fn of_the_store_cmi5_takes_its_own_session_only() {
    let gathered = cmi5(&capture("ralph-fs-store.jsonl"));
    assert_eq!(gathered.seconds(), of(&[("ana-7", "2026-03-02", 1_470)]));
    assert!(
        gathered
            .codes()
            .iter()
            .all(|code| ["not_cmi5", "no_zone"].contains(code))
    );
}

/// Milliseconds of everybody, with everything that a campaign would see.
fn everything(statements: &[Value], cut: usize) -> Vec<String> {
    let adapter = Xapi::new(XapiConfig::default()).unwrap();
    let (left, right) = statements.split_at(cut);
    let mut all = Gathered::default();
    for part in [left, right] {
        if !part.is_empty() {
            let (gathered, outcome) = read_with(&adapter, &lines(part));
            outcome.unwrap();
            all.observations.extend(gathered.observations);
        }
    }
    all.merged()
        .values()
        .map(|merged| format!("{:?}", merged.open()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn order_repetition_and_splitting_of_deliveries_change_nothing(
        order in Just(store()).prop_shuffle(),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut twice = order.clone();
        twice.extend(again.iter().map(|index| order[index.index(order.len())].clone()));
        let cut = cut.index(twice.len() + 1);
        prop_assert_eq!(everything(&twice, cut), everything(&store(), 0));
    }
}
