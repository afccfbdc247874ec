//! What comes in: deliveries, cursors, and what may be asked in return.

use std::sync::Arc;

use super::{
    Fixture, race,
    samples::{at, cursor, delivered},
};
use crate::{
    Timestamp,
    store::{Count, CursorRecord, DeliveryId, DeliveryRecord, DeliveryState, Rate, Store},
};

/// A delivery moves on from the version before only, waits until it is done, and is listed when it
/// is due.
pub async fn a_delivery_is_processed_once<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let first = delivered(1, 3);
    let done = DeliveryRecord {
        sealed: None,
        ..moved(&first, DeliveryState::Done)
    };
    assert!(!store.put_delivery(&done).await.unwrap(), "there is none");
    assert!(store.put_delivery(&first).await.unwrap());
    assert!(!store.put_delivery(&first).await.unwrap(), "it is there");
    for (n, due) in [(2, 7), (3, 1), (4, 5)] {
        assert!(store.put_delivery(&delivered(n, due)).await.unwrap());
    }
    assert!(due(&store, 0, 9).await.is_empty());
    assert_eq!(due(&store, 5, 9).await, [1, 3, 5]);
    assert_eq!(due(&store, 9, 2).await, [1, 3]);
    assert!(due(&store, 9, 0).await.is_empty());

    assert!(store.put_delivery(&done).await.unwrap());
    assert!(!store.put_delivery(&done).await.unwrap(), "twice");
    assert_eq!(store.delivery(first.id).await.unwrap(), Some(done));
    let parked = moved(&delivered(4, 5), DeliveryState::Parked("x".into()));
    assert!(store.put_delivery(&parked).await.unwrap());
    assert_eq!(due(&store, 9, 9).await, [1, 7]);
    let mut undone = vec![delivered(2, 7).id, delivered(3, 1).id, parked.id];
    undone.sort();
    assert_eq!(undone_after(&store, None, 9).await, undone);
    assert_eq!(undone_after(&store, None, 2).await, undone[..2]);
    assert_eq!(undone_after(&store, Some(undone[0]), 9).await, undone[1..]);
    assert!(undone_after(&store, Some(undone[2]), 9).await.is_empty());
    let store = fixture.reopen(store).await;
    assert_eq!(store.delivery(parked.id).await.unwrap(), Some(parked));
    let counted = store.numbers().await.unwrap().deliveries;
    let count = |state: &str, reason: Option<&str>, count| Count {
        state: state.into(),
        reason: reason.map(str::to_owned),
        count,
        oldest: at(0),
    };
    let expected = [
        count("done", None, 1),
        count("parked", Some("x"), 1),
        count("waiting", None, 2),
    ];
    assert_eq!(counted, expected);
}

/// Of those who write one delivery at the same time, one succeeds.
pub async fn one_racer_takes_a_delivery<F: Fixture>(fixture: &F) {
    let store = Arc::new(fixture.fresh().await);
    let made = race(&store, |store, _| async move {
        store.put_delivery(&delivered(1, 0)).await.unwrap()
    });
    assert_eq!(made.await.iter().filter(|won| **won).count(), 1);
    let taken = race(&store, |store, _| async move {
        let next = moved(&delivered(1, 0), DeliveryState::Waiting);
        store.put_delivery(&next).await.unwrap()
    });
    assert_eq!(taken.await.iter().filter(|won| **won).count(), 1);
}

/// Only deliveries that were done with, and long ago, are forgotten.
pub async fn old_deliveries_are_forgotten<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let states = [
        DeliveryState::Waiting,
        DeliveryState::Done,
        DeliveryState::Parked("x".into()),
    ];
    for n in 0..9 {
        let came = DeliveryRecord {
            received: at(i64::try_from(n / 3).unwrap()),
            ..delivered(n, 0)
        };
        assert!(store.put_delivery(&came).await.unwrap());
        let state = states[usize::try_from(n % 3).unwrap()].clone();
        assert!(store.put_delivery(&moved(&came, state)).await.unwrap());
    }
    assert_eq!(store.forget_deliveries(at(2)).await.unwrap(), 2);
    assert_eq!(store.forget_deliveries(at(2)).await.unwrap(), 0);
    for n in 0..9 {
        let held = store.delivery(delivered(n, 0).id).await.unwrap();
        assert_eq!(held.is_some(), n % 3 != 1 || n / 3 == 2, "{n}");
    }
    let again = delivered(1, 0);
    assert!(store.put_delivery(&again).await.unwrap(), "a new one");
}

/// A cursor moves on from the version before only; each source has its own.
pub async fn a_cursor_moves_by_version<F: Fixture>(fixture: &F) {
    let store = Arc::new(fixture.fresh().await);
    assert!(
        !store.put_cursor(&cursor(2)).await.unwrap(),
        "there is none"
    );
    let made = race(&store, |store, _| async move {
        store.put_cursor(&cursor(1)).await.unwrap()
    });
    assert_eq!(made.await.iter().filter(|won| **won).count(), 1);
    assert!(
        !store.put_cursor(&cursor(3)).await.unwrap(),
        "one is skipped"
    );
    assert!(store.put_cursor(&cursor(2)).await.unwrap());
    let other = CursorRecord {
        source: "other".into(),
        ..cursor(1)
    };
    assert!(store.put_cursor(&other).await.unwrap());
    let held = store.cursor(&cursor(1).source).await.unwrap();
    assert_eq!(held, Some(cursor(2)));
    assert_eq!(store.cursor("other").await.unwrap(), Some(other));
}

/// All who draw from one budget together get what it holds, and no more.
pub async fn a_budget_is_shared<F: Fixture>(fixture: &F) {
    let store = Arc::new(fixture.fresh().await);
    let rate = Rate {
        per_second: 10,
        burst: 100,
    };
    let drawn = race(&store, |store, _| async move {
        store.draw("a", rate, 3, at(0)).await.unwrap()
    })
    .await;
    let granted: u32 = drawn.iter().map(|drawn| drawn.granted).sum();
    assert_eq!(granted, 100);
    assert!(drawn.iter().all(|drawn| drawn.granted <= 3));
    let empty = store.draw("a", rate, 1, at(0)).await.unwrap();
    assert_eq!((empty.granted, empty.next), (0, at(0).plus_millis(100)));
    assert_eq!(store.draw("b", rate, 7, at(0)).await.unwrap().granted, 7);
    let later = store.draw("a", rate, 99, at(3)).await.unwrap();
    assert_eq!(later.granted, 30);
    let full = store.draw("a", rate, 999, at(1_000)).await.unwrap();
    assert_eq!(full.granted, 100);
    // A clock that went back owes no more than the burst.
    let back = store.draw("a", rate, 1, at(-5_000)).await.unwrap();
    assert_eq!((back.granted, back.next), (0, at(-5_000).plus_millis(100)));
}

async fn due(store: &impl Store, now: i64, limit: usize) -> Vec<i64> {
    let due = store.due_deliveries(at(now), limit).await.unwrap();
    let seconds = due.iter().map(|held| held.due.since(at(0)) / 1000);
    let far = store.due_deliveries(Timestamp::MIN, 9).await.unwrap();
    assert_eq!(far, []);
    seconds.collect()
}

async fn undone_after(
    store: &impl Store,
    after: Option<DeliveryId>,
    limit: usize,
) -> Vec<DeliveryId> {
    let undone = store.undone_deliveries(after, limit).await.unwrap();
    undone.iter().map(|held| held.id).collect()
}

fn moved(delivery: &DeliveryRecord, state: DeliveryState) -> DeliveryRecord {
    DeliveryRecord {
        version: delivery.version + 1,
        state,
        ..delivery.clone()
    }
}
