//! Everything that was written is read again, as it was, also after the store was opened anew.

use super::{
    Fixture,
    samples::{
        account, at, award, award_states, charge, checkout, checkout_states, content, cursor, day,
        delivered, entry, extreme_entries, moved, owner, participant, poster, sale, sale_states,
    },
};
use crate::{
    Timestamp,
    award::State,
    campaign::Unit,
    checkout::CheckoutRecord,
    observation::Merged,
    sale::{After, Poster, Sale},
    store::{AwardRecord, Change, Commit, Committed, DeliveryRecord, DeliveryState, Store},
};

/// What is written reads as it was written, to the last bit.
pub async fn everything_reads_as_written<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    write_everything(&store).await;
    assert_everything(&store).await;
}

/// What was written is there after the store was opened anew.
pub async fn everything_is_there_again<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    write_everything(&store).await;
    let store = fixture.reopen(store).await;
    assert_everything(&store).await;
    // It goes on from there.
    let settled = Commit {
        change: Some(Change {
            expected: Some(2),
            ..Change::of(participant(1))
        }),
        ..Commit::default()
    };
    assert_eq!(store.commit(settled).await.unwrap(), Committed::Done);
    let again = Commit {
        awards: vec![award(0, 0)],
        ..Commit::default()
    };
    assert_eq!(store.commit(again).await.unwrap(), Committed::Conflict);
}

/// A participant with 10,000 entries, and an award of 100 sorts.
pub async fn big_values_fit<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let mut big = award(1, 0);
    big.content = content(100);
    big.sealed = Some((0..=255).cycle().take(100_000).collect());
    let entries: Vec<_> = (0..10_000).map(|n| entry(n, n + 1)).collect();
    let commit = Commit {
        change: Some(Change {
            expected: Some(0),
            entries: entries.clone(),
            accounts: (0..1_000)
                .map(|n| account("health", Unit::Named(format!("unit {n}")), n))
                .collect(),
            handle: Some(vec![7; 5_000]),
            ..Change::of(participant(1))
        }),
        awards: vec![big.clone()],
        ..Commit::default()
    };
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
    let store = fixture.reopen(store).await;
    let held = store.participant(participant(1)).await.unwrap();
    assert_eq!((held.version, held.accounts.len()), (1, 1_000));
    assert_eq!(held.handle, Some(vec![7; 5_000]));
    let merged: Merged = held.entries.into_iter().collect();
    let same = merged == entries.into_iter().collect();
    assert!(same, "the 10,000 entries are not as they were written");
    let same = store.award(big.key).await.unwrap() == Some(big);
    assert!(same, "the award is not as it was written");
}

async fn write_everything(store: &impl Store) {
    store.bind(&owner()).await.unwrap();
    let first = Commit {
        change: Some(Change {
            expected: Some(0),
            entries: (0..20).map(|n| entry(n, n)).collect(),
            accounts: accounts(),
            handle: Some(vec![0, 1, 255]),
            ..Change::of(participant(1))
        }),
        ..Commit::default()
    };
    assert_eq!(store.commit(first).await.unwrap(), Committed::Done);
    let second = Commit {
        change: Some(Change {
            expected: Some(1),
            entries: extreme_entries(),
            wake: Some(at(77)),
            ..Change::of(participant(1))
        }),
        awards: awards()
            .iter()
            .map(|(accepted, _)| accepted.clone())
            .collect(),
        ..Commit::default()
    };
    assert_eq!(store.commit(second).await.unwrap(), Committed::Done);
    for (_, last) in awards() {
        assert!(store.advance(&last).await.unwrap());
    }
    for (made, last) in checkouts() {
        assert!(store.put_checkout(&made).await.unwrap());
        assert!(store.put_checkout(&last).await.unwrap());
    }
    for (came, last) in deliveries() {
        assert!(store.put_delivery(&came).await.unwrap());
        assert!(store.put_delivery(&last).await.unwrap());
    }
    for (made, last) in sales() {
        assert!(store.put_sale(&made).await.unwrap());
        assert!(store.put_sale(&last).await.unwrap());
    }
    for (made, last) in posters() {
        assert!(store.put_poster(&made).await.unwrap());
        assert!(store.put_poster(&last).await.unwrap());
    }
    for version in 1..=3 {
        assert!(store.put_cursor(&cursor(version)).await.unwrap());
    }
}

async fn assert_everything(store: &impl Store) {
    store.bind(&owner()).await.unwrap();
    let mut held = store.participant(participant(1)).await.unwrap();
    assert_eq!(
        (held.version, held.handle.take()),
        (2, Some(vec![0, 1, 255]))
    );
    let expected: Merged = (0..20)
        .map(|n| entry(n, n))
        .chain(extreme_entries())
        .collect();
    assert_eq!(held.entries.into_iter().collect::<Merged>(), expected);
    held.accounts
        .sort_by_key(|account| account.unit.to_string());
    let mut expected = accounts();
    expected.sort_by_key(|account| account.unit.to_string());
    assert_eq!(held.accounts, expected);
    assert_eq!(store.waking(at(76), 9).await.unwrap(), []);
    assert_eq!(store.waking(at(77), 9).await.unwrap(), [participant(1)]);
    for (_, last) in awards() {
        let held = store.award(last.key).await.unwrap().unwrap();
        let held = forgive_wake_up(held, &last);
        assert_eq!(held, last);
    }
    for (_, last) in checkouts() {
        let mut held = store.checkout(last.id).await.unwrap().unwrap();
        if let (Some(due), Some(was)) = (held.due, last.due) {
            held.due = Some(due.max(was));
        }
        assert_eq!(held, last);
    }
    for (_, last) in deliveries() {
        let mut held = store.delivery(last.id).await.unwrap().unwrap();
        if held.state == DeliveryState::Waiting {
            held.due = held.due.max(last.due);
        }
        assert_eq!(held, last);
    }
    for (_, last) in sales() {
        assert_eq!(store.sale(last.id).await.unwrap(), Some(last));
    }
    for (_, last) in posters() {
        assert_eq!(store.poster(last.id).await.unwrap(), Some(last));
    }
    assert_eq!(
        store.cursor(&cursor(1).source).await.unwrap(),
        Some(cursor(3))
    );
}

/// Each as it came in, and as it is in the end.
fn deliveries() -> Vec<(DeliveryRecord, DeliveryRecord)> {
    let states = [
        DeliveryState::Waiting,
        DeliveryState::Done,
        DeliveryState::Parked("webhook_refused".into()),
    ];
    let pair = |(state, n): (DeliveryState, u64)| {
        let came = delivered(n, 0);
        let last = DeliveryRecord {
            version: 2,
            sealed: (n != 1).then(|| vec![9; 300]),
            tries: u32::MAX,
            due: at(5),
            received: at(-3).plus_millis(1),
            state,
            ..came.clone()
        };
        (came, last)
    };
    states.into_iter().zip(0..).map(pair).collect()
}

/// A store that knows that whoever made a call has died may let the award go on at once.
fn forgive_wake_up(held: AwardRecord, was: &AwardRecord) -> AwardRecord {
    let waiting = match was.state {
        State::Accepted => was.version > 1,
        State::Creating | State::Verifying => true,
        _ => false,
    };
    AwardRecord {
        due: if waiting {
            held.due.max(was.due)
        } else {
            held.due
        },
        ..held
    }
}

fn accounts() -> Vec<crate::award::Account> {
    vec![
        account("health", day("2026-03-01"), u32::MAX),
        account("health", Unit::Named("Ö 'q' \"\0\u{1f6b2}".into()), 1),
        account("", Unit::Named(String::new()), 0),
    ]
}

/// Each as it was accepted, and as it is in the end.
fn awards() -> Vec<(AwardRecord, AwardRecord)> {
    let states = award_states().into_iter().zip(0_u8..);
    let pair = |(state, n): (State, u8)| {
        let mut accepted = award(u64::from(n), i64::from(n));
        accepted.participant = n.is_multiple_of(2).then(|| participant(n));
        accepted.accepted = at(i64::from(n)).plus_millis(-1);
        accepted.content = content(u32::from(n) + 1);
        let last = AwardRecord {
            tries: u32::MAX - u32::from(n),
            unclear: n % 2 == 0,
            due: [at(100), Timestamp::MIN, Timestamp::MAX][usize::from(n) % 3],
            ..moved(&accepted, state, (n % 3 > 0).then(|| vec![n; 200]))
        };
        (accepted, last)
    };
    states.map(pair).collect()
}

/// Each as it was made, and as it is in the end.
fn checkouts() -> Vec<(CheckoutRecord, CheckoutRecord)> {
    let states = checkout_states().into_iter().zip(0_u8..);
    let pair = |(state, n)| {
        let mut made = checkout(u64::from(n), Some(0));
        if n % 2 == 0 {
            made.charge = charge();
        }
        let last = CheckoutRecord {
            version: 2,
            state,
            sealed: (n % 3 > 0).then(|| vec![n; 200]),
            tries: u32::from(n),
            unclear: n % 2 == 0,
            since: at(i64::from(n)).plus_millis(1),
            due: (n % 3 > 0).then(|| at(100)),
            ..made.clone()
        };
        (made, last)
    };
    states.map(pair).collect()
}

/// Each as it was made, and as it is in the end.
fn sales() -> Vec<(Sale, Sale)> {
    let states = sale_states().into_iter().zip(0_u8..);
    let pair = |(state, n)| {
        let made = sale(u64::from(n), Some(0));
        let some = n % 2 == 0;
        let last = Sale {
            version: 2,
            state,
            index: u32::MAX - u32::from(n),
            slot: made.slot.filter(|_| some),
            order: made.order.clone().filter(|_| n % 3 > 0),
            paid: some.then(|| at(3).plus_millis(1)),
            late: some.then_some(After::Double),
            reference: some.then(|| "Ö \0 \u{1f6b2}".to_owned()),
            given: some.then_some(i64::MAX),
            total: some.then_some(i64::MIN),
            by_hand: some,
            hold: some.then(|| at(100)),
            failure: some.then(|| "outcome_unknown".to_owned()),
            note: some.then(|| "«said»".to_owned()),
            tries: u32::MAX,
            since: at(i64::from(n)).plus_millis(1),
            due: (n % 3 > 0).then(|| at(100)),
            ..made.clone()
        };
        (made, last)
    };
    states.map(pair).collect()
}

/// Each as it was made, and as it is in the end.
fn posters() -> Vec<(Poster, Poster)> {
    let pair = |n| {
        let made = poster(n, Some(0));
        let last = Poster {
            seen: u32::MAX,
            ..made.end(at(7).plus_millis(1))
        };
        (made, last)
    };
    (0..3).map(pair).collect()
}
