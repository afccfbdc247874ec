//! Places, as callers write them.

use serde::Deserialize;
use utoipa::ToSchema;
use wom_sdk::{Result, protocol::Position};

/// A place on earth.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Place {
    /// Degrees WGS 84.
    #[schema(minimum = -90, maximum = 90)]
    latitude: f64,
    /// Degrees WGS 84.
    #[schema(minimum = -180, maximum = 180)]
    longitude: f64,
}

impl Place {
    pub(crate) fn position(&self) -> Result<Position> {
        Position::new(self.latitude, self.longitude)
    }
}
