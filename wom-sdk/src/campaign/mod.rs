//! Campaigns: which minutes are worth vouchers of which aim, up to how many, and when.

mod explain;
mod lines;
mod unit;

pub use explain::{Counted, Explanation, Language};
pub use lines::{Hours, Line, Mode};
pub use unit::Unit;

use serde::{Deserialize, Serialize};

use crate::{
    Day, MINUTE_MS, Result, Span, TimeSet, Timestamp, Zone, privacy::Epoch, protocol::Position,
    rules::Judgement,
};

/// A programme that awards minutes: its zone and time, its place, and its lines.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// The name; part of every award's key, so it never changes.
    pub name: String,
    /// The zone whose civil days count.
    pub zone: Zone,
    /// When activity counts.
    pub runs: Span,
    /// How long after its end a unit is judged, milliseconds: late and corrected records arrive
    /// meanwhile. Vouchers cannot be recalled, so patience pays.
    pub settlement_ms: i64,
    /// How long after it was given a minute is still taken in, milliseconds. After the month's end,
    /// this, the settlement delay and three days, the month's pseudonyms are destroyed; what comes
    /// later is refused.
    pub lateness_ms: i64,
    /// Where the vouchers say that the minutes were given.
    pub place: Position,
    /// What is awarded. The order matters for lines that stand instead of others.
    pub lines: Vec<Line>,
    /// When settled minutes become an award with a code.
    pub collect: Collect,
}

/// When settled minutes become an award with a code.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Collect {
    /// When the person asks for them: all that wait become one award. Until then no code exists.
    #[default]
    OnTap,
    /// As soon as they are settled, each unit on its own.
    AtOnce,
    /// As soon as so many minutes wait: all of them become one award. A tap takes fewer.
    AtLeast(u32),
}

/// What is due on one line for one unit.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Due {
    /// The line of the campaign.
    pub line: String,
    /// The day or named thing.
    pub unit: Unit,
    /// Minutes in all, awarded ones included.
    pub minutes: u32,
}

/// What a judgement is worth, and how that came about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assessment {
    /// What is due now.
    pub due: Vec<Due>,
    /// How every unit was counted, settled or not.
    pub counted: Vec<Counted>,
    /// When the next unit settles, where one is waiting.
    pub next: Option<Timestamp>,
}

impl Campaign {
    /// Default settlement delay: 24 hours, as sources synchronise again during a day.
    pub const SETTLEMENT_MS: i64 = 24 * 60 * MINUTE_MS;

    /// Default lateness: 400 days, so that a whole year can be brought in at once. The shorter it
    /// is, the sooner nobody can tell any more who gave which minutes.
    pub const LATENESS_MS: i64 = 400 * 24 * 60 * MINUTE_MS;

    /// A campaign from one day on until just before another, which awards nothing before it has
    /// [lines](Self::with_line): collected on tap, with the default settlement delay and lateness.
    ///
    /// ```
    /// use wom_sdk::{Activity, campaign::{Campaign, Line}};
    ///
    /// let (from, until) = ("2026-03-01".parse()?, "2026-07-01".parse()?);
    /// let (zone, place) = ("Europe/Rome".parse()?, "43.7263,12.6366".parse()?);
    /// let campaign = Campaign::new("spring", zone, from, until, place)?
    ///     .with_line(Line::all_day("bike", "N".parse()?).only([Activity::CYCLING]).instead())
    ///     .with_line(Line::all_day("sport", "H".parse()?).capped(60));
    /// assert_eq!(campaign.lines.len(), 2);
    /// # Ok::<(), wom_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Kind::InputInvalid`](crate::Kind::InputInvalid) if it ends before it begins.
    pub fn new(
        name: impl Into<String>,
        zone: Zone,
        from: Day,
        until: Day,
        place: Position,
    ) -> Result<Self> {
        Ok(Self {
            name: name.into(),
            runs: Span::new(zone.start_of(from), zone.start_of(until))?,
            zone,
            settlement_ms: Self::SETTLEMENT_MS,
            lateness_ms: Self::LATENESS_MS,
            place,
            lines: Vec::new(),
            collect: Collect::OnTap,
        })
    }

    /// Awards by this line too, after those that there are.
    #[must_use]
    pub fn with_line(mut self, line: Line) -> Self {
        self.lines.push(line);
        self
    }

    /// Takes minutes in so many days after they were given.
    #[must_use]
    pub fn with_lateness_days(self, days: u32) -> Self {
        Self {
            lateness_ms: i64::from(days) * 24 * 60 * MINUTE_MS,
            ..self
        }
    }

    /// When an epoch ends for good: its end, or the campaign's, and what may come late.
    pub fn closes(&self, epoch: Epoch) -> Timestamp {
        let end = epoch.span(&self.zone).end().min(self.runs.end());
        end.plus_millis(self.lateness_ms)
            .plus_millis(self.settlement_ms)
            .plus_millis(3 * 24 * 60 * MINUTE_MS)
    }

    /// What a judgement is worth at `now`. Pure, and the floor to minutes is taken once for each
    /// line and day, or line and session.
    pub fn assess(&self, judgement: &Judgement, now: Timestamp) -> Assessment {
        let mut assessment = Assessment::default();
        let mut taken = TimeSet::EMPTY;
        for line in &self.lines {
            let all = line.applies_to(judgement, &self.zone).within(self.runs);
            let (sessions, attended) = self.sessions(line, judgement, &taken);
            for counted in sessions {
                assessment.add(counted, now);
            }
            let own = all.difference(&taken).difference(&attended);
            if line.mode == Mode::Instead {
                taken = taken.union(&all).union(&attended);
            }
            for (day, time) in self.by_day(&own) {
                let ends = self.zone.start_of(day.next());
                let counted = Counted {
                    settles: ends.plus_millis(self.settlement_ms),
                    ..line.count_time(Unit::Day(day), &time)
                };
                assessment.add(counted, now);
            }
            if !line.milestones {
                continue;
            }
            for reached in judgement
                .milestones
                .iter()
                .filter(|m| self.runs.contains(m.at))
            {
                let counted = Counted {
                    settles: reached.at.plus_millis(self.settlement_ms),
                    ..line.count_milestone(reached)
                };
                assessment.add(counted, now);
            }
        }
        assessment
    }

    /// What each session is worth on a line beside the time that is taken, and the time that they hold.
    fn sessions(
        &self,
        line: &Line,
        judgement: &Judgement,
        taken: &TimeSet,
    ) -> (Vec<Counted>, TimeSet) {
        let mut counted = Vec::new();
        let mut attended = TimeSet::EMPTY;
        for session in &judgement.sessions {
            let (start, end) = (session.window.start(), session.window.end());
            if !self.runs.contains(start) {
                continue;
            }
            let all = line.applies_to_session(session, &self.zone);
            let own = all.difference(taken).difference(&attended);
            attended = attended.union(&all);
            if !own.is_empty() {
                counted.push(Counted {
                    settles: end.plus_millis(self.settlement_ms),
                    reached: Some(start),
                    ..line.count_time(Unit::Session(session.name.clone()), &own)
                });
            }
        }
        (counted, attended)
    }

    /// The instant that vouchers of a unit carry: the first of the campaign's day, never the
    /// activity's own.
    pub(crate) fn voucher_time(
        &self,
        unit: &Unit,
        reached: Option<Timestamp>,
        now: Timestamp,
    ) -> Timestamp {
        match unit {
            Unit::Day(day) => self.zone.start_of(*day),
            Unit::Named(_) | Unit::Session(_) => {
                self.zone.start_of(self.zone.day(reached.unwrap_or(now)))
            }
        }
    }

    fn by_day(&self, time: &TimeSet) -> Vec<(Day, TimeSet)> {
        let Some(extent) = time.extent() else {
            return Vec::new();
        };
        let mut days = Vec::new();
        let mut rest = time.spans();
        let mut from = extent.start();
        while let Some(first) = rest.first() {
            let day = self.zone.day(first.start().max(from));
            let (start, end) = (self.zone.start_of(day), self.zone.start_of(day.next()));
            let today = Span::starting(start, end.since(start).max(1));
            let of_day = time.within(today);
            if !of_day.is_empty() {
                days.push((day, of_day));
            }
            from = today.end();
            rest = &rest[rest.partition_point(|span| span.end() <= from)..];
        }
        days
    }
}

impl Assessment {
    fn add(&mut self, counted: Counted, now: Timestamp) {
        let settles = counted.settles;
        if settles > now {
            self.next = Some(self.next.map_or(settles, |next| next.min(settles)));
        } else if counted.minutes > 0 {
            self.due.push(Due {
                line: counted.line.clone(),
                unit: counted.unit.clone(),
                minutes: counted.minutes,
            });
        }
        self.counted.push(counted);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Activity,
        rules::{Attended, Evidence, Reached},
    };

    fn campaign(lines: Vec<Line>) -> Campaign {
        Campaign {
            name: "test".to_owned(),
            zone: "Europe/Rome".parse().unwrap(),
            runs: Span::new(Timestamp::MIN, Timestamp::MAX).unwrap(),
            settlement_ms: 0,
            lateness_ms: Campaign::LATENESS_MS,
            collect: Collect::AtOnce,
            place: Position::new(43.72, 12.63).unwrap(),
            lines,
        }
    }

    fn span(start: &str, end: &str) -> Span {
        Span::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
    }

    fn judged(activity: Activity, spans: &[Span]) -> Judgement {
        let time = spans.iter().copied().collect();
        Judgement {
            evidence: vec![Evidence { activity, time }],
            ..Judgement::default()
        }
    }

    fn minutes(campaign: &Campaign, judgement: &Judgement) -> Vec<(String, String, u32)> {
        campaign
            .assess(judgement, Timestamp::MAX)
            .due
            .into_iter()
            .map(|due| (due.line, due.unit.to_string(), due.minutes))
            .collect()
    }

    #[test]
    fn midnight_of_the_campaign_divides_and_each_day_is_rounded_once() {
        let campaign = campaign(vec![Line::all_day("health", "H".parse().unwrap())]);
        // 22:59:30Z to 23:01:45Z in winter: 30 s before and 105 s after midnight in Rome.
        let night = judged(
            Activity::WALKING,
            &[
                span("2026-01-10T22:59:30Z", "2026-01-10T23:01:45Z"),
                span("2026-01-10T08:00:00Z", "2026-01-10T08:00:30Z"),
            ],
        );
        assert_eq!(
            minutes(&campaign, &night),
            [
                ("health".into(), "2026-01-10".into(), 1),
                ("health".into(), "2026-01-11".into(), 1)
            ]
        );
    }

    #[test]
    fn the_night_with_25_hours_counts_real_minutes() {
        let campaign = campaign(vec![Line::all_day("health", "H".parse().unwrap())]);
        let all_day = judged(
            Activity::WALKING,
            &[span("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")],
        );
        assert_eq!(
            minutes(&campaign, &all_day),
            [("health".into(), "2026-10-25".into(), 1500)]
        );
    }

    #[test]
    fn a_line_instead_takes_its_minutes_away_from_the_next() {
        let mut mobility = Line::all_day("mobility", "UM".parse().unwrap());
        mobility.mode = Mode::Instead;
        mobility.activities = vec![Activity::CYCLING];
        mobility.hours = vec![Hours::new("07:00", "09:00").unwrap()];
        let campaign = campaign(vec![
            mobility,
            Line::all_day("health", "H".parse().unwrap()),
        ]);
        let ride = judged(
            Activity::CYCLING,
            &[span("2026-01-12T07:30:00Z", "2026-01-12T08:30:00Z")],
        );
        assert_eq!(
            minutes(&campaign, &ride),
            [
                ("mobility".into(), "2026-01-12".into(), 30),
                ("health".into(), "2026-01-12".into(), 30)
            ]
        );
    }

    #[test]
    fn unpaid_start_cap_and_rounding_follow_each_other() {
        let mut line = Line::all_day("health", "H".parse().unwrap());
        line.unpaid_start_minutes = 10;
        line.cap_minutes = Some(44);
        line.round_to_minutes = 5;
        let campaign = campaign(vec![line]);
        let hour = |end| judged(Activity::WALKING, &[span("2026-01-12T07:00:00Z", end)]);
        let due = |end| {
            campaign
                .assess(&hour(end), Timestamp::MAX)
                .due
                .first()
                .map(|due| due.minutes)
        };
        assert_eq!(due("2026-01-12T07:14:59Z"), None);
        assert_eq!(due("2026-01-12T07:15:00Z"), Some(5));
        assert_eq!(due("2026-01-12T09:00:00Z"), Some(40));
    }

    fn session(name: &str, window: Span, time: &[Span]) -> Attended {
        Attended {
            name: name.to_owned(),
            activity: Activity::ATTENDING,
            window,
            time: time.iter().copied().collect(),
        }
    }

    #[test]
    fn a_session_is_one_unit_across_midnight_and_the_end_of_the_month() {
        let mut campaign = campaign(vec![Line::all_day("culture", "C".parse().unwrap())]);
        campaign.settlement_ms = 30 * MINUTE_MS;
        // The campaign as it is for the pseudonyms of January alone.
        campaign.runs = span("2025-12-31T23:00:00Z", "2026-01-31T23:00:00Z");
        let window = span("2026-01-31T22:00:00Z", "2026-02-01T00:00:00Z");
        let there = [
            span("2026-01-31T22:10:30Z", "2026-01-31T23:00:00Z"),
            span("2026-01-31T23:15:00Z", "2026-02-01T00:00:00Z"),
        ];
        let night = Judgement {
            sessions: vec![session("session:a", window, &there)],
            ..Judgement::default()
        };
        let due = [("culture".into(), "@session:a".into(), 94)];
        assert_eq!(minutes(&campaign, &night), due);
        let before = campaign.assess(&night, "2026-02-01T00:29:59Z".parse().unwrap());
        assert!(before.due.is_empty());
        assert_eq!(before.next, Some("2026-02-01T00:30:00Z".parse().unwrap()));
        let unit = Unit::Session("session:a".to_owned());
        let begins = Some(window.start());
        let at = campaign.voucher_time(&unit, begins, Timestamp::MAX);
        assert_eq!(at, "2026-01-30T23:00:00Z".parse().unwrap());
        // It began in January, so February knows nothing of it.
        campaign.runs = span("2026-01-31T23:00:00Z", "2026-02-28T23:00:00Z");
        assert!(minutes(&campaign, &night).is_empty());
    }

    #[test]
    fn a_minute_in_a_session_counts_once_on_a_line_and_is_capped_there() {
        let mut volunteering = Line::all_day("shift", "S".parse().unwrap());
        volunteering.mode = Mode::Instead;
        volunteering.cap_minutes = Some(45);
        let campaign = campaign(vec![
            volunteering,
            Line::all_day("rest", "C".parse().unwrap()),
        ]);
        let hour = span("2026-01-12T07:00:00Z", "2026-01-12T08:00:00Z");
        let judgement = Judgement {
            sessions: vec![session("a", hour, &[hour]), session("b", hour, &[hour])],
            ..judged(Activity::WALKING, &[hour])
        };
        let due = [("shift".into(), "@a".into(), 45)];
        assert_eq!(minutes(&campaign, &judgement), due);
    }

    #[test]
    fn nothing_is_due_before_it_settles() {
        let mut campaign = campaign(vec![Line::all_day("health", "H".parse().unwrap())]);
        campaign.settlement_ms = Campaign::SETTLEMENT_MS;
        let judgement = Judgement {
            milestones: vec![Reached {
                name: "exam".to_owned(),
                at: "2026-01-12T10:00:00Z".parse().unwrap(),
                minutes: 90,
            }],
            ..judged(
                Activity::WALKING,
                &[span("2026-01-12T07:00:00Z", "2026-01-12T08:00:00Z")],
            )
        };
        let at = |now: &str| campaign.assess(&judgement, now.parse().unwrap());
        let early = at("2026-01-13T09:59:59Z");
        assert!(early.due.is_empty());
        assert_eq!(early.next, Some("2026-01-13T10:00:00Z".parse().unwrap()));
        assert_eq!(at("2026-01-13T10:00:00Z").due.len(), 1);
        assert_eq!(at("2026-01-13T23:00:00Z").due.len(), 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        /// The oracle walks the seconds of ten days one by one.
        #[test]
        fn agrees_with_a_second_by_second_count(
            spans in prop::collection::vec((0_i64..864_000, 0_i64..20_000), 0..15),
            cap in prop::option::of(1_u32..300),
            unpaid in 0_u32..30,
        ) {
            // Ten days around the night with 23 hours.
            let origin: Timestamp = "2026-03-25T00:00:00Z".parse().unwrap();
            let mut line = Line::all_day("health", "H".parse().unwrap());
            line.cap_minutes = cap;
            line.unpaid_start_minutes = unpaid;
            let campaign = campaign(vec![line]);
            let spans: Vec<_> = spans
                .into_iter()
                .map(|(start, s)| Span::starting(origin.plus_millis(start * 1000), s * 1000))
                .collect();
            let mut naive = std::collections::BTreeMap::<Day, u32>::new();
            for second in 0..900_000 {
                let at = origin.plus_millis(second * 1000);
                if spans.iter().any(|span| span.contains(at)) {
                    *naive.entry(campaign.zone.day(at)).or_default() += 1;
                }
            }
            let expected: Vec<_> = naive
                .into_iter()
                .map(|(day, s)| (day, (s / 60).saturating_sub(unpaid).min(cap.unwrap_or(u32::MAX))))
                .filter(|(_, minutes)| *minutes > 0)
                .map(|(day, minutes)| ("health".to_owned(), day.to_string(), minutes))
                .collect();
            prop_assert_eq!(minutes(&campaign, &judged(Activity::WALKING, &spans)), expected);
        }
    }
}
