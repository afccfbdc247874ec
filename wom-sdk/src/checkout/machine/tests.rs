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
