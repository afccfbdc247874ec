//! Runs the fuzz targets with mutated seeds: see `wom_tests::fuzz`.
//!
//! Each target runs in a process of its own, so that even an abort or an overflown stack is one
//! failure of one target; the parent then runs the same inputs again and keeps the last one.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command, ExitStatus},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use wom_tests::fuzz::{Limits, Progress, Rng, TARGETS, Target, drive, judge, target};

const HELP: &str = "\
wom-fuzz [--seconds N] [--target NAME]... [--seed N] [--jobs N]
wom-fuzz --target NAME --input FILE
wom-fuzz --list

  --seconds N    time for all targets together (default 60)
  --target NAME  only this target; may be given again
  --seed N       repeats a run (default: a fresh one, which is printed)
  --jobs N       targets at a time (default: one for each core)
  --input FILE   runs one input, as a failure prints it
";

/// The stack that a runtime's worker threads have: what overflows it overflows theirs.
const STACK: usize = 2 << 20;
const LIMITS: Limits = Limits {
    time: Duration::MAX,
    inputs: u64::MAX,
    each: Duration::from_secs(1),
    memory_mib: 512,
};
/// What never returns is given up after this long.
const HANGS: Duration = Duration::from_secs(20);
/// A child's address space, in KiB: what wants more is stopped by the system.
const ADDRESS_SPACE_KIB: u32 = 4 << 20;

fn main() {
    let options = Options::parse(env::args().skip(1)).unwrap_or_else(|wrong| {
        eprintln!("{wrong}\n\n{HELP}");
        process::exit(2);
    });
    let passed = match &options.job {
        Job::List => {
            TARGETS
                .iter()
                .for_each(|target| println!("{}", target.name));
            true
        }
        Job::One(path) => run_one(options.targets[0], path),
        Job::Child { trace } => run_child(&options, *trace),
        Job::All => run_all(&options),
    };
    process::exit(i32::from(!passed));
}

/// Every target in a child of its own.
fn run_all(options: &Options) -> bool {
    println!("seed {}: repeat with --seed {}", options.seed, options.seed);
    let jobs = options.jobs.min(options.targets.len()).max(1);
    let share = options.seconds * jobs as f64 / options.targets.len() as f64;
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(target) = options.targets.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !run_target(target, options.seed, share) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    println!("{} passed, {failed} failed", options.targets.len() - failed);
    failed == 0
}

fn run_target(target: &Target, seed: u64, seconds: f64) -> bool {
    match spawn(target, seed, seconds, false) {
        Ok(status) if status.success() => true,
        // The child said what happened.
        Ok(status) if status.code() == Some(1) => false,
        Ok(status) => {
            println!("FAILED {}: {status}; finding the input", target.name);
            let _ = spawn(target, seed, seconds * 3.0 + 10.0, true);
            say_how_to_repeat(target, &kept(target, "abort"));
            false
        }
        Err(error) => {
            println!("FAILED {}: cannot be started: {error}", target.name);
            false
        }
    }
}

fn spawn(target: &Target, seed: u64, seconds: f64, trace: bool) -> std::io::Result<ExitStatus> {
    let program = env::current_exe()?;
    let mut command = if cfg!(unix) {
        let mut shell = Command::new("sh");
        let limit = format!("ulimit -v {ADDRESS_SPACE_KIB}; exec \"$0\" \"$@\"");
        shell.arg("-c").arg(limit).arg(program);
        shell
    } else {
        Command::new(program)
    };
    command
        .args(["--target", target.name, "--seed", &seed.to_string()])
        .args(["--seconds", &seconds.to_string()])
        .arg(if trace { "--trace" } else { "--child" })
        .status()
}

/// One target in this process.
fn run_child(options: &Options, trace: bool) -> bool {
    let target = options.targets[0];
    let limits = Limits {
        time: Duration::from_secs_f64(options.seconds),
        ..LIMITS
    };
    let progress = Arc::new(Progress::default());
    // Only one of the two threads speaks.
    let verdict = Arc::new(Mutex::new(()));
    watch(target, options.seed, &progress, &verdict);
    let seed = options.seed;
    let run = thread::Builder::new().stack_size(STACK).spawn(move || {
        let keep = |data: &[u8]| {
            if trace {
                save(target, "abort", data);
            }
        };
        drive(target, seed, limits, &progress, keep)
    });
    let Ok(Ok(report)) = run.map(thread::JoinHandle::join) else {
        println!("FAILED {}: the driver itself failed", target.name);
        return false;
    };
    let _verdict = verdict.lock();
    let Some((failure, data)) = report.failure else {
        println!(
            "ok     {:24} {:>10} inputs, slowest {:>6.1} ms, peak {:>3} MiB",
            target.name,
            report.inputs,
            report.slowest.as_secs_f64() * 1e3,
            report.peak_mib
        );
        return true;
    };
    println!(
        "FAILED {}: input {} {failure}",
        target.name,
        report.inputs - 1
    );
    say_how_to_repeat(target, &save(target, &digest(&data), &data));
    false
}

/// Ends the process when an input does not come back.
fn watch(target: &'static Target, seed: u64, progress: &Arc<Progress>, verdict: &Arc<Mutex<()>>) {
    let (progress, verdict) = (Arc::clone(progress), Arc::clone(verdict));
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_millis(500));
            let Some((number, time)) = progress.at_work() else {
                continue;
            };
            if time > HANGS {
                let _verdict = verdict.lock();
                let data = wom_tests::fuzz::input(target, &(target.seeds)(), seed, number);
                println!("FAILED {}: input {number} hangs", target.name);
                say_how_to_repeat(target, &save(target, &digest(&data), &data));
                process::exit(1);
            }
        }
    });
}

fn run_one(target: &'static Target, path: &Path) -> bool {
    let data = fs::read(path).unwrap_or_else(|error| {
        eprintln!("{}: {error}", path.display());
        process::exit(2);
    });
    let run = thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || judge(target, &data, LIMITS));
    match run.map(thread::JoinHandle::join) {
        Ok(Ok((time, None))) => {
            println!("ok     {} in {time:.1?}", target.name);
            true
        }
        Ok(Ok((_, Some(failure)))) => {
            println!("FAILED {}: {failure}", target.name);
            false
        }
        Ok(Err(_)) | Err(_) => false,
    }
}

fn say_how_to_repeat(target: &Target, path: &Path) {
    println!(
        "       repeat with: cargo run --release -p wom-tests --bin wom-fuzz -- --target {} --input {}",
        target.name,
        path.display()
    );
}

fn save(target: &Target, name: &str, data: &[u8]) -> PathBuf {
    let path = kept(target, name);
    let folder = path.parent().unwrap_or(Path::new("."));
    if let Err(error) = fs::create_dir_all(folder).and_then(|()| fs::write(&path, data)) {
        eprintln!("{}: {error}", path.display());
    }
    path
}

fn kept(target: &Target, name: &str) -> PathBuf {
    let target_dir = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    Path::new(&target_dir)
        .join("fuzz-failures")
        .join(format!("{}-{name}", target.name))
}

/// A short name for an input.
fn digest(data: &[u8]) -> String {
    let text: String = data.iter().map(|byte| char::from(*byte)).collect();
    format!("{:016x}", Rng::new(0, &text, 0).next())
}

enum Job {
    All,
    Child { trace: bool },
    List,
    One(PathBuf),
}

struct Options {
    job: Job,
    targets: Vec<&'static Target>,
    seed: u64,
    seconds: f64,
    jobs: usize,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            job: Job::All,
            targets: Vec::new(),
            seed: Rng::fresh_seed(),
            seconds: 60.0,
            jobs: thread::available_parallelism().map_or(1, usize::from),
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or(format!("{arg} needs a value"));
            let number = |text: String| text.parse().map_err(|_| format!("{text}: not a number"));
            match arg.as_str() {
                "--seconds" => options.seconds = value()?.parse().map_err(|_| "not a number")?,
                "--seed" => options.seed = number(value()?)?,
                "--jobs" => options.jobs = value()?.parse().map_err(|_| "not a number")?,
                "--target" => {
                    let name = value()?;
                    let found = target(&name).ok_or(format!("{name}: no such target"))?;
                    options.targets.push(found);
                }
                "--input" => options.job = Job::One(value()?.into()),
                "--child" => options.job = Job::Child { trace: false },
                "--trace" => options.job = Job::Child { trace: true },
                "--list" => options.job = Job::List,
                _ => return Err(format!("{arg}: no such option")),
            }
        }
        if !(options.seconds >= 0.0 && options.seconds < 1e6) {
            return Err("--seconds is out of range".to_owned());
        }
        if options.targets.is_empty() {
            if let Job::One(_) | Job::Child { .. } = options.job {
                return Err("--target is missing".to_owned());
            }
            options.targets = TARGETS.iter().collect();
        }
        Ok(options)
    }
}
