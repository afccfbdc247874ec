//! In which languages pages speak, and how they tell numbers and days.

use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wom_sdk::{Day, protocol::Aim};
use wom_sinks::Tongue;

/// A language of the page.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    /// English.
    En,
    /// Italian.
    It,
}

impl Language {
    /// The one that the browser asks for first, of those that there are; English where it asks for
    /// neither.
    pub(crate) fn of_browser(headers: &HeaderMap) -> Self {
        Self::asked_by(headers).unwrap_or(Self::En)
    }

    /// The one that the browser asks for first, if there is one of those.
    pub(crate) fn asked_by(headers: &HeaderMap) -> Option<Self> {
        let asked = headers.get(header::ACCEPT_LANGUAGE);
        let asked = asked.and_then(|value| value.to_str().ok()).unwrap_or("");
        asked.split(',').find_map(|entry| {
            let tag = entry.split(';').next()?.trim();
            match tag.split('-').next()?.to_ascii_lowercase().as_str() {
                "en" => Some(Self::En),
                "it" => Some(Self::It),
                _ => None,
            }
        })
    }

    /// One of two texts.
    pub(crate) fn say(self, english: &'static str, italian: &'static str) -> &'static str {
        match self {
            Self::En => english,
            Self::It => italian,
        }
    }

    pub(crate) fn tag(self) -> &'static str {
        self.say("en", "it")
    }

    /// What it calls itself.
    pub(crate) fn own_name(self) -> &'static str {
        self.say("English", "Italiano")
    }

    pub(crate) fn other(self) -> Self {
        match self {
            Self::En => Self::It,
            Self::It => Self::En,
        }
    }

    /// `1 minute`, `25 minutes`.
    pub(crate) fn minutes(self, count: u64) -> String {
        let word = match count {
            1 => self.say("minute", "minuto"),
            _ => self.say("minutes", "minuti"),
        };
        format!("{} {word}", self.number(count))
    }

    /// `9999`, but `12,000` or `12.000`.
    fn number(self, number: u64) -> String {
        let digits = number.to_string();
        if digits.len() < 5 {
            return digits;
        }
        let mut told = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                told += self.say(",", ".");
            }
            told.push(digit);
        }
        told
    }

    /// `1 March 2026`, `1º marzo 2026`.
    pub(crate) fn day(self, day: Day) -> String {
        let first = match day.day_of_month() {
            1 => self.say("", "º"),
            _ => "",
        };
        let month = self.tongue().month(day);
        format!("{}{first} {month} {}", day.day_of_month(), day.year())
    }

    /// What minutes were given to; `None` is what the campaign does not know any more.
    pub(crate) fn aim(self, aim: Option<Aim>) -> String {
        aim.map_or_else(
            || self.say("Something else", "Altro").to_owned(),
            |aim| self.tongue().aim(aim),
        )
    }

    fn tongue(self) -> Tongue {
        match self {
            Self::En => Tongue::English,
            Self::It => Tongue::Italian,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_days_are_told_as_people_write_them() {
        let told = |count| [Language::En, Language::It].map(|language| language.minutes(count));
        assert_eq!(told(1), ["1 minute", "1 minuto"]);
        assert_eq!(told(0), ["0 minutes", "0 minuti"]);
        assert_eq!(told(9_999), ["9999 minutes", "9999 minuti"]);
        assert_eq!(told(1_234_567), ["1,234,567 minutes", "1.234.567 minuti"]);
        let told = |day: &str| {
            [Language::En, Language::It].map(|language| language.day(day.parse().unwrap()))
        };
        assert_eq!(told("2026-03-01"), ["1 March 2026", "1º marzo 2026"]);
        assert_eq!(told("2026-12-21"), ["21 December 2026", "21 dicembre 2026"]);
    }

    #[test]
    fn the_browsers_first_language_that_there_is_is_taken() {
        let of = |asked: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, asked.parse().unwrap());
            Language::of_browser(&headers)
        };
        assert_eq!(of("de, it-CH;q=0.9, en;q=0.8"), Language::It);
        assert_eq!(of("EN-gb,it"), Language::En);
        assert_eq!(of("*, ;;, item"), Language::En);
        assert_eq!(Language::of_browser(&HeaderMap::new()), Language::En);
    }
}
