//! Vouchers come into being in one call, by whoever has an API key: plain JSON both ways.

use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    CreationMode, ReceivedSpecification, VoucherSpecification, check_total,
    generation::check_received, outer, write,
};
use crate::{
    Result, Timestamp,
    protocol::{Aim, json::Limits},
};

/// A source asks for vouchers in one call (WOM protocol, POST v1/source/{id}/vouchers).
///
/// ```
/// use wom_sdk::protocol::message::{IssueReceived, IssueRequest, VoucherSpecification};
///
/// let vouchers = vec![VoucherSpecification::new(
///     "H".parse()?,
///     Some("43.72,12.63".parse()?),
///     "2026-03-01T10:00:00Z".parse()?,
///     27,
/// )?];
/// let request = IssueRequest::new(vouchers)?;
/// let received = IssueReceived::from_outer(request.to_json().as_bytes())?;
/// assert_eq!(received.check()?, request.vouchers());
/// # Ok::<(), wom_sdk::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct IssueRequest {
    vouchers: Vec<VoucherSpecification>,
    total: u32,
}

impl IssueRequest {
    /// A request for at least one voucher, within the limits of
    /// [`MAX_SPECIFICATIONS`](super::MAX_SPECIFICATIONS) and [`MAX_COUNT`](super::MAX_COUNT).
    pub fn new(vouchers: Vec<VoucherSpecification>) -> Result<Self> {
        let total = check_total(&vouchers)?;
        Ok(Self { vouchers, total })
    }

    /// What is asked for.
    pub fn vouchers(&self) -> &[VoucherSpecification] {
        &self.vouchers
    }

    /// How many vouchers in all.
    pub fn total(&self) -> u32 {
        self.total
    }

    /// The body.
    pub fn to_json(&self) -> Zeroizing<String> {
        #[derive(Serialize)]
        struct Wire {
            vouchers: Vec<Specification>,
        }
        write(&Wire {
            vouchers: self.vouchers.iter().map(Specification::of).collect(),
        })
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Specification {
    count: u32,
    aim: Aim,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location>,
    timestamp: Timestamp,
    creation_mode: CreationMode,
}

#[derive(Serialize)]
struct Location {
    latitude: f64,
    longitude: f64,
}

impl Specification {
    fn of(voucher: &VoucherSpecification) -> Self {
        Self {
            count: voucher.count(),
            aim: voucher.aim,
            location: voucher.position.map(|position| Location {
                latitude: position.latitude(),
                longitude: position.longitude(),
            }),
            timestamp: voucher.timestamp,
            creation_mode: voucher.creation_mode(),
        }
    }
}

/// A request of one call as a Registry receives it: well formed, and not yet judged.
#[derive(Clone, Debug)]
pub struct IssueReceived {
    /// What is asked for.
    pub vouchers: Vec<ReceivedSpecification>,
}

impl IssueReceived {
    /// Reads a body of at most 1 MiB.
    pub fn from_outer(body: &[u8]) -> Result<Self> {
        let body = outer(body, Limits::default())?;
        let vouchers = body
            .members()
            .list("vouchers", ReceivedSpecification::read_plain)?;
        Ok(Self { vouchers })
    }

    /// The specifications, if all are acceptable and so is their total;
    /// [`ParameterRefused`](crate::Kind::ParameterRefused) or
    /// [`LimitExceeded`](crate::Kind::LimitExceeded) otherwise.
    pub fn check(&self) -> Result<Vec<VoucherSpecification>> {
        check_received(&self.vouchers)
    }
}
