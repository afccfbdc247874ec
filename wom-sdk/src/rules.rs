//! Rule sets: pure functions from what was observed to what counts.

use std::{collections::VecDeque, fmt};

use crate::{Activity, Digest, Span, TimeSet, Timestamp, observation::Entry};

/// Judges the open observations of one participant. Pure: the same input gives the same
/// judgement, and neither order nor repetition of the entries matters.
pub trait RuleSet: fmt::Debug + Send + Sync {
    /// Name and version, such as `active-minutes/1`. A change of behaviour is a new version.
    fn name(&self) -> &'static str;

    /// What counts of these entries, which are open (see
    /// [`Merged::open`](crate::observation::Merged::open)) and in order of time.
    fn judge(&self, entries: &[&Entry], now: Timestamp) -> Judgement;

    /// As [`judge`](Self::judge), as if a person had looked at everything that is held
    /// ([`Finding::hold`]) and accepted it. What this adds becomes awards that are held until somebody
    /// says so. A rule set that holds nothing leaves it out.
    fn judge_accepting(&self, entries: &[&Entry], now: Timestamp) -> Judgement {
        self.judge(entries, now)
    }

    /// The words of a reason of which only the [code](Reason::code) was kept, as held awards keep it.
    /// `None` for one that this rule set does not give, such as another version's.
    fn reason(&self, code: &str) -> Option<&'static Reason> {
        let _ = code;
        None
    }

    /// Whether it knows what to make of observations that an adapter yields for the rule set of this name
    /// ([`Info::rules`](crate::instrument::Info::rules)). Of others it would see nothing, and nobody would
    /// know why.
    fn suits(&self, made_for: &str) -> bool {
        made_for == self.name()
    }

    /// Whether withdrawals that name a record only ([`Subject::whoever`](crate::Subject::whoever)) count.
    /// Looking for them costs a read at every settlement, so a rule set without such sources leaves
    /// it out.
    fn heeds_whoever(&self) -> bool {
        false
    }

    /// How quiet it must be around a UTC midnight, in milliseconds before and after, so that what
    /// came before and what comes after can be judged apart with the same result; `None` if a
    /// history can only be judged as a whole.
    ///
    /// Evidence must not reach further than this out of the entries that it comes from. Milestones
    /// are told apart by name alone: of several parts the first that has one decides.
    fn separable_ms(&self) -> Option<i64> {
        None
    }
}

/// What a rule set found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// Time that counts, by activity. Sets of different activities may overlap; who adds them up
    /// takes the union.
    pub evidence: Vec<Evidence>,
    /// What was reached, once per name.
    pub milestones: Vec<Reached>,
    /// Time of sessions, each a unit of its own whatever days it touches. No two of them hold the
    /// same time.
    pub sessions: Vec<Attended>,
    /// Why, for every entry.
    pub findings: Vec<Finding>,
}

impl Judgement {
    /// The time that counts by days, whatever the activity.
    pub fn time(&self) -> TimeSet {
        self.evidence
            .iter()
            .flat_map(|evidence| evidence.time.spans().iter().copied())
            .collect()
    }
}

/// Time that counts for one activity.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// What was done.
    pub activity: Activity,
    /// When.
    pub time: TimeSet,
}

/// Time that somebody took part in a session.
#[derive(Clone, Debug, PartialEq)]
pub struct Attended {
    /// The name of ticket and session, the same in every judgement.
    pub name: String,
    /// What was done.
    pub activity: Activity,
    /// From the planned beginning to the planned end. The minutes are judged for good after the end.
    pub window: Span,
    /// When somebody was there.
    pub time: TimeSet,
}

/// A milestone that counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Reached {
    /// Which.
    pub name: String,
    /// When it was first reached.
    pub at: Timestamp,
    /// What it is worth, in minutes.
    pub minutes: u32,
}

/// What became of one entry, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The entry.
    pub key: Digest,
    /// The time it speaks of.
    pub span: Span,
    /// Milliseconds that it adds by itself, before the union with others.
    pub millis: i64,
    /// Which rule decided.
    pub reason: &'static Reason,
    /// Whether a person should look at it before it may count.
    pub hold: bool,
}

/// A rule's decision, in words.
#[derive(Debug, Eq, PartialEq)]
pub struct Reason {
    /// A stable name, such as `brisk_minutes`.
    pub code: &'static str,
    /// In English.
    pub en: &'static str,
    /// In Italian.
    pub it: &'static str,
}

/// Places seconds that went on somewhere within their envelopes, one set for each item in the
/// order of the items.
///
/// An item's seconds count up to the length of its envelope. Envelopes that overlap are joined. Within a joined envelope the seconds add up, bounded by its
/// length: each item takes the earliest time from its own start on that no earlier item took, and
/// what then runs past the end goes back into the gaps before. The sets never overlap one another,
/// so a union with other time counts nothing twice. Envelopes that only touch stay apart: the
/// seconds of one day do not move into the next.
///
/// Which of two items with the same envelope and the same seconds comes first is left to their
/// order; the union of all sets does not depend on it.
///
/// ```
/// use wom_sdk::{Span, TimeSet, Timestamp, rules::seconds_within};
///
/// let hour = Span::starting(Timestamp::EPOCH, 3_600_000);
/// let placed = seconds_within(&[(hour, 1500), (hour, 1500), (hour, 1500)]);
/// let all = placed.iter().fold(TimeSet::EMPTY, |all, one| all.union(one));
/// assert_eq!(all.minutes(), 60, "75 minutes, bounded by the hour");
/// ```
pub fn seconds_within(items: &[(Span, u32)]) -> Vec<TimeSet> {
    let items: Vec<_> = items
        .iter()
        .map(|(span, seconds)| (*span, i64::from(*seconds) * 1000))
        .collect();
    millis_within(&items)
}

/// As [`seconds_within`], in milliseconds; a negative number is taken as none.
pub fn millis_within(items: &[(Span, i64)]) -> Vec<TimeSet> {
    let mut order: Vec<_> = (0..items.len()).collect();
    order.sort_by_key(|&index| items[index]);
    let mut placed = vec![TimeSet::EMPTY; items.len()];
    let mut rest = order.as_slice();
    while let Some(&first) = rest.first() {
        let mut end = items[first].0.end();
        let joined = rest
            .iter()
            .take_while(|&&index| {
                let span = items[index].0;
                let joins = index == first || span.start() < end;
                end = if joins { end.max(span.end()) } else { end };
                joins
            })
            .count();
        let (group, others) = rest.split_at(joined);
        place(items, group, end, &mut placed);
        rest = others;
    }
    placed
}

/// Places the items of one joined envelope, which ends at `end`.
fn place(items: &[(Span, i64)], group: &[usize], end: Timestamp, placed: &mut [TimeSet]) {
    let mut gaps = VecDeque::new();
    let mut left_over = Vec::new();
    let mut free = Timestamp::MIN;
    for &index in group {
        let (span, millis) = items[index];
        let wanted = millis.clamp(0, span.millis());
        if free == Timestamp::MIN {
            free = span.start();
        }
        if free < span.start() {
            gaps.push_back((free, span.start()));
            free = span.start();
        }
        let taken = wanted.min(end.since(free));
        placed[index].insert(Span::starting(free, taken));
        free = free.plus_millis(taken);
        if taken < wanted {
            left_over.push((index, wanted - taken));
        }
    }
    for (index, mut wanted) in left_over {
        while let Some((start, stop)) = gaps.front_mut() {
            let taken = wanted.min(stop.since(*start));
            placed[index].insert(Span::starting(*start, taken));
            *start = start.plus_millis(taken);
            wanted -= taken;
            if *start < *stop {
                break;
            }
            gaps.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn items() -> impl Strategy<Value = Vec<(Span, u32)>> {
        let item = (0_i64..60, 0_i64..30, 0_u32..40);
        prop::collection::vec(item, 0..10).prop_map(|items| {
            items
                .into_iter()
                .map(|(start, length, seconds)| {
                    let start = Timestamp::from_seconds(start);
                    (Span::starting(start, length * 1000), seconds)
                })
                .collect()
        })
    }

    /// The oracle: colours the seconds of overlapping envelopes until nothing changes, then adds
    /// up within each colour.
    fn naive(items: &[(Span, u32)]) -> Vec<(TimeSet, i64)> {
        let mut groups: Vec<(TimeSet, i64)> = Vec::new();
        for (span, seconds) in items.iter().filter(|(span, _)| !span.is_empty()) {
            let mut time = TimeSet::from(*span);
            let mut sum = (i64::from(*seconds) * 1000).min(span.millis());
            let mut apart = Vec::new();
            for (other, more) in groups {
                if other.intersection(&time).is_empty() {
                    apart.push((other, more));
                } else {
                    time = time.union(&other);
                    sum += more;
                }
            }
            apart.push((time, sum));
            groups = apart;
        }
        groups
    }

    fn union(sets: &[TimeSet]) -> TimeSet {
        sets.iter().fold(TimeSet::EMPTY, |all, one| all.union(one))
    }

    proptest! {
        #[test]
        fn seconds_add_up_bounded_by_their_joined_envelope(items in items()) {
            let placed = seconds_within(&items);
            let all = union(&placed);
            prop_assert_eq!(all.millis(), placed.iter().map(TimeSet::millis).sum::<i64>());
            for (envelope, sum) in naive(&items) {
                let inside = all.intersection(&envelope).millis();
                prop_assert_eq!(inside, sum.min(envelope.millis()), "{:?} in {:?}", all, envelope);
            }
            for (set, (_, seconds)) in placed.iter().zip(&items) {
                prop_assert!(set.millis() <= i64::from(*seconds) * 1000);
            }
        }

        #[test]
        fn the_order_of_seconds_changes_nothing(
            items in items(),
            turn in any::<prop::sample::Index>(),
        ) {
            let mut turned = items.clone();
            if !turned.is_empty() {
                turned.rotate_left(turn.index(items.len()));
                turned.reverse();
            }
            prop_assert_eq!(union(&seconds_within(&turned)), union(&seconds_within(&items)));
        }
    }

    #[test]
    fn seconds_stay_in_their_own_day() {
        let day = |day: i64| Span::starting(Timestamp::from_seconds(day * 86_400), 86_400_000);
        let placed = seconds_within(&[(day(0), 60), (day(1), 120)]);
        assert_eq!(placed[1].extent().unwrap().start(), day(1).start());
    }
}
