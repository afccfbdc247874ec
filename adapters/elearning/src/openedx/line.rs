//! One line of a tracking log: who, when, and what it tells.

use wom_sdk::{
    Timestamp,
    instrument::Refusal,
    observation::{Goal, Step, Video},
};

use super::wire::{Line, Loose};
use crate::time;

/// How far a clock may be ahead of the server's.
const AHEAD_MS: i64 = 120_000;

/// What a line tells, with whom it is about.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    /// The learner's number on the site.
    pub(super) learner: u64,
    pub(super) at: Timestamp,
    /// The course, if it is about one.
    pub(super) course: Option<String>,
    pub(super) what: What,
}

/// What happened.
#[derive(Debug, PartialEq)]
pub(super) enum What {
    /// The learner did something in this part of a course.
    Act { activity: String },
    /// The learner's player of a film did something.
    Player {
        page: Page,
        film: String,
        step: Video,
    },
    /// A page was closed, and whatever played on it.
    Closed { page: Page, activity: String },
    /// The learner completed a block, or came through a course.
    Reached { activity: String, goal: Goal },
}

/// A page in somebody's browser: the browser's session there, and the page's address.
#[derive(Debug, PartialEq)]
pub(super) struct Page {
    pub(super) session: String,
    pub(super) address: String,
}

/// What a line tells; `None` for what no learner did.
///
/// # Errors
/// The refusal, without the place.
pub(super) fn read(text: &str, now: Timestamp) -> Result<Option<Told>, Refusal> {
    if !text.starts_with('{') {
        return Err(no_event());
    }
    let line: Line<'_> = serde_json::from_str(text).map_err(|error| bad_json(&error))?;
    let Some(learner) = line.learner() else {
        return Ok(None);
    };
    let Some((learner, what)) = line.what(learner) else {
        return Ok(None);
    };
    let at = instant(line.time.as_deref().unwrap_or(""), "time")?;
    if at.since(now) > AHEAD_MS {
        return Err(Refusal::new(
            "future",
            "the line lies in the future; set the server's clock, then read it again when it is past",
        )
        .field("time"));
    }
    // An app keeps events while it is offline, so it may send them late, but never early.
    if let Some(received) = line.context.received_at.text() {
        let received = instant(received, "received_at")?;
        if at.since(received) > AHEAD_MS {
            return Err(Refusal::new(
                "clock_ahead",
                "is later than the server received it, so the device's clock was wrong",
            )
            .field("time"));
        }
    }
    Ok(Some(Told {
        learner,
        at,
        course: line.course().map(str::to_owned),
        what,
    }))
}

/// The parser's words, unless they might quote the input.
fn bad_json(error: &serde_json::Error) -> Refusal {
    if error.is_data() {
        return no_event();
    }
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    Refusal::new(
        "bad_json",
        format!(
            "the line is not valid JSON at column {}: {words}",
            error.column()
        ),
    )
}

fn no_event() -> Refusal {
    Refusal::new(
        "bad_json",
        "the line is not an event of a tracking log: an object with username, event_source, event_type, time, context and event",
    )
}

fn instant(text: &str, field: &'static str) -> Result<Timestamp, Refusal> {
    time::instant(text, None).map_err(|refusal| refusal.field(field))
}

impl Line<'_> {
    /// Who was logged in, if anybody was.
    fn learner(&self) -> Option<u64> {
        self.username.text()?;
        self.context.user_id.id()
    }

    /// What happened, and to whom: a server may act for somebody else than who asked it.
    fn what(&self, learner: u64) -> Option<(u64, What)> {
        let source = self.event_source.as_deref().unwrap_or("");
        let event_type = self.event_type.as_deref().unwrap_or("");
        let name = self.name.text().unwrap_or(event_type);
        if source == "task" || name.is_empty() {
            return None;
        }
        if let Some(reached) = self.reached(name, source) {
            let whom = self.event.0.user_id.id().unwrap_or(learner);
            return reached.map(|what| (whom, what));
        }
        Some((learner, self.act(name, source)?))
    }

    /// A milestone; `Some(None)` for an event about one that is none.
    fn reached(&self, name: &str, source: &str) -> Option<Option<What>> {
        let event = &self.event.0;
        let (activity, goal) = match name {
            "edx.completion.block_completion.changed" => {
                let whole = event.completion.number().is_some_and(|done| done >= 1.0);
                // A page of text counts as done seconds after it is shown.
                let shown_only = event.block_type.text() == Some("html");
                let block = event.block_id.text().filter(|_| whole && !shown_only);
                (block, Goal::Completed)
            }
            "edx.certificate.created" | "edx.course.grade.passed.first_time" => {
                (self.course(), Goal::Course)
            }
            // What the server works out afterwards, with nobody there.
            _ if name.starts_with("edx.grades.") || name.starts_with("edx.course.grade.") => {
                return Some(None);
            }
            _ => return None,
        };
        let known = activity.filter(|_| source != "browser" && source != "mobile");
        Some(known.map(|activity| What::Reached {
            activity: activity.to_owned(),
            goal,
        }))
    }

    fn course(&self) -> Option<&str> {
        let told = self.event.0.course_id.text();
        told.or(self.context.course_id.text())
    }

    fn act(&self, name: &str, source: &str) -> Option<What> {
        // The page tells the server, and the server tells the same better.
        if name == "problem_check" && source != "server" {
            return None;
        }
        // What a page asks for by itself is no act: only what is opened as a page is.
        if name.starts_with('/') && (!name.starts_with("/courses/") || name.contains("/xblock/")) {
            return None;
        }
        if name == "page_close" {
            return Some(What::Closed {
                page: self.page(),
                activity: self.activity(name)?,
            });
        }
        let event = &self.event.0;
        let step = match name {
            "play_video" | "edx.video.played" => Step::Play,
            "pause_video"
            | "edx.video.paused"
            | "stop_video"
            | "edx.video.stopped"
            | "complete_video"
            | "edx.video.completed" => Step::Halt,
            "seek_video" | "edx.video.position.changed" => Step::Seek(event.new_time.millis()),
            "speed_change_video" | "edx.video.speed.changed" => Step::Speed,
            _ => {
                let activity = self.activity(name)?;
                return Some(What::Act { activity });
            }
        };
        // Without its film a player says no more than that somebody was there.
        let Some(film) = event.id.text() else {
            let activity = self.activity(name)?;
            return Some(What::Act { activity });
        };
        let position = match step {
            Step::Seek(_) => event.old_time.millis(),
            _ => event.current_time.millis(),
        };
        Some(What::Player {
            page: self.page(),
            film: film.to_owned(),
            step: Video {
                step,
                position_ms: position,
                length_ms: event.duration.millis().filter(|length| *length > 0),
                speed_percent: event.new_speed.percent(),
            },
        })
    }

    fn page(&self) -> Page {
        let text = |value: &Loose<'_>| value.text().unwrap_or("").to_owned();
        Page {
            session: text(&self.session),
            address: text(&self.page),
        }
    }

    /// The smallest part of a course that the line names; `None` outside of any course.
    fn activity(&self, name: &str) -> Option<String> {
        let event = &self.event.0;
        let part = event.problem_id.text();
        let part = part.or(event.id.text().filter(|_| name.contains("video")));
        let part = part.or(self.context.module.usage_key.text());
        let part = part.or(name.starts_with('/').then(|| path(name)));
        let part = part.or(self.context.course_id.text());
        part.map(str::to_owned)
    }
}

fn path(address: &str) -> &str {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    path.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-03-11T00:00:00Z";

    fn told(line: &str) -> Option<What> {
        let told = read(line, NOW.parse().unwrap()).unwrap();
        told.map(|told| told.what)
    }

    fn code(line: &str) -> &'static str {
        read(line, NOW.parse().unwrap()).unwrap_err().code
    }

    /// A line of this source with this name and event, as JSON.
    fn line(source: &str, name: &str, event: &str) -> String {
        format!(
            r#"{{"username": "hana", "event_source": "{source}", "event_type": "{name}", "time": "2026-03-10T08:00:00+00:00", "session": "s", "page": "p", "context": {{"user_id": 11, "course_id": "c"}}, "event": {event}}}"#
        )
    }

    #[test]
    fn a_players_events_are_read_from_an_object_and_from_a_text() {
        let object = r#"{"id": "v", "currentTime": 300.25, "duration": 900, "other": [{}]}"#;
        let text = serde_json::to_string(object).unwrap();
        let expected = Video {
            step: Step::Play,
            position_ms: Some(300_250),
            length_ms: Some(900_000),
            speed_percent: None,
        };
        for event in [object, &text] {
            let what = told(&line("browser", "play_video", event));
            let Some(What::Player { film, step, .. }) = what else {
                panic!("{what:?}");
            };
            assert_eq!((film.as_str(), step), ("v", expected));
        }
    }

    #[test]
    fn names_come_before_types_and_both_generations_of_names_are_known() {
        for (name, step, position_ms) in [
            ("edx.video.paused", Step::Halt, 4000),
            ("stop_video", Step::Halt, 4000),
            ("edx.video.position.changed", Step::Seek(Some(2500)), 1000),
            ("speed_change_video", Step::Speed, 4000),
        ] {
            let event = r#"{"id": "v", "current_time": "4", "old_time": 1, "new_time": 2.5, "old_speed": "1.0", "new_speed": "1.50"}"#;
            let line = line("mobile", "old.name", event)
                .replace("\"session\"", &format!("\"name\": \"{name}\", \"session\""));
            let what = told(&line);
            let Some(What::Player { step: found, .. }) = what else {
                panic!("{name}: {what:?}");
            };
            let expected = Video {
                step,
                position_ms: Some(position_ms),
                length_ms: None,
                speed_percent: Some(150),
            };
            assert_eq!(found, expected, "{name}");
        }
        let loaded = told(&line("browser", "load_video", r#"{"id": "v"}"#));
        let activity = "v".to_owned();
        assert_eq!(loaded, Some(What::Act { activity }));
    }

    #[test]
    fn what_no_learner_did_tells_nothing() {
        let open = "/courses/c/courseware/w1/";
        assert!(told(&line("server", open, "\"{}\"")).is_some());
        let logged_out = line("server", open, "{}").replace("\"user_id\": 11", "\"user_id\": null");
        let nameless = line("server", open, "{}").replace("hana", "");
        for nothing in [
            logged_out,
            nameless,
            line("task", open, "{}"),
            line("browser", "problem_check", "\"input=a&b\""),
            line(
                "server",
                "/courses/c/xblock/b/handler/save_user_state",
                "{}",
            ),
            line("server", "/api/user/v1/me", "{}"),
            line("server", "edx.grades.problem.submitted", "{}"),
            line("server", "", "{}"),
        ] {
            assert_eq!(told(&nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_problem_that_the_server_checked_is_an_act_there() {
        let checked = told(&line("server", "problem_check", r#"{"problem_id": "b1"}"#));
        let activity = "b1".to_owned();
        assert_eq!(checked, Some(What::Act { activity }));
        let listed = told(&line("browser", "problem_graded", r#"["a", "<p>"]"#));
        let activity = "c".to_owned();
        assert_eq!(listed, Some(What::Act { activity }));
        let cut = told(&line(
            "server",
            "/courses/c/u1/?a=b",
            r#""{\"POST\": {\"x""#,
        ));
        let activity = "/courses/c/u1".to_owned();
        assert_eq!(cut, Some(What::Act { activity }));
    }

    #[test]
    fn milestones_are_of_whom_they_name_and_are_told_by_the_server_only() {
        let reached = |source: &str, name: &str, event: &str| {
            let line = line(source, name, event);
            let told = read(&line, NOW.parse().unwrap()).unwrap()?;
            match told.what {
                What::Reached { activity, goal } => Some((told.learner, activity, goal)),
                _ => None,
            }
        };
        let block = "edx.completion.block_completion.changed";
        let done = r#"{"user_id": 12, "block_id": "b", "block_type": "video", "completion": 1.0}"#;
        let expected = (12, "b".to_owned(), Goal::Completed);
        assert_eq!(reached("server", block, done), Some(expected));
        assert_eq!(reached("browser", block, done), None);
        let half = done.replace("1.0", "0.5");
        assert_eq!(reached("server", block, &half), None);
        let text = done.replace("video", "html");
        assert_eq!(reached("server", block, &text), None);
        let passed = reached("server", "edx.course.grade.passed.first_time", "{}");
        assert_eq!(passed, Some((11, "c".to_owned(), Goal::Course)));
        let certified = reached("server", "edx.certificate.created", r#"{"course_id": "d"}"#);
        assert_eq!(certified, Some((11, "d".to_owned(), Goal::Course)));
    }

    #[test]
    fn what_is_wrong_with_a_line_has_a_code() {
        let good = line("server", "/courses/c/", "{}");
        let with_time = |time: &str| good.replace("2026-03-10T08:00:00+00:00", time);
        for (line, expected) in [
            ("", "bad_json"),
            ("[]", "bad_json"),
            (&good[..good.len() - 1], "bad_json"),
            (&good.replace("\"server\"", "5"), "bad_json"),
            (&with_time("2026-03-10T08:00:00"), "no_zone"),
            (&with_time("tomorrow"), "bad_time"),
            (&with_time("2026-03-11T00:02:01+00:00"), "future"),
            (
                &good.replace(
                    "\"user_id\"",
                    "\"received_at\": \"2026-03-10T07:00:00Z\", \"user_id\"",
                ),
                "clock_ahead",
            ),
        ] {
            assert_eq!(code(line), expected, "{line}");
        }
        let late = good.replace(
            "\"user_id\"",
            "\"received_at\": \"2026-03-12T07:00:00.000000+00:00\", \"user_id\"",
        );
        assert!(told(&late).is_some());
        let deep = line("server", "/courses/c/", &"[".repeat(100_000));
        assert_eq!(code(&deep), "bad_json");
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        let deep = line("server", "/courses/c/", &deep);
        assert!(told(&deep).is_some(), "passed over, at any depth");
    }
}
