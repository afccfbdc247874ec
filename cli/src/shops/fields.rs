//! A table of the file, read field by field.

use serde::de::DeserializeOwned;
use wom_catalog::offer as meant;
use wom_sdk::{Error, Result};

use crate::config::invalid;

/// The fields of a table that are not read yet, and where it stands.
pub(super) struct Fields {
    pub(super) table: String,
    pub(super) fields: toml::Table,
}

impl Fields {
    pub(super) fn new(table: String, fields: toml::Table) -> Self {
        Self { table, fields }
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.fields.keys().cloned().collect()
    }

    /// Takes a field out, if it is there.
    pub(super) fn taken<T: DeserializeOwned>(&mut self, field: &'static str) -> Result<Option<T>> {
        let Some(value) = self.fields.remove(field) else {
            return Ok(None);
        };
        let value = value.try_into();
        value
            .map(Some)
            .map_err(|error| self.unfit(&error).with("field", field))
    }

    pub(super) fn needed<T: DeserializeOwned>(
        &mut self,
        field: &'static str,
        hint: &'static str,
    ) -> Result<T> {
        let taken = self.taken(field)?;
        taken.ok_or_else(|| self.wrong(field, "a field is missing").hint(hint))
    }

    /// What people read: one line.
    pub(super) fn title(&mut self) -> Result<Option<String>> {
        let title: Option<String> = self.taken("title")?;
        let reads = |title: &String| {
            title.trim() == title
                && (1..=80).contains(&title.chars().count())
                && !title.chars().any(char::is_control)
        };
        match title {
            Some(title) if !reads(&title) => Err(self
                .wrong("title", "a title is one line of 1 to 80 signs")
                .hint("shorten it, and leave out spaces at its ends")),
            title => Ok(title),
        }
    }

    /// Takes a table within this one out, if it is there.
    pub(super) fn below(&mut self, name: &str) -> Result<Option<Self>> {
        let table = format!("{}.{name}", self.table);
        match self.fields.remove(name) {
            None => Ok(None),
            Some(toml::Value::Table(fields)) => Ok(Some(Self { table, fields })),
            Some(_) => Err(invalid("this is to be a table")
                .with("table", &table)
                .hint(format!("write [{table}] and its fields below"))),
        }
    }

    /// Refuses what is not among these.
    pub(super) fn only(&self, known: &[&str]) -> Result<()> {
        let unknown = self
            .fields
            .keys()
            .find(|name| !known.contains(&name.as_str()));
        unknown.map_or(Ok(()), |name| {
            Err(self
                .at(invalid("no such setting"))
                .with("field", name.escape_default())
                .hint(meant(name, known.iter().copied())))
        })
    }

    pub(super) fn at(&self, error: Error) -> Error {
        error.with("table", self.table.escape_default())
    }

    pub(super) fn of(&self, field: &'static str, error: Error) -> Error {
        self.at(error).with("field", field)
    }

    pub(super) fn wrong(&self, field: &'static str, message: &'static str) -> Error {
        self.of(field, invalid(message))
    }

    /// The parser's own words tell the form only, never what was written.
    pub(super) fn unfit(&self, error: &toml::de::Error) -> Error {
        self.at(invalid("a setting does not fit"))
            .with("reason", error.message().replace('\n', " "))
    }
}
