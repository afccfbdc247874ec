//! A cashier at the page for the counter: a browser without scripts, over plain HTTP.

use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder};
use serde_json::json;

use crate::town::Town;

/// A browser that was let in, or not.
pub(crate) struct Cashier {
    pub(crate) http: Client,
    url: String,
    pub(crate) cookie: String,
    pub(crate) language: &'static str,
}

/// What it shows.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    /// Where it leads.
    pub(crate) to: String,
    pub(crate) text: String,
}

impl Cashier {
    pub(crate) fn stranger(town: &Town) -> Self {
        let http = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        Self {
            http: http.build().unwrap(),
            url: town.url.clone(),
            cookie: String::new(),
            language: "en",
        }
    }

    pub(crate) async fn let_in(town: &Town) -> Self {
        let mut cashier = Self::stranger(town);
        let page = cashier.enter(&town.code).await;
        assert_eq!((page.status, page.to.as_str()), (303, "/till"));
        cashier
    }

    pub(crate) async fn enter(&mut self, code: &str) -> Page {
        let form = self.http.post(format!("{}/till/enter", self.url));
        let form = form.header("origin", &self.url).form(&[("code", code)]);
        let answer = form.send().await.unwrap();
        if let Some(cookie) = answer.headers().get("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            for part in ["HttpOnly", "SameSite=Strict", "Path=/till"] {
                assert!(cookie.contains(part), "{cookie}");
            }
            self.cookie = cookie.split(';').next().unwrap().to_owned();
        }
        Page::of(answer).await
    }

    pub(crate) fn with_cookie(&self, request: RequestBuilder) -> RequestBuilder {
        let request = request.header("accept-language", self.language);
        request.header("cookie", &self.cookie)
    }

    pub(crate) async fn see(&self, path: &str) -> Page {
        let request = self.http.get(format!("{}{path}", self.url));
        Page::of(self.with_cookie(request).send().await.unwrap()).await
    }

    pub(crate) fn form(&self, path: &str) -> RequestBuilder {
        self.with_cookie(self.http.post(format!("{}{path}", self.url)))
    }

    /// Sends a form of a page, with what is typed into it.
    pub(crate) async fn send(&self, page: &Page, path: &str, typed: &[(&str, &str)]) -> Page {
        let fields = page.fields(path).into_iter();
        let typed = typed
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let fields: Vec<_> = fields.chain(typed).collect();
        let form = self.form(path).header("origin", &self.url).form(&fields);
        Page::of(form.send().await.unwrap()).await
    }

    /// Waits until a page says so.
    pub(crate) async fn until(&self, path: &str, says: &str) -> Page {
        let ends = Instant::now() + Duration::from_secs(60);
        loop {
            let page = self.see(path).await;
            if page.text.contains(says) {
                return page;
            }
            assert!(Instant::now() < ends, "it does not say {says}: {page:?}");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Begins a sale of 12.50 with 2.00 off; where its page is.
    pub(crate) async fn begin(&self) -> String {
        let page = self.see("/till/bar/new/coffee").await;
        let begun = self
            .send(&page, "/till/bar/sales", &[("total", "12,50")])
            .await;
        assert_eq!(begun.status, 303, "{begun:?}");
        // On a slow machine the page says first that the code is being made.
        self.until(&begun.to, "Payable for").await;
        begun.to
    }
}

impl Page {
    pub(crate) async fn of(answer: reqwest::Response) -> Self {
        let status = answer.status();
        let header = |name: &str| {
            let value = answer.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let to = header("location").unwrap_or_default();
        assert_eq!(header("cache-control").as_deref(), Some("no-store"));
        assert_eq!(header("access-control-allow-origin"), None);
        if header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            let policy = header("content-security-policy").unwrap();
            for part in [
                "default-src 'none'",
                "frame-ancestors 'none'",
                "form-action 'self'",
            ] {
                assert!(policy.contains(part), "{policy}");
            }
            assert_eq!(header("referrer-policy").as_deref(), Some("same-origin"));
        }
        Self {
            status: status.as_u16(),
            to,
            text: answer.text().await.unwrap(),
        }
    }

    /// The hidden fields of its form with this action.
    pub(crate) fn fields(&self, path: &str) -> Vec<(String, String)> {
        let begins = format!("action=\"{path}\"");
        let from = self
            .text
            .find(&begins)
            .unwrap_or_else(|| panic!("no form {path}: {self:?}"));
        let form = &self.text[from..];
        let form = &form[..form.find("</form>").unwrap()];
        let inputs = form
            .split("<input ")
            .skip(1)
            .filter(|input| input.contains("type=\"hidden\""));
        let value = |input: &str, name: &str| {
            let rest = input.split(&format!("{name}=\"")).nth(1).unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        inputs
            .map(|input| (value(input, "name"), value(input, "value")))
            .collect()
    }

    /// The code on it, as the service gives codes.
    pub(crate) fn code(&self) -> serde_json::Value {
        let link = self.text.split("<p class=\"link\"><code>").nth(1).unwrap();
        let pin = self
            .text
            .split("<p class=\"pin\"><span aria-hidden=\"true\">")
            .nth(1)
            .unwrap();
        json!({"link": link.split('<').next().unwrap(), "pin": pin.split('<').next().unwrap()})
    }

    pub(crate) fn shows_no_secret(&self, code: &serde_json::Value) {
        for secret in ["link", "pin"] {
            let secret = code[secret].as_str().unwrap();
            assert!(!self.text.contains(secret), "{self:?}");
        }
    }
}
