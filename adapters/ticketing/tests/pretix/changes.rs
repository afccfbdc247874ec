//! What changes while it is told, in any order, with some of it lost: by webhooks, pulling and looking again.

use proptest::prelude::*;
use wom_sdk::{
    Span,
    instrument::{Cursor, Hint, Input, Instrument as _},
};

use crate::{Heard, at, imitation::Imitation, later, pretix};

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
