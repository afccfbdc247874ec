//! One row of Moodle's standard log, whichever way it came.

use std::borrow::Cow;

use serde_json::Value;
use wom_sdk::{Timestamp, instrument::Refusal, observation::Goal};

/// How far ahead of ours the server's clock may be.
pub(super) const AHEAD_MS: i64 = 120_000;

/// The first second of the year 2000: Moodle is younger.
const OLDEST_S: i64 = 946_684_800;
/// The last second that is not plainly a number of milliseconds.
const YOUNGEST_S: i64 = 9_999_999_999;

/// The columns that are needed, by the names of the table `logstore_standard_log`.
pub(super) const COLUMNS: [&str; 13] = [
    "id",
    "eventname",
    "objectid",
    "edulevel",
    "contextlevel",
    "contextinstanceid",
    "userid",
    "courseid",
    "relateduserid",
    "anonymous",
    "other",
    "timecreated",
    "origin",
];

/// As the others, but some views leave it out as it is nearly always empty: then nobody was logged
/// in as somebody else.
pub(super) const REAL_USER: &str = "realuserid";

/// What a row tells, with whom it is about.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    /// The row's number.
    pub(super) id: u64,
    /// The learner's number.
    pub(super) learner: u64,
    pub(super) at: Timestamp,
    pub(super) course: Option<u64>,
    pub(super) item: Item,
    pub(super) what: What,
}

/// What a row tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum What {
    /// The learner did something.
    Act,
    /// The learner reached something.
    Reached(Goal),
}

/// What was studied or reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Item {
    Badge(u64),
    Course(u64),
    /// An activity of a course, by its course module.
    Module(u64),
    /// The site, outside of any course.
    Site,
}

impl Item {
    /// The id that durations and digests go by: `module:17`, `course:3`, `badge:2`, `site`.
    pub(super) fn id(self) -> String {
        match self {
            Self::Badge(id) => format!("badge:{id}"),
            Self::Course(id) => format!("course:{id}"),
            Self::Module(id) => format!("module:{id}"),
            Self::Site => "site".to_owned(),
        }
    }
}

/// Gives the text of a column; empty if there is nothing in it.
pub(super) trait Columns {
    fn text(&self, column: &'static str) -> Cow<'_, str>;
}

impl Columns for crate::table::Cells<'_> {
    fn text(&self, column: &'static str) -> Cow<'_, str> {
        Cow::Borrowed(self.cell(column))
    }
}

impl Columns for serde_json::Map<String, Value> {
    fn text(&self, column: &'static str) -> Cow<'_, str> {
        match self.get(column) {
            None | Some(Value::Null) => Cow::Borrowed(""),
            Some(Value::String(text)) => Cow::Borrowed(text.trim()),
            // `other` may be nested where a view already parsed it.
            Some(value) => Cow::Owned(value.to_string()),
        }
    }
}

/// What a row tells; `None` for what no learner did or reached. `trust_completions` says whether an
/// activity that the log calls complete is, although a learner may have ticked it off.
///
/// # Errors
/// The refusal, without the place.
pub(super) fn read(
    row: &impl Columns,
    trust_completions: bool,
    now: Timestamp,
) -> Result<Option<Told>, Refusal> {
    let id = required(row, "id")?;
    let event = row.text("eventname");
    if event.is_empty() {
        return Err(missing("eventname"));
    }
    let at = instant(row, now)?;
    let Some((learner, item, what)) = told(row, &event, trust_completions)? else {
        return Ok(None);
    };
    Ok(Some(Told {
        id,
        learner,
        at,
        course: course(row)?,
        item,
        what,
    }))
}

fn told(
    row: &impl Columns,
    event: &str,
    trust_completions: bool,
) -> Result<Option<(u64, Item, What)>, Refusal> {
    // Somebody else was logged in as the user, or the row says not who.
    if number(row, REAL_USER)?.is_some() || number(row, "anonymous")?.unwrap_or(0) != 0 {
        return Ok(None);
    }
    let origin = row.text("origin");
    let reached = match event.strip_prefix('\\').unwrap_or(event) {
        "core\\event\\course_module_completion_updated" => {
            completion(&row.text("other"), trust_completions).zip(module(row)?)
        }
        "core\\event\\course_completed" => {
            course(row)?.map(|course| (Goal::Course, Item::Course(course)))
        }
        "core\\event\\badge_awarded" => {
            number(row, "objectid")?.map(|badge| (Goal::Badge, Item::Badge(badge)))
        }
        _ => return act(row, &origin),
    };
    // The one who acted may be a teacher, or nobody: Moodle's own task completes courses.
    let learner = number(row, "relateduserid")?.filter(|user| *user > GUEST);
    let by_learning = matches!(&*origin, "web" | "ws" | "cli");
    Ok(reached
        .zip(learner)
        .filter(|_| by_learning)
        .map(|((goal, item), learner)| (learner, item, What::Reached(goal))))
}

/// Users up to this number are nobody: not logged in, or the guest.
const GUEST: u64 = 1;

/// What the level of participation is called.
const PARTICIPATING: u64 = 2;

fn act(row: &impl Columns, origin: &str) -> Result<Option<(u64, Item, What)>, Refusal> {
    let learning = matches!(origin, "web" | "ws") && required(row, "edulevel")? == PARTICIPATING;
    let user = number(row, "userid")?.filter(|user| *user > GUEST);
    let Some(user) = user.filter(|_| learning) else {
        return Ok(None);
    };
    let within = course(row)?.map_or(Item::Site, Item::Course);
    let item = module(row)?.unwrap_or(within);
    Ok(Some((user, item, What::Act)))
}

/// The activity of a course that the row is about, if it is about one.
fn module(row: &impl Columns) -> Result<Option<Item>, Refusal> {
    const MODULE: u64 = 70;
    if number(row, "contextlevel")? != Some(MODULE) {
        return Ok(None);
    }
    Ok(number(row, "contextinstanceid")?.map(Item::Module))
}

/// The course; the site's front page is course 1, which is none.
fn course(row: &impl Columns) -> Result<Option<u64>, Refusal> {
    Ok(number(row, "courseid")?.filter(|course| *course > 1))
}

fn instant(row: &impl Columns, now: Timestamp) -> Result<Timestamp, Refusal> {
    let text = row.text("timecreated");
    if text.is_empty() {
        return Err(missing("timecreated"));
    }
    let seconds = text
        .parse::<i64>()
        .ok()
        .filter(|seconds| (OLDEST_S..=YOUNGEST_S).contains(seconds))
        .ok_or_else(|| {
            Refusal::new(
                "bad_time",
                "is not a number of seconds since 1970, as the table has it; export the column as it is",
            )
            .field("timecreated")
        })?;
    let at = Timestamp::from_seconds(seconds);
    if at.since(now) > AHEAD_MS {
        return Err(Refusal::new(
            Refusal::FUTURE,
            "lies in the future; set the server's clock, then read it again when it is past",
        )
        .field("timecreated"));
    }
    Ok(at)
}

/// A whole number; `None` for nothing and for what tools write instead.
fn number(row: &impl Columns, column: &'static str) -> Result<Option<u64>, Refusal> {
    let text = row.text(column);
    if matches!(&*text, "" | "NULL" | "null" | "\\N") {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| Refusal::new("bad_value", "is no whole number of 0 or more").field(column))
}

fn required(row: &impl Columns, column: &'static str) -> Result<u64, Refusal> {
    number(row, column)?.ok_or_else(|| missing(column))
}

fn missing(column: &'static str) -> Refusal {
    Refusal::new("missing_field", "is empty").field(column)
}

/// What a change of completion reached: `other` tells the new state and whether a teacher set it,
/// as JSON, or in old rows as PHP writes it.
fn completion(other: &str, trust_completions: bool) -> Option<Goal> {
    const STATE: &str = "completionstate";
    const OVERRIDE: &str = "overrideby";
    let member = |name| match serde_json::from_str::<Value>(other) {
        Ok(Value::Object(members)) => match members.get(name)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        },
        _ => php_number(other, name),
    };
    if member(OVERRIDE).is_some_and(|user| user != 0) {
        return None;
    }
    match member(STATE)? {
        1 => trust_completions.then_some(Goal::Completed),
        // A grade passed, which nobody can tick.
        2 => Some(Goal::Passed),
        _ => None,
    }
}

/// A number in an array that PHP serialized: `s:15:"completionstate";i:1;`.
fn php_number(text: &str, name: &str) -> Option<u64> {
    let (_, rest) = text.split_once(&format!("\"{name}\";"))?;
    let value = rest.split(';').next()?;
    let digits = match value.strip_prefix("i:") {
        Some(digits) => digits,
        None => value.strip_prefix("s:")?.split('"').nth(1)?,
    };
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    const NOW: i64 = 1_772_500_000;

    /// A row of a learner's view of an activity, with these columns put in the place of its own.
    fn row(columns: Value) -> Map<String, Value> {
        let mut row = json!({
            "id": "901", "eventname": "\\mod_page\\event\\course_module_viewed", "objectid": "4",
            "edulevel": "2", "contextlevel": "70", "contextinstanceid": "17", "userid": "5",
            "courseid": "3", "relateduserid": null, "anonymous": "0", "other": "N;",
            "timecreated": "1772442000", "origin": "web", "realuserid": "",
        });
        for (name, value) in columns.as_object().unwrap() {
            row[name] = value.clone();
        }
        row.as_object().unwrap().clone()
    }

    fn told(columns: Value) -> Option<(u64, String, What)> {
        let told = read(&row(columns), false, Timestamp::from_seconds(NOW)).unwrap()?;
        Some((told.learner, told.item.id(), told.what))
    }

    #[test]
    fn only_what_a_learner_did_is_an_act() {
        let act = |learner, item: &str| Some((learner, item.to_owned(), What::Act));
        assert_eq!(told(json!({})), act(5, "module:17"));
        assert_eq!(told(json!({"origin": "ws"})), act(5, "module:17"));
        assert_eq!(told(json!({"contextlevel": 50})), act(5, "course:3"));
        assert_eq!(
            told(json!({"contextlevel": 10, "courseid": 1})),
            act(5, "site")
        );
        for nothing in [
            json!({"origin": "cli"}),
            json!({"origin": "restore"}),
            json!({"edulevel": 1}),
            json!({"edulevel": 0}),
            json!({"anonymous": 1}),
            json!({"realuserid": 2}),
            json!({"userid": 0}),
            json!({"userid": 1}),
            json!({"userid": null}),
        ] {
            assert_eq!(told(nothing.clone()), None, "{nothing}");
        }
        assert!(told(json!({"realuserid": "NULL"})).is_some());
        assert!(told(json!({"realuserid": "\\N"})).is_some());
    }

    #[test]
    fn milestones_are_of_the_user_they_relate_to() {
        let completion = |other: Value| {
            told(json!({
                "eventname": "\\core\\event\\course_module_completion_updated",
                "userid": "2", "relateduserid": "5", "other": other,
            }))
        };
        let passed = Some((5, "module:17".to_owned(), What::Reached(Goal::Passed)));
        for other in [
            json!(r#"{"relateduserid":5,"overrideby":null,"completionstate":2}"#),
            json!(r#"{"overrideby":"0","completionstate":"2"}"#),
            json!({"completionstate": 2}),
            json!(r#"a:2:{s:13:"relateduserid";s:1:"5";s:15:"completionstate";i:2;}"#),
            json!(r#"a:2:{s:10:"overrideby";N;s:15:"completionstate";s:1:"2";}"#),
        ] {
            assert_eq!(completion(other.clone()), passed, "{other}");
        }
        for other in [
            json!(r#"{"completionstate":0}"#),
            json!(r#"{"completionstate":1}"#),
            json!(r#"{"completionstate":3}"#),
            json!(r#"{"overrideby":7,"completionstate":2}"#),
            json!(r#"a:2:{s:10:"overrideby";i:7;s:15:"completionstate";i:2;}"#),
            json!("N;"),
            json!(r#"a:1:{s:15:"completionstate";"#),
        ] {
            assert_eq!(completion(other.clone()), None, "{other}");
        }
        let course = json!({"eventname": "\\core\\event\\course_completed", "origin": "cli", "userid": 0, "relateduserid": 5});
        let done = Some((5, "course:3".to_owned(), What::Reached(Goal::Course)));
        assert_eq!(told(course.clone()), done);
        let mut restored = course;
        restored["origin"] = json!("restore");
        assert_eq!(told(restored), None);
        let badge =
            json!({"eventname": "\\core\\event\\badge_awarded", "edulevel": 0, "relateduserid": 5});
        let given = Some((5, "badge:4".to_owned(), What::Reached(Goal::Badge)));
        assert_eq!(told(badge), given);
    }

    #[test]
    fn a_completion_that_may_be_a_tick_counts_only_if_it_is_trusted() {
        let row = row(json!({
            "eventname": "core\\event\\course_module_completion_updated",
            "relateduserid": 5, "other": {"completionstate": 1},
        }));
        let told = |trust| read(&row, trust, Timestamp::from_seconds(NOW)).unwrap();
        assert_eq!(told(false), None);
        let reached = told(true).map(|told| told.what);
        assert_eq!(reached, Some(What::Reached(Goal::Completed)));
    }

    #[test]
    fn what_is_wrong_with_a_row_has_a_code_and_a_column() {
        for (columns, code, field) in [
            (json!({"id": ""}), "missing_field", "id"),
            (json!({"id": "x"}), "bad_value", "id"),
            (json!({"eventname": ""}), "missing_field", "eventname"),
            (json!({"edulevel": ""}), "missing_field", "edulevel"),
            (json!({"userid": "anna"}), "bad_value", "userid"),
            (json!({"userid": "-5"}), "bad_value", "userid"),
            (json!({"timecreated": ""}), "missing_field", "timecreated"),
            (
                json!({"timecreated": "2 March 2026, 9:00 AM"}),
                "bad_time",
                "timecreated",
            ),
            (
                json!({"timecreated": "1772442000000"}),
                "bad_time",
                "timecreated",
            ),
            (json!({"timecreated": 0}), "bad_time", "timecreated"),
            (json!({"timecreated": NOW + 121}), "future", "timecreated"),
        ] {
            let refusal = read(&row(columns.clone()), false, Timestamp::from_seconds(NOW));
            let refusal = refusal.unwrap_err();
            assert_eq!(
                (refusal.code, refusal.field),
                (code, Some(field)),
                "{columns}"
            );
        }
    }
}
