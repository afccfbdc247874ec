//! The whole way by the `wom` program alone, with real processes, a real Registry and real HTTP:
//! what the README promises, and what outside scripts rely on.

use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use serde_json::Value;

use crate::town;

/// A Registry that serves, and dies with the test.
struct Registry {
    process: Child,
    url: String,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn wom(args: &[&str]) -> Command {
    let mut command = town::wom();
    command.args(args);
    command
}

/// What a command that works prints last.
fn done(args: &[&str]) -> Value {
    let output = wom(args).output().unwrap();
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    last(&output)
}

fn last(output: &Output) -> Value {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// The code of the error of a command that does not work, and its exit code.
fn refused(args: &[&str]) -> (String, i32) {
    error_of(&wom(args).output().unwrap())
}

fn error_of(output: &Output) -> (String, i32) {
    assert!(!output.status.success());
    let text = std::str::from_utf8(&output.stderr).unwrap();
    let error: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert!(!error["error"]["message"].as_str().unwrap().is_empty());
    (
        error["error"]["code"].as_str().unwrap().to_owned(),
        output.status.code().unwrap(),
    )
}

fn with_pin(args: &[&str], pin: &str) -> Output {
    let mut child = wom(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{pin}").unwrap();
    child.wait_with_output().unwrap()
}

fn lines(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

fn serve(dir: &Path) -> Registry {
    let mut process = wom(&[
        "registry",
        "serve",
        "--dir",
        path(dir),
        "--key-bits",
        "2048",
    ])
    .stdout(Stdio::piped())
    .spawn()
    .unwrap();
    let ready: Value = serde_json::from_str(&lines(&mut process).next().unwrap().unwrap()).unwrap();
    assert_eq!(ready["event"], "ready");
    Registry {
        process,
        url: ready["url"].as_str().unwrap().to_owned(),
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn from_an_award_to_a_payment() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| path(&dir.path().join(name)).to_owned();
    let registry = serve(&dir.path().join("registry"));
    let (folder, keys, url) = (at("registry"), at("keys"), registry.url.as_str());

    // Admitted while the server runs.
    let instrument = done(&[
        "registry",
        "add-instrument",
        "--dir",
        &folder,
        "--name",
        "Test",
        "--aim",
        "H",
        "--aim",
        "UM",
        "--out",
        &keys,
        "--key-bits",
        "2048",
    ]);
    let pos = done(&[
        "registry",
        "add-pos",
        "--dir",
        &folder,
        "--merchant",
        "M",
        "--name",
        "Till",
        "--out",
        &keys,
        "--key-bits",
        "2048",
    ]);
    let (source, source_key) = (text(&instrument["sourceId"]), text(&instrument["keyFile"]));
    let (pos_id, pos_key) = (text(&pos["posId"]), text(&pos["keyFile"]));

    // Award.
    let state = at("awards.db");
    let award = |source: &str, key: &str, aim: &str, minutes: &str, place: &str, name: &str| {
        [
            "award",
            "--registry",
            url,
            "--source",
            source,
            "--key",
            key,
            "--aim",
            aim,
            "--minutes",
            minutes,
            "--at",
            place,
            "--award-key",
            name,
            "--state",
            &state,
        ]
        .map(str::to_owned)
    };
    let run = |args: &[String]| done(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let fails = |args: &[String]| refused(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let place = "43.7263,12.6366";
    let ticket = run(&award(source, source_key, "H", "30", place, "run 42"));
    assert_eq!(ticket["count"], 30);
    assert_eq!(
        text(&ticket["link"]),
        format!("{url}/vouchers/{}", text(&ticket["otc"]))
    );
    assert_eq!(
        run(&award(source, source_key, "H", "30", place, "run 42")),
        ticket
    );
    let second = run(&award(source, source_key, "UM", "5", place, "ride 1"));
    assert_ne!(second["otc"], ticket["otc"]);

    // Bad awards, each with an answer of its own.
    let code = |result: (String, i32)| result.0;
    assert_eq!(
        fails(&award(source, source_key, "H", "31", place, "run 42")),
        ("award_key_reused".into(), 1)
    );
    assert_eq!(
        code(fails(&award(source, source_key, "H", "0", place, "x"))),
        "input_invalid"
    );
    assert_eq!(
        code(fails(&award(source, pos_key, "H", "1", place, "wrong key"))),
        "payload_invalid"
    );
    assert_eq!(
        code(fails(&award(
            source,
            source_key,
            "C",
            "1",
            place,
            "aim not admitted"
        ))),
        "parameter_refused"
    );
    let stranger = "65aa0c3be1f0d25c7b9e4411";
    let elsewhere = at("elsewhere.db");
    let mut unknown = award(stranger, source_key, "H", "1", place, "x");
    *unknown.last_mut().unwrap() = elsewhere.clone();
    assert_eq!(code(fails(&unknown)), "source_unknown");
    // The store belongs to the first source.
    assert_eq!(
        code(fails(&award(stranger, source_key, "H", "1", place, "x"))),
        "store_mismatch"
    );
    // What the command line can judge by itself is a usage error.
    for (aim, place) in [("H", "91,0"), ("ZZZ", place)] {
        let args = award(source, source_key, aim, "1", place, "x");
        assert_eq!(
            wom(&args.iter().map(String::as_str).collect::<Vec<_>>())
                .output()
                .unwrap()
                .status
                .code(),
            Some(2)
        );
    }

    // Redeem.
    let wallet = at("wallet.json");
    let redeem = |link: &str| {
        [
            "pocket",
            "--wallet",
            &wallet,
            "redeem",
            link,
            "--pin",
            "-",
            "--registry",
            url,
        ]
        .map(str::to_owned)
    };
    let redeem_with = |link: &str, pin: &str| {
        with_pin(
            &redeem(link).iter().map(String::as_str).collect::<Vec<_>>(),
            pin,
        )
    };
    let (link, pin) = (text(&ticket["link"]), text(&ticket["pin"]));
    let wrong = if pin == "0000" { "0001" } else { "0000" };
    assert_eq!(error_of(&redeem_with(link, wrong)), ("pin_wrong".into(), 1));
    assert_eq!(error_of(&redeem_with(link, "abcd")).0, "pin_unacceptable");
    assert_eq!(last(&redeem_with(link, pin))["redeemed"], 30);
    assert_eq!(
        last(&redeem_with(text(&second["otc"]), text(&second["pin"])))["total"],
        35
    );
    let listed = done(&["pocket", "--wallet", &wallet, "list"]);
    assert_eq!(
        (
            &listed["total"],
            &listed["byAim"]["H"],
            &listed["byAim"]["UM"]
        ),
        (&35.into(), &30.into(), &5.into())
    );
    // Another wallet is too late.
    let late = at("late.json");
    let args = [
        "pocket",
        "--wallet",
        &late,
        "redeem",
        link,
        "--pin",
        "-",
        "--registry",
        url,
    ];
    assert_eq!(error_of(&with_pin(&args, pin)).0, "already_performed");

    // Charge and pay.
    let charge = |amount: &str, wait: &str| {
        wom(&[
            "charge",
            "--registry",
            url,
            "--pos",
            pos_id,
            "--key",
            pos_key,
            "--amount",
            amount,
            "--aim",
            "H",
            "--max-age-days",
            "14",
            "--wait",
            wait,
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
    };
    let pay = |asked: &Value| {
        let args = ["pocket", "--wallet", &wallet, "pay", "--registry", url];
        let told = format!("{}\n{}", text(&asked["link"]), text(&asked["pin"]));
        with_pin(&args, &told)
    };
    let mut till = charge("10", "30");
    let mut said = lines(&mut till);
    let asked: Value = serde_json::from_str(&said.next().unwrap().unwrap()).unwrap();
    assert_eq!(last(&pay(&asked))["paid"], 10);
    let paid: Value = serde_json::from_str(&said.next().unwrap().unwrap()).unwrap();
    assert_eq!(paid["paid"], true);
    assert!(till.wait().unwrap().success());
    // Paying once more is the same payment.
    assert_eq!(last(&pay(&asked))["total"], 25);

    // More than the wallet has: nothing is spent, and the till says that nothing came.
    let mut till = charge("26", "2");
    let asked: Value = serde_json::from_str(&lines(&mut till).next().unwrap().unwrap()).unwrap();
    assert_eq!(error_of(&pay(&asked)).0, "vouchers_insufficient");
    assert_eq!(till.wait().unwrap().code(), Some(3));
    assert_eq!(done(&["pocket", "--wallet", &wallet, "list"])["total"], 25);

    // Link and PIN from files; and a line that is missing is told.
    let (first, second) = (at("link"), at("pin"));
    std::fs::write(&first, format!("{link}\n")).unwrap();
    std::fs::write(&second, format!("{pin}\r\n")).unwrap();
    let (first, second) = (format!("@{first}"), format!("@{second}"));
    let redeem = ["pocket", "--wallet", &wallet, "redeem", "--registry", url];
    let from_files = [&redeem[..], &[&first, "--pin", &second]].concat();
    assert_eq!(done(&from_files)["redeemed"], 30, "the same vouchers again");
    let too_little = with_pin(&redeem, link);
    assert_eq!(error_of(&too_little), ("input_invalid".into(), 1));

    // A PIN on the command line is refused.
    let args = [
        "pocket",
        "--wallet",
        &wallet,
        "pay",
        link,
        "--pin",
        "1234",
        "--registry",
        url,
    ];
    assert_eq!(refused(&args).0, "input_invalid");
}

#[test]
fn from_an_empty_folder_to_awards_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| path(&dir.path().join(name)).to_owned();
    let registry = serve(&dir.path().join("registry"));
    done(&["init", path(dir.path())]);
    assert_eq!(
        refused(&["init", path(dir.path())]).0,
        "configuration_invalid"
    );
    let config = at("wom.toml");
    // Nothing is ready yet, and doctor says what is missing.
    assert_eq!(
        refused(&["doctor", "--config", &config]).0,
        "configuration_invalid"
    );
    let instrument = done(&[
        "registry",
        "add-instrument",
        "--dir",
        &at("registry"),
        "--name",
        "Test",
        "--aim",
        "H",
        "--out",
        path(dir.path()),
        "--key-bits",
        "2048",
    ]);
    let written = std::fs::read_to_string(&config).unwrap();
    let written = written
        .replacen("http://127.0.0.1:8400", &registry.url, 1)
        .replacen(
            "source = \"\"",
            &format!("source = \"{}\"", text(&instrument["sourceId"])),
            1,
        )
        .replacen("local-source.pem", text(&instrument["keyFile"]), 1);
    std::fs::write(&config, written).unwrap();
    let health = done(&["doctor", "--config", &config]);
    assert_eq!(health["ok"], true, "{health}");

    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/data/activities.json"
    );
    let read = done(&["read", "activity.json", file, "--zone", "Europe/Rome"]);
    let submit = ["submit", "--config", &config, "activity.json", file];
    let first = done(&submit);
    assert!(first["summary"]["awarded"].as_u64().unwrap() > 0, "{first}");
    assert_eq!(
        first["summary"]["observations"],
        read["summary"]["observations"]
    );
    // The file has no day above the cap of 240 minutes, so what is read is what is awarded or waits.
    let counted = first["summary"]["awarded"].as_u64().unwrap()
        + first["summary"]["waiting"].as_u64().unwrap();
    assert_eq!(read["summary"]["minutes"].as_u64(), Some(counted));
    let again = done(&submit);
    assert_eq!(
        (&again["summary"]["repeated"], &again["summary"]["awarded"]),
        (&true.into(), &first["summary"]["awarded"])
    );
}

#[test]
fn the_demo_closes_its_books() {
    let shown = done(&["demo"]);
    let minutes = shown["read"]["minutes"].as_u64().unwrap();
    assert!(minutes >= 150, "{shown}");
    assert_eq!(shown["awarded"]["count"], minutes);
    assert_eq!(shown["redeemed"]["count"], minutes);
    assert_eq!(shown["charged"]["amount"], 15);
    assert_eq!(
        (&shown["discount"]["before"], &shown["discount"]["after"]),
        (&830.into(), &747.into())
    );
    let books = &shown["books"];
    assert_eq!(
        (&books["spent"], books["left"].as_u64()),
        (&15.into(), Some(minutes - 15))
    );
}

#[test]
fn an_api_key_awards_too_and_its_file_is_for_its_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| path(&dir.path().join(name)).to_owned();
    let registry = serve(&dir.path().join("registry"));
    let (folder, keys) = (at("registry"), at("keys"));
    let instrument = done(&[
        "registry",
        "add-instrument",
        "--dir",
        &folder,
        "--name",
        "Test",
        "--aim",
        "H",
        "--out",
        &keys,
        "--key-bits",
        "2048",
    ]);
    let source = text(&instrument["sourceId"]);
    let made = done(&[
        "registry",
        "add-api-key",
        "--dir",
        &folder,
        "--source",
        source,
        "--out",
        &keys,
    ]);
    let file = text(&made["keyFile"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            std::fs::metadata(file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let secret = std::fs::read_to_string(file).unwrap();
    assert!(!made.to_string().contains(&secret));
    let state = at("awards.db");
    let award = [
        "award",
        "--registry",
        &registry.url,
        "--source",
        source,
        "--api-key-file",
        file,
        "--aim",
        "H",
        "--minutes",
        "7",
        "--at",
        "43.72,12.63",
        "--award-key",
        "run 1",
        "--state",
        &state,
    ];
    let ticket = done(&award);
    assert_eq!(ticket["count"], 7);
    assert_eq!(done(&award), ticket);
    let collected = with_pin(
        &[
            "pocket",
            "--wallet",
            &at("wallet.json"),
            "redeem",
            text(&ticket["link"]),
            "--pin",
            "-",
            "--registry",
            &registry.url,
        ],
        text(&ticket["pin"]),
    );
    assert!(
        collected.status.success(),
        "{}",
        String::from_utf8_lossy(&collected.stderr)
    );
}
