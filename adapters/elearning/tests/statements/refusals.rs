//! Everything that is refused has a code of its own, and reading goes on.

use std::io::{self, Read};

use serde_json::{Value, json};
use wom_adapter_elearning::{StatementsConfig, Xapi, XapiConfig};
use wom_sdk::{
    Kind,
    instrument::{Input, Instrument},
};

use crate::support::*;

/// A change of the good statement, and the code that it is refused with.
type Case = (fn(&mut Value), &'static str);

const REFUSED: &[Case] = &[
    (
        |s| s["actor"] = json!({"objectType": "Group", "member": []}),
        "group_actor",
    ),
    (|s| s["actor"] = json!({"name": "anna"}), "bad_actor"),
    (
        |s| s["actor"] = json!({"mbox": "anna@example.org"}),
        "bad_actor",
    ),
    (|s| s["timestamp"] = json!("2026-11-20 10:00:00"), "no_zone"),
    (|s| s["timestamp"] = json!("20 November"), "bad_time"),
    (|s| s["stored"] = json!("20 November"), "bad_time"),
    (|s| s["timestamp"] = json!("2026-12-01T00:02:01Z"), "future"),
    (|s| s["verb"] = json!({}), "bad_statement"),
    (|s| s["result"] = json!({"duration": 300}), "bad_statement"),
    (
        |s| drop(s.as_object_mut().unwrap().remove("verb")),
        "missing_field",
    ),
    (
        |s| drop(s.as_object_mut().unwrap().remove("actor")),
        "missing_field",
    ),
    (
        |s| drop(s.as_object_mut().unwrap().remove("object")),
        "missing_field",
    ),
    (
        |s| {
            s["verb"]["id"] = json!("http://adlnet.gov/expapi/verbs/voided");
            s["object"] = json!({"id": "https://lms.example.org/act/1"});
        },
        "bad_value",
    ),
];

/// A change of the good statement that makes it count as an instant, and what is told of it.
const FLAWED: &[Case] = &[
    (
        |s| s["result"]["duration"] = json!("P1M"),
        "duration_calendar",
    ),
    (
        |s| s["result"]["duration"] = json!("00:10:00"),
        "bad_duration",
    ),
    (
        |s| s["result"]["duration"] = json!("PT00:10:00"),
        "bad_duration",
    ),
];

#[test]
fn each_bad_statement_is_refused_with_its_code_and_place_and_the_next_is_read() {
    for (change, code) in REFUSED {
        let mut bad = statement();
        change(&mut bad);
        let mut good = statement();
        good["id"] = json!("22222222-1234-4234-8234-123456789012");
        let gathered = xapi(&lines(&[bad, good]));
        assert_eq!(gathered.codes(), [*code]);
        assert_eq!(
            gathered.seconds(),
            of(&[("anna-1", "2026-11-20", 300)]),
            "{code}"
        );
        let told = gathered.refusals[0].to_string();
        assert!(told.starts_with("line 1, record 1"), "{told}");
        assert!(
            !told.contains("anna") && !told.contains("example.org"),
            "{told}"
        );
    }
    for (change, code) in FLAWED {
        let mut flawed = statement();
        change(&mut flawed);
        let gathered = xapi(&lines(&[flawed]));
        assert_eq!(gathered.codes(), [*code]);
        assert_eq!(gathered.observations.len(), 1);
    }
}

#[test]
fn a_statement_of_ten_megabytes_is_refused_and_the_next_is_read() {
    let mut large = statement();
    large["object"]["definition"] = json!({"description": {"en": "x".repeat(10_000_000)}});
    let all = [statement(), large, statement()];
    for input in [
        lines(&all),
        Value::from(all.to_vec()).to_string().into_bytes(),
    ] {
        let gathered = xapi(&input);
        assert_eq!(gathered.codes(), ["too_large"]);
        assert_eq!(gathered.observations.len(), 2);
    }
}

#[test]
fn bombs_are_refused() {
    let deep = format!("{{\"x\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let wide = format!("{{\"id\":\"{}\"", "a\\u0000".repeat(100_000));
    let twice = "{\"id\":\"a\",\"id\":\"b\"}";
    let number =
        "{\"result\":{\"extensions\":{\"https://w3id.org/xapi/video/extensions/time\":1e999}}}";
    let good = statement().to_string();
    for (bomb, code) in [
        (deep.as_str(), "too_deep"),
        (wide.as_str(), "bad_json"),
        (twice, "bad_statement"),
        (number, "bad_json"),
        ("{\"id\":\"\\ud800\"}", "bad_json"),
        ("5", "bad_statement"),
        ("null", "bad_statement"),
        ("\u{0}", "bad_json"),
    ] {
        let gathered = xapi(format!("{good}\n{bomb}\n{good}").as_bytes());
        assert_eq!(gathered.codes(), [code], "{}", &bomb[..bomb.len().min(40)]);
        assert_eq!(gathered.observations.len(), 2);
    }
}

#[test]
fn nothing_of_a_person_is_told_whatever_is_wrong() {
    let secret = "canary-7f3a";
    for place in [
        "actor",
        "verb",
        "object",
        "timestamp",
        "result",
        "context",
        "id",
        "authority",
        "stored",
    ] {
        for value in [
            json!(secret),
            json!([secret]),
            json!({secret: secret}),
            json!({"id": [secret]}),
            json!({"mbox": secret, "account": {"homePage": secret, "name": secret}}),
        ] {
            let mut bad = statement();
            bad[place] = value;
            let gathered = xapi(&lines(&[bad.clone()]));
            let told = format!("{gathered:?} {:?}", gathered.refusals);
            assert!(!told.contains(secret), "{told}");
            let cut = bad.to_string();
            let gathered = xapi(&cut.as_bytes()[..cut.len() - 1]);
            assert!(!format!("{:?}", gathered.refusals).contains(secret));
        }
    }
    let config = config(StatementsConfig {
        authorities: vec![secret.to_owned()],
        ..StatementsConfig::default()
    });
    let error = Xapi::new(config).unwrap_err();
    assert_eq!(error.kind(), Kind::ConfigurationInvalid);
    assert!(!format!("{error:?}").contains(secret));
}

/// Endless statements.
struct Endless(Vec<u8>, usize, u64);

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.2 == 0 {
            return Ok(0);
        }
        let count = buffer.len().min(self.0.len() - self.1);
        buffer[..count].copy_from_slice(&self.0[self.1..self.1 + count]);
        self.1 = (self.1 + count) % self.0.len();
        self.2 = self.2.saturating_sub(count as u64);
        Ok(count)
    }
}

#[test]
fn a_stream_is_read_as_it_comes() {
    let line = format!("{}\n", statement()).into_bytes();
    let count = 2_000;
    let bytes = line.len() as u64 * count;
    let adapter = Xapi::new(XapiConfig::default()).unwrap();
    let mut gathered = Gathered::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let input = Input::Reader(Box::new(Endless(line, 0, bytes)));
    runtime
        .block_on(adapter.read(input, NOW.parse().unwrap(), &mut gathered))
        .unwrap();
    assert_eq!(gathered.observations.len() as u64, count);
    assert_eq!(gathered.seconds(), of(&[("anna-1", "2026-11-20", 300)]));
}
