//! What several arrows do: a sale goes into another state, or a call is tried again later.

use super::reading::first_look;
use crate::{
    Error, MINUTE_MS, Retry, Timestamp,
    sale::{After, Remedy, Sale, State, Then},
};

/// Tries of a call before a person has to look: about a quarter of an hour.
pub(super) const TRIES: u32 = 12;
/// The longest pause between two tries.
const PAUSE_CAP_MS: i64 = 3 * MINUTE_MS;

pub(super) fn enter(sale: &mut Sale, state: State, due: Option<Timestamp>, now: Timestamp) {
    let keeps = matches!(
        state,
        State::Waiting
            | State::Applying
            | State::Applied
            | State::Manual
            | State::Withdrawing(_)
            | State::Redeemed
            | State::Attention(_)
    );
    if !keeps {
        sale.slot = None;
    }
    if !matches!(state, State::Attention(_)) {
        sale.failure = None;
    }
    sale.state = state;
    sale.tries = 0;
    sale.since = now;
    sale.due = due;
}

pub(super) fn attention(sale: &mut Sale, reason: &str, now: Timestamp) {
    enter(sale, State::Attention(reason.to_owned()), None, now);
}

pub(super) fn withdraw(sale: &mut Sale, then: Then, now: Timestamp) {
    if sale.by_hand {
        // There is no discount of ours in the shop.
        let state = match then {
            Then::Late => return late(sale, After::Cancel, now),
            Then::Refunded => State::Refunded,
            Then::Withdrawn => State::Withdrawn,
        };
        return enter(sale, state, None, now);
    }
    // What may be under way at the shop has to be there before it can be taken back.
    let due = sale.hold.filter(|hold| *hold > now).unwrap_or(now);
    enter(sale, State::Withdrawing(then), Some(due), now);
}

pub(in crate::sale) fn late(sale: &mut Sale, after: After, now: Timestamp) {
    let nothing = sale.terms.remedies.first() == Some(&Remedy::RecordOnly);
    sale.late = Some(after);
    sale.given = None;
    sale.reference = None;
    sale.hold = None;
    sale.by_hand = false;
    enter(sale, State::Late(after), None, now);
    if nothing {
        sale.state = State::Recorded;
        sale.note = Some(format!("paid after {}", after.name()));
    }
}

pub(super) fn by_hand(sale: &mut Sale, now: Timestamp) {
    sale.by_hand = true;
    sale.given = Some(sale.terms.agreed);
    enter(sale, State::Applied, Some(first_look(now)), now);
}

pub(super) fn failed(sale: &mut Sale, error: &Error, now: Timestamp, random: u64) {
    sale.failure = Some(error.code().to_owned());
    sale.tries += 1;
    if error.retry() == Retry::Never || sale.tries >= TRIES {
        return attention(sale, error.code(), now);
    }
    let asked = error
        .retry_after()
        .and_then(|pause| i64::try_from(pause.as_millis()).ok());
    let pause = pause_ms(sale.tries, random).max(asked.unwrap_or(0).min(60 * MINUTE_MS));
    sale.due = Some(now.plus_millis(pause));
}

/// Grows to the cap; half of it at random.
pub(super) fn pause_ms(tries: u32, random: u64) -> i64 {
    let half = (250_i64 << tries.min(10)).min(PAUSE_CAP_MS / 2);
    half + i64::try_from(random % half.unsigned_abs()).unwrap_or(half)
}
