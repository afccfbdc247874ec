//! Statements of a real cmi5 client, which a real LRS holds.

use std::{path::PathBuf, process::Command};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use wom_sdk::Subject;

use crate::{Desk, assert_absent, morning, ralph::Ralph};

/// Plays the morning of `tests/cmi5/client.mjs`.
async fn play(ralph: &Ralph) {
    let modules = PathBuf::from(
        std::env::var("WOM_CMI5").expect("WOM_CMI5 names the folder of the packages"),
    );
    let client = concat!(env!("CARGO_MANIFEST_DIR"), "/cmi5/client.mjs");
    let mut command = Command::new("node");
    command
        .arg(client)
        .arg(modules)
        .env("WOM_LRS", format!("{}/xAPI", ralph.url))
        .env("WOM_LRS_TOKEN", BASE64_STANDARD.encode("lms:secret"))
        .env("WOM_MORNING", morning().to_string());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs ralph-malph and the packages of tests/cmi5: see ./test"]
async fn cmi5_sessions_of_a_real_client_become_vouchers_once() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("ralph")).unwrap();
    let ralph = Ralph::start(&dir.path().join("ralph")).await;
    play(&ralph).await;
    let desk = Desk::open(
        dir.path(),
        &ralph,
        "elearning.cmi5",
        &[("milestones", "true")],
        &[("passed_minutes", "40")],
    )
    .await;
    for round in 0..2 {
        let pulled = desk.collector.pull("lrs").await.unwrap();
        assert_eq!(pulled.refused, 0);
        // Lea's two devices together took 35 minutes and a half; and of the 40 that passing is worth her 25
        // and a half in that module are earned. Max looked back. Ida failed what she studied for.
        for (learner, minutes) in [("lea", 35 + 14), ("max", 0), ("ida", 10)] {
            let learner = Subject::new("https://lms.example.org", format!("canary-{learner}"));
            let collected = desk.collect(&learner.unwrap()).await;
            assert_eq!(collected, if round == 0 { minutes } else { 0 });
        }
    }
    let total = desk.registry.books().await.unwrap().total;
    assert_eq!((total.issued, total.redeemed), (59, 59));
    assert_absent(dir.path(), &["canary", "lms.example"]);
}
