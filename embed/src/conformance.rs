//! The conformance suite for adapters in other languages.

use std::sync::Arc;

use wom_sdk::testing::conformance::instrument::{Fixture, TOPICS, topic};

/// Runs every topic of the suite that all instruments pass, one after the other; gives each topic's
/// name, and what failed where it did.
pub async fn conform(fixture: Arc<dyn Fixture>) -> Vec<(&'static str, Option<String>)> {
    let mut results = Vec::new();
    for name in TOPICS {
        let fixture = Arc::clone(&fixture);
        let run = tokio::spawn(async move { topic(name, &*fixture).await }).await;
        let failed = run.err().map(|error| match error.try_into_panic() {
            Ok(panic) => said(&*panic),
            Err(_) => "it was given up".to_owned(),
        });
        results.push((*name, failed));
    }
    results
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(text), _) => text.clone(),
        (_, Some(text)) => (*text).to_owned(),
        _ => "it panicked".to_owned(),
    }
}
