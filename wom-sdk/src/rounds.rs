//! Looking after what is due, round after round, beside others over the same store.

use std::{future::Future, time::Duration};

use tokio::task::{JoinError, JoinSet};

use crate::{Error, Result};

/// How often a round begins.
const IDLE: Duration = Duration::from_millis(250);
/// How many things are looked after at a time.
const AT_ONCE: usize = 8;

/// Begins a round every quarter of a second until `stop` is ready, then finishes the one under way. An
/// error of a round ends it.
pub(crate) async fn run<R: Future<Output = Result<()>>>(
    round: impl Fn() -> R,
    stop: impl Future<Output = ()>,
) -> Result<()> {
    let mut stop = std::pin::pin!(stop);
    loop {
        let began = tokio::time::Instant::now();
        round().await?;
        tokio::select! {
            () = &mut stop => return Ok(()),
            () = tokio::time::sleep_until(began + IDLE) => {}
        }
    }
}

/// What is due of our own, at most `limit`, the longest waiting first. `due` asks the store for so many,
/// among which may be what others look after.
pub(crate) async fn own<T, U, D: Future<Output = Result<Vec<T>>>>(
    limit: usize,
    due: impl Fn(usize) -> D,
    own: impl Fn(T) -> Option<U>,
) -> Result<Vec<U>> {
    let mut ask = limit;
    loop {
        let due = due(ask).await?;
        let all = due.len() < ask;
        let own: Vec<_> = due.into_iter().filter_map(&own).take(limit).collect();
        if all || own.len() == limit {
            return Ok(own);
        }
        // The others are another process's: look behind them.
        ask = ask.saturating_mul(2);
    }
}

/// A few things that are looked after at a time. One that cannot be looked after must not keep the
/// others waiting.
pub(crate) struct Few<T> {
    running: JoinSet<Result<Option<T>>>,
    changed: Vec<T>,
}

impl<T: Send + 'static> Few<T> {
    pub(crate) fn new() -> Self {
        Self {
            running: JoinSet::new(),
            changed: Vec::new(),
        }
    }

    /// Looks after one more, once there is room; it tells what has changed.
    pub(crate) async fn add(
        &mut self,
        one: impl Future<Output = Result<Option<T>>> + Send + 'static,
    ) {
        if self.running.len() >= AT_ONCE
            && let Some(done) = self.running.join_next().await
        {
            self.take(done);
        }
        self.running.spawn(one);
    }

    /// Waits for all, and tells what has changed.
    pub(crate) async fn finish(mut self) -> Vec<T> {
        while let Some(done) = self.running.join_next().await {
            self.take(done);
        }
        self.changed
    }

    fn take(&mut self, done: std::result::Result<Result<Option<T>, Error>, JoinError>) {
        match done {
            Ok(Ok(changed)) => self.changed.extend(changed),
            Ok(Err(error)) => {
                tracing::warn!(code = error.code(), "not looked after: {error}");
            }
            Err(_) => {}
        }
    }
}
