//! The list of aims that a Registry publishes (GET v2/aims).

use serde::Serialize;

use crate::{
    Result,
    protocol::{
        AIMS,
        json::{self, Layer, Limits, Members},
    },
};

/// The aims that a Registry knows, sorted by code.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct AimList {
    /// The aims.
    pub aims: Vec<AimEntry>,
}

/// An aim as a Registry publishes it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct AimEntry {
    /// The code; other Registries may use codes that are no [`Aim`](crate::protocol::Aim).
    pub code: String,
    /// The titles.
    pub titles: AimTitles,
    /// Whether wallets leave it out of their lists.
    pub hidden: bool,
}

/// The titles of an aim.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct AimTitles {
    /// In English; empty if the Registry has none.
    pub en: String,
    /// In Italian; empty if the Registry has none.
    pub it: String,
}

impl AimList {
    /// The aims known at this release.
    pub fn known() -> Self {
        let aims = AIMS.iter().map(|aim| AimEntry {
            code: aim.code.to_owned(),
            titles: AimTitles {
                en: aim.en.to_owned(),
                it: aim.it.to_owned(),
            },
            hidden: aim.hidden,
        });
        Self {
            aims: aims.collect(),
        }
    }

    /// The body of the answer.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("aims are plain data")
    }

    /// Reads the body of the answer.
    pub fn from_outer(body: &[u8]) -> Result<Self> {
        let body = json::object(body, Layer::Outer, Limits::default())?;
        let aims = body.members().list("aims", |aim| {
            let titles = aim.optional_object("titles")?;
            let titles = titles.map(|titles| Members::new(titles, Layer::Outer));
            let title = |language| -> Result<String> {
                let title = titles.map(|titles| titles.optional_text(language));
                Ok(title.transpose()?.flatten().unwrap_or_default().to_owned())
            };
            Ok(AimEntry {
                code: aim.text("code")?.to_owned(),
                titles: AimTitles {
                    en: title("en")?,
                    it: title("it")?,
                },
                hidden: aim.optional_boolean("hidden")?.unwrap_or(false),
            })
        })?;
        Ok(Self { aims })
    }
}
