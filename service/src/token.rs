//! Tokens: who may call, for which instrument or POS, and what for.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wom_sdk::{Error, Kind, Result, files};
use zeroize::Zeroizing;

/// What a token is good for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Awarding minutes under keys of the caller's own.
    Awards,
    /// Bringing activity in.
    Activities,
    /// Handing claims over, and opening claim pages.
    Claims,
    /// Exporting and erasing what is kept about a person.
    Subjects,
    /// Asking for payments.
    Checkouts,
    /// Reading the numbers for operators.
    Metrics,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 6] = [
        Self::Awards,
        Self::Activities,
        Self::Claims,
        Self::Subjects,
        Self::Checkouts,
        Self::Metrics,
    ];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Awards => "awards",
            Self::Activities => "activities",
            Self::Claims => "claims",
            Self::Subjects => "subjects",
            Self::Checkouts => "checkouts",
            Self::Metrics => "metrics",
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|scope| scope.name() == text);
        found.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
            Error::new(Kind::InputInvalid, "not what a token can be good for")
                .hint(format!("use one or more of: {}", names.join(", ")))
        })
    }
}

/// What a caller may do: some things, for one instrument and for some POS, and nothing else.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The token's name, for people and for the log.
    pub name: String,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// The instrument that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instrument: Option<String>,
    /// The POS that it is for, by name; a name that ends with `*` stands for all that begin so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pos: Vec<String>,
}

impl Grant {
    /// Whether it is for the POS of this name.
    pub(crate) fn covers_pos(&self, name: &str) -> bool {
        self.pos
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == pattern,
            })
    }
}

/// The tokens that are known, by the digests of their texts: who reads them can call nothing.
#[derive(Clone, Debug, Default)]
pub struct Tokens(BTreeMap<String, Grant>);

impl Tokens {
    const PREFIX: &str = "wom_";

    /// Makes a token of 256 random bits for this grant, and gives its text: it is shown now and never
    /// again.
    pub fn issue(&mut self, grant: Grant) -> Result<Zeroizing<String>> {
        if grant.name.is_empty() || grant.name.len() > 128 || grant.scopes.is_empty() {
            return Err(Error::new(
                Kind::InputInvalid,
                "a token needs a name of 1 to 128 bytes and something that it is good for",
            ));
        }
        if self.0.values().any(|other| other.name == grant.name) {
            return Err(
                Error::new(Kind::InputInvalid, "a token of this name is there")
                    .with("token", &grant.name)
                    .hint("revoke it first, or use another name"),
            );
        }
        let secret = wom_sdk::webhook::Secret::random();
        let written = secret.reveal();
        // The alphabet of base64 for addresses: nothing in it needs quoting anywhere.
        let text: String = written
            .trim_start_matches("whsec_")
            .trim_end_matches('=')
            .chars()
            .map(|letter| match letter {
                '+' => '-',
                '/' => '_',
                other => other,
            })
            .collect();
        let text = Zeroizing::new(format!("{}{text}", Self::PREFIX));
        self.0.insert(digest(&text), grant);
        Ok(text)
    }

    /// Forgets the token of this name. Returns whether there was one.
    pub fn revoke(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|_, grant| grant.name != name);
        self.0.len() < before
    }

    /// What the bearer of this text may do. It is looked up by its digest, so how long that takes
    /// tells nothing about the text.
    pub fn grant(&self, text: &str) -> Option<&Grant> {
        self.0.get(&digest(text))
    }

    /// What the bearer of the token with this digest may do.
    pub(crate) fn grant_of(&self, digest: &str) -> Option<&Grant> {
        self.0.get(digest)
    }

    /// What the tokens are good for, in the order of nothing in particular.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.0.values()
    }

    /// Reads a file of tokens; one that is not there holds none.
    pub fn read(path: &Path) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => {
                return Err(
                    Error::new(Kind::ConfigurationInvalid, "cannot read the tokens")
                        .with("file", path.display())
                        .because(error),
                );
            }
        };
        let held: BTreeMap<String, Grant> = serde_json::from_str(&text).map_err(|error| {
            Error::new(Kind::ConfigurationInvalid, "this is no file of tokens")
                .with("file", path.display())
                .with("line", error.line())
                .hint("make one with: wom token add")
        })?;
        Ok(Self(held))
    }

    /// Writes the file as a whole, for its owner's eyes only.
    pub fn write(&self, path: &Path) -> Result<()> {
        let failed = || {
            Error::new(Kind::StorageFailed, "cannot write the tokens").with("file", path.display())
        };
        let mut text =
            serde_json::to_string_pretty(&self.0).map_err(|error| failed().because(error))?;
        text.push('\n');
        files::replace_privately(path, text.as_bytes()).map_err(|error| failed().because(error))
    }
}

/// What a token is known by.
pub(crate) fn digest(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .fold(String::with_capacity(64), |mut digits, byte| {
            let _ = fmt::Write::write_fmt(&mut digits, format_args!("{byte:02x}"));
            digits
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(name: &str) -> Grant {
        Grant {
            name: name.to_owned(),
            scopes: vec![Scope::Awards],
            instrument: Some("bikes".to_owned()),
            pos: vec!["bar-ducale".to_owned(), "chain/*".to_owned()],
        }
    }

    #[test]
    fn a_token_is_known_until_it_is_revoked_and_stands_in_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.json");
        assert!(Tokens::read(&path).unwrap().grants().next().is_none());
        let mut tokens = Tokens::default();
        let text = tokens.issue(grant("moodle")).unwrap();
        assert!(tokens.issue(grant("moodle")).is_err());
        assert_ne!(text, tokens.issue(grant("other")).unwrap());
        tokens.write(&path).unwrap();
        let written = fs::read_to_string(&path).unwrap();
        assert!(!written.contains(&text[4..]));
        let mut read = Tokens::read(&path).unwrap();
        assert_eq!(read.grant(&text), Some(&grant("moodle")));
        assert_eq!(read.grant(&text[1..]), None);
        assert_eq!(read.grant(""), None);
        assert!(read.revoke("moodle"));
        assert!(!read.revoke("moodle"));
        assert_eq!(read.grant(&text), None);
    }

    #[test]
    fn a_token_is_for_its_pos_and_for_no_other() {
        let grant = grant("till");
        for (name, covered) in [
            ("bar-ducale", true),
            ("bar-ducale-2", false),
            ("chain/1", true),
            ("chain", false),
            ("", false),
        ] {
            assert_eq!(grant.covers_pos(name), covered, "{name}");
        }
    }
}
