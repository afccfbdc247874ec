//! The ledger of a run: what is known of each participant, and what the oracle says they are due.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use wom_sdk::{
    Digest, MINUTE_MS, Timestamp,
    award::{Account, AwardKey, Content, Payment, State},
    campaign::Unit,
    privacy::{Epoch, KeyStore, Participant},
    store::{AwardRecord, Change, Commit},
};

use super::{
    bugs::Bug,
    clock::{AHEAD_MS, BEHIND_MS},
    oracle::{Due, Policies},
    records::Records,
    registry::identity,
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
    /// How far clocks may be ahead, and behind.
    ahead_ms: i64,
    behind_ms: i64,
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
    /// What was set apart, and how it was judged.
    apart: BTreeMap<AwardKey, Apart>,
    /// Persons who asked to be forgotten, and what of theirs is.
    forgetting: BTreeSet<usize>,
    erased: BTreeSet<Participant>,
    /// What nobody gets any more, as its person was forgotten.
    given_up: BTreeMap<AwardKey, (usize, Content)>,
    /// The most that was ever clean.
    clean: BTreeMap<(Participant, usize, Unit), u32>,
    /// By person, aim and day: what was handed over.
    collected: BTreeMap<(usize, String, Timestamp), u32>,
    handed: BTreeSet<AwardKey>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Numbers {
    settled: u32,
    awarded: u32,
    refused: u32,
    returned: u32,
    n: u32,
}

impl Numbers {
    fn of(account: &Account) -> Self {
        Self {
            settled: account.settled,
            awarded: account.awarded,
            refused: account.refused,
            returned: account.returned,
            n: account.n,
        }
    }

    /// What is in awards that nobody refused, and what waits.
    fn counted(self) -> u32 {
        (self.settled + self.returned).saturating_sub(self.refused)
    }
}

/// An award that was set apart.
#[derive(Clone, Debug)]
struct Apart {
    account: (Participant, usize, Unit),
    minutes: u32,
    state: State,
}

impl Ledger {
    pub(super) fn new(
        world: &Arc<World>,
        records: Records,
        policies: Policies,
        keys: &dyn KeyStore,
        wrong_clocks: bool,
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
            ahead_ms: if wrong_clocks { AHEAD_MS } else { 0 },
            behind_ms: if wrong_clocks { BEHIND_MS } else { 0 },
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
    pub(super) fn committed(&self, commit: &Commit, before: Option<&AwardRecord>) {
        let books = &mut *lock(&self.books);
        if let (Some(moved), Some(change)) = (&commit.moved, &commit.change) {
            return self.judged(books, moved, before, change);
        }
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
            self.set_apart(books, commit, change);
            self.settled(books, change);
        }
    }

    /// Which account each held award is of.
    fn set_apart(&self, books: &mut Books, commit: &Commit, change: &Change) {
        let mut held = commit.awards.iter().collect::<Vec<_>>();
        held.retain(|award| matches!(award.state, State::Held(_)));
        for account in &change.accounts {
            let line = self.line(&account.line);
            for n in 0..account.n {
                let payment = Payment {
                    line: account.line.clone(),
                    unit: account.unit.clone(),
                    minutes: 0,
                    n,
                };
                let who = change.participant;
                let key = AwardKey::of_payments(&identity(), CAMPAIGN, &who, &[payment]);
                if let Some(place) = held.iter().position(|award| award.key == key) {
                    let apart = Apart {
                        account: (who, line, account.unit.clone()),
                        minutes: held[place].content.minutes(),
                        state: held[place].state.clone(),
                    };
                    books.apart.insert(key, apart);
                    held.remove(place);
                }
            }
        }
        if !held.is_empty() {
            self.wrong("an award is held that no account knows of");
        }
    }

    /// A person judged an award: it and its account say the same, and nothing else changed.
    fn judged(
        &self,
        books: &mut Books,
        moved: &AwardRecord,
        before: Option<&AwardRecord>,
        change: &Change,
    ) {
        let Some(apart) = books.apart.get_mut(&moved.key) else {
            return self.wrong("somebody judged an award that was not set apart");
        };
        let minutes = apart.minutes;
        let was_refused = before.is_some_and(|before| before.state.is_refused());
        apart.state = moved.state.clone();
        let place = apart.account.clone();
        let held = books.accounts.get(&place).copied().unwrap_or_default();
        let mut expected = held;
        match (was_refused, moved.state.is_refused()) {
            (false, true) => expected.refused += minutes,
            (true, false) => expected.refused = held.refused.saturating_sub(minutes),
            _ => {}
        }
        let new = match &change.accounts[..] {
            [account] => Numbers::of(account),
            _ => held,
        };
        if new != expected || new.returned > new.refused {
            let message = format!("a judgement made {new:?} of {held:?}");
            self.world.fail("books balance", message);
        }
        books.accounts.insert(place, new);
        self.all_refused(books, change.participant);
    }

    /// What accounts say of refusals is what the awards say.
    fn all_refused(&self, books: &Books, participant: Participant) {
        let own = books
            .accounts
            .iter()
            .filter(|((who, ..), _)| *who == participant);
        let given: u32 = own.map(|(_, numbers)| numbers.refused).sum();
        let own = books
            .apart
            .values()
            .filter(|apart| apart.account.0 == participant && apart.state.is_refused());
        if given != own.map(|apart| apart.minutes).sum::<u32>() {
            let message = "accounts and awards do not say the same of refusals";
            self.world.fail("books balance", message);
        }
    }

    fn line(&self, name: &str) -> usize {
        let mut lines = self.policies.lines.iter();
        lines
            .position(|line| line.name == name)
            .unwrap_or(usize::MAX)
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
            let new = written.map_or(held, Numbers::of);
            let due = due.get(&(line, unit.clone()));
            let raised = due.map_or(0, Due::most).max(held.settled);
            // What settles just about now may have been decided before, and by a wrong clock.
            let (may, must) = due.map_or((false, false), |due| {
                (
                    due.settles.plus_millis(-self.ahead_ms) <= now,
                    due.settles.plus_millis(DECIDED_MS + self.behind_ms) <= now,
                )
            });
            let clean = due.map_or(0, |due| due.clean);
            if may {
                let most = books.clean.entry(account.clone()).or_default();
                *most = clean.max(*most);
            }
            if must && new.counted() < clean {
                let message = format!("{name} {unit}: {clean} min are clean, {new:?}");
                self.world.fail("clean minutes count", message);
            }
            if new.refused != held.refused || new.returned > new.refused {
                let message = format!("{name} {unit}: a settlement made {new:?} of {held:?}");
                self.world.fail("books balance", message);
            }
            let right = (may && new.settled == raised) || (!must && new.settled == held.settled);
            if !right {
                self.wrong(&format!(
                    "{name} {unit}: {} after {} min settled, the oracle says {raised}",
                    new.settled, held.settled
                ));
            }
            if new.awarded < held.awarded || new.awarded > new.settled + new.returned {
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

    /// A person, or a system that speaks for them, gets the minutes of an award. `false` if they had
    /// them before.
    pub(super) fn collected(&self, person: usize, key: AwardKey, content: &Content) -> bool {
        let books = &mut *lock(&self.books);
        if !books.handed.insert(key) {
            return false;
        }
        for sort in content.sorts() {
            let aim = sort.aim.to_string();
            *books.collected.entry((person, aim, sort.at)).or_default() += sort.minutes;
        }
        true
    }

    /// Whose a pseudonym is.
    pub(super) fn person(&self, participant: Participant) -> Option<usize> {
        self.people.get(&participant).copied()
    }

    /// A person asks to be forgotten.
    pub(super) fn forgets(&self, person: usize) {
        lock(&self.books).forgetting.insert(person);
    }

    /// Whether somebody has asked for that.
    pub(super) fn is_forgetting(&self, participant: Participant) -> bool {
        let person = self.people.get(&participant);
        person.is_some_and(|person| lock(&self.books).forgetting.contains(person))
    }

    /// The observations of a participant are gone.
    pub(super) fn erased(&self, participant: Participant) {
        let books = &mut *lock(&self.books);
        books.known.remove(&participant);
        books.due.remove(&participant);
        books.erased.insert(participant);
    }

    pub(super) fn is_erased(&self, participant: Participant) -> bool {
        lock(&self.books).erased.contains(&participant)
    }

    /// Nobody gets an award any more that was not handed over. One that was refused counted for
    /// nobody before.
    pub(super) fn given_up(&self, award: &AwardRecord) {
        if award.state.is_refused() {
            return;
        }
        let person = award.participant.and_then(|own| self.people.get(&own));
        if let Some(person) = person {
            let own = (*person, award.content.clone());
            lock(&self.books).given_up.insert(award.key, own);
        }
    }

    pub(super) fn is_given_up(&self, key: AwardKey) -> bool {
        lock(&self.books).given_up.contains_key(&key)
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
                if settled < due.most() {
                    let message = format!("{unit}: {settled} min settled of {}", due.most());
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
                if settled < due.most() {
                    let name = self.policies.lines[line].name;
                    self.wrong(&format!(
                        "{name} {unit}: {settled} min settled of {}",
                        due.most()
                    ));
                }
            }
            let own = books
                .accounts
                .iter()
                .filter(|((other, ..), _)| other == participant);
            for (account, numbers) in own {
                self.check_doubt(books, account, *numbers);
                let (_, line, unit) = account;
                let calendar = self.records.calendar;
                let day = match unit {
                    Unit::Day(day) => *day,
                    Unit::Named(name) | Unit::Session(name) => {
                        calendar.zone.day(self.records.reached(name))
                    }
                };
                let at = calendar.zone.start_of(day);
                let aim = self.policies.lines[*line].aim.to_owned();
                *expected.entry((*person, aim, at)).or_default() += numbers.counted();
            }
        }
        for (key, (person, content)) in &books.given_up {
            for sort in content
                .sorts()
                .iter()
                .filter(|_| !books.handed.contains(key))
            {
                let place = (*person, sort.aim.to_string(), sort.at);
                let minutes = expected.entry(place).or_default();
                *minutes = minutes.saturating_sub(sort.minutes);
            }
        }
        expected.retain(|_, minutes| *minutes > 0);
        // Once somebody is forgotten nobody knows the day of what counts once: it gets the present one.
        let days = |sums: &BTreeMap<(usize, String, Timestamp), u32>| {
            let mut told = BTreeMap::<_, u32>::new();
            for ((person, aim, at), minutes) in sums {
                let at = (!books.forgetting.contains(person)).then_some(*at);
                *told.entry((*person, aim.clone(), at)).or_default() += minutes;
            }
            told
        };
        let (collected, expected) = (days(&books.collected), days(&expected));
        if expected != collected {
            self.world.fail(
                "minutes equal the oracle",
                format!("collected {collected:?}, expected {expected:?}"),
            );
        }
        self.all_known(books);
    }

    /// What counts in the end is what was clean, and what a person accepted of the rest: nothing that
    /// was refused, and nothing twice.
    fn check_doubt(&self, books: &Books, account: &(Participant, usize, Unit), numbers: Numbers) {
        let own = books
            .apart
            .values()
            .filter(|apart| apart.account == *account);
        let accepted = own.filter(|apart| !apart.state.is_refused());
        let accepted: u32 = accepted.map(|apart| apart.minutes).sum();
        let clean = books.clean.get(account).copied().unwrap_or(0);
        let counted = numbers.counted();
        if counted > clean + accepted || counted > numbers.settled {
            let message = format!("{counted} min count, {clean} are clean, {accepted} accepted");
            self.world.fail("what is refused is not paid", message);
        }
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
            if !known && !books.forgetting.contains(&record.person) {
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
