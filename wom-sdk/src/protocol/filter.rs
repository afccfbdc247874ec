//! Which vouchers a payment takes.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{
    Aim, Position,
    json::{self, Layer, Limits, Members},
};
use crate::{Error, Kind, Result, Timestamp};

const DAY_MS: i64 = 86_400_000;

/// Which vouchers a payment takes: by aim, place and age. Parts that are absent take all, except
/// that vouchers for demonstrations pass only where the aim names them.
///
/// A filter read from the wire may be anything that the protocol allows; one that we send is
/// [`checked`](Self::checked) first.
///
/// ```
/// use wom_sdk::protocol::{Bounds, Filter, Position};
///
/// let filter = Filter::default()
///     .aim("H".parse()?)
///     .bounds(Bounds::new(Position::new(46.0, -17.0)?, Position::new(12.0, 160.0)?)?)
///     .max_age_days(14)?;
/// let now = "2026-03-15T12:00:00Z".parse()?;
/// let earned = "2026-03-10T12:00:00Z".parse()?;
/// assert!(filter.accepts("HE", Position::new(43.72, 12.63)?, earned, now));
/// assert!(!filter.accepts("C", Position::new(43.72, 12.63)?, earned, now));
/// # Ok::<(), wom_sdk::Error>(())
/// ```
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Filter {
    #[serde(skip_serializing_if = "Option::is_none")]
    aim: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bounds: Option<Bounds>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "maxAge")]
    max_age: Option<i64>,
}

impl Filter {
    /// Takes only vouchers of this aim and its children.
    #[must_use]
    pub fn aim(mut self, aim: Aim) -> Self {
        self.aim = Some(aim.code().to_owned());
        self
    }

    /// Takes only vouchers earned within these bounds, edges included.
    #[must_use]
    pub fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = Some(bounds);
        self
    }

    /// Takes only vouchers earned at most so many days of 24 hours ago, from 1.
    pub fn max_age_days(mut self, days: u32) -> Result<Self> {
        if days == 0 {
            return Err(Error::new(
                Kind::InputInvalid,
                "a greatest age of 0 days would refuse every voucher",
            ));
        }
        self.max_age = Some(days.into());
        Ok(self)
    }

    /// The text that a voucher's aim must start with; empty takes all, demonstrations included.
    pub fn aim_prefix(&self) -> Option<&str> {
        self.aim.as_deref()
    }

    /// The bounds, if any.
    pub fn within(&self) -> Option<Bounds> {
        self.bounds
    }

    /// The greatest age in days of 24 hours, if any.
    pub fn max_age(&self) -> Option<i64> {
        self.max_age
    }

    /// Whether no part is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a voucher of this aim, place and time passes: the rule by which a Registry judges a
    /// payment, and by which a wallet chooses (WOM protocol, payment/confirm).
    pub fn accepts(
        &self,
        aim: &str,
        position: Position,
        earned: Timestamp,
        now: Timestamp,
    ) -> bool {
        self.accepts_aim(aim)
            && self.bounds.is_none_or(|bounds| bounds.contains(position))
            && self
                .max_age
                .is_none_or(|days| now.since(earned) <= days.saturating_mul(DAY_MS))
    }

    /// This filter, if it is one to send: a known aim, a band of latitudes that is not upside down,
    /// an age of at least a day.
    pub fn checked(self) -> Result<Self> {
        if let Some(aim) = &self.aim {
            let aim: Aim = aim.parse()?;
            if aim.known().is_none() {
                return Err(
                    Error::new(Kind::InputInvalid, "the filter names an unknown aim")
                        .with("aim", aim),
                );
            }
        }
        if let Some(bounds) = self.bounds {
            Bounds::new(bounds.left_top, bounds.right_bottom)?;
        }
        if self.max_age.is_some_and(|days| days < 1) {
            return Err(Error::new(
                Kind::InputInvalid,
                "the filter's greatest age is less than a day",
            ));
        }
        Ok(self)
    }

    /// Reads a filter from its JSON text, as tolerantly as from a payload: what a Registry or a
    /// wallet stored.
    pub fn parse(text: &str) -> Result<Self> {
        let document = json::object(text.as_bytes(), Layer::Inner, Limits::default())?;
        Self::from_json(document.as_map(), Layer::Inner)
    }

    /// Reads a filter, tolerantly, from what a payload holds for it.
    pub(super) fn from_json(value: &Map<String, Value>, layer: Layer) -> Result<Self> {
        let members = Members::new(value, layer);
        Ok(Self {
            aim: members.optional_text("aim")?.map(ToOwned::to_owned),
            bounds: members
                .optional_object("bounds")?
                .map(|bounds| Bounds::from_json(bounds, layer))
                .transpose()?,
            max_age: members.optional_integer("maxAge")?,
        })
    }

    fn accepts_aim(&self, aim: &str) -> bool {
        match &self.aim {
            Some(prefix) => aim.starts_with(prefix.as_str()),
            None => !aim.starts_with('0'),
        }
    }
}

/// A box on the map: its north-west and south-east corners, edges included. It may cross the
/// antimeridian: then the west edge has the greater longitude.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bounds {
    #[serde(serialize_with = "pair", deserialize_with = "from_pair")]
    left_top: Position,
    #[serde(serialize_with = "pair", deserialize_with = "from_pair")]
    right_bottom: Position,
}

impl Bounds {
    /// The box between the north-west and the south-east corner. The first must lie north of the
    /// second, and not on its meridian: such boxes mean something else in the protocol.
    pub fn new(north_west: Position, south_east: Position) -> Result<Self> {
        if north_west.latitude() <= south_east.latitude() {
            return Err(Error::new(
                Kind::InputInvalid,
                "the north-west corner of the bounds does not lie north of the south-east corner",
            ));
        }
        if north_west.longitude() == south_east.longitude() {
            return Err(Error::new(
                Kind::InputInvalid,
                "the bounds have no width; the protocol would take that for the whole world",
            ));
        }
        Ok(Self {
            left_top: north_west,
            right_bottom: south_east,
        })
    }

    /// The north-west corner.
    pub fn north_west(self) -> Position {
        self.left_top
    }

    /// The south-east corner.
    pub fn south_east(self) -> Position {
        self.right_bottom
    }

    /// Whether the place lies inside or on an edge, by the protocol's rule: latitudes the wrong
    /// way round mean "outside the band", equal ones everything.
    pub fn contains(self, position: Position) -> bool {
        let (y, x) = (position.latitude(), position.longitude());
        let (top, left) = (self.left_top.latitude(), self.left_top.longitude());
        let (bottom, right) = (self.right_bottom.latitude(), self.right_bottom.longitude());
        let in_latitude = if top > bottom {
            bottom <= y && y <= top
        } else {
            y <= top || y >= bottom
        };
        let in_longitude = if left < right {
            left <= x && x <= right
        } else {
            x >= left || x <= right
        };
        in_latitude && in_longitude
    }

    fn from_json(value: &Map<String, Value>, layer: Layer) -> Result<Self> {
        let members = Members::new(value, layer);
        let corner = |name| {
            let pair = members.required_array(name)?;
            match pair {
                [latitude, longitude, ..] => {
                    Position::new(layer.number(latitude)?, layer.number(longitude)?)
                        .map_err(|_| layer.fault())
                }
                _ => Err(layer.fault()),
            }
        };
        Ok(Self {
            left_top: corner("leftTop")?,
            right_bottom: corner("rightBottom")?,
        })
    }
}

fn from_pair<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Position, D::Error> {
    let [latitude, longitude] = <[f64; 2]>::deserialize(deserializer)?;
    Position::new(latitude, longitude).map_err(serde::de::Error::custom)
}

fn pair<S: serde::Serializer>(position: &Position, serializer: S) -> Result<S::Ok, S::Error> {
    (position.latitude(), position.longitude()).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude: f64, longitude: f64) -> Position {
        Position::new(latitude, longitude).unwrap()
    }

    #[test]
    fn what_we_send_is_not_upside_down_empty_or_ageless() {
        assert!(Bounds::new(at(5.0, 0.0), at(15.0, 10.0)).is_err());
        assert!(Bounds::new(at(5.0, 0.0), at(5.0, 10.0)).is_err());
        assert!(Bounds::new(at(15.0, 1.0), at(5.0, 1.0)).is_err());
        assert!(Bounds::new(at(15.0, 170.0), at(5.0, -170.0)).is_ok());
        assert!(Filter::default().max_age_days(0).is_err());
        assert!(
            Filter::default()
                .aim("QQ".parse().unwrap())
                .checked()
                .is_err()
        );
        assert!(Filter::default().aim(Aim::DEMO).checked().is_ok());
    }

    #[test]
    fn the_wire_form_has_latitude_first_and_no_nulls() {
        let filter = Filter::default()
            .aim("H".parse().unwrap())
            .bounds(Bounds::new(at(46.0, -17.0), at(12.0, 160.0)).unwrap())
            .max_age_days(14)
            .unwrap();
        assert_eq!(
            serde_json::to_string(&filter).unwrap(),
            r#"{"aim":"H","bounds":{"leftTop":[46.0,-17.0],"rightBottom":[12.0,160.0]},"maxAge":14}"#
        );
        assert_eq!(serde_json::to_string(&Filter::default()).unwrap(), "{}");
    }
}
