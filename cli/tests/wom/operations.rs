use std::{fs, net::TcpListener, path::Path, process::Command};

use crate::town::VARIABLES;

/// What stands in all blocks of a page in this language.
fn blocks(page: &str, language: &str) -> String {
    each_block(page, language).concat()
}

/// Each block of a page in this language.
pub fn each_block(page: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        match line {
            line if line.strip_prefix("```") == Some(language) => {
                blocks.push(String::new());
                inside = true;
            }
            "```" => inside = false,
            line if inside => {
                if let Some(block) = blocks.last_mut() {
                    block.push_str(line);
                    block.push('\n');
                }
            }
            _ => {}
        }
    }
    blocks
}

fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    fs::read_to_string(page).unwrap()
}

pub fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

#[test]
fn the_commands_of_the_page_on_the_service_work_as_they_stand() {
    let script = blocks(&page(), "sh");
    // Other tests listen beside this one.
    let script = script
        .replace("8400", &free_port())
        .replace("8480", &free_port());
    let dir = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_wom")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let ending = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT";
    let mut shell = Command::new("bash");
    // From a file: a command line would tell all of it.
    fs::write(dir.path().join("page.sh"), format!("{ending}\n{script}")).unwrap();
    shell
        .args(["-euo", "pipefail", "page.sh"])
        .current_dir(dir.path())
        .env("PATH", format!("{}:{path}", program.display()));
    for name in VARIABLES {
        shell.env_remove(name);
    }
    #[cfg(target_os = "linux")]
    let watch = crate::process_list::Watch::begin();
    let output = shell.output().unwrap();
    #[cfg(target_os = "linux")]
    let seen = watch.end();
    let (said, complaint) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}\n{complaint}");
    assert!(said.contains("=10 WOM\ntrue\n"), "{said}\n{complaint}");
    let receipt = said.lines().last().unwrap();
    assert!(receipt.starts_with("Sconto WOM, 10 minuti"), "{said}");
    // The log of the service tells nothing about anybody.
    let claims = fs::read_to_string(dir.path().join("claims.json")).unwrap();
    let claims: serde_json::Value = serde_json::from_str(&claims).unwrap();
    let link = claims["claims"][0]["code"]["link"].as_str().unwrap();
    let otc = link.rsplit('/').next().unwrap();
    let complaint = complaint.replace("wom_service::", "");
    for secret in ["sara", "wom_", otc] {
        assert!(!complaint.contains(secret), "{complaint}");
    }
    #[cfg(target_os = "linux")]
    {
        let tokens = ["app.header", "till.header"].map(|name| {
            let header = fs::read_to_string(dir.path().join(name)).unwrap();
            header.trim_end().rsplit(' ').next().unwrap().to_owned()
        });
        let secrets = ["\"sara\"", &tokens[0], &tokens[1], otc];
        crate::process_list::assert_unseen(&seen, &secrets);
        assert!(seen.iter().any(|line| line.contains("curl -sS")));
    }
}

/// systemd reads the page's unit, and has nothing to say against it.
#[test]
fn the_unit_of_the_page_is_one_for_systemd() {
    let unit = blocks(&page(), "ini");
    let installed = "/usr/local/bin/wom ";
    assert!(unit.contains(installed), "{unit}");
    let unit = unit.replace(installed, concat!(env!("CARGO_BIN_EXE_wom"), " "));
    let dir = tempfile::tempdir().unwrap();
    let verified = |unit: &str| {
        let file = dir.path().join("wom.service");
        fs::write(&file, unit).unwrap();
        let mut command = Command::new("systemd-analyze");
        let output = command.arg("verify").arg(file).output().ok()?;
        // It also speaks of other units of the machine.
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let ours = said.lines().filter(|line| line.contains("wom.service"));
        Some(ours.map(ToOwned::to_owned).collect::<Vec<_>>())
    };
    let Some(said) = verified(&unit) else {
        println!("MISSED: systemd-analyze is not there");
        assert!(
            std::env::var_os("CI").is_none(),
            "systemd-analyze is missing"
        );
        return;
    };
    assert!(said.is_empty(), "{said:?}");
    // It would have said something.
    let misspelt = unit.replace("ProtectSystem", "ProtectSistem");
    assert!(!verified(&misspelt).unwrap().is_empty());
}
