//! The admin API: GraphQL over POST, with a token that a login brings.

use std::{fmt, sync::Arc, time::Duration};

use reqwest::{Client, header::HeaderValue};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;
use wom_http::Credentials;
use wom_sdk::{Error, Kind, Result, Retry};
use zeroize::Zeroizing;

use super::VendureConfig;
use crate::{
    answer::{content, refused, unreachable},
    way_in::client,
};

const TOKEN: &str = "vendure-auth-token";
const LOGIN: &str = "mutation($u:String!,$p:String!){login(username:$u,password:$p){__typename ... on ErrorResult{errorCode}}}";

/// How long the shop may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The longest error code that is repeated in an error of ours.
const LONGEST_CODE: usize = 60;

/// The shop's admin API, as it is reached.
pub(super) struct Api {
    client: Client,
    address: Url,
    channel: Option<String>,
    username: String,
    credentials: Arc<dyn Credentials>,
    token: Mutex<Option<Zeroizing<String>>>,
}

impl Api {
    pub(super) fn new(config: &VendureConfig, credentials: Arc<dyn Credentials>) -> Result<Self> {
        let (client, shop) = client(&config.endpoint, config.danger_accept_plain_http, TIMEOUT)?;
        let address = wom_http::below(&shop, ["admin-api"]);
        Ok(Self {
            client,
            address,
            channel: config.channel.clone(),
            username: config.username.clone(),
            credentials,
            token: Mutex::default(),
        })
    }

    /// What the operation's one field holds. A login that has lapsed is renewed once; Vendure says so
    /// with HTTP 200.
    pub(super) async fn call(&self, query: &str, variables: Value) -> Result<Value> {
        let body = json!({"query": query, "variables": variables});
        for fresh in [false, true] {
            let token = self.token(fresh).await?;
            let (answer, _) = self.post(&body, Some(&token)).await?;
            match fault(&answer) {
                None => return field(answer),
                Some(code) if code == "FORBIDDEN" && !fresh => {}
                Some(code) => return Err(of_fault(&code)),
            }
        }
        Err(of_fault("FORBIDDEN"))
    }

    /// As [`call`](Self::call), for what may be refused in the answer.
    pub(super) async fn ask(&self, query: &str, variables: Value) -> Result<Answer> {
        Ok(Answer::of(self.call(query, variables).await?))
    }

    async fn token(&self, fresh: bool) -> Result<Zeroizing<String>> {
        let mut kept = self.token.lock().await;
        if let Some(token) = kept.as_ref().filter(|_| !fresh) {
            return Ok(token.clone());
        }
        for password in self.credentials.secrets()? {
            let variables = json!({"u": self.username, "p": *password});
            let body = json!({"query": LOGIN, "variables": variables});
            let (answer, token) = self.post(&body, None).await?;
            if let Some(code) = fault(&answer) {
                return Err(of_fault(&code));
            }
            if let (Answer::Said(_), Some(token)) = (Answer::of(field(answer)?), token) {
                *kept = Some(token.clone());
                return Ok(token);
            }
        }
        Err(
            Error::new(Kind::AccessDenied, "the shop does not accept the login").hint(
                "check username and secret, and that the shop gives bearer tokens (tokenMethod)",
            ),
        )
    }

    async fn post(
        &self,
        body: &Value,
        token: Option<&str>,
    ) -> Result<(Value, Option<Zeroizing<String>>)> {
        let mut asked = self.client.post(self.address.clone()).json(body);
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
                Error::new(
                    Kind::OutcomeUnknown,
                    "the shop gave a token that no header can hold",
                )
            })?;
            value.set_sensitive(true);
            asked = asked.header("authorization", value);
        }
        if let Some(channel) = &self.channel {
            asked = asked.header("vendure-token", channel);
        }
        let answer = asked.send().await.map_err(unreachable)?;
        // A fault in a query is told with 400 by some versions, in the same form.
        if !answer.status().is_success() {
            return Err(refused(&answer));
        }
        let token = answer.headers().get(TOKEN);
        let token = token.and_then(|token| Some(Zeroizing::new(token.to_str().ok()?.to_owned())));
        Ok((content(answer).await?, token))
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api")
    }
}

/// What came of an operation that can be refused.
pub(super) enum Answer {
    /// What it gave.
    Said(Value),
    /// The code of the refusal.
    Refused(String),
}

impl Answer {
    fn of(answer: Value) -> Self {
        match answer.get("errorCode").and_then(Value::as_str) {
            Some(code) => Self::Refused(bounded(code)),
            None => Self::Said(answer),
        }
    }

    /// What it gave, or an error with this message.
    pub(super) fn said(self, message: &'static str) -> Result<Value> {
        match self {
            Self::Said(value) => Ok(value),
            Self::Refused(code) => Err(Error::new(Kind::InputInvalid, message).with("code", code)),
        }
    }
}

/// The code of a fault, if the answer is one. Its message may name people, and is not looked at.
fn fault(answer: &Value) -> Option<String> {
    let first = answer.get("errors")?.as_array()?.first()?;
    let code = first.pointer("/extensions/code").and_then(Value::as_str);
    Some(bounded(code.unwrap_or("UNKNOWN")))
}

fn of_fault(code: &str) -> Error {
    let error = match code {
        "FORBIDDEN" => Error::new(
            Kind::AccessDenied,
            "the shop does not let this user do that",
        )
        .hint("give the role the rights to read and change orders and promotions"),
        _ => Error::new(Kind::OutcomeUnknown, "the shop failed inside").with_retry(Retry::SameKey),
    };
    error.with("code", code)
}

fn field(mut answer: Value) -> Result<Value> {
    let data = answer.get_mut("data").and_then(Value::as_object_mut);
    let value = data.and_then(|data| data.values_mut().next().map(Value::take));
    value.ok_or_else(|| {
        Error::new(
            Kind::OutcomeUnknown,
            "the shop's answer is not one of GraphQL",
        )
        .hint("check endpoint: it is the shop's address without admin-api")
    })
}

/// Only what Vendure's own codes are made of, so that nothing of a customer gets into an error.
fn bounded(code: &str) -> String {
    let good = (1..=LONGEST_CODE).contains(&code.len())
        && code
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    if good {
        code.to_owned()
    } else {
        "UNKNOWN".to_owned()
    }
}
