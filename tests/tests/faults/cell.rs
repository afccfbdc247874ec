//! The matrix: which fault, at which call, at which try.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use wom_sdk::protocol::{
    Otc, Pin, PublicKey,
    message::{CreateAnswer, RegisterAnswer},
    rsa,
};

use crate::{
    ground::{Ground, Worker},
    proxy::Spoil,
    wire::{Trouble, Wire},
};

/// The calls to a Registry.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Call {
    Create,
    Verify,
    /// In one call, with an API key.
    Issue,
    Redeem,
    Register,
    Status,
    Confirm,
    Key,
}

impl Call {
    pub(crate) const ALL: [Self; 8] = [
        Self::Create,
        Self::Verify,
        Self::Issue,
        Self::Redeem,
        Self::Register,
        Self::Status,
        Self::Confirm,
        Self::Key,
    ];

    /// How its address ends.
    pub(crate) fn operation(self) -> &'static str {
        match self {
            Self::Create => "voucher/create",
            Self::Verify => "voucher/verify",
            Self::Issue => "vouchers",
            Self::Redeem => "voucher/redeem",
            Self::Register => "payment/register",
            Self::Status => "payment/status",
            Self::Confirm => "payment/confirm",
            Self::Key => "auth/key",
        }
    }
}

/// Which tries are spoilt.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Position {
    /// The first.
    First,
    /// The second, as the first found nobody.
    Middle,
    /// All, until the caller gives up.
    All,
}

/// One cell.
#[derive(Clone)]
pub(crate) struct Cell {
    /// 1 to 20.
    pub(crate) fault: u8,
    pub(crate) call: Call,
    pub(crate) position: Position,
    /// Chooses among the variants of the fault.
    pub(crate) variant: usize,
    pub(crate) ground: Arc<Ground>,
    pub(crate) worker: Arc<Worker>,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            fault,
            call,
            position,
            variant,
            ..
        } = self;
        write!(f, "F{fault} {call:?} {position:?} variant {variant}")
    }
}

pub(crate) const FAULTS: [&str; 20] = [
    "connect refused",
    "connect timeout",
    "TLS failure",
    "request lost",
    "reply lost",
    "reply too late",
    "500, 502, 503, 504",
    "429 with and without retry-after",
    "reply truncated",
    "reply doubled, or another's",
    "login page with 200",
    "JSON with other members",
    "payload that is not to the request",
    "redirect",
    "one byte a second",
    "endless reply",
    "compressed bomb",
    "reset within the reply",
    "name not found",
    "older data base",
];

impl Cell {
    /// Whether there is such a cell: a Registry that answers an unknown code as a repeated verify
    /// cannot say that it has forgotten one.
    pub(crate) fn applies(&self) -> bool {
        !(self.ground.faithful && self.fault == 20 && self.call == Call::Verify)
    }

    /// Whether the call may give this: success, or the error that belongs to the fault.
    pub(crate) fn may_give(&self, gave: &str) -> bool {
        let error: &[&str] = match (self.fault, self.call) {
            (1..=3 | 19, _) => &["network_unreachable (safe)"],
            (4 | 5 | 9 | 16 | 18, _) => &["outcome_unknown (same_key)"],
            (6 | 15, _) => &["deadline_exceeded (same_key)"],
            (7, _) => &["outcome_unknown (same_key)", "registry_failed (same_key)"],
            (8, _) => &["rate_limited (safe)"],
            // It may be that the private key is not the one of this id: nothing mends that by itself.
            (13, Call::Create | Call::Register) => &["payload_invalid (never)"],
            (13, Call::Key) => &["payload_refused (never)"],
            (20, _) => &["otc_unknown (never)"],
            _ => &["registry_misbehaved (same_key)"],
        };
        // An award goes on by itself, and so does a look at a payment: there is only the time.
        let goes_on = !matches!(self.call, Call::Redeem | Call::Register | Call::Confirm);
        gave == "ok" || error.contains(&gave) || (goes_on && gave == "deadline_exceeded (same_key)")
    }

    /// Whether it needs the answer to another request of the same kind.
    pub(crate) fn needs_decoy(&self) -> bool {
        self.fault == 10
    }

    /// Begins the trouble.
    pub(crate) fn arm(&self, wire: &Wire) {
        let variants = self.variants(wire);
        let from_here = variants.iter().cycle().skip(self.variant % variants.len());
        let (script, then) = match self.position {
            Position::First => (from_here.take(1).cloned().collect(), None),
            Position::Middle => {
                let mut script = vec![Trouble::Refused];
                script.extend(from_here.take(1).cloned());
                (script, None)
            }
            Position::All => {
                let script: Vec<_> = from_here.take(64).cloned().collect();
                (script, Some(variants[0].clone()))
            }
        };
        wire.trouble(self.call.operation(), script, then);
    }

    fn variants(&self, wire: &Wire) -> Vec<Trouble> {
        let spoils = match self.fault {
            1 => return vec![Trouble::Refused],
            2 => return vec![Trouble::NoConnection],
            3 => return vec![Trouble::NoTls],
            4 => vec![Spoil::Lost],
            5 => vec![Spoil::ReplyLost],
            6 => vec![Spoil::Late(100)],
            7 => vec![
                Spoil::DoneBut(500),
                Spoil::Status(502, String::new()),
                Spoil::Status(503, String::new()),
                Spoil::DoneBut(504),
                Spoil::Status(500, String::new()),
            ],
            8 => [
                "",
                "2",
                "Sun, 01 Mar 2026 10:00:30 GMT",
                "4000000000",
                "-5",
                "soon",
            ]
            .map(|after| Spoil::Status(429, after.to_owned()))
            .to_vec(),
            9 => vec![Spoil::Cut],
            10 => vec![
                Spoil::Instead(wire.answer(self.call.operation())),
                Spoil::Twice,
            ],
            11 => vec![Spoil::Page],
            12 => self.other_members().map(instead).to_vec(),
            13 => self
                .not_to_the_request()
                .into_iter()
                .map(Spoil::Instead)
                .collect(),
            14 => [301, 302, 307, 308]
                .into_iter()
                .zip(
                    ["http://127.0.0.1:1/", "https://elsewhere.invalid/"]
                        .iter()
                        .cycle(),
                )
                .map(|(status, to)| Spoil::Redirect(status, (*to).to_owned()))
                .collect(),
            15 => vec![Spoil::Drip(20)],
            16 => vec![Spoil::Endless],
            17 => vec![Spoil::Bomb],
            18 => vec![Spoil::Reset],
            19 => return vec![Trouble::NoName],
            _ => return vec![Trouble::OldCopy],
        };
        spoils.into_iter().map(Trouble::Wire).collect()
    }

    fn other_members(&self) -> [&'static str; 4] {
        const OTC: &str = r#"{"otc":"0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44"}"#;
        match self.call {
            Call::Issue => [
                r#"{"otc":5,"password":"4821","link":"x"}"#,
                OTC,
                r#"{"otc":"0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44","password":"4821","count":99999999999999999999}"#,
                r#"{"otc":"0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44","password":"4821","count":1}"#,
            ],
            _ => [
                "{}",
                r#"{"payload":5}"#,
                r#"{"payload":null,"posId":1e400,"more":[1,2]}"#,
                "[]",
            ],
        }
    }

    /// What has the right form and is not the answer.
    fn not_to_the_request(&self) -> Vec<Vec<u8>> {
        let (source, pos) = (&self.worker.instrument.key, &self.worker.pos);
        let noise = STANDARD.encode([0x5a; 256]);
        let aes = STANDARD.encode([0x5a; 64]);
        let (otc, password) = (Otc::random(), Pin::random());
        let sealed = |key: &PublicKey, text: &str| rsa::seal(key, text.as_bytes());
        let body = |payload: String| format!(r#"{{"payload":"{payload}"}}"#);
        let texts = match self.call {
            Call::Create => {
                let other = CreateAnswer {
                    registry_url: String::new(),
                    nonce: "another".to_owned(),
                    otc,
                    password,
                    link: None,
                    count: None,
                };
                let key = source.public();
                vec![
                    body(noise),
                    body(sealed(key, "junk")),
                    body(sealed(key, &other.to_json())),
                ]
            }
            Call::Register => {
                let other = RegisterAnswer {
                    registry_url: String::new(),
                    nonce: "another".to_owned(),
                    otc,
                    password,
                    link: None,
                };
                let key = pos.key.public();
                vec![
                    body(noise),
                    body(sealed(key, "junk")),
                    body(sealed(key, &other.to_json())),
                ]
            }
            Call::Status => {
                let of = |id: &str, payload: String| {
                    format!(r#"{{"posId":"{id}","payload":"{payload}"}}"#)
                };
                let paid = r#"{"persistent":false,"hasBeenPerformed":true,"confirmations":[]}"#;
                let other = sealed(pos.key.public(), paid);
                let junk = sealed(pos.key.public(), "junk");
                vec![
                    of(pos.id.as_str(), noise),
                    of(pos.id.as_str(), junk),
                    of("65aa0c3be1f0d25c7b9e4422", other),
                ]
            }
            Call::Redeem | Call::Confirm => vec![body(noise), body(aes)],
            Call::Verify | Call::Issue => vec![body(noise)],
            Call::Key => {
                let pem = self.ground.stranger.public().to_pem();
                vec![pem.replace("BEGIN", "BEGUN"), pem]
            }
        };
        texts.into_iter().map(String::into_bytes).collect()
    }
}

fn instead(body: &str) -> Spoil {
    Spoil::Instead(body.as_bytes().to_vec())
}
