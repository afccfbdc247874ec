//! `wom subject`: what is kept about a person is shown to them, and forgotten when they ask.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use wom_registry::TestRegistry;

fn wom(dir: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wom"))
        .args(arguments)
        .arg("--json")
        .current_dir(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

fn object(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_and_erases_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let registry = TestRegistry::start(dir.join("registry")).await.unwrap();
    let instrument = registry
        .registry()
        .add_instrument("Town", &["H".parse().unwrap()])
        .await
        .unwrap();
    assert!(wom(dir, &["init", "."], "").status.success());
    let pem = instrument.key.to_pkcs1_pem();
    fs::write(dir.join("source.pem"), pem.as_bytes()).unwrap();
    let toml = fs::read_to_string(dir.join("wom.toml")).unwrap();
    let toml: String = toml
        .lines()
        .map(|line| match line.split_once(" = ").map(|(name, _)| name) {
            Some("registry") => format!("registry = {:?}\n", registry.url()),
            Some("source") => format!("source = \"{}\"\n", instrument.id),
            Some("key_file") => "key_file = \"source.pem\"\n".to_owned(),
            Some("from") => "from = \"2026-01-01\"\n".to_owned(),
            Some("until") => "until = \"2027-01-01\"\n".to_owned(),
            _ => format!("{line}\n"),
        })
        .collect();
    fs::write(dir.join("wom.toml"), toml).unwrap();
    let activity = r#"[{"participant": "canary-anna", "key": "walk-1", "activity": "walking",
        "start": "2026-11-02T09:00:00Z", "end": "2026-11-02T09:30:00Z"}]"#;
    fs::write(dir.join("activity.json"), activity).unwrap();
    let submitted = wom(dir, &["submit", "activity.json", "activity.json"], "");
    assert!(
        submitted.status.success(),
        "{}",
        String::from_utf8_lossy(&submitted.stderr)
    );

    let kept = object(&wom(dir, &["subject", "export", "-"], "canary-anna\n"));
    assert_eq!(kept["epochs"][0]["epoch"], "2026-11");
    assert_eq!(kept["epochs"][0]["accounts"][0]["awarded"], 30);
    let none = wom(dir, &["subject", "erase", "-"], "nobody");
    assert_eq!(none.status.code(), Some(1));
    let refused = wom(dir, &["subject", "erase", "canary-anna"], "");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("command line"));

    let erased = object(&wom(dir, &["subject", "erase", "-"], "canary-anna"));
    assert_eq!(erased["erased"]["codesGivenUp"], 1);
    let kept = object(&wom(dir, &["subject", "export", "-"], "canary-anna"));
    assert_eq!(kept["epochs"][0]["observations"], serde_json::json!([]));
    // Nothing that was on the disk names the person: not the store, its log, or the keys.
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() || path.file_name().is_some_and(|name| name == "activity.json") {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(6).any(|part| part == b"canary");
        assert!(!found, "{}", path.display());
    }
    // The same file under another name of delivery: the minutes are not awarded again.
    fs::write(dir.join("activity.json"), format!("{activity}\n")).unwrap();
    let again = wom(dir, &["submit", "activity.json", "activity.json"], "");
    assert!(!String::from_utf8_lossy(&again.stdout).contains("\"otc\""));
}
