//! The webhook's door: who may knock, and what they are asked.

use aws_lc_rs::{
    constant_time,
    digest::{SHA256, digest},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use wom_http::{Credentials as _, Secrets};
use wom_sdk::{
    Error, Kind, Result,
    instrument::{Hint, Received, Reply, Request},
};
use zeroize::Zeroizing;

use super::{
    config::{Events, PretixConfig},
    name::{Code, Slug},
    wire::Call,
};

/// The longest body, in bytes. pretix sends some hundred.
pub(super) const LARGEST: usize = 64 << 10;

/// How hints begin.
const ORDER: &str = "order";
const BACK: &str = "back";

#[derive(Clone)]
pub(super) struct Door {
    /// Digests of the headers that open it, so that comparing tells nothing by its time; none if
    /// everybody may knock.
    headers: Vec<[u8; 32]>,
    organizer: Slug,
    events: Events,
}

/// What to look at because of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Look {
    pub(super) event: Slug,
    pub(super) order: Code,
    /// Whether scans were taken back, so that tickets without any tell something too.
    pub(super) takes_back: bool,
}

impl Door {
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if there is a user name without a password, or the other way round.
    pub(super) fn new(config: &PretixConfig, organizer: Slug, events: Events) -> Result<Self> {
        let (files, variables) = (
            &config.webhook_secret_files,
            &config.webhook_secret_variables,
        );
        let headers = match (&config.webhook_username, Secrets::named(files, variables)) {
            (None, None) => Vec::new(),
            (Some(name), Some(passwords)) if !name.is_empty() && !name.contains(':') => {
                let headers = passwords.secrets()?.into_iter().map(|password| {
                    let plain = Zeroizing::new(format!("{name}:{}", password.as_str()));
                    let mut header =
                        Zeroizing::new(String::with_capacity(16 + plain.len() * 4 / 3));
                    header.push_str("Basic ");
                    STANDARD.encode_string(plain.as_bytes(), &mut header);
                    fingerprint(header.as_bytes())
                });
                headers.collect()
            }
            _ => {
                return Err(Error::new(
                    Kind::ConfigurationInvalid,
                    "a webhook's caller has both a user name and a password, or neither",
                )
                .hint(
                    "set webhook_username, and webhook_secret_files or webhook_secret_variables",
                ));
            }
        };
        Ok(Self {
            headers,
            organizer,
            events,
        })
    }

    /// What is wrong and will stay so is answered with 204 all the same: pretix would repeat it for
    /// days. 410 would end the webhook.
    pub(super) fn receive(&self, request: &Request<'_>) -> Received {
        let refuse =
            |status, message| Received::refuse(status, Error::new(Kind::WebhookRefused, message));
        if !request.method.eq_ignore_ascii_case("POST") {
            return refuse(405, "the call is no POST");
        }
        if request.body.len() > LARGEST {
            return refuse(413, "the body has more than 64 KiB");
        }
        if !self.opens(request) {
            return refuse(401, "the credentials are not accepted");
        }
        let Ok(call) = serde_json::from_slice::<Call>(request.body) else {
            return refuse(204, "the body is none of pretix's");
        };
        if call.organizer != self.organizer.as_str() {
            return refuse(204, "the call is about another organizer");
        }
        if !concerns_tickets(&call.action) {
            return Received::answer(Reply::status(204));
        }
        let event = call.event.as_deref().and_then(Slug::new);
        let order = call.code.as_deref().and_then(Code::new);
        match (event, order) {
            (Some(event), _) if !self.events.contain(&event) => {
                Received::answer(Reply::status(204))
            }
            (Some(event), Some(order)) => {
                let takes_back = call.action.starts_with("pretix.event.checkin.");
                let look = Look {
                    event,
                    order,
                    takes_back,
                };
                Received::read(Reply::status(204), look.into_hint())
            }
            _ => refuse(204, "the call names no event and order"),
        }
    }

    /// Every header is tried, whichever opens.
    fn opens(&self, request: &Request<'_>) -> bool {
        let given = fingerprint(request.header("authorization").unwrap_or_default());
        let opens = self.headers.iter().fold(false, |open, header| {
            constant_time::verify_slices_are_equal(header, &given).is_ok() | open
        });
        opens || self.headers.is_empty()
    }
}

impl Look {
    fn into_hint(self) -> Hint {
        let why = if self.takes_back { BACK } else { ORDER };
        Hint(format!(
            "{why}/{}/{}",
            self.event.as_str(),
            self.order.as_str()
        ))
    }

    /// `None` for what is no hint of ours.
    pub(super) fn from_hint(hint: &Hint) -> Option<Self> {
        let mut parts = hint.0.splitn(3, '/');
        let takes_back = match parts.next()? {
            ORDER => false,
            BACK => true,
            _ => return None,
        };
        Some(Self {
            event: Slug::new(parts.next()?)?,
            order: Code::new(parts.next()?)?,
            takes_back,
        })
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Door({} secrets)", self.headers.len())
    }
}

/// What may change what a ticket is worth. What is not known yet of an order may do so too.
fn concerns_tickets(action: &str) -> bool {
    action == "pretix.event.checkin"
        || action.starts_with("pretix.event.checkin.")
        || action.starts_with("pretix.event.order.")
}

fn fingerprint(header: &[u8]) -> [u8; 32] {
    let mut short = [0; 32];
    short.copy_from_slice(digest(&SHA256, header).as_ref());
    short
}
