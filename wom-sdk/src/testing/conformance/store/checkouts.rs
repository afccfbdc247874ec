//! Checkouts: moved on by version, listed when due.

use std::sync::Arc;

use super::{
    Fixture, race,
    samples::{at, checkout},
};
use crate::{
    Timestamp,
    checkout::{CheckoutRecord, State},
    store::Store,
};

/// A checkout moves on from the version before only, and is listed when it is due.
pub async fn checkouts_move_by_version_and_come_in_order<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let first = checkout(1, Some(1));
    let second = moved(&first, State::Registered);
    let third = moved(&second, State::Verified);
    assert!(
        !store.put_checkout(&second).await.unwrap(),
        "there is no version 1"
    );
    assert_eq!(store.checkout(first.id).await.unwrap(), None);
    assert!(store.put_checkout(&first).await.unwrap());
    assert!(
        !store.put_checkout(&first).await.unwrap(),
        "it is there already"
    );
    assert!(
        !store.put_checkout(&third).await.unwrap(),
        "a version is skipped"
    );
    assert!(store.put_checkout(&second).await.unwrap());
    assert!(
        !store.put_checkout(&second).await.unwrap(),
        "a version is repeated"
    );
    assert_eq!(store.checkout(first.id).await.unwrap(), Some(second));

    for (n, due) in [(2, Some(7)), (3, None), (4, Some(0)), (5, Some(3))] {
        assert!(store.put_checkout(&checkout(n, due)).await.unwrap());
    }
    let due = |now, limit| {
        let store = &store;
        async move {
            let due = store.due_checkouts(now, limit).await.unwrap();
            let seconds = due
                .iter()
                .map(|held| held.due.map(|due| due.since(at(0)) / 1000));
            seconds.collect::<Vec<_>>()
        }
    };
    assert_eq!(due(at(-1), 99).await, []);
    assert_eq!(due(at(3), 99).await, [Some(0), Some(1), Some(3)]);
    assert_eq!(due(Timestamp::MAX, usize::MAX).await.len(), 4);
    assert_eq!(due(at(99), 2).await, [Some(0), Some(1)]);
    assert_eq!(due(at(99), 0).await, []);
    let paid = CheckoutRecord {
        due: None,
        ..moved(&checkout(4, None), State::Paid { at: at(9) })
    };
    assert!(store.put_checkout(&paid).await.unwrap());
    assert_eq!(due(at(99), 1).await, [Some(1)]);
}

/// Of those who write that a checkout was paid, one succeeds: one discount is given.
pub async fn a_payment_is_written_by_one_racer<F: Fixture>(fixture: &F) {
    let store = Arc::new(fixture.fresh().await);
    let wins = |results: Vec<bool>| results.iter().filter(|won| **won).count();
    for n in 0..10 {
        let made = race(&store, |store, _| async move {
            store.put_checkout(&checkout(n, Some(0))).await.unwrap()
        });
        assert_eq!(wins(made.await), 1);
        let paid = move |racer| moved(&checkout(n, Some(0)), State::Paid { at: at(racer) });
        let results = race(&store, |store, racer| async move {
            let record = paid(i64::try_from(racer).unwrap());
            store.put_checkout(&record).await.unwrap()
        })
        .await;
        let winner = results.iter().position(|won| *won).unwrap();
        assert_eq!(wins(results), 1);
        let held = store.checkout(checkout(n, None).id).await.unwrap();
        assert_eq!(held, Some(paid(i64::try_from(winner).unwrap())));
    }
}

fn moved(checkout: &CheckoutRecord, state: State) -> CheckoutRecord {
    CheckoutRecord {
        version: checkout.version + 1,
        state,
        ..checkout.clone()
    }
}
