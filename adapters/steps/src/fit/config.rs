//! The settings of `steps.fit`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// Settings of [`Fit`](super::Fit).
///
/// ```
/// use wom_adapter_steps::FitConfig;
///
/// let config: FitConfig = serde_json::from_str(r#"{ "subject": "anna" }"#)?;
/// assert!(!config.keep_bad_crc);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitConfig {
    /// Whose file it is, as the embedder calls the person: 1 to 256 bytes, `me` by default. A FIT
    /// file does not tell.
    pub subject: String,
    /// Whether to use a part of a file whose checksum does not hold; `false` by default. Any
    /// value in it may be wrong.
    #[serde(deserialize_with = "flag")]
    pub keep_bad_crc: bool,
}

impl Default for FitConfig {
    fn default() -> Self {
        Self {
            subject: "me".to_owned(),
            keep_bad_crc: false,
        }
    }
}

impl fmt::Debug for FitConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FitConfig")
            .field("keep_bad_crc", &self.keep_bad_crc)
            .finish_non_exhaustive()
    }
}

/// `true` and `false`, also as text: so they come from a command line.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Flag {
        Bool(bool),
        Text(String),
    }
    match Flag::deserialize(deserializer)? {
        Flag::Bool(flag) => Ok(flag),
        Flag::Text(text) => text
            .parse()
            .map_err(|_| serde::de::Error::custom("must be true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_by_text_and_unknown_ones() {
        let config: FitConfig =
            serde_json::from_str(r#"{ "subject": "p", "keep_bad_crc": "true" }"#).unwrap();
        assert!(config.keep_bad_crc);
        assert!(!format!("{config:?}").contains("\"p\""));
        assert!(serde_json::from_str::<FitConfig>(r#"{ "keepbadcrc": true }"#).is_err());
        assert!(serde_json::from_str::<FitConfig>(r#"{ "keep_bad_crc": "maybe" }"#).is_err());
    }
}
