//! Codes written to a file, for whoever hands them over: a table, or slips to print.

use std::path::{Path, PathBuf};

use serde_json::json;
use wom_sdk::{
    Clock as _, Error, Kind, Result, SystemClock, Timestamp, Zone,
    campaign::Language,
    claim::{Claim, ClaimSink as _},
    dispatcher::Dispatcher,
    files::replace_privately,
    store::AwardRecord,
};
use wom_sinks::{CsvSink, Languages, Slips};

use crate::output::Output;

/// How slips look.
#[derive(clap::Args, Debug)]
pub struct Look {
    /// The campaign's name on slips; the configuration's where not given.
    #[arg(long)]
    title: Option<String>,
    /// The languages of slips.
    #[arg(long, value_enum, default_value = "both")]
    language: SlipLanguage,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum SlipLanguage {
    /// Italian, and English below it.
    Both,
    It,
    En,
}

/// A file that takes codes.
pub struct Target {
    path: PathBuf,
    form: Form,
}

enum Form {
    Csv(CsvSink),
    Pdf(Slips, Timestamp),
}

impl Target {
    /// The file at this path, `.csv` or `.pdf`; one with slips must be new.
    pub fn new(path: &Path, look: &Look, campaign: &str, zone: Zone) -> Result<Self> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let form = match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => Form::Csv(CsvSink::open(path)?.in_zone(zone)),
            Some("pdf") => {
                unused(path)?;
                let slips = Slips::new(look.title.as_deref().unwrap_or(campaign))?
                    .in_zone(zone)
                    .in_languages(look.language.into());
                Form::Pdf(slips, SystemClock.now())
            }
            _ => {
                return Err(Error::new(
                    Kind::InputInvalid,
                    "the file's name ends neither with .csv nor with .pdf",
                ));
            }
        };
        let path = path.to_owned();
        Ok(Self { path, form })
    }

    /// The most codes that it takes.
    pub fn most(&self) -> usize {
        match self.form {
            Form::Csv(_) => usize::MAX,
            Form::Pdf(..) => Slips::MOST,
        }
    }

    /// Brings the codes of these awards, at most [`most`](Self::most), and writes them; those that
    /// are on the disk for good are forgotten, unless they are kept.
    pub async fn hand_out(
        &self,
        dispatcher: &Dispatcher,
        records: &[AwardRecord],
        keep: bool,
        output: &Output,
    ) -> Result<()> {
        let taken = &records[..records.len().min(self.most())];
        // Many at a time; one after the other below is for those that need a second look.
        dispatcher.run_due(usize::MAX).await?;
        let (mut count, mut minutes, mut failed) = (0, 0, None);
        for records in taken.chunks(self.at_once()) {
            let mut claims = Vec::with_capacity(records.len());
            for record in records {
                match dispatcher.bring_again(record.key).await {
                    Ok(_) => claims.push(dispatcher.claim(record.key).await?),
                    Err(error) => failed = Some(error),
                }
            }
            if claims.is_empty() {
                continue;
            }
            self.write(&claims).await?;
            count += claims.len();
            for claim in &claims {
                minutes += u64::from(claim.ticket.minutes);
                if !keep {
                    dispatcher.acknowledge_key(claim.key).await?;
                }
            }
        }
        let waiting = records.len() - count;
        output.object(&json!({"exported": {
            "file": self.path,
            "count": count,
            "minutes": minutes,
            "waiting": waiting,
        }}));
        let file = self.path.display();
        output.line(match output.language {
            Language::Italian => format!("{count} codici in {file}, {waiting} in attesa"),
            _ => format!("{count} codes in {file}, {waiting} waiting"),
        });
        failed.map_or(Ok(()), |error| {
            Err(error.hint("what was written is safe; wom outbox export goes on with the others"))
        })
    }

    /// How many claims are written together: all slips are one document.
    fn at_once(&self) -> usize {
        match self.form {
            Form::Csv(_) => 500,
            Form::Pdf(..) => Slips::MOST,
        }
    }

    async fn write(&self, claims: &[Claim]) -> Result<()> {
        match &self.form {
            Form::Csv(sink) => sink.deliver(claims).await,
            Form::Pdf(slips, now) => {
                let pdf = slips.pdf(claims, slips.zone().day(*now))?;
                replace_privately(&self.path, &pdf).map_err(|error| {
                    Error::new(Kind::StorageFailed, "the slips cannot be written")
                        .with("file", self.path.display())
                        .because(error)
                })
            }
        }
    }
}

/// Slips that were written before may be the only ones that have their codes.
fn unused(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    Err(Error::new(Kind::InputInvalid, "the file is there already")
        .with("file", path.display())
        .hint("name a new file: the old one may hold codes that nobody has printed"))
}

impl From<SlipLanguage> for Languages {
    fn from(language: SlipLanguage) -> Self {
        match language {
            SlipLanguage::Both => Self::ItalianEnglish,
            SlipLanguage::It => Self::Italian,
            SlipLanguage::En => Self::English,
        }
    }
}
