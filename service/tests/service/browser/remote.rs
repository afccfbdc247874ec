//! The browser at the end of a pipe: `tests/browser/remote.mjs`.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::town::Town;

/// An order that is not answered for so long hangs.
const LONGEST: Duration = Duration::from_secs(60);

/// A person's browser.
pub(super) struct Browser {
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

/// What a person reads, or has read to them.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) title: String,
    pub(super) language: String,
    pub(super) tree: String,
}

impl Browser {
    /// A new one with no cookies, for a person of this locale.
    pub(super) fn new(locale: &str, scripts: bool) -> Self {
        let person = json!({"locale": locale, "javaScriptEnabled": scripts});
        Self::of("claim-page", &person)
    }

    /// One at a till, with a keyboard or with fingers.
    pub(super) fn at_till(locale: &str, touch: bool) -> Self {
        Self::of(
            "till-page",
            &json!({"locale": locale, "hasTouch": touch, "isMobile": touch}),
        )
    }

    /// Its pictures go into this folder.
    fn of(folder: &str, person: &Value) -> Self {
        let variable = |name| {
            std::env::var(name).unwrap_or_else(|_| {
                panic!("{name} is not set: ./test --all shows how to run this by hand")
            })
        };
        let (modules, chromium) = (variable("WOM_BROWSER_MODULES"), variable("WOM_BROWSER"));
        let remote = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/browser/remote.mjs");
        let mut child = Command::new("node")
            .arg(remote)
            .args([modules, chromium])
            .arg(pictures(folder))
            .arg(person.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            orders: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
        }
    }

    /// The status of the page at the end of all redirects.
    pub(super) async fn open(&mut self, url: &str) -> u64 {
        let opened = self.order(json!({"order": "open", "url": url})).await;
        opened["status"].as_u64().unwrap()
    }

    /// Follows a link, or presses a button that leads to a page.
    pub(super) async fn go(&mut self, role: &str, name: &str) {
        self.order(json!({"order": "go", "role": role, "name": name}))
            .await;
    }

    /// Presses a button that only says something.
    pub(super) async fn click(&mut self, name: &str, says: &str) {
        self.order(json!({"order": "click", "name": name, "says": says}))
            .await;
    }

    /// Opens what is folded.
    pub(super) async fn unfold(&mut self, name: &str) {
        self.order(json!({"order": "unfold", "name": name})).await;
    }

    /// Presses a button that does nothing yet.
    pub(super) async fn stays(&mut self, name: &str) {
        self.order(json!({"order": "stays", "name": name})).await;
    }

    pub(super) async fn tick(&mut self, name: &str) {
        self.order(json!({"order": "tick", "name": name})).await;
    }

    /// Goes on so often with the keyboard alone; what has the focus then.
    pub(super) async fn tab(&mut self, times: usize) -> String {
        for _ in 0..times {
            self.order(json!({"order": "tab"})).await;
        }
        let read = self.order(json!({"order": "read"})).await;
        read["focus"].as_str().unwrap_or_default().to_owned()
    }

    /// Loads the page anew: a printed one has lost its focus.
    pub(super) async fn reload(&mut self) {
        self.order(json!({"order": "reload"})).await;
    }

    /// Types with the keyboard into what has the focus.
    pub(super) async fn keys(&mut self, text: &str) {
        self.order(json!({"order": "keys", "text": text})).await;
    }

    /// Presses a key that leads to a page.
    pub(super) async fn key(&mut self, key: &str) {
        self.order(json!({"order": "key", "key": key})).await;
    }

    /// Taps with a finger on what leads to no page.
    pub(super) async fn tap(&mut self, name: &str) {
        self.order(json!({"order": "tap", "name": name})).await;
    }

    /// Waits until the page says this, whoever brings it on.
    pub(super) async fn says(&mut self, text: &str) {
        self.order(json!({"order": "says", "text": text})).await;
    }

    /// Presses Enter on what has the focus and leads to a page.
    pub(super) async fn enter(&mut self) {
        self.order(json!({"order": "enter"})).await;
    }

    pub(super) async fn read(&mut self) -> Read {
        let read = self.order(json!({"order": "read"})).await;
        let text = |name: &str| read[name].as_str().map(ToOwned::to_owned);
        Read {
            title: text("title").unwrap(),
            language: text("language").unwrap(),
            tree: text("tree").unwrap(),
        }
    }

    pub(super) async fn href(&mut self, name: &str) -> String {
        let order =
            json!({"order": "attribute", "role": "link", "name": name, "attribute": "href"});
        self.order(order).await.as_str().unwrap().to_owned()
    }

    /// What a phone's camera reads from the screen of a desktop.
    pub(super) async fn scan(&mut self, name: &str) -> String {
        let seen = self.order(json!({"order": "camera", "name": name})).await;
        let pixels = seen["pixels"].as_array().unwrap();
        let width = usize::try_from(seen["width"].as_u64().unwrap()).unwrap();
        let bright =
            |x: usize, y: usize| u8::try_from(pixels[y * width + x].as_u64().unwrap()).unwrap();
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(width, pixels.len() / width, bright);
        image.detect_grids()[0].decode().unwrap().1
    }

    pub(super) async fn clipboard(&mut self) -> String {
        let text = self.order(json!({"order": "clipboard"})).await;
        text.as_str().unwrap().to_owned()
    }

    /// Takes pictures on a phone and on a desktop, in light and in dark, in each of which axe finds
    /// nothing to complain of.
    pub(super) async fn look(&mut self, name: &str) {
        let looked = self.order(json!({"order": "look", "name": name})).await;
        for picture in looked["pictures"].as_array().unwrap() {
            println!("{}", picture.as_str().unwrap());
        }
        let found = looked["found"].as_array().unwrap();
        assert!(found.is_empty(), "{name}: {found:#?}");
    }

    /// Ends it. Only the town was asked for anything, and the browser had nothing to complain of
    /// but the statuses that are meant.
    pub(super) async fn close(mut self, town: &str) {
        let account = self.order(json!({"order": "account"})).await;
        for asked in account["asked"].as_array().unwrap() {
            let asked = asked.as_str().unwrap();
            assert!(asked.starts_with(town), "it asked for {asked}");
        }
        for complaint in account["complaints"].as_array().unwrap() {
            let complaint = complaint.as_str().unwrap();
            let meant = complaint.contains("Failed to load resource: the server responded with");
            assert!(meant, "{complaint}");
        }
        drop(self.orders);
        assert!(self.child.wait().await.unwrap().success());
    }

    async fn order(&mut self, order: Value) -> Value {
        let line = format!("{order}\n");
        self.orders.write_all(line.as_bytes()).await.unwrap();
        let answer = timeout(LONGEST, self.answers.next_line()).await;
        let answer = answer.unwrap_or_else(|_| panic!("no answer to {order}"));
        let answer = answer.unwrap().expect("the browser ended");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer["error"].is_null(), "{order}: {}", answer["error"]);
        answer["ok"].clone()
    }
}

/// Where the pictures are: they stay, to be looked at.
fn pictures(folder: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The address of a person's page.
pub(super) async fn address(town: &Town, token: &str, body: Value) -> String {
    let page = town.post(token, "/claim-pages", &body).await.ok(201);
    page["url"].as_str().unwrap().to_owned()
}
