//! What comes with the SDK.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use wom_adapter_activity::{ActivityCsv, ActivityJson, ActivityWebhook};
use wom_adapter_elearning::{Cmi5, StudyMinutes, Xapi, XapiPush};
use wom_adapter_steps::{ActiveMinutes, AppleHealth, Fit};
use wom_sdk::{Result, instrument::Instrument};

use crate::{Entry, Form, RulesEntry, Setting, platforms, ticketing};

pub(crate) fn standard_adapters() -> Vec<Entry> {
    let mut entries = vec![
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
        adapter(xapi_settings(), |config| Ok(Arc::new(Cmi5::new(config)?))),
        adapter(xapi_settings(), |config| Ok(Arc::new(Xapi::new(config)?))),
        Entry::new(
            XapiPush::INFO,
            XapiPush::CAPABILITIES,
            xapi_push_settings(),
            |config| Ok(Arc::new(XapiPush::new(config)?)),
        ),
        adapter(apple_health_settings(), |config| {
            Ok(Arc::new(AppleHealth::new(config)?))
        }),
        adapter(fit_settings(), |config| Ok(Arc::new(Fit::new(config)?))),
    ];
    entries.extend(platforms::adapters());
    entries.extend(ticketing::adapters());
    entries
}

pub(crate) fn standard_rules() -> Vec<RulesEntry> {
    vec![
        RulesEntry::new(
            ActiveMinutes::NAME,
            "Minutes of walking, running, cycling and other exercise: steps by their pace, sessions by their timer, milestones by their worth; whatever overlaps counts once",
            active_minutes_settings(),
            |rules: ActiveMinutes| Ok(Arc::new(rules)),
        ),
        RulesEntry::new(
            StudyMinutes::NAME,
            "Minutes of study: stated times bounded by their session, clicks by the gaps between them, films by what was played, milestones by what time has not earned; whatever overlaps counts once",
            study_minutes_settings(),
            |rules: StudyMinutes| Ok(Arc::new(rules)),
        ),
        ticketing::rules(),
    ]
}

/// The entry of an adapter, which says itself what it is.
pub(crate) fn adapter<C: Default + DeserializeOwned + 'static>(
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

/// The settings that all learning platforms share.
pub(crate) fn platform_settings() -> Vec<Setting> {
    vec![
        Setting::new("durations", Form::Files, "Files that say how long activities are meant to take: on each line the minutes, a blank and the activity's id."),
        Setting::new("milestones", Form::Flag, "Whether milestones are handed on. The time of their activities is then kept under the campaign's pseudonym too, as they are worth less the more was earned by time.")
            .default_is("false"),
        Setting::new("source", Form::Text, "The name of the platform. It never changes, as everything that is known of the platform hangs on it.")
            .default_is("lms"),
    ]
}

/// How statements are read.
fn statements_settings() -> Vec<Setting> {
    let mut settings = platform_settings();
    settings.extend([
        Setting::new("authorities", Form::List, "Whose word is taken: the authorities that the LRS notes, each as mailto:…, the SHA-1 of a mailbox, an OpenID, or the address of an account, a blank and its name. Each may void what another of them said. Without it everybody is believed, and voids only what the same authority said."),
        Setting::new("browse", Form::Flag, "Whether sessions that were launched for browsing or reviewing count.")
            .default_is("false"),
        Setting::new("max_statement_bytes", Form::Whole, "The most that one statement may have.")
            .default_is("1048576")
            .counts("bytes"),
        Setting::new("starts_at_timestamp", Form::Flag, "Whether a statement's time is the beginning of its duration, and not the end.")
            .default_is("false"),
        Setting::new("zone", Form::Text, "Whose clock times without a zone are read by, such as Europe/Rome. Without it they are refused."),
    ]);
    settings
}

fn xapi_settings() -> Vec<Setting> {
    let mut settings = statements_settings();
    settings.extend([
        Setting::new("danger_accept_plain_http", Form::Flag, "Whether plain http to another machine is accepted, over which anybody on the way can read credentials and learners.")
            .default_is("false"),
        Setting::new("endpoint", Form::Text, "The address of the LRS to pull from, such as https://lrs.example.org/xapi."),
        Setting::new("look_back_hours", Form::Whole, "How far before the last pull the next one begins, as statements come late.")
            .default_is("168")
            .counts("hours"),
        Setting::new("page_size", Form::Whole, "How many statements are asked for at once.")
            .default_is("500")
            .counts("statements"),
        Setting::new("secret_files", Form::Files, "Files with the password or token of the LRS in each. While the secret changes there are two: they are tried in order."),
        Setting::new("secret_variables", Form::List, "Variables of the environment with the password or token of the LRS in each."),
        Setting::new("username", Form::Text, "The user name for Basic authentication. Without it the secret is a Bearer token."),
        Setting::new("version", Form::OneOf(&["1.0.3", "2.0.0"]), "The version of xAPI to ask the LRS in.")
            .default_is("1.0.3"),
    ]);
    settings
}

fn xapi_push_settings() -> Vec<Setting> {
    let mut settings = statements_settings();
    settings.extend([
        Setting::new("secret_files", Form::Files, "Files with the password or token in each that whoever posts must have. While the secret changes there are two: either is taken."),
        Setting::new("secret_variables", Form::List, "Variables of the environment with the password or token in each. One file or variable is needed at least."),
        Setting::new("username", Form::Text, "The user name for Basic authentication. Without it the secret is a Bearer token."),
    ]);
    settings
}

fn study_minutes_settings() -> Vec<Setting> {
    let worth = |name, meaning| {
        Setting::new(name, Form::Whole, meaning)
            .default_is("0")
            .counts("minutes")
    };
    vec![
        Setting::new("attention_limit_s", Form::Whole, "After how long a film without any other trace of the learner stops counting.")
            .default_is("1800")
            .counts("seconds"),
        worth("badge_minutes", "What a badge is worth."),
        worth("completed_minutes", "What completing an activity is worth, less what was earned there by time."),
        worth("course_minutes", "What a whole course is worth, less what was earned in it."),
        Setting::new("day_minutes", Form::Whole, "The most minutes of a day.")
            .default_is("240")
            .counts("minutes"),
        Setting::new("idle_gap_s", Form::Whole, "The longest gap between two clicks that counts.")
            .default_is("600")
            .counts("seconds"),
        Setting::new("item_day_minutes", Form::Whole, "The most minutes of a day in one activity whose length nobody knows.")
            .default_is("120")
            .counts("minutes"),
        worth("mastered_minutes", "What mastering an activity is worth, less what was earned there by time."),
        Setting::new("max_interval_s", Form::Whole, "The longest stated time, at most a day; of a longer one the end counts.")
            .default_is("14400")
            .counts("seconds"),
        Setting::new("milestone_needs_minutes", Form::Whole, "How many minutes must have been earned in an activity before its milestones count.")
            .default_is("1")
            .counts("minutes"),
        Setting::new("nominal_percent", Form::Whole, "The most that an activity of known length earns, as a part of that.")
            .default_is("150")
            .counts("percent"),
        worth("passed_minutes", "What passing an activity is worth, less what was earned there by time: of an exam of 6 CFU, 9000 are its 150 hours."),
        Setting::new("require_bounds", Form::Flag, "Whether stated times count only where the session's beginning or the platform's clock bounds them.")
            .default_is("false"),
        Setting::new("tail_credit_s", Form::Whole, "What the last click of a chain is worth, at most 60.")
            .default_is("0")
            .counts("seconds"),
        Setting::new("week_minutes", Form::Whole, "The most minutes of a week, from Monday.")
            .default_is("1200")
            .counts("minutes"),
        Setting::new("zone", Form::Text, "Whose days and weeks the limits are for; it should be the campaign's.")
            .default_is("UTC"),
    ]
}

#[cfg(test)]
pub(crate) mod tests {
    use serde::Serialize;
    use serde_json::Value;
    use wom_sdk::Kind;

    use super::*;
    use crate::{Catalog, Settings};

    /// What is documented is what the struct takes, with the same defaults.
    pub(crate) fn assert_documented<C: Default + Serialize>(settings: &[Setting]) {
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
        assert_documented::<wom_adapter_elearning::XapiConfig>(&xapi_settings());
        assert_documented::<wom_adapter_elearning::PushConfig>(&xapi_push_settings());
        assert_documented::<StudyMinutes>(&study_minutes_settings());
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
