//! What comes with the SDK.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use wom_adapter_activity::{ActivityCsv, ActivityJson, ActivityWebhook};
use wom_adapter_steps::{ActiveMinutes, AppleHealth, Fit};
use wom_sdk::{Result, instrument::Instrument};

use crate::{Entry, Form, RulesEntry, Setting};

pub(crate) fn standard_adapters() -> Vec<Entry> {
    vec![
        adapter(activity_settings(), |config| {
            Ok(Arc::new(ActivityCsv::new(config)))
        }),
        adapter(activity_settings(), |config| {
            Ok(Arc::new(ActivityJson::new(config)))
        }),
        // It does not start without a secret, so there is no sample to ask.
        Entry::new(
            ActivityWebhook::INFO,
            ActivityWebhook::CAPABILITIES,
            activity_webhook_settings(),
            |config| Ok(Arc::new(ActivityWebhook::new(config)?)),
        ),
        adapter(apple_health_settings(), |config| {
            Ok(Arc::new(AppleHealth::new(config)?))
        }),
        adapter(fit_settings(), |config| Ok(Arc::new(Fit::new(config)?))),
    ]
}

pub(crate) fn standard_rules() -> Vec<RulesEntry> {
    vec![RulesEntry::new(
        ActiveMinutes::NAME,
        "Minutes of walking, running, cycling and other exercise: steps by their pace, sessions by their timer, milestones by their worth; whatever overlaps counts once",
        active_minutes_settings(),
        |rules: ActiveMinutes| Ok(Arc::new(rules)),
    )]
}

/// The entry of an adapter, which says itself what it is.
fn adapter<C: Default + DeserializeOwned + 'static>(
    settings: Vec<Setting>,
    make: impl Fn(C) -> Result<Arc<dyn Instrument>> + Send + Sync + 'static,
) -> Entry {
    let sample = make(C::default()).expect("our own adapters need no settings");
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

fn activity_webhook_settings() -> Vec<Setting> {
    let mut settings = activity_settings();
    settings.push(Setting::new(
        "secret_files",
        Form::Files,
        "Files with a secret of the webhook in each, as whsec_ and base64. While the secret changes there are two: what is signed with either is taken.",
    ));
    settings.push(Setting::new(
        "secret_variables",
        Form::List,
        "Variables of the environment with a secret of the webhook in each. One file or variable is needed at least.",
    ));
    settings
}

fn apple_health_settings() -> Vec<Setting> {
    vec![
        Setting::new(
            "exercise_time",
            Form::Flag,
            "Whether Apple's own exercise minutes are handed on, as tallies. They cover the same time as steps and workouts.",
        )
        .default_is("false"),
        Setting::new(
            "max_bytes",
            Form::Whole,
            "How much an archive may hold once unpacked.",
        )
        .default_is("68719476736")
        .counts("bytes"),
        Setting::new(
            "max_ratio",
            Form::Whole,
            "How many times smaller than its content an archive may be; real exports stay under 40.",
        )
        .default_is("100")
        .counts("times"),
        Setting::new(
            "pushes",
            Form::Flag,
            "Whether a wheelchair's pushes are taken as steps. Give the rules a pace of their own then.",
        )
        .default_is("true"),
        subject(),
    ]
}

fn fit_settings() -> Vec<Setting> {
    vec![
        Setting::new(
            "keep_bad_crc",
            Form::Flag,
            "Whether to use a part of a file whose checksum does not hold. Any value in it may be wrong.",
        )
        .default_is("false"),
        subject(),
    ]
}

/// The setting of files that do not name the person.
fn subject() -> Setting {
    Setting::new(
        "subject",
        Form::Text,
        "Whose file it is, as you call the person; the file does not tell.",
    )
    .default_is("me")
}

fn active_minutes_settings() -> Vec<Setting> {
    const PACE: &str = "steps a minute";
    vec![
        Setting::new("floor", Form::Whole, "The mean pace below which a long record, a walk or a run earns nothing.")
            .default_is("40")
            .counts(PACE),
        Setting::new("indoor", Form::Flag, "Whether sessions indoors, on a treadmill or trainer and in virtual worlds count. Their steps count in any case.")
            .default_is("false"),
        Setting::new("kinds", Form::List, "The kinds of session that count, with their special forms.")
            .default_is("climbing,cycling,exercise,hiking,mountaineering,paddling,rowing,running,skating,skiing,snowboarding,snowshoeing,stepping,swimming,walking,wheelchair"),
        Setting::new("manual", Form::Flag, "Whether what somebody typed in counts.")
            .default_is("false"),
        Setting::new("max_spm", Form::Whole, "The pace above which nobody is believed.")
            .default_is("240")
            .counts(PACE),
        Setting::new("moderate", Form::Whole, "The pace from which a minute is active.")
            .default_is("100")
            .counts(PACE),
        Setting::new("short_s", Form::Whole, "The longest step record that says which minutes its steps were in.")
            .default_is("120")
            .counts("seconds"),
        Setting::new("vigorous", Form::Whole, "The pace from which a minute is called vigorous; it is worth no more.")
            .default_is("130")
            .counts(PACE),
    ]
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::Value;
    use wom_sdk::Kind;

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
                Value::Array(items) if items.is_empty() => None,
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
        assert_documented::<wom_adapter_activity::WebhookConfig>(&activity_webhook_settings());
        assert_documented::<wom_adapter_steps::AppleHealthConfig>(&apple_health_settings());
        assert_documented::<wom_adapter_steps::FitConfig>(&fit_settings());
        assert_documented::<ActiveMinutes>(&active_minutes_settings());
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
            let made = catalog.instrument(name, &Settings::from_texts(defaults));
            if entry.capabilities.webhook {
                // No default can be its secret.
                assert_eq!(made.unwrap_err().kind(), Kind::ConfigurationInvalid);
            } else {
                let made = made.unwrap();
                assert_eq!(made.info(), entry.info);
                assert_eq!(made.capabilities(), entry.capabilities);
            }
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

    #[test]
    fn every_adapter_names_a_rule_set_that_is_there() {
        let catalog = Catalog::standard();
        for entry in catalog.adapters() {
            assert!(catalog.rules().any(|rules| rules.name == entry.info.rules));
        }
    }
}
