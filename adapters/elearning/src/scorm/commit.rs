//! One commit of a session, as the LMS hands it on.

use serde::Deserialize;
use serde_json::{Map, Value};
use wom_sdk::{Span, Timestamp, instrument::Refusal, observation::Goal};

use super::timespan::cmi_timespan;
use crate::{duration, time};

/// How far ahead of ours the LMS's clock may be.
const AHEAD_MS: i64 = 120_000;

/// The longest session that is believed to be one.
const SESSION_MAX_MS: i64 = 31 * 86_400_000;

/// A session of a learner with an activity, as far as this commit knows it.
#[derive(Debug, PartialEq)]
pub(super) struct Session {
    pub(super) learner: String,
    pub(super) activity: String,
    pub(super) id: String,
    pub(super) course: Option<String>,
    pub(super) within: Span,
    /// How long it took so far, as the content claims; `None` if it does not say.
    pub(super) claimed_ms: Option<i64>,
    pub(super) goals: Vec<Goal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    learner: Option<Value>,
    activity: Option<Value>,
    session: Option<Value>,
    course: Option<Value>,
    start: Option<Value>,
    end: Option<Value>,
    total_before: Option<Value>,
    commit: Option<Map<String, Value>>,
}

impl Session {
    /// The session that a line tells of.
    ///
    /// # Errors
    /// The refusal, without the place.
    pub(super) fn read(text: &str, now: Timestamp) -> Result<Self, Refusal> {
        if !text.trim_start().starts_with('{') {
            return Err(no_commit());
        }
        let wire: Wire = serde_json::from_str(text).map_err(|error| bad_json(&error))?;
        let start = instant(&wire.start, "start")?;
        let end = instant(&wire.end, "end")?;
        let within = Span::new(start, end)
            .map_err(|_| Refusal::new("bad_time", "is before start").field("end"))?;
        if within.millis() > SESSION_MAX_MS {
            return Err(Refusal::new(
                "too_long",
                "is more than 31 days after start; give the times of the launch",
            )
            .field("end"));
        }
        if end.since(now) > AHEAD_MS {
            return Err(Refusal::new(
                Refusal::FUTURE,
                "lies in the future; set the LMS's clock, then send the line again when it is past",
            )
            .field("end"));
        }
        let Some(commit) = wire.commit else {
            return Err(missing("commit"));
        };
        let data = Runtime::of(&commit)?;
        data.for_credit()?;
        Ok(Self {
            learner: name(&wire.learner, "learner")?,
            activity: name(&wire.activity, "activity")?,
            id: name(&wire.session, "session")?,
            course: match &wire.course {
                None | Some(Value::Null) => None,
                course => Some(name(course, "course")?),
            },
            within,
            claimed_ms: data.claimed_ms(wire.total_before.as_ref())?,
            goals: data.goals(),
        })
    }

    /// Grows with the end, and with the claim where the end is the same.
    pub(super) fn revision(&self) -> u64 {
        const SECONDS: u64 = 1 << 20;
        let end = u64::try_from(self.within.end().as_millis()).unwrap_or(0);
        let seconds = u64::try_from(self.claimed_ms.unwrap_or(0) / 1000).unwrap_or(0);
        end * SECONDS + seconds.min(SECONDS - 1)
    }
}

/// The runtime's data, of either version.
struct Runtime<'a> {
    commit: &'a Map<String, Value>,
    cmi: Option<&'a Map<String, Value>>,
    version: Version,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Version {
    /// SCORM 1.2.
    Old,
    /// SCORM 2004.
    New,
}

impl<'a> Runtime<'a> {
    fn of(commit: &'a Map<String, Value>) -> Result<Self, Refusal> {
        let inner = match commit.get("runtimeData") {
            Some(Value::Object(inner)) => inner,
            _ => commit,
        };
        let cmi = match inner.get("cmi") {
            Some(Value::Object(cmi)) => Some(cmi),
            _ => None,
        };
        let flat = inner.keys().any(|name| name.starts_with("cmi."));
        if cmi.is_none() && !flat {
            return Err(Refusal::new(
                "bad_value",
                "holds neither cmi nor members by full name, such as cmi.core.session_time",
            )
            .field("commit"));
        }
        let old = cmi.is_some_and(|cmi| cmi.contains_key("core"))
            || inner.keys().any(|name| name.starts_with("cmi.core."));
        Ok(Self {
            commit: if cmi.is_some() { commit } else { inner },
            cmi,
            version: if old { Version::Old } else { Version::New },
        })
    }

    /// An element such as `session_time`; in 1.2 those of `cmi.core` are meant.
    fn element(&self, name: &str) -> Option<&'a str> {
        let old = self.version == Version::Old;
        let value = match self.cmi {
            Some(cmi) if old => cmi.get("core")?.get(name)?,
            Some(cmi) => cmi.get(name)?,
            None if old => self.commit.get(&format!("cmi.core.{name}"))?,
            None => self.commit.get(&format!("cmi.{name}"))?,
        };
        value
            .as_str()
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }

    fn for_credit(&self) -> Result<(), Refusal> {
        let mode = match self.version {
            Version::Old => self.element("lesson_mode"),
            Version::New => self.element("mode"),
        };
        let looked_only = matches!(mode, Some("browse" | "review"));
        if looked_only || self.element("credit") == Some("no-credit") {
            return Err(Refusal::new(
                "not_for_credit",
                "the content was launched for browsing or review, or without credit, which earns nothing",
            ));
        }
        Ok(())
    }

    fn claimed_ms(&self, before: Option<&Value>) -> Result<Option<i64>, Refusal> {
        // Runtimes add a session to the total only when it ends, so its own time is better.
        if let Some(text) = self.element("session_time") {
            return self.millis(text, "session_time").map(Some);
        }
        let before = match before {
            None | Some(Value::Null) => None,
            Some(Value::Number(seconds)) => Some(millis_of(seconds.as_f64(), "total_before")?),
            Some(Value::String(text)) => Some(self.millis(text, "total_before")?),
            Some(_) => return Err(bad_duration("total_before")),
        };
        match (self.total_ms()?, before) {
            // A total that shrank is another attempt's.
            (Some(total), Some(before)) => Ok(Some((total - before).max(0))),
            (None | Some(0), _) => Ok(None),
            (Some(_), None) => Err(Refusal::new(
                "no_session_time",
                "the content tells a total only, which holds earlier sessions too; give total_before, as the LMS gave it at launch",
            )),
        }
    }

    fn total_ms(&self) -> Result<Option<i64>, Refusal> {
        if let Some(Value::Number(seconds)) = self.commit.get("totalTimeSeconds") {
            return millis_of(seconds.as_f64(), "totalTimeSeconds").map(Some);
        }
        match self.element("total_time") {
            Some(text) => self.millis(text, "total_time").map(Some),
            None => Ok(None),
        }
    }

    fn millis(&self, text: &str, field: &'static str) -> Result<i64, Refusal> {
        let millis = match self.version {
            Version::Old => cmi_timespan(text),
            Version::New => match duration::millis(text) {
                Err(duration::Flaw::Nothing) if !text.starts_with('-') => Some(0),
                millis => millis.ok(),
            },
        };
        millis.ok_or_else(|| bad_duration(field))
    }

    fn goals(&self) -> Vec<Goal> {
        let (completion, success) = match self.version {
            Version::Old => {
                let status = self.element("lesson_status");
                (status, status)
            }
            Version::New => (
                self.element("completion_status"),
                self.element("success_status"),
            ),
        };
        if success == Some("failed") {
            return Vec::new();
        }
        let mut goals = Vec::new();
        if completion == Some("completed") {
            goals.push(Goal::Completed);
        }
        if success == Some("passed") {
            goals.push(Goal::Passed);
        }
        goals
    }
}

fn bad_json(error: &serde_json::Error) -> Refusal {
    if error.is_data() {
        return no_commit();
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

fn no_commit() -> Refusal {
    Refusal::new(
        "bad_json",
        "a line must be an object with learner, activity, session, start, end and commit, and may have course and total_before",
    )
}

fn missing(field: &'static str) -> Refusal {
    Refusal::new("missing_field", "is missing").field(field)
}

fn bad_duration(field: &'static str) -> Refusal {
    Refusal::new(
        "bad_duration",
        "is not of the form of its version: 0000:25:00.50 in SCORM 1.2, PT25M0.5S in 2004",
    )
    .field(field)
}

fn instant(value: &Option<Value>, field: &'static str) -> Result<Timestamp, Refusal> {
    match value {
        None | Some(Value::Null) => Err(missing(field)),
        Some(Value::String(text)) => {
            time::instant(text, None).map_err(|refusal| refusal.field(field))
        }
        Some(_) => {
            Err(Refusal::new("bad_time", "must be text such as 2026-03-02T09:00:00Z").field(field))
        }
    }
}

/// An id of the LMS: text, or a whole number.
fn name(value: &Option<Value>, field: &'static str) -> Result<String, Refusal> {
    let text = match value {
        None | Some(Value::Null) => return Err(missing(field)),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) if number.is_u64() => number.to_string(),
        Some(_) => {
            return Err(Refusal::new("bad_value", "must be text or a whole number").field(field));
        }
    };
    if text.is_empty() || text.len() > 1024 {
        return Err(Refusal::new("bad_value", "must have 1 to 1024 bytes").field(field));
    }
    Ok(text)
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "a float's cast stops at the bounds of the integer"
)]
fn millis_of(seconds: Option<f64>, field: &'static str) -> Result<i64, Refusal> {
    match seconds {
        Some(seconds) if (0.0..1e10).contains(&seconds) => Ok((seconds * 1000.0).round() as i64),
        _ => Err(Refusal::new("bad_duration", "is no number of seconds of 0 or more").field(field)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn session(commit: Value) -> Result<Session, Refusal> {
        with(json!({ "commit": commit }))
    }

    /// A good line with these members put in the place of its own.
    fn with(members: Value) -> Result<Session, Refusal> {
        let mut line = json!({
            "learner": 42, "activity": "sco-1", "session": "s",
            "start": "2026-03-02T09:00:00Z", "end": "2026-03-02T09:30:00+00:00",
            "commit": {"cmi": {"session_time": "PT25M"}},
        });
        for (name, value) in members.as_object().unwrap() {
            line[name] = value.clone();
        }
        let now = "2026-03-03T00:00:00Z".parse().unwrap();
        Session::read(&line.to_string(), now)
    }

    #[test]
    fn both_versions_and_all_three_forms_are_read() {
        let minutes = |commit| session(commit).unwrap().claimed_ms.unwrap() / 60_000;
        let old = json!({"core": {"session_time": "0000:25:00", "lesson_status": "passed"}});
        let new = json!({"session_time": "PT25M", "success_status": "passed"});
        for cmi in [old, new] {
            assert_eq!(minutes(json!({ "cmi": cmi })), 25);
            assert_eq!(minutes(json!({ "runtimeData": { "cmi": cmi } })), 25);
            let goals = session(json!({ "cmi": cmi })).unwrap().goals;
            assert_eq!(goals, [Goal::Passed]);
        }
        assert_eq!(minutes(json!({"cmi.core.session_time": "00:25:00"})), 25);
        assert_eq!(minutes(json!({"cmi.session_time": "PT1500S"})), 25);
    }

    #[test]
    fn what_was_there_before_is_taken_off_a_total() {
        let claimed = |commit: Value, before: Value| {
            with(json!({"commit": commit, "total_before": before})).map(|found| found.claimed_ms)
        };
        let total = json!({"totalTimeSeconds": 3930.25, "runtimeData": {"cmi": {}}});
        assert_eq!(claimed(total.clone(), json!(3600)), Ok(Some(330_250)));
        assert_eq!(claimed(total.clone(), json!("PT1H")), Ok(Some(330_250)));
        assert_eq!(claimed(total.clone(), json!(4000)), Ok(Some(0)));
        assert_eq!(
            claimed(total, Value::Null).unwrap_err().code,
            "no_session_time"
        );
        let both = json!({"cmi": {"core": {"session_time": "00:40:00", "total_time": "01:00:00"}}});
        assert_eq!(
            claimed(both.clone(), json!("00:30:00")),
            Ok(Some(2_400_000))
        );
        assert_eq!(claimed(both, Value::Null), Ok(Some(2_400_000)));
        assert_eq!(
            claimed(json!({"cmi": {"total_time": "PT0S"}}), Value::Null),
            Ok(None)
        );
    }

    #[test]
    fn failed_content_reaches_nothing() {
        let goals = |cmi: Value| session(json!({ "cmi": cmi })).unwrap().goals;
        let both = json!({"completion_status": "completed", "success_status": "passed"});
        assert_eq!(goals(both), [Goal::Completed, Goal::Passed]);
        let failed = json!({"completion_status": "completed", "success_status": "failed"});
        assert_eq!(goals(failed), []);
        assert_eq!(
            goals(json!({"core": {"lesson_status": "completed"}})),
            [Goal::Completed]
        );
        for status in ["failed", "incomplete", "browsed", "not attempted"] {
            assert_eq!(goals(json!({"core": {"lesson_status": status}})), []);
        }
    }

    #[test]
    fn what_is_wrong_with_a_line_has_a_code_and_a_field() {
        for (members, code, field) in [
            (json!({"learner": null}), "missing_field", "learner"),
            (json!({"learner": ""}), "bad_value", "learner"),
            (json!({"learner": 1.5}), "bad_value", "learner"),
            (json!({"activity": []}), "bad_value", "activity"),
            (json!({"session": null}), "missing_field", "session"),
            (json!({"commit": null}), "missing_field", "commit"),
            (json!({"commit": {}}), "bad_value", "commit"),
            (json!({"commit": {"cmi": 5}}), "bad_value", "commit"),
            (json!({"start": null}), "missing_field", "start"),
            (json!({"start": 1_772_355_600}), "bad_time", "start"),
            (json!({"start": "2026-03-02T09:00:00"}), "no_zone", "start"),
            (json!({"start": "yesterday"}), "bad_time", "start"),
            (json!({"start": "2026-03-02T09:30:01Z"}), "bad_time", "end"),
            (json!({"start": "2026-01-02T09:30:01Z"}), "too_long", "end"),
            (json!({"end": "2026-03-03T00:02:01Z"}), "future", "end"),
            (
                json!({"total_before": "soon", "commit": {"cmi": {"total_time": "PT1H"}}}),
                "bad_duration",
                "total_before",
            ),
            (
                json!({"total_before": -1, "commit": {"cmi": {"total_time": "PT1H"}}}),
                "bad_duration",
                "total_before",
            ),
            (
                json!({"commit": {"cmi": {"session_time": "00:25:00"}}}),
                "bad_duration",
                "session_time",
            ),
            (
                json!({"commit": {"cmi": {"session_time": "P1M"}}}),
                "bad_duration",
                "session_time",
            ),
            (
                json!({"commit": {"cmi": {"core": {"session_time": "PT25M"}}}}),
                "bad_duration",
                "session_time",
            ),
            (
                json!({"commit": {"cmi": {"core": {"lesson_mode": "review"}}}}),
                "not_for_credit",
                "",
            ),
            (
                json!({"commit": {"cmi": {"mode": "browse"}}}),
                "not_for_credit",
                "",
            ),
            (
                json!({"commit": {"cmi": {"credit": "no-credit"}}}),
                "not_for_credit",
                "",
            ),
            (json!({"commit": []}), "bad_json", ""),
            (json!({"more": 1}), "bad_json", ""),
        ] {
            let refusal = with(members.clone()).unwrap_err();
            assert_eq!(
                (refusal.code, refusal.field.unwrap_or("")),
                (code, field),
                "{members}"
            );
        }
        let now = Timestamp::EPOCH;
        let deep = format!("{{\"commit\": {}", "[".repeat(100_000));
        for text in ["", "[]", "{", &deep] {
            assert_eq!(Session::read(text, now).unwrap_err().code, "bad_json");
        }
    }
}
