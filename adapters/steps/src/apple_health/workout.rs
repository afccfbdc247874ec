//! Workouts: what was done, and when the timer ran.

use wom_sdk::{Activity, Body, Digest, Span, TimeSet, Timestamp};

/// The most events that a workout may have.
pub(super) const MAX_EVENTS: usize = 10_000;

/// A workout as far as it was read.
#[derive(Debug)]
pub(super) struct Workout {
    pub(super) activity: Activity,
    pub(super) span: Span,
    /// How long Apple says that it lasted without its pauses, milliseconds.
    pub(super) duration: Option<i64>,
    pub(super) indoor: bool,
    pub(super) steps: Option<u32>,
    pub(super) events: Vec<(Timestamp, Event)>,
}

/// What happened to the timer.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Event {
    /// It runs again.
    Resume,
    /// The watch noticed that somebody moves again.
    MotionResume,
    /// It stands still.
    Pause,
    /// The watch noticed that somebody stands still.
    MotionPause,
}

impl Event {
    pub(super) fn of(name: &str) -> Option<Self> {
        match name.strip_prefix("HKWorkoutEventType")? {
            "Pause" => Some(Self::Pause),
            "Resume" => Some(Self::Resume),
            "MotionPaused" => Some(Self::MotionPause),
            "MotionResumed" => Some(Self::MotionResume),
            _ => None,
        }
    }
}

impl Workout {
    /// What to observe: an interval for each time that the timer ran, each with a name of its own
    /// among them, or the seconds where the pauses do not tell.
    pub(super) fn bodies(mut self) -> Vec<(Digest, Body)> {
        self.events.sort_unstable();
        let activity = if self.indoor {
            indoors(&self.activity)
        } else {
            self.activity.clone()
        };
        let Some(running) = self.running() else {
            let active = self.duration.unwrap_or(0).clamp(0, self.span.millis());
            let body = Body::Seconds {
                within: self.span,
                seconds: u32::try_from(active / 1000).unwrap_or(u32::MAX),
                activity,
            };
            return vec![(Digest::of(["seconds"]), body)];
        };
        let total = running.millis();
        let (mut done, mut given) = (0, 0);
        let pieces = running.spans().iter().map(|&span| {
            done += span.millis();
            // The steps are shared out by time; none is lost to rounding.
            let steps = self.steps.map(|steps| {
                let until = i64::from(steps) * done / total;
                let steps = until - given;
                given = until;
                u32::try_from(steps).unwrap_or(0)
            });
            let name = [span.start(), span.end()].map(|at| at.as_millis().to_be_bytes());
            let activity = activity.clone();
            (
                Digest::of(name),
                Body::Interval {
                    span,
                    activity,
                    steps,
                },
            )
        });
        pieces.collect()
    }

    /// When the timer ran; `None` if the events do not add up to the stated duration.
    fn running(&self) -> Option<TimeSet> {
        let all = TimeSet::from(self.span);
        let paused = self.stopped(Event::Pause, Event::Resume);
        let by_hand = all.difference(&paused);
        let by_motion = by_hand.difference(&self.stopped(Event::MotionPause, Event::MotionResume));
        let Some(duration) = self.duration else {
            return Some(by_motion);
        };
        // Every date is cut to a second, and so is the duration by some.
        let events = i64::try_from(self.events.len()).unwrap_or(i64::MAX);
        let tolerance = 2_000 + 1_000 * events;
        let fits = |set: &TimeSet| (set.millis() - duration).abs() <= tolerance;
        if fits(&by_hand) {
            Some(by_hand)
        } else if fits(&by_motion) {
            Some(by_motion)
        } else {
            // A duration with its pauses in it is the timer's no more.
            (duration > by_hand.millis()).then_some(by_hand)
        }
    }

    fn stopped(&self, stop: Event, go: Event) -> TimeSet {
        let mut since = None;
        let mut spans = Vec::new();
        for (at, event) in &self.events {
            if *event == stop {
                since.get_or_insert(*at);
            } else if *event == go
                && let Some(since) = since.take()
            {
                spans.extend(Span::new(since, *at));
            }
        }
        if let Some(since) = since {
            spans.extend(Span::new(since, self.span.end()));
        }
        spans.into_iter().collect()
    }
}

/// What Apple's word for a workout means. What has no name of its own here is `exercise`, with
/// Apple's word behind it.
pub(super) fn activity(name: &str) -> Activity {
    let word = name.strip_prefix("HKWorkoutActivityType").unwrap_or(name);
    let known = match word {
        "Walking" => "walking",
        "Running" => "running",
        "Hiking" => "hiking",
        "Cycling" => "cycling",
        "HandCycling" => "cycling.hand",
        "Swimming" => "swimming",
        "WheelchairWalkPace" | "WheelchairRunPace" => "wheelchair",
        "Transition" => "transition",
        "Rowing" => "rowing",
        "Climbing" => "climbing",
        "PaddleSports" => "paddling",
        "SkatingSports" => "skating",
        "CrossCountrySkiing" => "skiing.cross-country",
        "DownhillSkiing" => "skiing.alpine",
        "Snowboarding" => "snowboarding",
        "Archery" => "shooting",
        "EquestrianSports" => "riding",
        "Fishing" => "fishing",
        "FitnessGaming" => "gaming",
        "Golf" => "golf",
        "Hunting" => "hunting",
        "MindAndBody" => "meditation",
        "Sailing" => "boating",
        "UnderwaterDiving" => "diving",
        "Other" => "exercise",
        _ => return exercise(word),
    };
    Activity::new(known).unwrap_or(Activity::EXERCISE)
}

/// `TraditionalStrengthTraining` as `exercise.traditional-strength-training`.
fn exercise(word: &str) -> Activity {
    let mut name = String::from("exercise.");
    if word.len() > 40 || !word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Activity::EXERCISE;
    }
    for letter in word.chars() {
        if letter.is_ascii_uppercase() && !name.ends_with('.') {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    Activity::new(name).unwrap_or(Activity::EXERCISE)
}

fn indoors(activity: &Activity) -> Activity {
    Activity::new(format!("{activity}.indoor")).unwrap_or(Activity::EXERCISE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(1_700_000_000 + second)
    }

    fn found(duration: Option<i64>, events: &[(i64, Event)]) -> Vec<Body> {
        let workout = Workout {
            activity: Activity::WALKING,
            span: Span::new(at(0), at(600)).unwrap(),
            duration: duration.map(|seconds| seconds * 1000),
            indoor: false,
            steps: Some(1001),
            events: events
                .iter()
                .map(|(second, event)| (at(*second), *event))
                .collect(),
        };
        workout.bodies().into_iter().map(|(_, body)| body).collect()
    }

    fn intervals(pieces: &[(i64, i64, u32)]) -> Vec<Body> {
        pieces
            .iter()
            .map(|(from, to, steps)| Body::Interval {
                span: Span::new(at(*from), at(*to)).unwrap(),
                activity: Activity::WALKING,
                steps: Some(*steps),
            })
            .collect()
    }

    #[test]
    fn pauses_are_cut_out() {
        use Event::{MotionPause, MotionResume, Pause, Resume};
        let whole = intervals(&[(0, 600, 1001)]);
        assert_eq!(found(Some(600), &[]), whole);
        assert_eq!(found(None, &[]), whole);
        let paused = [(200, Pause), (400, Resume)];
        let pieces = intervals(&[(0, 200, 500), (400, 600, 501)]);
        assert_eq!(found(Some(400), &paused), pieces);
        assert_eq!(found(None, &paused), pieces);
        assert_eq!(
            found(Some(600), &paused),
            pieces,
            "a duration with its pauses in it"
        );
        assert_eq!(
            found(Some(300), &[(300, Pause)]),
            intervals(&[(0, 300, 1001)])
        );
        let stood = [(200, MotionPause), (400, MotionResume)];
        assert_eq!(found(Some(400), &stood), pieces);
        assert_eq!(found(Some(600), &stood), whole, "the timer went on");
    }

    #[test]
    fn a_short_duration_without_pauses_is_seconds_somewhere() {
        let expected = Body::Seconds {
            within: Span::new(at(0), at(600)).unwrap(),
            seconds: 420,
            activity: Activity::WALKING,
        };
        assert_eq!(found(Some(420), &[]), [expected]);
    }

    #[test]
    fn words_for_workouts() {
        let name = |word: &str| activity(&format!("HKWorkoutActivityType{word}")).to_string();
        assert_eq!(name("Cycling"), "cycling");
        assert_eq!(name("CrossCountrySkiing"), "skiing.cross-country");
        assert_eq!(
            name("TraditionalStrengthTraining"),
            "exercise.traditional-strength-training"
        );
        assert_eq!(name("Other"), "exercise");
        assert_eq!(activity("<\u{1F600}>"), Activity::EXERCISE);
        assert_eq!(activity(""), Activity::EXERCISE);
        assert_eq!(indoors(&Activity::CYCLING).as_str(), "cycling.indoor");
    }
}
