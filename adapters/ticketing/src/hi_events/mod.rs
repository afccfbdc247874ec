//! `ticketing.hi-events`: check-ins of Hi.Events, as signed messages.

mod wire;

use std::{fmt, path::PathBuf};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use wom_sdk::{
    Activity, Body, Digest, Error, Kind, Observation, Result, Span, Subject, Timestamp, Zone,
    instrument::{
        Capabilities, Chunks, Hint, Info, Input, Instrument, Proven, Received, Refusal, Reply,
        Request, Sink,
    },
    observation::{Attendance, Device, Policy, Provenance, Recording, Scan},
    webhook::{self, Scheme, Secret, Verified},
};

use self::wire::{Envelope, Payload};
use crate::programme::Programme;

const DAY_MS: i64 = 86_400_000;
/// How long after it was sent a message is taken: a repetition is not signed anew.
const OLDEST_MS: i64 = 7 * DAY_MS;
/// For how long back an attendee's check-ins are taken back.
const LOOK_BACK_MS: i64 = 400 * DAY_MS;

/// Takes what Hi.Events tells of check-ins: signed messages, of which each is a fact.
///
/// | what comes | answer |
/// |---|---|
/// | a message that is signed with one of the secrets, of the last 7 days | 204, once it is kept safe |
/// | the same again, or a scan of who is in already | 204, and nothing counts twice |
/// | a message of another kind | 204 |
/// | anything else | 401, or 405 if it is no `POST`, or 413 above [`Self::LARGEST`] |
///
/// A check-in is an entry; Hi.Events knows no exits. `checkin.deleted` takes it back, and
/// `attendee.cancelled` all of the attendee's. When sessions are held the messages do not tell: the setting
/// `programme` does. Names and addresses in them are not read.
pub struct HiEvents {
    activity: Activity,
    events: Vec<u64>,
    policy: Policy,
    programme: Programme,
    reach_ms: i64,
    secrets: Vec<Secret>,
    source: String,
}

/// Settings of [`HiEvents`]. Unknown ones are refused; a secret, `programme` and `zone` are needed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HiEventsConfig {
    /// What attending is: the name of an activity. Default `attending`.
    pub activity: String,
    /// How far a check-in may be from its session, in minutes. Default 240.
    pub early_limit_minutes: u32,
    /// The numbers of the events that count. Default: every event of the programme.
    pub events: Vec<String>,
    /// What counts. Default `overlap`: to the planned end.
    pub policy: Policy,
    /// The programme: calendars (`.ics`) and tables of sessions.
    pub programme: Vec<PathBuf>,
    /// Files with a secret of the webhook in each. While it changes there are two.
    pub secret_files: Vec<PathBuf>,
    /// Variables of the environment with a secret of the webhook in each.
    pub secret_variables: Vec<String>,
    /// The name of the installation; it never changes. Default `hi-events`.
    pub source: String,
    /// By whose clock the programme is, such as `Europe/Rome`.
    pub zone: Option<Zone>,
}

impl Default for HiEventsConfig {
    fn default() -> Self {
        Self {
            activity: Activity::ATTENDING.as_str().to_owned(),
            early_limit_minutes: 240,
            events: Vec::new(),
            policy: Policy::Overlap,
            programme: Vec::new(),
            secret_files: Vec::new(),
            secret_variables: Vec::new(),
            source: "hi-events".to_owned(),
            zone: None,
        }
    }
}

impl HiEvents {
    /// What this adapter is.
    pub const INFO: Info = Info {
        name: "ticketing.hi-events",
        summary: "Check-ins of Hi.Events as signed messages, by a programme of sessions",
        rules: "attendance/1",
        proven: Proven::Documentation,
    };

    /// What this adapter offers.
    pub const CAPABILITIES: Capabilities = {
        let mut capabilities = Capabilities::SERVICE;
        capabilities.pull = false;
        capabilities
    };

    /// The longest body, in bytes: 64 KiB.
    pub const LARGEST: usize = 64 << 10;

    /// The adapter with these settings; reads secrets and programme.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] without a secret, a programme or a zone, or for a setting that does
    /// not fit.
    pub fn new(config: HiEventsConfig) -> Result<Self> {
        let wrong = |setting: &'static str, hint: &'static str| {
            Error::new(
                Kind::ConfigurationInvalid,
                "a setting is missing or does not fit",
            )
            .with("setting", setting)
            .hint(hint)
        };
        let in_files = config
            .secret_files
            .iter()
            .map(|file| scheme().secret_from_file(file));
        let in_variables = config
            .secret_variables
            .iter()
            .map(|it| scheme().secret_from_env(it));
        let secrets: Vec<_> = in_files.chain(in_variables).collect::<Result<_>>()?;
        if secrets.is_empty() {
            return Err(wrong(
                "secret_files",
                "give the secret that Hi.Events shows for the webhook",
            ));
        }
        let zone = config
            .zone
            .ok_or_else(|| wrong("zone", "say by whose clock the programme is"))?;
        let programme = Programme::read(&config.programme, &zone, None)?.ok_or_else(|| {
            wrong(
                "programme",
                "give a file with the sessions, as messages do not tell them",
            )
        })?;
        let events = config.events.iter().map(|it| it.trim().parse().ok());
        Ok(Self {
            activity: Activity::new(config.activity.trim())
                .map_err(|_| wrong("activity", "write a name such as attending"))?,
            events: events
                .collect::<Option<_>>()
                .ok_or_else(|| wrong("events", "give numbers of events"))?,
            policy: config.policy,
            programme,
            reach_ms: i64::from(config.early_limit_minutes.min(1_440)) * wom_sdk::MINUTE_MS,
            secrets,
            source: config.source.trim().to_owned(),
        })
    }

    fn check<'a>(&self, request: &Request<'a>) -> Result<&'a str, (u16, Error)> {
        let refused = |message: &'static str| Error::new(Kind::WebhookRefused, message);
        if !request.method.eq_ignore_ascii_case("POST") {
            return Err((405, refused("the call is no POST")));
        }
        if request.body.len() > Self::LARGEST {
            return Err((413, refused("the body has more than 64 KiB")));
        }
        // The form of GitHub's header without its prefix.
        let signatures: Vec<Vec<u8>> = request
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(HEADER))
            .map(|(_, value)| [b"sha256=", *value].concat())
            .collect();
        let headers: Vec<(&str, &[u8])> = signatures
            .iter()
            .map(|value| (HEADER, value.as_slice()))
            .collect();
        let verified = webhook::verify(
            &scheme(),
            &headers,
            request.body,
            &self.secrets,
            request.received_at,
        );
        match verified.map_err(|error| (401, error))? {
            Verified::Message(_) => {}
            _ => return Err((401, refused("the message is not signed"))),
        }
        std::str::from_utf8(request.body).map_err(|_| (204, refused("the body is not in UTF-8")))
    }

    fn observation(&self, message: &Envelope) -> Result<Option<Observation>, Refusal> {
        let payload = &message.payload;
        let is_other = |event: u64| !self.events.is_empty() && !self.events.contains(&event);
        if payload.event_id.is_some_and(is_other) {
            return Ok(None);
        }
        let missing = |field| {
            Refusal::new("missing_field", "is missing")
                .field(field)
                .at("record", 1)
        };
        let attendee = || payload.attendee_id.ok_or_else(|| missing("attendee_id"));
        let key = self.digest(&["checkin", &payload.id.to_string()]);
        let (attendee, key, body, late) = match message.event_type.as_str() {
            "checkin.created" => {
                let attendee = attendee()?;
                let body = Body::Attendance(self.attendance(attendee, payload)?);
                (attendee, key, body, 0)
            }
            "checkin.deleted" => (attendee()?, key, Body::Withdrawn, 1),
            "attendee.cancelled" => {
                let until = message.event_sent_at;
                let from = until.plus_millis(-LOOK_BACK_MS);
                // A session that goes on or is about to begin, too.
                let range = Span::starting(from, until.plus_millis(DAY_MS).since(from));
                let key = self.digest(&["cancelled", &payload.id.to_string()]);
                (payload.id, key, Body::RangeReplaced { range }, 1)
            }
            _ => return Ok(None),
        };
        let subject = Subject::new(format!("hi-events:{}", self.source), attendee.to_string());
        let sent = u64::try_from(message.event_sent_at.as_millis()).unwrap_or(0);
        Ok(Some(Observation {
            subject: subject.map_err(|_| {
                Refusal::new("too_large", "the source's name is too long").at("record", 1)
            })?,
            key,
            revision: sent.saturating_mul(2) + late,
            provenance: Provenance {
                stream: self.digest(&["stream", &attendee.to_string()]),
                device: Device::Unknown,
                recording: Recording::Attested,
            },
            body,
        }))
    }

    fn attendance(&self, attendee: u64, payload: &Payload) -> Result<Attendance, Refusal> {
        let at = payload.created_at.ok_or_else(|| {
            Refusal::new("missing_field", "is missing")
                .field("created_at")
                .at("record", 1)
        })?;
        let planned = self
            .programme
            .find(at, true, "", self.reach_ms)
            .ok_or_else(|| {
                Refusal::new(
                    "no_session",
                    "the programme has no session at this time; correct the programme",
                )
                .at("record", 1)
            })?;
        let names = planned.name.iter().map(String::as_str);
        let session: Vec<&str> = ["session"].into_iter().chain(names).collect();
        let ticket = self.digest(&["ticket", &attendee.to_string()]);
        let attendance =
            Attendance::new(ticket, self.digest(&session), [planned.span]).map_err(|error| {
                Refusal::new("bad_time", error.message().to_owned()).at("record", 1)
            })?;
        Ok(Attendance {
            activity: self.activity.clone(),
            policy: self.policy,
            scans: vec![Scan::entry(at)],
            ..attendance
        })
    }

    fn digest(&self, parts: &[&str]) -> Digest {
        Digest::of(["hi-events", &self.source].iter().chain(parts))
    }
}

const HEADER: &str = "Signature";

fn scheme() -> Scheme {
    Scheme::Hub {
        header: HEADER.into(),
    }
}

#[async_trait]
impl Instrument for HiEvents {
    fn info(&self) -> Info {
        Self::INFO
    }

    fn capabilities(&self) -> Capabilities {
        Self::CAPABILITIES
    }

    fn receive(&self, request: &Request<'_>) -> Received {
        let body = match self.check(request) {
            Ok(body) => body,
            Err((status, error)) => return Received::refuse(status, error),
        };
        let refuse =
            |status, message| Received::refuse(status, Error::new(Kind::WebhookRefused, message));
        // Authentic and of no form that is known: to send it again would not help.
        let Ok(message) = serde_json::from_str::<Envelope>(body) else {
            return refuse(204, "a signed message has not the form of Hi.Events'");
        };
        let age = request.received_at.since(message.event_sent_at);
        if !(-webhook::TOLERANCE_MS..=OLDEST_MS).contains(&age) {
            return refuse(401, "the message is too old, or from the future");
        }
        match message.event_type.as_str() {
            "checkin.created" | "checkin.deleted" | "attendee.cancelled" => {
                let id = Digest::of(["hi-events", body]).to_hex();
                Received::once(Reply::status(204), id, Hint(body.to_owned()))
            }
            _ => Received::answer(Reply::status(204)),
        }
    }

    async fn read(&self, input: Input, _now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let Input::Hint(Hint(body)) = input else {
            return Err(Error::new(
                Kind::Unsupported,
                "this adapter reads messages and nothing else",
            )
            .hint("ticketing.checkin-csv reads lists of check-ins"));
        };
        let message: Envelope = serde_json::from_str(&body)
            .map_err(|_| Error::new(Kind::InputInvalid, "not a message of Hi.Events"))?;
        let mut chunks = Chunks::new(sink);
        match self.observation(&message) {
            Ok(Some(observation)) => chunks.push(observation).await?,
            Ok(None) => {}
            Err(refusal) => chunks.refuse(refusal).await?,
        }
        chunks.finish().await
    }
}

impl fmt::Debug for HiEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HiEvents({} secrets)", self.secrets.len())
    }
}

/// Takes any bytes as a message whose signature holds.
#[cfg(feature = "testing")]
pub(crate) fn take_any(data: &[u8]) {
    let at = Timestamp::from_seconds(1_795_000_000);
    let planned = crate::programme::Planned {
        span: Span::starting(at, DAY_MS),
        name: vec!["a".to_owned()],
        title: "a".to_owned(),
    };
    let adapter = HiEvents {
        activity: Activity::ATTENDING,
        events: Vec::new(),
        policy: Policy::Overlap,
        programme: Programme::new(vec![planned]),
        reach_ms: DAY_MS,
        secrets: Vec::new(),
        source: "x".to_owned(),
    };
    if let Ok(message) = serde_json::from_slice::<Envelope>(data)
        && let Err(refusal) = adapter.observation(&message)
    {
        assert!(!refusal.at.is_empty());
    }
}
