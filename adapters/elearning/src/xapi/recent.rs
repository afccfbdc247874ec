//! Digests that were made a moment ago: sessions, activities and authorities come again and again.

use wom_sdk::Digest;

use super::{
    person::Authority,
    statement::{Actor, Text},
};

/// How many names are remembered.
const SLOTS: usize = 1 << 10;

/// What was digested last, by name.
#[derive(Debug)]
pub(crate) struct Recent {
    names: Vec<Option<(u8, String, Digest)>>,
    authority: Option<([String; 2], Authority)>,
}

impl Recent {
    pub(crate) fn new() -> Self {
        Self {
            names: vec![None; SLOTS],
            authority: None,
        }
    }

    /// The digest of a name of one kind, made where it is not at hand.
    pub(super) fn digest(&mut self, kind: u8, name: &str, make: impl FnOnce() -> Digest) -> Digest {
        // The ends of ids differ most.
        let slot = name
            .bytes()
            .rev()
            .take(8)
            .fold(usize::from(kind), |slot, byte| {
                slot.wrapping_mul(31).wrapping_add(usize::from(byte))
            });
        let held = &mut self.names[slot % SLOTS];
        match held {
            Some((other, text, digest)) if *other == kind && text == name => *digest,
            _ => {
                let digest = make();
                *held = Some((kind, name.to_owned(), digest));
                digest
            }
        }
    }

    /// The authority of an actor; most statements have the same one, with an account.
    pub(super) fn authority(&mut self, actor: &Actor<'_>) -> Authority {
        let only_account = actor.mbox.is_none()
            && actor.mbox_sha1sum.is_none()
            && actor.openid.is_none()
            && actor
                .object_type
                .as_ref()
                .is_none_or(|form| form.as_str() == "Agent");
        let Some(account) = actor.account.as_ref().filter(|_| only_account) else {
            return Authority::of(actor);
        };
        let names = [&account.home_page, &account.name].map(Text::as_str);
        match &self.authority {
            Some((held, authority)) if *held == names => authority.clone(),
            _ => {
                let authority = Authority::of(actor);
                self.authority = Some((names.map(str::to_owned), authority.clone()));
                authority
            }
        }
    }
}
