//! Requests that schemathesis makes up from the OpenAPI document, good ones and bad ones.

use std::{env, path::Path, process::Command};

use crate::serving::Serving;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs schemathesis: WOM_SCHEMATHESIS is its program; ./test --all installs it"]
async fn schemathesis_finds_nothing_wrong() {
    let program = env::var("WOM_SCHEMATHESIS").expect("WOM_SCHEMATHESIS is the program");
    let seed = env::var("WOM_SCHEMATHESIS_SEED").unwrap_or_else(|_| "1".to_owned());
    println!("WOM_SCHEMATHESIS_SEED={seed}");
    let served = Serving::new("http://127.0.0.1:9/nobody").await;
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/schemathesis");
    let output = Command::new(program)
        .arg("--config-file")
        .arg(rules.join("schemathesis.toml"))
        .args(["run", &format!("{}/openapi.json", served.url)])
        .args(["--header", &format!("Authorization: Bearer {}", served.token)])
        .args(["--checks", "all", "--max-examples", "25", "--seed", &seed])
        .args(["--continue-on-failure", "--request-timeout", "40", "--no-color"])
        // It finds the hooks so, and keeps what it knows out of the repository.
        .env("PYTHONPATH", &rules)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(served.town.path(""))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success());
    let all = operations();
    let tested = format!("{all} selected / {all} total");
    assert!(said.contains(&tested), "not all operations: {tested}");
}

/// How many operations the document names.
fn operations() -> usize {
    let document: serde_json::Value =
        serde_json::from_str(include_str!("../../../docs/openapi.json")).unwrap();
    let paths = document["paths"].as_object().unwrap();
    paths
        .values()
        .map(|path| path.as_object().unwrap().len())
        .sum()
}
