//! What tickets are worth: add-ons, series, festivals, standings and policies.

use wom_adapter_ticketing::{AttendanceMinutes, Pretix, PretixConfig};
use wom_sdk::{
    Span,
    instrument::{Hint, Input, Instrument as _},
    observation::{Policy, Standing},
};

use crate::{
    Heard, at,
    imitation::{Imitation, capture},
    later, pretix,
};

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
