//! What vouchers a source asks for.

use serde::Serialize;

use super::{MAX_COUNT, MAX_SPECIFICATIONS, choice, refused};
use crate::{
    Error, Kind, Result, Timestamp,
    protocol::{Aim, Position, json::Members},
};

/// Where vouchers get their place from.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub enum CreationMode {
    /// The source gives it.
    #[default]
    Standard,
    /// It is where the person redeems them.
    SetLocationOnRedeem,
}

impl CreationMode {
    const NAMES: [(&'static str, Self); 2] = [
        ("Standard", Self::Standard),
        ("SetLocationOnRedeem", Self::SetLocationOnRedeem),
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "Standard",
            Self::SetLocationOnRedeem => "SetLocationOnRedeem",
        }
    }
}

/// Vouchers to be made, alike in all but their number.
#[derive(Clone, Debug, PartialEq)]
pub struct VoucherSpecification {
    /// What they were earned for.
    pub aim: Aim,
    /// Where they were earned; none if that is to be where the person redeems them.
    pub position: Option<Position>,
    /// When they were earned.
    pub timestamp: Timestamp,
    count: u32,
}

impl VoucherSpecification {
    /// So many vouchers, 1 to [`MAX_COUNT`]; each is worth one minute.
    pub fn new(
        aim: Aim,
        position: Option<Position>,
        timestamp: Timestamp,
        count: u32,
    ) -> Result<Self> {
        if count == 0 || count > MAX_COUNT {
            return Err(
                Error::new(Kind::InputInvalid, "the number of vouchers is out of range")
                    .with("count", count)
                    .hint(format!("ask for 1 to {MAX_COUNT}")),
            );
        }
        Ok(Self {
            aim,
            position,
            timestamp,
            count,
        })
    }

    /// How many vouchers.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Where the vouchers get their place from.
    pub fn creation_mode(&self) -> CreationMode {
        match self.position {
            Some(_) => CreationMode::Standard,
            None => CreationMode::SetLocationOnRedeem,
        }
    }

    pub(super) fn wire(&self) -> WireSpecification {
        // Zeros where the place comes later: older servers require the members.
        let position = self.position.unwrap_or(Position::ZERO);
        WireSpecification {
            aim: self.aim,
            latitude: position.latitude(),
            longitude: position.longitude(),
            timestamp: self.timestamp,
            count: self.count,
            creation_mode: self.creation_mode(),
        }
    }
}

/// How many vouchers the specifications ask for in all, from 1 to [`MAX_COUNT`]; at most
/// [`MAX_SPECIFICATIONS`] of them.
pub(super) fn check_total(vouchers: &[VoucherSpecification]) -> Result<u32> {
    if vouchers.is_empty() {
        return Err(Error::new(Kind::InputInvalid, "no vouchers are asked for"));
    }
    if vouchers.len() > MAX_SPECIFICATIONS {
        return Err(Error::new(
            Kind::LimitExceeded,
            "too many voucher specifications at once",
        )
        .with("limit", MAX_SPECIFICATIONS)
        .hint("ask in several requests"));
    }
    let total = vouchers
        .iter()
        .fold(0_u32, |sum, each| sum.saturating_add(each.count));
    if total > MAX_COUNT {
        return Err(Error::new(Kind::LimitExceeded, "too many vouchers at once")
            .with("limit", MAX_COUNT)
            .hint("ask in several requests"));
    }
    Ok(total)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireSpecification {
    aim: Aim,
    latitude: f64,
    longitude: f64,
    timestamp: Timestamp,
    count: u32,
    creation_mode: CreationMode,
}

/// A specification as it was received: well formed, and not yet judged.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedSpecification {
    /// The aim's code, any text.
    pub aim: String,
    /// Degrees, any number; 0 if absent.
    pub latitude: f64,
    /// Degrees, any number; 0 if absent.
    pub longitude: f64,
    /// When the vouchers were earned, if the sender says so.
    pub timestamp: Option<Timestamp>,
    /// How many, any number; 1 if absent.
    pub count: i64,
    /// Where the vouchers get their place from.
    pub creation_mode: CreationMode,
}

impl ReceivedSpecification {
    /// The specification, if every value is acceptable;
    /// [`ParameterRefused`](Kind::ParameterRefused) names the first that is not. Whether the aim
    /// is known, and allowed to the source, is for the caller to say.
    pub fn check(&self) -> Result<VoucherSpecification> {
        let aim = self
            .aim
            .parse()
            .map_err(|_| refused("aim", "the aim is malformed"))?;
        let position = Position::new(self.latitude, self.longitude)
            .map_err(|_| refused("latitude, longitude", "the place is out of range"))?;
        let Some(timestamp) = self.timestamp else {
            return Err(refused("timestamp", "the time is missing"));
        };
        let position = match self.creation_mode {
            CreationMode::Standard => Some(position),
            CreationMode::SetLocationOnRedeem => None,
        };
        let count = u32::try_from(self.count).unwrap_or(0);
        VoucherSpecification::new(aim, position, timestamp, count)
            .map_err(|_| refused("count", "the number of vouchers is out of range"))
    }

    /// As it stands in a sealed text.
    pub(super) fn read(members: Members<'_>) -> Result<Self> {
        let latitude = members.optional_number("latitude")?.unwrap_or(0.0);
        let longitude = members.optional_number("longitude")?.unwrap_or(0.0);
        Self::with(members, latitude, longitude, 1)
    }

    /// As it stands in a plain body: the place is an object, and the count has no default.
    pub(super) fn read_plain(members: Members<'_>) -> Result<Self> {
        let location = members.optional_object("location")?;
        let Some(location) = location.map(|map| Members::new(map, members.layer())) else {
            let received = Self::with(members, 0.0, 0.0, 0)?;
            return match received.creation_mode {
                CreationMode::SetLocationOnRedeem => Ok(received),
                CreationMode::Standard => Err(refused("location", "the place is missing")),
            };
        };
        let (latitude, longitude) = (location.number("latitude")?, location.number("longitude")?);
        Self::with(members, latitude, longitude, 0)
    }

    fn with(
        members: Members<'_>,
        latitude: f64,
        longitude: f64,
        count_if_absent: i64,
    ) -> Result<Self> {
        let creation_mode = members
            .find("creationMode")
            .map(|mode| choice(mode, members.layer(), &CreationMode::NAMES))
            .transpose()?;
        Ok(Self {
            aim: members.text("aim")?.to_owned(),
            latitude,
            longitude,
            timestamp: members.optional_timestamp("timestamp")?,
            count: members
                .optional_integer("count")?
                .unwrap_or(count_if_absent),
            creation_mode: creation_mode.unwrap_or_default(),
        })
    }
}
