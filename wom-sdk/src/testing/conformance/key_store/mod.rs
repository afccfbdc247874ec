//! What every [`KeyStore`] must do, whoever else works with the same keys.
//!
//! A key store of your own passes all of it with a [`Fixture`] and one line:
//!
//! ```
//! # use std::sync::Arc;
//! # use wom_sdk::{privacy::{KeyStore, MemoryKeyStore}, testing::conformance::key_store::Fixture};
//! #[derive(Default)]
//! struct InMemory(Arc<MemoryKeyStore>);
//!
//! impl Fixture for InMemory {
//!     fn open(&self) -> Arc<dyn KeyStore> {
//!         self.0.clone() // all processes that know these keys are this one
//!     }
//! }
//!
//! wom_sdk::key_store_conformance!(InMemory::default());
//! # fn main() {}
//! ```

#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a conformance test fails by panicking"
)]

#[cfg(test)]
mod catches;

use std::{
    collections::BTreeSet,
    sync::{Arc, Barrier},
    thread,
};

use crate::privacy::{Epoch, KeyStore};

/// How many work with the same keys at a time.
const RACERS: usize = 8;

/// Makes what is tested.
pub trait Fixture: Send + Sync {
    /// One more handle on the same keys, as another process has it. The first one makes them.
    fn open(&self) -> Arc<dyn KeyStore>;
}

/// Makes one `#[test]` of each topic; the argument is an expression for a [`Fixture`].
#[macro_export]
macro_rules! key_store_conformance {
    ($fixture:expr) => {
        $crate::key_store_conformance! { @topics $fixture;
            a_key_is_made_once_and_stays
            epochs_are_found_and_end
            every_purpose_has_a_key_of_its_own
            many_at_once_make_each_key_once
            many_who_open_at_once_have_one_root
            names_are_listed_by_their_beginning_in_order
            nothing_secret_is_printed
            one_of_many_who_destroy_and_make_holds
            what_is_destroyed_is_gone_for_all
        }
    };
    (@topics $fixture:expr; $($topic:ident)+) => {$(
        #[test]
        fn $topic() {
            let fixture = $fixture;
            $crate::testing::conformance::key_store::$topic(&fixture);
        }
    )+};
}

/// A key is there once it was asked to be made, and it is the same for all and for ever.
pub fn a_key_is_made_once_and_stays(fixture: &dyn Fixture) {
    let one = fixture.open();
    assert_eq!(one.key("a/1", false).unwrap(), None, "nobody has made it");
    let key = made(&*one, "a/1");
    assert_eq!(made(&*one, "a/1"), key, "made twice");
    let other = made(&*one, "a/2");
    assert_ne!(other, key, "two names have one key");
    let two = fixture.open();
    assert_eq!(held(&*two, "a/1"), Some(key), "another handle");
    assert_eq!(made(&*two, "a/1"), key, "made again by another handle");
    drop((one, two));
    assert_eq!(held(&*fixture.open(), "a/1"), Some(key), "not kept");
}

/// Those who ask for new keys at the same time get the same ones.
pub fn many_at_once_make_each_key_once(fixture: &dyn Fixture) {
    drop(fixture.open());
    let all = race(fixture, |keys, racer| {
        // Each in an order of its own.
        let mut made: Vec<_> = (0..20)
            .map(|n| (n * 7 + racer * 3) % 20)
            .map(|n| (n, made(keys, &format!("n/{n}"))))
            .collect();
        made.sort_unstable();
        made
    });
    for made in &all {
        assert_eq!(made, &all[0], "two have different keys of one name");
    }
    assert_eq!(fixture.open().names("n/").unwrap().len(), 20);
}

/// Those who begin at the same time, where there are no keys yet, have one root.
pub fn many_who_open_at_once_have_one_root(fixture: &dyn Fixture) {
    let all = race(fixture, |keys, _| keys.fingerprint().unwrap());
    let roots: BTreeSet<_> = all.iter().collect();
    assert_eq!(roots.len(), 1, "several roots");
    let later = fixture.open().fingerprint().unwrap();
    assert!(roots.contains(&later), "the root did not stay");
}

/// What one destroys nobody has any more; a new key of that name is another one.
pub fn what_is_destroyed_is_gone_for_all(fixture: &dyn Fixture) {
    let (one, two) = (fixture.open(), fixture.open());
    let (key, other) = (made(&*one, "a/1"), made(&*one, "a/2"));
    assert_eq!(held(&*two, "a/1"), Some(key));
    one.destroy("a/1").unwrap();
    for keys in [&one, &two, &fixture.open()] {
        assert_eq!(held(&**keys, "a/1"), None, "it can still be had");
        assert_eq!(held(&**keys, "a/2"), Some(other), "another one went too");
        assert_eq!(keys.names("").unwrap(), ["a/2"]);
    }
    two.destroy("a/1").unwrap();
    one.destroy("never made").unwrap();
    let again = made(&*two, "a/1");
    assert_ne!(again, key, "what was destroyed came back");
    assert_eq!(held(&*one, "a/1"), Some(again));
}

/// While some make a key and others destroy it, each who asks has one or none, and at the end all
/// have the same.
pub fn one_of_many_who_destroy_and_make_holds(fixture: &dyn Fixture) {
    drop(fixture.open());
    race(fixture, |keys, racer| {
        for _ in 0..20 {
            match racer % 2 {
                0 => {
                    made(keys, "a");
                }
                _ => keys.destroy("a").unwrap(),
            }
        }
    });
    let (one, two) = (fixture.open(), fixture.open());
    let key = made(&*one, "a");
    assert_eq!(made(&*two, "a"), key);
    assert_eq!(one.names("").unwrap(), ["a"]);
}

/// Names are listed by what they begin with, byte by byte, whatever is in them.
pub fn names_are_listed_by_their_beginning_in_order(fixture: &dyn Fixture) {
    let keys = fixture.open();
    let names = [
        "award/1", "award/10", "award/2", "award%", "awardx", "Award/3", "aw", "é/1", "a'b\"\\",
        "a\0b", "_", "%",
    ];
    for name in names {
        made(&*keys, name);
    }
    let other = fixture.open();
    let mut all: Vec<_> = names.map(str::to_owned).into();
    all.sort();
    for prefix in [
        "", "award", "award/", "award%", "%", "_", "é", "a\0", "none",
    ] {
        let expected: Vec<_> = all
            .iter()
            .filter(|name| name.starts_with(prefix))
            .cloned()
            .collect();
        assert_eq!(other.names(prefix).unwrap(), expected, "{prefix:?}");
    }
    for name in names {
        assert!(held(&*other, name).is_some(), "{name:?}");
    }
}

/// The epochs of a campaign are those that have a key, until it is destroyed.
pub fn epochs_are_found_and_end(fixture: &dyn Fixture) {
    let (one, two) = (fixture.open(), fixture.open());
    let epochs = ["0000-00", "2026-03", "2026-12"].map(|epoch| epoch.parse::<Epoch>().unwrap());
    for epoch in epochs {
        assert!(one.epoch_key("walk", epoch, false).unwrap().is_none());
        assert!(one.epoch_key("walk", epoch, true).unwrap().is_some());
    }
    one.epoch_key("walks", epochs[1], true).unwrap();
    assert_eq!(two.epochs("walk").unwrap(), epochs);
    assert_eq!(two.epochs("walks").unwrap(), [epochs[1]]);
    assert_eq!(two.epochs("wal").unwrap(), []);
    two.destroy_epoch("walk", epochs[1]).unwrap();
    assert_eq!(one.epochs("walk").unwrap(), [epochs[0], epochs[2]]);
    assert!(one.epoch_key("walk", epochs[1], false).unwrap().is_none());
    assert_eq!(one.epochs("walks").unwrap(), [epochs[1]]);
}

/// A purpose's key comes from the root, is no other purpose's, and no key of a name.
pub fn every_purpose_has_a_key_of_its_own(fixture: &dyn Fixture) {
    let (one, two) = (fixture.open(), fixture.open());
    let key = one.purpose_key("cursor/1").unwrap();
    assert_eq!(two.purpose_key("cursor/1").unwrap(), key);
    assert_ne!(one.purpose_key("cursor/2").unwrap(), key);
    assert_ne!(made(&*one, "cursor/1"), *key);
    one.destroy("cursor/1").unwrap();
    assert_eq!(two.purpose_key("cursor/1").unwrap(), key);
    assert!(two.names("").unwrap().is_empty(), "the root has no name");
    assert_eq!(one.fingerprint().unwrap(), two.fingerprint().unwrap());
}

/// What a key store says of itself holds no key and no name.
pub fn nothing_secret_is_printed(fixture: &dyn Fixture) {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let keys = fixture.open();
    let secret = made(&*keys, "canary");
    let purpose = keys.purpose_key("fingerprint/1").unwrap();
    let said = format!("{keys:?} {keys:#?}");
    for secret in [&secret, &*purpose] {
        let bytes = format!("{secret:?}");
        let texts = [
            BASE64_STANDARD.encode(secret),
            crate::hex::encode(secret),
            bytes.trim_matches(['[', ']']).to_owned(),
        ];
        assert!(!texts.iter().any(|text| said.contains(text)));
    }
    assert!(!said.contains("canary"), "{said}");
}

fn made(keys: &dyn KeyStore, name: &str) -> [u8; 32] {
    *keys.key(name, true).unwrap().expect("it is made")
}

fn held(keys: &dyn KeyStore, name: &str) -> Option<[u8; 32]> {
    keys.key(name, false).unwrap().map(|key| *key)
}

/// Does something by many at once, each with a handle that it opens at the same moment.
fn race<T: Send>(
    fixture: &dyn Fixture,
    work: impl Fn(&dyn KeyStore, usize) -> T + Send + Sync,
) -> Vec<T> {
    let start = Barrier::new(RACERS);
    thread::scope(|scope| {
        let racers: Vec<_> = (0..RACERS)
            .map(|racer| {
                let (start, work) = (&start, &work);
                scope.spawn(move || {
                    start.wait();
                    work(&*fixture.open(), racer)
                })
            })
            .collect();
        let ended = racers.into_iter().map(|racer| racer.join());
        ended.map(|ended| ended.unwrap()).collect()
    })
}
