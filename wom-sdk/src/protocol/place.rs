//! Where a voucher was earned.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Error, Kind, Result};

/// A place on earth in degrees (WGS 84): latitude from -90 to 90, longitude from -180 to 180.
///
/// ```
/// use wom_sdk::protocol::Position;
///
/// let urbino: Position = "43.72,12.63".parse()?;
/// assert_eq!(urbino, Position::new(43.72, 12.63)?);
/// assert!(Position::new(91.0, 0.0).is_err());
/// # Ok::<(), wom_sdk::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Position {
    latitude: f64,
    longitude: f64,
}

impl Position {
    /// The point where the equator meets the meridian of Greenwich: what the protocol sends where
    /// there is no place.
    pub const ZERO: Self = Self {
        latitude: 0.0,
        longitude: 0.0,
    };

    /// A place by latitude and longitude in degrees; not a number and values out of range are
    /// refused.
    pub fn new(latitude: f64, longitude: f64) -> Result<Self> {
        if !(-90.0..=90.0).contains(&latitude) {
            return Err(out_of_range("latitude", "-90 to 90"));
        }
        if !(-180.0..=180.0).contains(&longitude) {
            return Err(out_of_range("longitude", "-180 to 180"));
        }
        // Adding zero turns -0 into 0: one place has one spelling.
        Ok(Self {
            latitude: latitude + 0.0,
            longitude: longitude + 0.0,
        })
    }

    /// Degrees north of the equator.
    pub fn latitude(self) -> f64 {
        self.latitude
    }

    /// Degrees east of Greenwich.
    pub fn longitude(self) -> f64 {
        self.longitude
    }
}

/// Latitude, comma, longitude.
impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Pair {
            latitude: f64,
            longitude: f64,
        }
        let Pair {
            latitude,
            longitude,
        } = Pair::deserialize(deserializer)?;
        Self::new(latitude, longitude).map_err(serde::de::Error::custom)
    }
}

impl FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |text: &str| text.trim().parse::<f64>().ok();
        let Some((latitude, longitude)) = text
            .split_once(',')
            .and_then(|(latitude, longitude)| Some((number(latitude)?, number(longitude)?)))
        else {
            return Err(Error::new(Kind::InputInvalid, "not a place")
                .hint("write latitude and longitude in degrees, such as 43.72,12.63"));
        };
        Self::new(latitude, longitude)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.latitude, self.longitude)
    }
}

fn out_of_range(what: &'static str, range: &'static str) -> Error {
    Error::new(Kind::InputInvalid, "a coordinate is out of range")
        .with("coordinate", what)
        .hint(format!("{what} goes from {range} degrees"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_are_inside_and_nothing_beyond_or_unreal() {
        for (latitude, longitude) in [(90.0, 180.0), (-90.0, -180.0), (0.0, 0.0)] {
            assert!(Position::new(latitude, longitude).is_ok());
        }
        for (latitude, longitude) in [
            (90.000_1, 0.0),
            (0.0, -180.000_1),
            (f64::NAN, 0.0),
            (0.0, f64::INFINITY),
        ] {
            let error = Position::new(latitude, longitude).unwrap_err();
            assert_eq!(error.kind(), Kind::InputInvalid);
        }
    }

    #[test]
    fn text_needs_two_numbers() {
        for text in ["", "43.72", "43.72;12.63", "a,b", "NaN,1", "91,0"] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
        assert_eq!("-0,0".parse::<Position>().unwrap().to_string(), "0,0");
    }
}
