//! What Hi.Events sends, as far as it is read: no names, no addresses.

use serde::Deserialize;
use wom_sdk::Timestamp;

/// The envelope of every message.
#[derive(Deserialize)]
pub(super) struct Envelope {
    pub(super) event_type: String,
    #[serde(deserialize_with = "instant")]
    pub(super) event_sent_at: Timestamp,
    pub(super) payload: Payload,
}

/// A check-in, or an attendee.
#[derive(Deserialize)]
pub(super) struct Payload {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) attendee_id: Option<u64>,
    #[serde(default)]
    pub(super) event_id: Option<u64>,
    #[serde(default, deserialize_with = "maybe_instant")]
    pub(super) created_at: Option<Timestamp>,
}

/// With an offset, or in UTC without one, with a `T` or a blank: its data base writes the latter.
fn parse(text: &str) -> Option<Timestamp> {
    let utc = wom_sdk::Zone::UTC;
    let has_offset = text
        .get(11..)
        .is_some_and(|time| time.contains(['Z', '+', '-']));
    match has_offset {
        true => text.parse().ok(),
        false => utc.instant(text).ok(),
    }
}

fn instant<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| serde::de::Error::custom("not a time"))
}

fn maybe_instant<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| parse(&text).ok_or_else(|| serde::de::Error::custom("not a time")))
        .transpose()
}
