//! Which device or program recorded something, without what changes from record to record.

use std::{borrow::Cow, collections::BTreeMap};

use quick_xml::escape::unescape;
use wom_sdk::{Device, Digest};

/// The most sources that are remembered; an export has a dozen.
const REMEMBERED: usize = 1_000;

/// A recording device or program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Origin {
    /// The source's name and device, without anything of them.
    pub(super) stream: Digest,
    pub(super) device: Device,
}

/// The origins of an export, so that each is worked out once.
#[derive(Debug, Default)]
pub(super) struct Origins {
    known: BTreeMap<String, Origin>,
    key: String,
}

impl Origins {
    /// The origin with this `sourceName` and `device`, as they stand in the document. `None` if
    /// they use an entity that XML does not define.
    pub(super) fn of(&mut self, name: &str, device: Option<&str>) -> Option<Origin> {
        let device = without_pointer(device.unwrap_or_default());
        self.key.clear();
        self.key.push_str(name);
        // No document can hold this character in a name.
        self.key.push('\0');
        self.key.push_str(device);
        if let Some(origin) = self.known.get(&self.key) {
            return Some(*origin);
        }
        let origin = origin(&unescape(name).ok()?, &unescape(device).ok()?);
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(self.key.clone(), origin);
        Some(origin)
    }
}

/// The device's description behind `<<HKDevice: 0x2818a3c00>, `: the number changes all the time.
fn without_pointer(device: &str) -> &str {
    if !device.contains("HKDevice") {
        return device;
    }
    match device.split_once(", ") {
        Some((_, fields)) => fields,
        None => "",
    }
}

fn origin(name: &str, device: &str) -> Origin {
    let name = normalise(name);
    let fields = fields(device);
    let of = |field| fields.get(field).map_or("", |value| value.as_str());
    let (model, hardware) = (of("model"), of("hardware"));
    let is = |word: &str| model.starts_with(word) || hardware.starts_with(word);
    let class = if is("Watch") {
        Device::Watch
    } else if is("iPhone") || is("iPod") || is("iPad") {
        Device::Phone
    } else {
        Device::App
    };
    let parts = [
        "apple-health",
        &name,
        of("name"),
        of("manufacturer"),
        model,
        hardware,
    ];
    Origin {
        stream: Digest::of(parts),
        device: class,
    }
}

/// The fields of a description such as `name:Apple Watch, manufacturer:Apple Inc., model:Watch,
/// hardware:Watch6,1, software:9.3>`. An update of the software does not make another device.
fn fields(device: &str) -> BTreeMap<&str, String> {
    const KNOWN: [&str; 9] = [
        "name",
        "manufacturer",
        "model",
        "hardware",
        "firmware",
        "software",
        "localIdentifier",
        "UDIDeviceIdentifier",
        "creation date",
    ];
    let mut fields: BTreeMap<&str, String> = BTreeMap::new();
    let mut last = None;
    for part in device.trim_end_matches('>').split(", ") {
        match part.split_once(':') {
            Some((field, value)) if KNOWN.contains(&field) => {
                last = Some(field);
                fields
                    .entry(field)
                    .or_insert_with(|| normalise(value).into_owned());
            }
            // A comma inside a value.
            _ => {
                if let Some(value) = last.and_then(|field| fields.get_mut(field)) {
                    value.push_str(", ");
                    value.push_str(&normalise(part));
                }
            }
        }
    }
    fields
}

/// Blanks of every kind as one blank, none at the ends, no control characters.
fn normalise(text: &str) -> Cow<'_, str> {
    let plain = text.is_ascii()
        && !text.bytes().any(|byte| byte.is_ascii_control())
        && !text.contains("  ")
        && text.trim().len() == text.len();
    if plain {
        return Cow::Borrowed(text);
    }
    let text: String = text
        .chars()
        .filter(|c| !c.is_control() || c.is_whitespace())
        .collect();
    Cow::Owned(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WATCH: &str = "&lt;&lt;HKDevice: 0x2818a3c00&gt;, name:Apple Watch, manufacturer:Apple \
                         Inc., model:Watch, hardware:Watch6,1, software:9.3&gt;";

    #[test]
    fn pointer_software_and_kind_of_blank_do_not_matter() {
        let mut origins = Origins::default();
        let watch = origins.of("Apple\u{A0}Watch von X", Some(WATCH)).unwrap();
        let later = WATCH
            .replace("0x2818a3c00", "0x2999")
            .replace("9.3", "10.0");
        assert_eq!(
            origins.of("Apple Watch von\u{A0}X ", Some(&later)),
            Some(watch)
        );
        assert_eq!(
            origins.of("Apple\u{B} Watch von X", Some(&later)),
            Some(watch)
        );
        assert_eq!(watch.device, Device::Watch);
        let other = WATCH.replace("Watch6,1", "Watch6,2");
        assert_ne!(origins.of("Apple Watch von X", Some(&other)), Some(watch));
    }

    #[test]
    fn telephones_and_programs() {
        let mut origins = Origins::default();
        let mut class = |device| origins.of("X", device).unwrap().device;
        let phone = WATCH
            .replace("model:Watch", "model:iPhone")
            .replace("Watch6,1", "iPhone14,2");
        assert_eq!(class(Some(&phone)), Device::Phone);
        assert_eq!(class(Some("name:Band, model:B7")), Device::App);
        assert_eq!(class(None), Device::App);
    }

    #[test]
    fn an_entity_of_the_documents_own_is_not_used() {
        assert_eq!(Origins::default().of("&me;", None), None);
        assert!(Origins::default().of("A &amp; B &#8217;", None).is_some());
    }
}
