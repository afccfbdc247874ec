//! Kolibri, Moodle, Open edX and SCORM: what comes of real and of bad input.
#![allow(clippy::unwrap_used, reason = "a test")]

mod kolibri;
mod minutes;
mod moodle;
mod moodle_service;
mod openedx;
mod scorm;
mod support;
