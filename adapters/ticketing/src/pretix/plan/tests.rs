use proptest::prelude::*;

use super::*;
use crate::pretix::{
    config::{PretixConfig, Terms},
    name::Slug,
    wire::ProgramTime,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn span(start: &str, end: &str) -> Span {
    Span::new(at(start), at(end)).unwrap()
}

fn event(from: &str, to: Option<&str>) -> Event {
    Event {
        slug: Slug::new("e").unwrap(),
        date_from: at(from),
        date_to: to.map(at),
        has_subevents: false,
        timezone: rome(),
    }
}

fn item(times: &[(&str, &str)]) -> Item {
    let times = times.iter().map(|(start, end)| ProgramTime {
        start: at(start),
        end: Some(at(end)),
    });
    Item {
        id: 1,
        admission: true,
        program_times: times.collect(),
    }
}

fn rome() -> Zone {
    "Europe/Rome".parse().unwrap()
}

fn sessions(plan: &Plan, scans: &[&str]) -> Vec<Session> {
    let scans: Vec<_> = scans.iter().map(|text| at(text)).collect();
    let terms = Terms::new(&PretixConfig::default()).unwrap();
    plan.sessions((None, None), &scans, &terms.day_start, &rome())
        .unwrap()
}

#[test]
fn the_programme_goes_before_the_event_and_its_breaks_do_not_count() {
    let evening = event("2026-11-20T19:30:00Z", Some("2026-11-20T21:45:00Z"));
    let plan = Plan::new(&evening, None, &item(&[]), None).unwrap();
    assert_eq!(
        sessions(&plan, &[])[0].slots,
        [span("2026-11-20T19:30:00Z", "2026-11-20T21:45:00Z")]
    );
    let acts = item(&[
        ("2026-11-20T21:00:00Z", "2026-11-20T21:45:00Z"),
        ("2026-11-20T19:30:00Z", "2026-11-20T20:30:00Z"),
    ]);
    let plan = Plan::new(&evening, None, &acts, None).unwrap();
    assert_eq!(
        sessions(&plan, &[])[0].slots,
        [
            span("2026-11-20T19:30:00Z", "2026-11-20T20:30:00Z"),
            span("2026-11-20T21:00:00Z", "2026-11-20T21:45:00Z"),
        ]
    );
}

#[test]
fn without_an_end_only_a_nominal_time_helps() {
    let open = event("2026-11-20T19:30:00Z", None);
    let plan = |nominal| Plan::new(&open, None, &item(&[]), nominal);
    assert_eq!(plan(None).unwrap_err(), Unplanned::NoEnd);
    assert_eq!(
        sessions(&plan(Some(5_400_000)).unwrap(), &[])[0].slots,
        [span("2026-11-20T19:30:00Z", "2026-11-20T21:00:00Z")]
    );
    let wrong = event("2026-11-20T19:30:00Z", Some("2026-11-20T19:30:00Z"));
    let plan = Plan::new(&wrong, None, &item(&[]), Some(60_000));
    assert_eq!(plan.unwrap_err(), Unplanned::Backwards);
}

#[test]
fn a_series_has_the_times_of_its_dates_and_no_other() {
    let mut series = event("2026-01-01T00:00:00Z", None);
    series.has_subevents = true;
    let plan = |date| Plan::new(&series, date, &item(&[]), None);
    assert_eq!(plan(None).unwrap_err(), Unplanned::NoDate);
    let date = Subevent {
        id: 3,
        date_from: at("2026-03-01T18:00:00Z"),
        date_to: Some(at("2026-03-01T20:00:00Z")),
    };
    let slots = &sessions(&plan(Some(&date)).unwrap(), &[])[0].slots;
    assert_eq!(
        slots,
        &[span("2026-03-01T18:00:00Z", "2026-03-01T20:00:00Z")]
    );
}

#[test]
fn what_is_open_for_long_is_one_session_for_each_day_with_a_scan() {
    let festival = event("2026-06-05T10:00:00Z", Some("2026-06-08T00:00:00Z"));
    let plan = Plan::new(&festival, None, &item(&[]), None).unwrap();
    assert!(plan.is_long());
    assert!(sessions(&plan, &[]).is_empty());
    // Into the night of the 6th, by the clock of Rome already the 7th.
    let days = sessions(&plan, &["2026-06-06T20:00:00Z", "2026-06-07T00:30:00Z"]);
    assert_eq!(days.len(), 1);
    assert_eq!(days[0].day.unwrap().to_string(), "2026-06-06");
    assert!(days[0].is_cut);
    assert_eq!(
        days[0].slots,
        [span("2026-06-06T02:00:00Z", "2026-06-07T02:00:00Z")]
    );
    // The first day begins when the festival does.
    let days = sessions(&plan, &["2026-06-05T12:00:00Z"]);
    assert_eq!(
        days[0].slots,
        [span("2026-06-05T10:00:00Z", "2026-06-06T02:00:00Z")]
    );
}

#[test]
fn a_programme_of_several_days_is_a_session_for_each_day_of_it() {
    let whole = event("2026-06-05T07:00:00Z", Some("2026-06-06T15:00:00Z"));
    let days = item(&[
        ("2026-06-05T07:00:00Z", "2026-06-05T15:00:00Z"),
        ("2026-06-06T07:00:00Z", "2026-06-06T10:00:00Z"),
        ("2026-06-06T12:00:00Z", "2026-06-06T15:00:00Z"),
    ]);
    let plan = Plan::new(&whole, None, &days, None).unwrap();
    let found = sessions(&plan, &["2026-06-06T06:50:00Z"]);
    let second = found.iter().find(|it| it.slots.len() == 2).unwrap();
    assert_eq!(second.day.unwrap().to_string(), "2026-06-06");
    assert!(!second.is_cut, "its policy is the ordinary one");
}

#[test]
fn a_workshop_at_a_festival_is_at_the_session_of_its_day() {
    let festival = event("2026-06-05T10:00:00Z", Some("2026-06-08T00:00:00Z"));
    let workshop = item(&[("2026-06-06T12:00:00Z", "2026-06-06T14:00:00Z")]);
    let plan = Plan::new(&festival, None, &workshop, None).unwrap();
    let days = sessions(&plan, &["2026-06-06T11:55:00Z"]);
    assert_eq!(days.len(), 1);
    assert_eq!(days[0].day.unwrap().to_string(), "2026-06-06");
    assert!(!days[0].is_cut);
    assert_eq!(
        days[0].slots,
        [span("2026-06-06T12:00:00Z", "2026-06-06T14:00:00Z")]
    );
}

#[test]
fn a_ticket_counts_while_it_is_valid() {
    let festival = event("2026-06-05T10:00:00Z", Some("2026-06-08T00:00:00Z"));
    let plan = Plan::new(&festival, None, &item(&[]), None).unwrap();
    let terms = Terms::new(&PretixConfig::default()).unwrap();
    let look = |from: &str, until: &str, scan: &str| {
        let valid = (Some(at(from)), Some(at(until)));
        plan.sessions(valid, &[at(scan)], &terms.day_start, &rome())
    };
    let day = look(
        "2026-06-06T10:00:00Z",
        "2026-06-06T12:00:00Z",
        "2026-06-06T09:00:00Z",
    );
    let day = day.unwrap();
    assert_eq!(
        day[0].slots,
        [span("2026-06-06T10:00:00Z", "2026-06-06T12:00:00Z")]
    );
    assert!(day[0].is_cut, "it stays cut, however short");
    let late = look(
        "2026-07-01T00:00:00Z",
        "2026-07-02T00:00:00Z",
        "2026-06-06T09:00:00Z",
    );
    assert_eq!(late.unwrap_err(), Unplanned::NotValidThen);
    let turned = look(
        "2026-06-07T00:00:00Z",
        "2026-06-06T00:00:00Z",
        "2026-06-06T09:00:00Z",
    );
    assert_eq!(turned.unwrap_err(), Unplanned::NotValidThen);
}

#[test]
fn the_day_of_25_hours_is_a_session_of_24() {
    let fair = event("2026-10-20T08:00:00Z", Some("2026-10-30T08:00:00Z"));
    let plan = Plan::new(&fair, None, &item(&[]), None).unwrap();
    let days = sessions(&plan, &["2026-10-24T12:00:00Z"]);
    assert_eq!(days[0].slots[0].millis(), Attendance::LONGEST_SLOT_MS);
}

/// Within a fortnight around the end of October, when the clocks of Rome go back; in minutes.
fn minute() -> impl Strategy<Value = Timestamp> {
    let first = at("2026-10-20T00:00:00Z");
    (0_i64..14 * 1440).prop_map(move |minutes| first.plus_millis(minutes * 60_000))
}

proptest! {
    #[test]
    fn sessions_are_apart_within_the_plan_and_while_the_ticket_is_valid(
        from in minute(),
        long in 1_i64..9 * 1440,
        programme in prop::collection::vec((minute(), 1_i64..3 * 1440), 0..5),
        valid in (prop::option::of(minute()), prop::option::of(minute())),
        mut scans in prop::collection::vec(minute(), 0..6),
        hour in 0_u8..24,
    ) {
        let mut it = event("2026-01-01T00:00:00Z", None);
        (it.date_from, it.date_to) = (from, Some(from.plus_millis(long * 60_000)));
        let mut product = item(&[]);
        product.program_times = programme.iter().map(|(start, minutes)| ProgramTime {
            start: *start,
            end: Some(start.plus_millis(minutes * 60_000)),
        }).collect();
        let config = PretixConfig { day_start: format!("{hour:02}:30"), ..PretixConfig::default() };
        let day_start = Terms::new(&config).unwrap().day_start;
        let plan = Plan::new(&it, None, &product, None).unwrap();
        scans.sort_unstable();
        let found = plan.sessions(valid, &scans, &day_start, &rome());
        let planned: TimeSet = plan.slots.iter().copied().collect();
        let good = Span::new(valid.0.unwrap_or(Timestamp::MIN), valid.1.unwrap_or(Timestamp::MAX));
        let Ok(found) = found else {
            prop_assert!(good.is_err() || planned.within(good.unwrap()).is_empty());
            return Ok(());
        };
        let mut all = TimeSet::EMPTY;
        for session in &found {
            let mine: TimeSet = session.slots.iter().copied().collect();
            prop_assert!(!mine.is_empty());
            prop_assert!(mine.difference(&planned).is_empty(), "outside of the plan");
            prop_assert_eq!(mine.within(good.clone().unwrap()).millis(), mine.millis());
            prop_assert!(mine.intersection(&all).is_empty(), "of two sessions");
            prop_assert!(session.slots.iter().all(|slot| slot.millis() <= Attendance::LONGEST_SLOT_MS));
            prop_assert_eq!(session.day.is_some(), plan.is_long());
            all = all.union(&mine);
        }
        // Whoever was scanned while it goes on is at a session then, but for the hour that comes twice.
        for scan in scans.iter().filter(|scan| good.as_ref().is_ok_and(|good| good.contains(**scan))) {
            let goes_on = planned.spans().iter().any(|span| span.contains(*scan));
            let is_there = all.spans().iter().any(|span| span.contains(*scan));
            let day = day_start.day(*scan, &rome());
            let hours = day_start.of(day.next(), &rome()).since(day_start.of(day, &rome()));
            prop_assert!(!goes_on || is_there || hours > Attendance::LONGEST_SLOT_MS);
        }
    }
}
