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
mod tests {
    use super::*;
    use crate::{
        checkout::{Charge, CheckoutId},
        protocol::{Otc, Pin},
    };

    fn ticket() -> Ticket {
        Ticket {
            otc: Otc::random(),
            pin: Pin::random(),
            link: "x".to_owned().into(),
            minutes: 10,
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    /// Applies events in order, each at its second.
    fn run(events: Vec<(i64, Event)>) -> Checkout {
        let id = CheckoutId::new("http://r", "p", "order 1");
        let mut checkout = Checkout::new(id, Charge::new(10).unwrap(), at(0));
        for (second, event) in events {
            checkout = step(&checkout, event, at(second), 7).unwrap().checkout;
        }
        checkout
    }

    fn shown() -> Vec<(i64, Event)> {
        vec![
            (0, Event::Due),
            (0, Event::Registered(Ok(ticket()))),
            (0, Event::Due),
            (0, Event::Verified(Ok(()))),
            (0, Event::Show),
        ]
    }

    fn with(mut events: Vec<(i64, Event)>, more: Vec<(i64, Event)>) -> Checkout {
        events.extend(more);
        run(events)
    }

    #[test]
    fn a_payment_is_heard_once() {
        let paid = with(
            shown(),
            vec![
                (3, Event::Status(Ok(None))),
                (9, Event::Status(Ok(Some(at(8))))),
            ],
        );
        assert_eq!(paid.state, State::Paid { at: at(8) });
        assert!(step(&paid, Event::Status(Ok(Some(at(8)))), at(10), 0).is_err());
        assert_eq!(
            step(&paid, Event::Cancel, at(10), 0).unwrap_err().kind(),
            Kind::AlreadyPerformed
        );
    }

    #[test]
    fn a_payment_is_told_until_it_is_heard() {
        let paid = with(shown(), vec![(9, Event::Status(Ok(Some(at(8)))))]);
        assert_eq!(paid.due, Some(at(9)));
        let telling = step(&paid, Event::Due, at(9), 0).unwrap();
        assert_eq!(telling.action, Some(Action::Tell));
        let deaf = || Error::new(Kind::DeliveryFailed, "nobody there");
        let again = step(&telling.checkout, Event::Told(Err(deaf())), at(10), 0).unwrap();
        assert_eq!(again.checkout.due, Some(at(15)));
        let told = step(&again.checkout, Event::Told(Ok(())), at(15), 0).unwrap();
        assert_eq!(
            (told.checkout.due, &told.checkout.state),
            (None, &paid.state)
        );
        let mut unheard = paid;
        while unheard.due.is_some() {
            let told = Event::Told(Err(deaf()));
            unheard = step(&unheard, told, at(20), 0).unwrap().checkout;
        }
        assert_eq!(unheard.tries, crate::webhook::TRIES);
    }

    #[test]
    fn a_poster_stays_shown_and_is_looked_after_by_whoever_printed_it() {
        let id = CheckoutId::new("http://r", "p", "poster");
        let charge = Charge::new(10).unwrap().persistent();
        let lost = || Error::new(Kind::OutcomeUnknown, "lost");
        let failed = || Error::new(Kind::RegistryFailed, "500");
        for unclear in [false, true] {
            let mut poster = Checkout::new(id, charge.clone(), at(0));
            let mut events = shown();
            if unclear {
                events[3].1 = Event::Verified(Err(lost()));
                let more = [(1, Event::Due), (1, Event::Verified(Err(failed())))];
                events.splice(4..4, more);
            }
            for (second, event) in events {
                poster = step(&poster, event, at(second), 7).unwrap().checkout;
            }
            assert_eq!((&poster.state, poster.unclear), (&State::Shown, unclear));
            let mut verifies = 0;
            while let Some(due) = poster.due {
                let again = step(&poster, Event::Due, due, 7).unwrap();
                assert_eq!(again.action, Some(Action::Verify));
                let answer = match verifies {
                    0 => Err(lost()),
                    _ => Ok(()),
                };
                verifies += 1;
                let step = step(&again.checkout, Event::Verified(answer), due, 7);
                poster = step.unwrap().checkout;
            }
            assert_eq!(verifies, if unclear { 2 } else { 0 });
            let ended = step(&poster, Event::Cancel, at(99), 7).unwrap();
            assert_eq!((ended.action, ended.checkout.due), (None, None));
            assert_eq!(ended.checkout.state, State::Cancelled);
        }
    }

    #[test]
    fn a_late_payment_is_a_state_of_its_own() {
        let cancelled = with(
            shown(),
            vec![(3, Event::Cancel), (9, Event::Status(Ok(Some(at(8)))))],
        );
        assert_eq!(cancelled.state, State::PaidAfterCancel { at: at(8) });
        let expired = with(
            shown(),
            vec![
                (301, Event::Status(Ok(None))),
                (400, Event::Due),
                (400, Event::Status(Ok(Some(at(399))))),
            ],
        );
        assert_eq!(expired.state, State::PaidAfterExpiry { at: at(399) });
    }

    #[test]
    fn an_unclear_look_never_ends_a_checkout() {
        let lost = || Err(Error::new(Kind::NetworkUnreachable, "no network"));
        let shown = with(shown(), vec![(301, Event::Status(lost()))]);
        assert_eq!(shown.state, State::Shown);
        assert!(shown.due > Some(at(301)));
    }

    #[test]
    fn a_cancelled_code_is_watched_for_a_day_and_no_longer() {
        let mut checkout = with(shown(), vec![(3, Event::Cancel)]);
        let (mut now, mut looks) = (at(3), 0);
        while let Some(due) = checkout.due {
            now = now.max(due);
            checkout = step(&checkout, Event::Due, now, 0).unwrap().checkout;
            checkout = step(&checkout, Event::Status(Ok(None)), now, 0)
                .unwrap()
                .checkout;
            looks += 1;
        }
        assert_eq!((looks, now.since(at(3)) / MINUTE_MS), (7, 60 * 31 + 21));
    }

    /// Each look costs the Registry an RSA operation.
    #[test]
    fn a_code_that_nobody_pays_costs_a_known_number_of_looks() {
        let (mut checkout, mut now, mut looks) = (with(shown(), Vec::new()), at(3), Vec::new());
        while let Some(due) = checkout.due {
            now = now.max(due);
            looks.push(checkout.state == State::Shown);
            checkout = step(&checkout, Event::Due, now, 0).unwrap().checkout;
            checkout = step(&checkout, Event::Status(Ok(None)), now, 0)
                .unwrap()
                .checkout;
        }
        assert_eq!(checkout.charge.patience_ms, 5 * MINUTE_MS);
        let payable = looks.iter().filter(|shown| **shown).count();
        assert_eq!((payable, looks.len()), (33, 39));
    }

    #[test]
    fn whoever_looks_more_often_does_not_end_the_watch_sooner() {
        let events = (4..20).map(|second| (second, Event::Status(Ok(None))));
        let events = [(3, Event::Cancel)].into_iter().chain(events).collect();
        assert_eq!(with(shown(), events).due, Some(at(63)));
        let lost = || Err(Error::new(Kind::NetworkUnreachable, "no network"));
        let last = 3 + 60 * (60 * 31 + 21);
        let unheard = with(
            shown(),
            vec![(3, Event::Cancel), (last, Event::Status(lost()))],
        );
        assert_eq!(unheard.due, Some(at(last + 3_600)));
        let heard = with(
            shown(),
            vec![(3, Event::Cancel), (last, Event::Status(Ok(None)))],
        );
        assert_eq!(heard.due, None);
    }

    #[test]
    fn what_failed_before_its_code_was_seen_can_be_tried_anew() {
        let refused = Err(Error::new(Kind::AccessDenied, "403"));
        let events = vec![
            (0, Event::Due),
            (0, Event::Registered(Ok(ticket()))),
            (0, Event::Due),
            (0, Event::Verified(refused)),
            (5, Event::Resume),
        ];
        let checkout = run(events);
        assert_eq!(
            (&checkout.state, checkout.due),
            (&State::Registered, Some(at(5)))
        );
        assert!(checkout.ticket.is_some());
    }

    #[test]
    fn a_verify_that_died_with_its_process_was_perhaps_done() {
        let failed = Err(Error::new(Kind::RegistryFailed, "500"));
        let checkout = run(vec![
            (0, Event::Due),
            (0, Event::Registered(Ok(ticket()))),
            (0, Event::Due),
            (60, Event::Due),
            (60, Event::Verified(failed)),
        ]);
        assert_eq!(checkout.state, State::Verified);
    }

    #[test]
    fn a_repeated_verify_that_fails_inside_the_registry_was_done_before() {
        let unclear = Err(Error::new(Kind::OutcomeUnknown, "lost"));
        let failed = Err(Error::new(Kind::RegistryFailed, "500"));
        let checkout = run(vec![
            (0, Event::Due),
            (0, Event::Registered(Ok(ticket()))),
            (0, Event::Due),
            (0, Event::Verified(unclear)),
            (1, Event::Due),
            (1, Event::Verified(failed)),
        ]);
        assert_eq!(checkout.state, State::Verified);
    }

    #[test]
    fn a_code_shown_on_doubt_is_verified_again_until_that_is_clear() {
        let doubtful = vec![
            (0, Event::Due),
            (0, Event::Registered(Ok(ticket()))),
            (0, Event::Due),
            (60, Event::Due),
            (
                60,
                Event::Verified(Err(Error::new(Kind::RegistryFailed, "500"))),
            ),
            (61, Event::Show),
        ];
        let shown = run(doubtful);
        let verify = step(&shown, Event::Due, at(62), 0).unwrap();
        assert_eq!(verify.action, Some(Action::Verify));
        let clear = step(&verify.checkout, Event::Verified(Ok(())), at(62), 0).unwrap();
        assert_eq!(clear.checkout.state, State::Shown);
        let poll = step(&clear.checkout, Event::Due, at(63), 0).unwrap();
        assert_eq!(poll.action, Some(Action::Poll));
    }

    #[test]
    fn a_code_that_the_registry_forgot_runs_out_and_is_asked_for_ever_more_seldom() {
        let unknown = || Err(Error::new(Kind::OtcUnknown, "404"));
        let expired = with(shown(), vec![(301, Event::Status(unknown()))]);
        assert_eq!(expired.state, State::Expired);
        let down = || Err(Error::new(Kind::RegistryFailed, "500"));
        let failing = (0..6).map(|n| (301 + n, Event::Status(down()))).collect();
        let failing = with(shown(), failing);
        assert_eq!(failing.state, State::Shown);
        assert_eq!(failing.due.map(|due| due.since(at(306))), Some(POLL_CAP_MS));
    }
}
