//! Study time and milestones of learning platforms.
//!
//! The adapters yield traces of study ([`wom_sdk::observation::Study`]): intervals, counters of
//! seconds, points and milestones, kept apart, as each is evidence of its own worth. Whether and how
//! much of it counts is for the rule set to judge. What all of them share is in [`source`].

pub mod duration;
pub mod source;
pub mod study_minutes;
pub mod time;

pub use source::Source;
pub use study_minutes::StudyMinutes;
