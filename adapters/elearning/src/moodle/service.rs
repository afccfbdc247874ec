//! Moodle's web service over HTTP: one function after the other, each a POST.

use std::{fmt, time::Duration};

use reqwest::{Client, StatusCode, header};
use serde_json::Value;
use url::{Url, form_urlencoded};
use wom_http::{Credentials as _, Cut, Secrets};
use wom_sdk::{Error, Kind, Result};
use zeroize::Zeroizing;

use super::MoodleConfig;

/// The most bytes of one answer.
const ANSWER_BYTES: usize = 16 << 20;

/// How long the site may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A site's web service, as it is reached.
#[derive(Clone)]
pub(super) struct Service {
    client: Client,
    address: Url,
    tokens: Secrets,
}

/// What came of a call.
pub(super) enum Answer {
    /// What the function says.
    Said(Value),
    /// The function refuses, with this code.
    Refused(String),
}

impl Service {
    /// The service of the site that the settings name.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if its address is none or there is no token;
    /// [`Kind::InsecureTransport`] for plain http on another machine.
    pub(super) fn new(config: &MoodleConfig) -> Result<Self> {
        let site = wom_http::address("home_page", &config.home_page)?;
        let address = wom_http::below(&site, ["webservice", "rest", "server.php"]);
        let tokens = Secrets::named(&config.secret_files, &config.secret_variables);
        let tokens = tokens.ok_or_else(|| {
            Error::new(
                Kind::ConfigurationInvalid,
                "there is no token for the web service",
            )
            .hint("set secret_files or secret_variables")
        })?;
        let settings = Client::builder().timeout(TIMEOUT);
        Ok(Self {
            client: wom_http::client(&address, config.danger_accept_plain_http, settings)?,
            address,
            tokens,
        })
    }

    /// The tokens to try, in order; asked for before every pull, so that they may change.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if one cannot be had.
    pub(super) fn tokens(&self) -> Result<Vec<Zeroizing<String>>> {
        self.tokens.secrets()
    }

    /// Calls a function. A token that is not known gives way to the next.
    ///
    /// # Errors
    /// [`Kind::AccessDenied`] if no token opens the service or the function;
    /// [`Kind::NetworkUnreachable`], [`Kind::LimitExceeded`] or [`Kind::InputInvalid`] if no answer
    /// comes that can be read.
    pub(super) async fn call(
        &self,
        tokens: &[Zeroizing<String>],
        function: &'static str,
        arguments: &[(&str, String)],
    ) -> Result<Answer> {
        for token in tokens {
            let answer = self.ask(token, function, arguments).await?;
            // Moodle says what is wrong with status 200.
            let Some(code) = refusal(&answer) else {
                return Ok(Answer::Said(answer));
            };
            match code.as_str() {
                "invalidtoken" => {}
                "accessexception"
                | "servicenotavailable"
                | "enablewsdescription"
                | "dml_missing_record" => {
                    return Err(Error::new(
                        Kind::AccessDenied,
                        "Moodle does not offer the function to this token",
                    )
                    .with("function", function)
                    .with("code", code)
                    .hint(
                        "add the function to the token's service, and the capabilities to its user",
                    ));
                }
                _ => return Ok(Answer::Refused(code)),
            }
        }
        Err(
            Error::new(Kind::AccessDenied, "Moodle does not know the token")
                .with("function", function)
                .hint("make a token for the web service, and put it where the settings say"),
        )
    }

    async fn ask(
        &self,
        token: &str,
        function: &str,
        arguments: &[(&str, String)],
    ) -> Result<Value> {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("wstoken", token)
            .append_pair("wsfunction", function)
            .append_pair("moodlewsrestformat", "json")
            .extend_pairs(arguments)
            .finish();
        let asked = self
            .client
            .post(self.address.clone())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        let answer = asked.send().await.map_err(unreachable)?;
        if answer.status() != StatusCode::OK {
            return Err(Error::new(
                Kind::NetworkUnreachable,
                "the site does not answer as Moodle's web service does",
            )
            .with("status", answer.status().as_u16())
            .hint("check home_page, and that web services and their REST protocol are enabled"));
        }
        let bytes = wom_http::body(answer, ANSWER_BYTES).await;
        let bytes = bytes.map_err(|cut| match cut {
            Cut::TooLong => Error::new(
                Kind::LimitExceeded,
                "an answer of the web service is larger than any should be",
            )
            .with("limit", ANSWER_BYTES),
            Cut::BrokenOff(error) => unreachable(error),
        })?;
        serde_json::from_slice(&bytes).map_err(|_| {
            Error::new(
                Kind::InputInvalid,
                "the site's answer is not JSON, so it is not that of Moodle's web service",
            )
            .hint("check home_page; what was read stays good")
        })
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

/// The code of an answer that is an error, if it is one. Its message may name people, and is not
/// looked at.
fn refusal(answer: &Value) -> Option<String> {
    answer.get("exception")?;
    let code = answer.get("errorcode").and_then(Value::as_str);
    let code = code.filter(|code| {
        (1..=40).contains(&code.len())
            && code
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    });
    Some(code.unwrap_or("unknown").to_owned())
}

fn unreachable(error: reqwest::Error) -> Error {
    Error::new(
        Kind::NetworkUnreachable,
        "the site cannot be reached, or broke off its answer",
    )
    .hint("check the address and the network; what was read stays good")
    .because(error.without_url())
}
