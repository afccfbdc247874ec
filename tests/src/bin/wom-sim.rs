//! Runs seeds of the simulator: see `wom_tests::sim`.

use std::{env, process, thread, time::Instant};

use wom_tests::sim::{Bug, catch_all, run, run_all};

const HELP: &str = "\
wom-sim [--seeds N] [--from S] [--jobs N] [--bugs]
wom-sim --seed S [--bug NAME]

  --seeds N   how many seeds (default 2000; with --bugs at most so many for each, default 1000)
  --from S    the first one (default 0)
  --jobs N    seeds at a time (default: one for each core)
  --bugs      plants each bug, and tells which seed catches it first and by which check
  --seed S    one seed, with its trace
  --bug NAME  one planted bug, by its name in the table of --bugs
";

#[derive(Default)]
struct Options {
    seeds: Option<u64>,
    from: u64,
    jobs: Option<usize>,
    bugs: bool,
    seed: Option<u64>,
    bug: Option<Bug>,
}

fn main() {
    let Some(options) = parse(env::args().skip(1)) else {
        eprintln!("{HELP}");
        process::exit(2);
    };
    let jobs = options
        .jobs
        .unwrap_or_else(|| thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let started = Instant::now();
    let (passed, failed) = match (options.seed, options.bugs) {
        (Some(seed), _) => {
            let outcome = run(seed, options.bug);
            print!("{}", outcome.trace);
            let failed = u64::from(outcome.failure.is_some());
            (1 - failed, failed)
        }
        (None, true) => {
            let caught = catch_all(options.from, options.seeds.unwrap_or(1_000), jobs);
            let missed = caught.iter().filter(|caught| caught.by.is_none()).count() as u64;
            println!("| Planted bug | First seed | Check |\n| --- | --- | --- |");
            caught.iter().for_each(|caught| println!("{caught}"));
            (caught.len() as u64 - missed, missed)
        }
        (None, false) => {
            let seeds = options.seeds.unwrap_or(2_000);
            println!("seeds {} to {}", options.from, options.from + seeds - 1);
            let failures = run_all(options.from, seeds, jobs);
            for (seed, failure) in &failures {
                println!("seed {seed}: {failure}; its trace: wom-sim --seed {seed}");
            }
            let seconds = started.elapsed().as_secs_f64();
            println!("{:.0} seeds/s", seeds as f64 / seconds);
            let failed = failures.len() as u64;
            (seeds - failed, failed)
        }
    };
    println!("{passed} passed, {failed} failed");
    process::exit(i32::from(failed > 0));
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Options> {
    let mut options = Options::default();
    while let Some(name) = arguments.next() {
        if name == "--bugs" {
            options.bugs = true;
            continue;
        }
        let value = arguments.next()?;
        match name.as_str() {
            "--bug" => options.bug = Some(Bug::named(&value)?),
            "--from" => options.from = value.parse().ok()?,
            "--jobs" => options.jobs = Some(value.parse().ok()?),
            "--seed" => options.seed = Some(value.parse().ok()?),
            "--seeds" => options.seeds = Some(value.parse().ok()?),
            _ => return None,
        }
    }
    Some(options)
}
