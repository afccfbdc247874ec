//! `wom audit`: the books, recomputed.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use serde_json::json;
use wom_registry::{Registry, RegistryOptions, RequestState};
use wom_sdk::{
    Error, Kind, Result,
    audit::{Audit, Auditor, Behind, Difference, Found, Made, RegistryBooks},
    campaign::Language,
    protocol::{Otc, SourceId},
    registry::RegistryClient,
};

use crate::{config::Config, output::Output, profile::Profile, progress};

/// Books that do not agree have an exit code of their own.
const DISAGREE: u8 = 4;

/// Add everything up again and hold it against itself and the Registry. Changes nothing, and makes no
/// store where there is none. A store in a file is read while no other program has it open.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The configuration: see wom init.
    #[arg(long, default_value = "wom.toml")]
    config: PathBuf,
    /// The folder of the Registry, where it is one of ours: its books are read too.
    #[arg(long, value_name = "DIR")]
    registry_dir: Option<PathBuf>,
    /// Do not ask the Registry over the network.
    #[arg(long)]
    offline: bool,
}

pub async fn run(args: Args, output: &Output) -> Result<u8> {
    let config = Config::read(&args.config)?;
    let source = config.profile.source()?;
    let registry = match &args.registry_dir {
        Some(dir) => Some(Folder::open(dir, source).await?),
        None => None,
    };
    let store = config.profile.store.open_to_read().await?;
    let mut auditor =
        Auditor::new(store.clone(), config.keys.open()?).campaign(config.campaign.clone());
    if let Some(folder) = &registry {
        auditor = auditor.registry(folder.clone());
    }
    let awards = store.numbers().await?.awards;
    let bar = progress::items(awards.iter().map(|count| count.count).sum());
    let audited = auditor.run(|read| bar.set_position(read)).await;
    bar.finish_and_clear();
    store.close().await?;
    let mut audit = audited?;
    if let Some(folder) = &registry {
        folder.check(&mut audit.found).await?;
    }
    let asked = match args.offline {
        true => None,
        false => Some(ask(&config.profile, &mut audit).await),
    };
    tell(&audit, asked, output);
    Ok(match audit.agrees() {
        true => 0,
        false => DISAGREE,
    })
}

/// A Registry's own books, in its folder.
#[derive(Clone, Debug)]
pub struct Folder {
    registry: Registry,
    source: SourceId,
}

impl Folder {
    /// The Registry in this folder, as this source sees it.
    pub async fn open(dir: &Path, source: SourceId) -> Result<Self> {
        if !dir.join("registry.db").exists() {
            return Err(
                Error::new(Kind::InputInvalid, "there is no Registry in this folder")
                    .with("dir", dir.display())
                    .hint("give the folder that wom registry serve was started with"),
            );
        }
        let registry = Registry::open(dir, RegistryOptions::new()).await?;
        Ok(Self { registry, source })
    }

    /// Whether the Registry's books agree with themselves.
    async fn check(&self, found: &mut Found) -> Result<()> {
        let books = self.registry.books().await?;
        for (aim, sums) in &books.by_aim {
            let grows = sums.spent <= sums.redeemed
                && sums.redeemed <= sums.issued
                && sums.issued <= sums.generated;
            if !grows {
                found.add(Difference::RegistryContradicts, format!("aim {aim}"));
            }
        }
        if books.paid != books.total.spent {
            let place = format!("{} min paid, {} spent", books.paid, books.total.spent);
            found.add(Difference::RegistryContradicts, place);
        }
        Ok(())
    }
}

#[async_trait]
impl RegistryBooks for Folder {
    async fn code(&self, otc: &Otc) -> Result<Option<Behind>> {
        let book = self.registry.request_book(otc).await?;
        Ok(book.map(|book| Behind {
            good: book.state != RequestState::Created,
            minutes: book.count,
        }))
    }

    async fn made(&self) -> Result<BTreeMap<String, Made>> {
        let books = self.registry.books_of(&self.source).await?;
        let books = books.ok_or_else(|| {
            Error::new(
                Kind::SourceUnknown,
                "the Registry in this folder does not know the source",
            )
            .with("dir", self.registry.dir().display())
            .hint("give the folder of the Registry that the profile names")
        })?;
        let made = |sums: wom_registry::Sums| Made {
            generated: sums.generated,
            issued: sums.issued,
        };
        Ok(books
            .into_iter()
            .map(|(aim, sums)| (aim, made(sums)))
            .collect())
    }
}

/// What any Registry tells: whether it knows the source, and what that may award. Its answer, or
/// why there is none.
async fn ask(profile: &Profile, audit: &mut Audit) -> Result<String, &'static str> {
    let ask = async |client: RegistryClient, source: SourceId| client.source(&source).await;
    let answer = match (profile.client(), profile.source()) {
        (Ok(client), Ok(source)) => ask(client, source).await,
        (Err(error), _) | (_, Err(error)) => Err(error),
    };
    match answer {
        Ok(info) => {
            for aim in audit.sums.by_aim.keys() {
                // A Registry that does not tell the aims leaves the question open.
                if !info.aims.is_empty() && !info.aims.iter().any(|other| other.covers(*aim)) {
                    let place = format!("aim {aim}");
                    audit.found.add(Difference::AimRefused, place);
                }
            }
            Ok(info.name)
        }
        Err(error) if error.kind() == Kind::SourceUnknown => {
            let place = "asked over the network".to_owned();
            audit.found.add(Difference::SourceUnknown, place);
            Err(error.code())
        }
        Err(error) => Err(error.code()),
    }
}

fn tell(audit: &Audit, asked: Option<Result<String, &'static str>>, output: &Output) {
    for (difference, place) in &audit.found.differences {
        output.object(&json!({"difference": {
            "code": difference.code(),
            "place": place,
            "message": difference.message(),
            "hint": difference.advice(),
        }}));
    }
    let (known, unasked) = match &asked {
        Some(Ok(name)) => (Some(name), None),
        Some(Err(code)) => (None, Some(*code)),
        None => (None, Some("offline")),
    };
    output.object(&json!({"audit": {
        "agrees": audit.agrees(),
        "differences": audit.found.count,
        "sums": audit.sums,
        "orphans": audit.orphans,
        "givenUp": audit.given_up,
        "unknownLines": audit.unknown_lines,
        "source": known,
        "notAsked": unasked,
    }}));
    if !output.json {
        for_people(audit, known, unasked, output);
    }
}

fn for_people(audit: &Audit, known: Option<&String>, unasked: Option<&str>, output: &Output) {
    let italian = output.language == Language::Italian;
    let sums = &audit.sums;
    let line = |name: &str, awards: u64, minutes: u64| {
        output.line(format_args!("  {name:<18} {awards:>10} {minutes:>12}"));
    };
    output.line(format_args!(
        "  {:<18} {:>10} {:>12}",
        "",
        output.say("awards", "premi"),
        output.say("minutes", "minuti")
    ));
    for (state, sum) in &sums.by_state {
        line(state, sum.awards, sum.minutes);
    }
    for (month, aims) in &sums.by_month {
        for (aim, sum) in aims {
            line(&format!("{month}  {aim}"), sum.awards, sum.minutes);
        }
    }
    line(
        output.say("all", "in tutto"),
        sums.total.awards,
        sums.total.minutes,
    );
    output.line(match italian {
        true => format!(
            "\n{} conti di {} partecipanti: {} minuti riconosciuti, {} assegnati",
            sums.accounts, sums.participants, sums.settled_minutes, sums.awarded_minutes
        ),
        false => format!(
            "\n{} accounts of {} participants: {} minutes settled, {} awarded",
            sums.accounts, sums.participants, sums.settled_minutes, sums.awarded_minutes
        ),
    });
    if audit.given_up > 0 {
        output.line(match italian {
            true => format!(
                "{} minuti abbandonati prima di avere un codice",
                audit.given_up
            ),
            false => format!("{} minutes given up before they had a code", audit.given_up),
        });
    }
    if let Some(orphans) = audit.orphans {
        output.line(match italian {
            true => format!("Registro: {orphans} minuti in codici mai confermati (innocui)"),
            false => {
                format!("Registry: {orphans} minutes in codes that were never made good (harmless)")
            }
        });
    }
    match (known, unasked) {
        (Some(name), _) => output.line(format_args!(
            "{} {name}",
            output.say(
                "The Registry knows the source as",
                "Il registro conosce la fonte come"
            )
        )),
        (None, Some(code)) => output.line(format_args!(
            "{} ({code})",
            output.say(
                "The Registry was not asked",
                "Il registro non è stato interrogato"
            )
        )),
        (None, None) => {}
    }
    for name in &audit.unknown_lines {
        output.line(format_args!(
            "{}: {}",
            output.say(
                "A line that this campaign does not have",
                "Una riga che questa campagna non ha"
            ),
            name.escape_debug()
        ));
    }
    if audit.agrees() {
        output.heading(output.say("The books agree.", "I conti tornano."));
        return;
    }
    output.heading(match italian {
        true => format!("I conti NON tornano: {} differenze.", audit.found.count),
        false => format!("The books do NOT agree: {} differences.", audit.found.count),
    });
    let mut kinds = BTreeMap::<Difference, Vec<&String>>::new();
    for (difference, place) in &audit.found.differences {
        kinds.entry(*difference).or_default().push(place);
    }
    for (difference, places) in kinds {
        output.line(format_args!(
            "\n{} [{}]",
            difference.message(),
            difference.code()
        ));
        for place in places {
            output.line(format_args!("  {place}"));
        }
        output.line(format_args!("  → {}", difference.advice()));
    }
}
