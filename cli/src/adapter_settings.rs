//! Settings of adapters and rule sets from a file or the command line.

use std::{collections::BTreeMap, fs, path::Path};

use wom_catalog::Settings;
use wom_sdk::{Error, Kind, Result};

use crate::{config::Settings as Table, files, output::Output};

/// The settings of one adapter, and of the rule sets.
#[derive(Debug, Default)]
pub struct FileSettings {
    /// The adapter's.
    pub adapter: Settings,
    rules: BTreeMap<String, Table>,
}

impl FileSettings {
    /// The settings of a rule set.
    pub fn rules_of(&self, name: &str) -> Result<Settings> {
        self.rules
            .get(name)
            .map_or(Ok(Settings::none()), Settings::from_table)
    }
}

/// `NAME=VALUE` of a command line.
pub fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// What `--set` and `--set-file` say together, with the files' contents.
pub fn said(
    set: &[(String, String)],
    files: &[(String, String)],
    output: &Output,
) -> Result<Vec<(String, String)>> {
    let mut said = set.to_vec();
    for (name, file) in files {
        let value = files::name(Path::new(file), output)?;
        said.push((name.clone(), value.to_string()));
    }
    Ok(said)
}

/// The settings of a file: `wom.toml`, of which the tables `adapters` and `rules` are used, or a
/// table of this adapter's settings alone. TOML, or JSON if it begins with a brace.
pub fn read(file: Option<&Path>, adapter: &str) -> Result<FileSettings> {
    let Some(file) = file else {
        return Ok(FileSettings::default());
    };
    let text = fs::read_to_string(file).map_err(|error| {
        Error::new(Kind::ConfigurationInvalid, "cannot read the configuration")
            .with("file", file.display())
            .because(error)
    })?;
    parse(&text, adapter).map_err(|error| error.with("file", file.display()))
}

fn parse(text: &str, adapter: &str) -> Result<FileSettings> {
    let mut table = table(text)?;
    let whole = ["adapters", "rules", "campaign", "profile"];
    if !whole.iter().any(|name| table.contains_key(*name)) {
        return Ok(FileSettings {
            adapter: Settings::from_table(table)?,
            rules: BTreeMap::new(),
        });
    }
    let mut tables = |name: &str| match table.remove(name) {
        Some(value) => value
            .try_into::<BTreeMap<String, Table>>()
            .map_err(|_| invalid("the tables adapters and rules hold a table for each name")),
        None => Ok(BTreeMap::new()),
    };
    let rules = tables("rules")?;
    let adapter = match tables("adapters")?.remove(adapter) {
        Some(settings) => Settings::from_table(settings)?,
        None => Settings::none(),
    };
    Ok(FileSettings { adapter, rules })
}

fn table(text: &str) -> Result<Table> {
    // Neither parser's words are passed on: they quote the file, which may be the wrong one.
    if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| {
            invalid("the configuration is not valid JSON").with("line", error.line())
        })
    } else {
        toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.unwrap_or_default().matches('\n').count() + 1;
            invalid("the configuration is not valid TOML").with("line", line)
        })
    }
}

fn invalid(message: &'static str) -> Error {
    Error::new(Kind::ConfigurationInvalid, message).hint("wom init writes an example")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let settings = parse(text, "activity.json").unwrap().adapter;
        settings.names().map(str::to_owned).collect()
    }

    #[test]
    fn a_whole_configuration_and_a_single_table_are_read() {
        assert_eq!(names("zone = \"UTC\""), ["zone"]);
        assert_eq!(names("{\"zone\": \"UTC\"}"), ["zone"]);
        assert_eq!(
            names("[adapters.\"activity.json\"]\nzone = \"UTC\""),
            ["zone"]
        );
        assert!(names("[adapters.\"steps.fit\"]\nzone = \"UTC\"").is_empty());
        assert!(names(crate::config::TEMPLATE).is_empty());
        let rules = parse("[rules.\"active-minutes/1\"]\nmoderate = 60", "x").unwrap();
        assert_eq!(
            rules
                .rules_of("active-minutes/1")
                .unwrap()
                .names()
                .collect::<Vec<_>>(),
            ["moderate"]
        );
    }

    #[test]
    fn what_is_neither_is_refused_without_quoting_it() {
        for text in ["{\"secret", "\n[secret", "adapters = 5", "secret"] {
            let error = parse(text, "x").unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn an_assignment_has_a_name() {
        assert_eq!(
            assignment("a=b=c").unwrap(),
            ("a".to_owned(), "b=c".to_owned())
        );
        assert!(assignment("=b").is_err() && assignment("a").is_err());
    }
}
