//! A real pretix with an organizer, and whoever works with it: the box office, the gate, the pages.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

use reqwest::{Client, Method, StatusCode, header};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// The organizer that `tests/pretix/bootstrap.py` makes.
pub(crate) const ORGANIZER: &str = "hill";

/// A pretix on SQLite, without a task queue, until it is dropped.
pub(crate) struct Server {
    home: PathBuf,
    python: PathBuf,
    pub(crate) url: String,
    port: u16,
    process: Mutex<Option<Child>>,
    http: Client,
    /// May do everything.
    admin: String,
    /// May read orders, and cannot scan.
    pub(crate) reader: String,
}

impl Server {
    /// Makes the tables and the organizer, and starts to serve. Takes 20 seconds.
    pub(crate) fn start(python: PathBuf, home: PathBuf) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let url = format!("http://127.0.0.1:{port}");
        fs::create_dir_all(home.join("data")).unwrap();
        fs::write(home.join("pretix.cfg"), settings(&url, &home)).unwrap();
        let mut server = Self {
            home,
            python,
            url,
            port,
            process: Mutex::default(),
            http: Client::builder().no_proxy().build().unwrap(),
            admin: String::new(),
            reader: String::new(),
        };
        server.run("migrate", &["-m", "django", "migrate", "--run-syncdb"]);
        let script = scripts().join("bootstrap.py");
        let tokens = server.run("bootstrap", &[script.to_str().unwrap()]);
        let mut tokens = tokens.lines().map(str::to_owned);
        server.admin = tokens.next().unwrap();
        server.reader = tokens.next().unwrap();
        server.serve();
        server
    }

    pub(crate) fn serve(&self) {
        let address = format!("127.0.0.1:{}", self.port);
        let process = self
            .command(&[
                "-m",
                "gunicorn",
                "pretix.wsgi",
                "--workers",
                "1",
                "--threads",
                "4",
            ])
            .args(["--bind", &address, "--no-control-socket"])
            .stdout(Stdio::null())
            .stderr(File::create(self.home.join("served.log")).unwrap())
            .spawn();
        *self.process.lock().unwrap() = Some(process.unwrap());
    }

    pub(crate) fn stop(&self) {
        if let Some(mut process) = self.process.lock().unwrap().take() {
            let _ = kill_process(Pid::from_child(&process), Signal::TERM);
            let _ = process.wait();
        }
    }

    pub(crate) async fn ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while self
            .try_ask(Method::GET, "/api/v1/version", &Value::Null)
            .await
            .is_none()
        {
            assert!(Instant::now() < deadline, "pretix does not answer");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Does what is to be done from time to time.
    pub(crate) async fn work(&self) {
        let mut command = self.command(&["-m", "django", "runperiodic"]);
        let work = tokio::task::spawn_blocking(move || command.output().unwrap());
        assert!(work.await.unwrap().status.success());
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command
            .args(arguments)
            .current_dir(&self.home)
            .env("PRETIX_CONFIG_FILE", self.home.join("pretix.cfg"))
            .env("PYTHONPATH", scripts())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("DJANGO_SETTINGS_MODULE", "fast")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, name: &str, arguments: &[&str]) -> String {
        let log = File::create(self.home.join(format!("{name}.log"))).unwrap();
        let output = self.command(arguments).stderr(log).output().unwrap();
        assert!(output.status.success(), "{name}: see its log");
        String::from_utf8(output.stdout).unwrap()
    }

    async fn try_ask(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Option<(StatusCode, Value)> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .header(header::AUTHORIZATION, format!("Token {}", self.admin));
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status();
        let text = answer.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    /// Asks the API of the organizer.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let path = format!("/api/v1/organizers/{ORGANIZER}/{path}");
        self.try_ask(method, &path, &body).await.unwrap()
    }

    /// Makes something, and gives it.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(Method::POST, path, body).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) {
        let (status, answer) = self.ask(Method::PATCH, path, body).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
    }

    /// Somebody logged in to the pages, where alone check-ins are taken back.
    pub(crate) async fn pages(&self) -> Pages<'_> {
        let mut pages = Pages {
            server: self,
            cookies: Vec::new(),
        };
        pages.get("/control/login").await;
        let login = [("email", "admin@example.org"), ("password", "CHANGE")];
        let status = pages.post("/control/login", &login).await;
        assert_eq!(status, StatusCode::FOUND, "the login is taken");
        pages
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A browser with its cookies.
pub(crate) struct Pages<'a> {
    server: &'a Server,
    cookies: Vec<(String, String)>,
}

impl Pages<'_> {
    async fn get(&mut self, path: &str) {
        let request = self.server.http.get(format!("{}{path}", self.server.url));
        self.send(request).await;
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> StatusCode {
        let url = format!("{}{path}", self.server.url);
        let token = self.cookies.iter().find(|(name, _)| name.contains("csrf"));
        let token = token.map(|(_, value)| value.clone()).unwrap_or_default();
        let mut form = fields.to_vec();
        form.push(("csrfmiddlewaretoken", &token));
        let http = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = http.build().unwrap().post(&url).body(form);
        let request = request
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::REFERER, url);
        self.send(request).await
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> StatusCode {
        let cookies = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        let cookies: Vec<_> = cookies.collect();
        let request = request.header(header::COOKIE, cookies.join("; "));
        let answer = request.send().await.unwrap();
        for cookie in answer.headers().get_all(header::SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.retain(|(other, _)| other != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        answer.status()
    }
}

/// An evening at the theatre, in an event of its own.
pub(crate) struct Evening<'a> {
    pub(crate) server: &'a Server,
    pub(crate) event: &'static str,
    pub(crate) seat: u64,
    pub(crate) parking: u64,
    pub(crate) tour: u64,
    pub(crate) door: u64,
}

/// A ticket, as the gate and the box office see it.
#[derive(Clone, Debug)]
pub(crate) struct Bought {
    pub(crate) code: String,
    pub(crate) position: u64,
    pub(crate) barcode: String,
}

impl<'a> Evening<'a> {
    /// A play from one instant to another, RFC 3339, with seats, parking and a tour behind the scenes
    /// that goes with a seat.
    pub(crate) async fn plan(
        server: &'a Server,
        event: &'static str,
        from: &str,
        to: &str,
    ) -> Self {
        let mut evening = Self::begin(server, event, from, Some(to), false).await;
        evening.parking = evening.product("Parking", false, None).await;
        let extras = json!({"name": {"en": "Extras"}, "position": 0, "is_addon": true});
        let extras = evening.post("categories/", extras).await["id"].clone();
        evening.tour = evening.product("Tour", true, Some(&extras)).await;
        let addon = json!({
            "addon_category": extras, "min_count": 0, "max_count": 1, "position": 0,
            "multi_allowed": false, "price_included": true,
        });
        let addons = format!("items/{}/addons/", evening.seat);
        evening.post(&addons, addon).await;
        evening.quota(None).await;
        evening.door = evening.list("Door").await;
        evening
    }

    /// An event, or a series, that sells seats and has no quota yet.
    pub(crate) async fn begin(
        server: &'a Server,
        event: &'static str,
        from: &str,
        to: Option<&str>,
        is_series: bool,
    ) -> Self {
        let event_data = json!({
            "name": {"en": "Something"}, "slug": event, "live": false, "testmode": false,
            "currency": "EUR", "timezone": "Europe/Rome", "date_from": from, "date_to": to,
            "date_admission": null, "is_public": true, "location": null,
            "has_subevents": is_series, "plugins": [], "all_sales_channels": true,
        });
        server.post("events/", event_data).await;
        let mut evening = Self {
            server,
            event,
            seat: 0,
            parking: 0,
            tour: 0,
            door: 0,
        };
        evening.seat = evening.product("Seat", true, None).await;
        evening
    }

    /// A hundred of each product, of a date in a series.
    pub(crate) async fn quota(&self, subevent: Option<u64>) {
        let products = [self.seat, self.parking, self.tour];
        let products: Vec<_> = products.iter().filter(|product| **product > 0).collect();
        let quota = json!({
            "name": "All", "size": 100, "items": products, "variations": [], "subevent": subevent,
        });
        self.post("quotas/", quota).await;
    }

    async fn product(&self, name: &str, admission: bool, category: Option<&Value>) -> u64 {
        let product = json!({
            "name": {"en": name}, "default_price": "10.00", "admission": admission,
            "personalized": admission, "active": true, "category": category,
        });
        self.post("items/", product).await["id"].as_u64().unwrap()
    }

    /// A list for all products, which lets in who has not paid where the gate says so.
    pub(crate) async fn list(&self, name: &str) -> u64 {
        let list = json!({
            "name": name, "all_products": true, "limit_products": [], "subevent": null,
            "allow_entry_after_exit": true, "include_pending": true,
        });
        self.post("checkinlists/", list).await["id"]
            .as_u64()
            .unwrap()
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        self.server
            .post(&format!("events/{}/{path}", self.event), body)
            .await
    }

    /// Orders these products for somebody, paid; each after the first goes with it if it is a tour.
    pub(crate) async fn sell(&self, name: &str, products: &[u64]) -> Vec<Bought> {
        let bought = self.order(name, products).await;
        let path = format!("orders/{}/mark_paid/", bought[0].code);
        self.post(&path, json!({"send_email": false})).await;
        bought
    }

    /// As [`sell`](Self::sell), not paid.
    pub(crate) async fn order(&self, name: &str, products: &[u64]) -> Vec<Bought> {
        let positions = products.iter().enumerate().map(|(n, item)| {
            let addon_to = (*item == self.tour).then_some(1);
            json!({"positionid": n + 1, "item": item, "addon_to": addon_to})
        });
        self.order_positions(name, positions.collect(), false).await
    }

    /// Sells a seat to somebody, with these fields besides.
    pub(crate) async fn sell_with(&self, name: &str, fields: Value) -> Bought {
        self.sell_seat(name, fields, false).await
    }

    /// Sells a seat to nobody; the event has to be tried out just then.
    pub(crate) async fn sell_for_trial(&self, name: &str) -> Bought {
        self.sell_seat(name, json!({}), true).await
    }

    async fn sell_seat(&self, name: &str, fields: Value, is_trial: bool) -> Bought {
        let mut position = json!({"item": self.seat});
        let fields = fields.as_object().unwrap().clone();
        position.as_object_mut().unwrap().extend(fields);
        let bought = self.order_positions(name, vec![position], is_trial).await;
        let bought = bought.into_iter().next().unwrap();
        let path = format!("orders/{}/mark_paid/", bought.code);
        self.post(&path, json!({"send_email": false})).await;
        bought
    }

    async fn order_positions(
        &self,
        name: &str,
        mut positions: Vec<Value>,
        is_trial: bool,
    ) -> Vec<Bought> {
        for position in &mut positions {
            position["variation"] = Value::Null;
            position["answers"] = json!([]);
            position["attendee_name_parts"] = json!({"full_name": format!("Canary {name}")});
            position["attendee_email"] = format!("canary.{name}@example.org").into();
        }
        let order = json!({
            "email": format!("canary.{name}@example.org"), "locale": "en", "sales_channel": "web",
            "status": "n", "payment_provider": "manual", "send_email": false, "testmode": is_trial,
            "positions": positions,
        });
        let order = self.post("orders/", order).await;
        let positions = order["positions"].as_array().unwrap();
        let bought = positions.iter().map(|position| Bought {
            code: order["code"].as_str().unwrap().to_owned(),
            position: position["id"].as_u64().unwrap(),
            barcode: position["secret"].as_str().unwrap().to_owned(),
        });
        bought.collect()
    }

    /// Scans a ticket at a gate; gives whether it opened.
    pub(crate) async fn scan(&self, list: u64, ticket: &Bought, way: &str, at: &str) -> bool {
        let scan = json!({
            "secret": ticket.barcode, "lists": [list], "type": way, "datetime": at,
            "nonce": format!("{}-{list}-{way}-{at}", ticket.position), "ignore_unpaid": true,
            "questions_supported": false,
        });
        let (status, _) = self
            .server
            .ask(Method::POST, "checkinrpc/redeem/", scan)
            .await;
        status == StatusCode::CREATED
    }

    /// The turnstile did not turn.
    pub(crate) async fn annul(&self, list: u64, ticket: &Bought, at: &str) {
        let nonce = format!("{}-{list}-entry-{at}", ticket.position);
        let annulled = json!({"lists": [list], "nonce": nonce, "datetime": at});
        self.server.post("checkinrpc/annul/", annulled).await;
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pretix")
}

fn settings(url: &str, home: &Path) -> String {
    format!(
        "[pretix]
instance_name=test
url={url}
datadir={}
allow_http_to_private_networks=on
ecb_rates=off
[database]
backend=sqlite3
[mail]
from=tickets@example.org
host=127.0.0.1
port=9
[django]
secret=only-for-a-local-test
",
        home.join("data").display()
    )
}
