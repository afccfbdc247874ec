//! The machine that all processes of a run share: with its power goes what no write has made durable.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, Weak},
};

use wom_sdk::{award::AwardKey, store::AwardRecord};

use super::{process::Process, world::lock};

#[derive(Debug, Default)]
pub(super) struct Machine {
    processes: Mutex<Vec<Weak<Process>>>,
    begun: Mutex<BTreeMap<AwardKey, AwardRecord>>,
}

impl Machine {
    pub(super) fn houses(&self, process: &Arc<Process>) {
        lock(&self.processes).push(Arc::downgrade(process));
    }

    /// A new award that every process sees, and that is not on the disk.
    pub(super) fn begin(&self, record: &AwardRecord) {
        lock(&self.begun).insert(record.key, record.clone());
    }

    /// The award with this key, if it was begun and is not on the disk.
    pub(super) fn begun(&self, key: AwardKey) -> Option<AwardRecord> {
        lock(&self.begun).get(&key).cloned()
    }

    /// Everything that is to be on the disk from now on.
    pub(super) fn take_begun(&self) -> Vec<AwardRecord> {
        std::mem::take(&mut *lock(&self.begun))
            .into_values()
            .collect()
    }

    /// Everybody dies, and what was only begun never was.
    pub(super) fn loses_power(&self, at: &str) {
        lock(&self.begun).clear();
        for process in lock(&self.processes).iter().filter_map(Weak::upgrade) {
            process.die(at);
        }
    }
}
