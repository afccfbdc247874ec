//! The adapter `elearning.scorm`: what SCORM content commits to its LMS, as the LMS hands it on.
//!
//! SCORM's data model has no clock: content says how long a session took, and the LMS alone knows
//! when. So the LMS writes a line of JSON for each commit, or only for the last one of a session:
//!
//! ```json
//! {"learner": "42", "activity": "safety/sco-1", "session": "launch-981",
//!  "start": "2026-03-02T09:00:00Z", "end": "2026-03-02T09:25:10Z",
//!  "commit": {"cmi": {"core": {"session_time": "0000:25:00", "lesson_status": "passed"}}}}
//! ```
//!
//! | field | meaning |
//! |---|---|
//! | `learner` | the LMS's id of the learner |
//! | `activity` | the LMS's id of the SCO |
//! | `session` | the launch; the commits of one launch replace one another |
//! | `start`, `end` | when the LMS launched the content, and when it took this commit in; with an offset |
//! | `commit` | the runtime's data: `{"cmi": …}`, its members by full name (`"cmi.core.session_time": …`), or an object with `runtimeData`, as scorm-again sends them; of SCORM 1.2 or 2004 |
//! | `course` | the course, if there is one |
//! | `total_before` | `total_time` as the LMS gave it to the content at launch, for content that tells totals only: seconds as a number, or as the runtime writes them |
//!
//! A session yields *seconds within* `start` and `end`: what it claims counts at most as long as the
//! launch lasted. `session_time` is the session's whole time so far, so the last commit holds, by
//! `end`. Where content tells a total only, what was there before is taken off.
//!
//! `completed` and `passed` yield milestones, if they are asked for ([`ScormConfig::milestones`]);
//! content that was failed yields none.
//!
//! # What is refused
//! | code | what |
//! |---|---|
//! | `bad_json`, `not_utf8`, `too_large` | a line that is no such object, or has more than 1 MiB |
//! | `missing_field`, `bad_value` | a field that is missing, or of the wrong kind |
//! | `bad_duration` | a time that is not of the form of its version: `HHHH:MM:SS.SS` in 1.2, ISO 8601 in 2004 |
//! | `no_session_time` | a total and neither `session_time` nor `total_before` |
//! | `no_zone`, `bad_time`, `future`, `too_long` | times that are none, the wrong way round, more than two minutes ahead, or a session over 31 days |
//! | `not_for_credit` | a launch for browsing or review, or without credit |

mod commit;
mod config;
mod timespan;

use async_trait::async_trait;
use wom_sdk::{
    Body, Observation, Result, Timestamp,
    instrument::{Capabilities, Chunks, Info, Input, Instrument, Proven, Refusal, Sink},
    observation::{Study, Trace},
};

use crate::{
    Source,
    home_page::HomePage,
    lines::{Line, Lines},
};

use commit::Session;
pub use config::ScormConfig;

/// The most bytes that one line may have; content may suspend with 64,000 characters.
const LIMIT: usize = 1 << 20;

/// Reads commits of SCORM content: see the [module](self).
#[derive(Clone, Debug)]
pub struct Scorm {
    source: Source,
    home_page: HomePage,
}

impl Scorm {
    /// The adapter with these settings.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`](wom_sdk::Kind::ConfigurationInvalid) if a file of durations
    /// cannot be read, or the address is none.
    pub fn new(config: ScormConfig) -> Result<Self> {
        Ok(Self {
            source: Source::new(&config.source, &config.durations, config.milestones)?,
            home_page: HomePage::new(config.home_page)?,
        })
    }

    fn observations(&self, line: &Line<'_>, now: Timestamp) -> Result<Vec<Observation>, Refusal> {
        let Some(bytes) = line.bytes else {
            return Err(Refusal::new(
                "too_large",
                "the line has more than 1 MiB, which no commit has",
            ));
        };
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Refusal::new("not_utf8", "the line is not in UTF-8"))?;
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let session = Session::read(text, now)?;
        let mut found = Vec::new();
        if let Some(millis) = session.claimed_ms {
            let within = session.within;
            let trace = Trace::Seconds { within, millis };
            let key = [
                "scorm.time",
                &session.learner,
                &session.activity,
                &session.id,
            ];
            found.push(self.observation(&session, &key, session.revision(), trace)?);
        }
        for goal in session.goals.iter().copied() {
            if self.source.hands_on_milestones() {
                let at = session.within.end();
                let trace = Trace::Milestone { at, goal };
                let key = [
                    "scorm.goal",
                    &session.learner,
                    &session.activity,
                    goal.name(),
                ];
                found.push(self.observation(&session, &key, 0, trace)?);
            }
        }
        Ok(found)
    }

    fn observation(
        &self,
        session: &Session,
        key: &[&str],
        revision: u64,
        trace: Trace,
    ) -> Result<Observation, Refusal> {
        let source = &self.source;
        let launch = [session.learner.as_str(), &session.activity, &session.id];
        let study = Study {
            session: Some(source.session(&launch)),
            course: session.course.as_deref().map(|id| source.course(id)),
            ..source.study(source.item(&session.activity), trace)
        };
        Ok(Observation {
            subject: self.home_page.learner(&session.learner)?,
            key: source.key(key),
            revision,
            provenance: source.provenance(),
            body: Body::Study(study),
        })
    }
}

#[async_trait]
impl Instrument for Scorm {
    fn info(&self) -> Info {
        Info {
            name: "elearning.scorm",
            summary: "Study time in SCORM content (1.2 and 2004): commits as the LMS hands them on (JSON lines)",
            rules: "study-minutes/1",
            proven: Proven::RealSystem,
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
                    .observations(&line, now)
                    .map_err(|refusal| refusal.at("line", line.number)),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            match found {
                Ok(observations) => {
                    for observation in observations {
                        chunks.push(observation).await?;
                    }
                }
                Err(refusal) => chunks.refuse(refusal).await?,
            }
            chunks.progress(lines.taken());
        };
        chunks.finish().await?;
        outcome
    }
}
