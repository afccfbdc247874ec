//! Gathers observations and judges them, person by person, in memory that does not grow with them.

use std::collections::{BTreeMap, btree_map};

use wom_sdk::{
    Body, Day, Digest, Observation, Result, Span, Timestamp, Zone,
    observation::Entry,
    rules::{Judgement, RuleSet},
};

use super::{
    row,
    sorter::Sorter,
    summary::{Days, Totals},
};

/// From how many entries on a part may end at a midnight that is not quiet.
const PART: usize = 20_000;

/// The most entries of a part, whatever the time. Only a rule set that cannot judge in parts gets
/// more.
const LARGEST_PART: usize = 3 * PART;

const DAY_MS: i64 = 24 * 60 * 60_000;

/// Everything that was observed.
#[derive(Debug)]
pub struct Ledger {
    people: People,
    by_key: Sorter,
    memory: Option<usize>,
    /// What was withdrawn without saying whose it is, with its revision.
    whoevers: BTreeMap<Digest, u64>,
}

/// Hears what the ledger comes to: of each person first the parts, then the days.
pub trait Listener {
    /// A part of a person's open entries was judged.
    fn part(&mut self, person: &str, entries: &[Entry], judgement: &Judgement) -> Result<()>;

    /// The person's minutes by day.
    fn days(&mut self, person: &str, days: &BTreeMap<Day, i64>) -> Result<()>;
}

impl Ledger {
    /// An empty ledger, which names people by their ids or as `p1`, `p2`, …
    pub fn new(show_subjects: bool) -> Self {
        Self {
            people: People::new(show_subjects),
            by_key: Sorter::new(),
            memory: None,
            whoevers: BTreeMap::new(),
        }
    }

    /// Takes in an observation. Returns the person's name.
    pub fn take(&mut self, observation: Observation) -> Result<String> {
        if observation.subject.is_whoever() {
            let revision = self.whoevers.entry(observation.key).or_default();
            *revision = observation.revision.max(*revision);
            return Ok("whoever".to_owned());
        }
        let person = self.people.number(&observation);
        let (_, entry) = observation.into_entry();
        self.by_key.push(&row::by_key(person, &entry))?;
        Ok(self.people.name(person))
    }

    /// Merges and judges everything. Returns the totals, and whether a history had to be judged
    /// in parts that the rule set would rather have seen together.
    pub fn judge(
        self,
        rules: &dyn RuleSet,
        now: Timestamp,
        zone: &Zone,
        listener: &mut dyn Listener,
    ) -> Result<(Totals, bool)> {
        let participants = self.people.numbers.len() as u64;
        let by_time = self.memory.map_or_else(Sorter::new, Sorter::with_memory);
        let (by_time, replaced) = merge(self.by_key, by_time, &self.whoevers)?;
        let mut judge = Judge {
            rules,
            now,
            zone,
            listener,
            people: &self.people,
            person: 0,
            part: Vec::new(),
            end: Timestamp::MIN,
            days: Days::default(),
            totals: Totals {
                participants,
                ..Totals::default()
            },
            torn: false,
        };
        let mut rows = by_time.sorted()?;
        while let Some(row) = rows.next()? {
            let (person, entry) = row::of_time(&row)?;
            if !is_replaced(&entry, replaced.get(&person)) {
                judge.take(person, entry)?;
            }
        }
        judge.end_person()?;
        Ok((judge.totals, judge.torn))
    }
}

/// A range of a stream that a later revision replaced.
type Replaced = BTreeMap<u32, Vec<(Digest, Span, u64)>>;

/// Keeps of each record the version that holds, and orders what is open by time. The same as
/// [`Merged`](wom_sdk::observation::Merged), for any number of entries.
fn merge(
    by_key: Sorter,
    mut by_time: Sorter,
    whoevers: &BTreeMap<Digest, u64>,
) -> Result<(Sorter, Replaced)> {
    let mut replaced = Replaced::new();
    let mut rows = by_key.sorted()?;
    let mut next = rows.next()?;
    while let Some(row) = next {
        next = rows.next()?;
        // Person and key stand in the first 20 bytes; of several versions the last holds.
        if next.as_ref().is_some_and(|next| next[..20] == row[..20]) {
            continue;
        }
        let (person, entry) = row::of_key(&row)?;
        let withdrawn = whoevers.get(&entry.key);
        if withdrawn.is_some_and(|revision| entry.revision < *revision) {
            continue;
        }
        if let Body::RangeReplaced { range } = entry.body {
            let ranges = replaced.entry(person).or_default();
            ranges.push((entry.provenance.stream, range, entry.revision));
        } else if let Some(span) = entry.body.span() {
            by_time.push(&row::by_time(person, span.start(), &entry))?;
        }
    }
    Ok((by_time, replaced))
}

fn is_replaced(entry: &Entry, ranges: Option<&Vec<(Digest, Span, u64)>>) -> bool {
    let (Some(ranges), Some(span)) = (ranges, entry.body.span()) else {
        return false;
    };
    ranges.iter().any(|(stream, range, revision)| {
        *stream == entry.provenance.stream
            && range.contains(span.start())
            && entry.revision < *revision
    })
}

/// Judges entries that come in order of person and time.
struct Judge<'a> {
    rules: &'a dyn RuleSet,
    now: Timestamp,
    zone: &'a Zone,
    listener: &'a mut dyn Listener,
    people: &'a People,
    person: u32,
    part: Vec<Entry>,
    /// The last instant that the part speaks of.
    end: Timestamp,
    days: Days,
    totals: Totals,
    torn: bool,
}

impl Judge<'_> {
    fn take(&mut self, person: u32, entry: Entry) -> Result<()> {
        let Some(span) = entry.body.span() else {
            return Ok(());
        };
        if person != self.person {
            self.end_person()?;
            self.person = person;
        }
        if self.may_end_before(span.start()) {
            self.end_part(span.start())?;
        }
        self.totals.count(&entry);
        self.end = self.end.max(span.end());
        self.part.push(entry);
        Ok(())
    }

    /// Whether what is gathered may be judged without an entry that starts here.
    fn may_end_before(&mut self, start: Timestamp) -> bool {
        let Some(apart) = self.rules.separable_ms() else {
            return false;
        };
        if self.part.is_empty() {
            return false;
        }
        // The midnight that is quiet must have so much before it, and as much after it.
        let after = start.plus_millis(-apart);
        let midnight = Timestamp::from_millis(after.as_millis().div_euclid(DAY_MS) * DAY_MS);
        if self.end.plus_millis(apart) <= midnight {
            return true;
        }
        let day = |at: Timestamp| at.as_millis().div_euclid(DAY_MS);
        let last = self.part.last().and_then(|entry| entry.body.span());
        let new_day = last.is_none_or(|last| day(last.start()) < day(start));
        let full = self.part.len() >= LARGEST_PART || (self.part.len() >= PART && new_day);
        self.torn |= full;
        full
    }

    fn end_part(&mut self, next: Timestamp) -> Result<()> {
        let part = std::mem::take(&mut self.part);
        let entries: Vec<_> = part.iter().collect();
        let judgement = self.rules.judge(&entries, self.now);
        // Evidence may begin a little before the entry that it comes from.
        let apart = self.rules.separable_ms().unwrap_or(0);
        self.days
            .add(&judgement, next.plus_millis(-apart), self.zone);
        self.end = Timestamp::MIN;
        let name = self.people.name(self.person);
        self.listener.part(&name, &part, &judgement)
    }

    fn end_person(&mut self) -> Result<()> {
        if self.part.is_empty() {
            return Ok(());
        }
        self.end_part(Timestamp::MAX)?;
        let days = std::mem::take(&mut self.days).finish(self.zone);
        self.totals.minutes += days.values().sum::<i64>();
        let name = self.people.name(self.person);
        self.listener.days(&name, &days)
    }
}

/// People by order of appearance.
#[derive(Debug)]
struct People {
    numbers: BTreeMap<Digest, u32>,
    /// Their ids, if they are to be shown.
    names: Option<Vec<String>>,
}

impl People {
    fn new(show_subjects: bool) -> Self {
        Self {
            numbers: BTreeMap::new(),
            names: show_subjects.then(Vec::new),
        }
    }

    /// The person's number, from 0.
    fn number(&mut self, observation: &Observation) -> u32 {
        let subject = &observation.subject;
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        match self
            .numbers
            .entry(Digest::of([subject.namespace(), subject.reveal()]))
        {
            btree_map::Entry::Occupied(known) => *known.get(),
            btree_map::Entry::Vacant(new) => {
                if let Some(names) = &mut self.names {
                    names.push(subject.reveal().to_owned());
                }
                *new.insert(next)
            }
        }
    }

    fn name(&self, number: u32) -> String {
        let shown = self
            .names
            .as_ref()
            .and_then(|names| names.get(number as usize));
        shown
            .cloned()
            .unwrap_or_else(|| format!("p{}", u64::from(number) + 1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wom_catalog::{Catalog, Settings};
    use wom_sdk::{Subject, observation::Merged, rules::Reached};

    use super::*;

    /// Remembers all.
    #[derive(Debug, Default)]
    struct Heard {
        parts: usize,
        findings: Vec<(String, Digest, i64, &'static str)>,
        days: BTreeMap<(String, Day), i64>,
    }

    impl Listener for Heard {
        fn part(&mut self, person: &str, entries: &[Entry], judgement: &Judgement) -> Result<()> {
            assert!(!entries.is_empty());
            self.parts += 1;
            let findings = judgement.findings.iter();
            self.findings.extend(findings.map(|finding| {
                (
                    person.to_owned(),
                    finding.key,
                    finding.millis,
                    finding.reason.code,
                )
            }));
            Ok(())
        }

        fn days(&mut self, person: &str, days: &BTreeMap<Day, i64>) -> Result<()> {
            for (day, minutes) in days {
                let before = self.days.insert((person.to_owned(), *day), *minutes);
                assert_eq!(before, None);
            }
            Ok(())
        }
    }

    fn rules() -> std::sync::Arc<dyn RuleSet> {
        let catalog = Catalog::standard();
        catalog
            .rule_set("active-minutes/1", &Settings::none())
            .unwrap()
    }

    const NOW: Timestamp = Timestamp::from_seconds(400_000);

    fn observation(person: u8, entry: &Entry) -> Observation {
        Observation {
            subject: Subject::new("participant", format!("{person}")).unwrap(),
            key: entry.key,
            revision: entry.revision,
            provenance: entry.provenance,
            body: entry.body.clone(),
        }
    }

    /// All in memory, all at once.
    fn naive(all: &[(u8, Entry)], zone: &Zone) -> (Totals, Heard) {
        let rules = rules();
        let mut order = Vec::new();
        for (person, _) in all {
            if !order.contains(person) {
                order.push(*person);
            }
        }
        let (mut totals, mut heard) = (Totals::default(), Heard::default());
        for (index, person) in order.iter().enumerate() {
            totals.participants += 1;
            let own = all.iter().filter(|(other, _)| other == person);
            let merged: Merged = own.map(|(_, entry)| entry.clone()).collect();
            let open = merged.open();
            open.iter().for_each(|entry| totals.count(entry));
            if open.is_empty() {
                continue;
            }
            let judgement = rules.judge(&open, NOW);
            let name = format!("p{}", index + 1);
            let entries: Vec<_> = open.into_iter().cloned().collect();
            heard.part(&name, &entries, &judgement).unwrap();
            let mut days = BTreeMap::<Day, i64>::new();
            let time = judgement.time();
            if let Some(extent) = time.extent() {
                let mut day = zone.day(extent.start());
                while day <= zone.day(extent.end()) {
                    let whole = Span::new(zone.start_of(day), zone.start_of(day.next())).unwrap();
                    days.insert(day, time.within(whole).millis() / 60_000);
                    day = day.next();
                }
            }
            for Reached { at, minutes, .. } in &judgement.milestones {
                *days.entry(zone.day(*at)).or_default() += i64::from(*minutes);
            }
            days.retain(|_, minutes| *minutes > 0);
            totals.minutes += days.values().sum::<i64>();
            heard.days(&name, &days).unwrap();
        }
        (totals, heard)
    }

    proptest! {
        #[test]
        fn sorting_on_disk_and_judging_in_parts_is_the_same_as_all_at_once(
            all in prop::collection::vec((0_u8..3, row::tests::entry()), 0..40),
            memory in 1_usize..4_000,
            zone in prop::sample::select(vec!["UTC", "Europe/Rome", "America/Los_Angeles"]),
        ) {
            let zone: Zone = zone.parse().unwrap();
            let mut ledger = Ledger::new(false);
            ledger.by_key = Sorter::with_memory(memory);
            ledger.memory = Some(memory);
            for (person, entry) in &all {
                ledger.take(observation(*person, entry)).unwrap();
            }
            let mut heard = Heard::default();
            let (totals, torn) = ledger.judge(&*rules(), NOW, &zone, &mut heard).unwrap();
            let (expected_totals, mut expected) = naive(&all, &zone);
            prop_assert!(!torn);
            prop_assert_eq!(format!("{totals:?}"), format!("{expected_totals:?}"));
            prop_assert_eq!(&heard.days, &expected.days);
            prop_assert!(heard.parts >= expected.parts);
            // Of a milestone in two parts each part says that it counts; the days count it once.
            let plain = |findings: &mut Vec<(String, Digest, i64, &'static str)>| {
                findings.retain(|finding| !finding.3.starts_with("milestone"));
                findings.sort();
            };
            plain(&mut heard.findings);
            plain(&mut expected.findings);
            prop_assert_eq!(heard.findings, expected.findings);
        }
    }

    #[test]
    fn what_is_withdrawn_of_whoever_counts_for_nobody() {
        let mut ledger = Ledger::new(false);
        let walk = |key: u8| Entry {
            key: Digest::of([[key]]),
            revision: 7,
            provenance: wom_sdk::Provenance {
                stream: Digest::of(["s"]),
                device: wom_sdk::Device::Watch,
                recording: wom_sdk::Recording::Measured,
            },
            body: Body::Interval {
                span: Span::starting(Timestamp::from_seconds(0), 600_000),
                activity: wom_sdk::Activity::WALKING,
                steps: None,
            },
        };
        ledger.take(observation(1, &walk(1))).unwrap();
        let withdrawn = Observation {
            subject: Subject::whoever(),
            revision: u64::MAX,
            body: Body::Withdrawn,
            ..observation(0, &walk(1))
        };
        ledger.take(withdrawn).unwrap();
        ledger.take(observation(2, &walk(2))).unwrap();
        let mut heard = Heard::default();
        let judged = ledger.judge(&*rules(), NOW, &Zone::UTC, &mut heard);
        let (totals, _) = judged.unwrap();
        assert_eq!((totals.minutes, totals.participants), (10, 2));
    }

    #[test]
    fn more_than_a_part_without_a_pause_is_torn_and_says_so() {
        let mut ledger = Ledger::new(false);
        let entry = |index: i64| Entry {
            key: Digest::of([index.to_be_bytes()]),
            revision: 0,
            provenance: wom_sdk::Provenance {
                stream: Digest::of(["s"]),
                device: wom_sdk::Device::Watch,
                recording: wom_sdk::Recording::Measured,
            },
            body: Body::Interval {
                span: Span::starting(Timestamp::from_seconds(index), 30_000),
                activity: wom_sdk::Activity::WALKING,
                steps: None,
            },
        };
        let count = 3 * LARGEST_PART as i64;
        for index in 0..count {
            ledger.take(observation(1, &entry(index))).unwrap();
        }
        let mut heard = Heard::default();
        let (totals, torn) = ledger
            .judge(&*rules(), NOW, &Zone::UTC, &mut heard)
            .unwrap();
        assert!(torn && heard.parts >= 3);
        assert_eq!(totals.minutes, (count + 29) / 60);
    }
}
