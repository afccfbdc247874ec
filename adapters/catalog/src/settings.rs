//! Settings: what an adapter can be told, from a file or from a command line.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use wom_sdk::{Error, Kind, Result};

/// A setting, as data for people and programs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one sentence or two.
    pub meaning: &'static str,
    /// Which values it takes.
    #[serde(flatten)]
    pub form: Form,
    /// The default as text; `None` where there is none.
    pub default: Option<&'static str>,
    /// What the number counts, where it is a number.
    pub unit: Option<&'static str>,
}

impl Setting {
    /// A setting without a default and a unit.
    pub const fn new(name: &'static str, form: Form, meaning: &'static str) -> Self {
        Self {
            name,
            meaning,
            form,
            default: None,
            unit: None,
        }
    }

    /// Adds the default, as it would be written.
    #[must_use]
    pub const fn default_is(self, default: &'static str) -> Self {
        Self {
            default: Some(default),
            ..self
        }
    }

    /// Adds what the number counts.
    #[must_use]
    pub const fn counts(self, unit: &'static str) -> Self {
        Self {
            unit: Some(unit),
            ..self
        }
    }
}

/// Which values a setting takes. A text from a command line is read as this form says.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(tag = "form", content = "values", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Form {
    /// `true` or `false`.
    Flag,
    /// Paths of files, from the configuration's folder; on a command line with commas between them.
    Files,
    /// Texts; on a command line with commas between them.
    List,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Any text.
    Text,
    /// A whole number of 0 or more.
    Whole,
}

impl Form {
    /// The value of this form that a text stands for.
    fn of_text(&self, text: &str) -> Option<Value> {
        let text = text.trim();
        match self {
            Self::Flag => text.parse::<bool>().ok().map(Value::from),
            Self::Whole => text.parse::<u64>().ok().map(Value::from),
            Self::Text => Some(text.into()),
            Self::OneOf(words) => words.contains(&text).then(|| text.into()),
            Self::Files | Self::List => Some(text.split(',').map(str::trim).collect()),
        }
    }

    /// The value, if it is of this form.
    fn of_value(&self, value: &Value) -> Option<Value> {
        let fits = match (self, value) {
            (_, Value::String(text)) => return self.of_text(text),
            (Self::Flag, Value::Bool(_)) => true,
            (Self::Whole, Value::Number(number)) => number.is_u64(),
            (Self::Files | Self::List, Value::Array(items)) => items.iter().all(Value::is_string),
            _ => false,
        };
        fits.then(|| value.clone())
    }

    fn in_words(&self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Files => "paths, with commas between them".to_owned(),
            Self::List => "texts, with commas between them".to_owned(),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::Text => "text".to_owned(),
            Self::Whole => "a whole number of 0 or more".to_owned(),
        }
    }
}

/// Values of settings by name. They come from texts (`name=value`) or from a table of a TOML or
/// JSON file, and are checked when something is made with them.
#[derive(Clone, Default)]
pub struct Settings {
    values: Map<String, Value>,
    /// Where relative paths start; the process's own folder where it is empty.
    dir: PathBuf,
}

impl Settings {
    /// No settings: every default.
    pub fn none() -> Self {
        Self::default()
    }

    /// Settings by name and text.
    pub fn from_texts<N: Into<String>, T: Into<String>>(
        texts: impl IntoIterator<Item = (N, T)>,
    ) -> Self {
        let values = texts
            .into_iter()
            .map(|(name, text)| (name.into(), Value::String(text.into())))
            .collect();
        Self {
            values,
            dir: PathBuf::new(),
        }
    }

    /// The settings of a table, such as one of a TOML file.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if it is no table.
    pub fn from_table(table: impl Serialize) -> Result<Self> {
        match serde_json::to_value(table) {
            Ok(Value::Object(values)) => Ok(Self {
                values,
                dir: PathBuf::new(),
            }),
            _ => Err(Error::new(
                Kind::ConfigurationInvalid,
                "settings must be a table of names and values",
            )),
        }
    }

    /// Lets paths start from this folder, where the configuration lies.
    #[must_use]
    pub fn in_dir(self, dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
            ..self
        }
    }

    /// Takes in other settings, which win over these.
    #[must_use]
    pub fn overridden_by(mut self, other: Self) -> Self {
        self.values.extend(other.values);
        self
    }

    /// The names that are set.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The settings as the struct that takes them. `known` says which there are; `of` says whose
    /// they are, for messages.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if a name is not known or a value does not fit.
    pub fn resolve<C: DeserializeOwned>(&self, of: &str, known: &[Setting]) -> Result<C> {
        let mut values = Map::new();
        for (name, value) in &self.values {
            let Some(setting) = known.iter().find(|setting| setting.name == name) else {
                return Err(unknown(of, name, known));
            };
            let value = setting.form.of_value(value).ok_or_else(|| {
                Error::new(Kind::ConfigurationInvalid, "a setting does not fit")
                    .with("of", of)
                    .with("setting", setting.name)
                    .hint(format!("it must be {}", setting.form.in_words()))
            })?;
            let value = match &setting.form {
                Form::Files => self.paths(&value),
                _ => value,
            };
            values.insert(name.clone(), value);
        }
        C::deserialize(Value::Object(values)).map_err(|error| {
            Error::new(Kind::ConfigurationInvalid, "a setting does not fit")
                .with("of", of)
                .with("reason", error)
        })
    }

    /// Paths, each from the configuration's folder.
    fn paths(&self, paths: &Value) -> Value {
        let paths = paths.as_array().into_iter().flatten();
        let path = |path: &Value| {
            let path = self.dir.join(path.as_str().unwrap_or_default());
            Value::from(path.to_string_lossy())
        };
        paths.map(path).collect()
    }
}

/// The names only: a value may be somebody's id, or a secret.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

fn unknown(of: &str, name: &str, known: &[Setting]) -> Error {
    let names = known.iter().map(|setting| setting.name);
    Error::new(Kind::ConfigurationInvalid, "no such setting")
        .with("of", of)
        .with("setting", name.escape_default())
        .hint(offer(name, names))
}

/// Which name may be meant, and which there are: a hint for whoever wrote one that is not known.
pub fn offer<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.collect();
    if known.is_empty() {
        return "there are none".to_owned();
    }
    let plain = name.to_lowercase();
    let meant = known
        .iter()
        .map(|known| (strsim::osa_distance(known, &plain), known))
        .filter(|(distance, known)| *distance <= known.len().div_ceil(3))
        .min();
    let all = known.join(", ");
    match meant {
        Some((_, meant)) => format!("did you mean {meant}? there are: {all}"),
        None => format!("there are: {all}"),
    }
}
