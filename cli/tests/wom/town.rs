//! An instrument with its campaign, in a folder of its own, at a Registry of its own.

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;
use wom_registry::{NewInstrument, TestRegistry};

/// What the environment of whoever runs the tests must not say.
pub const VARIABLES: [&str; 11] = [
    "WOM_API_KEY_FILE",
    "WOM_DATABASE_URL",
    "WOM_KEY_DATABASE_URL",
    "WOM_KEY_FILE",
    "WOM_KEY_STORE",
    "WOM_LANG",
    "WOM_PROFILE",
    "WOM_REGISTRY",
    "WOM_ROOT_KEY",
    "WOM_SOURCE",
    "WOM_STORE",
];

/// The program, to print for machines.
pub fn wom() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wom"));
    command.arg("--json").stdin(Stdio::null());
    for name in VARIABLES {
        command.env_remove(name);
    }
    command
}

pub struct Town {
    dir: TempDir,
    pub registry: TestRegistry,
    pub instrument: NewInstrument,
}

impl Town {
    /// With a private key, and a store in a file.
    pub async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let registry = TestRegistry::start(dir.path().join("registry"))
            .await
            .unwrap();
        let instrument = registry
            .add_instrument("Test", &["H".parse().unwrap()])
            .await
            .unwrap();
        let town = Self {
            dir,
            registry,
            instrument,
        };
        town.done(&["init"]);
        let pem = town.instrument.key.to_pkcs1_pem();
        town.write("local-source.pem", &pem);
        town.configure("http://127.0.0.1:8400", town.registry.url());
        town.configure(
            "source = \"\"",
            &format!("source = \"{}\"", town.instrument.id),
        );
        town.configure("settlement_hours = 24", "settlement_hours = 0");
        town
    }

    /// Changes the first such words in the configuration.
    pub fn configure(&self, from: &str, to: &str) {
        let config = fs::read_to_string(self.path("wom.toml")).unwrap();
        assert!(config.contains(from), "{from}");
        self.write("wom.toml", &config.replacen(from, to, 1));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn wom(&self, args: &[&str]) -> Command {
        let mut wom = wom();
        wom.args(args).current_dir(self.dir.path());
        wom
    }

    /// What people read.
    pub fn for_people(&self, args: &[&str]) -> Output {
        let mut wom = Command::new(env!("CARGO_BIN_EXE_wom"));
        wom.args(args).current_dir(self.dir.path());
        for name in VARIABLES {
            wom.env_remove(name);
        }
        wom.output().unwrap()
    }

    pub fn run(&self, args: &[&str]) -> Output {
        self.wom(args).output().unwrap()
    }

    /// What a command prints that is told something on its standard input.
    pub fn told(&self, args: &[&str], input: &str) -> Output {
        let mut child = self
            .wom(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        child.wait_with_output().unwrap()
    }

    /// What a command that works prints.
    pub fn done(&self, args: &[&str]) -> Vec<Value> {
        objects(&self.run(args))
    }

    /// The code of the error of a command that does not work.
    pub fn refused(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(!output.status.success(), "{args:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        let error: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        error["error"]["code"].as_str().unwrap().to_owned()
    }

    /// Three days of one person, each an award of its own.
    pub fn submit(&self) {
        let mut file = String::from("participant,activity,start,end\n");
        for day in ["2026-03-01", "2026-03-02", "2026-03-03"] {
            file.push_str(&format!("me,walking,{day}T10:00:00Z,{day}T10:30:00Z\n"));
        }
        self.write("walks.csv", &file);
        self.done(&["submit", "activity.csv", "walks.csv"]);
    }

    pub fn waiting(&self) -> Vec<Value> {
        self.done(&["outbox", "list"])
    }
}

/// What a command that worked has printed.
pub fn objects(output: &Output) -> Vec<Value> {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
