//! What a message says.

use std::borrow::Cow;

use serde::Serialize;
use wom_sdk::{
    Error, Kind, Result, Timestamp, Zone,
    award::Reason,
    checkout::{Payment, State},
    claim::Claim,
};
use zeroize::Zeroizing;

#[derive(Serialize)]
pub(super) struct Body<'a> {
    #[serde(rename = "type")]
    kind: Cow<'static, str>,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Claim {
        id: String,
        link: &'a str,
        pin: &'a str,
        minutes: u32,
        reasons: Vec<Reason>,
        #[serde(skip_serializing_if = "Option::is_none")]
        handle: Option<&'a str>,
    },
    Payment {
        id: String,
        pos: &'a str,
        amount: u32,
        state: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        paid_at: Option<Timestamp>,
    },
}

impl<'a> Body<'a> {
    pub(super) fn claim(claim: &'a Claim, zone: &Zone) -> Self {
        Self {
            kind: "claim.ready".into(),
            data: Data::Claim {
                id: claim.key.to_hex(),
                link: claim.ticket.link.reveal(),
                pin: claim.ticket.pin.reveal(),
                minutes: claim.ticket.minutes,
                reasons: claim.content.reasons(zone),
                handle: claim.handle.as_ref().map(|handle| handle.reveal()),
            },
        }
    }

    pub(super) fn payment(payment: &'a Payment) -> Self {
        Self {
            kind: format!("checkout.{}", payment.state.name()).into(),
            data: Data::Payment {
                id: payment.id.to_hex(),
                pos: &payment.pos,
                amount: payment.amount,
                state: payment.state.name(),
                paid_at: match payment.state {
                    State::Paid { at }
                    | State::PaidAfterExpiry { at }
                    | State::PaidAfterCancel { at } => Some(at),
                    _ => None,
                },
            },
        }
    }

    pub(super) fn to_json(&self) -> Result<Zeroizing<Vec<u8>>> {
        // Large enough for most, so that growing leaves no copies behind.
        let mut json = Zeroizing::new(Vec::with_capacity(4096));
        serde_json::to_writer(&mut *json, self)
            .map_err(|_| Error::new(Kind::Internal, "a message cannot be written as JSON"))?;
        Ok(json)
    }
}
