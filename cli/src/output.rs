//! What the program says: lines for people, or JSON for machines.

use std::{
    fmt::Display,
    io::{IsTerminal as _, Write as _},
};

use serde::Serialize;
use serde_json::json;
use wom_sdk::{Error, Retry, campaign::Language};

/// Where and how to print.
#[derive(Debug)]
pub struct Output {
    /// For machines.
    pub json: bool,
    /// The reader's language.
    pub language: Language,
    /// Whether standard output is a terminal that may be coloured.
    pub color: bool,
}

impl Output {
    pub fn new(json: bool, lang: Option<&str>) -> Self {
        let from_system = || {
            let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
            set("LC_ALL")
                .or_else(|| set("LC_MESSAGES"))
                .or_else(|| set("LANG"))
                .unwrap_or_default()
        };
        let language = Language::of_tag(&lang.map_or_else(from_system, str::to_owned));
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let color = !json && !plain && std::io::stdout().is_terminal();
        Self {
            json,
            language,
            color,
        }
    }

    /// A line for people; nothing for machines.
    pub fn line(&self, text: impl Display) {
        if !self.json {
            print(&text);
        }
    }

    /// A heading for people.
    pub fn heading(&self, text: impl Display) {
        match self.color {
            true => self.line(format_args!("\n\x1b[1m{text}\x1b[0m")),
            false => self.line(format_args!("\n{text}")),
        }
    }

    /// An object for machines; nothing for people.
    pub fn object(&self, object: &impl Serialize) {
        if self.json
            && let Ok(text) = serde_json::to_string(object)
        {
            print(&text);
        }
    }

    /// The text in the reader's language.
    pub fn say(&self, english: &'static str, italian: &'static str) -> &'static str {
        match self.language {
            Language::Italian => italian,
            _ => english,
        }
    }

    /// A note on standard error: progress, warnings. Machines hear it too.
    pub fn note(&self, text: impl Display) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// Says what went wrong, and gives the exit code for it.
    pub fn fail(&self, error: &Error) -> u8 {
        if self.json {
            let context: serde_json::Map<_, _> = error
                .context()
                .map(|(name, value)| (name.to_owned(), json!(value)))
                .collect();
            self.note(json!({"error": {
                "code": error.code(),
                "message": error.message(),
                "context": context,
                "retry": error.retry().code(),
                "hint": error.advice(),
            }}));
        } else {
            self.note(format_args!("wom: {error} [{}]", error.code()));
            let mut cause = std::error::Error::source(error);
            while let Some(because) = cause {
                self.note(format_args!("  because: {because}"));
                cause = because.source();
            }
        }
        match error.retry() {
            Retry::Never => 1,
            _ => 3,
        }
    }
}

/// A reader that went away (`wom … | head`) is no error.
fn print(text: &impl Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
