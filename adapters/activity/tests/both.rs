//! What holds for both syntaxes, over made-up records.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use common::{csv, json};
use proptest::{prelude::*, sample::subsequence};
use serde_json::{Map, Value, json as value};

const FIELDS: [&str; 15] = [
    "participant",
    "key",
    "revision",
    "activity",
    "start",
    "end",
    "seconds",
    "steps",
    "milestone",
    "minutes",
    "at",
    "withdrawn",
    "device",
    "recording",
    "stream",
];

/// Values of each field: good ones first, so that most records are good.
fn values(field: &str) -> Vec<Value> {
    match field {
        "participant" => vec![
            value!("p-1"),
            value!("p-2"),
            value!("a,\"b\";c"),
            value!("è"),
        ],
        "key" => vec![value!("k1"), value!("k2"), value!("k3"), value!("\"")],
        "revision" => vec![value!(0), value!(1), value!(2), value!(3)],
        "activity" => vec![
            value!("walking"),
            value!("cycling.indoor"),
            value!("stepping"),
            value!("Run"),
        ],
        "start" => vec![
            value!("2026-03-01T10:00:00Z"),
            value!("2026-03-01T10:05:00+01:00"),
            value!("2026-03-01 09:00:00.5Z"),
            value!("yesterday"),
        ],
        "end" => vec![
            value!("2026-03-01T10:30:00Z"),
            value!("2026-03-01T12:00:00+01:00"),
            value!("2026-03-02T00:00Z"),
            value!("2026-03-01T09:00:00"),
        ],
        "seconds" | "steps" => vec![
            value!(0),
            value!(600),
            value!(1800),
            value!(7_000_000_000_i64),
        ],
        "milestone" => vec![
            value!("first"),
            value!("second"),
            value!("third"),
            value!("fourth"),
        ],
        "minutes" => vec![value!(1), value!(15), value!(44640), value!(0)],
        "at" => vec![
            value!("2026-03-01T10:00:00Z"),
            value!("2026-03-05T10:00:00-03:00"),
        ],
        "withdrawn" => vec![value!(false), value!(true)],
        "device" => vec![
            value!("watch"),
            value!("phone"),
            value!("app"),
            value!("ring"),
        ],
        "recording" => vec![
            value!("measured"),
            value!("manual"),
            value!("unknown"),
            value!("gps"),
        ],
        _ => vec![value!("s1"), value!("s2")],
    }
}

/// A record of one of the forms, with a few fields more.
fn record() -> impl Strategy<Value = Map<String, Value>> {
    let forms = prop_oneof![
        4 => Just(vec!["participant", "start", "end"]),
        2 => Just(vec!["participant", "start", "end", "key"]),
        1 => Just(vec!["participant", "milestone", "minutes", "at"]),
        1 => Just(vec!["participant", "key", "withdrawn"]),
        1 => Just(vec![]),
    ];
    let more = subsequence(FIELDS.to_vec(), 0..3);
    let picks = prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), FIELDS.len());
    (forms, more, picks).prop_map(|(form, more, picks)| {
        let fields: BTreeSet<_> = form.into_iter().chain(more).collect();
        fields
            .into_iter()
            .zip(picks)
            .map(|(field, (pick, dice))| {
                let values = values(field);
                let count = if dice == 0 {
                    values.len()
                } else {
                    values.len().min(3)
                };
                (field.to_owned(), values[pick.index(count)].clone())
            })
            .collect()
    })
}

fn as_csv(records: &[Map<String, Value>], delimiter: u8, crlf: bool) -> Vec<u8> {
    let mut writer = ::csv::WriterBuilder::new()
        .delimiter(delimiter)
        .terminator(if crlf {
            ::csv::Terminator::CRLF
        } else {
            ::csv::Terminator::Any(b'\n')
        })
        .from_writer(Vec::new());
    writer.write_record(FIELDS).unwrap();
    for record in records {
        let cells = FIELDS.map(|field| match record.get(field) {
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        });
        writer.write_record(cells).unwrap();
    }
    writer.into_inner().unwrap()
}

fn as_lines(records: &[Map<String, Value>]) -> String {
    let lines = records
        .iter()
        .map(|record| serde_json::to_string(record).unwrap() + "\n");
    lines.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn json_lines_and_tables_say_the_same(
        records in prop::collection::vec(record(), 1..12),
        delimiter in prop::sample::select(b",;\t".to_vec()),
        crlf in any::<bool>(),
    ) {
        // A table has no row for a record without any field.
        let records: Vec<_> = records.into_iter().filter(|record| !record.is_empty()).collect();
        prop_assume!(!records.is_empty());
        let array = json(serde_json::to_string(&records).unwrap());
        let pretty = json(serde_json::to_string_pretty(&value!({ "activities": records })).unwrap());
        let lines = json(as_lines(&records));
        let table = csv(as_csv(&records, delimiter, crlf));
        prop_assert!(array.error.is_none() && pretty.error.is_none());
        prop_assert!(lines.error.is_none() && table.error.is_none());
        for other in [&pretty, &lines, &table] {
            prop_assert_eq!(&array.observations, &other.observations);
            prop_assert_eq!(array.refusals.len(), other.refusals.len());
            for (one, two) in array.refusals.iter().zip(&other.refusals) {
                prop_assert_eq!((one.code, one.field), (two.code, two.field));
                prop_assert_eq!(one.at[1], two.at[1]);
            }
        }
        prop_assert_eq!(array.observations.len() + array.refusals.len(), records.len());
    }

    #[test]
    fn order_and_repetition_of_records_change_nothing(
        records in prop::collection::vec(record(), 1..16),
        shuffled in Just(()).prop_perturb(|(), rng| rng),
    ) {
        let mut turned: Vec<_> = records.iter().chain(&records[..records.len() / 2]).cloned().collect();
        let mut rng = shuffled;
        turned.sort_by_cached_key(|_| rng.next_u32());
        prop_assert_eq!(json(as_lines(&records)).merged(), json(as_lines(&turned)).merged());
    }

    #[test]
    fn the_schema_and_the_code_agree(records in prop::collection::vec(record(), 1..12)) {
        for record in &records {
            let outcome = json(serde_json::to_string(&[record]).unwrap());
            let valid = schema().accepts(&value!([record]));
            let code = outcome.refusals.first().map(|refusal| refusal.code);
            let withdrawn = record.get("withdrawn") == Some(&value!(true));
            match code {
                // A withdrawal does not look at the other fields, which the schema does.
                None => prop_assert!(valid || withdrawn, "{:?}", record),
                // Of times and lengths the schema knows the form only.
                Some("bad_time" | "bad_value") => {}
                Some(_) => prop_assert!(!valid, "{:?} {:?}", record, code),
            }
        }
    }
}

struct Schema {
    schemas: boon::Schemas,
    index: boon::SchemaIndex,
}

impl Schema {
    fn accepts(&self, instance: &Value) -> bool {
        self.schemas.validate(instance, self.index).is_ok()
    }
}

fn schema() -> &'static Schema {
    static SCHEMA: std::sync::OnceLock<Schema> = std::sync::OnceLock::new();
    SCHEMA.get_or_init(|| {
        let text = serde_json::from_str(wom_adapter_activity::SCHEMA).unwrap();
        let mut compiler = boon::Compiler::new();
        compiler.enable_format_assertions();
        compiler
            .add_resource("urn:wom-sdk:activity:1", text)
            .unwrap();
        let mut schemas = boon::Schemas::new();
        let index = compiler
            .compile("urn:wom-sdk:activity:1", &mut schemas)
            .unwrap();
        Schema { schemas, index }
    })
}

#[test]
fn the_schema_has_every_field_and_no_other() {
    let text: Value = serde_json::from_str(wom_adapter_activity::SCHEMA).unwrap();
    let properties = text["$defs"]["record"]["properties"].as_object().unwrap();
    let named: BTreeSet<_> = properties.keys().map(String::as_str).collect();
    assert_eq!(named, BTreeSet::from(FIELDS));
    // The code knows the same: it offers its list to whoever writes another name.
    let told = json(r#"[{"zzzzzzzzzzzz":1}]"#).refusals[0]
        .message
        .to_string();
    let known = told.split("known are ").nth(1).unwrap();
    assert_eq!(
        known.split(", ").collect::<BTreeSet<_>>(),
        BTreeSet::from(FIELDS)
    );
}

#[test]
fn the_schema_takes_the_example_and_the_record_forms() {
    let example = serde_json::from_slice(&common::example("activities.json")).unwrap();
    assert!(schema().accepts(&example));
    let times = value!({"participant": "p", "start": "2026-03-01T10:00Z", "end": "2026-03-01T10:30:00.123+01:00"});
    assert!(schema().accepts(&times));
    assert!(schema().accepts(&value!([])));
    for (field, wrong) in [
        ("participant", value!(7)),
        ("participant", value!("")),
        ("participant", value!(" p")),
        ("participant", value!("a\u{0}b")),
        ("key", value!("x".repeat(257))),
        ("revision", value!(1)),
        ("activity", value!("a..b")),
        ("activity", value!("stepping")),
        ("start", value!("2026-03-01")),
        ("seconds", value!(1.5)),
        ("seconds", value!("60")),
        ("steps", value!(-1)),
        ("minutes", value!(5)),
        ("withdrawn", value!(true)),
        ("withdrawn", value!("no")),
        ("device", value!("Watch")),
        ("recording", value!("gps")),
        ("stream", value!([])),
        ("user", value!("p")),
    ] {
        let mut bad = times.clone();
        bad[field] = wrong;
        assert!(!schema().accepts(&bad), "{bad}");
        assert_eq!(json(format!("[{bad}]")).refusals.len(), 1, "{bad}");
    }
}
