//! `ticketing.eventbrite`: attendees of Eventbrite.

mod api;

use std::{fmt, path::PathBuf};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use wom_http::Secrets;
use wom_sdk::{
    Activity, Body, Digest, Error, Kind, Observation, Result, Span, Subject, Timestamp,
    instrument::{
        Capabilities, Chunks, Hint, Info, Input, Instrument, Proven, Received, Refusal, Reply,
        Request, Sink,
    },
    observation::{Attendance, Device, Policy, Provenance, Recording, Scan, Standing},
};

use self::api::{Api, Attendee, Event};

/// Looks at attendees of Eventbrite: when a webhook calls, and before they are settled.
///
/// Eventbrite signs nothing, so a call is a hint to go and look, and nothing is taken from it but the
/// numbers of an event and an attendee. Its `api_url` is never fetched: it must begin with the configured
/// address, and the address that is asked is made of the numbers. Keep the webhook's own address secret.
///
/// An attendee is checked in or not, and its barcode tells when that changed last. Who is no longer
/// checked in was let in by mistake: nothing counts. Names, mailboxes and barcodes are not read.
pub struct Eventbrite {
    activity: Activity,
    api: Api,
    events: Vec<String>,
    policy: Policy,
}

/// Settings of [`Eventbrite`]. Unknown ones are refused; a token is needed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventbriteConfig {
    /// What attending is: the name of an activity. Default `attending`.
    pub activity: String,
    /// The address of the API. Default `https://www.eventbriteapi.com/v3`.
    pub address: String,
    /// Whether plain http to another machine is accepted, over which anybody on the way can read the
    /// token and attendees. Default `false`.
    pub danger_accept_plain_http: bool,
    /// The numbers of the events that count. Default: every event that the token may read.
    pub events: Vec<String>,
    /// What counts. Default `overlap`: to the planned end.
    pub policy: Policy,
    /// Files with a token in each. While it changes there are two.
    pub secret_files: Vec<PathBuf>,
    /// Variables of the environment with a token in each.
    pub secret_variables: Vec<String>,
}

impl Default for EventbriteConfig {
    fn default() -> Self {
        Self {
            activity: Activity::ATTENDING.as_str().to_owned(),
            address: "https://www.eventbriteapi.com/v3".to_owned(),
            danger_accept_plain_http: false,
            events: Vec::new(),
            policy: Policy::Overlap,
            secret_files: Vec::new(),
            secret_variables: Vec::new(),
        }
    }
}

/// A webhook, as far as it is read.
#[derive(Deserialize)]
struct Call {
    api_url: String,
}

/// Whom to look at: both are numbers.
struct Look<'a> {
    event: &'a str,
    attendee: &'a str,
}

impl<'a> Look<'a> {
    fn new(event: &'a str, attendee: &'a str) -> Option<Self> {
        let is_number =
            |text: &str| (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        (is_number(event) && is_number(attendee)).then_some(Self { event, attendee })
    }

    /// From `event/attendee`.
    fn parse(text: &'a str) -> Option<Self> {
        let (event, attendee) = text.split_once('/')?;
        Self::new(event, attendee)
    }
}

const NAMESPACE: &str = "eventbrite";

impl Eventbrite {
    /// What this adapter is.
    pub const INFO: Info = Info {
        name: "ticketing.eventbrite",
        summary: "Attendees of Eventbrite: looked at when a webhook calls and before they count",
        rules: "attendance/1",
        proven: Proven::Documentation,
    };

    /// What this adapter offers.
    pub const CAPABILITIES: Capabilities = {
        let mut capabilities = Capabilities::SERVICE;
        capabilities.pull = false;
        capabilities.refresh = true;
        capabilities
    };

    /// The longest body of a webhook, in bytes: 64 KiB.
    pub const LARGEST: usize = 64 << 10;

    /// The adapter with these settings. Tokens are read when they are needed.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] without a token, or for a setting that does not fit;
    /// [`Kind::InsecureTransport`] for plain http to another machine.
    pub fn new(config: EventbriteConfig) -> Result<Self> {
        let tokens = Secrets::named(&config.secret_files, &config.secret_variables);
        let tokens = tokens.ok_or_else(|| {
            Error::new(
                Kind::ConfigurationInvalid,
                "there is no token for Eventbrite",
            )
            .hint("make a private token, and set secret_files or secret_variables")
        })?;
        let address = wom_http::address("address", &config.address)?;
        let activity = Activity::new(config.activity.trim()).map_err(|_| {
            Error::new(Kind::ConfigurationInvalid, "not the name of an activity")
                .with("setting", "activity")
        })?;
        Ok(Self {
            activity,
            api: Api::new(address, config.danger_accept_plain_http, tokens)?,
            events: config
                .events
                .iter()
                .map(|it| it.trim().to_owned())
                .collect(),
            policy: config.policy,
        })
    }

    async fn look(&self, look: &Look<'_>, now: Timestamp, chunks: &mut Chunks<'_>) -> Result<()> {
        let attendee = self.api.attendee(look.event, look.attendee).await?;
        let body = match (attendee, self.api.event(look.event).await?) {
            (Some(attendee), Some(event)) => match self.attendance(look, &attendee, &event) {
                Ok(attendance) => Body::Attendance(attendance),
                Err(error) => {
                    let refusal = Refusal::new("bad_window", error.message().to_owned());
                    return chunks.refuse(refusal.at("record", 1)).await;
                }
            },
            // What is gone counts nothing.
            _ => Body::Withdrawn,
        };
        chunks
            .push(Observation {
                subject: Subject::new(NAMESPACE, format!("{}/{}", look.event, look.attendee))?,
                key: Digest::of([NAMESPACE, "attendee", look.event, look.attendee]),
                // A later look knows better.
                revision: u64::try_from(now.as_millis()).unwrap_or(0),
                provenance: Provenance {
                    stream: Digest::of([NAMESPACE, "stream", look.attendee]),
                    device: Device::Unknown,
                    recording: Recording::Attested,
                },
                body,
            })
            .await
    }

    fn attendance(
        &self,
        look: &Look<'_>,
        attendee: &Attendee,
        event: &Event,
    ) -> Result<Attendance> {
        let ticket = Digest::of([NAMESPACE, "ticket", look.event, look.attendee]);
        let session = Digest::of([NAMESPACE, "session", look.event]);
        let slot = Span::new(event.start.utc, event.end.utc)?;
        let attendance = Attendance::new(ticket, session, [slot])?;
        let changed = attendee.barcodes.iter().filter_map(|it| it.changed);
        let scanned = changed.take(Attendance::MOST_SCANS).map(Scan::entry);
        Ok(Attendance {
            activity: self.activity.clone(),
            policy: self.policy,
            standing: if attendee.cancelled || event.status == "canceled" {
                Standing::Cancelled
            } else if attendee.refunded {
                Standing::Refunded
            } else {
                Standing::Valid
            },
            scans: match attendee.checked_in {
                true => scanned.collect(),
                false => Vec::new(),
            },
            ..attendance
        })
    }

    /// The numbers in an address of an attendee below ours.
    fn numbers<'a>(&self, api_url: &'a str) -> Option<Look<'a>> {
        let ours = self.api.address.as_str().trim_end_matches('/');
        let path = api_url.strip_prefix(ours)?.strip_prefix("/events/")?;
        let (event, rest) = path.split_once("/attendees/")?;
        let look = Look::new(event, rest.strip_suffix('/').unwrap_or(rest))?;
        let counts = self.events.is_empty() || self.events.iter().any(|it| it == event);
        counts.then_some(look)
    }
}

#[async_trait]
impl Instrument for Eventbrite {
    fn info(&self) -> Info {
        Self::INFO
    }

    fn capabilities(&self) -> Capabilities {
        Self::CAPABILITIES
    }

    /// What is of no use is answered with 204 all the same; 410 would end the webhook.
    fn receive(&self, request: &Request<'_>) -> Received {
        let refuse =
            |status, message| Received::refuse(status, Error::new(Kind::WebhookRefused, message));
        if !request.method.eq_ignore_ascii_case("POST") {
            return refuse(405, "the call is no POST");
        }
        if request.body.len() > Self::LARGEST {
            return refuse(413, "the body has more than 64 KiB");
        }
        let Ok(call) = serde_json::from_slice::<Call>(request.body) else {
            return refuse(204, "the body is none of Eventbrite's");
        };
        match self.numbers(&call.api_url) {
            Some(look) => Received::read(
                Reply::status(204),
                Hint(format!("{}/{}", look.event, look.attendee)),
            ),
            None => Received::answer(Reply::status(204)),
        }
    }

    async fn read(&self, input: Input, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let Input::Hint(Hint(hint)) = input else {
            return Err(Error::new(
                Kind::Unsupported,
                "this adapter looks at what webhooks name and nothing else",
            )
            .hint("ticketing.checkin-csv reads lists of check-ins"));
        };
        let look = Look::parse(&hint)
            .ok_or_else(|| Error::new(Kind::InputInvalid, "not a hint of this adapter"))?;
        let mut chunks = Chunks::new(sink);
        self.look(&look, now, &mut chunks).await?;
        chunks.finish().await
    }

    async fn refresh(
        &self,
        units: &[(Subject, Span)],
        now: Timestamp,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let mut chunks = Chunks::new(sink);
        for (subject, _) in units.iter().filter(|(it, _)| it.namespace() == NAMESPACE) {
            if let Some(look) = Look::parse(subject.reveal()) {
                self.look(&look, now, &mut chunks).await?;
            }
        }
        chunks.finish().await
    }
}

impl fmt::Debug for Eventbrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Eventbrite")
    }
}

/// Takes any bytes as a call and as answers.
#[cfg(feature = "testing")]
pub(crate) fn take_any(data: &[u8]) {
    let config = EventbriteConfig {
        secret_variables: vec!["NONE".to_owned()],
        address: "http://localhost/v3".to_owned(),
        ..EventbriteConfig::default()
    };
    let Ok(adapter) = Eventbrite::new(config) else {
        return;
    };
    let received = adapter.receive(&Request {
        method: "POST",
        query: "",
        headers: &[],
        body: data,
        received_at: Timestamp::EPOCH,
    });
    assert!(matches!(received.reply.status, 204 | 413));
    if let wom_sdk::instrument::Verdict::Read(Hint(hint)) = received.verdict {
        assert!(Look::parse(&hint).is_some(), "a hint is understood");
    }
    let attendee = serde_json::from_slice::<Attendee>(data);
    let event = serde_json::from_slice::<Event>(
        br#"{"start":{"utc":"2026-11-20T19:30:00Z"},"end":{"utc":"2026-11-20T21:45:00Z"}}"#,
    );
    if let (Ok(attendee), Ok(event), Some(look)) = (attendee, event, Look::new("1", "2")) {
        let attendance = adapter.attendance(&look, &attendee, &event);
        assert!(attendance.is_ok_and(|it| it.scans.len() <= Attendance::MOST_SCANS));
    }
    serde_json::from_slice::<Event>(data).ok();
}
