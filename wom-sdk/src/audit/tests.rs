//! What cannot be planted from outside: two awards with one code.

use std::sync::Arc;

use super::{Auditor, Difference};
use crate::{
    Timestamp,
    award::{AwardKey, Content, Secrets, State, Ticket, Vouchers},
    privacy::{MemoryKeyStore, Sealer},
    protocol::{Otc, Pin},
    store::{AwardRecord, Commit, MemoryStore, Store as _},
};

#[tokio::test]
async fn one_code_for_two_awards_is_found() {
    let keys = Arc::new(MemoryKeyStore::default());
    let store = Arc::new(MemoryStore::new());
    let now = Timestamp::from_seconds(1_800_000_000);
    let sealer = Sealer::new(keys.clone(), "award");
    let (one, other) = (Otc::random(), Otc::random());
    let mut awards = Vec::new();
    for (n, otc) in [one.clone(), other, one].into_iter().enumerate() {
        let key = AwardKey([u8::try_from(n).unwrap(); 32]);
        let secrets = Secrets {
            ticket: Some(Ticket {
                otc,
                pin: Pin::random(),
                link: "https://registry.example/vouchers/x".to_owned().into(),
                minutes: 30,
            }),
            handle: None,
        };
        let sealed = sealer.seal(&key.0, &secrets.to_bytes().unwrap(), now);
        let sort = Vouchers {
            aim: "H".parse().unwrap(),
            minutes: 30,
            place: "43.72,12.63".parse().unwrap(),
            at: now,
        };
        awards.push(AwardRecord {
            key,
            version: 1,
            participant: None,
            content: Content::new(vec![sort]).unwrap(),
            accepted: now,
            state: State::Offered,
            sealed: Some(sealed.unwrap()),
            tries: 0,
            unclear: false,
            due: now,
        });
    }
    let commit = Commit {
        change: None,
        awards,
        ..Commit::default()
    };
    store.commit(commit).await.unwrap();
    let audit = Auditor::new(store, keys).run(|_| ()).await.unwrap();
    assert_eq!(audit.sums.total.minutes, 90);
    assert_eq!(audit.found.count, 1);
    let (difference, place) = &audit.found.differences[0];
    assert_eq!(*difference, Difference::CodeTwice);
    assert_eq!(place, "award 020202020202");
}
