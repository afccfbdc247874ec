//! The checkout's state machine: one arrow, one committed write.

use super::{Checkout, State};
use crate::{Error, Kind, MINUTE_MS, Result, Retry, Timestamp, award::Ticket, webhook::pause_ms};

/// How long one call may take before another worker may take the checkout over.
const LEASE_MS: i64 = 60_000;
/// Tries of a call before the cashier is told that it will not work.
const TRIES: u32 = 8;
/// Looks during which a code that was taken for good on doubt is verified again.
const DOUBT_TRIES: u32 = 24;
/// The longest pause between two looks at a code that a customer stands before.
const POLL_CAP_MS: i64 = 10_000;
/// Looks after the code was called off or ran out: at once, then after these pauses, whoever looks
/// beside that.
const LATE_LOOKS_MS: [i64; 6] = [
    MINUTE_MS,
    5 * MINUTE_MS,
    15 * MINUTE_MS,
    60 * MINUTE_MS,
    6 * 60 * MINUTE_MS,
    24 * 60 * MINUTE_MS,
];

/// What happens to a checkout.
#[derive(Clone, Debug)]
pub enum Event {
    /// Its time has come.
    Due,
    /// A register was answered.
    Registered(Result<Ticket>),
    /// A verify was answered.
    Verified(Result<()>),
    /// The code is put on a display.
    Show,
    /// A status was answered: when the first confirmation was, if there is one.
    Status(Result<Option<Timestamp>>),
    /// The shop calls it off.
    Cancel,
    /// The shop wants a failed one to be tried anew.
    Resume,
    /// Whoever listens was told of the payment.
    Told(Result<()>),
}

/// What to do at the Registry next, once the new state is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Send a register.
    Register,
    /// Send a verify.
    Verify,
    /// Ask for the status.
    Poll,
    /// Tell whoever listens of the payment.
    Tell,
}

/// The checkout as it is after an event, and what to do once that is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// To be written before anything else happens.
    pub checkout: Checkout,
    /// To be done after.
    pub action: Option<Action>,
}

/// Moves a checkout on. Pure: `random` brings the jitter, `now` the time. An event that makes no
/// sense in the present state is an error and changes nothing.
pub fn step(checkout: &Checkout, event: Event, now: Timestamp, random: u64) -> Result<Step> {
    let mut next = checkout.clone();
    let action = match (&checkout.state, event) {
        // A register whose answer was lost made a code that nobody has seen and that was never
        // verified: it can never be paid, so a new one does no harm.
        (State::Created, Event::Due) => {
            next.due = Some(now.plus_millis(LEASE_MS));
            Some(Action::Register)
        }
        (State::Registered | State::Verifying, Event::Due) => {
            // A verify that was under way when the process died may have been carried out.
            next.unclear |= checkout.state == State::Verifying;
            next.state = State::Verifying;
            next.due = Some(now.plus_millis(LEASE_MS));
            Some(Action::Verify)
        }
        // It was taken for good on doubt: if it was not, it becomes so.
        (State::Shown, Event::Due)
            if checkout.unclear
                && checkout.tries < DOUBT_TRIES
                && (checkout.tries.is_multiple_of(2) || checkout.charge.persistent) =>
        {
            next.due = Some(now.plus_millis(LEASE_MS));
            Some(Action::Verify)
        }
        (State::Shown | State::Expired | State::Cancelled, Event::Due) => {
            next.due = Some(now.plus_millis(LEASE_MS));
            Some(Action::Poll)
        }
        (State::Shown, Event::Verified(answer)) => {
            next.unclear = answer.is_err();
            next.tries += 1;
            next.due = watched(&next).then(|| now.plus_millis(1_000));
            None
        }
        (State::Created, Event::Registered(Ok(ticket))) => {
            next.ticket = Some(ticket);
            enter(&mut next, State::Registered, now);
            None
        }
        (State::Verifying, Event::Verified(Ok(()))) => {
            next.unclear = false;
            enter(&mut next, State::Verified, now);
            next.due = None;
            None
        }
        // A Registry that answers a repeated verify with a failure has done it the first time.
        (State::Verifying, Event::Verified(Err(error)))
            if checkout.unclear && error.kind() == Kind::RegistryFailed =>
        {
            enter(&mut next, State::Verified, now);
            next.due = None;
            None
        }
        (State::Created, Event::Registered(Err(error))) => {
            failed(&mut next, &error, now, random);
            None
        }
        (State::Verifying, Event::Verified(Err(error))) => {
            next.unclear |= error.retry() == Retry::SameKey;
            next.state = State::Registered;
            failed(&mut next, &error, now, random);
            None
        }
        (State::Verified, Event::Show) => {
            enter(&mut next, State::Shown, now);
            next.due = watched(&next).then(|| now.plus_millis(1_000));
            None
        }
        (State::Shown, Event::Show) => None,
        (State::Shown | State::Expired | State::Cancelled, Event::Status(answer)) => {
            looked(&mut next, answer, now);
            None
        }
        (
            State::Created | State::Registered | State::Verifying | State::Verified,
            Event::Cancel,
        ) => {
            enter(&mut next, State::Cancelled, now);
            next.due = None;
            None
        }
        (State::Shown, Event::Cancel) if checkout.charge.persistent => {
            enter(&mut next, State::Cancelled, now);
            next.due = None;
            None
        }
        (State::Shown | State::Expired, Event::Cancel) => {
            enter(&mut next, State::Cancelled, now);
            Some(Action::Poll)
        }
        (State::Cancelled, Event::Cancel) => None,
        // It failed before anybody saw a code.
        (State::Failed(_), Event::Resume) => {
            let again = match next.ticket {
                Some(_) => State::Registered,
                None => State::Created,
            };
            enter(&mut next, again, now);
            None
        }
        (
            State::Paid { .. } | State::PaidAfterExpiry { .. } | State::PaidAfterCancel { .. },
            Event::Due,
        ) => {
            next.due = Some(now.plus_millis(LEASE_MS));
            Some(Action::Tell)
        }
        (
            State::Paid { .. } | State::PaidAfterExpiry { .. } | State::PaidAfterCancel { .. },
            Event::Told(told),
        ) => {
            next.tries += 1;
            next.due = match told {
                Ok(()) => None,
                Err(_) => pause_ms(next.tries, random).map(|pause| now.plus_millis(pause)),
            };
            None
        }
        (State::Paid { .. } | State::PaidAfterExpiry { .. }, Event::Cancel) => {
            return Err(Error::new(
                Kind::AlreadyPerformed,
                "this was paid before it was called off",
            ));
        }
        (state, _) => {
            return Err(Error::new(
                Kind::InputInvalid,
                "the checkout is not in a state for this",
            )
            .with("state", state.name()));
        }
    };
    Ok(Step {
        checkout: next,
        action,
    })
}

/// Whether a shown code is looked after here: who printed a poster asks for its payments.
fn watched(checkout: &Checkout) -> bool {
    checkout.unclear && checkout.tries < DOUBT_TRIES || !checkout.charge.persistent
}

fn enter(checkout: &mut Checkout, state: State, now: Timestamp) {
    checkout.state = state;
    checkout.tries = 0;
    checkout.since = now;
    checkout.due = Some(now);
}

fn failed(checkout: &mut Checkout, error: &Error, now: Timestamp, random: u64) {
    checkout.tries += 1;
    if error.retry() == Retry::Never || checkout.tries >= TRIES {
        enter(checkout, State::Failed(error.code().to_owned()), now);
        checkout.due = None;
        return;
    }
    // Half of it at random.
    let half = 250_i64 << checkout.tries.min(5);
    let pause = half + i64::try_from(random % half.unsigned_abs()).unwrap_or(half);
    checkout.due = Some(now.plus_millis(pause));
}

/// When to look next at a code that was called off or ran out at `since`. A last look that was not
/// answered is repeated for another day.
fn late_look(since: Timestamp, answered: bool, now: Timestamp) -> Option<Timestamp> {
    let mut look = since;
    for pause in LATE_LOOKS_MS {
        look = look.plus_millis(pause);
        if look > now {
            return Some(look);
        }
    }
    let ends = look.plus_millis(24 * 60 * MINUTE_MS);
    (!answered && now < ends).then(|| now.plus_millis(60 * MINUTE_MS))
}

fn looked(checkout: &mut Checkout, answer: Result<Option<Timestamp>>, now: Timestamp) {
    checkout.tries += 1;
    // An unclear answer is no answer: the next look tells.
    if let Ok(Some(at)) = answer {
        let paid = match checkout.state {
            State::Expired => State::PaidAfterExpiry { at },
            State::Cancelled => State::PaidAfterCancel { at },
            _ => State::Paid { at },
        };
        enter(checkout, paid, now);
        return;
    }
    if checkout.state != State::Shown {
        checkout.due = late_look(checkout.since, answer.is_ok(), now);
        return;
    }
    let ends = checkout.since.plus_millis(checkout.charge.patience_ms);
    // What the Registry does not know any more was certainly not paid.
    let unpaid = match &answer {
        Ok(_) => true,
        Err(error) => error.kind() == Kind::OtcUnknown,
    };
    if unpaid && now >= ends {
        enter(checkout, State::Expired, now);
        checkout.due = Some(now.plus_millis(MINUTE_MS));
        return;
    }
    let pause = (1_000_i64 << checkout.tries.min(4)).min(POLL_CAP_MS);
    let next = now.plus_millis(pause);
    checkout.due = Some(match now < ends {
        true => next.min(ends.max(now.plus_millis(1_000))),
        false => next,
    });
}

#[cfg(test)]
mod tests;
