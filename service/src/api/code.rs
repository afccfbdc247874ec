//! A code that is ready, as callers see it.

use serde::Serialize;
use utoipa::ToSchema;
use wom_sdk::{
    Zone,
    award::{Content, Ticket},
};

/// What a person needs to collect vouchers, or to pay.
#[derive(Serialize, ToSchema)]
pub(crate) struct Code {
    /// The link that the Pocket opens; shown as a QR code too.
    link: String,
    /// The PIN that the Pocket asks for.
    #[schema(example = "0123")]
    pin: String,
}

impl Code {
    pub(crate) fn of(ticket: &Ticket) -> Self {
        Self {
            link: ticket.link.reveal().to_owned(),
            pin: ticket.pin.reveal().to_owned(),
        }
    }
}

/// Minutes given to one aim on one day.
#[derive(Serialize, ToSchema)]
pub(crate) struct Reason {
    /// What for, such as `H`.
    #[schema(example = "H")]
    aim: String,
    /// The day, in the campaign's zone.
    #[schema(example = "2026-03-01", format = Date)]
    day: String,
    /// How many minutes.
    minutes: u32,
}

/// The reasons of an award, by day and aim.
pub(crate) fn reasons(content: &Content, zone: &Zone) -> Vec<Reason> {
    let reasons = content.reasons(zone);
    let told = reasons.into_iter().map(|reason| Reason {
        aim: reason.aim.to_string(),
        day: reason.day.to_string(),
        minutes: reason.minutes,
    });
    told.collect()
}
