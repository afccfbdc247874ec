//! The award's state machine: one arrow, one committed write.
//!
//! ```text
//! accepted ─▶ creating ─▶ created ─▶ verifying ─▶ verified ─▶ offered ─▶ acknowledged
//!     ▲          │ retry     ▲           │ unclear    ▲
//!     │          ▼           │           ▼            │ after 5 unclear tries
//!     │       parked         └── verify_unknown ──────┘
//!     └──── the Registry surely does not know a code that was never offered
//! ```
//!
//! A code that was taken for good on doubt is offered, and its verify is repeated for some hours:
//! the person is not kept waiting, and a code that was not good after all becomes so. That goes on
//! where the code is acknowledged meanwhile, as whoever has it may not have redeemed it yet; it is
//! forgotten once its verify is answered, or these hours are over.

use super::{AwardKey, Content, State, Ticket};
use crate::{Error, Kind, Result, Retry, Timestamp};

/// How often a verify may end unclear before the same code is offered all the same, if it is the
/// Registry itself that fails.
pub const VERIFY_TRIES: u32 = 5;
/// How often the verify of a code that was taken for good on doubt is repeated after that.
const DOUBT_TRIES: u32 = 48;
/// The longest pause between these.
const DOUBT_CAP_MS: i64 = 300_000;
/// As many tries stand against a code about which the Registry was asked at the cost of an attempt at
/// the PIN: it is written before the question is asked, never falls for that code, and whoever has
/// so many does not ask.
const ASKED: u32 = VERIFY_TRIES - 1;
/// How often a create may fail inside the Registry before a person has to look.
const CREATE_TRIES: u32 = 12;
/// How long one call may take before another worker may take the award over.
const LEASE_MS: i64 = 60_000;
const BACKOFF_BASE_MS: u64 = 500;
const BACKOFF_CAP_MS: u64 = 60_000;
/// The longest `Retry-After` that is heeded.
const ASKED_CAP_MS: i64 = 3_600_000;

/// Whether a code was taken for good without a clear answer, so that its verify is to be repeated:
/// if it was not, the person's wallet does not know it until then.
pub(crate) fn in_doubt(state: &State, has_code: bool, unclear: bool, tries: u32) -> bool {
    matches!(
        state,
        State::Verified | State::Offered | State::Acknowledged
    ) && has_code
        && unclear
        && tries < VERIFY_TRIES + DOUBT_TRIES
}

/// Whether the answer to a verify is so unclear that the [`Issuer`](super::Issuer) may be
/// [asked](Event::Ask) whether the code is good: an earlier try ended unclear, and now the Registry
/// answers and fails.
pub(crate) fn may_ask(award: &Award, error: &Error) -> bool {
    award.state == State::Verifying
        && award.unclear
        && award.tries + 1 < ASKED
        && error.kind() == Kind::RegistryFailed
        && error.retry() == Retry::SameKey
}

/// One award, as the machine sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Award {
    /// Which award.
    pub key: AwardKey,
    /// What to issue; frozen.
    pub content: Content,
    /// Where it stands.
    pub state: State,
    /// The code, from `created` until `acknowledged`, or for as long as it is in doubt then.
    pub ticket: Option<Ticket>,
    /// Tries of the present call that did not succeed.
    pub tries: u32,
    /// Whether a verify of this code ever ended unclear.
    pub unclear: bool,
    /// When to go on, for open states.
    pub due: Timestamp,
}

impl Award {
    /// A new award, due at once.
    pub fn new(key: AwardKey, content: Content, now: Timestamp) -> Self {
        Self {
            key,
            content,
            state: State::Accepted,
            ticket: None,
            tries: 0,
            unclear: false,
            due: now,
        }
    }

    fn in_doubt(&self) -> bool {
        in_doubt(&self.state, self.ticket.is_some(), self.unclear, self.tries)
    }

    /// Nobody asks for the code any more: it is kept only while its verify is to be repeated.
    fn forget_unless_in_doubt(&mut self) {
        if !self.in_doubt() {
            self.ticket = None;
        }
    }
}

/// What happens to an award.
#[derive(Clone, Debug)]
pub enum Event {
    /// Its time has come.
    Due,
    /// A create was answered.
    Created(Result<Ticket>),
    /// A verify was answered.
    Verified(Result<()>),
    /// A verify failed in such a way that asking would tell whether an earlier one was carried out.
    /// Once for each code.
    Ask,
    /// The question was answered: whether the code is good, or nothing.
    Asked(Result<Option<bool>>),
    /// Somebody asks for the code.
    Offer,
    /// Somebody has the code.
    Acknowledge,
    /// Whoever mended what it was parked for says: go on.
    Resume,
    /// The person whose award it is wants to be forgotten: nobody gets the code.
    Abandon,
    /// A person judges it: award it after all.
    Approve,
    /// A person judges it: not this one.
    Refuse,
}

/// What to do at the Registry next, once the new state is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Send a create.
    Create,
    /// Send a verify for the award's code.
    Verify,
    /// Ask whether the award's code is good.
    Ask,
}

/// The award as it is after an event, and what to do once that is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// To be written before anything else happens.
    pub award: Award,
    /// To be done after.
    pub action: Option<Action>,
}

/// Moves an award on. Pure: `random` brings the jitter, `now` the time.
///
/// An event that makes no sense in the present state is an error and changes nothing:
/// [`Kind::AlreadyDelivered`] for an acknowledged code that is asked for again.
pub fn step(award: &Award, event: Event, now: Timestamp, random: u64) -> Result<Step> {
    let mut next = award.clone();
    let action = match (&award.state, event) {
        (State::Accepted | State::Creating, Event::Due) => {
            next.state = State::Creating;
            next.due = now.plus_millis(LEASE_MS);
            Some(Action::Create)
        }
        (State::Created | State::Verifying | State::VerifyUnknown, Event::Due) => {
            // A verify that was under way when the process died may have been carried out.
            next.unclear |= award.state == State::Verifying;
            next.state = State::Verifying;
            next.due = now.plus_millis(LEASE_MS);
            Some(Action::Verify)
        }
        (State::Verified | State::Offered | State::Acknowledged, Event::Due)
            if award.in_doubt() =>
        {
            next.due = now.plus_millis(LEASE_MS);
            Some(Action::Verify)
        }
        (State::Creating, Event::Created(Ok(ticket))) => {
            next.state = State::Created;
            next.ticket = Some(ticket);
            next.tries = 0;
            next.unclear = false;
            next.due = now;
            None
        }
        (State::Creating, Event::Created(Err(error))) => {
            next.tries += 1;
            let hopeless = error.retry() == Retry::Never
                || (error.kind() == Kind::RegistryFailed && next.tries >= CREATE_TRIES);
            if hopeless {
                next.state = State::Parked(error.code().to_owned());
            } else {
                next.due = now.plus_millis(pause(&error, next.tries, random));
            }
            None
        }
        (State::Verifying, Event::Verified(Ok(()))) => {
            next.state = State::Verified;
            next.tries = 0;
            next.unclear = false;
            None
        }
        (State::Verifying, Event::Verified(Err(error))) => {
            verify_failed(&mut next, &error, now, random);
            None
        }
        (State::Verifying, Event::Ask) if award.unclear && award.tries < ASKED => {
            next.tries = ASKED;
            next.due = now.plus_millis(LEASE_MS);
            Some(Action::Ask)
        }
        (State::Verifying, Event::Asked(answer)) => {
            match answer {
                Ok(Some(true)) => {
                    next.state = State::Verified;
                    next.tries = 0;
                    next.unclear = false;
                }
                // No earlier try was carried out.
                Ok(Some(false)) => {
                    next.state = State::Created;
                    next.unclear = false;
                    next.due = now.plus_millis(backoff(next.tries, random));
                }
                Ok(None) | Err(_) => {
                    next.state = State::VerifyUnknown;
                    next.due = now.plus_millis(backoff(next.tries, random));
                }
            }
            None
        }
        (State::Verified | State::Offered, Event::Verified(answer)) => {
            doubt(&mut next, answer, now);
            None
        }
        (State::Acknowledged, Event::Verified(answer)) => {
            doubt(&mut next, answer, now);
            next.forget_unless_in_doubt();
            None
        }
        (State::Verified | State::Offered, Event::Offer) => {
            next.state = State::Offered;
            None
        }
        (State::Offered, Event::Acknowledge) => {
            next.state = State::Acknowledged;
            next.forget_unless_in_doubt();
            None
        }
        (State::Acknowledged, Event::Acknowledge | Event::Abandon) => None,
        // Nobody will ever redeem what was created for it.
        (_, Event::Abandon) => {
            next.state = State::Acknowledged;
            next.ticket = None;
            None
        }
        (State::Acknowledged, Event::Offer) => {
            return Err(Error::new(
                Kind::AlreadyDelivered,
                "this award was collected and acknowledged",
            ));
        }
        (State::Held(_), Event::Refuse) => {
            next.state = State::Parked(State::REFUSED.to_owned());
            None
        }
        (State::Held(_), Event::Approve) => {
            next.state = State::Accepted;
            next.due = now;
            None
        }
        (state, Event::Approve) if state.is_refused() => {
            next.state = State::Accepted;
            next.due = now;
            None
        }
        (State::Parked(_), Event::Resume) if !award.state.is_refused() => {
            next.state = if award.ticket.is_some() {
                State::VerifyUnknown
            } else {
                State::Accepted
            };
            // Who was asked about a code once is not asked again.
            next.tries = match &award.ticket {
                Some(_) => award.tries.min(ASKED),
                None => 0,
            };
            next.due = now;
            None
        }
        (state, _) => {
            return Err(
                Error::new(Kind::InputInvalid, "the award is not in a state for this")
                    .with("state", state.name()),
            );
        }
    };
    Ok(Step {
        award: next,
        action,
    })
}

fn verify_failed(award: &mut Award, error: &Error, now: Timestamp, random: u64) {
    award.tries += 1;
    award.due = now.plus_millis(pause(error, award.tries, random));
    match (error.kind(), error.retry()) {
        // Nothing was sent: what was unclear before stays so.
        (_, Retry::Safe) => {
            award.state = if award.unclear {
                State::VerifyUnknown
            } else {
                State::Created
            };
        }
        // The Registry has lost it, and nobody else has ever seen this code.
        (Kind::OtcUnknown, _) => {
            award.state = State::Accepted;
            award.ticket = None;
            award.unclear = false;
        }
        (_, Retry::SameKey) => {
            // A Registry that is reached and fails again and again, after a try whose answer was lost,
            // has most likely verified the code then. The same code is offered; another one never.
            // While there is no answer at all nothing is known, and nothing is offered.
            let again = award.unclear && error.kind() == Kind::RegistryFailed;
            award.unclear = true;
            award.state = if again && award.tries >= VERIFY_TRIES {
                award.due = now.plus_millis(doubt_pause(award.tries));
                State::Verified
            } else {
                State::VerifyUnknown
            };
        }
        (_, Retry::Never) => award.state = State::Parked(error.code().to_owned()),
    }
}

/// A verify of a code that is, or may be, in somebody's hands was answered.
fn doubt(award: &mut Award, answer: Result<()>, now: Timestamp) {
    match answer.map_err(|error| error.kind()) {
        Ok(()) => {
            award.unclear = false;
            award.tries = 0;
        }
        // The Registry has lost it. What nobody has seen is made anew; what was offered never.
        Err(Kind::OtcUnknown) if award.state == State::Verified => {
            award.state = State::Accepted;
            award.ticket = None;
            award.unclear = false;
            award.tries = 0;
            award.due = now;
        }
        Err(_) => {
            award.tries += 1;
            award.due = now.plus_millis(doubt_pause(award.tries));
        }
    }
}

fn doubt_pause(tries: u32) -> i64 {
    let doubled = 30_000_i64 << tries.saturating_sub(VERIFY_TRIES).min(8);
    doubled.min(DOUBT_CAP_MS)
}

/// As long as the Registry asks for, up to a limit, and never less than our own pause.
fn pause(error: &Error, tries: u32, random: u64) -> i64 {
    let asked = error.retry_after().unwrap_or_default().as_millis();
    let asked = i64::try_from(asked).unwrap_or(i64::MAX).min(ASKED_CAP_MS);
    asked.saturating_add(backoff(tries, random))
}

/// Half of it at random, up to a bound that doubles with each try: so that many spread, and one does
/// not ask more than six times in half a minute.
fn backoff(tries: u32, random: u64) -> i64 {
    let bound = BACKOFF_BASE_MS
        .saturating_mul(1 << tries.min(16))
        .min(BACKOFF_CAP_MS);
    i64::try_from(bound / 2 + random % (bound / 2 + 1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Otc, Pin};

    fn verifying() -> Award {
        let request =
            super::super::Request::new("H".parse().unwrap(), 5, "43.72,12.63".parse().unwrap());
        let content = request.freeze(Timestamp::EPOCH).unwrap();
        Award {
            state: State::Verifying,
            ticket: Some(Ticket {
                otc: Otc::random(),
                pin: Pin::random(),
                link: "x".to_owned().into(),
                minutes: 5,
            }),
            ..Award::new(AwardKey([7; 32]), content, Timestamp::EPOCH)
        }
    }

    /// Verifies once, and lets the pause pass.
    fn verify(award: &Award, answer: Result<()>) -> Award {
        let began = step(award, Event::Due, award.due, 0).unwrap();
        assert_eq!(began.action, Some(Action::Verify));
        let ended = step(&began.award, Event::Verified(answer), award.due, 0);
        ended.unwrap().award
    }

    fn error(kind: Kind) -> Result<()> {
        Err(Error::new(kind, "x"))
    }

    #[test]
    fn no_answer_is_never_taken_for_yes() {
        let mut award = verifying();
        for _ in 0..20 {
            award = verify(&award, error(Kind::OutcomeUnknown));
            assert_eq!(award.state, State::VerifyUnknown);
        }
        assert_eq!(
            verify(&award, error(Kind::RegistryFailed)).state,
            State::Verified
        );
    }

    #[test]
    fn a_code_is_asked_about_once_whatever_comes_of_it() {
        let failed = Error::new(Kind::RegistryFailed, "x");
        assert!(!may_ask(&verifying(), &failed), "this try is the first");
        let first = verify(&verifying(), Err(failed.clone()));
        let again = step(&first, Event::Due, first.due, 0).unwrap().award;
        assert!(may_ask(&again, &failed));
        assert!(!may_ask(&again, &Error::new(Kind::OutcomeUnknown, "x")));
        let asking = step(&again, Event::Ask, again.due, 0).unwrap();
        assert_eq!(asking.action, Some(Action::Ask));
        for (answer, state, unclear) in [
            (Ok(Some(true)), State::Verified, false),
            (Ok(Some(false)), State::Created, false),
            (Ok(None), State::VerifyUnknown, true),
            (Err(failed.clone()), State::VerifyUnknown, true),
        ] {
            let told = step(&asking.award, Event::Asked(answer), again.due, 0).unwrap();
            assert_eq!((&told.award.state, told.award.unclear), (&state, unclear));
            if state == State::Verified {
                continue;
            }
            // The next tries, a death while it was asked, and a person who resumes it.
            let next = step(&told.award, Event::Due, told.award.due, 0)
                .unwrap()
                .award;
            assert!(!may_ask(&next, &failed));
            let parked = Award {
                state: State::Parked("x".to_owned()),
                ..next
            };
            let resumed = step(&parked, Event::Resume, parked.due, 0).unwrap().award;
            let next = step(&resumed, Event::Due, resumed.due, 0).unwrap().award;
            assert!(!may_ask(
                &Award {
                    unclear: true,
                    ..next
                },
                &failed
            ));
        }
        let died = step(&asking.award, Event::Due, asking.award.due, 0).unwrap();
        assert_eq!(died.action, Some(Action::Verify));
        assert!(!may_ask(&died.award, &failed));
        assert!(step(&died.award, Event::Ask, died.award.due, 0).is_err());
    }

    #[test]
    fn a_code_offered_on_doubt_is_verified_until_that_is_clear_and_never_taken_back() {
        let mut award = verifying();
        for _ in 0..VERIFY_TRIES {
            award = verify(&award, error(Kind::RegistryFailed));
        }
        assert_eq!((&award.state, award.unclear), (&State::Verified, true));
        let unseen = verify(&award, error(Kind::OtcUnknown));
        assert_eq!((&unseen.state, &unseen.ticket), (&State::Accepted, &None));
        let offered = step(&award, Event::Offer, award.due, 0).unwrap().award;
        let acknowledged = step(&offered, Event::Acknowledge, award.due, 0).unwrap();
        for mut award in [offered, acknowledged.award] {
            let state = award.state.clone();
            let collected = state == State::Acknowledged;
            let clear = verify(&award, Ok(()));
            assert_eq!((&clear.state, clear.unclear), (&state, false));
            assert_eq!(clear.ticket.is_none(), collected);
            assert!(step(&clear, Event::Due, clear.due, 0).is_err());
            let mut tries = 0;
            while award.in_doubt() {
                let kind = if tries % 2 == 0 {
                    Kind::OtcUnknown
                } else {
                    Kind::RegistryFailed
                };
                award = verify(&award, error(kind));
                assert_eq!(award.state, state);
                tries += 1;
            }
            assert_eq!(tries, DOUBT_TRIES);
            assert_eq!(award.ticket.is_none(), collected);
            assert!(step(&award, Event::Due, award.due, 0).is_err());
        }
    }
}
