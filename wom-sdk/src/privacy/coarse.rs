//! Coarse places: the centre of a cell of about 5 km.

use serde::{Deserialize, Serialize};

use crate::protocol::Position;

/// How exactly vouchers tell where and when.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Precision {
    /// The first instant of the day, and the centre of a cell of about 5 km.
    #[default]
    Standard,
    /// As given. Together with other records this can name a person: say why you need it.
    Exact,
}

/// Height of a cell in degrees of latitude: 5.6 km.
const CELL: f64 = 0.05;

/// The centre of the cell that a position lies in, degrees WGS 84.
///
/// Cells are 0.05 degrees high everywhere, and as wide as that at their latitude, so that about
/// as many metres lie between their sides from the equator to the poles. Every position of a cell
/// gives the very same centre.
///
/// ```
/// use wom_sdk::{privacy::cell_centre, protocol::Position};
///
/// let home = Position::new(43.7263, 12.6366)?;
/// let near = Position::new(43.7301, 12.6402)?;
/// assert_eq!(cell_centre(home), cell_centre(near));
/// # Ok::<(), wom_sdk::Error>(())
/// ```
pub fn cell_centre(position: Position) -> Position {
    let rows = 180.0 / CELL;
    let row = ((position.latitude() + 90.0) / CELL)
        .floor()
        .clamp(0.0, rows - 1.0);
    let latitude = round((row + 0.5) * CELL - 90.0);
    let columns = (360.0 / CELL * latitude.to_radians().cos())
        .round()
        .max(1.0);
    let width = 360.0 / columns;
    let column = ((position.longitude() + 180.0) / width)
        .floor()
        .rem_euclid(columns);
    let longitude = round((column + 0.5) * width - 180.0);
    Position::new(latitude, longitude).unwrap_or(position)
}

/// To 10⁻⁵ degrees, about a metre, so that the number reads well and is the same everywhere.
fn round(degrees: f64) -> f64 {
    (degrees * 1e5).round() / 1e5
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_centre_is_near_and_its_own_centre(latitude in -90.0..=90.0_f64, longitude in -180.0..=180.0_f64) {
            let position = Position::new(latitude, longitude).unwrap();
            let centre = cell_centre(position);
            prop_assert_eq!(cell_centre(centre), centre);
            prop_assert!((centre.latitude() - latitude).abs() <= CELL / 2.0 + 1e-5);
            let east = (centre.longitude() - longitude).abs();
            let metres = east.min(360.0 - east) * latitude.to_radians().cos() * 111_320.0;
            prop_assert!(metres < 4_500.0, "{} m", metres);
        }
    }
}
