//! The world of one run: its clock, its chance, its weather, and the trace of what happened.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;
use wom_sdk::{Clock as _, Digest, Error, Kind, Timestamp, award::AwardKey, testing::TokioClock};

use super::{
    bugs::Bug,
    machine::Machine,
    weather::{Fault, Weather},
};
use crate::fuzz::Rng;

/// A run that asks more often than this turns in a circle.
const MOST_STEPS: usize = 300_000;

/// What everybody in a run shares.
#[derive(Debug)]
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) bug: Option<Bug>,
    pub(super) clock: TokioClock,
    start: Timestamp,
    pub(super) weather: Weather,
    pub(super) machine: Machine,
    chance: Mutex<Rng>,
    trace: Mutex<String>,
    secrets: Mutex<Vec<String>>,
    intents: Mutex<BTreeMap<String, usize>>,
    steps: AtomicUsize,
    failure: Mutex<Option<Failure>>,
    failed: Notify,
}

/// A promise that was broken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// Which check saw it.
    pub check: &'static str,
    /// What it saw.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.message)
    }
}

impl World {
    pub(super) fn new(
        seed: u64,
        bug: Option<Bug>,
        start: Timestamp,
        weather: Weather,
    ) -> Arc<Self> {
        Arc::new(Self {
            seed,
            bug,
            clock: TokioClock::starting(start),
            start,
            weather,
            machine: Machine::default(),
            chance: Mutex::new(Rng::new(seed, "chance", 0)),
            trace: Mutex::default(),
            secrets: Mutex::default(),
            intents: Mutex::default(),
            steps: AtomicUsize::new(0),
            failure: Mutex::default(),
            failed: Notify::new(),
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn start(&self) -> Timestamp {
        self.start
    }

    pub(super) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// A number below `end`.
    pub(super) fn below(&self, end: usize) -> usize {
        lock(&self.chance).below(end)
    }

    /// True so many times in a thousand.
    pub(super) fn chance(&self, permille: u32) -> bool {
        permille > 0 && self.below(1000) < permille as usize
    }

    /// Whether this fault strikes now.
    pub(super) fn strikes(&self, fault: Fault) -> bool {
        self.chance(self.weather.permille(fault, self.now()))
    }

    pub(super) async fn sleep_ms(&self, from: u64, until: u64) {
        let span = usize::try_from(until.saturating_sub(from)).unwrap_or(usize::MAX);
        let millis = from + self.below(span.max(1)) as u64;
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    pub(super) async fn sleep_until(&self, at: Timestamp) {
        let left = at.since(self.now()).max(0).unsigned_abs();
        tokio::time::sleep(Duration::from_millis(left)).await;
    }

    /// Adds a line to the trace.
    pub(super) fn log(&self, line: fmt::Arguments<'_>) {
        let passed = self.now().since(self.start);
        let mut trace = lock(&self.trace);
        let _ = writeln!(trace, "{:>9}.{:03} {line}", passed / 1000, passed % 1000);
    }

    /// Something secret came into being: it must never be read anywhere.
    pub(super) fn keep_secret(&self, secret: impl Into<String>) {
        lock(&self.secrets).push(secret.into());
    }

    /// Text that anybody may read: a line of a log, an error.
    pub(super) fn heard(&self, text: &str) {
        if lock(&self.secrets)
            .iter()
            .any(|secret| text.contains(secret))
        {
            self.fail(
                "no secret is printed",
                "a line of a log or an error holds a secret",
            );
        }
    }

    /// An error that came out of the SDK.
    pub(super) fn heard_error(&self, who: fmt::Arguments<'_>, error: &Error) {
        self.log(format_args!("{who} error {}", error.code()));
        self.heard(&format!("{error} {error:?}"));
        if error.kind() == Kind::Internal {
            self.fail("no defect", format!("{error:?}"));
        }
    }

    /// Somebody asked the store or the Registry for something.
    pub(super) fn step(&self) {
        if self.steps.fetch_add(1, Ordering::Relaxed) == MOST_STEPS {
            self.fail("all settles", "there is no end to it");
        }
    }

    /// It is on the disk that a create is about to be sent for an award.
    pub(super) fn intends(&self, key: AwardKey) {
        *lock(&self.intents).entry(nonce(key)).or_default() += 1;
    }

    /// How often that was written for a nonce.
    pub(super) fn intents(&self, nonce: &str) -> usize {
        lock(&self.intents).get(nonce).copied().unwrap_or(0)
    }

    /// Notes that a promise was broken; the first one ends the run.
    pub(super) fn fail(&self, check: &'static str, message: impl Into<String>) {
        let message = message.into();
        self.log(format_args!("FAILED {check}: {message}"));
        let mut failure = lock(&self.failure);
        if failure.is_none() {
            *failure = Some(Failure { check, message });
        }
        self.failed.notify_one();
    }

    pub(super) fn failure(&self) -> Option<Failure> {
        lock(&self.failure).clone()
    }

    /// Waits until a promise is broken.
    pub(super) async fn failed(&self) {
        self.failed.notified().await;
    }

    pub(super) fn take_trace(&self) -> String {
        std::mem::take(&mut lock(&self.trace))
    }
}

/// The nonce of an award's creates.
pub(super) fn nonce(key: AwardKey) -> String {
    Digest::of([b"nonce/1".as_slice(), &key.0]).to_hex()
}

/// Locks; in a run there is one thread, and it does not panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
