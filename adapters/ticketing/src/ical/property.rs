//! Lines of a calendar: unfolded, and cut into name, parameters and value.

use std::{fmt, io::Read};

use wom_sdk::Result;

use crate::lines::{self, Lines};

/// The most bytes of a property, unfolded.
const LIMIT: usize = 64 * 1024;

/// The properties of a calendar.
pub(super) struct Properties {
    lines: Lines,
    next: Option<lines::Line>,
}

/// A property, and the line on which it begins.
pub(super) struct Property {
    pub(super) line: u64,
    /// In capitals.
    pub(super) name: String,
    params: Vec<(String, String)>,
    /// As it stands, still escaped.
    pub(super) value: String,
}

impl Properties {
    pub(super) fn new(source: Box<dyn Read + Send>) -> Result<Self> {
        let mut lines = Lines::new(source, LIMIT)?;
        let next = lines.next()?;
        Ok(Self { lines, next })
    }

    /// The next property. What is longer than it may be, or has no form, is passed over: an attached
    /// picture is of no use here.
    pub(super) fn next(&mut self) -> Result<Option<Property>> {
        while let Some((line, bytes)) = self.next.take() {
            let mut whole = bytes;
            loop {
                self.next = self.lines.next()?;
                let Some((_, more)) = &self.next else { break };
                match more.as_deref() {
                    Some([b' ' | b'\t', rest @ ..]) => {
                        whole = whole.filter(|whole| whole.len() + rest.len() <= LIMIT);
                        if let Some(whole) = &mut whole {
                            whole.extend_from_slice(rest);
                        }
                    }
                    // Too long to be looked at, so it is taken to go on.
                    None => whole = None,
                    Some(_) => break,
                }
            }
            if let Some(property) = whole.and_then(|bytes| Property::parse(line, &bytes)) {
                return Ok(Some(property));
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Properties({} bytes taken)", self.lines.taken())
    }
}

impl Property {
    fn parse(line: u64, bytes: &[u8]) -> Option<Self> {
        let text = lines::text(bytes);
        let mut quoted = false;
        let mut cuts = Vec::new();
        let mut colon = None;
        for (index, c) in text.char_indices() {
            match c {
                '"' => quoted = !quoted,
                ';' if !quoted => cuts.push(index),
                ':' if !quoted => {
                    colon = Some(index);
                    break;
                }
                _ => {}
            }
        }
        let colon = colon?;
        cuts.push(colon);
        let name = text[..cuts[0]].trim().to_ascii_uppercase();
        let params = cuts.windows(2).filter_map(|pair| {
            let (key, value) = text[pair[0] + 1..pair[1]].split_once('=')?;
            Some((key.to_ascii_uppercase(), value.trim_matches('"').to_owned()))
        });
        Some(Self {
            line,
            name,
            params: params.collect(),
            value: text[colon + 1..].trim().to_owned(),
        })
    }

    /// The value of a parameter.
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        let found = self.params.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The value as text, with its escapes undone.
    pub(super) fn text(&self) -> String {
        let mut plain = String::with_capacity(self.value.len());
        let mut chars = self.value.chars();
        while let Some(c) = chars.next() {
            match (c, c == '\\') {
                (_, true) => match chars.next() {
                    Some('n' | 'N') => plain.push('\n'),
                    Some(escaped) => plain.push(escaped),
                    None => {}
                },
                (c, false) => plain.push(c),
            }
        }
        plain
    }
}
