//! The commands of `docs/till.md` from an empty folder, with the page as a browser has it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::Client;

use crate::{
    operations::{each_block, free_port},
    town::VARIABLES,
};

/// A merchant has this long, to the first payment that is accepted.
const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// Commands that are typed into terminals in one folder.
struct Folder {
    dir: tempfile::TempDir,
    pos: String,
}

/// A command that runs until it is dropped: then its power goes, unless its input ends it.
struct Running {
    child: Child,
    said: BufReader<ChildStdout>,
    reads: bool,
}

impl Folder {
    fn bash(&self, script: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_wom")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut shell = Command::new("bash");
        shell
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(self.dir.path())
            .env("PATH", format!("{}:{path}", program.display()))
            .env("POS", &self.pos)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        for name in VARIABLES {
            shell.env_remove(name);
        }
        shell
    }

    fn start(&self, script: &str) -> Running {
        let mut child = self.bash(script).spawn().unwrap();
        Running {
            said: BufReader::new(child.stdout.take().unwrap()),
            reads: script.contains("read -r"),
            child,
        }
    }

    /// Runs it to its end, with this on its standard input.
    fn run(&self, script: &str, told: &str) {
        let mut child = self.bash(script).spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(told.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

impl Running {
    /// The rest of the first line that begins so.
    fn says(&mut self, begins: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(
                self.said.read_line(&mut line).unwrap() > 0,
                "it never said {begins}"
            );
            if let Some(rest) = line.strip_prefix(begins) {
                return rest.trim().to_owned();
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        match self.reads {
            true => drop(self.child.stdin.take()),
            false => drop(self.child.kill()),
        }
        let _ = self.child.wait();
    }
}

/// The browser at the counter.
struct Browser {
    http: Client,
    url: String,
    cookie: String,
}

impl Browser {
    /// At the address that the till printed.
    fn new(address: &str) -> Self {
        let http = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        Self {
            http: http.build().unwrap(),
            url: address.strip_suffix("/till").unwrap().to_owned(),
            cookie: String::new(),
        }
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let request = self.http.post(format!("{}{path}", self.url)).form(fields);
        let request = request
            .header("origin", &self.url)
            .header("cookie", &self.cookie);
        let answer = request.send().await.unwrap();
        if let Some(cookie) = answer.headers().get("set-cookie") {
            self.cookie = cookie
                .to_str()
                .unwrap()
                .split(';')
                .next()
                .unwrap()
                .to_owned();
        }
        let (status, to) = (answer.status(), answer.headers().get("location").cloned());
        let text = answer.text().await.unwrap();
        let to = to.unwrap_or_else(|| panic!("{path} {status}: {text}"));
        to.to_str().unwrap().to_owned()
    }

    async fn see(&self, path: &str) -> String {
        let request = self
            .http
            .get(format!("{}{path}", self.url))
            .header("cookie", &self.cookie);
        request.send().await.unwrap().text().await.unwrap()
    }

    /// Until the page says so.
    async fn until(&self, path: &str, says: &str) -> String {
        let ends = Instant::now() + Duration::from_secs(60);
        loop {
            let page = self.see(path).await;
            if page.contains(says) {
                return page;
            }
            assert!(Instant::now() < ends, "{says}: {page}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn between<'a>(page: &'a str, before: &str, after: char) -> &'a str {
    let rest = page
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before}: {page}"))
        .1;
    rest.split(after).next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_gets_from_an_empty_folder_to_a_first_payment() {
    let began = Instant::now();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/till.md");
    let page = fs::read_to_string(page).unwrap();
    // Other tests listen beside this one.
    let page = page.replace("8400", &free_port());
    let [registry, till, earn, pay] = each_block(&page, "sh").try_into().unwrap();
    let port = free_port();
    let till = format!("exec {} --listen 127.0.0.1:{port}", till.trim_end());
    let mut folder = Folder {
        dir: tempfile::tempdir().unwrap(),
        pos: String::new(),
    };

    let ending = "trap 'kill $(jobs -p)' EXIT; trap exit TERM";
    let script = format!("{ending}\n{registry}\necho; echo \"pos $POS\"; read -r _ || true");
    let mut registry = folder.start(&script);
    folder.pos = registry.says("pos ");
    let mut running = folder.start(&till);
    let address = running.says("Open in the browser:");
    let code = running.says("Type this code:");
    let mut browser = Browser::new(&address);
    assert_eq!(
        browser.post("/till/enter", &[("code", &code)]).await,
        "/till"
    );
    let entry = browser.see("/till/till/new/01").await;
    let hidden = |name: &str| between(&entry, &format!("name=\"{name}\" value=\""), '"').to_owned();
    let (mark, name) = (hidden("mark"), {
        // The form's own name, after that of the language form.
        let form = entry.split_once("class=\"entry\"").unwrap().1;
        between(form, "name=\"name\" value=\"", '"').to_owned()
    });
    let fields = [
        ("mark", mark.as_str()),
        ("offer", "01"),
        ("name", &name),
        ("total", "12.50"),
    ];
    let sale = browser.post("/till/till/sales", &fields).await;
    let shown = browser.see(&sale).await;
    let link = between(&shown, "<p class=\"link\"><code>", '<').to_owned();
    let pin = between(&shown, "<p class=\"pin\"><span aria-hidden=\"true\">", '<').to_owned();

    // The power goes in the middle of the payment. The customer pays meanwhile.
    drop(running);
    folder.run(&earn, "");
    let mut running = folder.start(&till);
    let other = running.says("Type this code:");
    assert_ne!(other, code);
    let again = browser.see(&sale).await;
    assert!(again.contains(&link) && again.contains(&pin), "{again}");
    folder.run(&pay, &format!("{link}\n{pin}\n"));
    let page = browser.until(&sale, "Take €2.00 off").await;
    assert!(page.contains("€10.50"), "{page}");
    browser
        .post(&format!("{sale}/done"), &[("mark", &mark)])
        .await;
    let page = browser.see(&sale).await;
    assert!(page.contains("€2.00 off: done"), "{page}");
    let took = began.elapsed();
    println!("from an empty folder to the first accepted payment: {took:.1?}");
    assert!(took < FIVE_MINUTES, "{took:?}");

    // What was sold is still there, and no secret is anywhere in the clear.
    drop(running);
    for file in ["till.db", "till-keys.json"] {
        let bytes = fs::read(folder.path(file)).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for secret in [
            code.replace('-', ""),
            link.rsplit('/').next().unwrap().to_owned(),
        ] {
            assert!(!text.contains(&secret), "{file}");
        }
    }
}

#[test]
fn a_till_is_for_this_machine_and_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut wom = Command::new(env!("CARGO_BIN_EXE_wom"));
        wom.arg("till")
            .args(args)
            .current_dir(dir.path())
            .env("LC_ALL", "C");
        for name in VARIABLES {
            wom.env_remove(name);
        }
        let output = wom.output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let said = run(&["--listen", "0.0.0.0:0"]);
    assert!(said.contains("for this machine only"), "{said}");
    let said = run(&[]);
    assert!(said.contains("wom.toml"), "{said}");
    fs::write(dir.path().join("wom.toml"), "key_store = \"k\"\n").unwrap();
    let said = run(&[]);
    assert!(
        said.contains("no shop") && said.contains("docs/till.md"),
        "{said}"
    );
    let shop = "key_store = \"k\"\n[shops.bar]\npos = \"x\"\nmerchnt = \"pos.manual\"\n";
    fs::write(dir.path().join("wom.toml"), shop).unwrap();
    let said = run(&[]);
    for part in ["wom.toml", "shops.bar", "merchant"] {
        assert!(said.contains(part), "{said}");
    }
    let key = [
        "--registry",
        "http://127.0.0.1:1",
        "--pos",
        "65aa0c3be1f0d25c7b9e4422",
        "--key-file",
        "k.pem",
    ];
    let said = run(&key);
    assert!(said.contains("--offer 15=2.00"), "{said}");
    let said = run(&[&key[..], &["--offer", "15=two"]].concat());
    assert!(said.contains("12.50"), "{said}");
}
