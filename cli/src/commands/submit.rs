//! `wom submit`: activity in, codes out.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use indicatif::ProgressBar;
use serde_json::json;
use wom_catalog::{Catalog, Settings};
use wom_sdk::{
    Digest, Error, Kind, Result,
    collector::{Settled, Submission, Watcher},
    dispatcher::Dispatcher,
    instrument::{Input, Refusal},
    store::{AwardRecord, DeliveryId, Store},
};

use super::award::print_ticket;
use crate::{
    adapter_settings::{self, assignment},
    config::Config,
    files,
    hand_out::{Look, Target},
    output::Output,
    programme::Programme,
    progress,
};

/// Take in a file of activity and award what is due.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The configuration: see wom init.
    #[arg(long, default_value = "wom.toml")]
    config: PathBuf,
    /// A setting of the adapter, as NAME=VALUE; stands above the configuration.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// A setting whose value stands in a file, or on standard input (-): for a person's id, as
    /// others can read a command line.
    #[arg(long = "set-file", value_name = "NAME=FILE", value_parser = assignment)]
    set_file: Vec<(String, String)>,
    /// Forget the codes once they are printed: they are not shown again.
    #[arg(long)]
    acknowledge: bool,
    /// Write the codes to a file in place of showing them: FILE.csv gets a line for each; FILE.pdf is
    /// new, and has a slip to print for each. They are forgotten here then.
    #[arg(long, value_name = "FILE", conflicts_with = "acknowledge")]
    to: Option<PathBuf>,
    #[command(flatten)]
    look: Look,
    /// The adapter: see wom adapters.
    adapter: String,
    /// The file, or - for standard input.
    file: PathBuf,
}

pub async fn run(mut args: Args, catalog: &Catalog, output: &Output) -> Result<()> {
    args.set = adapter_settings::said(&args.set, &args.set_file, output)?;
    let config = Config::read(&args.config)?;
    let settings = settings_of(&config, &args)?;
    let adapter = catalog.instrument(&args.adapter, &settings)?;
    let delivery = delivery(&args, &config)?;
    let campaign = &config.campaign;
    let target = args
        .to
        .as_deref()
        .map(|path| Target::new(path, &args.look, &campaign.name, campaign.zone.clone()));
    let target = target.transpose()?;
    let Programme {
        store,
        collector,
        dispatcher,
        ..
    } = Programme::open(config, catalog).await?;

    // Days that were still open when they came in may have settled meanwhile.
    let mut settled = collector.settle_due(usize::MAX).await?;
    let (input, size) = open_input(&args.file)?;
    let mut watcher = Progress::new(size, output);
    let submission = collector
        .submit(&*adapter, input, delivery, &mut watcher)
        .await;
    watcher.bar.finish_and_clear();
    let mut report = Report {
        output,
        awarded: 0,
        waiting: 0,
        held: 0,
    };
    let mut submission = match submission {
        Ok(submission) => submission,
        Err(error) => {
            report.accepted_so_far();
            store.close().await?;
            return Err(error);
        }
    };
    settled.append(&mut submission.settled);
    report.explain(&settled);
    let handed_over = match target {
        Some(target) => {
            let records = collectable(&*store).await?;
            report.awarded = records
                .iter()
                .map(|record| u64::from(record.content.minutes()))
                .sum();
            target.hand_out(&dispatcher, &records, false, output).await
        }
        None => hand_over(&dispatcher, &*store, args.acknowledge, &mut report).await,
    };
    store.close().await?;
    report.close(&submission);
    handed_over
}

/// Brings every award that is not collected yet, and prints its code.
async fn hand_over(
    dispatcher: &Dispatcher,
    store: &dyn Store,
    acknowledge: bool,
    report: &mut Report<'_>,
) -> Result<()> {
    // Many at a time; one after the other below is for those that need a second look.
    dispatcher.run_due(usize::MAX).await?;
    let mut failed = None;
    for record in collectable(store).await? {
        let content = &record.content;
        match dispatcher.bring_again(record.key).await {
            Ok(ticket) => {
                report.awarded += u64::from(ticket.minutes);
                let first = &content.sorts()[0];
                report.output.object(&json!({"awarded": {
                    "aim": first.aim,
                    "minutes": ticket.minutes,
                    "day": first.at,
                    "otc": ticket.otc.reveal(),
                    "pin": ticket.pin.reveal(),
                    "link": ticket.link.reveal(),
                    "count": ticket.minutes,
                }}));
                report.output.heading(format_args!(
                    "{} WOM, {}",
                    ticket.minutes,
                    aim_title(first.aim, report.output)
                ));
                print_ticket(&ticket, report.output);
                if acknowledge {
                    dispatcher.acknowledge_key(record.key).await?;
                }
            }
            Err(error) => {
                report.output.object(&json!({"pending": {
                    "minutes": content.minutes(),
                    "code": error.code(),
                    "retry": error.retry().code(),
                }}));
                failed = Some(error);
            }
        }
    }
    match failed {
        None => Ok(()),
        Some(error) => {
            Err(error.hint("what was accepted is safe: the next wom submit goes on with it"))
        }
    }
}

/// The awards whose codes may be handed over.
async fn collectable(store: &dyn Store) -> Result<Vec<AwardRecord>> {
    let mut records = store.unacknowledged(None, usize::MAX).await?;
    records.retain(|record| !record.state.is_withheld());
    Ok(records)
}

/// The aim's title in the reader's language, with its code.
pub fn aim_title(aim: wom_sdk::protocol::Aim, output: &Output) -> String {
    aim.known().map_or_else(
        || aim.to_string(),
        |info| format!("{} ({aim})", output.say(info.en, info.it)),
    )
}

fn settings_of(config: &Config, args: &Args) -> Result<Settings> {
    let settings = match config.adapters.get(&args.adapter) {
        Some(table) => Settings::from_table(table)?,
        None => Settings::none(),
    };
    Ok(settings.overridden_by(Settings::from_texts(args.set.clone())))
}

/// The name of this very file read in this very way; none for standard input, which is read once.
fn delivery(args: &Args, config: &Config) -> Result<Option<DeliveryId>> {
    if args.file == Path::new("-") {
        return Ok(None);
    }
    let content = files::digest(&args.file).map_err(|error| unreadable(&args.file, error))?;
    let settings = format!(
        "{:?} {:?} {}",
        config.adapters.get(&args.adapter),
        args.set,
        config.campaign.name
    );
    let parts = [
        b"submit/1".as_slice(),
        args.adapter.as_bytes(),
        settings.as_bytes(),
        &content,
    ];
    Ok(Some(DeliveryId(Digest::of(parts))))
}

/// The input and its size in bytes, where that is known.
pub fn open_input(path: &Path) -> Result<(Input, Option<u64>)> {
    if path == Path::new("-") {
        let stdin: Box<dyn Read + Send> = Box::new(std::io::stdin());
        return Ok((Input::Reader(stdin), None));
    }
    let size = File::open(path)
        .and_then(|file| file.metadata())
        .map_err(|error| unreadable(path, error))?
        .len();
    Ok((Input::Path(path.to_owned()), Some(size)))
}

fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::new(Kind::InputInvalid, "cannot read the file")
        .with("file", path.display())
        .because(error)
}

/// Shows how far reading is, and every record that is refused.
struct Progress<'a> {
    bar: ProgressBar,
    output: &'a Output,
}

impl<'a> Progress<'a> {
    fn new(size: Option<u64>, output: &'a Output) -> Self {
        let bar = match size {
            Some(size) if !output.json => progress::bytes(size),
            _ => ProgressBar::hidden(),
        };
        Self { bar, output }
    }
}

impl Watcher for Progress<'_> {
    fn refused(&mut self, refusal: &Refusal) {
        self.output.object(&json!({"refused": {
            "code": refusal.code,
            "message": refusal.message,
            "at": refusal.at.iter().map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>(),
            "field": refusal.field,
        }}));
        self.bar.suspend(|| {
            self.output.line(format_args!(
                "{} {refusal}",
                self.output.say("refused:", "scartato:")
            ))
        });
    }

    fn progress(&mut self, bytes: u64) {
        self.bar.set_position(bytes);
    }
}

/// What is said of what came in.
struct Report<'a> {
    output: &'a Output,
    awarded: u64,
    waiting: u64,
    held: u64,
}

impl Report<'_> {
    fn accepted_so_far(&self) {
        self.output.note(self.output.say(
            "What came in before this is safe; mend the file and submit it again.",
            "Quanto letto finora è al sicuro; correggi il file e invialo di nuovo.",
        ));
    }

    fn explain(&mut self, settled: &[Settled]) {
        for settled in settled {
            for finding in settled
                .judgement
                .findings
                .iter()
                .filter(|finding| finding.hold)
            {
                self.held += 1;
                let why = self.output.say(finding.reason.en, finding.reason.it);
                self.output.object(&json!({"held": {"span": finding.span, "reason": finding.reason.code, "why": why}}));
                self.output.line(format_args!(
                    "{} {}  {why}",
                    self.output.say("held:", "in sospeso:"),
                    finding.span
                ));
            }
            for counted in &settled.assessment.counted {
                let due = settled
                    .assessment
                    .due
                    .iter()
                    .any(|due| (&due.line, &due.unit) == (&counted.line, &counted.unit));
                let sentence = counted.sentence(self.output.language);
                if due || counted.minutes == 0 {
                    self.output.object(&json!({"counted": {"line": counted.line, "unit": counted.unit, "minutes": counted.minutes, "why": sentence}}));
                    self.output.line(sentence);
                    continue;
                }
                self.waiting += u64::from(counted.minutes);
                self.output.object(&json!({"waiting": {"line": counted.line, "unit": counted.unit, "minutes": counted.minutes, "settles": counted.settles, "why": sentence}}));
                let until = self.output.say("; settles at", "; si chiude il");
                self.output
                    .line(format_args!("{sentence}{until} {}", counted.settles));
            }
        }
    }

    fn close(&self, submission: &Submission) {
        let Self {
            output,
            awarded,
            waiting,
            held,
        } = self;
        output.object(&json!({"summary": {
            "repeated": submission.repeated,
            "observations": submission.observations,
            "refused": submission.refused,
            "awarded": awarded,
            "waiting": waiting,
            "held": held,
        }}));
        if submission.repeated {
            output.line(output.say(
                "This very file was taken in before; nothing of it counts twice.",
                "Proprio questo file era già stato acquisito: nulla conta due volte.",
            ));
        }
        output.line(match output.language {
            wom_sdk::campaign::Language::Italian => format!(
                "\n{} osservazioni, {} scartate; {awarded} WOM da ritirare, {waiting} min in attesa, {held} in sospeso",
                submission.observations, submission.refused
            ),
            _ => format!(
                "\n{} observations, {} refused; {awarded} WOM to collect, {waiting} min waiting, {held} held",
                submission.observations, submission.refused
            ),
        });
    }
}
