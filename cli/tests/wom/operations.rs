use std::{fs, net::TcpListener, path::Path, process::Command};

use crate::town::VARIABLES;

/// The commands of a page, as they stand there.
fn commands(page: &str) -> String {
    let mut script = String::new();
    let mut inside = false;
    for line in page.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => {
                script.push_str(line);
                script.push('\n');
            }
            _ => {}
        }
    }
    script
}

fn free_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

#[test]
fn the_commands_of_the_page_on_the_service_work_as_they_stand() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let script = commands(&fs::read_to_string(page).unwrap());
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
    assert!(said.ends_with("true\n"), "{said}\n{complaint}");
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
