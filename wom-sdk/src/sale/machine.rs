//! The sale's state machine: one arrow, one committed write.

mod moves;
mod reading;
mod resolution;

pub(super) use self::moves::late;
pub use self::resolution::Resolution;
use self::{
    moves::{by_hand, enter, failed, withdraw},
    reading::{applied, applying, first_look, is_cancelled, look_later, typed_in},
};
use super::{After, Bound, Sale, Slot, State, Terms, Then};
use crate::{
    Error, Kind, MINUTE_MS, Result, Retry, Timestamp,
    merchant::{Applied, Order},
};

/// How long one call to the shop may take before another worker may take the sale over. Before this
/// has passed, a discount that was asked for and not answered is not asked for again: the shop may
/// still be at it, and most shops make a second one of a second call.
pub(crate) const LEASE_MS: i64 = 30_000;
/// A sale whose payment nobody looks after is looked at so often.
const IDLE_MS: i64 = MINUTE_MS;

/// What happens to a sale.
#[derive(Clone, Debug)]
pub enum Event {
    /// Its time has come.
    Due,
    /// How the checkout stands.
    Payment(Payment),
    /// The shop's reading of the order.
    Read(Result<Order>),
    /// The shop's answer when it was asked for the discount.
    Applied(Result<Applied>),
    /// The shop has a code for the discount, which the shopper or the cashier types in.
    Coded,
    /// The shop's answer when it was asked to take the discount back.
    Revoked(Result<()>),
    /// The order was cancelled or replaced.
    Cancelled,
    /// The shop says that the order changed.
    Changed,
    /// The cashier has typed the discount in.
    Confirmed,
    /// A payment without an order is taken for one.
    Bind {
        /// The order, as it was read.
        order: Bound,
        /// The place among its discounts.
        slot: Slot,
        /// What is agreed on it.
        terms: Box<Terms>,
    },
    /// A person decides.
    Resolve {
        /// What.
        resolution: Resolution,
        /// Why, in 1 to 500 bytes and without anybody's name.
        note: String,
    },
}

/// How the payment of a sale stands: what its checkout says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Payment {
    /// It can still be paid in time; when to look again, if that is known.
    Open(Option<Timestamp>),
    /// It ran out, was called off or failed; when to look again, if anybody does.
    Over(Option<Timestamp>),
    /// It was paid in time.
    Paid(Timestamp),
    /// It was paid too late.
    Late(Timestamp, After),
}

/// What to do next, once the new state is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Look how the checkout stands.
    Look,
    /// Call the checkout off, and see how it stands then.
    CallOff,
    /// Read the order in the shop.
    Read,
    /// Ask the shop for this discount, in the currency's smallest unit.
    Apply(i64),
    /// Ask the shop to take the discount back.
    Revoke,
}

/// The sale as it is after an event, and what to do once that is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// To be written before anything else happens, at its version.
    pub sale: Sale,
    /// To be done after.
    pub action: Option<Action>,
}

/// Moves a sale on. Pure: `random` brings the jitter, `now` the time. An event that makes no sense in
/// the present state is an error and changes nothing.
pub fn step(sale: &Sale, event: Event, now: Timestamp, random: u64) -> Result<Step> {
    let mut next = sale.clone();
    next.version += 1;
    let lease = Some(now.plus_millis(LEASE_MS));
    let action = match (&sale.state, event) {
        (State::Waiting | State::Lapsed, Event::Due) => {
            next.due = lease;
            Some(Action::Look)
        }
        (State::Applying | State::Applied | State::Redeemed, Event::Due) => {
            next.due = lease;
            Some(Action::Read)
        }
        (State::Withdrawing(_), Event::Due) => {
            next.due = lease;
            Some(Action::Revoke)
        }
        // Whoever types a code in tells us nothing: the order does.
        (State::Manual, Event::Due | Event::Confirmed) if sale.reference.is_some() => {
            next.due = lease;
            Some(Action::Read)
        }
        (State::Manual, Event::Read(_)) if sale.reference.is_none() => {
            return Err(senseless(&sale.state));
        }
        (State::Manual, Event::Read(Ok(order))) => {
            typed_in(&mut next, &order, now);
            None
        }
        (State::Waiting | State::Lapsed, Event::Payment(payment)) => {
            heard(&mut next, payment, now);
            None
        }
        (State::Applying, Event::Read(Ok(order))) => applying(&mut next, &order, now, random),
        (State::Applied, Event::Read(Ok(order))) => {
            applied(&mut next, &order, now);
            None
        }
        (State::Manual | State::Applied | State::Redeemed, Event::Read(Err(error))) => {
            next.failure = Some(error.code().to_owned());
            look_later(&mut next, now);
            None
        }
        (State::Redeemed, Event::Read(Ok(order))) => {
            look_later(&mut next, now);
            match is_cancelled(sale, &order) {
                true => withdraw(&mut next, Then::Refunded, now),
                // Where a cashier typed the discount in and nothing was read with it, the shop's
                // reading does not show it: its total is not what was paid.
                false if sale.total.is_some() => next.total = Some(order.total),
                false => {}
            }
            None
        }
        (State::Applying, Event::Applied(Ok(Applied::Applied { reference }))) => {
            next.reference = Some(reference);
            next.hold = None;
            next.failure = None;
            next.tries = 0;
            next.due = Some(now);
            None
        }
        (State::Applying, Event::Applied(Ok(Applied::Manual))) => {
            next.reference = None;
            next.hold = None;
            enter(&mut next, State::Manual, None, now);
            None
        }
        (State::Applying, Event::Coded) => {
            next.reference = Some(sale.key());
            next.hold = None;
            enter(&mut next, State::Manual, Some(first_look(now)), now);
            None
        }
        (State::Applying, Event::Applied(Err(error))) => {
            if error.retry() != Retry::SameKey {
                // It was surely not carried out.
                next.hold = None;
            }
            failed(&mut next, &error, now, random);
            None
        }
        (State::Applying, Event::Read(Err(error))) => {
            failed(&mut next, &error, now, random);
            None
        }
        (State::Withdrawing(then), Event::Revoked(Ok(()))) => {
            match then {
                Then::Late => late(&mut next, After::Cancel, now),
                Then::Refunded => enter(&mut next, State::Refunded, None, now),
                Then::Withdrawn => enter(&mut next, State::Withdrawn, None, now),
            }
            None
        }
        (State::Withdrawing(_), Event::Revoked(Err(error))) => {
            failed(&mut next, &error, now, random);
            None
        }
        (State::Waiting, Event::Cancelled) => {
            next.due = lease;
            Some(Action::CallOff)
        }
        (State::Applying, Event::Cancelled) => {
            match sale.reference.is_some() || sale.hold.is_some() {
                // It may be there, or come to be.
                true => withdraw(&mut next, Then::Late, now),
                false => late(&mut next, After::Cancel, now),
            }
            None
        }
        (State::Applied, Event::Cancelled) => {
            withdraw(&mut next, Then::Withdrawn, now);
            None
        }
        (State::Redeemed, Event::Cancelled) => {
            withdraw(&mut next, Then::Refunded, now);
            None
        }
        (State::Manual, Event::Cancelled) => {
            match sale.reference.is_some() {
                // Its code may be used yet.
                true => withdraw(&mut next, Then::Late, now),
                false => late(&mut next, After::Cancel, now),
            }
            None
        }
        (State::Manual, Event::Changed) if sale.reference.is_some() => {
            next.due = Some(now);
            None
        }
        (_, Event::Cancelled) => return Ok(nothing(sale)),
        (State::Waiting | State::Lapsed | State::Applied | State::Redeemed, Event::Changed) => {
            next.due = Some(now);
            None
        }
        (_, Event::Changed) => return Ok(nothing(sale)),
        (State::Manual, Event::Confirmed) => {
            by_hand(&mut next, now);
            None
        }
        (State::Late(_) | State::Unclaimed, Event::Bind { order, slot, terms }) => {
            next.order = Some(order);
            next.terms = *terms;
            next.reference = None;
            next.hold = None;
            enter(&mut next, State::Applying, Some(now), now);
            next.slot = Some(slot);
            None
        }
        (state, Event::Resolve { resolution, note }) => {
            resolution::resolve(&mut next, state, resolution, note, now)?;
            None
        }
        (state, _) => return Err(senseless(state)),
    };
    Ok(Step { sale: next, action })
}

fn senseless(state: &State) -> Error {
    Error::new(Kind::InputInvalid, "the sale is not in a state for this")
        .with("state", state.name())
}

fn nothing(sale: &Sale) -> Step {
    Step {
        sale: sale.clone(),
        action: None,
    }
}

fn heard(sale: &mut Sale, payment: Payment, now: Timestamp) {
    let lapsed = sale.state == State::Lapsed;
    match payment {
        Payment::Open(look) => sale.due = Some(look.unwrap_or(now.plus_millis(IDLE_MS))),
        Payment::Over(look) if lapsed => sale.due = look,
        Payment::Over(look) => enter(sale, State::Lapsed, look, now),
        Payment::Paid(at) => {
            sale.paid = Some(at);
            match lapsed {
                // Its place on the order may be another's by now.
                true => late(sale, After::Expiry, now),
                false => enter(sale, State::Applying, Some(now), now),
            }
        }
        Payment::Late(at, after) => {
            sale.paid = Some(at);
            late(sale, after, now);
        }
    }
}

#[cfg(test)]
mod tests;
