//! As much of GraphQL as is needed to answer what was asked for, and nothing else.

use serde_json::{Map, Value};

/// What is asked for of an object.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    fields: Vec<(String, Option<Self>)>,
    fragments: Vec<(String, Self)>,
}

impl Selection {
    /// The first field of an operation, and what is asked for of it.
    pub(crate) fn of(query: &str) -> Option<(String, Self)> {
        let mut tokens = tokens(query);
        tokens.reverse();
        let kind = tokens.pop()?;
        if kind != "query" && kind != "mutation" {
            return None;
        }
        skip_arguments(&mut tokens)?;
        let mut all = Self::block(&mut tokens)?;
        let (name, selection) = all.fields.pop().filter(|_| all.fields.is_empty())?;
        Some((name, selection.unwrap_or_default()))
    }

    /// Every field that is asked for, anywhere.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (name, below) in &self.fields {
            names.push(name.clone());
            names.extend(below.iter().flat_map(Self::names));
        }
        names.extend(self.fragments.iter().flat_map(|(_, below)| below.names()));
        names
    }

    fn block(tokens: &mut Vec<String>) -> Option<Self> {
        if tokens.pop()? != "{" {
            return None;
        }
        let mut selection = Self::default();
        loop {
            match tokens.pop()?.as_str() {
                "}" => return Some(selection),
                "..." => {
                    (tokens.pop()? == "on").then_some(())?;
                    let kind = tokens.pop()?;
                    selection.fragments.push((kind, Self::block(tokens)?));
                }
                name => {
                    skip_arguments(tokens)?;
                    let below = match tokens.last()?.as_str() {
                        "{" => Some(Self::block(tokens)?),
                        _ => None,
                    };
                    selection.fields.push((name.to_owned(), below));
                }
            }
        }
    }

    /// What of the value was asked for; the name of a field that there is not, or which needs or takes
    /// no selection.
    pub(crate) fn of_value(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::Array(all) => all.iter().map(|one| self.of_value(one)).collect(),
            Value::Object(object) => {
                let mut kept = Map::new();
                self.keep(object, &mut kept)?;
                Ok(Value::Object(kept))
            }
            other => Ok(other.clone()),
        }
    }

    fn keep(
        &self,
        object: &Map<String, Value>,
        kept: &mut Map<String, Value>,
    ) -> Result<(), String> {
        for (name, below) in &self.fields {
            let value = object.get(name).ok_or_else(|| name.clone())?;
            let is_leaf = match value {
                Value::Object(_) => false,
                Value::Array(all) => all.iter().any(|it| !it.is_object()),
                _ => true,
            };
            let value = match below {
                None if is_leaf || value == &Value::Array(Vec::new()) => value.clone(),
                Some(below) if !is_leaf || value.is_null() => below.of_value(value)?,
                _ => return Err(name.clone()),
            };
            kept.insert(name.clone(), value);
        }
        for (kind, below) in &self.fragments {
            if object.get("__typename").and_then(Value::as_str) == Some(kind) {
                below.keep(object, kept)?;
            }
        }
        Ok(())
    }
}

fn skip_arguments(tokens: &mut Vec<String>) -> Option<()> {
    if tokens.last().is_none_or(|token| token != "(") {
        return Some(());
    }
    while tokens.pop()? != ")" {}
    Some(())
}

fn tokens(query: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut name = String::new();
    for character in query.chars() {
        if character.is_ascii_alphanumeric() || "_$:!".contains(character) {
            name.push(character);
            continue;
        }
        if !name.is_empty() {
            tokens.push(std::mem::take(&mut name));
        }
        match character {
            '.' => {
                let dots = tokens
                    .last_mut()
                    .filter(|it| it.starts_with('.') && it.len() < 3);
                match dots {
                    Some(dots) => dots.push('.'),
                    None => tokens.push(".".to_owned()),
                }
            }
            '{' | '}' | '(' | ')' => tokens.push(character.to_string()),
            _ => {}
        }
    }
    tokens
}
