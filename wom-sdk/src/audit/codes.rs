//! Every code that waits to be collected: it opens, it is for its award, and it is good.

use std::collections::{BTreeMap, BTreeSet};

use super::{Difference, Found, RegistryBooks, name};
use crate::{
    Digest, Result,
    award::{Secrets, State},
    privacy::Sealer,
    protocol::Aim,
    store::AwardRecord,
};

pub(super) struct Codes<'a> {
    sealer: &'a Sealer,
    registry: Option<&'a dyn RegistryBooks>,
    /// Digests of the codes so far.
    seen: BTreeSet<Digest>,
    /// Minutes in codes that the Registry has made good.
    pub(super) honoured: BTreeMap<Aim, u64>,
}

impl<'a> Codes<'a> {
    pub(super) fn new(sealer: &'a Sealer, registry: Option<&'a dyn RegistryBooks>) -> Self {
        Self {
            sealer,
            registry,
            seen: BTreeSet::new(),
            honoured: BTreeMap::new(),
        }
    }

    pub(super) async fn check(&mut self, award: &AwardRecord, found: &mut Found) -> Result<()> {
        let open = |sealed: &Vec<u8>| {
            let plain = self.sealer.open(&award.key.0, sealed)?;
            Secrets::from_bytes(&plain)
        };
        let secrets = match award.sealed.as_ref().map(open).transpose() {
            Ok(secrets) => secrets.unwrap_or_default(),
            Err(_) => {
                found.add(Difference::CodeSealed, name(award.key));
                return Ok(());
            }
        };
        let Some(ticket) = secrets.ticket else {
            if has_code(&award.state) {
                found.add(Difference::CodeMissing, name(award.key));
            }
            return Ok(());
        };
        let minutes = award.content.minutes();
        if ticket.minutes != minutes {
            found.add(Difference::CodeMiscounted, name(award.key));
        }
        if !self.seen.insert(Digest::of([ticket.otc.reveal_bytes()])) {
            found.add(Difference::CodeTwice, name(award.key));
        }
        let Some(registry) = self.registry else {
            return Ok(());
        };
        match registry.code(&ticket.otc).await? {
            None => found.add(Difference::CodeUnknown, name(award.key)),
            Some(behind) if behind.minutes != u64::from(minutes) => {
                found.add(Difference::CodeMiscounted, name(award.key));
            }
            Some(behind) if !behind.good && is_good(&award.state) => {
                found.add(Difference::CodeNotGood, name(award.key));
            }
            Some(behind) if behind.good && award.state != State::Acknowledged => {
                for sort in award.content.sorts() {
                    *self.honoured.entry(sort.aim).or_default() += u64::from(sort.minutes);
                }
            }
            Some(_) => {}
        }
        Ok(())
    }
}

fn has_code(state: &State) -> bool {
    is_good(state)
        || matches!(
            state,
            State::Created | State::Verifying | State::VerifyUnknown
        )
}

fn is_good(state: &State) -> bool {
    matches!(state, State::Verified | State::Offered)
}
