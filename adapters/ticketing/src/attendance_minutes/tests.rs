//! The rules, each by an example, and all of them against the oracle.

use proptest::prelude::*;
use wom_sdk::{
    Device, Provenance, Recording,
    observation::{Policy, Standing},
};

use super::{oracle, *};

const NOW: Timestamp = Timestamp::MAX;

impl Name {
    /// The name of what these digests in hexadecimal stand for.
    pub(super) fn of_hex(ticket: &str, session: &str) -> Self {
        let bytes = |hex: &str| -> Vec<u8> {
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            (0..hex.len()).step_by(2).map(byte).collect()
        };
        Self(Digest::of([bytes(ticket), bytes(session)]))
    }
}

/// Minutes after half past eight in the evening in Rome, 20 November 2026.
fn at(minutes: i64) -> Timestamp {
    let start: Timestamp = "2026-11-20T19:30:00Z".parse().unwrap();
    start.plus_millis(minutes * MINUTE_MS)
}

fn span(start: i64, end: i64) -> Span {
    Span::new(at(start), at(end)).unwrap()
}

fn concert(scans: &[Scan]) -> Attendance {
    Attendance {
        scans: scans.to_vec(),
        ..Attendance::new(Digest::of(["t"]), Digest::of(["s"]), [span(0, 135)]).unwrap()
    }
}

fn entry(key: u32, attendance: Attendance) -> Entry {
    Entry {
        key: Digest::of([key.to_be_bytes()]),
        revision: 0,
        provenance: Provenance {
            stream: Digest::of(["gate"]),
            device: Device::Unknown,
            recording: Recording::Attested,
        },
        body: Body::Attendance(attendance),
    }
}

fn entries(records: Vec<Attendance>) -> Vec<Entry> {
    (0..).zip(records).map(|(key, it)| entry(key, it)).collect()
}

fn judge(rules: &AttendanceMinutes, entries: &[Entry]) -> Judgement {
    rules.judge(&entries.iter().collect::<Vec<_>>(), NOW)
}

/// Minutes of all sessions, and the reasons.
fn minutes_by(rules: &AttendanceMinutes, records: Vec<Attendance>) -> (i64, Vec<&'static str>) {
    let judgement = judge(rules, &entries(records));
    let minutes = judgement.sessions.iter().map(|it| it.time.minutes()).sum();
    let reasons = judgement.findings.iter().map(|it| it.reason.code).collect();
    (minutes, reasons)
}

fn minutes(records: Vec<Attendance>) -> (i64, Vec<&'static str>) {
    minutes_by(&AttendanceMinutes::default(), records)
}

fn with(policy: Policy, scans: &[Scan]) -> Vec<Attendance> {
    vec![Attendance {
        policy,
        ..concert(scans)
    }]
}

#[test]
fn each_case_of_a_concert_is_worth_what_it_should_be() {
    let (i, o) = (|m| Scan::entry(at(m)), |m| Scan::exit(at(m)));
    let early = [i(-42)];
    let late = [Scan::entry(at(36).plus_millis(-20_000))];
    let overlap = |scans: &[Scan]| minutes(with(Policy::Overlap, scans));
    assert_eq!(overlap(&early), (135, vec!["to_the_end"]));
    assert_eq!(overlap(&late), (99, vec!["to_the_end"]));
    assert_eq!(overlap(&[]), (0, vec!["not_scanned"]));
    assert_eq!(overlap(&[i(24 * 60)]), (0, vec!["wrong_time"]));
    assert_eq!(overlap(&[i(-241)]), (0, vec!["wrong_time"]));
    assert_eq!(overlap(&[i(-240)]).0, 135);
    assert_eq!(overlap(&[o(30)]), (0, vec!["exit_without_entry"]));
    assert_eq!(overlap(&[i(10), o(40)]), (30, vec!["measured"]));
    assert_eq!(overlap(&[i(10), o(40), i(50), o(200)]).0, 115);
    assert_eq!(overlap(&[i(10), i(30), o(40), o(50)]).0, 30);
    assert_eq!(overlap(&[i(-60), o(-30)]), (0, vec!["not_during"]));
    assert_eq!(overlap(&[i(10), o(10)]), (0, vec!["not_during"]));
    assert_eq!(overlap(&[i(0), o(60), i(60)]).0, 135);
    let scheduled = |scans: &[Scan]| minutes(with(Policy::Scheduled, scans));
    assert_eq!(scheduled(&late), (135, vec!["scheduled"]));
    assert_eq!(scheduled(&[]), (0, vec!["not_scanned"]));
    assert_eq!(scheduled(&[i(136)]), (0, vec!["wrong_time"]));
    let measured = |scans: &[Scan]| minutes(with(Policy::Measured, scans));
    assert_eq!(measured(&late), (0, vec!["no_exit"]));
    assert_eq!(measured(&[i(10), o(40), i(50)]).0, 30);
}

#[test]
fn an_add_on_is_followed_apart_and_a_gates_records_together() {
    let (i, o) = (|m| Scan::entry(at(m)), |m| Scan::exit(at(m)));
    let main = entry(1, concert(&[i(0), o(30)]));
    let mut tour = entry(2, concert(&[i(20), o(50)]));
    let minutes = |entries: &[Entry]| {
        let judgement = judge(&AttendanceMinutes::default(), entries);
        judgement.sessions[0].time.minutes()
    };
    let one_gate = [main.clone(), tour.clone()];
    assert_eq!(minutes(&one_gate), 30, "in at 20 is in already, out at 30");
    tour.provenance.stream = Digest::of(["tour"]);
    assert_eq!(minutes(&[main, tour]), 50);
}

#[test]
fn what_the_system_writes_by_itself_is_no_sight_of_anybody() {
    let (i, mut o) = (Scan::entry(at(10)), Scan::exit(at(70)));
    o.automatic = true;
    assert_eq!(
        minutes(with(Policy::Overlap, &[i, o])),
        (60, vec!["to_the_end"])
    );
    assert_eq!(
        minutes(with(Policy::Measured, &[i, o])),
        (0, vec!["no_exit"])
    );
    assert_eq!(minutes(with(Policy::Scheduled, &[i, o])).0, 135);
    o.at = at(500);
    assert_eq!(minutes(with(Policy::Overlap, &[i, o])).0, 125);
    let auto = Scan {
        automatic: true,
        ..i
    };
    assert_eq!(
        minutes(with(Policy::Overlap, &[auto])),
        (0, vec!["entry_automatic"])
    );
}

#[test]
fn a_ticket_that_is_not_good_says_why() {
    for (standing, code) in [
        (Standing::NoAdmission, "no_admission"),
        (Standing::Excluded, "excluded"),
        (Standing::Test, "test"),
        (Standing::Unpaid, "unpaid"),
        (Standing::Blocked, "blocked"),
        (Standing::Refunded, "refunded"),
        (Standing::Cancelled, "cancelled"),
    ] {
        let record = Attendance {
            standing,
            ..concert(&[Scan::entry(at(0))])
        };
        assert_eq!(minutes(vec![record]), (0, vec![code]));
    }
}

#[test]
fn settings_cut_and_forgive() {
    let came = |minute| with(Policy::Overlap, &[Scan::entry(at(minute))]);
    let rules = AttendanceMinutes::default;
    let grace = AttendanceMinutes {
        late_grace_minutes: 10,
        ..rules()
    };
    assert_eq!(minutes_by(&grace, came(10)).0, 135);
    assert_eq!(minutes_by(&grace, came(11)).0, 124);
    let share = AttendanceMinutes {
        min_share_percent: 80,
        ..rules()
    };
    assert_eq!(minutes_by(&share, came(27)).0, 108);
    assert_eq!(minutes_by(&share, came(28)), (0, vec!["below_share"]));
    let least = AttendanceMinutes {
        min_minutes: 30,
        ..rules()
    };
    assert_eq!(minutes_by(&least, came(105)).0, 30);
    assert_eq!(minutes_by(&least, came(106)), (0, vec!["below_minimum"]));
    let cap = AttendanceMinutes {
        cap_minutes: Some(60),
        ..rules()
    };
    assert_eq!(minutes_by(&cap, came(10)), (60, vec!["over_cap"]));
    let early = AttendanceMinutes {
        early_limit_minutes: 30,
        ..rules()
    };
    assert_eq!(minutes_by(&early, came(-31)).0, 0);
}

#[test]
fn breaks_do_not_count_and_an_addon_counts_once() {
    let slots = [span(0, 60), span(75, 135)];
    let halves = Attendance {
        scans: vec![Scan::entry(at(0))],
        ..Attendance::new(Digest::of(["t"]), Digest::of(["s"]), slots).unwrap()
    };
    assert_eq!(minutes(vec![halves.clone()]).0, 120);
    // A guided tour over the break and beyond the end, with the same ticket.
    let tour = Attendance {
        scans: vec![Scan::entry(at(50)), Scan::exit(at(150))],
        ..Attendance::new(Digest::of(["t"]), Digest::of(["s"]), [span(50, 160)]).unwrap()
    };
    let both = judge(&AttendanceMinutes::default(), &entries(vec![halves, tour]));
    assert_eq!(both.sessions.len(), 1);
    assert_eq!(both.sessions[0].time.minutes(), 150);
    assert_eq!(both.sessions[0].window, span(0, 160));
    let name = Digest::of([Digest::of(["t"]).0, Digest::of(["s"]).0]).to_hex();
    assert_eq!(both.sessions[0].name, format!("session:{name}"));
}

#[test]
fn the_night_in_which_clocks_change_counts_real_minutes() {
    let rome: wom_sdk::Zone = "Europe/Rome".parse().unwrap();
    // From one to four by the clock: four hours in autumn, two in spring.
    for (day, real) in [("2026-10-25", 240), ("2026-03-29", 120)] {
        let reading = |time: &str| rome.instant(&format!("{day}T{time}")).unwrap();
        let night = Span::new(reading("01:00"), reading("04:00")).unwrap();
        let mut record = Attendance::new(Digest::of(["t"]), Digest::of(["s"]), [night]).unwrap();
        record.scans = vec![Scan::entry(reading("00:30")), Scan::exit(reading("04:30"))];
        assert_eq!(minutes(vec![record]).0, real, "{day}");
    }
}

#[test]
fn time_at_two_sessions_waits_for_a_person() {
    let shift = |ticket: &str, from, to| Attendance {
        scans: vec![Scan::entry(at(from)), Scan::exit(at(to))],
        ..Attendance::new(Digest::of([ticket]), Digest::of(["s"]), [span(from, to)]).unwrap()
    };
    let first = shift("a", 0, 100);
    let second = shift("b", 60, 120);
    let rules = AttendanceMinutes::default();
    let own = entries(vec![first, second]);
    let judgement = judge(&rules, &own);
    let counted: Vec<_> = judgement
        .sessions
        .iter()
        .map(|it| it.time.minutes())
        .collect();
    assert_eq!(counted, [60, 20]);
    assert!(
        judgement
            .findings
            .iter()
            .all(|it| it.hold && it.reason.code == "two_at_once")
    );
    assert_eq!(
        judgement
            .findings
            .iter()
            .map(|it| it.millis / MINUTE_MS)
            .sum::<i64>(),
        80
    );
    let accepted = rules.judge_accepting(&own.iter().collect::<Vec<_>>(), NOW);
    let counted: Vec<_> = accepted
        .sessions
        .iter()
        .map(|it| it.time.minutes())
        .collect();
    assert_eq!(counted, [100, 20]);
    // One behind the other is no matter.
    let apart = minutes(vec![shift("a", 0, 60), shift("b", 60, 120)]);
    assert_eq!(apart, (120, vec!["measured", "measured"]));
}

#[test]
fn every_reason_is_found_by_its_code_and_no_other() {
    let rules = AttendanceMinutes::default();
    for reason in reasons::ALL {
        assert_eq!(rules.reason(reason.code), Some(*reason));
        assert!(!reason.en.is_empty() && !reason.it.is_empty());
    }
    assert_eq!(rules.reason("brisk_minutes"), None);
    let step = Entry {
        body: Body::Steps {
            span: span(0, 1),
            steps: 100,
        },
        ..entry(0, concert(&[]))
    };
    assert_eq!(judge(&rules, &[step]).findings[0].reason.code, "not_used");
}

/// Twenty seconds, so that minutes are not all that there is.
fn tick(number: i64) -> Timestamp {
    at(0).plus_millis(number * 20_000)
}

fn scans() -> impl Strategy<Value = Vec<Scan>> {
    let scan = (-20_i64..80, any::<bool>(), prop::bool::weighted(0.2)).prop_map(
        |(at, entry, automatic)| Scan {
            at: tick(at),
            entry,
            automatic,
        },
    );
    prop::collection::vec(scan, 0..6)
}

fn record() -> impl Strategy<Value = Attendance> {
    let policy = prop::sample::select(vec![
        Policy::Overlap,
        Policy::Overlap,
        Policy::Measured,
        Policy::Scheduled,
    ]);
    let standing = prop::sample::select(vec![
        Standing::Valid,
        Standing::Valid,
        Standing::Valid,
        Standing::Cancelled,
    ]);
    let plan = prop::sample::select(vec![vec![(0, 60)], vec![(0, 25), (35, 60)], vec![(30, 70)]]);
    (0_u8..2, 0_u8..2, plan, policy, standing, scans()).prop_map(
        |(ticket, session, plan, policy, standing, scans)| {
            let slots = plan
                .into_iter()
                .map(|(from, to)| Span::new(tick(from), tick(to)).unwrap());
            Attendance {
                policy,
                standing,
                scans,
                ..Attendance::new(Digest::of([[ticket]]), Digest::of([[session]]), slots).unwrap()
            }
        },
    )
}

fn settings() -> impl Strategy<Value = AttendanceMinutes> {
    (
        prop::option::of(1_u32..20),
        0_u32..6,
        0_u32..6,
        0_u32..8,
        0_u32..100,
    )
        .prop_map(|(cap, early, grace, least, share)| AttendanceMinutes {
            cap_minutes: cap,
            early_limit_minutes: early,
            late_grace_minutes: grace,
            min_minutes: least,
            min_share_percent: share,
        })
}

fn by_name(judgement: &Judgement) -> Vec<(String, oracle::Seconds)> {
    let seconds = |time: &TimeSet| {
        let spans = time.spans().iter();
        spans
            .flat_map(|span| span.start().as_seconds()..span.end().as_seconds())
            .collect()
    };
    let sessions = judgement.sessions.iter();
    let mut found: Vec<_> = sessions
        .map(|it| (it.name.clone(), seconds(&it.time)))
        .collect();
    found.sort();
    found
}

proptest! {
    #[test]
    fn the_rules_agree_with_the_oracle(
        rules in settings(),
        records in prop::collection::vec(record(), 0..6),
    ) {
        let mut own = entries(records);
        for (n, entry) in own.iter_mut().enumerate() {
            entry.provenance.stream = Digest::of([[u8::from(n % 3 == 0)]]);
        }
        let references: Vec<_> = own.iter().collect();
        let mut clean = Vec::new();
        let mut accepted = Vec::new();
        for ((ticket, session), own, granted) in oracle::seconds(&rules, &own) {
            let name = Name::of_hex(&ticket, &session).text();
            clean.extend((!own.is_empty()).then_some((name.clone(), own)));
            accepted.extend((!granted.is_empty()).then_some((name, granted)));
        }
        clean.sort();
        accepted.sort();
        let judgement = rules.judge(&references, NOW);
        prop_assert_eq!(by_name(&judgement), clean);
        prop_assert_eq!(by_name(&rules.judge_accepting(&references, NOW)), accepted);
        // Each record has its finding, and no two sessions hold the same time.
        let mut told: Vec<_> = judgement.findings.iter().map(|it| it.key).collect();
        told.sort();
        let mut keys: Vec<_> = own.iter().map(|it| it.key).collect();
        keys.sort();
        prop_assert_eq!(told, keys);
        let all: i64 = judgement.sessions.iter().map(|it| it.time.millis()).sum();
        let union = judgement.sessions.iter().fold(TimeSet::EMPTY, |all, it| all.union(&it.time));
        prop_assert_eq!(all, union.millis());
    }

    #[test]
    fn order_repetition_and_splitting_change_nothing(
        rules in settings(),
        records in prop::collection::vec(record(), 1..6),
        turn in any::<prop::sample::Index>(),
    ) {
        let whole = judge(&rules, &entries(records.clone()));
        // Each scan in a record of its own, beside one without any; the last ones first, and twice.
        let mut split: Vec<Attendance> = Vec::new();
        for record in &records {
            let alone = |scans: Vec<Scan>| Attendance { scans, ..record.clone() };
            split.push(alone(Vec::new()));
            split.extend(record.scans.iter().map(|scan| alone(vec![*scan])));
            split.push(record.clone());
        }
        split.rotate_left(turn.index(records.len()));
        split.reverse();
        let apart = judge(&rules, &entries(split));
        prop_assert_eq!(apart.sessions, whole.sessions);
    }

    #[test]
    fn another_exit_never_adds_time(
        rules in settings(),
        scans in scans(),
        exit in -20_i64..80,
        automatic in any::<bool>(),
    ) {
        let rules = AttendanceMinutes { min_minutes: 0, min_share_percent: 0, cap_minutes: None, ..rules };
        let record = |scans: Vec<Scan>| {
            let halves = [Span::new(tick(0), tick(25)).unwrap(), Span::new(tick(35), tick(60)).unwrap()];
            Attendance {
                scans,
                ..Attendance::new(Digest::of(["t"]), Digest::of(["s"]), halves).unwrap()
            }
        };
        let time = |scans: Vec<Scan>| {
            let judgement = judge(&rules, &entries(vec![record(scans)]));
            judgement.sessions.first().map_or(TimeSet::EMPTY, |it| it.time.clone())
        };
        let before = time(scans.clone());
        let exit = Scan { automatic, ..Scan::exit(tick(exit)) };
        let after = time([scans, vec![exit]].concat());
        prop_assert!(after.difference(&before).is_empty(), "{:?} {:?}", before, after);
    }
}
