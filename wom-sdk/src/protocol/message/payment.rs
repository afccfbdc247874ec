//! Vouchers are spent: register, info, confirm, status. Verify is as in create.

use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    MAX_AMOUNT,
    generation::{WireAnswer, foreign_pin},
    inner, refused, write,
};
use crate::{
    Result, Timestamp,
    protocol::{
        Filter, LinkText, Otc, Pin, PosId, SessionKey, VoucherId, VoucherSecret,
        json::{Layer, Limits, Members},
        payload_fault,
    },
};

/// A POS asks for a payment (register, to the Registry).
#[derive(Clone, Debug, PartialEq)]
pub struct RegisterRequest {
    /// The POS that asks; the body repeats it.
    pub pos_id: PosId,
    /// The nonce; the body repeats it, and the answer echoes it.
    pub nonce: String,
    /// The PIN that the POS wishes; without one the Registry makes one. See [`Pin::acceptable`].
    pub password: Option<Pin>,
    /// How many vouchers, 1 to [`MAX_AMOUNT`].
    pub amount: u32,
    /// Which vouchers are taken.
    pub filter: Option<Filter>,
    /// Where the wallet goes after paying.
    pub pocket_ack_url: Option<String>,
    /// Stored for the POS; a Registry does not call it.
    pub pos_ack_url: Option<String>,
    /// Whether it may be paid any number of times.
    pub persistent: bool,
}

impl RegisterRequest {
    /// The text to seal for the Registry.
    pub fn to_json(&self) -> Zeroizing<String> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            pos_id: &'a PosId,
            nonce: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            password: Option<&'a str>,
            amount: u32,
            #[serde(skip_serializing_if = "Option::is_none")]
            simple_filter: Option<&'a Filter>,
            // Older servers require it: an empty text means none.
            pocket_ack_url: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            pos_ack_url: Option<&'a str>,
            persistent: bool,
        }
        write(&Wire {
            pos_id: &self.pos_id,
            nonce: &self.nonce,
            password: self.password.as_ref().map(Pin::reveal),
            amount: self.amount,
            simple_filter: self.filter.as_ref(),
            pocket_ack_url: self.pocket_ack_url.as_deref().unwrap_or_default(),
            pos_ack_url: self.pos_ack_url.as_deref(),
            persistent: self.persistent,
        })
    }

    /// Reads the text that was sealed. An amount out of range, or a filter that is none, is
    /// [`ParameterRefused`](crate::Kind::ParameterRefused).
    pub fn from_inner(text: &[u8]) -> Result<Self> {
        let text = inner(text, Limits::default())?;
        let members = text.members();
        let amount = members.integer("amount")?;
        let request = Self {
            pos_id: members.entity("posId")?,
            nonce: members.nonce()?,
            password: members.optional_pin()?,
            amount: u32::try_from(amount).unwrap_or(0),
            filter: None,
            pocket_ack_url: members.filled_text("pocketAckUrl")?,
            pos_ack_url: members.filled_text("posAckUrl")?,
            persistent: members.optional_boolean("persistent")?.unwrap_or(false),
        };
        if !(1..=MAX_AMOUNT).contains(&request.amount) {
            return Err(refused("amount", "the amount is out of range"));
        }
        let filter =
            filter(members).map_err(|_| refused("simpleFilter", "the filter is not one"))?;
        Ok(Self { filter, ..request })
    }
}

/// The Registry's answer to register, sealed for the POS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegisterAnswer {
    /// The Registry's address; empty if it does not tell.
    pub registry_url: String,
    /// The request's nonce: the POS must compare it.
    pub nonce: String,
    /// The code to verify, and then to show.
    pub otc: Otc,
    /// The PIN to show with it.
    pub password: Pin,
    /// The link to show; older Registries leave it to the POS.
    pub link: Option<LinkText>,
}

impl RegisterAnswer {
    /// The text to seal for the POS.
    pub fn to_json(&self) -> Zeroizing<String> {
        write(&WireAnswer {
            registry_url: &self.registry_url,
            nonce: &self.nonce,
            otc: Zeroizing::new(self.otc.reveal()).as_str(),
            password: self.password.reveal(),
            link: self.link.as_ref().map(LinkText::reveal),
            count: None,
        })
    }

    /// Reads the text that was sealed.
    pub fn from_inner(text: &[u8]) -> Result<Self> {
        let text = inner(text, Limits::default())?;
        let members = text.members();
        Ok(Self {
            registry_url: members.filled_text("registryUrl")?.unwrap_or_default(),
            nonce: members.nonce()?,
            otc: members.otc()?,
            password: foreign_pin(members)?,
            link: members.filled_text("link")?.map(LinkText::from),
        })
    }
}

/// A wallet asks what a code stands for (info, to the Registry).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InfoRequest {
    /// The code.
    pub otc: Otc,
    /// The PIN that the person typed.
    pub password: Pin,
    /// The key for the answer.
    pub session_key: SessionKey,
}

impl InfoRequest {
    /// The text to seal for the Registry.
    pub fn to_json(&self) -> Zeroizing<String> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            otc: &'a str,
            password: &'a str,
            session_key: &'a str,
        }
        write(&Wire {
            otc: Zeroizing::new(self.otc.reveal()).as_str(),
            password: self.password.reveal(),
            session_key: &self.session_key.reveal(),
        })
    }

    /// Reads the text that was sealed. A session key of another length is
    /// [`ParameterRefused`](crate::Kind::ParameterRefused).
    pub fn from_inner(text: &[u8]) -> Result<Self> {
        let text = inner(text, Limits::default())?;
        let members = text.members();
        Ok(Self {
            otc: members.otc()?,
            password: members.pin()?,
            session_key: members.session_key()?,
        })
    }
}

/// The Registry's answer to info, under the wallet's session key.
#[derive(Clone, Debug, PartialEq)]
pub struct InfoAnswer {
    /// The POS that asks for the payment.
    pub pos_id: PosId,
    /// The POS's name.
    pub pos_name: String,
    /// How many vouchers.
    pub amount: u32,
    /// Which vouchers are taken.
    pub filter: Option<Filter>,
    /// Whether it may be paid any number of times.
    pub persistent: bool,
}

impl InfoAnswer {
    /// The text to seal for the wallet.
    pub fn to_json(&self) -> Zeroizing<String> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            pos_id: &'a PosId,
            pos_name: &'a str,
            amount: u32,
            #[serde(skip_serializing_if = "Option::is_none")]
            simple_filter: Option<&'a Filter>,
            persistent: bool,
        }
        write(&Wire {
            pos_id: &self.pos_id,
            pos_name: &self.pos_name,
            amount: self.amount,
            simple_filter: self.filter.as_ref(),
            persistent: self.persistent,
        })
    }

    /// Reads the text that was sealed.
    pub fn from_inner(text: &[u8]) -> Result<Self> {
        let text = inner(text, Limits::default())?;
        let members = text.members();
        Ok(Self {
            pos_id: members.entity("posId")?,
            pos_name: members.filled_text("posName")?.unwrap_or_default(),
            amount: members
                .integer("amount")?
                .try_into()
                .map_err(|_| payload_fault())?,
            filter: filter(members)?,
            persistent: members.optional_boolean("persistent")?.unwrap_or(false),
        })
    }
}

/// A wallet pays (confirm, to the Registry).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfirmRequest {
    /// The code.
    pub otc: Otc,
    /// The PIN that the person typed.
    pub password: Pin,
    /// The key for the answer.
    pub session_key: SessionKey,
    /// As many vouchers as the payment's amount.
    pub vouchers: Vec<SpentVoucher>,
}

/// A voucher as a wallet spends it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SpentVoucher {
    /// The voucher's id.
    pub id: VoucherId,
    /// What proves possession of it.
    pub secret: VoucherSecret,
}

impl ConfirmRequest {
    /// The text to seal for the Registry.
    pub fn to_json(&self) -> Zeroizing<String> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            otc: &'a str,
            password: &'a str,
            session_key: &'a str,
            vouchers: Vec<WireVoucher<'a>>,
        }
        #[derive(Serialize)]
        struct WireVoucher<'a> {
            id: &'a VoucherId,
            secret: &'a str,
        }
        let vouchers = self.vouchers.iter().map(|voucher| WireVoucher {
            id: &voucher.id,
            secret: voucher.secret.reveal(),
        });
        write(&Wire {
            otc: Zeroizing::new(self.otc.reveal()).as_str(),
            password: self.password.reveal(),
            session_key: &self.session_key.reveal(),
            vouchers: vouchers.collect(),
        })
    }

    /// Reads the text that was sealed. A session key of another length, or a voucher id that is
    /// none, is [`ParameterRefused`](crate::Kind::ParameterRefused).
    pub fn from_inner(text: &[u8]) -> Result<Self> {
        let text = inner(text, Limits::default())?;
        let members = text.members();
        let (otc, password) = (members.otc()?, members.pin()?);
        Ok(Self {
            otc,
            password,
            vouchers: members.list("vouchers", |voucher| {
                Ok(SpentVoucher {
                    secret: voucher.secret()?,
                    id: voucher.voucher_id()?,
                })
            })?,
            session_key: members.session_key()?,
        })
    }
}

/// The Registry's answer to confirm, under the wallet's session key.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConfirmAnswer {
    /// Where the wallet goes now.
    pub ack_url: Option<String>,
}

impl ConfirmAnswer {
    /// The text to seal for the wallet.
    pub fn to_json(&self) -> Zeroizing<String> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            ack_url: Option<&'a str>,
        }
        write(&Wire {
            ack_url: self.ack_url.as_deref(),
        })
    }

    /// Reads the text that was sealed.
    pub fn from_inner(text: &[u8]) -> Result<Self> {
        let text = inner(text, Limits::default())?;
        let ack_url = text.members().filled_text("ackUrl")?;
        Ok(Self { ack_url })
    }
}

/// A POS asks whether a payment was made (status, to the Registry).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StatusRequest {
    /// The POS that asks; the body repeats it.
    pub pos_id: PosId,
    /// The code of the payment.
    pub otc: Otc,
}

impl StatusRequest {
    /// The text to seal for the Registry.
    pub fn to_json(&self) -> Zeroizing<String> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            pos_id: &'a PosId,
            otc: &'a str,
        }
        write(&Wire {
            pos_id: &self.pos_id,
            otc: Zeroizing::new(self.otc.reveal()).as_str(),
        })
    }

    /// Reads the text that was sealed.
    pub fn from_inner(text: &[u8]) -> Result<Self> {
        let text = inner(text, Limits::default())?;
        let members = text.members();
        Ok(Self {
            pos_id: members.entity("posId")?,
            otc: members.otc()?,
        })
    }
}

/// The Registry's answer to status, sealed for the POS.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StatusAnswer {
    /// Whether it may be paid any number of times.
    pub persistent: bool,
    /// Whether it was paid at all.
    pub has_been_performed: bool,
    /// When it was paid, each time.
    pub confirmations: Vec<Timestamp>,
}

impl StatusAnswer {
    /// The text to seal for the POS.
    pub fn to_json(&self) -> Zeroizing<String> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            persistent: bool,
            has_been_performed: bool,
            confirmations: Vec<Confirmation>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Confirmation {
            performed_at: Timestamp,
        }
        let confirmations = self
            .confirmations
            .iter()
            .map(|&performed_at| Confirmation { performed_at });
        write(&Wire {
            persistent: self.persistent,
            has_been_performed: self.has_been_performed,
            confirmations: confirmations.collect(),
        })
    }

    /// Reads the text that was sealed.
    pub fn from_inner(text: &[u8]) -> Result<Self> {
        let text = inner(text, Limits::ANSWER)?;
        let members = text.members();
        let confirmations = match members.find("confirmations") {
            Some(_) => members.list("confirmations", |confirmation| {
                confirmation
                    .optional_timestamp("performedAt")?
                    .ok_or_else(payload_fault)
            })?,
            None => Vec::new(),
        };
        Ok(Self {
            persistent: members.optional_boolean("persistent")?.unwrap_or(false),
            has_been_performed: members
                .optional_boolean("hasBeenPerformed")?
                .unwrap_or(!confirmations.is_empty()),
            confirmations,
        })
    }
}

fn filter(members: Members<'_>) -> Result<Option<Filter>> {
    members
        .optional_object("simpleFilter")?
        .map(|filter| Filter::from_json(filter, Layer::Inner))
        .transpose()
}
