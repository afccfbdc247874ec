//! Films: from play to what ends it, in one player.

use std::collections::BTreeMap;

use wom_sdk::{
    Digest, Span, TimeSet, Timestamp,
    observation::{Mark, Step, Trace, Video},
};

use super::{Part, Record, StudyMinutes, clusters::Counter, reasons};

/// What the film may have moved on besides, as players tell their position a little late.
const POSITION_SLACK_MS: i64 = 5_000;

/// One film in one session.
type Player = (Digest, Option<Digest>);

/// What happens to a player.
#[derive(Clone, Copy, Debug)]
enum Event {
    Step(Video),
    /// The session ended.
    Closed,
}

/// A film that plays.
#[derive(Clone, Copy, Debug)]
struct Playing<'a> {
    record: Record<'a>,
    since: Timestamp,
    position: Option<i64>,
    length: Option<i64>,
    speed: i64,
}

impl StudyMinutes {
    /// What plays whole becomes a part, what played for some of the time a counter.
    pub(super) fn films<'a>(
        &self,
        records: &[Record<'a>],
        parts: &mut Vec<Part<'a>>,
        counters: &mut Vec<Counter<'a>>,
    ) {
        let mut players = BTreeMap::<Player, Vec<(Timestamp, Record<'a>, Event)>>::new();
        for record in records {
            if let Trace::Point {
                at,
                mark: Mark::Video(video),
            } = &record.study.trace
            {
                let player = (record.study.item, record.study.session);
                let event = (*at, *record, Event::Step(*video));
                players.entry(player).or_default().push(event);
            }
        }
        if players.is_empty() {
            return;
        }
        let mut closed = BTreeMap::<Option<Digest>, Vec<(Timestamp, Record<'a>)>>::new();
        for record in records.iter().filter(|record| closes(record)) {
            let at = record.span().end();
            closed
                .entry(record.study.session)
                .or_default()
                .push((at, *record));
        }
        let mut seen: Vec<_> = records.iter().filter_map(instant).collect();
        seen.sort_unstable();
        seen.dedup();
        for ((item, session), mut events) in players {
            let ends = closed.get(&session).into_iter().flatten();
            let ends = ends.filter(|(_, record)| session.is_some() || record.study.item == item);
            events.extend(ends.map(|(at, record)| (*at, *record, Event::Closed)));
            events.sort_by_key(|(at, record, _)| (*at, record.entry.key));
            self.play(&events, &seen, parts, counters);
        }
    }

    fn play<'a>(
        &self,
        events: &[(Timestamp, Record<'a>, Event)],
        seen: &[Timestamp],
        parts: &mut Vec<Part<'a>>,
        counters: &mut Vec<Counter<'a>>,
    ) {
        let mut playing: Option<Playing<'a>> = None;
        let mut done = |playing: Playing<'a>, until: Timestamp, bound: Option<i64>| {
            let wall = Span::starting(playing.since, until.since(playing.since));
            let time = self.attended(wall, seen);
            let millis = bound.map_or(time.millis(), |bound| bound.min(time.millis()));
            let (record, reason) = (playing.record, &reasons::FILM);
            if millis == time.millis() {
                parts.push(Part {
                    record,
                    time,
                    reason,
                });
            } else if let Some(within) = time.extent() {
                counters.push(Counter {
                    record,
                    within,
                    millis,
                    reason,
                });
            }
        };
        for (at, record, event) in events {
            let (position, next) = match event {
                Event::Closed => (None, None),
                Event::Step(video) => {
                    let next = playing_after(video, *at, *record, playing.as_ref());
                    (video.position_ms, next)
                }
            };
            if let Some(before) = playing {
                done(before, *at, before.at_most(position));
            }
            playing = next;
        }
        // Nobody stopped it: up to the learner's next trace.
        if let Some(last) = playing {
            let next = seen.partition_point(|at| *at <= last.since);
            let idle = last.since.plus_millis(self.idle_gap_ms());
            let until = seen.get(next).map_or(idle, |next| idle.min(*next));
            done(last, until, last.at_most(None));
        }
    }

    /// The time that is not longer than the limit after any trace of the learner.
    fn attended(&self, wall: Span, seen: &[Timestamp]) -> TimeSet {
        let limit = i64::from(self.attention_limit_s) * 1_000;
        let from = seen.partition_point(|at| *at <= wall.start());
        let within = seen[from..].iter().take_while(|at| **at < wall.end());
        let mut starts = vec![wall.start()];
        starts.extend(within);
        let spans = starts
            .iter()
            .filter_map(|start| Span::starting(*start, limit).overlap(wall));
        spans.collect()
    }
}

impl Playing<'_> {
    /// What the film allows for until it stops, by where it is then.
    fn at_most(&self, position: Option<i64>) -> Option<i64> {
        let content = match (self.position, position) {
            (Some(from), Some(to)) => to.saturating_sub(from),
            (from, _) => self.length?.saturating_sub(from.unwrap_or(0)),
        };
        let wall = content.max(0).saturating_mul(100) / self.speed;
        Some(wall.saturating_add(POSITION_SLACK_MS))
    }
}

/// How the film plays on after a step; `None` if it does not.
fn playing_after<'a>(
    video: &Video,
    at: Timestamp,
    record: Record<'a>,
    before: Option<&Playing<'a>>,
) -> Option<Playing<'a>> {
    let position = match video.step {
        Step::Play => video.position_ms,
        Step::Speed if before.is_some() => video.position_ms,
        Step::Seek(to) if before.is_some() => to,
        _ => return None,
    };
    // Whoever presses play says nothing of a speed chosen before: it is the usual one, then.
    let kept = before.filter(|_| video.step != Step::Play);
    let told = video.speed_percent.filter(|speed| *speed > 0);
    Some(Playing {
        record,
        since: at,
        position,
        length: video.length_ms.or(before.and_then(|before| before.length)),
        speed: told.map_or(kept.map_or(100, |kept| kept.speed), i64::from),
    })
}

fn closes(record: &Record<'_>) -> bool {
    matches!(
        record.study.trace,
        Trace::Interval { closes: true, .. }
            | Trace::Point {
                mark: Mark::Closed,
                ..
            }
    )
}

/// When a record says that the learner was there.
fn instant(record: &Record<'_>) -> Option<Timestamp> {
    match &record.study.trace {
        Trace::Interval { span, .. } => Some(span.end()),
        Trace::Point { at, .. } => Some(*at),
        _ => None,
    }
}
