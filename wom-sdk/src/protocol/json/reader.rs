//! The reader itself: one pass over the text, without copies but for what it returns.

use serde_json::{Map, Number, Value};

use super::{Layer, Limits};
use crate::Result;

/// Objects within one another that are read whatever the limits say: the reader calls itself.
const DEEPEST: usize = 64;

pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    layer: Layer,
    depth: usize,
    values: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, layer: Layer, limits: Limits) -> Self {
        Self {
            text: text.strip_prefix('\u{feff}').unwrap_or(text),
            at: 0,
            layer,
            depth: limits.depth.min(DEEPEST),
            values: limits.values,
        }
    }

    /// The one value of the text.
    pub(super) fn whole(mut self) -> Result<Value> {
        let value = self.value()?;
        self.end()?;
        Ok(value)
    }

    fn value(&mut self) -> Result<Value> {
        self.values = self
            .values
            .checked_sub(1)
            .ok_or_else(|| self.layer.excess())?;
        self.skip_blanks()?;
        match self.peek() {
            Some(b'{') => self.deeper(Self::object),
            Some(b'[') => self.deeper(Self::array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn deeper(&mut self, read: fn(&mut Self) -> Result<Value>) -> Result<Value> {
        self.depth = self
            .depth
            .checked_sub(1)
            .ok_or_else(|| self.layer.excess())?;
        self.at += 1;
        let value = read(self);
        self.depth += 1;
        value
    }

    fn object(&mut self) -> Result<Value> {
        let mut members = Map::new();
        loop {
            self.skip_blanks()?;
            if self.take(b'}') {
                return Ok(Value::Object(members));
            }
            let name = self.string()?;
            self.skip_blanks()?;
            if !self.take(b':') {
                return Err(self.layer.fault());
            }
            let value = self.value()?;
            members.insert(name, value);
            self.separator(b'}')?;
        }
    }

    fn array(&mut self) -> Result<Value> {
        let mut values = Vec::new();
        loop {
            self.skip_blanks()?;
            if self.take(b']') {
                return Ok(Value::Array(values));
            }
            values.push(self.value()?);
            self.separator(b']')?;
        }
    }

    /// A comma, or nothing before the closing bracket.
    fn separator(&mut self, close: u8) -> Result<()> {
        self.skip_blanks()?;
        if self.take(b',') || self.peek() == Some(close) {
            return Ok(());
        }
        Err(self.layer.fault())
    }

    fn string(&mut self) -> Result<String> {
        if !self.take(b'"') {
            return Err(self.layer.fault());
        }
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest
                .find(|c: char| c == '"' || c == '\\' || c < ' ')
                .ok_or_else(|| self.layer.fault())?;
            string.push_str(&rest[..plain]);
            self.at += plain + 1;
            match rest.as_bytes()[plain] {
                b'"' => return Ok(string),
                b'\\' => string.push(self.escape()?),
                // Line ends and the like stand raw in texts of the inner layer only.
                control if self.layer == Layer::Inner => string.push(char::from(control)),
                _ => return Err(self.layer.fault()),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let escaped = self.peek().ok_or_else(|| self.layer.fault())?;
        self.at += 1;
        Ok(match escaped {
            b'"' | b'\\' | b'/' => char::from(escaped),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(self.layer.fault()),
        })
    }

    fn unicode(&mut self) -> Result<char> {
        let first = self.hex()?;
        let code = match first {
            0xd800..=0xdbff => {
                if !(self.take(b'\\') && self.take(b'u')) {
                    return Err(self.layer.fault());
                }
                let second = self.hex()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(self.layer.fault());
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            _ => first,
        };
        char::from_u32(code).ok_or_else(|| self.layer.fault())
    }

    fn hex(&mut self) -> Result<u32> {
        let digits = self
            .text
            .get(self.at..self.at + 4)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .ok_or_else(|| self.layer.fault())?;
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| self.layer.fault())
    }

    fn number(&mut self) -> Result<Value> {
        let rest = &self.text[self.at..];
        let length = rest
            .find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'))
            .unwrap_or(rest.len());
        let digits = &rest[..length];
        self.at += length;
        if !is_number(digits) {
            return Err(self.layer.fault());
        }
        if let Ok(integer) = digits.parse::<i64>() {
            return Ok(Value::Number(integer.into()));
        }
        digits
            .parse::<f64>()
            .ok()
            .and_then(Number::from_f64)
            .map(Value::Number)
            .ok_or_else(|| self.layer.fault())
    }

    fn word(&mut self) -> Result<Value> {
        let rest = &self.text[self.at..];
        let words = [
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("null", Value::Null),
        ];
        for (word, value) in words {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.layer.fault())
    }

    fn skip_blanks(&mut self) -> Result<()> {
        loop {
            while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
                self.at += 1;
            }
            if self.layer == Layer::Outer || self.peek() != Some(b'/') {
                return Ok(());
            }
            let rest = &self.text[self.at..];
            let length = if let Some(comment) = rest.strip_prefix("/*") {
                comment.find("*/").ok_or_else(|| self.layer.fault())? + 4
            } else if rest.starts_with("//") {
                rest.find(['\n', '\r']).unwrap_or(rest.len())
            } else {
                return Err(self.layer.fault());
            };
            self.at += length;
        }
    }

    fn end(&mut self) -> Result<()> {
        self.skip_blanks()?;
        let rest = self.text[self.at..].trim_end_matches(['\0', ' ', '\t', '\r', '\n']);
        if rest.is_empty() {
            return Ok(());
        }
        Err(self.layer.fault())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }
}

/// Whether the text is a number by the grammar of JSON, of at most 64 characters.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    text.len() <= 64
        && digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent
            .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}
