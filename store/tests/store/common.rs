//! Values to store.

use wom_sdk::{
    Body, Device, Digest, Provenance, Recording, Span, Timestamp,
    award::{AwardKey, Content, Identity, State, Vouchers},
    observation::Entry,
    privacy::Participant,
    protocol::Position,
    store::{AwardRecord, Commit, Committed, Store},
};
use wom_store::SqliteStore;

pub(crate) fn identity() -> Identity {
    Identity {
        registry: "http://127.0.0.1:1".into(),
        source: "1".into(),
    }
}

pub(crate) fn award_key(of: u64, n: u64) -> AwardKey {
    AwardKey::direct(&identity(), &format!("{of}/{n}"))
}

pub(crate) fn award(of: u64, n: u64) -> AwardRecord {
    let at = Timestamp::from_seconds(1_772_000_000);
    let vouchers = Vouchers {
        aim: "H".parse().unwrap(),
        minutes: 30,
        place: Position::new(43.725, 12.6366).unwrap(),
        at,
    };
    AwardRecord {
        key: award_key(of, n),
        version: 1,
        participant: None,
        content: Content::new(vec![vouchers]).unwrap(),
        accepted: at,
        state: State::Accepted,
        sealed: None,
        tries: 0,
        unclear: false,
        due: at,
    }
}

pub(crate) fn participant(n: u64) -> Participant {
    Participant(award_key(n, 0).0)
}

pub(crate) fn entry(n: u64) -> Entry {
    Entry {
        key: Digest::of([n.to_be_bytes()]),
        revision: n,
        provenance: Provenance {
            stream: Digest::of(["watch"]),
            device: Device::Watch,
            recording: Recording::Measured,
        },
        body: Body::Steps {
            span: Span::starting(Timestamp::from_seconds(1_772_000_000), 60_000),
            steps: 100,
        },
    }
}

pub(crate) async fn accept(store: &SqliteStore, award: AwardRecord) -> wom_sdk::Result<()> {
    let commit = Commit {
        awards: vec![award],
        ..Commit::default()
    };
    assert_eq!(store.commit(commit).await?, Committed::Done);
    Ok(())
}

/// How many of the awards `of/0`, `of/1`, … are there, counted up to the first that is missing.
pub(crate) async fn accepted(store: &SqliteStore, of: u64) -> u64 {
    let mut count = 0;
    while store.award(award_key(of, count)).await.unwrap().is_some() {
        count += 1;
    }
    count
}
