//! The REST API, version 3: JSON, and a key in the header of every call.

use std::{fmt, sync::Arc, time::Duration};

use reqwest::{Client, Method, Response};
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use wom_http::Credentials;
use wom_sdk::{Error, Kind, Result};
use zeroize::Zeroizing;

use super::WooCommerceConfig;
use crate::{
    answer::{bounded, content, refused, unreachable},
    way_in::client,
};

/// The REST API, as it is reached.
pub(super) struct Api {
    client: Client,
    address: Url,
    credentials: Arc<dyn Credentials>,
}

/// What came of a call that can be refused.
pub(super) enum Answer {
    /// What it gave.
    Said(Value),
    /// The code of the refusal, such as `woocommerce_rest_invalid_coupon`.
    Refused(String),
}

#[derive(Deserialize)]
struct Fault {
    code: String,
}

impl Api {
    pub(super) fn new(
        config: &WooCommerceConfig,
        credentials: Arc<dyn Credentials>,
    ) -> Result<Self> {
        let timeout = Duration::from_secs(config.timeout_seconds.max(1).into());
        let (client, shop) = client(&config.endpoint, config.danger_accept_plain_http, timeout)?;
        Ok(Self {
            client,
            address: wom_http::below(&shop, ["wp-json", "wc", "v3"]),
            credentials,
        })
    }

    pub(super) async fn get(&self, parts: &[&str], query: &[(&str, &str)]) -> Result<Answer> {
        self.call(Method::GET, parts, query, None).await
    }

    pub(super) async fn post(
        &self,
        parts: &[&str],
        query: &[(&str, &str)],
        body: &Value,
    ) -> Result<Answer> {
        self.call(Method::POST, parts, query, Some(body)).await
    }

    /// Deletes for good, not into the bin.
    pub(super) async fn delete(&self, parts: &[&str]) -> Result<Answer> {
        let query = [("force", "true"), ("_fields", "id")];
        self.call(Method::DELETE, parts, &query, None).await
    }

    /// One call, with the first key that the shop takes. A key that is refused did nothing, so the
    /// next one may be tried whatever the call is.
    async fn call(
        &self,
        method: Method,
        parts: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer> {
        let mut url = wom_http::below(&self.address, parts.iter().copied());
        url.query_pairs_mut().extend_pairs(query);
        let mut denied = None;
        for secret in self.credentials.secrets()? {
            let (key, secret) = pair(&secret)?;
            let asked = self.client.request(method.clone(), url.clone());
            let asked = asked.basic_auth(key, Some(secret));
            let asked = match body {
                Some(body) => asked.json(body),
                None => asked,
            };
            let answer = asked.send().await.map_err(unreachable)?;
            if answer.status().as_u16() != 401 {
                return understand(answer).await;
            }
            denied = Some(refused(&answer));
        }
        Err(denied.unwrap_or_else(|| Error::new(Kind::AccessDenied, "nothing opens the shop")))
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api")
    }
}

impl Answer {
    /// What it gave, or an error with this message.
    pub(super) fn said(self, message: &'static str) -> Result<Value> {
        match self {
            Self::Said(value) => Ok(value),
            Self::Refused(code) => Err(Error::new(Kind::InputInvalid, message).with("code", code)),
        }
    }
}

/// The two halves of a key.
fn pair(secret: &Zeroizing<String>) -> Result<(&str, &str)> {
    let halves = secret.trim().split_once(':');
    let is_good = |half: &str| !half.is_empty() && half.bytes().all(|it| it.is_ascii_graphic());
    let halves = halves.filter(|(key, secret)| is_good(key) && is_good(secret));
    halves.ok_or_else(|| {
        Error::new(
            Kind::ConfigurationInvalid,
            "a secret is not a key of the REST API",
        )
        .hint("write the consumer key, a colon and the consumer secret: ck_…:cs_…")
    })
}

/// What an answer says. The words of a refusal may name people or products: only its code is read.
async fn understand(answer: Response) -> Result<Answer> {
    let status = answer.status().as_u16();
    if answer.status().is_success() {
        return Ok(Answer::Said(content(answer).await?));
    }
    let error = refused(&answer);
    if !matches!(status, 400 | 403 | 404 | 410) {
        return Err(error);
    }
    // A proxy or a theme answers in HTML; the status is all that is known then.
    let Ok(Fault { code }) = content(answer).await.and_then(|fault| {
        Fault::deserialize(fault).map_err(|_| Error::new(Kind::OutcomeUnknown, "no fault"))
    }) else {
        return Err(error);
    };
    match (status, code.as_str()) {
        (_, "rest_no_route") => Err(Error::new(
            Kind::ConfigurationInvalid,
            "there is no REST API of WooCommerce at this address",
        )
        .hint("check endpoint; in WordPress, permalinks must not be plain")),
        (403, code) => Err(error.with("code", bounded(code))),
        (_, code) => Ok(Answer::Refused(bounded(code))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_two_halves() {
        let split = |text: &str| {
            let text = Zeroizing::new(text.to_owned());
            pair(&text).map(|(key, secret)| format!("{key}|{secret}"))
        };
        assert_eq!(split("ck_1:cs_2\n").unwrap(), "ck_1|cs_2");
        for wrong in ["ck_1", ":cs_2", "ck_1:", "ck_1:cs_2 x", "ck_1:cs_è"] {
            let error = split(wrong).unwrap_err();
            assert_eq!(error.kind(), Kind::ConfigurationInvalid);
            assert!(!format!("{error:?}").contains("ck_1"), "{error:?}");
        }
    }
}
