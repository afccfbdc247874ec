//! The settings, and what they mean.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};
use wom_sdk::{Activity, Day, Error, Kind, Result, Timestamp, Zone, observation::Policy};

use super::name::Slug;

/// Settings of [`Pretix`](crate::Pretix). `address`, `organizer` and a token are needed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct PretixConfig {
    /// What attending is: the name of an activity. Default `attending`.
    pub activity: String,
    /// The address of the installation, needed, such as `https://tickets.example.org`. It never changes: tickets
    /// are known by it.
    pub address: Option<String>,
    /// Whether plain http to another machine is accepted, over which anybody on the way can read the
    /// token and tickets. Default `false`.
    pub danger_accept_plain_http: bool,
    /// When the days begin into which what is open for over 24 hours is cut, by the clock of the event:
    /// `HH:MM`. Default `04:00`, so that a festival's night belongs to the day before.
    pub day_start: String,
    /// The short forms (slugs) of the events that count. Default: every event that the token may read.
    pub events: Vec<String>,
    /// The numbers of products whose tickets earn nothing: staff, press, artists.
    pub exclude_items: Vec<String>,
    /// The numbers of check-in lists whose scans do not count.
    pub exclude_lists: Vec<String>,
    /// How long a visit with a product's ticket takes where no end is planned: the product's number, `=`
    /// and minutes, such as `17=90`. Goes before `nominal_minutes`.
    pub item_nominal_minutes: Vec<String>,
    /// The policy for a product's tickets: its number, `=` and the policy, such as `17=scheduled`. Goes
    /// before `list_policies`.
    pub item_policies: Vec<String>,
    /// The policy for tickets that were scanned on a check-in list: its number, `=` and the policy, such
    /// as `2=measured`. Of several the one that gives least holds. Goes before `policy`.
    pub list_policies: Vec<String>,
    /// How long a visit takes where no end is planned, in minutes. Default: none, and nothing counts
    /// there.
    pub nominal_minutes: Option<u32>,
    /// The short form (slug) of the organizer, needed.
    pub organizer: Option<String>,
    /// What counts where nobody was seen to leave. Default `overlap`: to the planned end.
    pub policy: Policy,
    /// Files with a token of the API in each. While a token changes there are two.
    pub secret_files: Vec<PathBuf>,
    /// Variables of the environment with a token of the API in each.
    pub secret_variables: Vec<String>,
    /// Whether tickets count whose price was paid back in full. Default `false`.
    pub trust_refunded: bool,
    /// Files with the password, in each, that stands in the webhook's target address.
    pub webhook_secret_files: Vec<PathBuf>,
    /// Variables of the environment with the password, in each, that stands in the webhook's target
    /// address.
    pub webhook_secret_variables: Vec<String>,
    /// The user name in the webhook's target address. Default: none, and every call is taken for a hint
    /// to go and look.
    pub webhook_username: Option<String>,
}

impl Default for PretixConfig {
    fn default() -> Self {
        Self {
            activity: Activity::ATTENDING.as_str().to_owned(),
            address: None,
            danger_accept_plain_http: false,
            day_start: "04:00".to_owned(),
            events: Vec::new(),
            exclude_items: Vec::new(),
            exclude_lists: Vec::new(),
            item_nominal_minutes: Vec::new(),
            item_policies: Vec::new(),
            list_policies: Vec::new(),
            nominal_minutes: None,
            organizer: None,
            policy: Policy::Overlap,
            secret_files: Vec::new(),
            secret_variables: Vec::new(),
            trust_refunded: false,
            webhook_secret_files: Vec::new(),
            webhook_secret_variables: Vec::new(),
            webhook_username: None,
        }
    }
}

/// How tickets are looked at.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) activity: Activity,
    pub(super) day_start: DayStart,
    pub(super) trust_refunded: bool,
    exclude_items: Vec<u64>,
    exclude_lists: Vec<u64>,
    item_nominal_minutes: BTreeMap<u64, u32>,
    item_policies: BTreeMap<u64, Policy>,
    list_policies: BTreeMap<u64, Policy>,
    nominal_minutes: Option<u32>,
    policy: Policy,
}

impl Terms {
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] for what is not of the form that [`PretixConfig`] tells.
    pub(super) fn new(config: &PretixConfig) -> Result<Self> {
        let numbers = |setting, texts: &[String]| -> Result<Vec<u64>> {
            texts.iter().map(|text| number(setting, text)).collect()
        };
        Ok(Self {
            activity: Activity::new(config.activity.trim())
                .map_err(|_| wrong("activity", "a name such as attending"))?,
            day_start: DayStart::new(&config.day_start)?,
            trust_refunded: config.trust_refunded,
            exclude_items: numbers("exclude_items", &config.exclude_items)?,
            exclude_lists: numbers("exclude_lists", &config.exclude_lists)?,
            item_nominal_minutes: pairs(
                "item_nominal_minutes",
                &config.item_nominal_minutes,
                |text| {
                    text.parse()
                        .ok()
                        .filter(|minutes| (1..=1440).contains(minutes))
                },
            )?,
            item_policies: pairs("item_policies", &config.item_policies, policy)?,
            list_policies: pairs("list_policies", &config.list_policies, policy)?,
            nominal_minutes: match config.nominal_minutes {
                Some(0 | 1441..) => return Err(wrong("nominal_minutes", "1 to 1440 minutes")),
                minutes => minutes,
            },
            policy: config.policy,
        })
    }

    pub(super) fn excludes_item(&self, item: u64) -> bool {
        self.exclude_items.contains(&item)
    }

    pub(super) fn excludes_list(&self, list: u64) -> bool {
        self.exclude_lists.contains(&list)
    }

    /// How long a visit takes where no end is planned, in milliseconds.
    pub(super) fn nominal_ms(&self, item: u64) -> Option<i64> {
        let minutes = self.item_nominal_minutes.get(&item).copied();
        let minutes = minutes.or(self.nominal_minutes)?;
        Some(i64::from(minutes) * wom_sdk::MINUTE_MS)
    }

    /// What counts for a ticket for this product that was scanned on these lists.
    pub(super) fn policy(&self, item: u64, lists: impl IntoIterator<Item = u64>) -> Policy {
        if let Some(policy) = self.item_policies.get(&item) {
            return *policy;
        }
        let of_list = |list| {
            self.list_policies
                .get(&list)
                .copied()
                .unwrap_or(self.policy)
        };
        let least = lists
            .into_iter()
            .map(of_list)
            .min_by_key(|policy| match policy {
                Policy::Measured => 0,
                Policy::Overlap => 1,
                _ => 2,
            });
        least.unwrap_or(self.policy)
    }
}

/// When a day begins by the clock.
#[derive(Clone, Debug)]
pub(super) struct DayStart(String);

impl DayStart {
    fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        let part = |text: &str, end: u8| {
            text.len() == 2
                && text.bytes().all(|byte| byte.is_ascii_digit())
                && text.parse::<u8>().is_ok_and(|number| number < end)
        };
        match text.split_once(':') {
            Some((hour, minute)) if part(hour, 24) && part(minute, 60) => Ok(Self(text.to_owned())),
            _ => Err(wrong("day_start", "a time such as 04:00")),
        }
    }

    /// The instant at which a day begins.
    pub(super) fn of(&self, day: Day, zone: &Zone) -> Timestamp {
        let reading = format!("{day}T{}", self.0);
        zone.instant(&reading)
            .unwrap_or_else(|_| zone.start_of(day))
    }

    /// The day that an instant belongs to.
    pub(super) fn day(&self, at: Timestamp, zone: &Zone) -> Day {
        let day = zone.day(at);
        match at < self.of(day, zone) {
            true => zone.day(zone.start_of(day).plus_millis(-1)),
            false => day,
        }
    }
}

/// The events that count: all, or these.
#[derive(Clone, Debug)]
pub(super) struct Events(Option<Vec<Slug>>);

impl Events {
    pub(super) fn new(config: &PretixConfig) -> Result<Self> {
        let slugs = config.events.iter().map(|text| {
            Slug::new(text.trim()).ok_or_else(|| wrong("events", "the short forms of events"))
        });
        let slugs: Vec<_> = slugs.collect::<Result<_>>()?;
        Ok(Self((!slugs.is_empty()).then_some(slugs)))
    }

    /// Those that are named; `None` if every event counts.
    pub(super) fn named(&self) -> Option<&[Slug]> {
        self.0.as_deref()
    }

    pub(super) fn contain(&self, event: &Slug) -> bool {
        self.named().is_none_or(|named| named.contains(event))
    }
}

pub(super) fn wrong(setting: &'static str, form: &'static str) -> Error {
    Error::new(Kind::ConfigurationInvalid, "a setting is not of its form")
        .with("setting", setting)
        .hint(format!("write {form}"))
}

fn number(setting: &'static str, text: &str) -> Result<u64> {
    let number = text.trim().parse();
    number.map_err(|_| {
        wrong(
            setting,
            "the numbers that pretix shows in the addresses of its pages",
        )
    })
}

fn pairs<T>(
    setting: &'static str,
    texts: &[String],
    value: impl Fn(&str) -> Option<T>,
) -> Result<BTreeMap<u64, T>> {
    let pair = |text: &String| {
        let (name, text) = text.split_once('=')?;
        Some((number(setting, name).ok()?, value(text.trim())?))
    };
    let pairs = texts.iter().map(|text| {
        pair(text).ok_or_else(|| {
            wrong(
                setting,
                "a number, = and a value, such as 17=measured or 17=90",
            )
        })
    });
    pairs.collect()
}

fn policy(text: &str) -> Option<Policy> {
    serde_json::from_value(text.into()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(change: impl FnOnce(&mut PretixConfig)) -> Result<Terms> {
        let mut config = PretixConfig::default();
        change(&mut config);
        Terms::new(&config)
    }

    #[test]
    fn the_more_special_setting_holds_and_of_lists_the_least() {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let terms = terms(|config| {
            config.item_policies = texts(&["17=scheduled"]);
            config.list_policies = texts(&["2=measured", " 3 = scheduled "]);
            config.item_nominal_minutes = texts(&["17=90"]);
            config.nominal_minutes = Some(60);
        })
        .unwrap();
        assert_eq!(terms.policy(17, [2]), Policy::Scheduled);
        assert_eq!(terms.policy(1, []), Policy::Overlap);
        assert_eq!(terms.policy(1, [3]), Policy::Scheduled);
        assert_eq!(terms.policy(1, [3, 9]), Policy::Overlap);
        assert_eq!(terms.policy(1, [3, 2]), Policy::Measured);
        assert_eq!(terms.nominal_ms(17), Some(90 * 60_000));
        assert_eq!(terms.nominal_ms(1), Some(60 * 60_000));
    }

    #[test]
    fn what_is_not_of_its_form_is_refused_by_name() {
        let refused = |setting, change: fn(&mut PretixConfig)| {
            let error = terms(change).unwrap_err().to_string();
            assert!(error.contains(setting), "{error}");
        };
        refused("activity", |config| {
            config.activity = "Going out".to_owned()
        });
        refused("day_start", |config| config.day_start = "24:00".to_owned());
        refused("exclude_lists", |config| {
            config.exclude_lists = vec!["door".to_owned()]
        });
        refused("item_policies", |config| {
            config.item_policies = vec!["1=most".to_owned()]
        });
        refused("item_nominal_minutes", |config| {
            config.item_nominal_minutes = vec!["1=1441".to_owned()];
        });
        refused("nominal_minutes", |config| config.nominal_minutes = Some(0));
    }

    #[test]
    fn a_night_belongs_to_the_day_before_also_when_the_clocks_change() {
        let rome: Zone = "Europe/Rome".parse().unwrap();
        let start = DayStart::new("04:00").unwrap();
        let day = |at: &str| start.day(at.parse().unwrap(), &rome).to_string();
        assert_eq!(day("2026-06-02T01:59:59Z"), "2026-06-01");
        assert_eq!(day("2026-06-02T02:00:00Z"), "2026-06-02");
        assert_eq!(day("2026-10-25T02:59:59Z"), "2026-10-24");
        assert_eq!(day("2026-10-25T03:00:00Z"), "2026-10-25");
    }
}
