//! One part of a file: gathers its messages and tells what was observed.

use wom_sdk::{
    Activity, Body, Device, Digest, Provenance, Recording, Span, TimeSet, Timestamp,
    instrument::Refusal,
};

use super::{
    container::Trust,
    message::{Kind, Message},
    monitoring::{Counters, FIRST_ABSOLUTE},
    sport,
    timer::{self, Run, Timer},
    track::Track,
};

/// More sessions than that are no recording of a person; a long triathlon has five.
const MOST_SESSIONS: usize = 10_000;

/// An observation that lacks its person.
pub(super) struct Found {
    pub(super) key: Digest,
    pub(super) revision: u64,
    pub(super) provenance: Provenance,
    pub(super) body: Body,
}

/// What is gathered of a part. Bounded, whatever the size of the part.
#[derive(Default)]
pub(super) struct Part {
    file: FileId,
    creator: Maker,
    sport: Option<(Option<u32>, Option<u32>)>,
    sessions: Vec<Session>,
    timer: Timer,
    track: Track,
    counters: Counters,
    refusals: Vec<Refusal>,
}

#[derive(Default)]
struct FileId {
    kind: Option<u32>,
    maker: Maker,
    created: Option<u32>,
}

/// Which device recorded it.
#[derive(Clone, Copy, Default)]
struct Maker {
    manufacturer: Option<u32>,
    product: Option<u32>,
    serial: Option<u32>,
}

struct Session {
    /// The how manieth in its part, from 0.
    index: u32,
    start: u32,
    sport: Option<u32>,
    sub_sport: Option<u32>,
    /// Milliseconds.
    elapsed: Option<u32>,
    /// Milliseconds that the timer ran.
    timer: Option<u32>,
    cycles: Option<u32>,
}

impl Part {
    /// Takes a message in.
    pub(super) fn take(&mut self, message: &Message) {
        let time = message.time().filter(|&at| at >= FIRST_ABSOLUTE);
        match message.kind {
            Kind::Record => self.record(message, time),
            Kind::Session => self.session(message),
            Kind::Event => self.event(message, time),
            Kind::Monitoring if self.is_monitoring() => {
                if !self.counters.take(message) {
                    self.refuse(
                        "relative_time",
                        "a time that is not of this calendar or hangs in the air; \
                         what was counted then is left out",
                        message,
                    );
                }
            }
            Kind::MonitoringInfo => {
                let [local] = message.values();
                if let Some(at) = time {
                    self.counters.begin(at, local);
                }
            }
            Kind::FileId => {
                let [kind, manufacturer, product, serial, created] = message.values();
                self.file = FileId {
                    kind,
                    maker: Maker {
                        manufacturer,
                        product,
                        serial,
                    },
                    created,
                };
            }
            Kind::DeviceInfo => {
                let [index, manufacturer, product, serial] = message.values();
                if index == Some(0) && self.creator.serial.is_none() {
                    self.creator = Maker {
                        manufacturer,
                        product,
                        serial,
                    };
                }
            }
            Kind::Sport => {
                let [sport, sub_sport] = message.values();
                self.sport = Some((sport, sub_sport));
            }
            Kind::Monitoring | Kind::Other => {}
        }
    }

    /// What could not be used.
    pub(super) fn refusals(&mut self) -> Vec<Refusal> {
        let overflowed = self.track.overflowed || self.counters.overflowed;
        if overflowed {
            let message = "more stretches of time in one part than any recording has; \
                           the rest of them is left out";
            self.refusals.push(Refusal::new("too_many", message));
        }
        std::mem::take(&mut self.refusals)
    }

    /// What was observed. Files that are neither activities nor monitoring yield nothing.
    pub(super) fn found(mut self, trust: Trust) -> impl Iterator<Item = Found> + Send {
        let maker = self.maker();
        let provenance = Provenance {
            stream: maker.digest(),
            device: Device::Watch,
            recording: Recording::Measured,
        };
        let day = Day {
            // Files of one device may hold the same interval: it is named by device and time.
            device: match maker.serial {
                Some(_) => maker.digest(),
                None => self.file.digest(),
            },
            provenance,
        };
        let counters = std::mem::take(&mut self.counters);
        let activities = match self.is_activity() {
            true => self.activities(provenance, trust),
            false => Vec::new(),
        };
        let steps = counters.found().into_iter().map(move |steps| Found {
            key: Digest::of([
                &b"fit monitoring"[..],
                &day.device.0,
                &[u8::from(steps.running)],
                &steps.run.1.to_be_bytes(),
            ]),
            revision: 0,
            provenance: day.provenance,
            body: Body::Steps {
                span: timer::span(steps.run),
                steps: steps.steps,
            },
        });
        activities.into_iter().chain(steps)
    }

    fn is_activity(&self) -> bool {
        matches!(self.file.kind, None | Some(4))
    }

    fn is_monitoring(&self) -> bool {
        matches!(self.file.kind, None | Some(15 | 32))
    }

    /// The device of `file_id`, or else the one that `device_info` calls the creator.
    fn maker(&self) -> Maker {
        match self.file.maker {
            maker @ Maker {
                serial: Some(_), ..
            } => maker,
            maker => Maker {
                manufacturer: maker.manufacturer.or(self.creator.manufacturer),
                product: maker.product.or(self.creator.product),
                serial: self.creator.serial,
            },
        }
    }

    fn record(&mut self, message: &Message, time: Option<u32>) {
        match time {
            Some(at) => self.track.point(at),
            None if message.time().is_some() => self.refuse(
                "relative_time",
                "points timed from when the device was switched on; they are left out: \
                 let the device find the time before recording",
                message,
            ),
            None => {}
        }
    }

    fn event(&mut self, message: &Message, time: Option<u32>) {
        let Some(at) = time else { return };
        self.counters.tick(at);
        match message.values() {
            [Some(0), Some(0)] => self.timer.switch(at, true),
            [Some(0), Some(1 | 4 | 6 | 7 | 8 | 9)] => self.timer.switch(at, false),
            _ => {}
        }
    }

    fn session(&mut self, message: &Message) {
        let [start, sport, sub_sport, elapsed, timer, cycles] = message.values();
        let index = self.sessions.len();
        match start {
            Some(start) if start >= FIRST_ABSOLUTE && index < MOST_SESSIONS => {
                self.sessions.push(Session {
                    index: index as u32,
                    start,
                    sport,
                    sub_sport,
                    elapsed,
                    timer,
                    cycles,
                });
            }
            Some(start) if start >= FIRST_ABSOLUTE => self.refuse(
                "too_many",
                "more sessions in one part than any recording has; they are left out",
                message,
            ),
            Some(_) => self.refuse(
                "relative_time",
                "a session timed from when the device was switched on; it is left out: \
                 let the device find the time before recording",
                message,
            ),
            None => self.refuse(
                "no_start",
                "a session without a start; it is left out",
                message,
            ),
        }
        self.sport = self.sport.or(Some((sport, sub_sport)));
    }

    /// Says once per part what is wrong, and where it is so first.
    fn refuse(&mut self, code: &'static str, why: &'static str, message: &Message) {
        if self.refusals.iter().all(|refusal| refusal.code != code) {
            self.refusals
                .push(Refusal::new(code, why).at("byte", message.offset));
        }
    }

    /// The sessions, or what the track shows where there are none.
    fn activities(mut self, provenance: Provenance, trust: Trust) -> Vec<Found> {
        let recording = match self.track.points {
            // Activities typed in at a vendor's site come as a session without a single point.
            0 => Recording::Unknown,
            _ => provenance.recording,
        };
        let teller = Teller {
            file: self.file.digest(),
            provenance: Provenance {
                recording,
                ..provenance
            },
            // What a complete file says stands over what a cut one says.
            revision: u64::from(trust == Trust::Whole),
        };
        let last = self.track.last;
        let runs = std::mem::take(&mut self.timer).runs(last);
        let track = self.track.certain(&runs);
        self.sessions.sort_by_key(|session| session.start);
        let mut found = Vec::new();
        let (mut before, mut over) = (None, None);
        for (index, session) in self.sessions.iter().enumerate() {
            let next = self.sessions.get(index + 1).map(|next| next.start);
            let time = session.time(next, &runs, &track, before);
            before = time.end().or(before);
            over = over.max(time.end()).max(session.end());
            teller.session(session, &time, &mut found);
        }
        if self.sessions.is_empty() {
            let (sport, sub_sport) = self.sport.unwrap_or_default();
            teller.track(&track, &sport::activity(sport, sub_sport), &mut found);
        } else if let (Some(over), false) = (over, trust == Trust::Whole) {
            // The sessions that came after these are lost; the track tells that they were. What is
            // within a second of the last one may still belong to it.
            let rest = Span::starting(over.plus_millis(1000), i64::MAX);
            let rest = track.intersection(&[rest].into_iter().collect());
            teller.track(&rest, &Activity::EXERCISE, &mut found);
        }
        found
    }
}

/// How monitoring intervals are named and where they come from.
struct Day {
    device: Digest,
    provenance: Provenance,
}

/// When somebody was active in a session.
enum Time {
    /// All of these.
    Runs(Vec<Span>),
    /// So many milliseconds of this.
    Within(Span, u32),
}

impl Time {
    fn end(&self) -> Option<Timestamp> {
        match self {
            Self::Runs(spans) => spans.last().map(|span| span.end()),
            Self::Within(span, _) => Some(span.end()),
        }
    }
}

impl Session {
    /// When everything it lasted for is over, where that is told.
    fn end(&self) -> Option<Timestamp> {
        let millis = self.elapsed.max(self.timer)?;
        Some(timer::instant(self.start).plus_millis(millis.into()))
    }

    /// When the timer ran: by the events if they agree with the session's own total, else by that
    /// total, else by the track.
    fn time(
        &self,
        next: Option<u32>,
        runs: &[Run],
        track: &TimeSet,
        before: Option<Timestamp>,
    ) -> Time {
        let next = next.unwrap_or(u32::MAX);
        let own_end = self.elapsed.map_or(u32::MAX, |elapsed| {
            self.start.saturating_add(elapsed.div_ceil(1000))
        });
        let Some(ran) = self.timer else {
            let all = Span::starting(
                timer::instant(self.start),
                (i64::from(next.min(own_end)) - i64::from(self.start)) * 1000,
            );
            let all: TimeSet = [all].into_iter().collect();
            return Time::Runs(track.intersection(&all).spans().to_vec());
        };
        for end in [next, next.min(own_end)] {
            let within = timer::clip(runs, self.start, end);
            if let Some(spans) = timer::reconcile(&within, ran, before) {
                return Time::Runs(spans);
            }
        }
        let lasted = i64::from(self.elapsed.unwrap_or(ran));
        let ran = i64::from(ran).min(lasted);
        if lasted - ran < 1000 {
            let run = (self.start, self.start);
            let start = timer::span(run).start();
            return Time::Runs(vec![Span::starting(start, ran)]);
        }
        let stopped = timer::clip(runs, self.start, next).last().map(|run| run.1);
        let stopped = stopped.map_or(0, |at| i64::from(at) - i64::from(self.start)) * 1000;
        let all = Span::starting(timer::instant(self.start), lasted.max(stopped));
        Time::Within(all, ran as u32)
    }

    fn steps(&self) -> Option<u64> {
        let strides = self.cycles.filter(|_| sport::on_foot(self.sport))?;
        Some(2 * u64::from(strides))
    }
}

/// Names observations and says where they come from.
struct Teller {
    file: Digest,
    provenance: Provenance,
    revision: u64,
}

impl Teller {
    fn session(&self, session: &Session, time: &Time, found: &mut Vec<Found>) {
        let activity = sport::activity(session.sport, session.sub_sport);
        let key = |run: u32, start: Timestamp| {
            Digest::of([
                &b"fit session"[..],
                &self.file.0,
                &session.index.to_be_bytes(),
                &run.to_be_bytes(),
                // The whole second, which does not depend on how what follows was reconciled.
                &start.as_seconds().to_be_bytes(),
            ])
        };
        let tell = |key, body| Found {
            key,
            revision: self.revision,
            provenance: self.provenance,
            body,
        };
        match time {
            Time::Within(within, ran) if *ran >= 1000 => found.push(tell(
                key(0, within.start()),
                Body::Seconds {
                    within: *within,
                    seconds: ran / 1000,
                    activity,
                },
            )),
            Time::Within(..) => {}
            Time::Runs(spans) => {
                let shares = shares(session.steps(), spans);
                for ((run, span), steps) in (0..).zip(spans).zip(shares) {
                    if span.is_empty() {
                        continue;
                    }
                    let body = Body::Interval {
                        span: *span,
                        activity: activity.clone(),
                        steps,
                    };
                    found.push(tell(key(run, span.start()), body));
                }
            }
        }
    }

    fn track(&self, track: &TimeSet, activity: &Activity, found: &mut Vec<Found>) {
        found.extend(track.spans().iter().map(|&span| Found {
            key: Digest::of([
                &b"fit track"[..],
                &self.file.0,
                &span.start().as_seconds().to_be_bytes(),
            ]),
            // Of two cuts of one file the longer one holds.
            revision: span.millis().unsigned_abs(),
            provenance: self.provenance,
            body: Body::Interval {
                span,
                activity: activity.clone(),
                steps: None,
            },
        }));
    }
}

/// The steps of a session by its runs, in proportion to their length, so that they add up.
fn shares(steps: Option<u64>, spans: &[Span]) -> Vec<Option<u32>> {
    let Some(steps) = steps.map(u128::from) else {
        return vec![None; spans.len()];
    };
    let length = |span: &Span| u128::from(span.millis().unsigned_abs());
    let all = spans.iter().map(length).sum::<u128>().max(1);
    let mut done = 0;
    spans
        .iter()
        .map(|span| {
            let from = steps * done / all;
            done += length(span);
            let share = steps * done / all - from;
            Some(u32::try_from(share).unwrap_or(u32::MAX))
        })
        .collect()
}

impl FileId {
    fn digest(&self) -> Digest {
        Digest::of([&self.maker.digest().0[..], &name(self.created)])
    }
}

impl Maker {
    fn digest(&self) -> Digest {
        Digest::of([
            &b"fit device"[..],
            &name(self.manufacturer),
            &name(self.product),
            &name(self.serial),
        ])
    }
}

/// A value for a digest: what is absent differs from every number.
fn name(value: Option<u32>) -> Vec<u8> {
    value.map_or_else(Vec::new, |value| value.to_be_bytes().to_vec())
}
