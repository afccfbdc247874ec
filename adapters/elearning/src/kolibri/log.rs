//! The rows of Kolibri's logs, whichever way they come, and their times.

use wom_sdk::{Digest, Span, Subject, Timestamp, instrument::Refusal};

use crate::{Source, source::account, time};

/// How far ahead of ours the server's clock may be.
const AHEAD_MS: i64 = 120_000;

/// The longest visit that is believed to be one.
const VISIT_MAX_MS: i64 = 31 * 86_400_000;

/// A learner: a name within a facility.
#[derive(Clone, Eq, PartialEq)]
pub(super) struct Learner {
    pub(super) facility: String,
    pub(super) username: String,
}

impl Learner {
    /// The learner, or why nobody is meant.
    pub(super) fn new(facility: &str, username: &str) -> Result<Self, Refusal> {
        if username.is_empty() || facility.is_empty() {
            return Err(Refusal::new(
                "unattributed",
                "nobody was logged in during this visit, so its time is nobody's",
            ));
        }
        if facility.len() + username.len() > 250 {
            return Err(Refusal::new(
                "bad_value",
                "the names of facility and user are longer than Kolibri allows",
            ));
        }
        Ok(Self {
            facility: facility.to_owned(),
            username: username.to_owned(),
        })
    }

    /// The learner, as the same in the exports and in the data base.
    pub(super) fn subject(&self) -> Result<Subject, Refusal> {
        account(&format!("kolibri:{}", self.facility), &self.username)
    }
}

/// One visit of one learner to one resource, as far as it has gone.
pub(super) struct Visit {
    pub(super) learner: Learner,
    pub(super) content: String,
    pub(super) within: Span,
    /// What the learner's browser counted while the page was to be seen.
    pub(super) claimed_ms: i64,
}

impl Visit {
    /// The visit; what it says of itself is checked.
    pub(super) fn new(
        learner: Learner,
        content: &str,
        start: Timestamp,
        end: Timestamp,
        claimed_s: f64,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let within = Span::new(start, end)
            .map_err(|_| Refusal::new("bad_time", "the visit ends before it begins"))?;
        if within.millis() > VISIT_MAX_MS {
            return Err(Refusal::new(
                "too_long",
                "the visit lasts more than 31 days, so one of its times is wrong",
            ));
        }
        in_the_past(end, now)?;
        if !claimed_s.is_finite() || claimed_s < 0.0 {
            return Err(Refusal::new(
                "bad_value",
                "the time spent is no number of seconds of 0 or more",
            ));
        }
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a float's cast stops at the bounds of the integer"
        )]
        let claimed_ms = (claimed_s * 1000.0).round() as i64;
        Ok(Self {
            learner,
            content: content_id(content)?,
            within,
            claimed_ms,
        })
    }

    /// What names the visit for ever; its end and its seconds still grow.
    pub(super) fn key(&self, source: &Source) -> Digest {
        source.key(&[
            "kolibri.visit",
            &self.learner.facility,
            &self.learner.username,
            &self.content,
            &self.within.start().to_string(),
        ])
    }

    /// Grows with the end, and with the seconds where the end is the same.
    pub(super) fn revision(&self) -> u64 {
        const SECONDS: u64 = 1 << 20;
        let end = u64::try_from(self.within.end().as_millis()).unwrap_or(0);
        let seconds = u64::try_from(self.claimed_ms / 1000).unwrap_or(0);
        end * SECONDS + seconds.min(SECONDS - 1)
    }
}

/// A resource that a learner completed.
pub(super) struct Completion {
    pub(super) learner: Learner,
    pub(super) content: String,
    pub(super) at: Timestamp,
}

impl Completion {
    /// The completion; what it says of itself is checked.
    pub(super) fn new(
        learner: Learner,
        content: &str,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        in_the_past(at, now)?;
        Ok(Self {
            learner,
            content: content_id(content)?,
            at,
        })
    }

    /// What names the completion: a learner completes a resource once.
    pub(super) fn key(&self, source: &Source) -> Digest {
        source.key(&[
            "kolibri.completion",
            &self.learner.facility,
            &self.learner.username,
            &self.content,
        ])
    }
}

/// What a row of either log brings.
pub(super) enum Row {
    Visit(Visit),
    Completion(Completion),
}

/// A learner's row, or the refusal of one who teaches or runs the place.
pub(super) fn not_staff(staff: bool) -> Result<(), Refusal> {
    if staff {
        return Err(Refusal::new(
            "not_a_learner",
            "the user is no learner but a coach or an administrator, whose time is not rewarded",
        ));
    }
    Ok(())
}

/// A time in an export: `2026-03-02 09:00:30.026157+03:00`.
pub(super) fn exported(text: &str, field: &'static str) -> Result<Timestamp, Refusal> {
    time::instant(text, None).map_err(|refusal| refusal.field(field))
}

/// A time in the data base: `2026-03-02 06:00:30.026157(Africa/Nairobi)`, whose digits are UTC
/// whatever zone stands behind them.
pub(super) fn stored(text: &str, field: &'static str) -> Result<Timestamp, Refusal> {
    match text.split_once('(') {
        Some((digits, zone)) if zone.ends_with(')') => exported(&format!("{digits}Z"), field),
        _ => exported(text, field),
    }
}

fn in_the_past(at: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    if at.since(now) > AHEAD_MS {
        return Err(Refusal::new(
            "future",
            "the row lies in the future; set the clock of the Kolibri device, then read it again when it is past",
        ));
    }
    Ok(())
}

fn content_id(text: &str) -> Result<String, Refusal> {
    let fits = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !fits {
        return Err(Refusal::new(
            "bad_value",
            "the content id is not one of Kolibri's",
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_digits_in_the_data_base_are_utc_whatever_zone_follows() {
        let expected = at("2026-04-13T06:00:30.026Z");
        for text in [
            "2026-04-13 06:00:30.026157(Africa/Nairobi)",
            "2026-04-13 06:00:30.026157(UTC)",
            "2026-04-13 09:00:30.026157+03:00",
        ] {
            assert_eq!(stored(text, "f").unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_time_without_a_zone_and_no_time_at_all_are_told_apart() {
        for (text, code) in [
            ("2026-04-13 06:00:30", "no_zone"),
            ("2026-04-13T06:00:30.1", "no_zone"),
            ("", "bad_time"),
            ("yesterday", "bad_time"),
            ("2026-02-30 06:00:30(UTC)", "bad_time"),
            ("2026-04-13 06:00:30+03:00(UTC)", "bad_time"),
            ("2026-04-13 06:00:30-03:00(UTC)", "bad_time"),
            ("2026-04-13 06:00:30(UTC", "bad_time"),
            ("2026-04-13(UTC", "bad_time"),
            ("1772355600", "bad_time"),
        ] {
            let refusal = stored(text, "f").unwrap_err();
            assert_eq!((refusal.code, refusal.field), (code, Some("f")), "{text}");
        }
    }

    #[test]
    fn a_visit_that_grew_has_a_higher_revision_and_the_same_key() {
        let learner = || Learner::new("Ridge", "ann").unwrap();
        let visit = |end: &str, seconds: f64| {
            let start = at("2026-03-02T08:00:00Z");
            Visit::new(learner(), "c", start, at(end), seconds, at(end)).unwrap()
        };
        let first = visit("2026-03-02T08:02:00Z", 119.9);
        let second = visit("2026-03-02T08:02:00Z", 120.0);
        let third = visit("2026-03-02T08:02:01Z", 0.0);
        assert!(first.revision() < second.revision());
        assert!(second.revision() < third.revision());
        let source = Source::new("lms", &[""; 0], false).unwrap();
        assert_eq!(first.key(&source), third.key(&source));
        let endless = visit("2026-03-02T08:02:00Z", 1e300);
        assert_eq!(endless.claimed_ms, i64::MAX);
        assert!(endless.revision() < third.revision());
    }

    #[test]
    fn what_cannot_be_a_visit_is_refused() {
        let now = at("2026-03-05T00:00:00Z");
        let code = |content: &str, start: &str, end: &str, seconds: f64| {
            let learner = Learner::new("Ridge", "ann").unwrap();
            Visit::new(learner, content, at(start), at(end), seconds, now)
                .err()
                .map(|refusal| refusal.code)
        };
        let (a, b) = ("2026-03-02T08:00:00Z", "2026-03-02T09:00:00Z");
        assert_eq!(code("c", a, b, 60.0), None);
        assert_eq!(code("c", a, a, 60.0), None);
        assert_eq!(code("c", b, a, 60.0), Some("bad_time"));
        assert_eq!(code("c", "2026-01-02T08:00:00Z", b, 60.0), Some("too_long"));
        assert_eq!(code("c", a, "2026-03-05T00:02:00Z", 60.0), None);
        assert_eq!(code("c", a, "2026-03-05T00:02:01Z", 60.0), Some("future"));
        for seconds in [-1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(code("c", a, b, seconds), Some("bad_value"));
        }
        for content in ["", "a b", &"c".repeat(65)] {
            assert_eq!(code(content, a, b, 1.0), Some("bad_value"));
        }
        assert_eq!(Learner::new("", "").err().unwrap().code, "unattributed");
        assert_eq!(
            Learner::new("Ridge", "").err().unwrap().code,
            "unattributed"
        );
    }
}
