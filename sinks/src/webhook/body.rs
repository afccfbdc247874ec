//! What a message says.

use serde::Serialize;
use wom_sdk::{Error, Kind, Result, Zone, claim::Claim};
use zeroize::Zeroizing;

use crate::reasons::{Reason, reasons};

#[derive(Serialize)]
pub(super) struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    id: String,
    link: &'a str,
    pin: &'a str,
    minutes: u32,
    reasons: Vec<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handle: Option<&'a str>,
}

impl<'a> Body<'a> {
    pub(super) fn of(claim: &'a Claim, zone: &Zone) -> Self {
        Self {
            kind: "claim.ready",
            data: Data {
                id: claim.key.to_hex(),
                link: claim.ticket.link.reveal(),
                pin: claim.ticket.pin.reveal(),
                minutes: claim.ticket.minutes,
                reasons: reasons(&claim.content, zone),
                handle: claim.handle.as_ref().map(|handle| handle.reveal()),
            },
        }
    }

    pub(super) fn to_json(&self) -> Result<Zeroizing<Vec<u8>>> {
        // Large enough for most, so that growing leaves no copies behind.
        let mut json = Zeroizing::new(Vec::with_capacity(4096));
        serde_json::to_writer(&mut *json, self)
            .map_err(|_| Error::new(Kind::Internal, "a claim cannot be written as JSON"))?;
        Ok(json)
    }
}
