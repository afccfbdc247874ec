//! A campaign as it is written down: in `wom.toml`, or handed over by a program.

use serde::Deserialize;
use wom_sdk::{
    Activity, Day, Error, Kind, MINUTE_MS, Result, Span, Zone,
    campaign::{Campaign, Collect, Hours, Line, Mode},
    protocol::{Aim, Position},
};

/// A campaign, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CampaignTable {
    /// The name; part of every award's key.
    name: String,
    title: Option<String>,
    zone: String,
    from: Day,
    until: Day,
    settlement_hours: u32,
    #[serde(default = "lateness")]
    lateness_days: u32,
    #[serde(default)]
    collect: CollectText,
    place: String,
    /// Whether vouchers tell the place as it is.
    #[serde(default)]
    pub exact_place: bool,
    /// The name of the rule set.
    pub rules: String,
    line: Vec<LineTable>,
}

/// A line of a campaign, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineTable {
    name: String,
    aim: Aim,
    #[serde(default)]
    activities: Vec<Activity>,
    #[serde(default)]
    except: Vec<Activity>,
    #[serde(default)]
    hours: Vec<String>,
    #[serde(default = "yes")]
    milestones: bool,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    unpaid_start_minutes: u32,
    cap_minutes: Option<u32>,
    #[serde(default = "one")]
    round_to_minutes: u32,
}

fn yes() -> bool {
    true
}

/// When settled minutes become an award, as written: `at once`, `on tap`, or a number of minutes.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum CollectText {
    /// The program has nobody who taps: what is settled is awarded.
    #[default]
    Absent,
    Word(String),
    AtLeast(u32),
}

impl CollectText {
    fn check(self) -> Result<Collect> {
        match self {
            Self::Absent => Ok(Collect::AtOnce),
            Self::AtLeast(minutes) => Ok(Collect::AtLeast(minutes)),
            Self::Word(word) => match word.as_str() {
                "at once" => Ok(Collect::AtOnce),
                "on tap" => Ok(Collect::OnTap),
                _ => Err(invalid("not a way to collect")
                    .with("setting", "campaign.collect")
                    .hint("write \"at once\", \"on tap\", or a number of minutes")),
            },
        }
    }
}

fn lateness() -> u32 {
    400
}

fn one() -> u32 {
    1
}

impl CampaignTable {
    /// What people call it, checked; none where the table says nothing.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if it is not one line of 1 to 80 characters.
    pub fn title(&self) -> Result<Option<String>> {
        self.title.clone().map(title).transpose()
    }

    /// Whether the table says when minutes become an award.
    pub fn collect_is_said(&self) -> bool {
        !matches!(self.collect, CollectText::Absent)
    }

    /// The campaign.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] or [`Kind::InputInvalid`] with the name of what does not fit.
    pub fn check(self) -> Result<Campaign> {
        let zone: Zone = self.zone.parse()?;
        let place: Position = self.place.parse()?;
        let runs = Span::new(zone.start_of(self.from), zone.start_of(self.until))
            .map_err(|error| error.with("setting", "campaign.until"))?;
        if self.line.is_empty() {
            return Err(invalid("a campaign needs a line that says what is awarded"));
        }
        let mut lines = Vec::new();
        for line in self.line {
            if lines.iter().any(|other: &Line| other.name == line.name) {
                return Err(
                    invalid("two lines of the campaign have one name").with("line", line.name)
                );
            }
            lines.push(line.check()?);
        }
        let settlement_ms = i64::from(self.settlement_hours) * 60 * MINUTE_MS;
        Ok(Campaign {
            name: self.name,
            zone,
            runs,
            settlement_ms,
            lateness_ms: i64::from(self.lateness_days) * 24 * 60 * MINUTE_MS,
            collect: self.collect.check()?,
            place,
            lines,
        })
    }
}

impl LineTable {
    fn check(self) -> Result<Line> {
        let hours = self.hours.iter().map(|hours| {
            let (from, until) = hours
                .split_once('-')
                .ok_or_else(|| invalid("not a stretch of hours").hint("write it as 07:00-09:30"))?;
            Hours::new(from.trim(), until.trim())
        });
        let hours = hours
            .collect::<Result<_>>()
            .map_err(|error| error.with("setting", "hours"))?;
        if self.round_to_minutes == 0 {
            return Err(
                invalid("minutes cannot be rounded to 0").with("setting", "round_to_minutes")
            );
        }
        Ok(Line {
            name: self.name,
            aim: self.aim,
            activities: self.activities,
            except: self.except,
            hours,
            milestones: self.milestones,
            mode: self.mode,
            unpaid_start_minutes: self.unpaid_start_minutes,
            cap_minutes: self.cap_minutes,
            round_to_minutes: self.round_to_minutes,
        })
    }
}

fn title(text: String) -> Result<String> {
    let length = text.chars().count();
    if !(1..=80).contains(&length) || text.trim() != text || text.chars().any(char::is_control) {
        return Err(invalid("not a title that people can read")
            .with("setting", "campaign.title")
            .hint("write 1 to 80 characters on one line"));
    }
    Ok(text)
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Kind::ConfigurationInvalid, message)
}
