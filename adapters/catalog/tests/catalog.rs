//! Settings from texts and tables, unknown names, and adapters of third parties.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;
use wom_adapter_pos::{Manual, ManualConfig};
use wom_catalog::{Catalog, Entry, Form, MerchantEntry, Setting, Settings};
use wom_sdk::{
    Error, Kind, Result, Timestamp,
    instrument::{Capabilities, Info, Input, Instrument, Proven, Sink},
};

const INFO: Info = Info {
    name: "gym.turnstile",
    summary: "Comings and goings at the gym",
    rules: "presence/1",
    proven: Proven::Documentation,
};

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
struct Turnstile {
    door: u32,
    strict: bool,
    mode: String,
    rooms: BTreeSet<String>,
}

#[async_trait]
impl Instrument for Turnstile {
    fn info(&self) -> Info {
        INFO
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::FILE
    }

    async fn read(&self, _: Input, _: Timestamp, _: &mut dyn Sink) -> Result<()> {
        Err(Error::new(Kind::Unsupported, format!("{self:?}")))
    }
}

fn entry() -> Entry {
    let settings = vec![
        Setting::new("door", Form::Whole, "Which door").counts("doors"),
        Setting::new("strict", Form::Flag, "Whether to be strict"),
        Setting::new("mode", Form::OneOf(&["in", "out"]), "Which way"),
        Setting::new("rooms", Form::List, "Which rooms"),
    ];
    let make = |config: Turnstile| Ok(Arc::new(config) as Arc<dyn Instrument>);
    Entry::new(INFO, Capabilities::FILE, settings, make)
}

fn catalog() -> Catalog {
    let mut catalog = Catalog::standard();
    catalog.register(entry()).unwrap();
    catalog
}

fn made(settings: &Settings) -> String {
    format!(
        "{:?}",
        catalog().instrument("gym.turnstile", settings).unwrap()
    )
}

#[test]
fn texts_and_tables_give_the_same() {
    let texts = [
        ("door", "7"),
        ("strict", "true"),
        ("mode", "in"),
        ("rooms", "b, a"),
    ];
    let table = json!({"door": 7, "strict": true, "mode": "in", "rooms": ["a", "b"]});
    let expected = Turnstile {
        door: 7,
        strict: true,
        mode: "in".to_owned(),
        rooms: ["a".to_owned(), "b".to_owned()].into(),
    };
    assert_eq!(made(&Settings::from_texts(texts)), format!("{expected:?}"));
    assert_eq!(
        made(&Settings::from_table(table).unwrap()),
        format!("{expected:?}")
    );
    assert_eq!(
        made(&Settings::none()),
        format!("{:?}", Turnstile::default())
    );
}

#[test]
fn the_later_setting_wins() {
    let file = Settings::from_table(json!({"door": 1, "strict": true})).unwrap();
    let both = file.overridden_by(Settings::from_texts([("door", "2")]));
    assert!(made(&both).contains("door: 2, strict: true"));
}

#[test]
fn what_does_not_fit_is_refused_by_name_without_its_value() {
    for (settings, setting) in [
        (Settings::from_texts([("door", "anna")]), "door"),
        (Settings::from_texts([("strict", "anna")]), "strict"),
        (Settings::from_texts([("mode", "anna")]), "mode"),
        (Settings::from_table(json!({"door": -1})).unwrap(), "door"),
        (Settings::from_table(json!({"mode": 5})).unwrap(), "mode"),
        (
            Settings::from_table(json!({"rooms": [1]})).unwrap(),
            "rooms",
        ),
        (Settings::from_table(json!({"door": null})).unwrap(), "door"),
    ] {
        let error = catalog()
            .instrument("gym.turnstile", &settings)
            .unwrap_err();
        assert_eq!(error.kind(), Kind::ConfigurationInvalid);
        assert!(error.context().any(|pair| pair == ("setting", setting)));
        assert!(!error.to_string().contains("anna"), "{error}");
        assert!(!format!("{settings:?}").contains("anna"));
    }
    assert!(Settings::from_table([1]).is_err());
}

#[test]
fn a_misspelt_name_is_answered_with_the_right_one() {
    let told = |error: Error| error.advice().unwrap().to_owned();
    let catalog = catalog();
    let none = Settings::none();
    let error = catalog.instrument("activity.jsn", &none).unwrap_err();
    assert!(told(error).starts_with("did you mean activity.json? there are: activity.csv, "));
    let error = catalog.instrument("fit", &none).unwrap_err();
    assert!(told(error).contains("activity.json"));
    let error = catalog.rule_set("no-rules/9", &none).unwrap_err();
    assert_eq!(error.kind(), Kind::ConfigurationInvalid);
    let misspelt = Settings::from_texts([("Dor", "1")]);
    let error = catalog.instrument("gym.turnstile", &misspelt).unwrap_err();
    assert_eq!(
        told(error),
        "did you mean door? there are: door, strict, mode, rooms"
    );
}

#[test]
fn a_bad_zone_is_refused() {
    let settings = Settings::from_texts([("zone", "Europe/Atlantis")]);
    let error = catalog()
        .instrument("activity.json", &settings)
        .unwrap_err();
    assert!(error.to_string().contains("no such time zone"), "{error}");
}

#[test]
fn a_name_is_given_once() {
    assert_eq!(
        catalog().register(entry()).unwrap_err().kind(),
        Kind::ConfigurationInvalid
    );
    let stall = || {
        let (info, offers) = (Manual::INFO, Manual::CAPABILITIES);
        MerchantEntry::new(info, offers, Vec::new(), |_: ManualConfig| {
            Ok(Arc::new(Manual))
        })
    };
    let taken = Catalog::standard().register_merchant(stall()).unwrap_err();
    assert_eq!(taken.kind(), Kind::ConfigurationInvalid);
    Catalog::empty().register_merchant(stall()).unwrap();
}

#[test]
fn paths_start_where_the_configuration_lies() {
    #[derive(serde::Deserialize)]
    struct Config {
        files: Vec<std::path::PathBuf>,
    }
    let known = [Setting::new("files", Form::Files, "Which files")];
    let settings = Settings::from_texts([("files", "a, /b/c")]);
    let config: Config = settings
        .in_dir(std::path::Path::new("/town"))
        .resolve("test", &known)
        .unwrap();
    let paths: Vec<_> = config
        .files
        .iter()
        .map(|path| path.to_str().unwrap())
        .collect();
    assert_eq!(paths, ["/town/a", "/b/c"]);
}
