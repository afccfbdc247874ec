use proptest::prelude::*;

use super::*;
use crate::{
    checkout::CheckoutId,
    merchant::{Discount, OrderId, OrderLine},
    sale::{Made, OrderKey, REASONS, Remedy, SaleId, Salt, Turn},
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn terms(remedies: Vec<Remedy>) -> Terms {
    Terms {
        amount: 60,
        filter: None,
        discount: Discount::Amount(500),
        agreed: 500,
        currency: "EUR".into(),
        floor: 1,
        remedies,
    }
}

fn bound() -> Bound {
    Bound {
        id: OrderId("1007".into()),
        version: "1".into(),
    }
}

fn sale() -> Sale {
    let checkout = CheckoutId::new("http://r", "p", "1");
    let id = SaleId::new("bar", &bound().id, "coffee", 0);
    let made = Made {
        id,
        shop: "bar".into(),
        offer: "coffee".into(),
        terms: terms(vec![Remedy::FreshCode, Remedy::RecordOnly]),
        checkout,
        index: 0,
        salt: Salt([7; 16]),
    };
    let slot = OrderKey::new("bar", &bound().id).slot(0);
    Sale::waiting(made, bound(), slot, at(0))
}

/// The order with a discount of ours.
fn order(sale: &Sale, total: i64, reduction: i64, open: bool) -> Order {
    let line = |amount, reference| OrderLine {
        text: "line".into(),
        amount,
        reference,
    };
    let mut lines = vec![line(total + reduction, None)];
    if reduction != 0 {
        lines.push(line(-reduction, Some(sale.key().to_uppercase())));
    }
    Order {
        id: bound().id,
        version: "2".into(),
        lines,
        total,
        currency: "EUR".into(),
        open,
    }
}

/// The sale after these events, and the last action.
fn run(sale: &Sale, events: Vec<(i64, Event)>) -> (Sale, Option<Action>) {
    let (mut sale, mut action) = (sale.clone(), None);
    for (second, event) in events {
        let told = format!("{:?} {event:?}", sale.state);
        let step = step(&sale, event, at(second), 7).expect(&told);
        (sale, action) = (step.sale, step.action);
    }
    (sale, action)
}

fn paid() -> Sale {
    run(&sale(), vec![(9, Event::Payment(Payment::Paid(at(8))))]).0
}

fn asked() -> Sale {
    let paid = paid();
    let read = Event::Read(Ok(order(&paid, 1_200, 0, true)));
    let (asked, action) = run(&paid, vec![(9, Event::Due), (9, read)]);
    assert_eq!(action, Some(Action::Apply(500)));
    asked
}

fn there(sale: &Sale) -> Event {
    Event::Read(Ok(order(sale, 700, 500, true)))
}

fn applied() -> Sale {
    let asked = asked();
    let took = Event::Applied(Ok(Applied::Applied {
        reference: "R1".into(),
    }));
    let read = there(&asked);
    run(&asked, vec![(10, took), (10, Event::Due), (11, read)]).0
}

#[test]
fn it_is_applied_only_when_the_shop_shows_it() {
    let asked = asked();
    let took = Event::Applied(Ok(Applied::Applied {
        reference: "R1".into(),
    }));
    let (took, _) = run(&asked, vec![(10, took)]);
    assert_eq!((&took.state, took.due), (&State::Applying, Some(at(10))));
    let mut unseen = took;
    while unseen.state == State::Applying {
        let second = unseen.due.unwrap().as_seconds() + 1;
        let read = Event::Read(Ok(order(&unseen, 1_200, 0, true)));
        let (next, action) = run(&unseen, vec![(second, Event::Due), (second, read)]);
        assert_eq!(action, None, "it is never asked for again");
        unseen = next;
    }
    assert_eq!(unseen.state, State::Attention("not_shown".into()));
    let applied = applied();
    assert_eq!(applied.state, State::Applied);
    assert_eq!((applied.given, applied.total), (Some(500), Some(700)));
    let closed = Event::Read(Ok(order(&applied, 700, 500, false)));
    assert_eq!(run(&applied, vec![(20, closed)]).0.state, State::Redeemed);
}

#[test]
fn what_was_not_answered_is_looked_for_and_asked_again_only_after_its_time() {
    let lost = Event::Applied(Err(Error::new(Kind::OutcomeUnknown, "lost")));
    for unclear in [vec![(10, lost)], vec![]] {
        let (unclear, _) = run(&asked(), unclear);
        let nothing = |sale: &Sale| Event::Read(Ok(order(sale, 1_200, 0, true)));
        let (early, action) = run(&unclear, vec![(12, Event::Due), (12, nothing(&unclear))]);
        assert_eq!((action, early.due), (None, Some(at(14))));
        assert_eq!(
            run(&early, vec![(14, there(&early))]).0.state,
            State::Applied
        );
        let (_, action) = run(&early, vec![(39, Event::Due), (39, nothing(&early))]);
        assert_eq!(action, Some(Action::Apply(500)));
    }
    let refused = Event::Applied(Err(
        Error::new(Kind::RegistryFailed, "500").with_retry(Retry::Safe)
    ));
    let (surely, _) = run(&asked(), vec![(10, refused)]);
    assert_eq!((surely.hold, surely.tries), (None, 1));
    assert_eq!(surely.failure.as_deref(), Some("registry_failed"));
    let never = Event::Applied(Err(Error::new(Kind::AccessDenied, "403")));
    let (denied, _) = run(&asked(), vec![(10, never)]);
    assert_eq!(denied.state, State::Attention("access_denied".into()));
}

#[test]
fn the_money_is_clipped_at_the_new_total_and_never_more() {
    let paid = paid();
    let smaller = Event::Read(Ok(order(&paid, 300, 0, true)));
    assert_eq!(run(&paid, vec![(9, smaller)]).1, Some(Action::Apply(299)));
    for (total, reduction, open, reason) in [
        (1, 0, true, "nothing_to_reduce"),
        (1_200, 0, false, "order_closed"),
        (200, 1_000, true, "discount_differs"),
        (0, 500, true, "below_floor"),
    ] {
        let read = Event::Read(Ok(order(&paid, total, reduction, open)));
        let (stopped, action) = run(&paid, vec![(9, read)]);
        assert_eq!(stopped.state, State::Attention(reason.into()));
        assert_eq!(action, None);
        assert!(REASONS.iter().any(|(known, _)| *known == reason));
    }
    let mut other = order(&paid, 1_200, 0, true);
    other.currency = "CHF".into();
    let (stopped, _) = run(&paid, vec![(9, Event::Read(Ok(other)))]);
    assert_eq!(stopped.state, State::Attention("currency_differs".into()));
}

#[test]
fn a_late_payment_is_an_entry_with_what_can_be_done() {
    let over = Event::Payment(Payment::Over(Some(at(60))));
    let (lapsed, _) = run(&sale(), vec![(50, over)]);
    assert_eq!((&lapsed.state, lapsed.slot), (&State::Lapsed, None));
    for (payment, after) in [
        (Payment::Late(at(55), After::Expiry), After::Expiry),
        (Payment::Late(at(55), After::Cancel), After::Cancel),
        (Payment::Paid(at(55)), After::Expiry),
    ] {
        let (late, _) = run(&lapsed, vec![(60, Event::Payment(payment))]);
        assert_eq!(
            (&late.state, late.turn()),
            (&State::Late(after), Turn::Person)
        );
        assert_eq!(late.remedies(), [Remedy::FreshCode, Remedy::RecordOnly]);
        assert!(step(&late, Event::Confirmed, at(61), 0).is_err());
        for unsaid in [String::new(), "x".repeat(129)] {
            let granted = Event::Resolve {
                resolution: Resolution::Granted(unsaid),
                note: "shown at the till".into(),
            };
            assert!(step(&late, granted, at(70), 0).is_err());
        }
        let granted = Event::Resolve {
            resolution: Resolution::Granted("FRESH".into()),
            note: "shown at the till".into(),
        };
        let (granted, _) = run(&late, vec![(70, granted)]);
        assert_eq!(
            (&granted.state, granted.turn()),
            (&State::Granted, Turn::Nobody)
        );
        let other = Event::Bind {
            order: Bound {
                id: OrderId("1008".into()),
                version: "1".into(),
            },
            slot: OrderKey::new("bar", &OrderId("1008".into())).slot(0),
            terms: Box::new(terms(vec![])),
        };
        let (bound, _) = run(&late, vec![(70, other)]);
        assert_eq!((&bound.state, bound.paid), (&State::Applying, Some(at(55))));
        assert!(bound.slot.is_some());
    }
    let nothing = Sale {
        terms: terms(vec![Remedy::RecordOnly]),
        ..lapsed
    };
    let late = Payment::Late(at(55), After::Cancel);
    let (recorded, _) = run(&nothing, vec![(60, Event::Payment(late))]);
    assert_eq!(recorded.state, State::Recorded);
}

#[test]
fn a_cancelled_order_loses_its_discount() {
    for (sale, state) in [
        (applied(), State::Withdrawing(Then::Withdrawn)),
        (asked(), State::Withdrawing(Then::Late)),
        (paid(), State::Late(After::Cancel)),
    ] {
        let (cancelled, _) = run(&sale, vec![(12, Event::Cancelled)]);
        assert_eq!(cancelled.state, state);
        let gone = Event::Read(Ok(order(&sale, 0, 0, false)));
        assert_eq!(run(&sale, vec![(12, gone)]).0.state, state);
    }
    let (asked, _) = run(&asked(), vec![(12, Event::Cancelled)]);
    assert_eq!(asked.due, asked.hold, "it may be under way at the shop");
    let (late, action) = run(&asked, vec![(40, Event::Due)]);
    assert_eq!(action, Some(Action::Revoke));
    let (late, _) = run(&late, vec![(40, Event::Revoked(Ok(())))]);
    assert_eq!(late.state, State::Late(After::Cancel));

    let closed = Event::Read(Ok(order(&applied(), 700, 500, false)));
    let (redeemed, _) = run(&applied(), vec![(20, closed), (30, Event::Cancelled)]);
    assert_eq!(redeemed.state, State::Withdrawing(Then::Refunded));
    let (refunded, _) = run(
        &redeemed,
        vec![(30, Event::Due), (31, Event::Revoked(Ok(())))],
    );
    assert_eq!((&refunded.state, refunded.slot), (&State::Refunded, None));
    let (waiting, action) = run(&sale(), vec![(1, Event::Cancelled)]);
    assert_eq!(
        (&waiting.state, action),
        (&State::Waiting, Some(Action::CallOff))
    );
}

#[test]
fn what_a_cashier_types_in_is_confirmed_by_the_cashier() {
    let (manual, _) = run(&asked(), vec![(10, Event::Applied(Ok(Applied::Manual)))]);
    assert_eq!(
        (&manual.state, manual.turn()),
        (&State::Manual, Turn::Person)
    );
    let (typed, _) = run(&manual, vec![(20, Event::Confirmed)]);
    assert_eq!((&typed.state, typed.given), (&State::Applied, Some(500)));
    let bought = Event::Read(Ok(order(&typed, 700, 0, false)));
    assert_eq!(run(&typed, vec![(30, bought)]).0.state, State::Redeemed);
    let gone = Event::Read(Ok(order(&typed, 0, 0, false)));
    assert_eq!(run(&typed, vec![(30, gone)]).0.state, State::Withdrawn);
}

/// A till that no program reads tells the total of the order as it was entered, for ever.
#[test]
fn what_a_till_without_a_connection_reads_is_not_what_was_paid() {
    let manual = run(&asked(), vec![(10, Event::Applied(Ok(Applied::Manual)))]).0;
    let resolve = Event::Resolve {
        resolution: Resolution::Redeemed,
        note: "typed in".into(),
    };
    let entered = Event::Read(Ok(order(&manual, 1_200, 0, true)));
    let redeemed = run(
        &manual,
        vec![(20, resolve), (4_000, Event::Due), (4_001, entered)],
    )
    .0;
    assert_eq!(redeemed.state, State::Redeemed);
    assert_eq!((redeemed.given, redeemed.total), (Some(500), None));
}

#[test]
fn a_decision_needs_a_note_and_an_open_question() {
    let recorded = |note: &str| Event::Resolve {
        resolution: Resolution::Recorded,
        note: note.into(),
    };
    let gone = Event::Read(Ok(order(&applied(), 1_200, 0, true)));
    let (gone, _) = run(&applied(), vec![(12, gone)]);
    assert_eq!(gone.state, State::Attention("discount_gone".into()));
    assert!(gone.slot.is_some(), "nobody else gets its place meanwhile");
    for note in ["", "  ", &"x".repeat(501)] {
        assert!(step(&gone, recorded(note), at(13), 0).is_err());
    }
    assert!(step(&applied(), recorded("no"), at(13), 0).is_err());
    let (done, _) = run(&gone, vec![(13, recorded("the customer took nothing"))]);
    assert_eq!((&done.state, done.slot), (&State::Recorded, None));
    let again = Event::Resolve {
        resolution: Resolution::Retry,
        note: "it fell off".into(),
    };
    let (again, _) = run(&gone, vec![(13, again)]);
    assert_eq!((&again.state, again.reference), (&State::Applying, None));
}

#[test]
fn the_key_tells_nothing_and_differs_by_confirmation() {
    let first = sale();
    let second = Sale { index: 1, ..sale() };
    let salted = Sale {
        salt: Salt([8; 16]),
        ..sale()
    };
    let keys = [first.key(), second.key(), salted.key()];
    assert!(keys[0] != keys[1] && keys[0] != keys[2]);
    assert!(keys.iter().all(|key| key.len() == 32));
    let told = Sale {
        reference: Some(first.key()),
        note: Some("a note".into()),
        ..first
    };
    let said = format!("{told:?}");
    for secret in [&keys[0], "7, 7", "a note", "1007"] {
        assert!(!said.contains(secret), "{said}");
    }
}

fn errors() -> impl Strategy<Value = Error> {
    prop::sample::select(vec![
        Error::new(Kind::OutcomeUnknown, "lost"),
        Error::new(Kind::NetworkUnreachable, "refused"),
        Error::new(Kind::AccessDenied, "403"),
    ])
}

fn answers<T: Clone + std::fmt::Debug + 'static>(ok: T) -> impl Strategy<Value = Result<T>> {
    prop_oneof![3 => Just(Ok(ok)), 1 => errors().prop_map(Err)]
}

fn events() -> impl Strategy<Value = Event> {
    let applied = Applied::Applied {
        reference: "R1".into(),
    };
    let resolutions = prop::sample::select(vec![
        Resolution::Retry,
        Resolution::Applied,
        Resolution::Redeemed,
        Resolution::Withdrawn,
        Resolution::Refunded,
        Resolution::Granted("G".into()),
        Resolution::Recorded,
    ]);
    let payments = prop::sample::select(vec![
        Payment::Open(None),
        Payment::Over(None),
        Payment::Over(Some(at(99))),
        Payment::Paid(at(8)),
        Payment::Late(at(8), After::Expiry),
    ]);
    let orders = (
        0_i64..2_000,
        prop::sample::select(vec![0, 200, 500, 1_000]),
        any::<bool>(),
    );
    prop_oneof![
        4 => Just(Event::Due),
        2 => payments.prop_map(Event::Payment),
        4 => orders.prop_map(|(total, reduction, open)| {
            Event::Read(Ok(order(&sale(), total, reduction, open)))
        }),
        1 => errors().prop_map(|error| Event::Read(Err(error))),
        2 => answers(applied).prop_map(Event::Applied),
        1 => Just(Event::Applied(Ok(Applied::Manual))),
        1 => Just(Event::Coded),
        1 => answers(()).prop_map(Event::Revoked),
        1 => Just(Event::Cancelled),
        1 => Just(Event::Changed),
        1 => Just(Event::Confirmed),
        1 => Just(Event::Bind {
            order: bound(),
            slot: OrderKey::new("bar", &bound().id).slot(0),
            terms: Box::new(terms(vec![Remedy::FreshCode])),
        }),
        1 => resolutions.prop_map(|resolution| Event::Resolve {
            resolution,
            note: "decided".into(),
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever happens in whatever order: nothing is asked of the shop without a payment or while
    /// an earlier try may be under way, no payment is forgotten, and nobody is left waiting for
    /// nobody.
    #[test]
    fn the_machine_holds_whatever_happens(
        happens in prop::collection::vec((events(), 0_i64..60, any::<u64>()), 1..60)
    ) {
        let (mut held, mut now) = (sale(), 0);
        for (event, pause, random) in happens {
            now += pause;
            let Ok(Step { sale: next, action }) = step(&held, event.clone(), at(now), random) else {
                continue;
            };
            prop_assert!(next.version <= held.version + 1);
            prop_assert!(next == held || next.version == held.version + 1);
            prop_assert!(held.paid.is_none() || next.paid.is_some(), "a payment is forgotten");
            if let Some(Action::Apply(money)) = action {
                prop_assert_eq!(&held.state, &State::Applying);
                prop_assert!(held.paid.is_some() && held.reference.is_none());
                prop_assert!(held.hold.is_none_or(|hold| hold <= at(now)));
                prop_assert!(next.hold > Some(at(now)) && next.slot.is_some());
                prop_assert!(money > 0 && money <= held.terms.agreed);
            }
            let unpaid = matches!(next.state, State::Waiting | State::Lapsed);
            prop_assert_eq!(unpaid, next.paid.is_none());
            match next.turn() {
                Turn::Program => prop_assert!(next.due.is_some(), "nobody looks: {:?}", next),
                Turn::Person => prop_assert!(next.due.is_none()),
                Turn::Nobody => prop_assert!(next.slot.is_none() || next.state == State::Redeemed),
            }
            if matches!(next.state, State::Applied) {
                prop_assert!(next.given.is_some_and(|given| given > 0 && given <= 500));
            }
            let text = serde_json::to_string(&next).unwrap();
            prop_assert_eq!(serde_json::from_str::<Sale>(&text).unwrap(), next.clone());
            held = next;
        }
    }
}
