//! What the page says, in the languages of those who read it.

use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// The one that the browser asks for first, of those that there are.
    pub(super) fn of_browser(headers: &HeaderMap) -> Self {
        let asked = headers.get(header::ACCEPT_LANGUAGE);
        let asked = asked.and_then(|value| value.to_str().ok()).unwrap_or("");
        let known = asked.split(',').find_map(|entry| {
            let tag = entry.split(';').next()?.trim();
            match tag.split('-').next()?.to_ascii_lowercase().as_str() {
                "en" => Some(Self::En),
                "it" => Some(Self::It),
                _ => None,
            }
        });
        known.unwrap_or(Self::En)
    }

    /// One of two texts.
    pub(super) fn say(self, english: &'static str, italian: &'static str) -> &'static str {
        match self {
            Self::En => english,
            Self::It => italian,
        }
    }

    pub(super) fn tag(self) -> &'static str {
        self.say("en", "it")
    }
}
