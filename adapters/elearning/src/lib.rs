//! Study time and milestones of learning platforms.
//!
//! * [`Cmi5`] (`elearning.cmi5`): statements of cmi5 sessions.
//! * [`Kolibri`] (`elearning.kolibri`): Kolibri's exported logs, or its data base.
//! * [`Moodle`] (`elearning.moodle`): Moodle's standard log, and completions from its web service.
//! * [`OpenEdx`] (`elearning.openedx`): the tracking logs of Open edX.
//! * [`Scorm`] (`elearning.scorm`): what SCORM content commits to its LMS.
//! * [`Xapi`] (`elearning.xapi`): statements of xAPI.
//! * [`XapiPush`] (`elearning.xapi-push`): the same, as an LRS or a plugin posts them.
//!
//! The adapters yield traces of study ([`wom_sdk::observation::Study`]): intervals, counters of
//! seconds, points and milestones, kept apart, as each is evidence of its own worth. Whether and how
//! much of it counts is for the rule set [`StudyMinutes`] to judge. What all of them share is in
//! [`source`].

pub mod duration;
mod home_page;
pub mod kolibri;
mod lines;
pub mod moodle;
pub mod openedx;
mod records;
pub mod scorm;
pub mod source;
pub mod study_minutes;
mod table;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
pub mod xapi;

pub use kolibri::{Kolibri, KolibriConfig};
pub use moodle::{Moodle, MoodleConfig};
pub use openedx::{OpenEdx, OpenEdxConfig};
pub use scorm::{Scorm, ScormConfig};
pub use source::Source;
pub use study_minutes::StudyMinutes;
pub use xapi::{Cmi5, LrsConfig, PushConfig, StatementsConfig, Xapi, XapiConfig, XapiPush};
