//! `wom read`: what an adapter makes of a file, and what that would be worth.

use std::{
    collections::BTreeMap,
    io::{BufWriter, Stdout, Write as _},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use indicatif::ProgressBar;
use serde_json::json;
use wom_catalog::{Catalog, Settings};
use wom_sdk::{
    Body, Clock as _, Day, Error, Kind, MINUTE_MS, Observation, Result, SystemClock, Timestamp,
    Zone,
    campaign::Language,
    instrument::{Input, Refusal, Sink},
    observation::Entry,
    rules::{Finding, Judgement},
};

use crate::{
    adapter_settings,
    output::Output,
    progress,
    reading::{Ledger, Listener, Totals, steps},
};

/// Read a file as an adapter does, and show what it holds and what would count.
///
/// Nothing is stored and nothing awarded. Minutes are those of the adapter's rule set, before any
/// campaign's caps. With --json every line is {"observation": …} or {"refused": …}, and the last
/// one is {"summary": …}; people are p1, p2, … in order of appearance.
///
/// A record that cannot be used is refused and the rest is read: the exit code is 0 then. It is 1
/// if the rest of the input could not be read; what was read before is shown all the same.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The adapter; wom adapters lists them.
    adapter: String,
    /// The file, or - for standard input.
    file: PathBuf,
    /// Judge as of this time instead of the present, such as 2026-03-01T10:00:00Z.
    #[arg(long)]
    now: Option<Timestamp>,
    /// Whose civil days the summary shows, such as Europe/Rome.
    #[arg(long, default_value = "UTC")]
    zone: Zone,
    /// A setting of the adapter; repeat for several. It stands above the file of --config.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = adapter_settings::assignment)]
    set: Vec<(String, String)>,
    /// A setting whose value stands in a file, or on standard input (-): for a person's id, as
    /// others can read a command line.
    #[arg(long = "set-file", value_name = "NAME=FILE", value_parser = adapter_settings::assignment)]
    set_file: Vec<(String, String)>,
    /// Settings from a file: wom.toml, or a table of this adapter's settings in TOML or JSON.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Show people by their ids instead of p1, p2, …
    #[arg(long)]
    show_subjects: bool,
}

/// How many refusals, and how many findings of one person, people are shown. Machines get all.
const SHOWN: usize = 40;

pub async fn run(args: &Args, catalog: &Catalog, output: &Output) -> Result<()> {
    let config = adapter_settings::read(args.config.as_deref(), &args.adapter)?;
    let set = adapter_settings::said(&args.set, &args.set_file, output)?;
    let set = Settings::from_texts(set);
    let settings = config.adapter.clone().overridden_by(set);
    let adapter = catalog.instrument(&args.adapter, &settings)?;
    let rules_name = adapter.info().rules;
    let rules = catalog.rule_set(rules_name, &config.rules_of(rules_name)?)?;
    let now = args.now.unwrap_or_else(|| SystemClock.now());

    let (input, bar) = open(&args.file)?;
    let mut reading = Reading::new(args, output, bar);
    let outcome = adapter.read(input, now, &mut reading).await;
    reading.bar.finish_and_clear();
    let outcome = match outcome {
        // Whoever read our output went away (`wom read … | head`).
        Err(error) if error.kind() == Kind::Cancelled => return Ok(()),
        Err(error) if args.file != Path::new("-") => Err(error.with("file", args.file.display())),
        other => other,
    };
    if reading.is_empty() {
        outcome.clone()?;
    }

    let Reading {
        ledger,
        observations,
        refused,
        mut lines,
        ..
    } = reading;
    let mut machine = Machine::new(&mut lines);
    let mut human = Human::new(output, &args.zone);
    let listener: &mut dyn Listener = if output.json {
        &mut machine
    } else {
        &mut human
    };
    let (totals, torn) = ledger.judge(&*rules, now, &args.zone, listener)?;
    let totals = Totals {
        observations,
        refused,
        ..totals
    };
    if output.json {
        machine.end(&totals)?;
    } else {
        human.end(&totals);
    }
    if torn {
        output.note(output.say(
            "So many records bear on one another that they were judged in parts; minutes may differ a little.",
            "Le registrazioni legate fra loro sono così tante che sono state valutate a parti; i minuti possono differire di poco.",
        ));
    }
    outcome
}

/// The input, and a progress bar where that helps.
fn open(file: &Path) -> Result<(Input, ProgressBar)> {
    if file == Path::new("-") {
        let input = Input::Reader(Box::new(std::io::stdin()));
        return Ok((input, ProgressBar::hidden()));
    }
    let length = std::fs::metadata(file).map_or(0, |data| data.len());
    Ok((Input::Path(file.to_owned()), progress::bytes(length)))
}

/// Takes in what the adapter reads, and prints it as it comes.
struct Reading<'a> {
    output: &'a Output,
    lines: BufWriter<Stdout>,
    bar: ProgressBar,
    ledger: Ledger,
    observations: u64,
    refused: u64,
}

impl<'a> Reading<'a> {
    fn new(args: &Args, output: &'a Output, bar: ProgressBar) -> Self {
        Self {
            output,
            lines: BufWriter::new(std::io::stdout()),
            bar,
            ledger: Ledger::new(args.show_subjects),
            observations: 0,
            refused: 0,
        }
    }

    fn line(&mut self, text: impl std::fmt::Display) -> Result<()> {
        writeln!(self.lines, "{text}").map_err(nobody_reads)
    }

    fn is_empty(&self) -> bool {
        self.observations == 0 && self.refused == 0
    }
}

#[async_trait]
impl Sink for Reading<'_> {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        for observation in chunk {
            self.observations += 1;
            if !self.output.json {
                self.ledger.take(observation)?;
                continue;
            }
            let mut object = observation_object(&observation);
            let name = self.ledger.take(observation)?;
            object["participant"] = name.into();
            self.line(json!({ "observation": object }))?;
        }
        Ok(())
    }

    async fn refuse(&mut self, refusal: Refusal) -> Result<()> {
        self.refused += 1;
        if self.output.json {
            return self.line(json!({ "refused": refusal_object(&refusal) }));
        }
        let shown = usize::try_from(self.refused).unwrap_or(usize::MAX);
        if shown == 1 {
            let heading = self.output.say("Refused", "Rifiutati");
            self.output.heading(heading);
        }
        if shown <= SHOWN {
            self.output.line(format_args!("  {refusal}"));
        } else if shown == SHOWN + 1 {
            self.output.line(self.output.say(
                "  … (--json lists all of them)",
                "  … (--json li elenca tutti)",
            ));
        }
        Ok(())
    }

    fn progress(&mut self, bytes: u64) {
        self.bar.set_position(bytes);
    }
}

/// The observation by the names that `activity.json` uses.
fn observation_object(observation: &Observation) -> serde_json::Value {
    let mut object = json!({
        "participant": null,
        "key": observation.key.to_hex(),
        "revision": observation.revision,
        "stream": observation.provenance.stream.to_hex(),
        "device": observation.provenance.device,
        "recording": observation.provenance.recording,
    });
    let body = serde_json::to_value(&observation.body).unwrap_or_default();
    let serde_json::Value::Object(body) = body else {
        return object;
    };
    for (name, value) in body {
        match name.as_str() {
            "span" | "within" | "range" => {
                object["start"] = value[0].clone();
                object["end"] = value[1].clone();
            }
            "name" => object["milestone"] = value,
            _ if value.is_null() => {}
            _ => object[name] = value,
        }
    }
    object
}

fn refusal_object(refusal: &Refusal) -> serde_json::Value {
    let mut object = json!({"code": refusal.code, "message": refusal.message});
    if let Some(field) = refusal.field {
        object["field"] = field.into();
    }
    for (name, number) in &refusal.at {
        object[*name] = (*number).into();
    }
    object
}

/// The summary for machines: one line, which is written as the days come.
struct Machine<'a> {
    lines: &'a mut BufWriter<Stdout>,
    begun: bool,
}

impl<'a> Machine<'a> {
    fn new(lines: &'a mut BufWriter<Stdout>) -> Self {
        Self {
            lines,
            begun: false,
        }
    }

    fn write(&mut self, text: &str) -> Result<()> {
        self.lines.write_all(text.as_bytes()).map_err(nobody_reads)
    }

    fn end(&mut self, totals: &Totals) -> Result<()> {
        if !self.begun {
            self.write("{\"summary\":{\"days\":[")?;
        }
        let totals = json!(totals).to_string();
        self.write("],")?;
        self.write(totals.trim_start_matches('{'))?;
        self.write("}\n")?;
        self.lines.flush().map_err(nobody_reads)
    }
}

impl Listener for Machine<'_> {
    fn part(&mut self, _: &str, _: &[Entry], _: &Judgement) -> Result<()> {
        Ok(())
    }

    fn days(&mut self, person: &str, days: &BTreeMap<Day, i64>) -> Result<()> {
        for (day, minutes) in days {
            let before = if self.begun {
                ","
            } else {
                "{\"summary\":{\"days\":["
            };
            self.begun = true;
            self.write(before)?;
            let day = json!({"participant": person, "day": day, "minutes": minutes});
            self.write(&day.to_string())?;
        }
        Ok(())
    }
}

fn nobody_reads(error: std::io::Error) -> Error {
    Error::new(Kind::Cancelled, "nobody reads the output any more").because(error)
}

/// The report for people: every finding, and the minutes of each day, as far as anybody reads.
struct Human<'a> {
    output: &'a Output,
    zone: &'a Zone,
    people: usize,
    /// Whether the person at hand was named.
    named: bool,
    /// Findings of the person at hand.
    findings: usize,
}

impl Listener for Human<'_> {
    fn part(&mut self, person: &str, entries: &[Entry], judgement: &Judgement) -> Result<()> {
        if !self.named {
            self.named = true;
            self.people += 1;
            if self.people <= SHOWN {
                self.output.heading(person);
            }
        }
        let bodies: BTreeMap<_, _> = entries
            .iter()
            .map(|entry| (entry.key, &entry.body))
            .collect();
        for finding in &judgement.findings {
            self.findings += 1;
            if self.people <= SHOWN && self.findings <= SHOWN {
                let what = bodies.get(&finding.key).map(|body| what(body));
                self.finding(finding, &what.unwrap_or_default());
            }
        }
        Ok(())
    }

    fn days(&mut self, _: &str, days: &BTreeMap<Day, i64>) -> Result<()> {
        self.named = false;
        let findings = std::mem::take(&mut self.findings);
        if self.people > SHOWN {
            return Ok(());
        }
        self.more(findings.saturating_sub(SHOWN));
        for (day, minutes) in days.iter().take(SHOWN) {
            self.output
                .line(format_args!("  = {day}  {minutes:>4} min"));
        }
        self.more(days.len().saturating_sub(SHOWN));
        Ok(())
    }
}

impl<'a> Human<'a> {
    fn new(output: &'a Output, zone: &'a Zone) -> Self {
        Self {
            output,
            zone,
            people: 0,
            named: false,
            findings: 0,
        }
    }

    fn more(&self, count: usize) {
        if count > 0 {
            let rest = self
                .output
                .say("more (--json lists all)", "altri (--json li elenca tutti)");
            self.output.line(format_args!("  … {count} {rest}"));
        }
    }

    fn finding(&self, finding: &Finding, what: &str) {
        let (start, end) = (finding.span.start(), finding.span.end());
        let day = self.zone.day(start);
        let mut time = format!("{day} {}", self.clock(start));
        if end > start {
            time += &format!("–{}", self.end_clock(day, end));
        }
        let reason = match self.output.language {
            Language::Italian => finding.reason.it,
            _ => finding.reason.en,
        };
        let hold = if finding.hold {
            self.output.say(" (held)", " (in sospeso)")
        } else {
            ""
        };
        let worth = match finding.millis {
            0 => "     ·".to_owned(),
            millis => format!("{:>3}:{:02}", millis / MINUTE_MS, millis % MINUTE_MS / 1000),
        };
        self.output.line(format_args!(
            "  {time:<22}  {what:<20}  {worth}  {reason}{hold}"
        ));
    }

    fn clock(&self, at: Timestamp) -> String {
        let minute = self.zone.minute_of_day(at);
        format!("{:02}:{:02}", minute / 60, minute % 60)
    }

    fn end_clock(&self, day: Day, end: Timestamp) -> String {
        match self.zone.day(end) {
            last if last == day || last == day.next() => self.clock(end),
            last => format!("{last} {}", self.clock(end)),
        }
    }

    fn end(&self, totals: &Totals) {
        if self.people > SHOWN {
            self.output.line("");
            self.more(self.people - SHOWN);
        }
        let say = |english, italian| self.output.say(english, italian);
        self.output.heading(say("Summary", "Riepilogo"));
        self.output.line(format_args!(
            "  {}: {}   {}: {}   {}: {}",
            say("observations", "osservazioni"),
            totals.observations,
            say("people", "persone"),
            totals.participants,
            say("refused", "rifiutati"),
            totals.refused,
        ));
        self.output.line(format_args!(
            "  {}: {}   {}: {}",
            say("minutes", "minuti"),
            totals.minutes,
            say("steps", "passi"),
            totals.steps,
        ));
        if let (Some(from), Some(to)) = (totals.from, totals.to) {
            self.output.line(format_args!("  {from} – {to}"));
        }
    }
}

/// What was done, in a few words.
fn what(body: &Body) -> String {
    match body {
        Body::Interval { activity, .. }
        | Body::Seconds { activity, .. }
        | Body::Point { activity, .. }
        | Body::Tally { activity, .. } => match steps(body) {
            Some(steps) => format!("{activity}, {steps}"),
            None => activity.to_string(),
        },
        Body::Steps { steps, .. } => format!("stepping, {steps}"),
        Body::Milestone { name, minutes, .. } => format!("{name}, {minutes} min"),
        _ => String::new(),
    }
}
