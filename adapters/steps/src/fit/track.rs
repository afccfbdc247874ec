//! The times of a track's points: what is left to go by where a file has no session.

use wom_sdk::TimeSet;

use super::timer::{self, Run};

/// A longer silence between two points is a pause.
const LONGEST_GAP: u32 = 60;

/// More stretches than that are no recording of a person.
const MOST_RUNS: usize = 100_000;

/// The stretches of a track without long gaps.
#[derive(Debug, Default)]
pub(super) struct Track {
    runs: Vec<Run>,
    pub(super) points: u64,
    pub(super) last: Option<u32>,
    pub(super) overflowed: bool,
}

impl Track {
    /// Takes in that the device recorded something at this time.
    #[inline]
    pub(super) fn point(&mut self, at: u32) {
        self.points += 1;
        self.last = self.last.max(Some(at));
        if let Some((_, end)) = self.runs.last_mut()
            && at.wrapping_sub(*end) <= LONGEST_GAP
        {
            *end = at;
        } else if self.runs.len() < MOST_RUNS {
            self.runs.push((at, at));
        } else {
            self.overflowed = true;
        }
    }

    /// The time that was certainly recorded: a point of second 10 may have come at its end, so a
    /// stretch counts from the second after its first point until its last one. Where the timer's
    /// runs are known, only what is certainly in them too.
    pub(super) fn certain(&self, timer: &[Run]) -> TimeSet {
        let certain = |runs: &[Run]| -> TimeSet {
            runs.iter()
                .map(|&(start, end)| timer::span((start.saturating_add(1), end)))
                .collect()
        };
        let track = certain(&self.runs);
        if timer.is_empty() {
            return track;
        }
        track.intersection(&certain(timer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(points: &[u32]) -> Track {
        let mut track = Track::default();
        points.iter().for_each(|&at| track.point(at));
        track
    }

    #[test]
    fn a_minute_of_silence_is_still_the_track_and_more_is_a_pause() {
        assert_eq!(track(&[100, 160, 220]).certain(&[]).millis(), 119_000);
        assert_eq!(track(&[100, 160, 221, 281]).certain(&[]).millis(), 118_000);
    }

    #[test]
    fn the_timer_takes_its_pauses_out() {
        let whole = track(&[100, 130, 160, 190]);
        assert_eq!(whole.certain(&[(100, 120), (150, 190)]).millis(), 58_000);
    }

    #[test]
    fn times_that_go_back_count_once() {
        let track = track(&[100, 150, 90, 140, 190]);
        assert!(track.certain(&[]).millis() <= 100_000);
    }
}
