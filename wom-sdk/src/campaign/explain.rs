//! Why so many minutes: in words, for the person and for whoever answers their questions.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Unit;
use crate::{MINUTE_MS, Timestamp, rules::Judgement};

/// How one unit was counted on one line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Counted {
    /// The line.
    pub line: String,
    /// The day or named thing.
    pub unit: Unit,
    /// Time that applies, in milliseconds, after the union.
    pub millis: i64,
    /// Minutes not paid at the start.
    pub unpaid_minutes: u32,
    /// Minutes over the cap, dropped.
    pub over_cap_minutes: u32,
    /// Minutes due.
    pub minutes: u32,
    /// When it is judged for good.
    pub settles: Timestamp,
    /// For a milestone: when it was reached. For a session: when it was planned to begin.
    pub reached: Option<Timestamp>,
}

/// A language that people are spoken to in.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Italian.
    Italian,
}

impl Language {
    /// The language of a tag such as `it`, `it_IT.UTF-8` or `it-CH`; English where it is another.
    pub fn of_tag(tag: &str) -> Self {
        let italian = tag
            .get(..2)
            .is_some_and(|start| start.eq_ignore_ascii_case("it"));
        if italian && !tag[2..].starts_with(|c: char| c.is_ascii_alphanumeric()) {
            Self::Italian
        } else {
            Self::English
        }
    }
}

/// Which rule and policy decided, for every entry and unit; its text is one line for each.
#[derive(Clone, Copy, Debug)]
pub struct Explanation<'a> {
    /// What the rule set found.
    pub judgement: &'a Judgement,
    /// How the campaign counted it.
    pub counted: &'a [Counted],
    /// In which language.
    pub language: Language,
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.judgement.findings {
            let text = match self.language {
                Language::English => finding.reason.en,
                Language::Italian => finding.reason.it,
            };
            writeln!(f, "{}  {}  {text}", finding.span, clock(finding.millis))?;
        }
        for counted in self.counted {
            writeln!(f, "{}", counted.sentence(self.language))?;
        }
        Ok(())
    }
}

impl Counted {
    /// How the unit was counted, in one sentence.
    pub fn sentence(&self, language: Language) -> String {
        let Self {
            line,
            unit,
            minutes,
            ..
        } = self;
        let time = clock(self.millis);
        let begins = self.reached.unwrap_or(self.settles);
        let mut text = match (language, unit) {
            (Language::English, Unit::Day(day)) => {
                format!("{line}, {day}: {time} of activity gives {minutes} min")
            }
            (Language::Italian, Unit::Day(day)) => {
                format!("{line}, {day}: {time} di attività danno {minutes} min")
            }
            (Language::English, Unit::Session(_)) => {
                format!("{line}, session of {begins}: {time} of presence gives {minutes} min")
            }
            (Language::Italian, Unit::Session(_)) => {
                format!("{line}, sessione del {begins}: {time} di presenza danno {minutes} min")
            }
            (Language::English, Unit::Named(name)) => {
                format!("{line}, {}: worth {minutes} min", readable(name))
            }
            (Language::Italian, Unit::Named(name)) => {
                format!("{line}, {}: vale {minutes} min", readable(name))
            }
        };
        let details = [(self.unpaid_minutes, false), (self.over_cap_minutes, true)];
        for (minutes, cap) in details.into_iter().filter(|(minutes, _)| *minutes > 0) {
            text += &match (language, cap) {
                (Language::English, false) => format!("; the first {minutes} min are not paid"),
                (Language::English, true) => format!("; {minutes} min are over the cap"),
                (Language::Italian, false) => {
                    format!("; i primi {minutes} min non sono retribuiti")
                }
                (Language::Italian, true) => format!("; {minutes} min superano il tetto"),
            };
        }
        text
    }
}

/// The part of a name that people can read: adapters of platforms add the digest of what was reached.
fn readable(name: &str) -> &str {
    let digest = |end: &str| end.len() == 32 && end.bytes().all(|b| b.is_ascii_hexdigit());
    match name.rsplit_once(':') {
        Some((word, end)) if digest(end) => word,
        _ => name,
    }
}

/// Minutes and seconds, `62:05`.
fn clock(millis: i64) -> String {
    format!("{}:{:02}", millis / MINUTE_MS, millis % MINUTE_MS / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_reached_is_told_by_its_word_and_its_worth() {
        let sentence = |name: &str, language| {
            let counted = Counted {
                line: "study".to_owned(),
                unit: Unit::Named(name.to_owned()),
                millis: 90 * MINUTE_MS,
                minutes: 90,
                unpaid_minutes: 0,
                over_cap_minutes: 0,
                settles: Timestamp::EPOCH,
                reached: None,
            };
            counted.sentence(language)
        };
        let of_a_platform = "passed:7a14dbcfed20642542ea9108230feec2";
        assert_eq!(
            sentence(of_a_platform, Language::English),
            "study, passed: worth 90 min"
        );
        assert_eq!(
            sentence("gita: Urbino", Language::Italian),
            "study, gita: Urbino: vale 90 min"
        );
    }
}
