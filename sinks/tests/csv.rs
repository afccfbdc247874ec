//! Claims in a CSV file, whatever happened to it before.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::{collections::BTreeMap, fs, path::Path};

use common::{claim, claims, with_handle};
use tempfile::{TempDir, tempdir};
use wom_sdk::{
    Kind,
    claim::{Claim, ClaimSink},
};
use wom_sinks::CsvSink;

const HEADER: &str = "link,pin,minutes,reasons,handle,id";

fn rows(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    assert_eq!(
        reader
            .headers()
            .unwrap()
            .iter()
            .collect::<Vec<_>>()
            .join(","),
        HEADER
    );
    let rows = reader.records().map(|row| row.unwrap());
    rows.map(|row| row.iter().map(ToOwned::to_owned).collect())
        .collect()
}

/// How often each id is in the file.
fn ids(path: &Path) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for row in rows(path) {
        *counts.entry(row[5].clone()).or_default() += 1;
    }
    counts
}

fn once(claims: &[Claim]) -> BTreeMap<String, usize> {
    claims.iter().map(|claim| (claim.key.to_hex(), 1)).collect()
}

async fn deliver(path: &Path, claims: &[Claim]) -> wom_sdk::Result<()> {
    CsvSink::open(path)?
        .in_zone("Europe/Rome".parse()?)
        .deliver(claims)
        .await
}

fn folder() -> (TempDir, std::path::PathBuf) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("claims.csv");
    (folder, path)
}

#[tokio::test]
async fn a_claim_is_one_line_however_often_it_comes() {
    let (_folder, path) = folder();
    let three = claims(3);
    let sink = CsvSink::open(&path)
        .unwrap()
        .in_zone("Europe/Rome".parse().unwrap());
    sink.deliver(&three[..2]).await.unwrap();
    sink.deliver(&three).await.unwrap();
    sink.deliver(&[three[2].clone(), three[2].clone()])
        .await
        .unwrap();
    drop(sink);
    deliver(&path, &three).await.unwrap();
    assert_eq!(ids(&path), once(&three));
    assert_eq!(
        rows(&path)[1][..5],
        [
            "https://link.wom.social/vouchers/0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d01",
            "0037",
            "43",
            "H 2026-03-01 31; UM 2026-03-02 12",
            "",
        ]
    );
}

#[tokio::test]
async fn wherever_a_crash_tears_the_file_each_claim_is_in_it_once() {
    let (_folder, path) = folder();
    let all = [claim(0), with_handle(1, "tavolo, \"4\"\nriga"), claim(2)];
    deliver(&path, &all).await.unwrap();
    let whole = fs::read(&path).unwrap();
    for length in 0..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        deliver(&path, &all).await.unwrap();
        assert_eq!(ids(&path), once(&all), "{length}");
        let kept = fs::read(&path).unwrap();
        let lines = whole[..length]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .unwrap_or(0);
        assert_eq!(
            kept[..lines],
            whole[..lines],
            "what was written before stays: {length}"
        );
    }
}

#[tokio::test]
async fn what_is_not_ours_is_refused_and_stays_as_it_is() {
    let (_folder, path) = folder();
    let other_lines = format!("{HEADER}\na,b,c\n");
    for foreign in [
        "name,phone\nanna,1\n",
        "notes",
        "\n",
        &other_lines,
        &"x".repeat(200_000),
    ] {
        fs::write(&path, foreign).unwrap();
        let error = deliver(&path, &claims(1)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::InputInvalid, "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), foreign);
    }
}

#[tokio::test]
async fn what_a_spreadsheet_saved_is_read() {
    let (_folder, path) = folder();
    let all = claims(3);
    deliver(&path, &all[..2]).await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let saved = format!("\u{feff}{}", text.trim_end().replace('\n', "\r\n"));
    fs::write(&path, saved).unwrap();
    deliver(&path, &all).await.unwrap();
    let written = fs::read_to_string(&path).unwrap();
    for claim in &all {
        assert_eq!(written.matches(&claim.key.to_hex()).count(), 1);
    }
}

#[tokio::test]
async fn no_cell_is_a_formula_and_every_claim_is_one_line() {
    let (_folder, path) = folder();
    let handles = [
        "=1+1",
        "+39 0722",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r\n=1",
        "＝1",
        "a\u{85}b\nc",
        "\"q\",;",
    ];
    let all: Vec<_> = (0..)
        .zip(handles)
        .map(|(n, handle)| with_handle(n, handle))
        .collect();
    deliver(&path, &all).await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 1 + all.len());
    for (row, handle) in rows(&path).iter().zip(handles) {
        assert!(
            !row[4].starts_with(['=', '+', '-', '@', '\t', '\r', '＝']),
            "{handle:?}"
        );
        assert!(!row[4].contains(char::is_control));
    }
    assert_eq!(rows(&path)[8][4], "\"q\",;");
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_begun_anew() {
    let (folder, path) = folder();
    let sink = CsvSink::open(&path).unwrap();
    sink.deliver(&claims(1)).await.unwrap();
    fs::rename(&path, folder.path().join("printed.csv")).unwrap();
    sink.deliver(&[claim(1)]).await.unwrap();
    assert_eq!(ids(&path), once(&[claim(1)]));
    fs::remove_file(&path).unwrap();
    sink.deliver(&[claim(1)]).await.unwrap();
    assert_eq!(ids(&path), once(&[claim(1)]));
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_may_read_it_and_one_process_writes() {
    use std::os::unix::fs::PermissionsExt;

    let (_folder, path) = folder();
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let sink = CsvSink::open(&path).unwrap();
    sink.deliver(&claims(1)).await.unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let error = CsvSink::open(&path).unwrap_err();
    assert_eq!(error.kind(), Kind::StoreLocked);
}

#[tokio::test]
async fn what_was_not_written_comes_again_and_is_written_then() {
    let folder = tempdir().unwrap();
    let (room, away) = (folder.path().join("room"), folder.path().join("away"));
    fs::create_dir(&room).unwrap();
    let path = room.join("claims.csv");
    let sink = CsvSink::open(&path).unwrap();
    sink.deliver(&claims(1)).await.unwrap();
    fs::rename(&room, &away).unwrap();
    for _ in 0..2 {
        let error = sink.deliver(&claims(2)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::StorageFailed);
    }
    fs::rename(&away, &room).unwrap();
    sink.deliver(&claims(2)).await.unwrap();
    assert_eq!(ids(&path), once(&claims(2)));
}
