//! What Moodle's web service tells of learners and of what they completed.

use serde_json::Value;
use wom_sdk::{Timestamp, instrument::Refusal, observation::Goal};

use super::row::AHEAD_MS;

/// Roles that do not learn.
const TEACHING: [&str; 4] = ["coursecreator", "editingteacher", "manager", "teacher"];

/// The learners among a course's users, by `core_enrol_get_enrolled_users`, and how many users there
/// are; `None` if it is no answer of that function.
pub(super) fn learners(answer: &Value) -> Option<(Vec<u64>, usize)> {
    let users = answer.as_array()?;
    let mut learners = Vec::new();
    for user in users {
        let id = user.get("id")?.as_u64()?;
        let roles = user.get("roles").and_then(Value::as_array);
        let teaches = roles.into_iter().flatten().any(|role| {
            let name = role.get("shortname").and_then(Value::as_str);
            name.is_some_and(|name| TEACHING.contains(&name))
        });
        if id > 1 && !teaches {
            learners.push(id);
        }
    }
    Some((learners, users.len()))
}

/// An activity that a learner completed, by its course module.
#[derive(Debug, PartialEq)]
pub(super) struct Completion {
    pub(super) module: u64,
    pub(super) at: Timestamp,
    pub(super) goal: Goal,
}

/// What a learner completed in a course, by `core_completion_get_activities_completion_status`.
/// What the learner ticked off and what a teacher set is no milestone.
///
/// # Errors
/// The refusal of a status that is none, without the place; of the whole if it is no answer.
pub(super) fn completions(
    answer: &Value,
    now: Timestamp,
) -> Result<Vec<Result<Completion, Refusal>>, Refusal> {
    let statuses = answer.get("statuses").and_then(Value::as_array);
    let statuses = statuses.ok_or_else(|| {
        Refusal::new(
            "bad_answer",
            "the web service answers without the statuses of a learner; check its version and the functions of the service",
        )
    })?;
    let found = statuses.iter().map(|status| completion(status, now));
    Ok(found.filter_map(Result::transpose).collect())
}

fn completion(status: &Value, now: Timestamp) -> Result<Option<Completion>, Refusal> {
    const AUTOMATIC: u64 = 2;
    let number = |name: &'static str| {
        let value = status.get(name).and_then(Value::as_u64);
        value
            .ok_or_else(|| Refusal::new("bad_value", "is no whole number of 0 or more").field(name))
    };
    let goal = match number("state")? {
        1 => Goal::Completed,
        2 => Goal::Passed,
        _ => return Ok(None),
    };
    // Versions before 4.1 do not say `isautomatic`.
    let by_hand =
        number("tracking")? != AUTOMATIC || status.get("isautomatic") == Some(&false.into());
    let overridden = !matches!(
        status.get("overrideby").map(|by| by.as_u64().unwrap_or(0)),
        None | Some(0)
    );
    if by_hand || overridden {
        return Ok(None);
    }
    let at = i64::try_from(number("timecompleted")?).unwrap_or(i64::MAX);
    if at == 0 {
        return Ok(None);
    }
    let at = Timestamp::from_seconds(at);
    if at.since(now) > AHEAD_MS {
        return Err(Refusal::new(
            Refusal::FUTURE,
            "lies in the future; set the server's clock",
        )
        .field("timecompleted"));
    }
    let module = number("cmid")?;
    Ok(Some(Completion { module, at, goal }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn goals(status: Value) -> Vec<Result<Goal, &'static str>> {
        let mut whole = json!({
            "cmid": 17, "modname": "quiz", "instance": 4, "state": 1,
            "timecompleted": 1_772_442_000, "tracking": 2,
        });
        for (name, value) in status.as_object().unwrap() {
            whole[name] = value.clone();
        }
        let answer = json!({"statuses": [whole], "warnings": []});
        let found = completions(&answer, Timestamp::from_seconds(1_772_500_000)).unwrap();
        let found = found.into_iter();
        found
            .map(|one| one.map(|one| one.goal).map_err(|refusal| refusal.code))
            .collect()
    }

    #[test]
    fn ticks_and_overrides_are_no_milestones() {
        assert_eq!(goals(json!({})), [Ok(Goal::Completed)]);
        assert_eq!(
            goals(json!({"state": 2, "isautomatic": true})),
            [Ok(Goal::Passed)]
        );
        assert_eq!(goals(json!({"overrideby": null})), [Ok(Goal::Completed)]);
        for nothing in [
            json!({"state": 0}),
            json!({"state": 3}),
            json!({"tracking": 1}),
            json!({"tracking": 0}),
            json!({"isautomatic": false}),
            json!({"overrideby": 2}),
            json!({"timecompleted": 0}),
        ] {
            assert_eq!(goals(nothing.clone()), [], "{nothing}");
        }
        assert_eq!(
            goals(json!({"timecompleted": 1_772_500_121})),
            [Err("future")]
        );
        assert_eq!(goals(json!({"timecompleted": u64::MAX})), [Err("future")]);
        assert_eq!(goals(json!({"state": "1"})), [Err("bad_value")]);
        assert_eq!(goals(json!({"cmid": -1})), [Err("bad_value")]);
    }

    #[test]
    fn whoever_teaches_is_no_learner() {
        let role = |name: &str| json!([{"roleid": 5, "shortname": name}]);
        let answer = json!([
            {"id": 1}, {"id": 5, "roles": role("student")}, {"id": 2, "roles": role("editingteacher")}, {"id": 6},
        ]);
        assert_eq!(learners(&answer), Some((vec![5, 6], 4)));
        assert_eq!(learners(&json!([{"name": "x"}])), None);
        assert_eq!(learners(&json!({})), None);
        let now = Timestamp::EPOCH;
        assert_eq!(completions(&json!([]), now).unwrap_err().code, "bad_answer");
    }
}
