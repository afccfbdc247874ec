//! Vouchers come into being: create, verify, redeem.

use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    ReceivedSpecification, VoucherSpecification, check_total, inner, outer,
    specification::WireSpecification, write,
};
use crate::{
    Kind, Result, Timestamp,
    protocol::{
        LinkText, Otc, Pin, Position, SessionKey, SourceId, VoucherId, VoucherSecret,
        json::{Limits, Members},
        payload_fault,
    },
};

/// A source asks for vouchers (create, to the Registry).
///
/// ```
/// use wom_sdk::protocol::message::{CreateReceived, CreateRequest, VoucherSpecification};
///
/// let vouchers = vec![VoucherSpecification::new(
///     "H".parse()?,
///     Some("43.72,12.63".parse()?),
///     "2026-03-01T10:00:00Z".parse()?,
///     27,
/// )?];
/// let source = "65aa0c3be1f0d25c7b9e4411".parse()?;
/// let request = CreateRequest::new(source, "nonce-1", None, vouchers)?;
/// let received = CreateReceived::from_inner(request.to_json().as_bytes())?;
/// assert_eq!(received.nonce, "nonce-1");
/// assert_eq!(received.check()?, request.vouchers());
/// # Ok::<(), wom_sdk::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CreateRequest {
    source_id: SourceId,
    nonce: String,
    password: Option<Pin>,
    vouchers: Vec<VoucherSpecification>,
    total: u32,
}

impl CreateRequest {
    /// A request for at least one voucher, within the limits of
    /// [`MAX_SPECIFICATIONS`](super::MAX_SPECIFICATIONS) and [`MAX_COUNT`](super::MAX_COUNT). Without a PIN
    /// the Registry makes one.
    pub fn new(
        source_id: SourceId,
        nonce: impl Into<String>,
        password: Option<Pin>,
        vouchers: Vec<VoucherSpecification>,
    ) -> Result<Self> {
        let total = check_total(&vouchers)?;
        Ok(Self {
            source_id,
            nonce: nonce.into(),
            password,
            vouchers,
            total,
        })
    }

    /// The source that asks.
    pub fn source_id(&self) -> &SourceId {
        &self.source_id
    }

    /// The nonce, to be repeated in the body and compared with the answer's.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// What is asked for.
    pub fn vouchers(&self) -> &[VoucherSpecification] {
        &self.vouchers
    }

    /// How many vouchers in all.
    pub fn total(&self) -> u32 {
        self.total
    }

    /// The text to seal for the Registry.
    pub fn to_json(&self) -> Zeroizing<String> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            source_id: &'a SourceId,
            nonce: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            password: Option<&'a str>,
            vouchers: Vec<WireSpecification>,
        }
        write(&Wire {
            source_id: &self.source_id,
            nonce: &self.nonce,
            password: self.password.as_ref().map(Pin::reveal),
            vouchers: self
                .vouchers
                .iter()
                .map(VoucherSpecification::wire)
                .collect(),
        })
    }
}

/// A create request as a Registry receives it: well formed, and not yet judged.
#[derive(Clone, Debug)]
pub struct CreateReceived {
    /// The source, to be compared with the body's.
    pub source_id: SourceId,
    /// The nonce, to be compared with the body's.
    pub nonce: String,
    /// The PIN that the source wishes; see [`Pin::acceptable`].
    pub password: Option<Pin>,
    /// What is asked for.
    pub vouchers: Vec<ReceivedSpecification>,
}

impl CreateReceived {
    /// Reads the text that was sealed.
    pub fn from_inner(text: &[u8]) -> Result<Self> {
        let text = inner(text, Limits::default())?;
        let members = text.members();
        let vouchers = match members.find("vouchers") {
            Some(_) => members.list("vouchers", ReceivedSpecification::read)?,
            None => Vec::new(),
        };
        Ok(Self {
            source_id: members.entity("sourceId")?,
            nonce: members.nonce()?,
            password: members.optional_pin()?,
            vouchers,
        })
    }

    /// The specifications, if all are acceptable and so is their total;
    /// [`ParameterRefused`](Kind::ParameterRefused) or [`LimitExceeded`](Kind::LimitExceeded)
    /// otherwise.
    pub fn check(&self) -> Result<Vec<VoucherSpecification>> {
        check_received(&self.vouchers)
    }
}

pub(super) fn check_received(
    received: &[ReceivedSpecification],
) -> Result<Vec<VoucherSpecification>> {
    let vouchers = received
        .iter()
        .take(super::MAX_SPECIFICATIONS + 1)
        .map(ReceivedSpecification::check)
        .collect::<Result<Vec<_>>>()?;
    check_total(&vouchers).map_err(|error| match error.kind() {
        Kind::InputInvalid => super::refused("vouchers", "no vouchers are asked for"),
        _ => error,
    })?;
    Ok(vouchers)
}

/// The Registry's answer to create, sealed for the source; and to the issue in one call, plain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CreateAnswer {
    /// The Registry's address; empty if it does not tell.
    pub registry_url: String,
    /// The request's nonce: the source must compare it.
    pub nonce: String,
    /// The code to verify, and then to hand out.
    pub otc: Otc,
    /// The PIN to hand out with it.
    pub password: Pin,
    /// The link to hand out; older Registries leave it to the source.
    pub link: Option<LinkText>,
    /// How many vouchers wait; older Registries do not tell.
    pub count: Option<u32>,
}

impl CreateAnswer {
    /// The text to seal for the source.
    pub fn to_json(&self) -> Zeroizing<String> {
        write(&WireAnswer {
            registry_url: &self.registry_url,
            nonce: &self.nonce,
            otc: Zeroizing::new(self.otc.reveal()).as_str(),
            password: self.password.reveal(),
            link: self.link.as_ref().map(LinkText::reveal),
            count: self.count,
        })
    }

    /// Reads the text that was sealed.
    pub fn from_inner(text: &[u8]) -> Result<Self> {
        let text = inner(text, Limits::default())?;
        let nonce = text.members().nonce()?;
        Self::read(text.members(), nonce)
    }

    /// Reads the body of the answer to the issue in one call, whose nonce is the Registry's own.
    pub fn from_outer(body: &[u8]) -> Result<Self> {
        let body = outer(body, Limits::default())?;
        let nonce = body.members().optional_id("nonce")?.unwrap_or_default();
        Self::read(body.members(), nonce)
    }

    fn read(members: Members<'_>, nonce: String) -> Result<Self> {
        let count = members
            .optional_integer("count")?
            .map(|count| count.try_into().map_err(|_| members.fault("count")))
            .transpose()?;
        Ok(Self {
            registry_url: members.filled_text("registryUrl")?.unwrap_or_default(),
            nonce,
            otc: members.otc()?,
            password: foreign_pin(members)?,
            link: members.filled_text("link")?.map(LinkText::from),
            count,
        })
    }
}

/// What create and register answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireAnswer<'a> {
    pub(super) registry_url: &'a str,
    pub(super) nonce: &'a str,
    pub(super) otc: &'a str,
    pub(super) password: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<u32>,
}

pub(super) fn foreign_pin(members: Members<'_>) -> Result<Pin> {
    Pin::from_registry(&Zeroizing::new(members.id("password")?)).map_err(|_| payload_fault())
}

/// A source or POS confirms that it received the code (voucher/verify, payment/verify).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifyRequest {
    /// The code.
    pub otc: Otc,
}

impl VerifyRequest {
    /// The text to seal for the Registry.
    pub fn to_json(&self) -> Zeroizing<String> {
        #[derive(Serialize)]
        struct Wire<'a> {
            otc: &'a str,
        }
        write(&Wire {
            otc: Zeroizing::new(self.otc.reveal()).as_str(),
        })
    }

    /// Reads the text that was sealed.
    pub fn from_inner(text: &[u8]) -> Result<Self> {
        let otc = inner(text, Limits::default())?.members().otc()?;
        Ok(Self { otc })
    }
}

/// A wallet takes vouchers (redeem, to the Registry).
#[derive(Clone, Debug, PartialEq)]
pub struct RedeemRequest {
    /// The code.
    pub otc: Otc,
    /// The PIN that the person typed.
    pub password: Pin,
    /// The key for the answer.
    pub session_key: SessionKey,
    /// Where the wallet is.
    pub location: Option<Position>,
}

impl RedeemRequest {
    /// The text to seal for the Registry.
    pub fn to_json(&self) -> Zeroizing<String> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            otc: &'a str,
            password: &'a str,
            session_key: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            redeem_location: Option<Position>,
        }
        write(&Wire {
            otc: Zeroizing::new(self.otc.reveal()).as_str(),
            password: self.password.reveal(),
            session_key: &self.session_key.reveal(),
            redeem_location: self.location,
        })
    }

    /// Reads the text that was sealed. A session key of another length, or a place out of range,
    /// is [`ParameterRefused`](Kind::ParameterRefused).
    pub fn from_inner(text: &[u8]) -> Result<Self> {
        let text = inner(text, Limits::default())?;
        let members = text.members();
        let (otc, password) = (members.otc()?, members.pin()?);
        let location = members
            .optional_object("redeemLocation")?
            .map(|place| {
                let place = Members::new(place, members.layer());
                Ok((place.number("latitude")?, place.number("longitude")?))
            })
            .transpose()?;
        Ok(Self {
            otc,
            password,
            session_key: members.session_key()?,
            location: location
                .map(|(latitude, longitude)| {
                    Position::new(latitude, longitude)
                        .map_err(|_| super::refused("redeemLocation", "the place is out of range"))
                })
                .transpose()?,
        })
    }
}

/// The Registry's answer to redeem, under the wallet's session key.
#[derive(Clone, Debug, PartialEq)]
pub struct RedeemAnswer {
    /// The source of the vouchers.
    pub source_id: SourceId,
    /// The source's name.
    pub source_name: String,
    /// The vouchers, one by one.
    pub vouchers: Vec<RedeemedVoucher>,
}

/// A voucher as a wallet receives it.
#[derive(Clone, Debug, PartialEq)]
pub struct RedeemedVoucher {
    /// The voucher's id.
    pub id: VoucherId,
    /// What proves possession of it.
    pub secret: VoucherSecret,
    /// The aim's code; a Registry may know more aims than this release.
    pub aim: String,
    /// Where it was earned.
    pub position: Position,
    /// When it was earned.
    pub timestamp: Timestamp,
}

impl RedeemAnswer {
    /// The text to seal for the wallet.
    pub fn to_json(&self) -> Zeroizing<String> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            source_id: &'a SourceId,
            source_name: &'a str,
            vouchers: Vec<WireVoucher<'a>>,
        }
        #[derive(Serialize)]
        struct WireVoucher<'a> {
            id: &'a VoucherId,
            secret: &'a str,
            aim: &'a str,
            latitude: f64,
            longitude: f64,
            timestamp: Timestamp,
        }
        let vouchers = self.vouchers.iter().map(|voucher| WireVoucher {
            id: &voucher.id,
            secret: voucher.secret.reveal(),
            aim: &voucher.aim,
            latitude: voucher.position.latitude(),
            longitude: voucher.position.longitude(),
            timestamp: voucher.timestamp,
        });
        write(&Wire {
            source_id: &self.source_id,
            source_name: &self.source_name,
            vouchers: vouchers.collect(),
        })
    }

    /// Reads the text that was sealed. As the answer comes only once, a strange time or place of
    /// a voucher is no reason to refuse it: it is brought into range.
    pub fn from_inner(text: &[u8]) -> Result<Self> {
        let text = inner(text, Limits::ANSWER)?;
        let members = text.members();
        Ok(Self {
            source_id: members.entity("sourceId")?,
            source_name: members.filled_text("sourceName")?.unwrap_or_default(),
            vouchers: members.list("vouchers", RedeemedVoucher::read)?,
        })
    }
}

impl RedeemedVoucher {
    fn read(members: Members<'_>) -> Result<Self> {
        let coordinate = |name, limit: f64| {
            let number = members.optional_number(name).ok().flatten();
            number.unwrap_or(0.0).clamp(-limit, limit)
        };
        let (latitude, longitude) = (coordinate("latitude", 90.0), coordinate("longitude", 180.0));
        Ok(Self {
            id: members.voucher_id().map_err(|_| payload_fault())?,
            secret: members.secret()?,
            aim: members.optional_text("aim")?.unwrap_or_default().to_owned(),
            position: Position::new(latitude, longitude).unwrap_or(Position::ZERO),
            timestamp: members
                .optional_timestamp("timestamp")
                .ok()
                .flatten()
                .unwrap_or(Timestamp::EPOCH),
        })
    }
}
