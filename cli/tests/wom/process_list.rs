//! No secret and nobody's name stands in the process list, which everybody on a machine can read:
//! the `wom` commands are run as processes, and `/proc` is read while they run.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::town::Town;

const PERSON: &str = "canary-person-6204";
const AWARD: &str = "canary-award-1188";
const BILL: &str = "canary-bill-3307";

/// Reads the process list over and over, until it is asked what it has seen.
pub struct Watch {
    ends: Arc<AtomicBool>,
    reading: thread::JoinHandle<BTreeSet<String>>,
}

impl Watch {
    pub fn begin() -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ends);
        let reading = thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !ended.load(Ordering::Relaxed) {
                read_all(&mut seen);
                thread::sleep(Duration::from_millis(1));
            }
            seen
        });
        Self { ends, reading }
    }

    /// Every command line that was seen, and the environment of every `wom`.
    pub fn end(self) -> BTreeSet<String> {
        self.ends.store(true, Ordering::Relaxed);
        self.reading.join().unwrap()
    }
}

fn read_all(seen: &mut BTreeSet<String>) {
    let own = env!("CARGO_BIN_EXE_wom");
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let of_process = |what: &str| {
            let bytes = fs::read(entry.path().join(what)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).replace('\0', " ")
        };
        let line = of_process("cmdline");
        let is_wom = fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe == Path::new(own));
        if is_wom {
            seen.insert(of_process("environ"));
        }
        if !line.is_empty() {
            seen.insert(line);
        }
    }
}

/// Fails if one of these stands in what was seen.
pub fn assert_unseen(seen: &BTreeSet<String>, secrets: &[&str]) {
    for secret in secrets {
        assert!(secret.len() > 5, "{secret} may stand anywhere");
        for form in [(*secret).to_owned(), secret.replace('-', "")] {
            let found = seen.iter().find(|line| line.contains(&form));
            assert_eq!(found, None, "a secret stands in the process list");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_stands_in_the_process_list() {
    let town = Town::new().await;
    let pos = town.registry.add_pos("Bar", "Till").await.unwrap();
    town.write("pos.pem", &pos.key.to_pkcs1_pem());
    let (url, source) = (town.registry.url(), town.instrument.id.to_string());
    let watch = Watch::begin();

    // What tells of a person goes in by a file, or by standard input.
    town.write("award-key", AWARD);
    let award = |named: &str| {
        let place = ["--registry", url, "--source", &source];
        let what = ["--aim", "H", "--minutes", "20", "--at", "43.72,12.63"];
        let own = ["--key", "local-source.pem", "--state", "own.db"];
        let args = [&["award"][..], &place, &what, &own].concat();
        let args = [&args[..], &["--award-key-file", named]].concat();
        last(&town, &args, &format!("{AWARD}\n"))
    };
    let ticket = award("award-key");
    assert_eq!(award("-"), ticket, "the same name, from standard input");
    let collected = pocket(&town, "redeem", &ticket);
    assert_eq!(collected["redeemed"], 20);

    town.write("bill", BILL);
    let place = ["charge", "--registry", url, "--key", "pos.pem"];
    let pos_id = pos.id.to_string();
    let what = ["--pos", &pos_id, "--amount", "5", "--state", "till.db"];
    let bill = [&place[..], &what, &["--reference-file", "bill"]].concat();
    let bill = last(&town, &bill, "");
    assert_eq!(pocket(&town, "pay", &bill)["paid"], 5);

    let walk = format!(
        "participant,activity,start,end\n{PERSON},walking,2026-03-01T10:00:00Z,2026-03-01T10:30:00Z\n"
    );
    let summary = last(&town, &["submit", "activity.csv", "-"], &walk);
    assert_eq!(summary["summary"]["awarded"], 30);
    let waiting = town.waiting();
    let key = waiting[0]["award"]["key"].as_str().unwrap();
    let shown = last(&town, &["outbox", "show", key, "--reveal"], "");
    town.write("person", PERSON);
    let recording = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/data/triathlon.fit"
    );
    for command in ["read", "submit"] {
        let args = [
            command,
            "--set-file",
            "subject=person",
            "steps.fit",
            recording,
        ];
        last(&town, &args, "");
    }
    for action in ["export", "erase"] {
        for named in [&[][..], &["-"], &["@person"]] {
            let args = [&["subject", action], named].concat();
            let output = town.told(&args, &format!("{PERSON}\n"));
            // What was erased is gone the second time too.
            assert!(output.status.success() || action == "erase", "{output:?}");
        }
    }
    town.configure(
        "[campaign]",
        "[service]\nlisten = \"127.0.0.1:0\"\n\n[campaign]",
    );
    let token = last(&town, &["token", "add", "app", "--scope", "awards"], "");

    // The watch sees what is there.
    let (known, control) = ("canary-control-5150", "read -r line; exit 0");
    let mut loud = Command::new("sh")
        .args(["-c", control, known])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(300));
    drop(loud.stdin.take());
    loud.wait().unwrap();
    let seen = watch.end();
    for line in [
        known,
        "award --registry",
        "redeem --registry",
        "pay --registry",
    ] {
        assert!(seen.iter().any(|seen| seen.contains(line)), "{line}");
    }

    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let keys = [&town.instrument.key, &pos.key].map(|key| {
        let pem = key.to_pkcs1_pem();
        pem.lines().nth(3).unwrap().to_owned()
    });
    let codes = [&ticket, &bill, &shown].map(|code| {
        let link = text(&code["link"]);
        link.rsplit('/').next().unwrap().to_owned()
    });
    let token = text(&token["token"]);
    let mut secrets = vec![PERSON, AWARD, BILL, token.as_str()];
    secrets.extend(keys.iter().chain(&codes).map(String::as_str));
    assert_unseen(&seen, &secrets);
    // Four digits may stand anywhere; as a word of a command they are a PIN.
    for code in [&ticket, &bill, &shown] {
        let pin = text(&code["pin"]);
        let told = seen
            .iter()
            .filter(|line| line.contains("pocket"))
            .any(|line| line.split(' ').any(|word| word == pin));
        assert!(!told, "a PIN stands in the process list");
    }
}

/// A person does this with a code: the command asks for link and PIN.
fn pocket(town: &Town, what: &str, code: &Value) -> Value {
    let told = format!(
        "{}\n{}\n",
        code["link"].as_str().unwrap(),
        code["pin"].as_str().unwrap()
    );
    let registry = ["--registry", town.registry.url()];
    let args = [&["pocket", "--wallet", "wallet.json", what][..], &registry].concat();
    last(town, &args, &told)
}

/// What a command that works prints last. It is told what it asks for once it has been seen.
fn last(town: &Town, args: &[&str], told: &str) -> Value {
    let mut child = town
        .wom(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(50));
    let mut stdin = child.stdin.take().unwrap();
    // Who asks for nothing does not read it.
    let _ = stdin.write_all(told.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    crate::town::objects(&output).pop().unwrap()
}
