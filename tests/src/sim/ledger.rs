//! The ledger of a run: what is known of each participant, and what the oracle says they are due.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use wom_sdk::{
    Digest, MINUTE_MS, Timestamp,
    award::{AwardKey, Content},
    campaign::Unit,
    privacy::{Epoch, KeyStore, Participant},
    store::{Change, Commit},
};

use super::{
    bugs::Bug,
    oracle::{Due, Policies},
    records::Records,
    world::{World, lock},
};

/// The campaign of a run.
pub(super) const CAMPAIGN: &str = "minutes";
/// The adapter of a run.
pub(super) const ADAPTER: &str = "sim.feed";
/// A decision is at most this old when it is written.
const DECIDED_MS: i64 = 15 * MINUTE_MS;

/// Watches every write of observations, accounts and awards.
#[derive(Debug)]
pub(super) struct Ledger {
    world: Arc<World>,
    pub(super) records: Records,
    pub(super) policies: Policies,
    people: BTreeMap<Participant, usize>,
    keys: BTreeMap<(Participant, Digest), usize>,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    /// By participant and record: the highest revision that is on the disk.
    known: BTreeMap<Participant, BTreeMap<usize, usize>>,
    /// What the oracle says of that.
    due: BTreeMap<Participant, BTreeMap<(usize, Unit), Due>>,
    accounts: BTreeMap<(Participant, usize, Unit), Numbers>,
    /// What the awards of a participant are worth.
    accepted: BTreeMap<Participant, u32>,
    /// By person, aim and day: what was handed over.
    collected: BTreeMap<(usize, String, Timestamp), u32>,
    handed: BTreeSet<AwardKey>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Numbers {
    settled: u32,
    awarded: u32,
    n: u32,
}

impl Ledger {
    pub(super) fn new(
        world: &Arc<World>,
        records: Records,
        policies: Policies,
        keys: &dyn KeyStore,
    ) -> Self {
        let mut people = BTreeMap::new();
        let mut names = BTreeMap::new();
        let epochs = records.calendar.epochs.iter().flat_map(|epoch| {
            let [before, after] = epoch.neighbours();
            [before, *epoch, after]
        });
        for epoch in epochs.chain([Epoch::CAMPAIGN]) {
            // As if asked for by production code: a key is what it is, whoever makes it.
            let Ok(Some(key)) = keys.epoch_key(CAMPAIGN, epoch, true) else {
                continue;
            };
            for person in 0..records.persons {
                let participant = Participant::of(&Records::subject(person), &key);
                people.insert(participant, person);
                for record in 0..records.all.len() {
                    let name = Digest::of([ADAPTER.as_bytes(), &Records::key(record).0]);
                    names.insert((participant, key.digest(name)), record);
                    if world.has(Bug::KeyOfRevision) {
                        for revision in 0..4 {
                            let own = Digest::of([Records::key(record).0, [revision; 16]]);
                            let name = Digest::of([ADAPTER.as_bytes(), &own.0]);
                            names.insert((participant, key.digest(name)), record);
                        }
                    }
                }
            }
        }
        Self {
            world: Arc::clone(world),
            records,
            policies,
            people,
            keys: names,
            books: Mutex::default(),
        }
    }

    /// When every day has settled that a record could speak of until then.
    pub(super) fn settled_by(&self, last: Timestamp) -> Timestamp {
        let zone = &self.records.calendar.zone;
        let day = zone.day(last);
        zone.start_of(day.next())
            .plus_millis(self.policies.settlement_ms + 20 * MINUTE_MS)
    }

    /// The pseudonyms of a person, in the order of the epochs.
    pub(super) fn participants(&self, person: usize) -> Vec<Participant> {
        let own = self.people.iter().filter(|(_, other)| **other == person);
        own.map(|(participant, _)| *participant).collect()
    }

    /// Something was written.
    pub(super) fn committed(&self, commit: &Commit) {
        let books = &mut *lock(&self.books);
        for award in &commit.awards {
            let world = &self.world;
            let minutes = award.content.minutes();
            world.log(format_args!("accepted {:?} {minutes} min", award.key));
            if let Some(participant) = award.participant {
                *books.accepted.entry(participant).or_default() += minutes;
            }
        }
        let Some(change) = &commit.change else {
            return;
        };
        let Some(person) = self.people.get(&change.participant) else {
            self.wrong("a pseudonym that no key of ours makes");
            return;
        };
        let epoch = change.participant.epoch();
        for entry in &change.entries {
            let Some(record) = self.keys.get(&(change.participant, entry.key)) else {
                self.wrong("a record that nobody recorded");
                continue;
            };
            let revision = usize::try_from(entry.revision).unwrap_or(usize::MAX);
            let known = books.known.entry(change.participant).or_default();
            let held = known.entry(*record).or_insert(revision);
            *held = revision.max(*held);
            books.due.remove(&change.participant);
            self.world.log(format_args!(
                "person {person} {epoch} keeps record {record}.{revision}"
            ));
        }
        if change.expected.is_some() {
            self.settled(books, change);
        }
    }

    /// Accounts were brought up to date: each must be what the oracle says.
    fn settled(&self, books: &mut Books, change: &Change) {
        let (participant, now) = (change.participant, self.world.now());
        let due = self.due(books, participant);
        let mut units: BTreeSet<_> = due.keys().cloned().collect();
        for account in &change.accounts {
            let line = self
                .policies
                .lines
                .iter()
                .position(|line| line.name == account.line);
            match line {
                Some(line) => drop(units.insert((line, account.unit.clone()))),
                None => self.wrong("an account on a line that is not there"),
            }
        }
        for (line, unit) in units {
            let name = self.policies.lines[line].name;
            let account = (participant, line, unit.clone());
            let held = books.accounts.get(&account).copied().unwrap_or_default();
            let written = change
                .accounts
                .iter()
                .find(|one| one.line == name && one.unit == unit);
            let new = written.map_or(held, |one| Numbers {
                settled: one.settled,
                awarded: one.awarded,
                n: one.n,
            });
            let due = due.get(&(line, unit.clone()));
            let raised = due.map_or(0, |due| due.minutes).max(held.settled);
            // What settles just about now may have been decided before.
            let (may, must) = due.map_or((false, false), |due| {
                (
                    due.settles <= now,
                    due.settles.plus_millis(DECIDED_MS) <= now,
                )
            });
            let right = (may && new.settled == raised) || (!must && new.settled == held.settled);
            if !right {
                self.wrong(&format!(
                    "{name} {unit}: {} after {} min settled, the oracle says {raised}",
                    new.settled, held.settled
                ));
            }
            if new.awarded < held.awarded || new.awarded > new.settled {
                let message = format!(
                    "{name} {unit}: {} min awarded of {}",
                    new.awarded, new.settled
                );
                self.world.fail("books balance", message);
            }
            if (new.awarded > held.awarded) != (new.n > held.n) {
                let message = format!("{name} {unit}: a payment without a number of its own");
                self.world.fail("books balance", message);
            }
            if new != held {
                self.world.log(format_args!(
                    "account {name} {unit}: {} min settled, {} awarded",
                    new.settled, new.awarded
                ));
                books.accounts.insert(account, new);
            }
        }
        let own = books
            .accounts
            .iter()
            .filter(|((other, ..), _)| *other == participant);
        let awarded: u32 = own.map(|(_, numbers)| numbers.awarded).sum();
        if awarded != books.accepted.get(&participant).copied().unwrap_or(0) {
            let message = "awards and accounts do not add up to the same";
            self.world.fail("books balance", message);
        }
    }

    /// A person, or a system that speaks for them, gets the minutes of an award.
    pub(super) fn collected(&self, person: usize, key: AwardKey, content: &Content) {
        let books = &mut *lock(&self.books);
        if !books.handed.insert(key) {
            return;
        }
        for sort in content.sorts() {
            let aim = sort.aim.to_string();
            *books.collected.entry((person, aim, sort.at)).or_default() += sort.minutes;
        }
    }

    /// What is due was settled without anybody asking for it.
    pub(super) fn settled_by_itself(&self) {
        let books = &mut *lock(&self.books);
        for participant in self.people.keys() {
            for ((line, unit), due) in self.due(books, *participant) {
                let account = (*participant, line, unit.clone());
                let settled = books
                    .accounts
                    .get(&account)
                    .map_or(0, |numbers| numbers.settled);
                if settled < due.minutes {
                    let message = format!("{unit}: {settled} min settled of {}", due.minutes);
                    self.world.fail("all settles", message);
                }
            }
        }
    }

    /// At the end: everything that was recorded is known, settled and collected.
    pub(super) fn close(&self) {
        let books = &mut *lock(&self.books);
        let mut expected = BTreeMap::<(usize, String, Timestamp), u32>::new();
        for (participant, person) in &self.people {
            for ((line, unit), due) in self.due(books, *participant) {
                let account = (*participant, line, unit.clone());
                let settled = books
                    .accounts
                    .get(&account)
                    .map_or(0, |numbers| numbers.settled);
                if settled < due.minutes {
                    let name = self.policies.lines[line].name;
                    self.wrong(&format!(
                        "{name} {unit}: {settled} min settled of {}",
                        due.minutes
                    ));
                }
            }
            let own = books
                .accounts
                .iter()
                .filter(|((other, ..), _)| other == participant);
            for ((_, line, unit), numbers) in own {
                let calendar = self.records.calendar;
                let day = match unit {
                    Unit::Day(day) => *day,
                    Unit::Named(name) => calendar.zone.day(self.records.reached(name)),
                };
                let at = calendar.zone.start_of(day);
                let aim = self.policies.lines[*line].aim.to_owned();
                *expected.entry((*person, aim, at)).or_default() += numbers.settled;
            }
        }
        expected.retain(|_, minutes| *minutes > 0);
        if expected != books.collected {
            self.world.fail(
                "minutes equal the oracle",
                format!("collected {:?}, expected {expected:?}", books.collected),
            );
        }
        self.all_known(books);
    }

    /// Every record is there, in the last revision, under every month that it speaks of.
    fn all_known(&self, books: &Books) {
        for (number, record) in self.records.all.iter().enumerate() {
            let last = record.revisions.len() - 1;
            let known = self.people.iter().any(|(participant, person)| {
                let known = books
                    .known
                    .get(participant)
                    .and_then(|known| known.get(&number));
                *person == record.person && known == Some(&last)
            });
            if !known {
                let message = format!("record {number}.{last} never arrived");
                self.world.fail("never lost", message);
            }
        }
    }

    /// What is due of everything that is known of a participant.
    fn due(&self, books: &mut Books, participant: Participant) -> BTreeMap<(usize, Unit), Due> {
        let Some(known) = books.known.get(&participant) else {
            return BTreeMap::new();
        };
        let due = books
            .due
            .entry(participant)
            .or_insert_with(|| self.policies.due(&self.records, known, participant.epoch()));
        due.clone()
    }

    fn wrong(&self, message: &str) {
        self.world.fail("minutes equal the oracle", message);
    }
}
