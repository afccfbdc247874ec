//! What one statement makes, and what takes it back.

use serde_json::{Value, json};
use wom_adapter_elearning::{Cmi5, StatementsConfig, Xapi};
use wom_sdk::{
    Body,
    instrument::Refusal,
    observation::{Mark, Toward, Trace},
};

use crate::support::*;

fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut statement = statement();
    change(&mut statement);
    statement
}

fn void(authority: &str) -> Value {
    changed(|s| {
        s["id"] = json!("99999999-1234-4234-8234-123456789012");
        s["actor"]["account"]["name"] = json!("teacher");
        s["verb"]["id"] = json!("http://adlnet.gov/expapi/verbs/voided");
        s["object"] =
            json!({"objectType": "StatementRef", "id": "12345678-1234-4234-8234-123456789012"});
        s["authority"]["account"]["name"] = json!(authority);
        s.as_object_mut().unwrap().remove("result");
    })
}

#[test]
fn a_void_counts_before_and_after_its_statement_and_from_the_same_authority_only() {
    let counted = of(&[("anna-1", "2026-11-20", 300)]);
    assert_eq!(xapi(&lines(&[statement()])).seconds(), counted);
    assert_eq!(
        xapi(&lines(&[void("platform"), statement()])).seconds(),
        of(&[])
    );
    assert_eq!(
        xapi(&lines(&[statement(), void("platform")])).seconds(),
        of(&[])
    );
    assert_eq!(
        xapi(&lines(&[statement(), void("other")])).seconds(),
        counted
    );
    // Of authorities on the list each may take back what another said; nobody else may.
    let trusting = StatementsConfig {
        authorities: vec![
            "https://lms.example.org platform".to_owned(),
            "https://lms.example.org other".to_owned(),
        ],
        ..StatementsConfig::default()
    };
    let trusting = Xapi::new(config(trusting)).unwrap();
    let (gathered, _) = read_with(&trusting, &lines(&[statement(), void("other")]));
    assert_eq!(gathered.seconds(), of(&[]));
    let (gathered, _) = read_with(&trusting, &lines(&[statement(), void("stranger")]));
    assert_eq!(gathered.seconds(), counted);
    assert_eq!(gathered.codes(), ["unknown_authority"]);
}

#[test]
fn of_two_statements_with_one_id_the_one_that_was_stored_first_holds() {
    let later = changed(|s| {
        s["result"]["duration"] = json!("PT9M");
        s["stored"] = json!("2026-11-20T10:00:02Z");
        s["id"] = json!("12345678-1234-4234-8234-123456789012".to_uppercase());
    });
    for both in [[statement(), later.clone()], [later, statement()]] {
        assert_eq!(
            xapi(&lines(&both)).seconds(),
            of(&[("anna-1", "2026-11-20", 300)])
        );
    }
}

#[test]
fn statements_without_an_id_are_known_by_what_they_say() {
    let nameless = |minute: u32| {
        changed(|s| {
            s.as_object_mut().unwrap().remove("id");
            s["timestamp"] = json!(format!("2026-11-20T10:{minute:02}:00Z"));
        })
    };
    let twice = [nameless(0), nameless(0), nameless(30)];
    let gathered = xapi(&lines(&twice));
    let merged = gathered.merged();
    assert_eq!(merged.values().next().unwrap().open().len(), 2);
}

/// What Moodle's xAPI plugin sends has no id, so that an LRS names a batch anew when it comes again.
#[test]
fn statements_of_moodles_plugin_count_once_under_whatever_ids() {
    let event = |n: u32, name: &str, minute: u32, verb: &str, duration: Option<&str>| {
        let mut event = json!({
            "id": format!("00000000-0000-4000-8000-{n:012}"),
            "actor": {"name": "Anna", "account": {"homePage": "https://moodle.example.org", "name": "42"}},
            "verb": {"id": verb},
            "object": {"id": format!("https://moodle.example.org/mod/view.php?id={name}")},
            "context": {"platform": "Moodle", "extensions": {
                "http://lrs.learninglocker.net/define/extensions/info": {"event_name": name}}},
            "timestamp": format!("2026-11-20T10:{minute:02}:00.000Z"),
            "stored": format!("2026-11-20T11:0{}:00Z", n % 10),
            "authority": {"account": {"homePage": "https://lrs.example.org", "name": "moodle"}},
        });
        if let Some(duration) = duration {
            event["result"] = json!({"duration": duration});
        }
        event
    };
    let viewed = "http://id.tincanapi.com/verb/viewed";
    let completed = "http://adlnet.gov/expapi/verbs/completed";
    let batch = |first: u32| {
        [
            event(first, "7", 0, viewed, None),
            event(first + 1, "8", 4, viewed, None),
            event(first + 2, "9", 13, viewed, None),
            // An attempt that began at 10:08, told when it was handed in.
            event(first + 3, "10", 28, completed, Some("PT20M")),
        ]
    };
    // Views from 10:00 to 10:13, and the attempt to 10:28.
    let once = of(&[("42", "2026-11-20", 28 * 60)]);
    assert_eq!(xapi(&lines(&batch(0))).seconds(), once);
    let twice = [batch(0), batch(4)].concat();
    assert_eq!(xapi(&lines(&twice)).seconds(), once);
}

/// The trace that one statement makes.
fn trace(statement: &Value) -> Option<Trace> {
    let gathered = xapi(&lines(std::slice::from_ref(statement)));
    assert!(gathered.codes().is_empty(), "{:?}", gathered.refusals);
    let body = gathered.observations.first().map(|o| o.body.clone());
    match body? {
        Body::Study(study) => Some(study.trace),
        body => panic!("{body:?}"),
    }
}

#[test]
fn verbs_say_what_a_statement_without_a_duration_is() {
    let marks = |verb: &str| {
        trace(&changed(|s| {
            s["verb"]["id"] = json!(verb);
            s.as_object_mut().unwrap().remove("result");
        }))
    };
    let adl = |word: &str| marks(&format!("http://adlnet.gov/expapi/verbs/{word}"));
    let is = |trace: Option<Trace>, mark: Mark| {
        let found = match trace {
            Some(Trace::Point { mark, .. }) => Some(mark),
            _ => None,
        };
        assert_eq!(found, Some(mark));
    };
    is(adl("initialized"), Mark::Opened);
    for word in ["terminated", "exited", "suspended"] {
        is(adl(word), Mark::Closed);
    }
    for word in [
        "experienced",
        "answered",
        "failed",
        "passed",
        "no-such-verb",
    ] {
        is(adl(word), Mark::Seen);
    }
    is(marks("http://id.tincanapi.com/verb/viewed"), Mark::Seen);
    for verb in [
        "http://adlnet.gov/expapi/verbs/completed",
        "http://adlnet.gov/expapi/verbs/launched",
        "https://w3id.org/xapi/adl/verbs/satisfied",
        "https://w3id.org/xapi/adl/verbs/waived",
        "https://w3id.org/xapi/adl/verbs/abandoned",
    ] {
        assert_eq!(marks(verb), None, "{verb}");
    }
    // Plans, and statements about other things, are not study.
    for object in [
        json!({"objectType": "SubStatement"}),
        json!({"objectType": "Agent", "mbox": "mailto:a@example.org"}),
        json!({"objectType": "StatementRef", "id": "x"}),
    ] {
        assert_eq!(trace(&changed(|s| s["object"] = object)), None);
    }
}

#[test]
fn looking_around_does_not_count_unless_it_is_to() {
    let session = |verb: &str, minute: u32, mode: Option<&str>| {
        changed(|s| {
            s["id"] = json!(format!("12345678-1234-4234-8234-1234567890{minute:02}"));
            s["verb"]["id"] = json!(format!("http://adlnet.gov/expapi/verbs/{verb}"));
            s["timestamp"] = json!(format!("2026-11-20T10:{minute:02}:00Z"));
            s["stored"] = s["timestamp"].clone();
            s["context"] = json!({
                "registration": "760e3480-0000-4000-8000-01820dbd23a2",
                "contextActivities": {"category": {"id": "https://w3id.org/xapi/cmi5/context/categories/cmi5"}},
                "extensions": {"https://w3id.org/xapi/cmi5/context/extensions/sessionid": "s1"},
            });
            if let Some(mode) = mode {
                s["context"]["extensions"]["https://w3id.org/xapi/cmi5/context/extensions/launchmode"] =
                    json!(mode);
            }
            if verb != "terminated" {
                s.as_object_mut().unwrap().remove("result");
            }
        })
    };
    let of_mode = |mode| {
        lines(&[
            session("launched", 0, Some(mode)),
            session("initialized", 1, None),
            session("terminated", 9, None),
        ])
    };
    assert_eq!(
        cmi5(&of_mode("Normal")).seconds(),
        of(&[("anna-1", "2026-11-20", 300)])
    );
    for mode in ["Browse", "Review"] {
        assert_eq!(cmi5(&of_mode(mode)).seconds(), of(&[]));
        assert_eq!(xapi(&of_mode(mode)).seconds(), of(&[]));
    }
    let any = StatementsConfig {
        browse: true,
        ..StatementsConfig::default()
    };
    let (gathered, _) = read_with(&Cmi5::new(config(any)).unwrap(), &of_mode("Browse"));
    assert_eq!(gathered.seconds(), of(&[("anna-1", "2026-11-20", 300)]));
}

#[test]
fn milestones_are_handed_on_if_they_are_to_and_never_of_failures() {
    let config = config(StatementsConfig {
        milestones: true,
        ..StatementsConfig::default()
    });
    let (xapi, cmi5) = (
        Xapi::new(config.clone()).unwrap(),
        Cmi5::new(config).unwrap(),
    );
    let goals = |adapter: &dyn wom_sdk::instrument::Instrument, statement: Value| {
        let (gathered, _) = read_with(adapter, &lines(&[statement]));
        let goals = gathered.observations.iter().filter_map(|o| match &o.body {
            Body::Study(study) => match &study.trace {
                Trace::Milestone { goal, .. } => {
                    assert_eq!(study.toward, Toward::Milestones);
                    Some(goal.name())
                }
                _ => {
                    assert_eq!(study.toward, Toward::Both);
                    None
                }
            },
            _ => None,
        });
        goals.collect::<Vec<_>>()
    };
    let with_verb = |verb: &str, categories: &[&str]| {
        changed(|s| {
            s["verb"]["id"] = json!(verb);
            let category: Vec<_> = categories
                .iter()
                .map(|word| json!({"id": format!("https://w3id.org/xapi/cmi5/context/categories/{word}")}))
                .collect();
            s["context"] = json!({
                "registration": "760e3480-0000-4000-8000-01820dbd23a2",
                "contextActivities": {"category": category},
                "extensions": {"https://w3id.org/xapi/cmi5/context/extensions/sessionid": "s1"},
            });
        })
    };
    let passed = "http://adlnet.gov/expapi/verbs/passed";
    let satisfied = "https://w3id.org/xapi/adl/verbs/satisfied";
    assert_eq!(goals(&xapi, with_verb(passed, &[])), ["passed"]);
    assert_eq!(
        goals(&cmi5, with_verb(passed, &[])),
        [""; 0],
        "cmi5 says it with its category"
    );
    assert_eq!(
        goals(&cmi5, with_verb(passed, &["cmi5", "moveon"])),
        ["passed"]
    );
    assert_eq!(goals(&cmi5, with_verb(satisfied, &["cmi5"])), ["course"]);
    assert_eq!(goals(&cmi5, with_verb(satisfied, &[])), [""; 0]);
    for verb in [
        "http://adlnet.gov/expapi/verbs/failed",
        "https://w3id.org/xapi/adl/verbs/waived",
    ] {
        assert_eq!(goals(&xapi, with_verb(verb, &["cmi5", "moveon"])), [""; 0]);
    }
    let mut failed = with_verb(passed, &["cmi5", "moveon"]);
    failed["result"]["success"] = json!(false);
    assert_eq!(goals(&xapi, failed), [""; 0]);
}

#[test]
fn the_time_may_be_that_of_the_beginning() {
    let config = config(StatementsConfig {
        starts_at_timestamp: true,
        ..StatementsConfig::default()
    });
    let (gathered, _) = read_with(&Xapi::new(config).unwrap(), &lines(&[statement()]));
    let span = gathered.observations[0].body.span().unwrap();
    assert_eq!(span.start().to_string(), "2026-11-20T10:00:00Z");
    assert_eq!(span.millis(), 300_000);
}

#[test]
fn a_film_that_somebody_says_lasts_for_ever_has_no_length() {
    for (length, nominal) in [
        (json!(900), Some(900)),
        (json!(1e300), None),
        (json!(-1), None),
        (json!("900"), None),
        (json!([]), None),
    ] {
        let film = changed(|s| {
            s["verb"]["id"] = json!("https://w3id.org/xapi/video/verbs/played");
            s["result"] =
                json!({"extensions": {"https://w3id.org/xapi/video/extensions/time": 1.5}});
            s["context"] = json!({"extensions": {
                "https://w3id.org/xapi/video/extensions/length": length,
                "https://w3id.org/xapi/video/extensions/speed": "1.5x",
            }});
        });
        let gathered = xapi(&lines(&[film]));
        let Body::Study(study) = &gathered.observations[0].body else {
            panic!()
        };
        assert_eq!(study.nominal_s, nominal);
        let Trace::Point {
            mark: Mark::Video(video),
            ..
        } = &study.trace
        else {
            panic!()
        };
        assert_eq!(
            (video.position_ms, video.speed_percent),
            (Some(1_500), Some(150))
        );
    }
}

#[test]
fn an_array_gives_what_its_lines_give_whatever_stands_between_good_statements() {
    let good = |n: u32, name: &str| {
        changed(|s| {
            s["id"] = json!(format!("{n:08x}-1234-4234-8234-123456789012"));
            s["object"]["definition"] = json!({"name": {"en": name}});
        })
        .to_string()
        .into_bytes()
    };
    let not_text = [&good(4, "")[..20], b"\xff", &good(4, "")[20..]].concat();
    let mut not_text_where_nobody_looks = good(5, "?????");
    let at = not_text_where_nobody_looks
        .iter()
        .position(|byte| *byte == b'?');
    not_text_where_nobody_looks[at.unwrap()] = 0xFF;
    let records = [
        good(1, "short"),
        good(2, &"é and longer ".repeat(9)),
        good(
            3,
            &"longer than what is read without being cut ".repeat(900),
        ),
        not_text,
        good(6, "}],{\\\""),
        not_text_where_nobody_looks,
        br#"{"actor": 3}"#.to_vec(),
        b"{\"actor\" {}}".to_vec(),
        b"7".to_vec(),
        good(7, "last"),
        good(7, "last"),
    ];
    let by_line = xapi(&records.join(&b"\n"[..]));
    let array = [&b"["[..], &records.join(&b" ,\n"[..]), b"]"].concat();
    let in_array = xapi(&array);
    assert_eq!(in_array.observations, by_line.observations);
    assert_eq!(in_array.observations.len(), 6);
    let told = |refusals: &[Refusal]| {
        let told = refusals.iter();
        told.map(|refusal| (refusal.code, refusal.at.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&in_array.refusals), told(&by_line.refusals));
    let codes = [
        "bad_json",
        "bad_json",
        "bad_statement",
        "bad_json",
        "bad_statement",
    ];
    assert_eq!(in_array.codes(), codes);
}
