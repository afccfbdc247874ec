//! Vendure's interface for staff: GraphQL, and a session that lapses.

use std::{fmt, sync::Arc, time::Duration};

use reqwest::{Client, Response, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;
use wom_sdk::{Error, Kind, Result, Retry};

use super::{
    VendureConfig,
    config::wrong,
    credentials::Passwords,
    wire::{Answer, It, Outcome, parse},
};
use crate::web;

/// The most bytes of an answer.
pub(super) const ANSWER_BYTES: usize = 8 << 20;

const TOKEN: &str = "vendure-auth-token";

const LOGIN: &str = "mutation($name:String!,$password:String!){\
    it:login(username:$name,password:$password){__typename ... on ErrorResult{errorCode}}}";

/// A shop, as it is reached.
pub(super) struct Api {
    client: Client,
    url: Url,
    username: String,
    passwords: Arc<dyn Passwords>,
    session: Mutex<Option<header::HeaderValue>>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Effect {
    Reads,
    Writes,
}

impl Api {
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] for an address or a user name of another form;
    /// [`Kind::InsecureTransport`] for plain http to another machine.
    pub(super) fn new(config: &VendureConfig, passwords: Arc<dyn Passwords>) -> Result<Self> {
        let address = web::address(&config.address)?;
        let path = config.admin_path.trim().trim_matches('/');
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/');
        if path.is_empty() || !path.bytes().all(plain) {
            return Err(wrong("admin_path", "a path such as admin-api"));
        }
        let url = address
            .join(path)
            .map_err(|_| wrong("admin_path", "a path such as admin-api"))?;
        if config.username.trim().is_empty() {
            return Err(wrong(
                "username",
                "the name that the staff member logs in with",
            ));
        }
        Ok(Self {
            client: web::client(&address, config.danger_accept_plain_http)?,
            url,
            username: config.username.trim().to_owned(),
            passwords,
            session: Mutex::new(None),
        })
    }

    /// Asks for something that changes nothing.
    pub(super) async fn query<T: DeserializeOwned>(
        &self,
        query: &str,
        variables: Value,
    ) -> Result<T> {
        self.ask(query, variables, Effect::Reads).await
    }

    /// Changes something. A refusal of the shop is an error that names its code.
    pub(super) async fn change(&self, query: &str, variables: Value) -> Result<Outcome> {
        let outcome: Outcome = self.ask(query, variables, Effect::Writes).await?;
        match (&outcome.error_code, &outcome.result) {
            (Some(code), _) => Err(refusal(code)),
            (None, Some(result)) if result != "DELETED" => Err(refusal(result)),
            (None, _) => Ok(outcome),
        }
    }

    /// A session may lapse at any time, and nothing was done then: it is renewed once.
    async fn ask<T: DeserializeOwned>(
        &self,
        query: &str,
        variables: Value,
        effect: Effect,
    ) -> Result<T> {
        let body = json!({"query": query, "variables": variables});
        let mut lapsed = None;
        for _ in 0..2 {
            let token = self.token(lapsed.as_ref()).await?;
            let answer = self.post(&body, Some(token.clone()), effect).await?;
            let answer: Answer<It<T>> = parse(&read(answer, effect).await?)?;
            let faults = answer.errors.unwrap_or_default();
            if faults.iter().any(|fault| fault.code() == "FORBIDDEN") {
                lapsed = Some(token);
                continue;
            }
            return match (faults.first(), answer.data) {
                (None, Some(data)) => Ok(data.it),
                (Some(fault), _) => Err(faulty(fault.code(), effect)),
                (None, None) => Err(faulty("no_data", effect)),
            };
        }
        Err(Error::new(
            Kind::AccessDenied,
            "Vendure does not let the staff member do this",
        )
        .hint("its role needs ReadOrder, UpdateOrder and all rights on promotions"))
    }

    /// The session's token, a new one where this one has lapsed. Who waits meanwhile takes the new one.
    async fn token(&self, lapsed: Option<&header::HeaderValue>) -> Result<header::HeaderValue> {
        let mut session = self.session.lock().await;
        if let Some(token) = session.as_ref().filter(|token| Some(*token) != lapsed) {
            return Ok(token.clone());
        }
        *session = None;
        let token = self.log_in().await?;
        *session = Some(token.clone());
        Ok(token)
    }

    async fn log_in(&self) -> Result<header::HeaderValue> {
        for password in self.passwords.passwords()? {
            let variables = json!({"name": self.username, "password": password.as_str()});
            let body = json!({"query": LOGIN, "variables": variables});
            let answer = self.post(&body, None, Effect::Reads).await?;
            let token = answer.headers().get(TOKEN).cloned();
            let outcome: Answer<It<Outcome>> = parse(&read(answer, Effect::Reads).await?)?;
            if let Some(fault) = outcome.errors.as_ref().and_then(|faults| faults.first()) {
                return Err(faulty(fault.code(), Effect::Reads));
            }
            let refused = outcome.data.is_none_or(|data| data.it.error_code.is_some());
            if refused {
                continue;
            }
            let unfit = || {
                Error::new(
                    Kind::ConfigurationInvalid,
                    "Vendure gives no token for its sessions",
                )
                .hint("let its authOptions.tokenMethod contain bearer")
            };
            let token = token.ok_or_else(unfit)?;
            let bearer = token.to_str().map(|token| format!("Bearer {token}"));
            let bearer = bearer.map_err(|_| unfit())?;
            let mut bearer = header::HeaderValue::from_str(&bearer).map_err(|_| unfit())?;
            bearer.set_sensitive(true);
            return Ok(bearer);
        }
        Err(Error::new(
            Kind::AccessDenied,
            "Vendure does not accept the user name and password",
        )
        .hint("check username, and what secret_files or secret_variables hold")
        .with_retry(Retry::Safe))
    }

    async fn post(
        &self,
        body: &Value,
        token: Option<header::HeaderValue>,
        effect: Effect,
    ) -> Result<Response> {
        let mut asked = self.client.post(self.url.clone()).json(body);
        if let Some(token) = token {
            asked = asked.header(header::AUTHORIZATION, token);
        }
        let answer = asked.send().await.map_err(|error| broken(error, effect))?;
        match answer.status() {
            // What is not understood comes as 400, with the reason as any other.
            StatusCode::OK | StatusCode::BAD_REQUEST => Ok(answer),
            status => Err(refused(status, &answer, effect)),
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api")
    }
}

async fn read(mut answer: Response, effect: Effect) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|error| broken(error, effect))?
    {
        if body.len() + chunk.len() > ANSWER_BYTES {
            return Err(Error::new(
                Kind::LimitExceeded,
                "an answer of Vendure is larger than any should be",
            )
            .with("limit", ANSWER_BYTES));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A refusal by the rules of the shop. Codes are Vendure's own and hold nothing of the order.
fn refusal(code: &str) -> Error {
    let is_code = code.len() <= 64
        && code
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let code = if is_code { code } else { "unnamed" };
    Error::new(Kind::Unsupported, "Vendure refuses this").with("vendure", code)
}

fn faulty(code: &str, effect: Effect) -> Error {
    let is_code = code.len() <= 64
        && code
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let code = if is_code { code } else { "unnamed" };
    let error = match (code, effect) {
        ("GRAPHQL_VALIDATION_FAILED" | "BAD_USER_INPUT" | "GRAPHQL_PARSE_FAILED", _) => Error::new(
            Kind::Unsupported,
            "Vendure does not understand what it is asked",
        )
        .hint("this adapter is for version 3"),
        (_, Effect::Reads) => Error::new(Kind::NetworkUnreachable, "Vendure fails inside"),
        (_, Effect::Writes) => Error::new(Kind::OutcomeUnknown, "Vendure fails inside"),
    };
    error.with("vendure", code)
}

fn broken(error: reqwest::Error, effect: Effect) -> Error {
    let (kind, message) = match effect == Effect::Reads || error.is_connect() {
        true => (
            Kind::NetworkUnreachable,
            "Vendure cannot be reached, or broke off its answer",
        ),
        false => (
            Kind::OutcomeUnknown,
            "Vendure was asked to change something and gave no answer",
        ),
    };
    Error::new(kind, message)
        .hint("check the address and the network; asking again does no harm")
        .because(error.without_url())
}

fn refused(status: StatusCode, answer: &Response, effect: Effect) -> Error {
    let code = status.as_u16();
    let error = match code {
        300..400 => Error::new(Kind::ConfigurationInvalid, "Vendure sends us elsewhere")
            .hint("set address to where it sends, with https and the host as browsers show them"),
        401 | 403 => Error::new(
            Kind::AccessDenied,
            "something before Vendure lets nobody in",
        ),
        429 => Error::new(Kind::RateLimited, "Vendure asks us to wait"),
        400..500 if code != 408 => Error::new(
            Kind::ConfigurationInvalid,
            "there is no Vendure at this address",
        )
        .hint("check address and admin_path"),
        _ if effect == Effect::Writes => {
            Error::new(Kind::OutcomeUnknown, "Vendure does not say what it did")
        }
        _ => Error::new(Kind::NetworkUnreachable, "Vendure does not answer now"),
    };
    let error = error.with("status", code);
    let wait = answer.headers().get(header::RETRY_AFTER);
    let wait = wait.and_then(|value| value.to_str().ok()?.parse().ok());
    match wait {
        Some(seconds) => error.wait(Duration::from_secs(seconds)),
        None => error,
    }
}
