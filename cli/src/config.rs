//! `wom.toml`: what an instrument is, where it awards, and by which campaign.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use wom_embed::CampaignTable;
use wom_sdk::{Error, Kind, Result, campaign::Campaign};

use crate::{
    keys::{KeyPlace, Written},
    profile::{Profile, ProfileTable},
    serving::{PosTable, ServiceTable, SourceTable, WebhookTable},
    shops::ShopTable,
};

/// The commented file that `wom init` writes.
pub const TEMPLATE: &str = include_str!("wom.toml");

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    profile: Option<String>,
    key_store: Option<PathBuf>,
    key_database_url_file: Option<PathBuf>,
    key_schema: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, ProfileTable>,
    campaign: Option<CampaignTable>,
    #[serde(default)]
    rules: BTreeMap<String, Settings>,
    #[serde(default)]
    adapters: BTreeMap<String, Settings>,
    #[serde(default)]
    sources: BTreeMap<String, SourceTable>,
    webhook: Option<WebhookTable>,
    /// Where `wom serve` listens.
    pub service: Option<ServiceTable>,
    /// The POS that `wom serve` serves.
    pub pos: Option<PosTable>,
    /// The shops that these POS ask for payments for.
    #[serde(default)]
    pub shops: BTreeMap<String, ShopTable>,
}

/// Settings of an adapter or a rule set, by name.
pub type Settings = BTreeMap<String, toml::Value>;

/// The configuration, checked, with paths from where the file lies.
#[derive(Debug)]
pub struct Config {
    /// The name of the profile in use.
    pub profile_name: String,
    /// The profile in use.
    pub profile: Profile,
    /// Where the keys are.
    pub keys: KeyPlace,
    /// The campaign.
    pub campaign: Campaign,
    /// What people call the instrument, where they call it something else than the campaign.
    pub title: Option<String>,
    /// Whether vouchers tell the campaign's place as it is.
    pub exact_place: bool,
    /// The name of the rule set.
    pub rules: String,
    /// The rule set's settings.
    pub rule_settings: Settings,
    /// The adapters' settings, by adapter.
    pub adapters: BTreeMap<String, Settings>,
    /// Whether the file says when minutes become an award.
    pub collect_is_said: bool,
    /// What calls webhooks or is pulled.
    pub sources: BTreeMap<String, SourceTable>,
    /// Where claims go when nobody taps.
    pub webhook: Option<WebhookTable>,
    /// The file's folder, from which its paths start.
    pub dir: PathBuf,
}

impl File {
    /// Reads the file; gives its folder too, from which its paths start.
    pub fn read(path: &Path) -> Result<(Self, PathBuf)> {
        let text = fs::read_to_string(path).map_err(|error| {
            Error::new(Kind::ConfigurationInvalid, "cannot read the configuration")
                .with("file", path.display())
                .hint("make one with: wom init")
                .because(error)
        })?;
        let file = Self::parse(&text).map_err(|error| error.with("file", path.display()))?;
        let dir = path.parent().unwrap_or(Path::new("."));
        Ok((file, dir.to_owned()))
    }

    fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| {
            // The first line names the place, the last the trouble; between them stand the
            // file's own words, which could be a secret in the wrong file.
            let message = error.message().replace('\n', " ");
            let error_at = error
                .span()
                .map_or(1, |span| text[..span.start].lines().count().max(1));
            invalid(message).with("line", error_at)
        })
    }

    /// Whether it describes an instrument.
    pub fn has_campaign(&self) -> bool {
        self.campaign.is_some()
    }

    /// The instrument that it describes, with what the environment says above it.
    pub fn config(self, dir: &Path) -> Result<Config> {
        self.check(dir, from_environment)
    }

    /// Where the keys are.
    pub fn keys(&self, dir: &Path) -> Result<KeyPlace> {
        self.named_keys(dir, from_environment)
    }

    fn named_keys(
        &self,
        dir: &Path,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<KeyPlace> {
        let written = Written {
            key_store: self.key_store.as_deref(),
            key_database_url_file: self.key_database_url_file.as_deref(),
            key_schema: self.key_schema.as_deref(),
        };
        KeyPlace::named(dir, written, variable)
    }

    fn check(self, dir: &Path, variable: impl Fn(&str) -> Option<String>) -> Result<Config> {
        let missing = |what: &str| {
            invalid(format!("the file has no {what}"))
                .hint("it describes no instrument; make one that does with: wom init")
        };
        let keys = self.named_keys(dir, &variable)?;
        let campaign = self.campaign.ok_or_else(|| missing("campaign"))?;
        let named = variable("WOM_PROFILE").or(self.profile);
        let profile_name = named.ok_or_else(|| missing("profile"))?;
        let mut profiles = self.profiles;
        let profile = profiles.remove(&profile_name).ok_or_else(|| {
            let known: Vec<_> = profiles.keys().map(String::as_str).collect();
            invalid("there is no such profile")
                .with("profile", profile_name.escape_default())
                .hint(format!("use one of: {}", known.join(", ")))
        })?;
        let profile = profile
            .check(dir, &variable)
            .map_err(|error| error.with("profile", profile_name.escape_default()))?;
        let (rules, exact_place) = (campaign.rules.clone(), campaign.exact_place);
        let title = campaign.title()?;
        let mut rule_settings = self.rules;
        let own = rule_settings.remove(&rules).unwrap_or_default();
        if let Some(other) = rule_settings.keys().next() {
            return Err(
                invalid("settings for a rule set that the campaign does not use")
                    .with("rules", other.escape_default())
                    .hint(format!("the campaign uses {rules}")),
            );
        }
        Ok(Config {
            profile_name,
            profile,
            keys,
            collect_is_said: campaign.collect_is_said(),
            campaign: campaign.check()?,
            title,
            exact_place,
            rules,
            rule_settings: own,
            adapters: self.adapters,
            sources: self.sources,
            webhook: self.webhook,
            dir: dir.to_owned(),
        })
    }
}

impl Config {
    /// Reads the file. `WOM_PROFILE` chooses another profile; `WOM_REGISTRY`, `WOM_SOURCE`,
    /// `WOM_KEY_FILE`, `WOM_API_KEY_FILE`, `WOM_STORE`, `WOM_DATABASE_URL`, `WOM_KEY_STORE` and
    /// `WOM_KEY_DATABASE_URL` stand above what it says.
    pub fn read(path: &Path) -> Result<Self> {
        let (file, dir) = File::read(path)?;
        file.config(&dir)
            .map_err(|error| error.with("file", path.display()))
    }
}

fn from_environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A configuration that cannot be used.
pub fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Kind::ConfigurationInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config> {
        File::parse(text)?.check(Path::new("/town"), |name| {
            variables
                .iter()
                .find(|(other, _)| *other == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_template_is_good_as_it_stands() {
        let config = parse(TEMPLATE, &[]).unwrap();
        assert_eq!(config.profile_name, "local");
        assert_eq!(config.profile.store.to_string(), "/town/local.db");
        assert_eq!(config.campaign.lines.len(), 1);
    }

    #[test]
    fn a_title_is_one_line_that_people_can_read() {
        let titled = |title: &str| {
            let line = format!("[campaign]\ntitle = {title:?}");
            parse(&TEMPLATE.replace("[campaign]", &line), &[])
        };
        let title = titled("Urbino in bici").unwrap().title;
        assert_eq!(title.as_deref(), Some("Urbino in bici"));
        for title in ["", " x", "a\tb", &"x".repeat(81)] {
            assert!(titled(title).is_err(), "{title:?}");
        }
    }

    #[test]
    fn variables_stand_above_the_file() {
        let config = parse(
            TEMPLATE,
            &[("WOM_PROFILE", "production"), ("WOM_SOURCE", "65aa")],
        )
        .unwrap();
        assert_eq!(config.profile.registry, "https://wom.social");
        assert_eq!(config.profile.source, "65aa");
    }

    #[test]
    fn unknown_keys_and_profiles_are_named_with_their_line() {
        let error = parse(
            &TEMPLATE.replace("settlement_hours", "setlement_hours"),
            &[],
        )
        .unwrap_err();
        assert!(error.to_string().contains("setlement_hours"), "{error}");
        assert!(error.context().any(|(name, _)| name == "line"));
        let error = parse(TEMPLATE, &[("WOM_PROFILE", "prod")]).unwrap_err();
        assert!(
            error.to_string().contains("development, local, production"),
            "{error}"
        );
    }
}
