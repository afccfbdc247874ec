//! What comes with the SDK.

use std::sync::Arc;

use wom_adapter_activity::{ActivityCsv, ActivityJson};
use wom_sdk::instrument::Instrument;

use crate::{Entry, Form, RulesEntry, Setting};

pub(crate) fn standard_adapters() -> Vec<Entry> {
    vec![
        adapter(ActivityCsv::default(), activity_settings(), |config| {
            Ok(Arc::new(ActivityCsv::new(config)))
        }),
        adapter(ActivityJson::default(), activity_settings(), |config| {
            Ok(Arc::new(ActivityJson::new(config)))
        }),
    ]
}

pub(crate) fn standard_rules() -> Vec<RulesEntry> {
    Vec::new()
}

/// The entry of an adapter, which says itself what it is.
fn adapter<C: serde::de::DeserializeOwned + 'static>(
    sample: impl Instrument,
    settings: Vec<Setting>,
    make: impl Fn(C) -> wom_sdk::Result<Arc<dyn Instrument>> + Send + Sync + 'static,
) -> Entry {
    Entry::new(sample.info(), sample.capabilities(), settings, make)
}

fn activity_settings() -> Vec<Setting> {
    vec![
        Setting::new(
            "recording",
            Form::OneOf(&["measured", "attested", "manual", "unknown"]),
            "What a record without this field counts as. Your back end vouches for what it sends, so it is attested unless you say otherwise.",
        )
        .default_is("attested"),
        Setting::new(
            "zone",
            Form::Text,
            "Whose clock times without an offset are read by, such as Europe/Rome. Without it they are refused.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::Value;

    use super::*;
    use crate::{Catalog, Settings};

    /// What is documented is what the struct takes, with the same defaults.
    fn assert_documented<C: Default + Serialize>(settings: &[Setting]) {
        let Ok(Value::Object(fields)) = serde_json::to_value(C::default()) else {
            panic!("the settings are no table");
        };
        let mut documented: Vec<_> = settings.iter().map(|setting| setting.name).collect();
        documented.sort_unstable();
        let mut named: Vec<_> = fields.keys().map(String::as_str).collect();
        named.sort_unstable();
        assert_eq!(documented, named);
        for setting in settings {
            let written = match &fields[setting.name] {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                Value::Array(items) => {
                    let items: Vec<_> = items.iter().filter_map(Value::as_str).collect();
                    Some(items.join(","))
                }
                other => Some(other.to_string()),
            };
            assert_eq!(setting.default, written.as_deref(), "{}", setting.name);
        }
    }

    #[test]
    fn settings_are_documented_as_they_are() {
        assert_documented::<wom_adapter_activity::Config>(&activity_settings());
    }

    #[test]
    fn every_entry_takes_its_own_defaults_and_nothing_unknown() {
        let catalog = Catalog::standard();
        for entry in catalog.adapters() {
            let name = entry.info.name;
            let defaults = entry
                .settings
                .iter()
                .filter_map(|setting| Some((setting.name, setting.default?)));
            let made = catalog
                .instrument(name, &Settings::from_texts(defaults))
                .unwrap();
            assert_eq!(made.info(), entry.info);
            assert_eq!(made.capabilities(), entry.capabilities);
            let unknown = Settings::from_texts([("no_such_thing", "1")]);
            let error = catalog.instrument(name, &unknown).unwrap_err();
            assert!(error.advice().unwrap().contains("there are: "), "{error}");
        }
        for entry in catalog.rules() {
            let defaults = entry
                .settings
                .iter()
                .filter_map(|setting| Some((setting.name, setting.default?)));
            let made = catalog
                .rule_set(entry.name, &Settings::from_texts(defaults))
                .unwrap();
            assert_eq!(made.name(), entry.name);
            assert!(!entry.settings.is_empty() && !entry.summary.is_empty());
        }
    }
}
