//! The sink between an adapter and the store: takes the person off, and merges.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{
    Collector, Watcher,
    people::{Faces, Kept},
};
use crate::{
    Body, Digest, Error, Kind, MINUTE_MS, Observation, Result, Timestamp,
    instrument::{Cursor, Refusal, Sink},
    observation::{Entry, Study, Toward, Trace},
    privacy::{Epoch, EpochKey, Participant},
    store::{Change, Commit},
};

/// How far ahead of ours a device's clock may be.
const AHEAD_MS: i64 = 5 * MINUTE_MS;

/// For how long what lies ahead is read again: as long as what the inbox holds.
const SOON_MS: i64 = super::inbox::TO_COME_MS;

/// More months than any record can honestly touch.
const MOST_EPOCHS: usize = 14;

pub(super) struct Intake<'a> {
    collector: &'a Collector,
    adapter: &'static str,
    /// The configured name of where it comes from.
    source: &'a str,
    watcher: &'a mut dyn Watcher,
    taken: Taken,
    /// The version of the cursor that was written last, while pulling.
    cursor: Option<u64>,
    /// Whether a record was refused that will be past soon. The cursor stays before it, so that the
    /// next pull reads it again: perhaps the wrong clock was ours.
    soon: bool,
}

/// What came in.
#[derive(Default)]
pub(super) struct Taken {
    /// Participants that the input touched, in a stable order.
    pub(super) touched: BTreeSet<Participant>,
    pub(super) observations: u64,
    pub(super) refused: u64,
    /// Whether a record was refused because it lies in the future.
    pub(super) to_come: bool,
}

impl<'a> Intake<'a> {
    pub(super) fn new(
        collector: &'a Collector,
        adapter: &'static str,
        source: &'a str,
        watcher: &'a mut dyn Watcher,
    ) -> Self {
        Self {
            collector,
            adapter,
            source,
            watcher,
            taken: Taken::default(),
            cursor: None,
            soon: false,
        }
    }

    /// Keeps the cursors that the adapter tells; `version` is that of the one it began with.
    pub(super) fn pulling(self, version: u64) -> Self {
        Self {
            cursor: Some(version),
            ..self
        }
    }

    pub(super) fn finish(self) -> Taken {
        self.taken
    }

    /// The entries of an observation, under the pseudonyms of the epochs that it is about.
    ///
    /// A record whose revision grows may have moved out of a month: there it leaves a tombstone,
    /// but for study, which never moves. A withdrawal of whoever's record leaves one in every month
    /// that there is, and in those around now, which may come to be.
    fn entries(&self, observation: Observation, now: Timestamp) -> Result<Vec<Placed>> {
        let own = self.epochs_of(&observation.body);
        let mut elsewhere = Vec::new();
        let stays = matches!(observation.body, Body::Study(_));
        if own.is_empty() || (observation.revision > 0 && !stays) {
            elsewhere = self.collector.keys.epochs(&self.collector.campaign.name)?;
            elsewhere.extend(own.iter().flat_map(|epoch| epoch.neighbours()));
            if observation.subject.is_whoever() {
                let month = Epoch::of(self.collector.campaign.zone.day(now));
                elsewhere.push(month);
                elsewhere.extend(month.neighbours());
            }
            elsewhere.push(Epoch::CAMPAIGN);
            elsewhere.sort_unstable();
            elsewhere.dedup();
            elsewhere.retain(|epoch| !own.contains(epoch));
        }
        // What was destroyed stays so: under a new key the same minutes would count again.
        let campaign = &self.collector.campaign;
        let open = |epoch: &Epoch| campaign.closes(*epoch) > now;
        let (subject, entry) = observation.into_entry();
        let mut entries = Vec::with_capacity(own.len() + elsewhere.len());
        for (epoch, here) in own
            .iter()
            .map(|e| (*e, true))
            .chain(elsewhere.iter().map(|e| (*e, false)))
            .filter(|(epoch, _)| open(epoch))
        {
            let key = self.key_of(epoch)?;
            let mut entry = Entry {
                key: key.digest(Digest::of([self.adapter.as_bytes(), &entry.key.0])),
                ..entry.clone()
            };
            entry.provenance.stream = key.digest(entry.provenance.stream);
            entry.body = match here {
                true => part_of(entry.body, epoch).digested(|digest| key.digest(digest)),
                false => Body::Withdrawn,
            };
            entries.push((Participant::of(&subject, &key), key, entry));
        }
        Ok(entries)
    }

    fn epochs_of(&self, body: &Body) -> Vec<Epoch> {
        let mut campaign = None;
        match body {
            Body::Milestone { .. } => return vec![Epoch::CAMPAIGN],
            Body::Study(study) => match study.toward {
                Toward::Days => {}
                Toward::Milestones => return vec![Epoch::CAMPAIGN],
                Toward::Both => campaign = Some(Epoch::CAMPAIGN),
            },
            _ => {}
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
        epochs.extend(campaign);
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

/// An entry, whose it is, and the key of its epoch.
type Placed = (Participant, EpochKey, Entry);

/// What a chunk brings for one participant.
struct Share {
    key: EpochKey,
    entries: Vec<Entry>,
    kept: Option<Kept>,
}

#[async_trait]
impl Sink for Intake<'_> {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        let now = self.collector.clock.now();
        let directory = self.collector.directory.as_deref();
        let again = self
            .collector
            .sources
            .get(self.source)
            .is_some_and(|source| source.capabilities().refresh);
        let mut faces = Faces::default();
        let mut shares = BTreeMap::<Participant, Share>::new();
        for mut observation in chunk {
            // What is to come cannot be judged; kept, it would count or not by who looks when.
            if let Some(ahead_ms) = ahead(&observation.body, now) {
                self.soon |= ahead_ms < SOON_MS;
                self.refuse(Refusal::new(
                    Refusal::FUTURE,
                    "the record lies in the future; set the device's clock, then send it again when it is past",
                ))
                .await?;
                continue;
            }
            let subject = observation.subject.clone();
            let asked = directory.filter(|_| !subject.is_whoever());
            if subject.is_whoever() && observation.body != Body::Withdrawn {
                return Err(Error::new(
                    Kind::Internal,
                    "the adapter says more of whoever than that a record is withdrawn",
                ));
            }
            let person = faces.person(asked, &subject).await?;
            let kept = Kept::of(
                person.handle.as_ref(),
                (again && !subject.is_whoever()).then_some((self.source, &subject)),
            );
            observation.subject = person.subject;
            // Sessions are read again and again, and hardly ever put off to another month.
            let is_rare_move = matches!(observation.body, Body::Attendance(_));
            let placed = self.entries(observation, now)?;
            if placed.is_empty() {
                self.refuse(Refusal::new(
                    "late",
                    "the record is older than the campaign takes in; its month is closed",
                ))
                .await?;
                continue;
            }
            self.taken.observations += 1;
            for (participant, key, entry) in placed {
                if is_rare_move
                    && entry.body == Body::Withdrawn
                    && !holds(self.collector, participant, &entry).await?
                {
                    continue;
                }
                let share = shares.entry(participant).or_insert_with(|| Share {
                    key,
                    entries: Vec::new(),
                    kept: None,
                });
                share.entries.push(entry);
                if let Some(kept) = &kept {
                    share.kept.get_or_insert_default().add(kept);
                }
            }
        }
        for (participant, share) in shares {
            let handle = match &share.kept {
                Some(kept) => self.collector.kept(participant, &share.key, kept).await?,
                None => None,
            };
            let change = Change {
                entries: share.entries,
                // Due at once: if we die before settling, the next one who looks will settle.
                wake: Some(now),
                handle,
                ..Change::of(participant)
            };
            let commit = Commit {
                change: Some(change),
                ..Commit::default()
            };
            self.collector.store.commit(commit).await?;
            self.taken.touched.insert(participant);
        }
        Ok(())
    }

    async fn resume_at(&mut self, cursor: Cursor) -> Result<()> {
        if let Some(version) = self.cursor.as_mut().filter(|_| !self.soon) {
            *version += 1;
            // Everything before it is committed: `observe` returns only then.
            self.collector
                .save_cursor(self.source, *version, &cursor)
                .await?;
        }
        Ok(())
    }

    async fn refuse(&mut self, refusal: Refusal) -> Result<()> {
        self.taken.refused += 1;
        self.taken.to_come |= refusal.code == Refusal::FUTURE;
        self.watcher.refused(&refusal);
        Ok(())
    }

    fn progress(&mut self, bytes: u64) {
        self.watcher.progress(bytes);
    }
}

/// Whether a participant has a record that this entry would take back.
async fn holds(collector: &Collector, participant: Participant, entry: &Entry) -> Result<bool> {
    let holding = collector.store.participant(participant).await?;
    Ok(holding.entries.iter().any(|held| held.key == entry.key))
}

/// What of a body is known in an epoch: of study, its part for days or for milestones.
fn part_of(body: Body, epoch: Epoch) -> Body {
    match body {
        Body::Study(study) => Body::Study(Study {
            toward: match epoch {
                Epoch::CAMPAIGN => Toward::Milestones,
                _ => Toward::Days,
            },
            ..study
        }),
        other => other,
    }
}

/// How far ahead of us a record is that speaks of time that is not past, in milliseconds. An envelope or
/// a range may end later: what is known of it is past all the same.
fn ahead(body: &Body, now: Timestamp) -> Option<i64> {
    let last = match body {
        Body::RangeReplaced { .. } => return None,
        Body::Seconds { within, .. }
        | Body::Tally { within, .. }
        | Body::Study(Study {
            trace: Trace::Seconds { within, .. },
            ..
        }) => Some(within.start()),
        // A session that goes on is judged when it is over; what was seen of it is past.
        Body::Attendance(attendance) => attendance.scans.iter().map(|scan| scan.at).max(),
        _ => body.span().map(|span| span.end()),
    };
    last.map(|last| last.since(now))
        .filter(|ahead| *ahead > AHEAD_MS)
}
