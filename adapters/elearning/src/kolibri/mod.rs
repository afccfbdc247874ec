//! The adapter `elearning.kolibri`: the visits that Kolibri counted, and what was completed.
//!
//! Kolibri's pages count while they can be seen, so its seconds are fair; but the server adds up
//! whatever a browser sends, so they are a claim. A visit yields *seconds within* the time from its
//! first to its last interaction, at most the length of that.
//!
//! # What it reads
//! * The CSV exports, in English: `kolibri manage exportlogs -l session --locale en …` for visits and
//!   `-l summary` for completions. Columns are found by their names, and others are passed over.
//! * Kolibri's data base `db.sqlite3`, opened for reading only: as a file, or again and again by
//!   [pulling](KolibriConfig::database), while Kolibri runs.
//!
//! Both name a learner by facility (namespace `kolibri:` and its name) and user name, and a visit by
//! learner, content and first instant, so that reading both counts once. A visit that goes on replaces what was read
//! of it before. Kolibri leaves quizzes out of its exports; the data base has them.
//!
//! # What is refused
//! | code | what |
//! |---|---|
//! | `unattributed` | a visit of somebody who was not logged in |
//! | `not_a_learner` | a coach, an administrator, whoever runs the device |
//! | `no_zone`, `bad_time` | a time that names no instant, or a visit that ends before it begins |
//! | `future` | a time more than two minutes ahead |
//! | `too_long` | a visit over 31 days |
//! | `bad_value`, `missing_field` | anything else that Kolibri does not write |
//! | `bad_csv`, `not_utf8`, `too_large` | a row that is none |

mod config;
mod database;
mod export;
mod log;

use std::{
    io::Read,
    path::{Path, PathBuf},
    pin::pin,
};

use async_trait::async_trait;
use futures_util::{Stream, StreamExt as _};
use wom_sdk::{
    Body, Error, Kind, Observation, Result, Timestamp,
    instrument::{Capabilities, Chunks, Cursor, Info, Input, Instrument, Proven, Refusal, Sink},
    observation::{Goal, Trace},
};

use crate::{Source, lines::peek};

pub use config::KolibriConfig;
use database::Database;
use export::Export;
use log::Row;

/// How far a pull looks back: what another device adds later than this is too late to count.
const LOOK_BACK_MS: i64 = 8 * 86_400_000;

/// Reads Kolibri's logs: see the [module](self).
#[derive(Clone, Debug)]
pub struct Kolibri {
    source: Source,
    database: Option<PathBuf>,
}

impl Kolibri {
    /// The adapter with these settings.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if a file of durations cannot be read.
    pub fn new(config: KolibriConfig) -> Result<Self> {
        Ok(Self {
            source: Source::new(&config.source, &config.durations, config.milestones)?,
            database: config.database,
        })
    }

    /// What a row brings; `None` for a completion where nobody asked for milestones.
    fn observation(&self, row: Row) -> Result<Option<Observation>, Refusal> {
        let source = &self.source;
        let (learner, content, key, revision, trace) = match row {
            Row::Visit(visit) => {
                let trace = Trace::Seconds {
                    within: visit.within,
                    millis: visit.claimed_ms,
                };
                let (key, revision) = (visit.key(source), visit.revision());
                (visit.learner, visit.content, key, revision, trace)
            }
            Row::Completion(_) if !source.hands_on_milestones() => return Ok(None),
            Row::Completion(done) => {
                let trace = Trace::Milestone {
                    at: done.at,
                    goal: Goal::Completed,
                };
                let key = done.key(source);
                (done.learner, done.content, key, 0, trace)
            }
        };
        Ok(Some(Observation {
            subject: learner.subject()?,
            key,
            revision,
            provenance: source.provenance(),
            body: Body::Study(source.study(source.item(&content), trace)),
        }))
    }

    async fn hand_over(
        &self,
        row: Result<Row, Refusal>,
        place: (&'static str, u64),
        chunks: &mut Chunks<'_>,
    ) -> Result<()> {
        match row.and_then(|row| self.observation(row)) {
            Ok(Some(observation)) => chunks.push(observation).await,
            Ok(None) => Ok(()),
            Err(refusal) => chunks.refuse(refusal.at(place.0, place.1)).await,
        }
    }

    async fn read_export(
        &self,
        source: Box<dyn Read + Send>,
        now: Timestamp,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let mut export = Export::open(source)?;
        let mut chunks = Chunks::new(sink);
        let outcome = loop {
            match export.next(now) {
                Ok(Some((line, row))) => self.hand_over(row, ("line", line), &mut chunks).await?,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            chunks.progress(export.taken());
        };
        chunks.finish().await?;
        outcome
    }

    async fn read_database(
        &self,
        path: &Path,
        since: Option<Timestamp>,
        now: Timestamp,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let mut database = Database::open(path).await?;
        // As the data base writes times, so that texts compare as times do.
        let since = since.map_or(String::new(), |since| {
            let text = since.to_string();
            text.trim_end_matches('Z').replace('T', " ")
        });
        let visits = database.visits(&since, now);
        self.hand_over_all("visit", visits, sink).await?;
        let completions = database.completions(&since, now);
        self.hand_over_all("completion", completions, sink).await?;
        database.close().await;
        Ok(())
    }

    /// Hands rows over as they come.
    async fn hand_over_all(
        &self,
        name: &'static str,
        rows: impl Stream<Item = Result<Result<Row, Refusal>>> + Send,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let mut rows = pin!(rows);
        let mut chunks = Chunks::new(sink);
        let mut number = 0;
        let outcome = loop {
            number += 1;
            match rows.next().await {
                Some(Ok(row)) => self.hand_over(row, (name, number), &mut chunks).await?,
                Some(Err(error)) => break Err(error),
                None => break Ok(()),
            }
        };
        chunks.finish().await?;
        outcome
    }
}

#[async_trait]
impl Instrument for Kolibri {
    fn info(&self) -> Info {
        Info {
            name: "elearning.kolibri",
            summary: "Study time in Kolibri: its exported logs (CSV) or its data base (SQLite)",
            rules: "study-minutes/1",
            proven: Proven::RealSystem,
        }
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::FILE;
        capabilities.pull = true;
        capabilities
    }

    async fn read(&self, input: Input, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        match input {
            Input::Pull(cursor) => {
                let Some(path) = &self.database else {
                    return Err(Error::new(
                        Kind::ConfigurationInvalid,
                        "there is no data base to pull from",
                    )
                    .hint("set database to the path of Kolibri's db.sqlite3"));
                };
                let since = cursor.and_then(|cursor| cursor.0.parse::<Timestamp>().ok());
                let since = since.map(|since| since.plus_millis(-LOOK_BACK_MS));
                self.read_database(path, since, now, sink).await?;
                sink.resume_at(Cursor(now.to_string())).await
            }
            Input::Path(path) => {
                let source = Input::Path(path.clone()).into_reader()?;
                let (head, source) = peek(source, database::MAGIC.len())?;
                if head == database::MAGIC {
                    return self.read_database(&path, None, now, sink).await;
                }
                self.read_export(source, now, sink).await
            }
            other => {
                let (head, source) = peek(other.into_reader()?, database::MAGIC.len())?;
                if head == database::MAGIC {
                    return Err(Error::new(
                        Kind::Unsupported,
                        "a data base cannot be read as a stream",
                    )
                    .hint("give its path, or make CSV exports"));
                }
                self.read_export(source, now, sink).await
            }
        }
    }
}
