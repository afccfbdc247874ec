//! Running one target within limits of time and memory.

use std::{
    cell::RefCell,
    fmt, fs,
    panic::{self, AssertUnwindSafe},
    sync::{
        Mutex, Once,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{Target, input};

/// What a target may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long to go on.
    pub time: Duration,
    /// How many inputs at most.
    pub inputs: u64,
    /// The longest that one input may take.
    pub each: Duration,
    /// The most memory that the process may ever have held, in MiB.
    pub memory_mib: u64,
}

/// Where a run is, for a watchman on another thread.
#[derive(Debug, Default)]
pub struct Progress {
    number: AtomicU64,
    since: Mutex<Option<Instant>>,
}

impl Progress {
    /// The input at work, and for how long.
    pub fn at_work(&self) -> Option<(u64, Duration)> {
        let since = *self.since.lock().ok()?;
        Some((self.number.load(Ordering::Relaxed), since?.elapsed()))
    }

    fn set(&self, number: Option<u64>) {
        if let Some(number) = number {
            self.number.store(number, Ordering::Relaxed);
        }
        if let Ok(mut since) = self.since.lock() {
            *since = number.map(|_| Instant::now());
        }
    }
}

/// What a run of one target came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Inputs tried.
    pub inputs: u64,
    /// The slowest of them.
    pub slowest: Duration,
    /// The most memory that the process ever held, in MiB; 0 where the system does not say.
    pub peak_mib: u64,
    /// The first failure, and its input; it ends the run.
    pub failure: Option<(Failure, Vec<u8>)>,
}

/// A broken promise.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Failure {
    /// It held more memory than it may, in MiB.
    Memory(u64),
    /// It panicked, with this message and place.
    Panic(String),
    /// It took longer than it may, also when tried again.
    Slow(Duration),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(mib) => write!(f, "held {mib} MiB"),
            Self::Panic(what) => write!(f, "panicked: {what}"),
            Self::Slow(time) => write!(f, "took {time:.1?}"),
        }
    }
}

/// Runs a target until its limits or the first failure.
pub fn drive(
    target: &Target,
    seed: u64,
    limits: Limits,
    progress: &Progress,
    mut before: impl FnMut(&[u8]),
) -> Report {
    /// Asking the system for the peak costs as much as many inputs.
    const MEMORY_EVERY: u64 = 64;
    let seeds = (target.seeds)();
    let mut report = Report::default();
    let start = Instant::now();
    while report.inputs < limits.inputs && start.elapsed() < limits.time {
        let data = input(target, &seeds, seed, report.inputs);
        before(&data);
        progress.set(Some(report.inputs));
        let (time, failure) = judge(target, &data, limits);
        progress.set(None);
        report.inputs += 1;
        report.slowest = report.slowest.max(time);
        if let Some(failure) = failure {
            report.failure = Some((failure, data));
            break;
        }
        if report.inputs.is_multiple_of(MEMORY_EVERY) && peak_mib() > limits.memory_mib {
            report.failure = hungry(target, &seeds, seed, report.inputs, MEMORY_EVERY, limits);
            break;
        }
    }
    report.peak_mib = peak_mib();
    report
}

/// Runs a target on one input.
pub fn judge(target: &Target, data: &[u8], limits: Limits) -> (Duration, Option<Failure>) {
    let mut best = Duration::MAX;
    // The machine may have been busy with something else: slow is what is slow three times.
    for _ in 0..3 {
        let start = Instant::now();
        if let Err(what) = catch(|| (target.run)(data)) {
            return (start.elapsed(), Some(Failure::Panic(what)));
        }
        best = best.min(start.elapsed());
        if best <= limits.each {
            return (best, None);
        }
    }
    (best, Some(Failure::Slow(best)))
}

/// Which of the last inputs took the memory: each again, with the peak forgotten before it.
fn hungry(
    target: &Target,
    seeds: &[Vec<u8>],
    seed: u64,
    done: u64,
    window: u64,
    limits: Limits,
) -> Option<(Failure, Vec<u8>)> {
    let mut worst = (peak_mib(), Vec::new());
    for number in done.saturating_sub(window)..done {
        let data = input(target, seeds, seed, number);
        if fs::write("/proc/self/clear_refs", "5").is_err() {
            break;
        }
        let _ = judge(target, &data, limits);
        let peak = peak_mib();
        if peak > limits.memory_mib {
            worst = (peak, data);
            break;
        }
    }
    Some((Failure::Memory(worst.0), worst.1))
}

fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        .map_or(0, |kib| kib / 1024)
}

/// Runs `f`; a panic becomes its message and place, and is not printed.
fn catch(f: impl FnOnce()) -> Result<(), String> {
    thread_local! {
        static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
        static QUIET: RefCell<bool> = const { RefCell::new(false) };
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if QUIET.with_borrow(|quiet| *quiet) {
                CAUGHT.set(Some(info.to_string().replace('\n', " ")));
            } else {
                usual(info);
            }
        }));
    });
    QUIET.set(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(f));
    QUIET.set(false);
    outcome.map_err(|_| CAUGHT.take().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        time: Duration::from_secs(20),
        inputs: 3_000,
        each: Duration::from_millis(50),
        memory_mib: 4096,
    };

    fn run(name: &'static str, run: fn(&[u8]), limits: Limits) -> Report {
        let target = Target {
            name,
            run,
            seeds: || vec![b"harmless".to_vec()],
            words: &[b"boom"],
            mend: None,
        };
        drive(&target, 1, limits, &Progress::default(), |_| {})
    }

    #[test]
    fn a_quiet_target_passes() {
        let report = run("quiet", |_| {}, LIMITS);
        assert_eq!(report.inputs, 3_000);
        assert!(report.failure.is_none());
    }

    #[test]
    fn a_panic_is_found_with_its_input() {
        let planted = |data: &[u8]| {
            assert!(!data.windows(4).any(|four| four == b"boom"), "planted");
        };
        let (failure, data) = run("panic", planted, LIMITS).failure.unwrap();
        assert!(matches!(failure, Failure::Panic(what) if what.contains("planted")));
        assert!(data.windows(4).any(|four| four == b"boom"));
    }

    #[test]
    fn slowness_is_found() {
        let planted = |data: &[u8]| {
            let start = Instant::now();
            while data.len() > 100 && start.elapsed() < Duration::from_millis(60) {}
        };
        let (failure, data) = run("slow", planted, LIMITS).failure.unwrap();
        assert!(matches!(failure, Failure::Slow(_)) && data.len() > 100);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn hunger_is_found_with_its_input() {
        let planted = |data: &[u8]| {
            if data.len() > 20_000 {
                std::hint::black_box(vec![1_u8; 300 << 20]);
            }
        };
        let limits = Limits {
            each: Duration::from_secs(9),
            memory_mib: 250,
            ..LIMITS
        };
        let (failure, data) = run("hungry", planted, limits).failure.unwrap();
        assert!(matches!(failure, Failure::Memory(mib) if mib > 250));
        assert!(data.len() > 20_000);
    }
}
