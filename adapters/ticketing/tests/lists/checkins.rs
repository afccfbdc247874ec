//! `ticketing.checkin-csv`, each form by an example.

use wom_adapter_ticketing::{CheckinCsv, CheckinCsvConfig};
use wom_sdk::{Kind, observation::Policy};

use crate::support::Kept;

fn rome() -> CheckinCsvConfig {
    CheckinCsvConfig {
        zone: Some("Europe/Rome".parse().unwrap()),
        ..CheckinCsvConfig::default()
    }
}

async fn read(config: CheckinCsvConfig, text: &str) -> Kept {
    Kept::read(&CheckinCsv::new(config).unwrap(), text).await
}

fn minutes(kept: &Kept) -> Vec<(String, i64)> {
    kept.minutes().into_iter().collect()
}

#[tokio::test]
async fn scans_far_apart_are_one_visit() {
    let text = "ticket,time,direction\nA,2026-11-21T10:00:00+01:00,in\nB,21/11/2026 10:30,entry\nA,21/11/2026 11.45,OUT\nA,21/11/2026 11.45,uscita\n";
    let kept = read(rome(), text).await;
    assert_eq!(minutes(&kept), [("A".into(), 105), ("B".into(), 0)]);
    let nominal = CheckinCsvConfig {
        nominal_minutes: Some(60),
        ..rome()
    };
    let kept = read(nominal, text).await;
    assert_eq!(minutes(&kept), [("A".into(), 60), ("B".into(), 60)]);
}

#[tokio::test]
async fn a_timesheet_counts_its_visits_and_nights() {
    let text = "Volontario;Data;Dalle;Alle\nAda;21/11/2026;22:00;2:00\nAda;21/11/2026;9.00;12.30\nAda;21/11/2026;12.00;13.00\nBo;25/10/2026;0:30;4:30\nBo;28/11/2026;8:00;\nBo;27/11/2026;18:00;9:00\n";
    let kept = read(rome(), text).await;
    // Half an hour is told twice; the night in which clocks go back has an hour more.
    assert_eq!(minutes(&kept), [("Ada".into(), 480), ("Bo".into(), 300)]);
    assert_eq!(
        kept.refused(),
        [(6, Some("to"), "no_end"), (7, Some("to"), "bad_time")]
    );
}

#[tokio::test]
async fn a_row_is_taken_back_by_its_mark_whenever_it_comes() {
    let plain = "person,date,from,to\nAda,2026-11-21,9:00,10:00\nBo,2026-11-21,9:00,10:00\n";
    let marked = "Annullato;Persona;Data;Dalle;Alle\nsì;Ada;21/11/2026;9.00;10.00\n;Bo;21.11.26;09:00:00;10:00\n";
    let mut kept = read(rome(), plain).await;
    kept.observations
        .extend(read(rome(), marked).await.observations);
    assert_eq!(minutes(&kept), [("Ada".into(), 0), ("Bo".into(), 60)]);
    kept.observations.reverse();
    assert_eq!(minutes(&kept), [("Ada".into(), 0), ("Bo".into(), 60)]);
}

#[tokio::test]
async fn a_programme_gives_scans_their_session() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("programma.csv");
    std::fs::write(&file, "Titolo;Data;Inizio;Fine\nConcerto;20/11/2026;20.30;22.45\nMattinata;21/11/2026;10.00;11.00\n").unwrap();
    let config = CheckinCsvConfig {
        programme: vec![file.clone()],
        ..rome()
    };
    let text = "Codice;Data e ora\nA;20/11/2026 19:48:12\nB;20/11/2026 21:05:40\nB;20/11/2026 21:06\nC;21/11/2026 09:00\nD;22/11/2026 09:00\n";
    let kept = read(config.clone(), text).await;
    assert_eq!(
        minutes(&kept),
        [("A".into(), 135), ("B".into(), 99), ("C".into(), 60)]
    );
    assert_eq!(kept.refused(), [(6, None, "no_session")]);
    let scheduled = CheckinCsvConfig {
        policy: Some(Policy::Scheduled),
        ..config.clone()
    };
    assert_eq!(read(scheduled, text).await.minutes()["B"], 135);
    std::fs::write(
        &file,
        "Titolo;Data;Inizio;Fine\nConcerto;20/11/2026;;22.45\n",
    )
    .unwrap();
    let error = CheckinCsv::new(config).unwrap_err();
    assert_eq!(error.kind(), Kind::ConfigurationInvalid);
}

#[tokio::test]
async fn what_is_wrong_is_told_with_line_and_field_and_no_value() {
    let text = "ticket;date;time;direction\nGEHEIM;2026-02-30;10:00;in\nGEHEIM;2026-02-28;10:00;GEHEIM\nGEHEIM;;10:00;in\n;2026-02-28;10:00;in\nGEHEIM;2026-02-28;10:00\n";
    let kept = read(rome(), text).await;
    assert_eq!(
        kept.refused(),
        [
            (2, Some("date"), "bad_time"),
            (3, Some("direction"), "bad_direction"),
            (4, Some("time"), "missing_field"),
            (5, Some("ticket"), "missing_field"),
            (6, None, "bad_csv"),
        ]
    );
    assert!(!format!("{:?}", kept.refusals).contains("GEHEIM"));
    let kept = read(
        CheckinCsvConfig::default(),
        "ticket,time\nA,21/11/2026 10:00\n",
    )
    .await;
    assert_eq!(kept.refused(), [(2, Some("time"), "no_zone")]);
}

#[test]
fn policies_that_would_pay_what_nobody_planned_are_refused() {
    for policy in [Policy::Overlap, Policy::Scheduled] {
        let config = CheckinCsvConfig {
            policy: Some(policy),
            ..rome()
        };
        let error = CheckinCsv::new(config).unwrap_err();
        assert_eq!(error.kind(), Kind::ConfigurationInvalid);
    }
}
