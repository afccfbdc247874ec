//! Fuzz targets: any bytes may come in, no panic may come out, and no chunk too large.

use std::task::{Context, Waker};

use async_trait::async_trait;
use wom_sdk::{
    Body, Observation, Result, Timestamp,
    instrument::{CHUNK, Input, Instrument, Refusal, Sink},
    observation::Merged,
    rules::RuleSet,
};

use crate::{
    Cmi5, Kolibri, KolibriConfig, Moodle, MoodleConfig, OpenEdx, OpenEdxConfig, Scorm, ScormConfig,
    StatementsConfig, StudyMinutes, Xapi, XapiConfig,
};

/// Reads these bytes as an export of Kolibri.
pub fn fuzz_kolibri_export(data: &[u8]) {
    let config = KolibriConfig {
        milestones: true,
        ..KolibriConfig::default()
    };
    if let Ok(kolibri) = Kolibri::new(config) {
        feed(&kolibri, data);
    }
}

/// Reads these bytes as Moodle's log, a table or lines of JSON.
pub fn fuzz_moodle_log(data: &[u8]) {
    let config = MoodleConfig {
        milestones: true,
        trust_completions: true,
        ..MoodleConfig::default()
    };
    if let Ok(moodle) = Moodle::new(config) {
        feed(&moodle, data);
    }
}

/// Reads these bytes as a tracking log of Open edX, plain or packed.
pub fn fuzz_openedx_log(data: &[u8]) {
    let config = OpenEdxConfig {
        milestones: true,
        ..OpenEdxConfig::default()
    };
    if let Ok(openedx) = OpenEdx::new(config) {
        feed(&openedx, data);
    }
}

/// Reads these bytes as commits of SCORM content.
pub fn fuzz_scorm_commits(data: &[u8]) {
    let config = ScormConfig {
        milestones: true,
        ..ScormConfig::default()
    };
    if let Ok(scorm) = Scorm::new(config) {
        feed(&scorm, data);
    }
}

/// Reads these bytes as statements, of xAPI and of cmi5, and judges what comes out.
pub fn fuzz_statements(data: &[u8]) {
    let statements = StatementsConfig {
        max_statement_bytes: 4_096,
        milestones: true,
        ..StatementsConfig::default()
    };
    let config = XapiConfig {
        statements,
        ..XapiConfig::default()
    };
    if let (Ok(xapi), Ok(cmi5)) = (Xapi::new(config.clone()), Cmi5::new(config)) {
        feed(&xapi, data);
        feed(&cmi5, data);
    }
}

/// Reads these bytes as an instant and as a duration.
pub fn fuzz_study_texts(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = crate::time::instant(text, None);
        if let Ok(ms) = crate::duration::millis(text) {
            assert!(ms > 0);
        }
    }
}

/// Lets an adapter read these bytes, and the rules judge what it makes of them.
fn feed(adapter: &dyn Instrument, data: &[u8]) {
    let now = Timestamp::from_seconds(1_800_000_000);
    let mut sink = Everything::default();
    let input = Input::Bytes(data.to_vec());
    // Nothing here waits, so one poll is the whole reading.
    let outcome = adapter
        .read(input, now, &mut sink)
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(outcome.is_ready(), "reading must not wait");
    let merged: Merged = sink.0.into_iter().map(|one| one.into_entry().1).collect();
    let judgement = StudyMinutes::default().judge(&merged.open(), now);
    assert!(judgement.time().minutes() <= 1_200 * 60 * 200);
}

#[derive(Default)]
struct Everything(Vec<Observation>);

#[async_trait]
impl Sink for Everything {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        assert!((1..=CHUNK).contains(&chunk.len()));
        let of_learners = chunk
            .iter()
            .all(|one| !one.subject.is_whoever() || one.body == Body::Withdrawn);
        assert!(of_learners);
        self.0.extend(chunk);
        Ok(())
    }

    async fn refuse(&mut self, refusal: Refusal) -> Result<()> {
        assert!(!refusal.at.is_empty() && !refusal.message.is_empty());
        Ok(())
    }
}
