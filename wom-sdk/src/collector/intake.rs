//! The sink between an adapter and the store: takes the person off, and merges.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{Collector, Touched, Watcher};
use crate::{
    Body, Digest, Error, Kind, MINUTE_MS, Observation, Result, Timestamp,
    instrument::{Refusal, Sink},
    observation::Entry,
    privacy::{Epoch, EpochKey, Participant},
    store::Commit,
};

/// How far ahead of ours a device's clock may be.
const AHEAD_MS: i64 = 5 * MINUTE_MS;

/// More months than any record can honestly touch.
const MOST_EPOCHS: usize = 14;

pub(super) struct Intake<'a> {
    collector: &'a Collector,
    adapter: &'static str,
    watcher: &'a mut dyn Watcher,
    touched: Touched,
    observations: u64,
    refused: u64,
}

impl<'a> Intake<'a> {
    pub(super) fn new(
        collector: &'a Collector,
        adapter: &'static str,
        watcher: &'a mut dyn Watcher,
    ) -> Self {
        Self {
            collector,
            adapter,
            watcher,
            touched: Touched::new(),
            observations: 0,
            refused: 0,
        }
    }

    pub(super) fn finish(self) -> (Touched, u64, u64) {
        (self.touched, self.observations, self.refused)
    }

    /// The entries of an observation, under the pseudonyms of the epochs that it is about.
    ///
    /// A record whose revision grows may have moved out of a month: there it leaves a tombstone.
    fn entries(&self, observation: Observation) -> Result<Vec<(Participant, Entry)>> {
        let own = self.epochs_of(&observation.body);
        let mut elsewhere = Vec::new();
        if observation.revision > 0 || own.is_empty() {
            elsewhere = self.collector.keys.epochs(&self.collector.campaign.name)?;
            elsewhere.extend(own.iter().flat_map(|epoch| epoch.neighbours()));
            elsewhere.push(Epoch::CAMPAIGN);
            elsewhere.sort_unstable();
            elsewhere.dedup();
            elsewhere.retain(|epoch| !own.contains(epoch));
        }
        let (subject, entry) = observation.into_entry();
        let mut entries = Vec::with_capacity(own.len() + elsewhere.len());
        for (epoch, here) in own
            .iter()
            .map(|e| (*e, true))
            .chain(elsewhere.iter().map(|e| (*e, false)))
        {
            let key = self.key_of(epoch)?;
            let mut entry = Entry {
                key: key.digest(Digest::of([self.adapter.as_bytes(), &entry.key.0])),
                ..entry.clone()
            };
            entry.provenance.stream = key.digest(entry.provenance.stream);
            if !here {
                entry.body = Body::Withdrawn;
            }
            entries.push((Participant::of(&subject, &key), entry));
        }
        Ok(entries)
    }

    fn epochs_of(&self, body: &Body) -> Vec<Epoch> {
        if matches!(body, Body::Milestone { .. }) {
            return vec![Epoch::CAMPAIGN];
        }
        let Some(span) = body.span() else {
            return Vec::new();
        };
        let zone = &self.collector.campaign.zone;
        let last = Timestamp::from_millis(span.end().as_millis() - 1).max(span.start());
        let last = Epoch::of(zone.day(last));
        let mut epochs = vec![Epoch::of(zone.day(span.start()))];
        while let Some(epoch) = epochs.last().copied().filter(|epoch| *epoch < last) {
            if epochs.len() == MOST_EPOCHS {
                break;
            }
            epochs.push(epoch.neighbours()[1]);
        }
        epochs
    }

    fn key_of(&self, epoch: Epoch) -> Result<EpochKey> {
        let key = self
            .collector
            .keys
            .epoch_key(&self.collector.campaign.name, epoch, true)?;
        key.ok_or_else(|| Error::new(Kind::Internal, "the key store makes no key"))
    }
}

#[async_trait]
impl Sink for Intake<'_> {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        let now = self.collector.clock.now();
        let mut by_participant = BTreeMap::<Participant, Vec<Entry>>::new();
        for observation in chunk {
            // What is to come cannot be judged; kept, it would count or not by who looks when.
            if is_to_come(&observation.body, now) {
                self.refuse(Refusal::new(
                    "future",
                    "the record lies in the future; set the device's clock, then send it again when it is past",
                ))
                .await?;
                continue;
            }
            self.observations += 1;
            for (participant, entry) in self.entries(observation)? {
                by_participant.entry(participant).or_default().push(entry);
            }
        }
        for (participant, entries) in by_participant {
            // Due at once: if we die before settling, the next one who looks will settle.
            let wake = Some(now);
            let commit = Commit {
                participant: Some(participant),
                entries,
                wake,
                ..Commit::default()
            };
            self.collector.store.commit(commit).await?;
            self.touched.insert(participant);
        }
        Ok(())
    }

    async fn refuse(&mut self, refusal: Refusal) -> Result<()> {
        self.refused += 1;
        self.watcher.refused(&refusal);
        Ok(())
    }

    fn progress(&mut self, bytes: u64) {
        self.watcher.progress(bytes);
    }
}

/// Whether a record speaks of time that is not past. An envelope or a range may end later: what is
/// known of it is past all the same.
fn is_to_come(body: &Body, now: Timestamp) -> bool {
    let last = match body {
        Body::RangeReplaced { .. } => return false,
        Body::Seconds { within, .. } | Body::Tally { within, .. } => Some(within.start()),
        _ => body.span().map(|span| span.end()),
    };
    last.is_some_and(|last| last.since(now) > AHEAD_MS)
}
