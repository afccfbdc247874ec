//! What a person decides of a sale that cannot go on by itself.

use super::{
    moves::{by_hand, enter},
    reading::redeem,
    senseless,
};
use crate::{
    Error, Kind, Result, Timestamp,
    sale::{Sale, State},
};

/// How long a note may be, bytes.
const NOTE: usize = 500;
/// How long the reference of what was granted may be, bytes.
const REFERENCE: usize = 128;

/// What a person decides.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Resolution {
    /// Ask the shop for the discount again. Whoever says so has seen that it is not there.
    Retry,
    /// The discount is on the order.
    Applied,
    /// The order was closed with the discount.
    Redeemed,
    /// The discount was taken off the order.
    Withdrawn,
    /// The customer got the money back.
    Refunded,
    /// The customer got something else, such as a fresh code: its reference in the shop, 1 to 128 bytes.
    Granted(String),
    /// The customer gets nothing.
    Recorded,
}

/// Carries out what a person decided of a sale in this state, for the reason in the note.
pub(super) fn resolve(
    sale: &mut Sale,
    state: &State,
    resolution: Resolution,
    note: String,
    now: Timestamp,
) -> Result<()> {
    if note.trim().is_empty() || note.len() > NOTE {
        return Err(Error::new(
            Kind::InputInvalid,
            "a decision needs a note of 1 to 500 bytes",
        )
        .with("field", "note"));
    }
    sale.note = Some(note);
    let person = matches!(
        state,
        State::Attention(_) | State::Late(_) | State::Manual | State::Unclaimed
    );
    let refunds = *state == State::Redeemed && resolution == Resolution::Refunded;
    if !person && !refunds {
        return Err(senseless(state));
    }
    let on_order = matches!(state, State::Attention(_) | State::Manual);
    match resolution {
        Resolution::Retry if on_order => {
            sale.reference = None;
            sale.hold = None;
            sale.by_hand = false;
            enter(sale, State::Applying, Some(now), now);
        }
        Resolution::Applied if on_order => by_hand(sale, now),
        Resolution::Redeemed if on_order => {
            sale.given = sale.given.or(Some(sale.terms.agreed));
            redeem(sale, now);
        }
        Resolution::Withdrawn if on_order => enter(sale, State::Withdrawn, None, now),
        Resolution::Refunded if on_order || refunds => enter(sale, State::Refunded, None, now),
        Resolution::Granted(reference) if !(1..=REFERENCE).contains(&reference.len()) => {
            return Err(Error::new(
                Kind::InputInvalid,
                "what was granted has to be said, in 1 to 128 bytes",
            )
            .with("field", "reference"));
        }
        Resolution::Granted(reference) => {
            sale.reference = Some(reference);
            enter(sale, State::Granted, None, now);
        }
        Resolution::Recorded => enter(sale, State::Recorded, None, now),
        _ => {
            return Err(
                senseless(state).hint("take it for an order first, or grant something else")
            );
        }
    }
    Ok(())
}
