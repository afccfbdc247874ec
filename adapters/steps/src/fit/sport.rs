//! What the sport numbers of FIT mean, as activities.

use wom_sdk::Activity;

/// Running, by the profile's type `sport` (the same number in `activity_type`).
pub(super) const RUNNING: u32 = 1;
/// Walking, by the profile's type `sport`; `activity_type` has 6 instead.
const WALKING: u32 = 11;
const HIKING: u32 = 17;

/// Whether the cycles of a session of this sport are strides, of two steps each. For cycling they
/// are turns of the crank, for swimming strokes.
pub(super) fn on_foot(sport: Option<u32>) -> bool {
    matches!(sport, Some(RUNNING | WALKING | HIKING))
}

/// The activity of this `sport` and `sub_sport`. What the table does not know is `exercise`.
///
/// Being driven, carried or moved by an engine has names of its own, so that no rule which asks
/// for exercise takes it in.
pub(super) fn activity(sport: Option<u32>, sub_sport: Option<u32>) -> Activity {
    let name = match (sport.unwrap_or(0), sub_sport.unwrap_or(0)) {
        (sport, 58) => return slug(format!("{}.virtual", general(sport))),
        (1 | 4, 1) => "running.treadmill",
        (1, 45) => "running.indoor",
        (2, 28 | 47 | 127) | (21, _) => "cycling.electric",
        (2 | 4, 5 | 6 | 88) => "cycling.indoor",
        (2, 12) => "cycling.hand",
        (2, 48) => "cycling.commuting",
        (4 | 15, 14) => "rowing.indoor",
        (11, 1) => "walking.treadmill",
        (11, 27) => "walking.indoor",
        (_, 32..=34) => "transition",
        (65 | 66, 86 | 87) => "wheelchair.indoor",
        (_, 35 | 36 | 125) => "motorsport",
        (_, 40 | 110..=119) => "flying",
        (_, 77) => "gaming",
        (sport, _) => general(sport),
    };
    slug(name)
}

/// The general word for a sport.
fn general(sport: u32) -> &'static str {
    match sport {
        1 => "running",
        2 | 21 => "cycling",
        3 => "transition",
        5 => "swimming",
        11 => "walking",
        12 => "skiing.cross-country",
        13 => "skiing.alpine",
        14 => "snowboarding",
        15 => "rowing",
        16 => "mountaineering",
        17 => "hiking",
        19 | 37 | 41 | 42 | 88 => "paddling",
        20 | 26 | 34 | 46 => "flying",
        22 => "motorcycling",
        23 | 32 | 39 | 40 | 76 | 77 => "boating",
        24 => "driving",
        25 | 69 => "golf",
        27 => "riding",
        28 => "hunting",
        29 => "fishing",
        30 | 33 => "skating",
        31 | 48 => "climbing",
        35 => "snowshoeing",
        36 | 81 => "motorsport",
        53 | 82 | 85 => "diving",
        56 | 79 => "shooting",
        63 => "gaming",
        65 | 66 => "wheelchair",
        67 => "meditation",
        _ => "exercise",
    }
}

fn slug(name: impl Into<String>) -> Activity {
    Activity::new(name).unwrap_or(Activity::EXERCISE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sports_and_their_special_forms() {
        let cases = [
            ((1, 0), "running"),
            ((1, 3), "running"),
            ((1, 1), "running.treadmill"),
            ((1, 58), "running.virtual"),
            ((2, 0), "cycling"),
            ((2, 46), "cycling"),
            ((2, 48), "cycling.commuting"),
            ((2, 28), "cycling.electric"),
            ((2, 47), "cycling.electric"),
            ((2, 127), "cycling.electric"),
            ((21, 0), "cycling.electric"),
            ((2, 5), "cycling.indoor"),
            ((2, 6), "cycling.indoor"),
            ((2, 58), "cycling.virtual"),
            ((3, 0), "transition"),
            ((5, 17), "swimming"),
            ((11, 0), "walking"),
            ((17, 0), "hiking"),
            ((24, 0), "driving"),
            ((0, 0), "exercise"),
            ((200, 200), "exercise"),
            ((12, 58), "skiing.cross-country.virtual"),
        ];
        for ((sport, sub_sport), name) in cases {
            assert_eq!(activity(Some(sport), Some(sub_sport)).as_str(), name);
        }
        assert_eq!(activity(None, None), Activity::EXERCISE);
    }

    #[test]
    fn every_name_in_the_table_is_a_name() {
        for sport in 0..=255 {
            let word = general(sport);
            assert_eq!(slug(word).as_str(), word);
        }
    }
}
