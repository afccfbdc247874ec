//! `activity.webhook`.

use std::{fmt, path::PathBuf};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use wom_sdk::{
    Error, Kind, Recording, Result, Timestamp, Zone,
    instrument::{
        Capabilities, Hint, Info, Input, Instrument, Proven, Received, Reply, Request, Sink,
        Verdict,
    },
    webhook::{self, Message, Scheme, Secret, Verified},
};

use crate::{ActivityJson, Config};

const SCHEME: Scheme = Scheme::StandardWebhooks;

/// Takes records of activity as signed messages: `POST` with what
/// [`ActivityJson`] reads as the body, signed in the form of
/// [Standard Webhooks](Scheme::StandardWebhooks). See the [crate](crate) about the records.
///
/// | what comes | answer |
/// |---|---|
/// | a message that is signed with one of the secrets, within 5 minutes of our clock | 204, once it is kept safe |
/// | the same `webhook-id` again | 204, and nothing is read again |
/// | a signed body that is no text | 204 and a line in the log: to send it again would not help |
/// | anything else | 401, or 405 if it is no `POST`, or 413 above [`Self::LARGEST`] |
///
/// What is wrong within a body, or within one of its records, shows when it is read, as with a
/// file.
pub struct ActivityWebhook {
    json: ActivityJson,
    secrets: Vec<Secret>,
}

/// Settings of [`ActivityWebhook`]. Unknown ones are refused, and one secret at least is needed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookConfig {
    /// Files with a secret in each (`whsec_…`); while the secret changes there are two.
    pub secret_files: Vec<PathBuf>,
    /// Variables of the environment with a secret in each.
    pub secret_variables: Vec<String>,
    /// See [`Config::zone`].
    pub zone: Option<Zone>,
    /// See [`Config::recording`].
    pub recording: Recording,
}

impl ActivityWebhook {
    /// What this adapter is.
    pub const INFO: Info = Info {
        name: "activity.webhook",
        summary: "Activities, steps and milestones as signed messages: the JSON of activity.json, signed by Standard Webhooks",
        rules: "active-minutes/1",
        proven: Proven::RealSystem,
    };

    /// What this adapter offers.
    pub const CAPABILITIES: Capabilities = {
        let mut capabilities = Capabilities::SERVICE;
        capabilities.pull = false;
        capabilities
    };

    /// The longest body, in bytes: 256 KiB. Send more in several messages.
    pub const LARGEST: usize = 256 * 1024;

    /// The adapter with these settings; reads the secrets.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] without a secret, or if one cannot be read;
    /// [`Kind::KeyInvalid`] if one is not of the form.
    pub fn new(config: WebhookConfig) -> Result<Self> {
        let in_files = config
            .secret_files
            .iter()
            .map(|file| SCHEME.secret_from_file(file));
        let in_variables = config
            .secret_variables
            .iter()
            .map(|variable| SCHEME.secret_from_env(variable));
        let secrets: Vec<_> = in_files.chain(in_variables).collect::<Result<_>>()?;
        let settings = Config {
            zone: config.zone,
            recording: config.recording,
        };
        Self::with_secrets(settings, secrets)
    }

    /// The adapter with secrets at hand.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] without a secret.
    pub fn with_secrets(config: Config, secrets: Vec<Secret>) -> Result<Self> {
        if secrets.is_empty() {
            return Err(Error::new(
                Kind::ConfigurationInvalid,
                "the webhook has no secret, and would have to refuse everything",
            )
            .hint("set secret_files or secret_variables; the sender has the same secret"));
        }
        Ok(Self {
            json: ActivityJson::new(config),
            secrets,
        })
    }

    fn check(&self, request: &Request<'_>) -> Result<String, (u16, Error)> {
        let refused = |message: &'static str| Error::new(Kind::WebhookRefused, message);
        if !request.method.eq_ignore_ascii_case("POST") {
            return Err((405, refused("the call is no POST")));
        }
        if request.body.len() > Self::LARGEST {
            return Err((413, refused("the message has more than 256 KiB")));
        }
        let (headers, now) = (request.headers, request.received_at);
        let verified = webhook::verify(&SCHEME, headers, request.body, &self.secrets, now);
        match verified.map_err(|error| (401, error))? {
            Verified::Message(Message { id: Some(id), .. }) => Ok(id),
            _ => Err((401, refused("the message has no id"))),
        }
    }
}

#[async_trait]
impl Instrument for ActivityWebhook {
    fn info(&self) -> Info {
        Self::INFO
    }

    fn capabilities(&self) -> Capabilities {
        Self::CAPABILITIES
    }

    fn receive(&self, request: &Request<'_>) -> Received {
        let id = match self.check(request) {
            Ok(id) => id,
            Err((status, error)) => return Received::refuse(status, error),
        };
        let taken = Reply::status(204);
        match std::str::from_utf8(request.body) {
            Ok(body) => Received::once(taken, id, Hint(body.to_owned())),
            Err(_) => Received {
                reply: taken,
                verdict: Verdict::Refused(
                    Error::new(Kind::InputInvalid, "a signed message is not in UTF-8")
                        .hint("let the sender write its JSON in UTF-8"),
                ),
            },
        }
    }

    async fn read(&self, input: Input, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let Input::Hint(Hint(body)) = input else {
            return Err(Error::new(
                Kind::Unsupported,
                "this adapter reads messages and nothing else",
            )
            .hint("activity.json reads the same from a file"));
        };
        let body = Input::Bytes(body.into_bytes());
        self.json.read(body, now, sink).await
    }
}

impl Default for WebhookConfig {
    fn default() -> Self {
        let Config { zone, recording } = Config::default();
        Self {
            secret_files: Vec::new(),
            secret_variables: Vec::new(),
            zone,
            recording,
        }
    }
}

impl fmt::Debug for ActivityWebhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActivityWebhook({} secrets)", self.secrets.len())
    }
}
