//! The Admin API: GraphQL over POST, with a token in the header of every call.

use std::{
    fmt,
    sync::{Arc, Mutex as Cell, PoisonError},
    time::Duration,
};

use reqwest::{Client, Response, header::HeaderValue};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;
use wom_http::Credentials;
use wom_sdk::{Error, Kind, Result, Retry};
use zeroize::Zeroizing;

use super::{
    ShopifyConfig,
    fault::{faults, user_errors},
};
use crate::{
    answer::{content, refused, unreachable},
    way_in::client,
};

/// The header with the version that an answer is in.
const VERSION: &str = "x-shopify-api-version";

/// The Admin API, as it is reached.
pub(super) struct Api {
    client: Client,
    address: Url,
    tokens: Url,
    client_id: Option<String>,
    credentials: Arc<dyn Credentials>,
    version: String,
    /// The version that the shop answered with last.
    answered: Cell<Option<String>>,
    /// A token that was fetched with a client secret.
    token: Mutex<Option<Zeroizing<String>>>,
}

impl Api {
    pub(super) fn new(config: &ShopifyConfig, credentials: Arc<dyn Credentials>) -> Result<Self> {
        let timeout = Duration::from_secs(config.timeout_seconds.max(1).into());
        let (client, shop) = client(&config.endpoint, config.danger_accept_plain_http, timeout)?;
        if !is_version(&config.version) {
            return Err(
                Error::new(Kind::ConfigurationInvalid, "not a version of the Admin API")
                    .with("setting", "version")
                    .hint("write it as 2026-10"),
            );
        }
        let parts = ["admin", "api", config.version.as_str(), "graphql.json"];
        Ok(Self {
            client,
            address: wom_http::below(&shop, parts),
            tokens: wom_http::below(&shop, ["admin", "oauth", "access_token"]),
            client_id: config.client_id.clone(),
            credentials,
            version: config.version.clone(),
            answered: Cell::default(),
            token: Mutex::default(),
        })
    }

    /// What the operation's one field holds.
    pub(super) async fn call(&self, query: &str, variables: Value) -> Result<Value> {
        let body = json!({"query": query, "variables": variables});
        let mut answer = self.post(&body).await?;
        if let Some(error) = faults(&answer) {
            return Err(match self.answered() {
                Some(version) if version != self.version => error.with("api_version", version),
                _ => error,
            });
        }
        let data = answer.get_mut("data").and_then(Value::as_object_mut);
        let value = data.and_then(|data| data.values_mut().next().map(Value::take));
        value.ok_or_else(|| {
            Error::new(
                Kind::OutcomeUnknown,
                "the shop's answer is not one of GraphQL",
            )
            .hint("check endpoint: it is https://name.myshopify.com")
        })
    }

    /// As [`call`](Self::call), for what may be refused in the answer: with the codes of the refusal,
    /// or the fields where there are none.
    pub(super) async fn ask(
        &self,
        query: &str,
        variables: Value,
    ) -> Result<(Value, Option<String>)> {
        let answer = self.call(query, variables).await?;
        let refused = user_errors(&answer);
        Ok((answer, refused))
    }

    /// The version that the shop answered with last. One that is no longer served is answered with the
    /// oldest that is.
    pub(super) fn answered(&self) -> Option<String> {
        let answered = self.answered.lock();
        answered.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One call, with the first token that the shop takes. A token that is refused did nothing, so the
    /// next one may be tried whatever the call is.
    async fn post(&self, body: &Value) -> Result<Value> {
        let mut denied = None;
        if self.client_id.is_some() {
            for fresh in [false, true] {
                let token = self.token(fresh).await?;
                match self.send(body, &token).await? {
                    Ok(answer) => return Ok(answer),
                    Err(error) => denied = Some(error),
                }
            }
        } else {
            for token in self.credentials.secrets()? {
                match self.send(body, &token).await? {
                    Ok(answer) => return Ok(answer),
                    Err(error) => denied = Some(error),
                }
            }
        }
        Err(denied.unwrap_or_else(|| Error::new(Kind::AccessDenied, "nothing opens the shop")))
    }

    /// The inner error is that of a token that is not taken.
    async fn send(&self, body: &Value, token: &str) -> Result<Result<Value>> {
        let mut value = HeaderValue::from_str(token).map_err(|_| {
            Error::new(
                Kind::ConfigurationInvalid,
                "a token cannot be sent in a header",
            )
        })?;
        value.set_sensitive(true);
        let asked = self.client.post(self.address.clone()).json(body);
        let asked = asked.header("x-shopify-access-token", value);
        let answer = asked.send().await.map_err(unreachable)?;
        if answer.status().as_u16() == 401 {
            return Ok(Err(refused(&answer)));
        }
        if !answer.status().is_success() {
            return Err(refused(&answer));
        }
        self.note_version(&answer);
        content(answer).await.map(Ok)
    }

    /// A token for the client secret; they last for a day.
    async fn token(&self, fresh: bool) -> Result<Zeroizing<String>> {
        let mut kept = self.token.lock().await;
        if let Some(token) = kept.as_ref().filter(|_| !fresh) {
            return Ok(token.clone());
        }
        let mut denied = None;
        for secret in self.credentials.secrets()? {
            let form = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("grant_type", "client_credentials")
                .append_pair("client_id", self.client_id.as_deref().unwrap_or_default())
                .append_pair("client_secret", &secret)
                .finish();
            let asked = self.client.post(self.tokens.clone()).body(form);
            let asked = asked.header("content-type", "application/x-www-form-urlencoded");
            let answer = asked.send().await.map_err(unreachable)?;
            let status = answer.status();
            if matches!(status.as_u16(), 400 | 401 | 403) {
                denied = Some(
                    Error::new(
                        Kind::AccessDenied,
                        "the shop gives no token for the client secret",
                    )
                    .with("status", status.as_u16())
                    .hint("check client_id and secret, and that the app is installed"),
                );
                continue;
            }
            if !status.is_success() {
                return Err(refused(&answer));
            }
            let answer = content(answer).await?;
            let token = answer.get("access_token").and_then(Value::as_str);
            let token = token.ok_or_else(|| {
                Error::new(Kind::OutcomeUnknown, "the shop's answer holds no token")
                    .with_retry(Retry::Safe)
            })?;
            let token = Zeroizing::new(token.to_owned());
            *kept = Some(token.clone());
            return Ok(token);
        }
        Err(denied.unwrap_or_else(|| Error::new(Kind::AccessDenied, "nothing opens the shop")))
    }

    /// Says once for each version that the shop answers with another one than was asked for.
    fn note_version(&self, answer: &Response) {
        let version = answer.headers().get(VERSION);
        let Some(version) = version
            .and_then(|it| it.to_str().ok())
            .filter(|it| is_version(it))
        else {
            return;
        };
        let answered = self.answered.lock();
        let mut answered = answered.unwrap_or_else(PoisonError::into_inner);
        if answered.as_deref() != Some(version) {
            if version != self.version {
                tracing::warn!(
                    asked = self.version,
                    answered = version,
                    "the shop answers with another version of its API: set version to one that is served"
                );
            }
            *answered = Some(version.to_owned());
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api")
    }
}

/// Year and month, or the version that has no date.
fn is_version(text: &str) -> bool {
    let is_dated = text.len() == 7
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    is_dated || text == "unstable"
}
