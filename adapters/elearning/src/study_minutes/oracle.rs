//! The rules again, second by second and with no care for speed: what the real ones are held
//! against. Written from the rules' text; shares no code with them. Whole seconds only.

use std::collections::{BTreeMap, BTreeSet};

use wom_sdk::{
    Body, Digest, Timestamp,
    observation::{Entry, Mark, Step, Study, Trace, Video},
};

use super::StudyMinutes;

/// Seconds since the epoch, one by one.
pub(super) type Seconds = BTreeSet<i64>;

/// What was seen, before any cap.
#[derive(Debug, Default)]
pub(super) struct Raw {
    /// Seconds that lie where they lie, by item.
    pub(super) lying: BTreeMap<Digest, Seconds>,
    /// So many milliseconds, somewhere in these seconds.
    pub(super) counters: Vec<(Seconds, i64)>,
}

fn second(at: Timestamp) -> i64 {
    at.as_seconds()
}

pub(super) fn raw(rules: &StudyMinutes, entries: &[Entry]) -> Raw {
    let mut raw = Raw::default();
    let studies: Vec<(&Entry, &Study)> = entries
        .iter()
        .filter_map(|entry| match &entry.body {
            Body::Study(study) => Some((entry, study)),
            _ => None,
        })
        .collect();
    for (_, study) in &studies {
        match &study.trace {
            Trace::Interval { span, stored, .. } => {
                let (start, end) = (second(span.start()), second(span.end()));
                let opened: Vec<i64> = studies
                    .iter()
                    .filter(|(_, other)| study.session.is_some() && other.session == study.session)
                    .filter_map(|(_, other)| match &other.trace {
                        Trace::Point {
                            at,
                            mark: Mark::Opened,
                        } => Some(second(*at)),
                        _ => None,
                    })
                    .collect();
                if rules.require_bounds && opened.is_empty() && stored.is_none() {
                    continue;
                }
                let counts = |s: &i64| {
                    *s >= end - i64::from(rules.max_interval_s)
                        && opened.iter().min().is_none_or(|opened| s >= opened)
                        && stored.is_none_or(|stored| *s < second(stored) + 120)
                };
                let own = raw.lying.entry(study.item).or_default();
                own.extend((start..end).filter(counts));
            }
            Trace::Seconds { within, millis } => {
                let envelope: Seconds = (second(within.start())..second(within.end())).collect();
                let most = 1_000 * i64::try_from(envelope.len()).unwrap();
                raw.counters.push((envelope, (*millis).min(most)));
            }
            _ => {}
        }
    }
    chains(rules, &studies, &mut raw);
    films(rules, &studies, &mut raw);
    raw
}

fn chains(rules: &StudyMinutes, studies: &[(&Entry, &Study)], raw: &mut Raw) {
    let points: Vec<_> = studies
        .iter()
        .filter_map(|(entry, study)| match study.trace {
            Trace::Point { at, .. } => {
                Some((entry.provenance.stream, second(at), entry.key, study.item))
            }
            _ => None,
        })
        .collect();
    for (stream, at, key, item) in &points {
        let after = points
            .iter()
            .filter(|(other, when, other_key, _)| {
                other == stream && (*when, *other_key) > (*at, *key)
            })
            .map(|(_, when, other_key, _)| (*when, *other_key))
            .min();
        let own = raw.lying.entry(*item).or_default();
        match after {
            Some((next, _)) if next - at <= i64::from(rules.idle_gap_s) => own.extend(*at..next),
            _ => own.extend(*at..at + i64::from(rules.tail_credit_s.min(60))),
        }
    }
}

fn films(rules: &StudyMinutes, studies: &[(&Entry, &Study)], raw: &mut Raw) {
    let film = |study: &Study| match &study.trace {
        Trace::Point {
            mark: Mark::Video(video),
            ..
        } => Some(*video),
        _ => None,
    };
    let ends = |study: &Study| {
        matches!(
            study.trace,
            Trace::Interval { closes: true, .. }
                | Trace::Point {
                    mark: Mark::Closed,
                    ..
                }
        )
    };
    let traces: Seconds = studies
        .iter()
        .filter(|(_, study)| !matches!(study.trace, Trace::Seconds { .. }))
        .map(|(_, study)| second(study.trace.span().end()))
        .collect();
    let players: BTreeSet<_> = studies
        .iter()
        .filter(|(_, study)| film(study).is_some())
        .map(|(_, study)| (study.item, study.session))
        .collect();
    for (item, session) in players {
        let mut events: Vec<(i64, Digest, Option<Video>)> = studies
            .iter()
            .filter_map(|(entry, study)| {
                let at = second(study.trace.span().end());
                let same = study.session == session && (study.item == item || session.is_some());
                match film(study) {
                    Some(video) if same && study.item == item => Some((at, entry.key, Some(video))),
                    None if same && ends(study) => Some((at, entry.key, None)),
                    _ => None,
                }
            })
            .collect();
        events.sort_by_key(|(at, key, _)| (*at, *key));
        // Since when it plays, from where, at which speed, and how long the film is.
        let mut state: Option<(i64, Option<i64>, i64, Option<i64>)> = None;
        let mut finish = |state: (i64, Option<i64>, i64, Option<i64>), until: i64, to| {
            let (since, from, speed, length) = state;
            let moved = match (from, to) {
                (Some(from), Some(to)) => Some(to - from),
                _ => length.map(|length: i64| length - from.unwrap_or(0)),
            };
            let bound = moved.map(|moved: i64| moved.max(0) * 100 / speed + 5_000);
            let counts = |s: &i64| {
                let last = traces.range(since..=*s).max().copied().unwrap_or(since);
                s - last.max(since) < i64::from(rules.attention_limit_s)
            };
            let seconds: Seconds = (since..until).filter(counts).collect();
            let all = 1_000 * i64::try_from(seconds.len()).unwrap();
            match bound.filter(|bound| *bound < all) {
                None => raw.lying.entry(item).or_default().extend(seconds),
                Some(bound) => {
                    let (first, last) = (seconds.first().unwrap(), seconds.last().unwrap());
                    raw.counters.push(((*first..=*last).collect(), bound));
                }
            }
        };
        for (at, _, video) in events {
            let position = video.and_then(|video| video.position_ms);
            let before = state.take();
            if let Some(before) = before {
                finish(before, at, position);
            }
            let Some(video) = video else { continue };
            let length = video.length_ms.or(before.and_then(|before| before.3));
            let told = video.speed_percent.map(i64::from);
            state = match (video.step, before) {
                (Step::Play, _) => Some((at, position, told.unwrap_or(100), length)),
                (Step::Seek(to), Some(before)) => Some((at, to, told.unwrap_or(before.2), length)),
                (Step::Speed, Some(before)) => {
                    Some((at, position, told.unwrap_or(before.2), length))
                }
                _ => None,
            };
        }
        if let Some(last) = state {
            let next = traces.range(last.0 + 1..).next().copied();
            let until = last.0 + i64::from(rules.idle_gap_s);
            finish(last, next.map_or(until, |next| until.min(next)), None);
        }
    }
}

/// What is left of what lies, once every cap is applied.
pub(super) fn capped(rules: &StudyMinutes, entries: &[Entry], raw: &Raw) -> Seconds {
    let day = |s: &i64| rules.zone.day(Timestamp::from_seconds(*s));
    let limit = |seconds: &Seconds, group: &dyn Fn(&i64) -> String, most: i64| -> Seconds {
        let mut used = BTreeMap::<String, i64>::new();
        seconds
            .iter()
            .filter(|s| {
                let used = used.entry(group(s)).or_default();
                *used += 1;
                *used <= most
            })
            .copied()
            .collect()
    };
    let mut all = Seconds::new();
    for (item, seconds) in &raw.lying {
        let nominal = entries
            .iter()
            .filter_map(|entry| match &entry.body {
                Body::Study(study) if study.item == *item => study.nominal_s,
                _ => None,
            })
            .min();
        all.extend(match nominal {
            Some(nominal) => {
                // Of half a second nothing is left of a whole one, so lengths here are even.
                let most = i64::from(nominal) * i64::from(rules.nominal_percent) / 100;
                limit(seconds, &|_| String::new(), most)
            }
            None => {
                let most = i64::from(rules.item_day_minutes) * 60;
                limit(seconds, &|s| day(s).to_string(), most)
            }
        });
    }
    let of_days = limit(
        &all,
        &|s| day(s).to_string(),
        i64::from(rules.day_minutes) * 60,
    );
    // The Monday of the week, found by going back day by day from a Monday that is known.
    let monday = |s: &i64| {
        let mut at: wom_sdk::Day = "2026-02-23".parse().unwrap();
        let (mut monday, mut count) = (at, 0);
        while at < day(s) {
            at = at.next();
            count += 1;
            if count % 7 == 0 {
                monday = at;
            }
        }
        monday.to_string()
    };
    limit(&of_days, &monday, i64::from(rules.week_minutes) * 60)
}

/// How much counters add to what lies, with no caps: joined envelopes add up, bounded by what is free.
pub(super) fn added_ms(raw: &Raw) -> i64 {
    let lying: Seconds = raw.lying.values().flatten().copied().collect();
    let mut groups: Vec<(Seconds, i64)> = Vec::new();
    for (envelope, millis) in &raw.counters {
        let mut free: Seconds = envelope.difference(&lying).copied().collect();
        let mut sum = (*millis).min(1_000 * i64::try_from(free.len()).unwrap());
        let mut apart = Vec::new();
        for (other, more) in groups {
            if other.is_disjoint(&free) {
                apart.push((other, more));
            } else {
                free.extend(other);
                sum += more;
            }
        }
        apart.push((free, sum));
        groups = apart;
    }
    groups
        .into_iter()
        .map(|(free, sum)| sum.min(1_000 * i64::try_from(free.len()).unwrap()))
        .sum()
}
