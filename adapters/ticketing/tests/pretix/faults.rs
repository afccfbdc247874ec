//! Forged calls, a pretix that fails, and settings that cannot be.

use wom_sdk::{
    Error, Kind, Result, Retry, Span, Subject,
    instrument::{Cursor, Hint, Input, Instrument, Request, Verdict},
};

use crate::{
    Given, Heard, Pretix, PretixConfig, deliver,
    imitation::{Imitation, Mood},
    later, pretix,
};

const CHECKIN: &str = r#"{"notification_id":20,"organizer":"womdemo","event":"concerto","code":"TNXKZ","action":"pretix.event.checkin","orderposition_id":1,"first_checkin":null}"#;

#[test]
fn a_forged_call_leads_nowhere() {
    let adapter = pretix("https://tickets.example.org", |config| {
        config.events = vec!["concerto".to_owned()];
    });
    let hint = |body: &str| deliver(&adapter, &[], body.as_bytes());
    assert_eq!(
        hint(CHECKIN),
        (204, Some(Hint("order/concerto/TNXKZ".to_owned())))
    );
    for (from, to) in [
        ("womdemo", "other"),
        ("concerto", "opera"),
        ("concerto", "../../../x"),
        ("concerto", ".."),
        ("TNXKZ", "TNXKZ/../../1"),
        ("TNXKZ", "tnxkz"),
        ("TNXKZ", "A?status=p"),
        ("\"TNXKZ\"", "7"),
        ("\"TNXKZ\"", "null"),
        ("pretix.event.checkin", "pretix.event.changed"),
        ("pretix.event.checkin", "pretix.event.checkinlist.changed"),
        ("pretix.event.checkin", "something.new"),
        ("{", "["),
        ("\"organizer\"", "\"organiser\""),
    ] {
        let body = CHECKIN.replace(from, to);
        assert_eq!(hint(&body), (204, None), "{from} as {to}");
    }
    assert_eq!(hint(""), (204, None));
    let long = format!("{CHECKIN}{}", " ".repeat(Pretix::LARGEST));
    assert_eq!(hint(&long), (413, None));
}

#[test]
fn what_else_there_may_be_in_a_call_is_not_looked_at() {
    let adapter = pretix("https://tickets.example.org", |_| {});
    let body = CHECKIN.replace(
        "\"first_checkin\":null",
        r#""url":"https://evil.example","datetime":"2030-01-01T00:00:00Z","name":{"a":[1]}"#,
    );
    let (status, hint) = deliver(&adapter, &[], body.as_bytes());
    assert_eq!(
        (status, hint.unwrap().0.as_str()),
        (204, "order/concerto/TNXKZ")
    );
}

#[test]
fn the_door_opens_with_each_password_and_with_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["new", "old"].map(|name| {
        let file = folder.path().join(name);
        std::fs::write(&file, format!("{name}-password\n")).unwrap();
        file
    });
    let adapter = pretix("https://tickets.example.org", |config| {
        config.webhook_username = Some("wom".to_owned());
        config.webhook_secret_files = files.to_vec();
    });
    let knock = |header: Option<&str>| {
        let headers: Vec<_> = header
            .iter()
            .map(|header| ("Authorization", header.as_bytes()))
            .collect();
        deliver(&adapter, &headers, CHECKIN.as_bytes()).0
    };
    // wom:new-password, wom:old-password, wom:other, new-password alone.
    assert_eq!(knock(Some("Basic d29tOm5ldy1wYXNzd29yZA==")), 204);
    assert_eq!(knock(Some("Basic d29tOm9sZC1wYXNzd29yZA==")), 204);
    assert_eq!(knock(Some("Basic d29tOm90aGVy")), 401);
    assert_eq!(knock(Some("Bearer new-password")), 401);
    assert_eq!(knock(Some("")), 401);
    assert_eq!(knock(None), 401);
    let get = Request {
        method: "GET",
        query: "",
        headers: &[],
        body: b"",
        received_at: later(0),
    };
    let received = adapter.receive(&get);
    assert!(matches!(received.verdict, Verdict::Refused(_)));
    assert_eq!(received.reply.status, 405);
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let made = |change: fn(&mut PretixConfig)| -> Result<Pretix> {
        let mut config = PretixConfig {
            address: Some("https://tickets.example.org".to_owned()),
            organizer: Some("hill".to_owned()),
            ..PretixConfig::default()
        };
        change(&mut config);
        Pretix::with_credentials(config, std::sync::Arc::new(Given(&["t"])))
    };
    made(|_| {}).unwrap();
    type Change = fn(&mut PretixConfig);
    let refused: [(Change, Kind); 6] = [
        (|config| config.address = None, Kind::ConfigurationInvalid),
        (
            |config| config.address = Some("http://tickets.example.org".to_owned()),
            Kind::InsecureTransport,
        ),
        (|config| config.organizer = None, Kind::ConfigurationInvalid),
        (
            |config| config.events = vec!["a/b".to_owned()],
            Kind::ConfigurationInvalid,
        ),
        (
            |config| config.webhook_username = Some("wom".to_owned()),
            Kind::ConfigurationInvalid,
        ),
        (
            |config| config.webhook_secret_variables = vec!["NONE".to_owned()],
            Kind::ConfigurationInvalid,
        ),
    ];
    for (change, kind) in refused {
        assert_eq!(made(change).unwrap_err().kind(), kind);
    }
    let nothing = Pretix::new(PretixConfig {
        address: Some("https://tickets.example.org".to_owned()),
        organizer: Some("hill".to_owned()),
        ..PretixConfig::default()
    });
    assert_eq!(nothing.unwrap_err().kind(), Kind::ConfigurationInvalid);
}

/// What three ways of reading say in a mood.
async fn asked_in(mood: Mood) -> Vec<Error> {
    let imitation = Imitation::start().await;
    let adapter = pretix(&imitation.url, |_| {});
    let mut heard = Heard::default();
    adapter
        .read(Input::Pull(None), later(0), &mut heard)
        .await
        .unwrap();
    let known = heard.known();
    let unit = (heard.subjects()[0].clone(), Span::starting(later(0), 0));
    imitation.change(|books| books.mood = mood);
    let hint = Input::Hint(Hint("order/concerto/TNXKZ".to_owned()));
    let pull = Input::Pull(heard.cursor.clone().map(Cursor));
    let errors = vec![
        adapter.read(hint, later(1), &mut heard).await.unwrap_err(),
        adapter.read(pull, later(2), &mut heard).await.unwrap_err(),
        adapter
            .refresh(&[unit], later(3), &mut heard)
            .await
            .unwrap_err(),
    ];
    assert_eq!(heard.known(), known, "nothing is concluded from no answer");
    errors
}

#[tokio::test]
async fn a_pretix_that_fails_is_asked_again_and_nothing_is_concluded() {
    for (mood, kind) in [
        (Mood::Status(500, None), Kind::NetworkUnreachable),
        (Mood::Status(503, Some(7)), Kind::NetworkUnreachable),
        (Mood::Status(429, Some(7)), Kind::RateLimited),
        (Mood::Status(409, None), Kind::NetworkUnreachable),
        (Mood::Status(401, None), Kind::AccessDenied),
        (Mood::Status(403, None), Kind::AccessDenied),
        (Mood::Text("<html>canary</html>"), Kind::InputInvalid),
        (Mood::Text("{\"code\":\"TNXKZ\""), Kind::InputInvalid),
    ] {
        let wait = matches!(mood, Mood::Status(_, Some(_)));
        for error in asked_in(mood.clone()).await {
            assert_eq!(
                (error.kind(), error.retry()),
                (kind, Retry::Safe),
                "{mood:?}"
            );
            let seconds = error.retry_after().map(|pause| pause.as_secs());
            assert_eq!(seconds, wait.then_some(7));
            assert!(!format!("{error:?}").contains("canary"));
        }
    }
    for error in asked_in(Mood::Status(302, None)).await {
        assert_eq!(error.kind(), Kind::ConfigurationInvalid);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pretix_that_does_not_answer_is_not_waited_for_without_end() {
    for error in asked_in(Mood::Silent).await {
        assert_eq!(
            (error.kind(), error.retry()),
            (Kind::NetworkUnreachable, Retry::Safe)
        );
    }
}

#[tokio::test]
async fn what_is_no_more_is_taken_back_and_others_are_not_asked_for() {
    let imitation = Imitation::start().await;
    let adapter = pretix(&imitation.url, |_| {});
    let mut heard = Heard::default();
    adapter
        .read(Input::Pull(None), later(0), &mut heard)
        .await
        .unwrap();
    assert_eq!(heard.attendances().len(), 3);
    imitation.change(|books| books.orders.remove("7X3FV"));
    let all = heard.subjects();
    let strangers = [
        Subject::new("pretix:other/womdemo", "concerto/1").unwrap(),
        Subject::new(all[0].namespace().to_owned(), "concerto").unwrap(),
        Subject::new(all[0].namespace().to_owned(), "../1").unwrap(),
    ];
    let units = |subjects: &[Subject]| -> Vec<_> {
        let with_span = |subject: &Subject| (subject.clone(), Span::starting(later(0), 0));
        subjects.iter().map(with_span).collect()
    };
    imitation.asked();
    adapter
        .refresh(&units(&strangers), later(1), &mut heard)
        .await
        .unwrap();
    assert_eq!(imitation.asked(), [""; 0]);
    adapter
        .refresh(&units(&all), later(2), &mut heard)
        .await
        .unwrap();
    assert_eq!(heard.attendances().len(), 2);

    let unknown = Input::Hint(Hint("order/concerto/ZZZZZ".to_owned()));
    adapter.read(unknown, later(3), &mut heard).await.unwrap();
    assert_eq!(heard.refusals.last().unwrap().code, "no_such_order");
    for hint in [
        "",
        "order/concerto",
        "order/a b/TNXKZ",
        "look/concerto/TNXKZ",
    ] {
        let input = Input::Hint(Hint(hint.to_owned()));
        let error = adapter.read(input, later(4), &mut heard).await.unwrap_err();
        assert_eq!(error.kind(), Kind::InputInvalid);
    }
}

#[tokio::test]
async fn an_event_that_may_not_be_read_keeps_no_other_from_it() {
    let imitation = Imitation::start().await;
    let adapter = pretix(&imitation.url, |config| {
        config.events = vec!["opera".to_owned(), "concerto".to_owned()];
    });
    let mut heard = Heard::default();
    let error = adapter
        .read(Input::Pull(None), later(0), &mut heard)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::AccessDenied);
    assert!(error.to_string().contains("opera"), "{error}");
    assert_eq!(heard.people.len(), 3);
    assert!(heard.cursor.unwrap().contains("concerto"));
}

#[tokio::test]
async fn a_cursor_of_elsewhere_is_worth_nothing() {
    let imitation = Imitation::start().await;
    let adapter = pretix(&imitation.url, |_| {});
    for cursor in ["", "2026-11-21T23:30:00Z", r#"{"source":"ab","events":{}}"#] {
        let mut heard = Heard::default();
        let input = Input::Pull(Some(Cursor(cursor.to_owned())));
        adapter.read(input, later(0), &mut heard).await.unwrap();
        assert_eq!(heard.people.len(), 3);
    }
}
