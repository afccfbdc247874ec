//! The programs of `examples/http`, each over a line that loses the first answer.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    slice::from_ref,
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::Value;
use wom_sdk::{
    Clock as _, SystemClock,
    webhook::{self, Scheme, Secret},
};

use crate::serving::Serving;

/// Interpreter, program, and whether it takes webhooks.
const SAMPLES: [(&str, &str, bool); 5] = [
    ("bash", "wom.sh", false),
    ("python3", "wom.py", true),
    ("node", "wom.mjs", true),
    ("php", "wom.php", true),
    ("mono", "wom.cs", true),
];

#[tokio::test(flavor = "multi_thread")]
async fn samples_award_and_charge_exactly_once() {
    let (hook, messages) = receiver();
    let served = Serving::new(&hook).await;
    let mut paid = 0;
    for (interpreter, file, takes_webhooks) in SAMPLES {
        let program = program(&served, file);
        let Some(program) = program.filter(|_| is_there(interpreter)) else {
            println!("MISSED: {file}: {interpreter} is not there");
            assert!(std::env::var_os("CI").is_none(), "{interpreter} is missing");
            continue;
        };
        let sample = Sample {
            served: &served,
            interpreter,
            file,
            program,
        };
        sample.awards();
        sample.charges();
        paid += 1;
        let message = messages.recv_timeout(Duration::from_secs(60)).unwrap();
        if takes_webhooks {
            sample.takes(&message);
        }
    }
    let books = served.town.registry.books().await.unwrap().total;
    assert_eq!(
        (books.issued, books.redeemed, books.spent),
        (20 * paid, 20 * paid, 15 * paid)
    );
}

struct Sample<'a> {
    served: &'a Serving,
    interpreter: &'a str,
    file: &'a str,
    /// What the interpreter is given.
    program: PathBuf,
}

/// The sample as its interpreter takes it; none where what makes that is not there.
fn program(served: &Serving, file: &str) -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/http");
    let source = source.join(file);
    if source.extension()? != "cs" {
        return Some(source);
    }
    if !is_there("mcs") {
        return None;
    }
    let made = served.town.path("wom.exe");
    let mut compiler = Command::new("mcs");
    let libraries = ["-r:System.Net.Http", "-r:System.Web.Extensions"];
    compiler.arg("-warnaserror").args(libraries).arg(source);
    compiler.arg(format!("-out:{}", made.display()));
    succeeded(&compiler.output().unwrap());
    Some(made)
}

impl Sample<'_> {
    /// Minutes are awarded once, however often the answer is lost, and handed over once.
    fn awards(&self) {
        let key = format!("ride of {}", self.file);
        let run = |minutes| self.run(&["award", &key, minutes]);
        let code = succeeded(&run("20"));
        self.pocket("redeem", &code);
        assert_eq!(succeeded(&run("20")), "handed over before\n");
        let refused = run("21");
        assert!(!refused.status.success());
        let complaint = String::from_utf8_lossy(&refused.stderr);
        assert!(complaint.contains("award_key_reused"), "{complaint}");
    }

    /// The till waits while the customer pays, and gives one discount.
    fn charges(&self) {
        let mut till = self.command(&["charge", self.file, "15"]).spawn().unwrap();
        let mut display = BufReader::new(till.stdout.take().unwrap());
        let mut code = String::new();
        display.read_line(&mut code).unwrap();
        self.pocket("pay", &code);
        let mut rest = String::new();
        display.read_to_string(&mut rest).unwrap();
        succeeded(&till.wait_with_output().unwrap());
        assert_eq!(rest, "discount\n");
        let again = succeeded(&self.run(&["charge", self.file, "15"]));
        assert_eq!(again, "discount given before\n");
    }

    /// The service's own message is taken, and one that is altered, old or of somebody else is not.
    fn takes(&self, message: &Message) {
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        assert_eq!(body["type"], "checkout.paid");
        let id = &message.head["webhook-id"];
        let kept = self.served.town.path(&format!("webhook-{id}"));
        let own = &self.served.secret;
        let other = Secret::random();

        let mut altered = message.clone();
        altered.body.push(b' ');
        let mut renamed = message.clone();
        renamed.head.insert("webhook-id".to_owned(), "x".to_owned());
        let too_old = message.signed_again(-310, from_ref(own));
        let too_new = message.signed_again(310, from_ref(own));
        let of_others = message.signed_again(0, from_ref(&other));
        for forged in [altered, renamed, too_old, too_new, of_others] {
            assert_eq!(self.answer(&forged), "Status: 401\n\n", "{}", self.file);
        }
        assert!(!kept.exists() && !self.served.town.path("webhook-x").exists());

        // Twice, and while the secret is changed.
        let rotated = message.signed_again(0, &[other, own.clone()]);
        for genuine in [message, message, &rotated] {
            assert_eq!(self.answer(genuine), "Status: 204\n\n", "{}", self.file);
        }
        assert_eq!(fs::read(&kept).unwrap(), message.body);
        fs::remove_file(&kept).unwrap();
    }

    /// What it answers to a webhook, called as CGI has it.
    fn answer(&self, message: &Message) -> String {
        let mut command = self.command(&["webhook"]);
        command.stdin(Stdio::piped());
        for (name, value) in &message.head {
            let name = name.to_uppercase().replace('-', "_");
            command.env(format!("HTTP_{name}"), value);
        }
        let mut script = command.spawn().unwrap();
        let mut stdin = script.stdin.take().unwrap();
        stdin.write_all(&message.body).unwrap();
        drop(stdin);
        succeeded(&script.wait_with_output().unwrap())
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Over a line of its own, whose first answer is lost.
    fn command(&self, words: &[&str]) -> Command {
        let secret = self.served.secret.reveal();
        let mut command = Command::new(self.interpreter);
        command
            .arg(&self.program)
            .args(words)
            .current_dir(self.served.town.path(""))
            .env("WOM_URL", losing_the_first_answer(&self.served.url))
            .env("WOM_TOKEN", &self.served.token)
            .env("WOM_WEBHOOK_SECRET", &*secret)
            .env("NO_PROXY", "127.0.0.1")
            .env("no_proxy", "127.0.0.1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// A person does this with the code that was handed over: link and PIN.
    fn pocket(&self, what: &str, code: &str) {
        let (link, pin) = code.trim_end().split_once(' ').unwrap();
        let town = &self.served.town;
        let registry = town.registry.url();
        let words = ["pocket", "--wallet", "sara.json", what];
        let words = [&words[..], &["--registry", registry]].concat();
        succeeded(&town.told(&words, &format!("{link}\n{pin}\n")));
    }
}

/// What a program said that did what it should.
fn succeeded(output: &Output) -> String {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn is_there(interpreter: &str) -> bool {
    let asked = Command::new(interpreter).arg("--version").output();
    asked.is_ok_and(|output| output.status.success())
}

/// The address of a line to a service. Of its first connection the request arrives, and the answer
/// is lost.
fn losing_the_first_answer(url: &str) -> String {
    let service = url.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let line = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for (number, caller) in listener.incoming().enumerate() {
            let (caller, service) = (caller.unwrap(), TcpStream::connect(&service).unwrap());
            let (mut from, mut to) = (caller.try_clone().unwrap(), service.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
            thread::spawn(move || {
                let (mut service, mut caller) = (service, caller);
                if number == 0 {
                    // It is done once the answer begins.
                    let _ = service.read(&mut [0]);
                } else {
                    let _ = std::io::copy(&mut service, &mut caller);
                }
                let _ = caller.shutdown(Shutdown::Both);
            });
        }
    });
    line
}

/// A message as it came in.
#[derive(Clone)]
struct Message {
    head: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Message {
    /// With the same id and body, so many seconds from now.
    fn signed_again(&self, seconds: i64, secrets: &[Secret]) -> Self {
        let now = SystemClock.now().plus_millis(1_000 * seconds);
        let id = &self.head["webhook-id"];
        let scheme = Scheme::StandardWebhooks;
        let signed = webhook::sign(&scheme, id, now, &self.body, secrets).unwrap();
        let own = |(name, value): (&str, &str)| (name.to_lowercase(), value.to_owned());
        Self {
            head: signed.headers().map(own).collect(),
            body: self.body.clone(),
        }
    }
}

/// The address of a server that takes messages, and what it took.
fn receiver() -> (String, Receiver<Message>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, messages) = channel();
    thread::spawn(move || {
        for caller in listener.incoming() {
            let mut caller = BufReader::new(caller.unwrap());
            let mut head = BTreeMap::new();
            let mut line = String::new();
            while caller.read_line(&mut line).unwrap() > 2 {
                if let Some((name, value)) = line.split_once(": ") {
                    head.insert(name.to_lowercase(), value.trim_end().to_owned());
                }
                line.clear();
            }
            let mut body = vec![0; head["content-length"].parse().unwrap()];
            caller.read_exact(&mut body).unwrap();
            head.retain(|name, _| name.starts_with("webhook-"));
            let answer = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
            caller.get_mut().write_all(answer.as_bytes()).unwrap();
            if sender.send(Message { head, body }).is_err() {
                return;
            }
        }
    });
    (url, messages)
}
