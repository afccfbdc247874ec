//! The conformance suites for adapters in other languages.

use std::sync::Arc;

use wom_sdk::testing::conformance::{
    instrument::{Fixture, TOPICS, topic},
    merchant,
};

/// Runs every topic of the suite that all instruments pass, one after the other; gives each topic's
/// name, and what failed where it did.
pub async fn conform(fixture: Arc<dyn Fixture>) -> Vec<(&'static str, Option<String>)> {
    let mut results = Vec::new();
    for name in TOPICS {
        let fixture = Arc::clone(&fixture);
        let run = async move { topic(name, &*fixture).await };
        results.push((*name, failed(run).await));
    }
    results
}

/// The same for shops and tills.
pub async fn conform_merchant(
    fixture: Arc<dyn merchant::Fixture>,
) -> Vec<(&'static str, Option<String>)> {
    let mut results = Vec::new();
    for name in merchant::TOPICS {
        let fixture = Arc::clone(&fixture);
        let run = async move { merchant::topic(name, &*fixture).await };
        results.push((*name, failed(run).await));
    }
    results
}

/// What a topic failed with, if it did.
async fn failed(run: impl Future<Output = ()> + Send + 'static) -> Option<String> {
    let error = tokio::spawn(run).await.err()?;
    Some(match error.try_into_panic() {
        Ok(panic) => said(&*panic),
        Err(_) => "it was given up".to_owned(),
    })
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(text), _) => text.clone(),
        (_, Some(text)) => (*text).to_owned(),
        _ => "it panicked".to_owned(),
    }
}
