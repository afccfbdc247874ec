//! `ticketing.ical`, as an adapter and as the programme of a gate list.

use wom_adapter_ticketing::{CheckinCsv, CheckinCsvConfig, Ical, IcalConfig};
use wom_sdk::{
    Kind, Timestamp,
    instrument::{Input, Instrument as _},
};

use crate::support::{Kept, now};

fn calendar(events: &[&str]) -> String {
    let mut text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Rome\r\nDTSTART:19700101T000000\r\nEND:VTIMEZONE\r\n".to_owned();
    for event in events {
        let lines: String = event.lines().map(|line| format!("{line}\r\n")).collect();
        text.push_str(&format!("BEGIN:VEVENT\r\n{lines}END:VEVENT\r\n"));
    }
    text + "END:VCALENDAR\r\n"
}

const SHIFT: &str = "UID:shift\nDTSTART;TZID=Europe/Rome:20261020T180000\nDTEND;TZID=Europe/Rome:20261020T200000\nRRULE:FREQ=WEEKLY;COUNT=4\nEXDATE;TZID=Europe/Rome:20261027T180000\nBEGIN:VALARM\nTRIGGER:-PT15M\nDURATION:PT9H\nEND:VALARM";

fn adapter() -> Ical {
    Ical::new(IcalConfig {
        zone: Some("Europe/Rome".parse().unwrap()),
        ..IcalConfig::default()
    })
    .unwrap()
}

async fn minutes(events: &[&str]) -> i64 {
    let kept = Kept::read(&adapter(), calendar(events)).await;
    assert!(kept.refusals.is_empty(), "{:?}", kept.refusals);
    kept.minutes().values().sum()
}

#[tokio::test]
async fn shifts_repeat_move_and_are_cancelled() {
    // Of four Tuesdays one is left out.
    assert_eq!(minutes(&[SHIFT]).await, 360);
    let moved = "UID:shift\nRECURRENCE-ID;TZID=Europe/Rome:20261103T180000\nDTSTART:20261104T090000Z\nDURATION:PT30M";
    assert_eq!(minutes(&[SHIFT, moved]).await, 270);
    assert_eq!(minutes(&[moved, SHIFT]).await, 270);
    let off = "UID:shift\nRECURRENCE-ID;TZID=Europe/Rome:20261103T180000\nDTSTART;TZID=Europe/Rome:20261103T180000\nDURATION:PT2H\nSTATUS:CANCELLED";
    assert_eq!(minutes(&[SHIFT, off]).await, 240);
    // By the clock from one to four, in the night in which it goes back; and what is to come.
    let night = "UID:night\nDTSTART:20261025T010000\nDTEND:20261025T040000";
    assert_eq!(minutes(&[night]).await, 240);
    assert_eq!(
        minutes(&["UID:x\nDTSTART:20261128T130000Z\nDURATION:PT1H"]).await,
        0
    );
    let folded =
        "UID:a\n very long one\nSUMMARY:One\\, two\nDTSTART:2026112\n 0T100000Z\nDURATION:PT1H";
    assert_eq!(minutes(&[folded]).await, 60);
}

#[tokio::test]
async fn what_is_no_longer_in_the_calendar_is_taken_back() {
    let other = "UID:b\nDTSTART:20261110T100000Z\nDURATION:PT1H";
    let last = "UID:z\nDTSTART:20261120T100000Z\nDURATION:PT1H";
    let mut kept = Kept::read(&adapter(), calendar(&[SHIFT, other, last])).await;
    assert_eq!(kept.minutes()["me"], 480);
    let later = now().plus_millis(60_000);
    let again = Input::Bytes(calendar(&[SHIFT, last]).into_bytes());
    adapter().read(again, later, &mut kept).await.unwrap();
    assert_eq!(kept.minutes()["me"], 420);
}

#[tokio::test]
async fn an_event_counts_for_who_said_yes() {
    let config = IcalConfig {
        attendee: Some("Ada@example.org".to_owned()),
        ..IcalConfig::default()
    };
    let event = |uid: &str, state: &str| {
        format!(
            "UID:{uid}\nDTSTART:2026112{uid}T100000Z\nDURATION:PT1H\nATTENDEE;CN=\"A; B\";PARTSTAT={state}:mailto:ada@example.org"
        )
    };
    let (yes, no) = (event("0", "ACCEPTED"), event("1", "DECLINED"));
    let kept = Kept::read(&Ical::new(config).unwrap(), calendar(&[&yes, &no])).await;
    assert_eq!(kept.minutes()["me"], 60);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_its_line() {
    let events = [
        "UID:a\nDTSTART:20261120T100000Z\nDURATION:PT1H\nRRULE:FREQ=MONTHLY",
        "UID:b\nDTSTART:20261120T100000Z",
        "UID:c\nDTSTART;TZID=Mars/Olympus:20261120T100000\nDURATION:PT1H",
        "UID:d\nDTSTART:20261120T100000Z\nDTEND:20261120T090000Z",
        "DTSTART:20261120T100000Z\nDURATION:PT1H",
        "UID:f\nDTSTART:20261131T100000Z\nDURATION:PT1H",
    ];
    let kept = Kept::read(&adapter(), calendar(&events)).await;
    let refused: Vec<_> = kept
        .refused()
        .into_iter()
        .map(|(_, field, code)| (field, code))
        .collect();
    let expected = [
        (Some("RRULE"), "unsupported_rule"),
        (Some("DTEND"), "no_end"),
        (Some("DTSTART"), "bad_zone"),
        (Some("DTEND"), "bad_time"),
        (Some("UID"), "missing_field"),
        (Some("DTSTART"), "bad_time"),
    ];
    assert_eq!(refused, expected);
    assert!(kept.refused().iter().all(|(line, ..)| *line > 6));
    let whole = Kept::read(
        &adapter(),
        calendar(&["UID:w\nDTSTART;VALUE=DATE:20261120"]),
    )
    .await;
    assert_eq!(whole.refusals[0].code, "whole_day");
    let mut kept = Kept::default();
    let input = Input::Bytes(b"<html>".to_vec());
    let error = adapter()
        .read(input, Timestamp::EPOCH, &mut kept)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);
}

#[tokio::test]
async fn a_calendar_is_the_programme_of_a_gate() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("programma.ics");
    let off = "UID:off\nSUMMARY:Off\nDTSTART:20261121T100000\nDURATION:PT1H\nSTATUS:CANCELLED";
    std::fs::write(&file, calendar(&[SHIFT, off])).unwrap();
    let config = CheckinCsvConfig {
        programme: vec![file.clone()],
        zone: Some("Europe/Rome".parse().unwrap()),
        ..CheckinCsvConfig::default()
    };
    let text = "ticket,time,direction\nA,3/11/2026 17:00,in\nA,3/11/2026 19:00,out\nB,20/10/2026 19:30,in\nC,27/10/2026 18:00,in\nD,21/11/2026 10:00,in\n";
    let kept = Kept::read(&CheckinCsv::new(config.clone()).unwrap(), text).await;
    let minutes: Vec<_> = kept.minutes().into_iter().collect();
    assert_eq!(minutes, [("A".to_owned(), 60), ("B".to_owned(), 30)]);
    assert_eq!(
        kept.refused(),
        [(5, None, "no_session"), (6, None, "no_session")]
    );
    std::fs::write(
        &file,
        calendar(&["UID:a\nDTSTART:20261120T100000Z\nDURATION:PT1H\nRRULE:FREQ=YEARLY"]),
    )
    .unwrap();
    let error = CheckinCsv::new(config).unwrap_err();
    assert_eq!(error.kind(), Kind::ConfigurationInvalid);
}
