//! What is known of participants: observations, accounts, and when to settle.

use std::sync::Arc;

use super::{
    Fixture, race,
    samples::{
        Numbers, account, at, award, award_states, checkout, day, delivery, entry, moved, owner,
        participant,
    },
};
use crate::{
    Kind, Timestamp,
    award::{Account, AwardKey, gather, settle},
    campaign::{Due, Unit},
    observation::{Entry, Merged},
    privacy::{Cohort, Participant},
    store::{AwardRecord, Change, Commit, Committed, Holding, Numbers as Counted, Store},
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
        assert_eq!(store.numbers().await.unwrap(), Counted::default());
        assert_eq!(store.delivery(delivery(1)).await.unwrap(), None);
        assert_eq!(store.cursor("gate").await.unwrap(), None);
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
        change: Some(Change {
            expected: Some(expected),
            entries: vec![entry(n, 9)],
            accounts: vec![account("health", day("2026-03-01"), 10)],
            wake: Some(at(0)),
            handle: Some(vec![9]),
            ..Change::of(who)
        }),
        awards: vec![award(n, 0)],
        ..Commit::default()
    };
    for wrong in [1, 2, u64::from(u32::MAX)] {
        let result = store.commit(settle(wrong, 1)).await.unwrap();
        assert_eq!(result, Committed::Conflict, "unknown participant, {wrong}");
    }
    assert_eq!(store.participant(who).await.unwrap(), Holding::default());
    assert_eq!(store.commit(settle(0, 1)).await.unwrap(), Committed::Done);
    let sleep = change(Change::of(who));
    assert_eq!(store.commit(sleep).await.unwrap(), Committed::Done);

    let before = store.participant(who).await.unwrap();
    assert_eq!(before.version, 2);
    for wrong in [0, 1, 3, 100] {
        let mut late = settle(wrong, 2);
        if let Some(late) = &mut late.change {
            late.handle = Some(vec![1]);
            late.accounts = vec![
                account("health", day("2026-03-01"), 20),
                account("mobility", day("2026-03-01"), 20),
            ];
        }
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
    let wake = |n: u8, wake: Option<i64>| {
        change(Change {
            wake: wake.map(at),
            ..Change::of(participant(n))
        })
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
            let raised = settle(&holding.accounts, std::slice::from_ref(&due));
            let (gathered, payments) = gather(&raised);
            let accounts = if gathered.is_empty() {
                raised
            } else {
                gathered
            };
            tokio::task::yield_now().await;
            let paid = payments.iter().map(|paid| {
                let mut award = award(u64::from(paid.n), 0);
                award.tries = paid.minutes;
                award
            });
            let commit = Commit {
                awards: paid.collect(),
                ..change(Change {
                    expected: Some(holding.version),
                    accounts,
                    ..Change::of(who)
                })
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
    let counted = store.numbers().await.unwrap();
    let awards = u64::from(held.accounts[0].n);
    assert_eq!((counted.awards[0].count, counted.awards.len()), (awards, 1));
    assert_eq!(counted.uncollected_minutes, 0);
}

/// A cohort is forgotten as a whole, and no other; whether something is left to collect is told.
pub async fn a_cohort_is_forgotten_alone<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let [march, april] = [
        Cohort([7, 234, 3, 1, 1, 1, 1]),
        Cohort([7, 234, 4, 1, 1, 1, 1]),
    ];
    let other = Cohort([7, 234, 3, 1, 1, 1, 2]);
    let of = |cohort: Cohort, n: u16| {
        let mut bytes = [n.to_be_bytes()[1]; 32];
        bytes[..7].copy_from_slice(&cohort.0);
        bytes[7..9].copy_from_slice(&n.to_be_bytes());
        Participant(bytes)
    };
    let filled = |who| {
        change(Change {
            entries: vec![entry(1, 1), entry(2, 2)],
            accounts: vec![account("health", day("2026-03-01"), 30)],
            wake: Some(at(0)),
            handle: Some(vec![1, 2, 3]),
            ..Change::of(who)
        })
    };
    for n in 0..450 {
        let done = store.commit(filled(of(march, n))).await.unwrap();
        assert_eq!(done, Committed::Done);
    }
    for who in [of(april, 0), of(other, 0), of(march, u16::MAX)] {
        store.commit(filled(who)).await.unwrap();
    }
    assert!(!store.uncollected(march).await.unwrap());
    let mut waiting = account("mobility", day("2026-03-01"), 30);
    waiting.settled += 1;
    pay_out_to(&store, of(march, 9), vec![waiting]).await;
    assert!(store.uncollected(march).await.unwrap());
    assert!(!store.uncollected(april).await.unwrap());
    assert_eq!(store.numbers().await.unwrap().uncollected_minutes, 1);

    let before = store.participant(of(april, 0)).await.unwrap();
    assert_eq!(store.forget(march).await.unwrap(), 451);
    assert_eq!(store.forget(march).await.unwrap(), 0);
    for n in [0, 9, 449, u16::MAX] {
        let held = store.participant(of(march, n)).await.unwrap();
        assert_eq!(held, Holding::default());
    }
    assert_eq!(store.participant(of(april, 0)).await.unwrap(), before);
    assert_eq!(store.participant(of(other, 0)).await.unwrap(), before);
    assert_eq!(store.waking(at(0), 9).await.unwrap().len(), 2);
    assert_eq!(store.numbers().await.unwrap().uncollected_minutes, 0);
}

/// Who is erased has no observations and no handle any more; what was awarded stays counted.
pub async fn erasing_keeps_the_accounts<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let accounts = vec![account("health", day("2026-03-01"), 30)];
    for n in [1, 2] {
        let filled = Change {
            entries: vec![entry(1, 1), entry(2, 2)],
            accounts: accounts.clone(),
            wake: Some(at(0)),
            handle: Some(vec![1, 2, 3]),
            ..Change::of(participant(n))
        };
        store.commit(change(filled)).await.unwrap();
    }
    let other = store.participant(participant(2)).await.unwrap();
    assert_eq!(
        (other.handle.as_deref(), other.entries.len()),
        (Some([1, 2, 3].as_slice()), 2)
    );
    store.erase(participant(1)).await.unwrap();
    store.erase(participant(3)).await.unwrap();
    let held = store.participant(participant(1)).await.unwrap();
    let expected = Holding {
        version: 2,
        accounts,
        ..Holding::default()
    };
    assert_eq!(held, expected, "whoever decided from before is told");
    assert_eq!(store.participant(participant(2)).await.unwrap(), other);
    assert_eq!(
        store.participant(participant(3)).await.unwrap(),
        Holding::default()
    );
    assert_eq!(store.waking(at(0), 9).await.unwrap(), [participant(2)]);

    // A handle stays until another one is written.
    store
        .commit(change(Change::of(participant(2))))
        .await
        .unwrap();
    let held = store.participant(participant(2)).await.unwrap();
    assert_eq!(held.handle, Some(vec![1, 2, 3]));
}

fn change(change: Change) -> Commit {
    Commit {
        change: Some(change),
        ..Commit::default()
    }
}

async fn deliver(store: &impl Store, participant: Participant, entries: Vec<Entry>) {
    let commit = change(Change {
        entries,
        ..Change::of(participant)
    });
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
}

async fn assert_merged(store: &impl Store, participant: Participant, expected: &Merged) {
    let mut held = store.participant(participant).await.unwrap().entries;
    held.sort_by_key(|entry| entry.key);
    let expected: Vec<_> = expected.entries().cloned().collect();
    assert_eq!(held, expected);
}

async fn pay_out(store: &impl Store, who: u8, accounts: Vec<crate::award::Account>) {
    pay_out_to(store, participant(who), accounts).await;
}

async fn pay_out_to(store: &impl Store, who: Participant, accounts: Vec<crate::award::Account>) {
    let commit = change(Change {
        accounts,
        ..Change::of(who)
    });
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

/// Every award and every account is listed, page by page, once and in order.
pub async fn everything_is_listed<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    assert!(store.awards(None, 9).await.unwrap().is_empty());
    assert!(store.accounts(None, 9).await.unwrap().is_empty());
    let mut awards = Vec::new();
    for (n, state) in award_states().into_iter().enumerate() {
        let accepted = award(n as u64, 0);
        let commit = Commit {
            awards: vec![accepted.clone()],
            ..Commit::default()
        };
        assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
        let moved = moved(&accepted, state, None);
        assert!(store.advance(&moved).await.unwrap());
        awards.push(moved);
    }
    awards.sort_by_key(|award| award.key);
    let mut accounts = Vec::new();
    for n in 0..7_u8 {
        // The third has observations only.
        let own: Vec<_> = (0..if n == 2 { 0 } else { n })
            .map(|m| account("walk", day(&format!("2026-03-0{}", m + 1)), u32::from(m)))
            .collect();
        let change = Change {
            entries: vec![entry(1, 1)],
            accounts: own.clone(),
            ..Change::of(participant(n))
        };
        let commit = Commit {
            change: Some(change),
            ..Commit::default()
        };
        assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
        accounts.push((participant(n), own));
    }
    accounts.sort_by_key(|(participant, _)| *participant);

    for limit in [1, 3, 100] {
        let mut listed = Vec::new();
        while let page = store
            .awards(listed.last().map(|award: &AwardRecord| award.key), limit)
            .await
            .unwrap()
            && !page.is_empty()
        {
            assert!(page.len() <= limit && listed.len() < 100);
            for (key, award) in page {
                let award = award.unwrap();
                assert_eq!(award.key, key);
                listed.push(award);
            }
        }
        assert_eq!(listed, awards);
        let mut listed: Vec<(Participant, Vec<Account>)> = Vec::new();
        while let page = store
            .accounts(listed.last().map(|(participant, _)| *participant), limit)
            .await
            .unwrap()
            && !page.is_empty()
        {
            assert!(page.len() <= limit && listed.len() < 100);
            for (participant, accounts) in page {
                let mut accounts = accounts.unwrap();
                accounts.sort_by_key(|account| account.unit.clone());
                listed.push((participant, accounts));
            }
        }
        assert_eq!(listed, accounts);
    }
}
