//! What is known of participants: observations, accounts, and when to settle.

use std::sync::Arc;

use super::{
    Fixture, race,
    samples::{Numbers, account, at, award, checkout, day, entry, owner, participant},
};
use crate::{
    Kind, Timestamp,
    award::{AwardKey, pay},
    campaign::{Due, Unit},
    observation::{Entry, Merged},
    privacy::Participant,
    store::{Commit, Committed, Holding, Store},
};

/// A store that is bound to one owner works with that one only.
pub async fn the_owner_stays<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    store.bind(&owner()).await.unwrap();
    store.bind(&owner()).await.unwrap();
    let mut others = [owner(), owner(), owner()];
    others[0].identity.registry.push('0');
    others[1].identity.source.push('0');
    others[2].keys.push('0');
    for other in &others {
        let error = store.bind(other).await.unwrap_err();
        assert_eq!(error.kind(), Kind::StoreMismatch);
        assert!(error.advice().is_some(), "say what to do: {error}");
    }
    store.bind(&owner()).await.unwrap();
    let store = fixture.reopen(store).await;
    let error = store.bind(&others[2]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::StoreMismatch);
    store.bind(&owner()).await.unwrap();
}

/// A new store is empty, and asking it does not change that.
pub async fn nothing_is_known_at_first<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    for _ in 0..2 {
        let holding = store.participant(participant(1)).await.unwrap();
        assert_eq!(holding, Holding::default());
        assert_eq!(store.award(award(1, 0).key).await.unwrap(), None);
        assert_eq!(store.checkout(checkout(1, None).id).await.unwrap(), None);
        assert_eq!(store.due(Timestamp::MAX, 10).await.unwrap(), []);
        assert_eq!(store.waking(Timestamp::MAX, 10).await.unwrap(), []);
        assert_eq!(store.due_checkouts(Timestamp::MAX, 10).await.unwrap(), []);
        assert_eq!(store.census().await.unwrap(), []);
    }
}

/// Whatever the order, the repetition and the splitting into deliveries: what is held is the merge.
pub async fn entries_merge_by_rank<F: Fixture>(fixture: &F) {
    let mut numbers = Numbers::seeded();
    let store = Arc::new(fixture.fresh().await);
    for round in 0..20 {
        let who = participant(round);
        let (keys, versions) = (1 + numbers.below(8), 1 + numbers.below(100));
        let mut entries: Vec<_> = (0..numbers.below(60))
            .map(|_| {
                let key = numbers.below(keys) as u64;
                entry(key, numbers.below(versions) as u64)
            })
            .collect();
        let expected: Merged = entries.iter().cloned().collect();
        for _ in 0..3 {
            numbers.shuffle(&mut entries);
            let mut left = entries.as_slice();
            while !left.is_empty() {
                let (now, rest) = left.split_at(1 + numbers.below(left.len()));
                deliver(&*store, who, now.to_vec()).await;
                left = rest;
            }
        }
        assert_merged(&*store, who, &expected).await;
    }

    // Deliveries at the same time merge as well.
    let who = participant(200);
    let entries: Vec<_> = (0..640).map(|n| entry(n % 7, n)).collect();
    let expected: Merged = entries.iter().cloned().collect();
    race(&store, |store, racer| {
        let own: Vec<_> = entries.iter().skip(racer).step_by(64).cloned().collect();
        async move { deliver(&*store, who, own).await }
    })
    .await;
    assert_merged(&*store, who, &expected).await;
    assert_eq!(store.participant(who).await.unwrap().version, 64);
}

/// A commit that was decided from another version writes neither entries, accounts, awards nor the
/// wake.
pub async fn a_conflict_writes_nothing<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let who = participant(1);
    let settle = |expected, n| Commit {
        participant: Some(who),
        expected: Some(expected),
        entries: vec![entry(n, 9)],
        accounts: vec![account("health", day("2026-03-01"), 10)],
        awards: vec![award(n, 0)],
        wake: Some(at(0)),
    };
    for wrong in [1, 2, u64::from(u32::MAX)] {
        let result = store.commit(settle(wrong, 1)).await.unwrap();
        assert_eq!(result, Committed::Conflict, "unknown participant, {wrong}");
    }
    assert_eq!(store.participant(who).await.unwrap(), Holding::default());
    assert_eq!(store.commit(settle(0, 1)).await.unwrap(), Committed::Done);
    let sleep = Commit {
        participant: Some(who),
        ..Commit::default()
    };
    assert_eq!(store.commit(sleep).await.unwrap(), Committed::Done);

    let before = store.participant(who).await.unwrap();
    assert_eq!(before.version, 2);
    for wrong in [0, 1, 3, 100] {
        let mut late = settle(wrong, 2);
        late.accounts = vec![
            account("health", day("2026-03-01"), 20),
            account("mobility", day("2026-03-01"), 20),
        ];
        let result = store.commit(late).await.unwrap();
        assert_eq!(result, Committed::Conflict, "version 2, expected {wrong}");
        assert_eq!(store.participant(who).await.unwrap(), before);
        assert_eq!(store.award(award(2, 0).key).await.unwrap(), None);
        assert_eq!(store.waking(Timestamp::MAX, 10).await.unwrap(), []);
    }
    assert_eq!(store.commit(settle(2, 2)).await.unwrap(), Committed::Done);
    assert_eq!(store.participant(who).await.unwrap().version, 3);
    assert_eq!(store.waking(Timestamp::MAX, 10).await.unwrap(), [who]);
}

/// An account takes the place of the one with its line and unit, and of no other.
pub async fn accounts_are_replaced_by_line_and_unit<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let named = || Unit::Named("2026-03-01".into());
    let first = vec![
        account("health", day("2026-03-01"), 10),
        account("health", day("2026-03-02"), 20),
        account("mobility", day("2026-03-01"), 30),
        account("health", named(), 40),
    ];
    pay_out(&store, 1, first.clone()).await;
    pay_out(&store, 2, vec![account("health", day("2026-03-01"), 99)]).await;
    let changed = vec![
        account("health", day("2026-03-01"), 50),
        account("health", named(), 60),
        account("", day("2026-03-01"), 70),
    ];
    pay_out(&store, 1, changed.clone()).await;

    let mut expected = vec![first[1].clone(), first[2].clone()];
    expected.extend(changed);
    expected.sort_by_key(|account| (account.line.clone(), account.unit.to_string()));
    let mut held = store.participant(participant(1)).await.unwrap().accounts;
    held.sort_by_key(|account| (account.line.clone(), account.unit.to_string()));
    assert_eq!(held, expected);
    let other = store.participant(participant(2)).await.unwrap().accounts;
    assert_eq!(other, [account("health", day("2026-03-01"), 99)]);
}

/// Who has something to settle is listed from that time on, until a commit says otherwise.
pub async fn wakes_are_listed<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let wake = |n: u8, wake: Option<i64>| Commit {
        participant: Some(participant(n)),
        wake: wake.map(at),
        ..Commit::default()
    };
    for n in 1..=5 {
        let done = store.commit(wake(n, Some(i64::from(n)))).await.unwrap();
        assert_eq!(done, Committed::Done);
    }
    store.commit(wake(6, None)).await.unwrap();
    assert_eq!(waking(&store, at(1).plus_millis(-1)).await, []);
    assert_eq!(waking(&store, at(1)).await, sorted([1]));
    assert_eq!(waking(&store, at(4)).await, sorted([1, 2, 3, 4]));
    assert_eq!(store.waking(at(9), 2).await.unwrap().len(), 2);
    assert_eq!(store.waking(at(9), 0).await.unwrap(), []);
    store.commit(wake(1, None)).await.unwrap();
    store.commit(wake(2, Some(8))).await.unwrap();
    assert_eq!(waking(&store, at(4)).await, sorted([3, 4]));
    assert_eq!(waking(&store, at(9)).await, sorted([2, 3, 4, 5]));
}

/// Whoever settles at the same time: each minute is awarded once, and none is missing.
pub async fn racing_settlements_pay_once<F: Fixture>(fixture: &F) {
    let store = Arc::new(fixture.fresh().await);
    let who = participant(1);
    // Every racer knows of one minute more than the one before, and settles up to there.
    let conflicts = race(&store, |store, racer| async move {
        let due = Due {
            line: "health".into(),
            unit: day("2026-03-01"),
            minutes: u32::try_from(racer).unwrap() + 1,
        };
        let mut conflicts = 0;
        loop {
            let holding = store.participant(who).await.unwrap();
            let (accounts, payments) = pay(&holding.accounts, std::slice::from_ref(&due));
            tokio::task::yield_now().await;
            let paid = payments.iter().map(|paid| {
                let mut award = award(u64::from(paid.n), 0);
                award.tries = paid.minutes;
                award
            });
            let commit = Commit {
                participant: Some(who),
                expected: Some(holding.version),
                accounts,
                awards: paid.collect(),
                ..Commit::default()
            };
            if store.commit(commit).await.unwrap() == Committed::Done {
                return conflicts;
            }
            conflicts += 1;
        }
    })
    .await;
    println!("{} conflicts", conflicts.iter().sum::<u32>());
    let held = store.participant(who).await.unwrap();
    assert_eq!(held.version, 64);
    assert_eq!((held.accounts.len(), held.accounts[0].awarded), (1, 64));
    let mut minutes = 0;
    for n in 0..held.accounts[0].n {
        let key: AwardKey = award(u64::from(n), 0).key;
        minutes += store.award(key).await.unwrap().expect("an award").tries;
    }
    assert_eq!(minutes, 64, "the awards together are worth the account");
    let counted = store.census().await.unwrap();
    let awards = u64::from(held.accounts[0].n);
    assert_eq!(counted, [("accepted".to_owned(), None, awards)]);
}

async fn deliver(store: &impl Store, participant: Participant, entries: Vec<Entry>) {
    let commit = Commit {
        participant: Some(participant),
        entries,
        ..Commit::default()
    };
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
}

async fn assert_merged(store: &impl Store, participant: Participant, expected: &Merged) {
    let mut held = store.participant(participant).await.unwrap().entries;
    held.sort_by_key(|entry| entry.key);
    let expected: Vec<_> = expected.entries().cloned().collect();
    assert_eq!(held, expected);
}

async fn pay_out(store: &impl Store, who: u8, accounts: Vec<crate::award::Account>) {
    let commit = Commit {
        participant: Some(participant(who)),
        accounts,
        ..Commit::default()
    };
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
}

async fn waking(store: &impl Store, now: Timestamp) -> Vec<Participant> {
    let mut waking = store.waking(now, 100).await.unwrap();
    waking.sort();
    waking
}

fn sorted(numbers: impl IntoIterator<Item = u8>) -> Vec<Participant> {
    let mut participants: Vec<_> = numbers.into_iter().map(participant).collect();
    participants.sort();
    participants
}
