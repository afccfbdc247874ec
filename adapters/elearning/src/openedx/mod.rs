//! The adapter `elearning.openedx`: the tracking logs of Open edX.
//!
//! A tracking log has an event on each line, as JSON; it may be packed with gzip. What a learner
//! did yields a point, with a film's player what the player did, and completions and passed courses
//! yield milestones, if they are asked for ([`OpenEdxConfig::milestones`]).
//!
//! | line | what comes of it |
//! |---|---|
//! | a page of a course that was opened, an answer, a click | a point |
//! | play, pause, stop, seek and change of speed, by the names of browsers and of apps | a point of the player |
//! | `page_close` | a point that closes the players of the page |
//! | `problem_check` | a point, of the server's line; the browser's line of the same is passed over |
//! | `edx.completion.block_completion.changed` to 1, but for pages of text, which are done seconds after they are shown | a milestone of the block |
//! | `edx.certificate.created`, `edx.course.grade.passed.first_time` | a milestone of the course |
//! | nobody logged in (no user name or number) | nothing |
//! | what a page asks for by itself (`/api/…`, `/courses/…/xblock/…`), background tasks, grades | nothing |
//!
//! A line has no id of its own: it is named by its content, so lines that come twice count once. An
//! app may send its events days late; `time` says when they were.
//!
//! # What is refused
//! | code | what |
//! |---|---|
//! | `bad_json`, `not_utf8`, `too_large` | a line that is no event, or has more than 256 KiB |
//! | `no_zone`, `bad_time` | a time that names no instant |
//! | `future` | a time more than two minutes ahead |
//! | `clock_ahead` | a time more than two minutes after the server received it |

mod config;
mod line;
mod wire;

use async_trait::async_trait;
use wom_sdk::{
    Body, Observation, Result, Timestamp,
    instrument::{Capabilities, Chunks, Info, Input, Instrument, Proven, Refusal, Sink},
    observation::{Mark, Trace},
};

use crate::{
    Source,
    home_page::HomePage,
    lines::{Line, Lines},
};

pub use config::OpenEdxConfig;
use line::{Page, Told, What};

/// The most bytes that one line may have; what a browser sends is cut at 50,000.
const LIMIT: usize = 256 * 1024;

/// Reads tracking logs: see the [module](self).
#[derive(Clone, Debug)]
pub struct OpenEdx {
    source: Source,
    home_page: HomePage,
}

impl OpenEdx {
    /// The adapter with these settings.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`](wom_sdk::Kind::ConfigurationInvalid) if a file of durations
    /// cannot be read, or the address is none.
    pub fn new(config: OpenEdxConfig) -> Result<Self> {
        Ok(Self {
            source: Source::new(&config.source, &config.durations, config.milestones)?,
            home_page: HomePage::new(config.home_page)?,
        })
    }

    fn observation(&self, line: &Line<'_>, now: Timestamp) -> Result<Option<Observation>, Refusal> {
        let Some(bytes) = line.bytes else {
            return Err(Refusal::new(
                "too_large",
                "the line has more than 256 KiB, which no event has",
            ));
        };
        let text = std::str::from_utf8(bytes).map_err(|_| {
            Refusal::new(
                "not_utf8",
                "the line is not in UTF-8; copy the log again as it is",
            )
        })?;
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let Some(told) = line::read(text, now)? else {
            return Ok(None);
        };
        let Some((activity, session, trace)) = self.trace(&told) else {
            return Ok(None);
        };
        let mut study = self.source.study(self.source.item(activity), trace);
        study.session = session.map(|page| self.source.session(&[&page.session, &page.address]));
        study.course = told.course.as_deref().map(|id| self.source.course(id));
        Ok(Some(Observation {
            subject: self.home_page.learner(&told.learner.to_string())?,
            key: self.source.key(&["openedx.line", text]),
            revision: 0,
            provenance: self.source.provenance(),
            body: Body::Study(study),
        }))
    }

    /// What was studied, on which page, and the trace of it; `None` for milestones that nobody
    /// asked for.
    fn trace<'t>(&self, told: &'t Told) -> Option<(&'t str, Option<&'t Page>, Trace)> {
        let at = told.at;
        let point = |mark| Trace::Point { at, mark };
        Some(match &told.what {
            What::Act { activity } => (activity, None, point(Mark::Seen)),
            What::Closed { page, activity } => (activity, Some(page), point(Mark::Closed)),
            What::Player { page, film, step } => (film, Some(page), point(Mark::Video(*step))),
            What::Reached { .. } if !self.source.hands_on_milestones() => return None,
            What::Reached { activity, goal } => {
                (activity, None, Trace::Milestone { at, goal: *goal })
            }
        })
    }
}

#[async_trait]
impl Instrument for OpenEdx {
    fn info(&self) -> Info {
        Info {
            name: "elearning.openedx",
            summary: "Study time in Open edX: its tracking logs (JSON lines, plain or gzip)",
            rules: "study-minutes/1",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::FILE
    }

    async fn read(&self, input: Input, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let mut lines = Lines::of_log(input.into_reader()?, LIMIT)?;
        let mut chunks = Chunks::new(sink);
        let outcome = loop {
            let found = match lines.next() {
                Ok(Some(line)) => self
                    .observation(&line, now)
                    .map_err(|refusal| refusal.at("line", line.number)),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            match found {
                Ok(Some(observation)) => chunks.push(observation).await?,
                Ok(None) => {}
                Err(refusal) => chunks.refuse(refusal).await?,
            }
            chunks.progress(lines.taken());
        };
        chunks.finish().await?;
        outcome
    }
}
