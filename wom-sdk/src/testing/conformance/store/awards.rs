//! Awards: written once, moved on by version, listed when due.

use std::sync::Arc;

use super::{
    Fixture, RACERS, race,
    samples::{account, at, award, award_states, content, day, entry, moved, participant},
};
use crate::{
    Timestamp,
    award::{Account, State},
    store::{AwardRecord, Change, Commit, Committed, Count, Holding, Store},
};

/// A commit that brings an award whose key is taken writes nothing at all, and does not touch the
/// award that is there.
pub async fn a_commit_with_a_used_award_key_writes_nothing<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let who = participant(1);
    accept(&store, vec![award(1, 0)]).await;

    let again = |awards| Commit {
        change: Some(Change {
            expected: Some(0),
            entries: vec![entry(1, 9)],
            accounts: vec![account("health", day("2026-03-01"), 10)],
            wake: Some(at(0)),
            ..Change::of(who)
        }),
        awards,
        ..Commit::default()
    };
    let mut other = award(1, 5);
    other.content = content(2);
    for awards in [
        vec![other.clone()],
        vec![award(2, 0), award(3, 0), other.clone()],
        vec![other, award(2, 0)],
        // The same new key twice, even with the same content.
        vec![award(2, 0), award(2, 0)],
    ] {
        for commit in [
            again(awards.clone()),
            Commit {
                awards,
                ..Commit::default()
            },
        ] {
            let result = store.commit(commit).await.unwrap();
            assert_eq!(result, Committed::Conflict);
        }
        assert_eq!(store.participant(who).await.unwrap(), Holding::default());
        assert_eq!(store.waking(Timestamp::MAX, 9).await.unwrap(), []);
        let due = store.due(Timestamp::MAX, 9).await.unwrap();
        assert_eq!(due, [award(1, 0)]);
    }

    // Of those who accept one key at the same time, one is told that it was done.
    let store = Arc::new(store);
    let results = race(&store, |store, _| async move {
        let commit = Commit {
            awards: vec![award(9, 0)],
            ..Commit::default()
        };
        store.commit(commit).await.unwrap()
    })
    .await;
    assert_eq!(count(&results, &Committed::Done), 1);
}

/// An award that was begun is there for everybody, once, and moves on as one that was committed.
pub async fn what_is_begun_is_like_any_other<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let mut begun = award(1, 0);
    begun.state = State::Creating;
    assert!(store.begin(&begun).await.unwrap());
    assert_eq!(store.award(begun.key).await.unwrap(), Some(begun.clone()));
    assert_eq!(store.due(Timestamp::MAX, 9).await.unwrap(), [begun.clone()]);

    let other = AwardRecord {
        content: content(2),
        ..begun.clone()
    };
    assert!(!store.begin(&other).await.unwrap(), "its key is used");
    let commit = |awards| Commit {
        awards,
        ..Commit::default()
    };
    let done = store.commit(commit(vec![other.clone()])).await.unwrap();
    assert_eq!(done, Committed::Conflict);
    accept(&store, vec![award(2, 0)]).await;
    let used = award(2, 0);
    assert!(!store.begin(&used).await.unwrap(), "its key is used too");
    let nothing = store.commit(commit(Vec::new())).await.unwrap();
    assert_eq!(nothing, Committed::Done);
    assert_eq!(store.award(begun.key).await.unwrap(), Some(begun.clone()));

    let store = fixture.reopen(store).await;
    let next = moved(&begun, State::Verifying, Some(vec![1, 2, 3]));
    assert!(store.advance(&next).await.unwrap());
    assert!(!store.begin(&begun).await.unwrap(), "it has moved on");
    assert_eq!(store.award(begun.key).await.unwrap(), Some(next));

    // Of those who begin one at the same time, one is told that it is new.
    let store = Arc::new(store);
    let results = race(&store, |store, _| async move {
        store.begin(&award(9, 0)).await.unwrap()
    })
    .await;
    assert_eq!(count(&results, &true), 1);
}

/// An award moves on from the version before only.
pub async fn advancing_needs_the_version_before<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let first = award(1, 0);
    let second = moved(&first, State::Creating, None);
    let third = moved(&second, State::Created, Some(vec![1, 2, 3]));
    assert!(
        !store.advance(&second).await.unwrap(),
        "there is no such award"
    );
    assert!(
        !store.advance(&first).await.unwrap(),
        "advancing makes no award"
    );
    assert_eq!(store.award(first.key).await.unwrap(), None);

    accept(&store, vec![first.clone(), award(2, 0)]).await;
    assert!(!store.advance(&first).await.unwrap(), "it is there already");
    assert!(
        !store.advance(&third).await.unwrap(),
        "a version is skipped"
    );
    assert!(store.advance(&second).await.unwrap());
    assert!(
        !store.advance(&second).await.unwrap(),
        "a version is repeated"
    );
    assert_eq!(store.award(first.key).await.unwrap(), Some(second));
    assert!(store.advance(&third).await.unwrap());
    assert_eq!(store.award(first.key).await.unwrap(), Some(third));
    let other = store.award(award(2, 0).key).await.unwrap();
    assert_eq!(other, Some(award(2, 0)), "the other one stays");
}

/// Of those who move one award on at the same time, one succeeds, and what it wrote stays.
pub async fn one_racer_advances_an_award<F: Fixture>(fixture: &F) {
    let store = Arc::new(fixture.fresh().await);
    let mut held = award(1, 0);
    accept(&*store, vec![held.clone()]).await;
    for _ in 0..10 {
        let racers: Vec<_> = (0..RACERS)
            .map(|racer| AwardRecord {
                tries: u32::try_from(racer).unwrap(),
                ..moved(&held, State::Creating, None)
            })
            .collect();
        let results = race(&store, |store, racer| {
            let record = racers[racer].clone();
            async move { store.advance(&record).await.unwrap() }
        })
        .await;
        assert_eq!(count(&results, &true), 1);
        let winner = results.iter().position(|won| *won).unwrap();
        held = store.award(held.key).await.unwrap().unwrap();
        assert_eq!(held, racers[winner]);
    }
}

/// An award moves on together with its account, or neither does; of those who judge it at the same
/// time one is heard.
pub async fn one_racer_judges_an_award<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let who = participant(1);
    let held = AwardRecord {
        state: State::Held("too_fast".into()),
        participant: Some(who),
        ..award(1, 0)
    };
    let other = AwardRecord {
        participant: Some(who),
        ..award(2, 0)
    };
    accept(&store, vec![held.clone(), other.clone()]).await;
    let judged = |expected, refused, moved| Commit {
        change: Some(Change {
            expected: Some(expected),
            accounts: vec![Account {
                refused,
                returned: refused / 2,
                ..account("health", day("2026-03-01"), 40)
            }],
            wake: Some(at(0)),
            ..Change::of(who)
        }),
        moved: Some(moved),
        ..Commit::default()
    };
    let parked = moved(&held, State::Parked(State::REFUSED.into()), None);
    let unknown = moved(&award(3, 0), State::Accepted, None);
    let late = moved(&parked, State::Accepted, None);
    for (expected, moved) in [(1, parked.clone()), (0, late), (0, unknown)] {
        let result = store.commit(judged(expected, 40, moved)).await.unwrap();
        assert_eq!(result, Committed::Conflict);
        assert_eq!(store.participant(who).await.unwrap(), Holding::default());
        assert_eq!(store.award(held.key).await.unwrap(), Some(held.clone()));
        assert_eq!(store.waking(Timestamp::MAX, 9).await.unwrap(), []);
    }

    let store = Arc::new(store);
    let results = race(&store, |store, racer| {
        let state = match racer % 2 {
            0 => State::Accepted,
            _ => State::Parked(State::REFUSED.into()),
        };
        let racer = u32::try_from(racer).unwrap();
        let commit = judged(0, racer, moved(&held, state, None));
        async move { store.commit(commit).await.unwrap() }
    })
    .await;
    assert_eq!(count(&results, &Committed::Done), 1);
    let winner = results.iter().position(|won| *won == Committed::Done);
    let winner = u32::try_from(winner.unwrap()).unwrap();
    let store = Arc::into_inner(store).unwrap();
    let store = fixture.reopen(store).await;
    let account = &store.participant(who).await.unwrap().accounts[0];
    assert_eq!((account.refused, account.returned), (winner, winner / 2));
    let state = store.award(held.key).await.unwrap().unwrap().state;
    assert_eq!(state.is_refused(), winner % 2 == 1);
    assert_eq!(store.award(other.key).await.unwrap(), Some(other));
    let returned = u64::from(winner / 2);
    let numbers = store.numbers().await.unwrap();
    assert_eq!(numbers.uncollected_minutes, returned);
    let listed = store.accounts(None, 9).await.unwrap();
    let listed = listed[0].1.as_ref().unwrap();
    assert_eq!(listed.as_slice(), std::slice::from_ref(account));
}

/// Open awards are listed from their time on, the longest waiting first, no more than asked for.
pub async fn due_awards_come_in_order<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let order = [5, 3, 9, 1, 7, 3, 3, 8, 2, 4];
    for (n, due) in order.into_iter().enumerate() {
        accept(&store, vec![award(n as u64, due)]).await;
    }
    let due = |now, limit| {
        let store = &store;
        async move {
            let due = store.due(now, limit).await.unwrap();
            let seconds = due.iter().map(|award| award.due.since(at(0)) / 1000);
            seconds.collect::<Vec<_>>()
        }
    };
    assert!(due(at(1).plus_millis(-1), 99).await.is_empty());
    assert_eq!(due(at(1), 99).await, [1]);
    assert_eq!(due(at(5), 99).await, [1, 2, 3, 3, 3, 4, 5]);
    assert_eq!(due(at(99), 4).await, [1, 2, 3, 3]);
    assert!(due(at(99), 0).await.is_empty());
    assert_eq!(due(Timestamp::MAX, usize::MAX).await.len(), order.len());

    // The one due at 1 goes through every state; it is listed in the open ones.
    let mut held = award(3, 1);
    for state in award_states() {
        held = moved(&held, state.clone(), None);
        assert!(store.advance(&held).await.unwrap());
        let listed = store.due(at(1), 99).await.unwrap();
        assert_eq!(listed.contains(&held), state.is_open(), "{}", state.name());
    }
    let later = AwardRecord {
        due: at(50),
        ..moved(&held, State::Created, None)
    };
    assert!(store.advance(&later).await.unwrap());
    assert_eq!(store.due(at(50), 99).await.unwrap().last(), Some(&later));
}

/// After acknowledgement nothing of the ticket is left.
pub async fn acknowledging_forgets_the_sealed_ticket<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let accepted = award(1, 0);
    accept(&store, vec![accepted.clone()]).await;
    let offered = moved(&accepted, State::Offered, Some(vec![7; 300]));
    assert!(store.advance(&offered).await.unwrap());
    let held = store.award(offered.key).await.unwrap().unwrap();
    assert_eq!(held.sealed, Some(vec![7; 300]));
    let acknowledged = moved(&offered, State::Acknowledged, None);
    assert!(store.advance(&acknowledged).await.unwrap());
    let held = store.award(offered.key).await.unwrap().unwrap();
    assert_eq!(held.sealed, None);
    assert_eq!(held, acknowledged);
}

/// Whoever works on awards goes on with one that was acknowledged in doubt, until it is clear; nobody
/// else finds it.
pub async fn what_is_acknowledged_in_doubt_is_due_until_it_is_clear<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let accepted = AwardRecord {
        participant: Some(participant(1)),
        ..award(1, 0)
    };
    accept(&store, vec![accepted.clone()]).await;
    let offered = AwardRecord {
        unclear: true,
        tries: 7,
        ..moved(&accepted, State::Offered, Some(vec![7; 300]))
    };
    assert!(store.advance(&offered).await.unwrap());
    let doubtful = AwardRecord {
        participant: None,
        ..moved(&offered, State::Acknowledged, Some(vec![8; 300]))
    };
    assert!(store.advance(&doubtful).await.unwrap());
    let store = fixture.reopen(store).await;
    assert_eq!(
        store.due(at(0), 9).await.unwrap(),
        std::slice::from_ref(&doubtful)
    );
    assert_eq!(store.unacknowledged(None, 9).await.unwrap(), []);
    assert_eq!(store.awards_of(participant(1)).await.unwrap(), []);
    let clear = AwardRecord {
        unclear: false,
        ..moved(&doubtful, State::Acknowledged, None)
    };
    assert!(store.advance(&clear).await.unwrap());
    assert_eq!(store.due(at(0), 9).await.unwrap(), []);
    assert_eq!(store.award(clear.key).await.unwrap(), Some(clear));
}

/// Whatever state an award is in, it can be found until it is acknowledged.
pub async fn what_is_not_acknowledged_stays_findable<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let mut expected = Vec::new();
    for (n, state) in award_states().into_iter().enumerate() {
        accept(&store, vec![award(n as u64, 0)]).await;
        let moved = moved(&award(n as u64, 0), state.clone(), None);
        assert!(store.advance(&moved).await.unwrap());
        if state != State::Acknowledged {
            expected.push(moved);
        }
    }
    let listed = store.unacknowledged(None, usize::MAX).await.unwrap();
    let by_key = |mut awards: Vec<AwardRecord>| {
        awards.sort_by_key(|award| award.key);
        awards
    };
    assert_eq!(by_key(listed.clone()), by_key(expected));
    assert_eq!(store.unacknowledged(None, 2).await.unwrap(), listed[..2]);
    let after = Some(listed[1].key);
    // Whoever goes through them acknowledges them on the way.
    let taken = moved(&listed[1], State::Acknowledged, None);
    assert!(store.advance(&taken).await.unwrap());
    let next = store.unacknowledged(after, 2).await.unwrap();
    assert_eq!(next, listed[2..4]);
    let last = listed.last().map(|award| award.key);
    assert_eq!(store.unacknowledged(last, 9).await.unwrap(), []);
}

/// Due awards that somebody took are nobody else's until the time that was set, and each racer gets
/// others.
pub async fn claimed_awards_are_nobody_elses<F: Fixture>(fixture: &F) {
    let store = Arc::new(fixture.fresh().await);
    let count = 300;
    let awards = (0..count).map(|n| award(n, i64::try_from(n % 5).unwrap()));
    accept(&*store, awards.collect()).await;
    let soon = store.claim(at(0), at(60), usize::MAX).await.unwrap();
    assert_eq!(soon.len(), 60, "only what is due");
    let results = race(&store, |store, _| async move {
        store.claim(at(10), at(60), 7).await.unwrap()
    })
    .await;
    let mut keys: Vec<_> = results.iter().flatten().map(|award| award.key).collect();
    let all = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), all, "none is claimed twice");
    for claimed in results.iter().flatten().chain(&soon) {
        assert_eq!((claimed.version, claimed.due), (2, at(60)));
        assert_eq!(
            store.award(claimed.key).await.unwrap().as_ref(),
            Some(claimed)
        );
    }
    while !store.claim(at(10), at(60), 50).await.unwrap().is_empty() {}
    assert_eq!(store.due(at(59), 9).await.unwrap(), []);
    let again = store.claim(at(60), at(120), usize::MAX).await.unwrap();
    assert_eq!(
        again.len() as u64,
        count,
        "they are due again after the time"
    );
}

/// Whose an award is can be asked until it is acknowledged, and nothing tells it after.
pub async fn the_awards_of_a_participant_are_found_until_acknowledged<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let of = |n: u64, who: u8| AwardRecord {
        participant: Some(participant(who)),
        ..award(n, 0)
    };
    accept(&store, vec![of(1, 1), of(2, 1), of(3, 2), award(4, 0)]).await;
    let mut own = vec![of(1, 1), of(2, 1)];
    own.sort_by_key(|award| award.key);
    assert_eq!(store.awards_of(participant(1)).await.unwrap(), own);
    assert!(store.uncollected(participant(1).cohort()).await.unwrap());
    for award in own {
        let gone = AwardRecord {
            participant: None,
            ..moved(&award, State::Acknowledged, None)
        };
        assert!(store.advance(&gone).await.unwrap());
    }
    assert_eq!(store.awards_of(participant(1)).await.unwrap(), []);
    assert!(!store.uncollected(participant(1).cohort()).await.unwrap());
    assert!(store.uncollected(participant(2).cohort()).await.unwrap());
}

/// Every award is counted once, by state and reason, with the oldest of each.
pub async fn states_are_counted<F: Fixture>(fixture: &F) {
    let store = fixture.fresh().await;
    let mut states = award_states();
    states.push(State::Parked("rate_limited".into()));
    let mut expected = Vec::new();
    let mut next = 0;
    for (n, state) in states.into_iter().enumerate() {
        for _ in 0..=n {
            accept(&store, vec![award(next, 0)]).await;
            let moved = moved(&award(next, 0), state.clone(), None);
            assert!(store.advance(&moved).await.unwrap());
            next += 1;
        }
        let reason = state.reason().map(str::to_owned);
        expected.push(Count {
            state: state.name().to_owned(),
            reason,
            count: n as u64 + 1,
            oldest: at(0),
        });
    }
    expected.sort();
    let mut counted = store.numbers().await.unwrap().awards;
    counted.sort();
    assert_eq!(counted, expected);
    let older = AwardRecord {
        accepted: at(-7),
        ..award(next, 0)
    };
    accept(&store, vec![older]).await;
    let counted = store.numbers().await.unwrap().awards;
    let accepted = counted.iter().find(|count| count.state == "accepted");
    let accepted = accepted.map(|count| (count.count, count.oldest));
    assert_eq!(accepted, Some((2, at(-7))));
}

async fn accept(store: &impl Store, awards: Vec<AwardRecord>) {
    let commit = Commit {
        awards,
        ..Commit::default()
    };
    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
}

fn count<T: PartialEq>(values: &[T], wanted: &T) -> usize {
    values.iter().filter(|value| *value == wanted).count()
}
