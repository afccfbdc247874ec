//! What is stored sealed: the ticket, and whom to hand it to.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::Ticket;
use crate::{Error, Kind, Result, protocol::Pin};

/// The word by which an embedder knows whom to hand an award to: an account number, a push token.
/// It says nothing to us; it is stored sealed, goes out with the claim, and is printed redacted.
#[derive(Clone, Eq, PartialEq, Zeroize, ZeroizeOnDrop)]
pub struct Handle(String);

impl Handle {
    /// A handle of 1 to 1,024 bytes.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        if text.is_empty() || text.len() > 1_024 {
            return Err(Error::new(
                Kind::InputInvalid,
                "a delivery handle has 1 to 1,024 bytes",
            ));
        }
        Ok(Self(text))
    }

    /// The word as it was given.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle(redacted)")
    }
}

/// What of a record is sealed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Secrets {
    pub(crate) ticket: Option<Ticket>,
    pub(crate) handle: Option<Handle>,
}

impl Secrets {
    pub(crate) fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>> {
        let ticket = self.ticket.as_ref().map(|ticket| PlainTicket {
            otc: ticket.otc.reveal(),
            pin: ticket.pin.reveal().to_owned(),
            link: ticket.link.reveal().to_owned(),
            minutes: ticket.minutes,
        });
        let handle = self.handle.as_ref().map(|handle| handle.0.clone());
        serde_json::to_vec(&Plain { ticket, handle })
            .map(Zeroizing::new)
            .map_err(|_| Error::new(Kind::Internal, "cannot write a ticket"))
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let failed = || Error::new(Kind::StorageFailed, "a sealed record is damaged");
        let plain: Plain = serde_json::from_slice(bytes).map_err(|_| failed())?;
        let ticket = plain.ticket.as_ref().map(|ticket| {
            Ok::<_, Error>(Ticket {
                otc: ticket.otc.parse().map_err(|_| failed())?,
                pin: Pin::from_registry(&ticket.pin).map_err(|_| failed())?,
                link: ticket.link.clone().into(),
                minutes: ticket.minutes,
            })
        });
        Ok(Self {
            ticket: ticket.transpose()?,
            handle: plain.handle.clone().map(Handle),
        })
    }
}

#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
struct Plain {
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<PlainTicket>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handle: Option<String>,
}

#[derive(Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
struct PlainTicket {
    otc: String,
    pin: String,
    link: String,
    minutes: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Otc;

    #[test]
    fn secrets_read_as_they_were_written_and_print_nothing() {
        let ticket = Ticket {
            otc: Otc::random(),
            pin: Pin::random(),
            link: "https://link.wom.social/vouchers/x".to_owned().into(),
            minutes: 30,
        };
        let handle = Handle::new("shop-7").unwrap();
        for (ticket, handle) in [
            (None, None),
            (Some(ticket.clone()), None),
            (None, Some(handle.clone())),
            (Some(ticket), Some(handle)),
        ] {
            let secrets = Secrets { ticket, handle };
            let bytes = secrets.to_bytes().unwrap();
            assert_eq!(Secrets::from_bytes(&bytes).unwrap(), secrets);
            let printed = format!("{secrets:?}");
            assert!(!printed.contains("shop-7") && !printed.contains("vouchers/x"));
        }
    }
}
