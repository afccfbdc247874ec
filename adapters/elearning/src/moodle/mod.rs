//! The adapter `elearning.moodle`: Moodle's standard log, and completions from its web service.
//!
//! # The log
//! The log is the table `logstore_standard_log`, exported with its own columns, as CSV with a header
//! or as one JSON object on each line, by a database tool or through a view:
//!
//! ```sql
//! SELECT id, eventname, objectid, edulevel, contextlevel, contextinstanceid, userid, courseid,
//!        relateduserid, anonymous, other, timecreated, origin, realuserid
//! FROM mdl_logstore_standard_log WHERE timecreated > 1772400000
//! ```
//!
//! Other columns (an address, a component) are better left out, and are passed over. What can be
//! downloaded from a report in Moodle is of no use: its times and names follow the language.
//!
//! | row | what comes of it |
//! |---|---|
//! | of level 2 (participating), from the web or an app (`web`, `ws`) | a point of its user |
//! | `course_module_completion_updated` to *passed*; to *complete* only if [that is believed](MoodleConfig::trust_completions) | a milestone of the activity, of the user it relates to |
//! | `course_completed`, `badge_awarded` | a milestone of the course, a badge |
//! | a completion that a teacher set | nothing |
//! | anonymous, by a guest, by an administrator logged in as somebody else | nothing |
//! | by tasks, commands, restored courses | nothing, but milestones that a task found |
//!
//! Rows are written in blocks, so their numbers and times may be out of order: that changes nothing.
//!
//! # The web service
//! Pulling asks for the learners of [each course](MoodleConfig::courses) and what each has completed
//! (`core_enrol_get_enrolled_users`, `core_completion_get_activities_completion_status`), with a token
//! whose service has these functions. It tells how an activity was completed: what a learner ticked
//! off and what a teacher set is no milestone, and nobody need be trusted. No function tells the log.
//!
//! # The xAPI plugin
//! What the plugin `logstore_xapi` sends to an LRS is for [`elearning.xapi`](crate): it gives its
//! statements no id, and names learners by the site's address and their number, as this adapter does.
//!
//! # What is refused
//! | code | what |
//! |---|---|
//! | `missing_field`, `bad_value` | a column that is empty, or no number where one must be |
//! | `bad_time`, `future` | a time that is no number of seconds, or over two minutes ahead |
//! | `bad_json`, `bad_csv`, `not_utf8`, `too_large` | a row that is none, or has more than 64 KiB |
//! | `service_refused`, `bad_answer` | the web service says nothing of a learner, with its own code |

mod completion;
mod config;
mod row;
mod service;

use std::{collections::BTreeSet, io::Read};

use async_trait::async_trait;
use serde_json::{Map, Value};
use wom_sdk::{
    Body, Error, Kind, Observation, Result, Timestamp,
    instrument::{Capabilities, Chunks, Cursor, Info, Input, Instrument, Proven, Refusal, Sink},
    observation::{Mark, Study, Trace},
};
use zeroize::Zeroizing;

use crate::{
    Source,
    home_page::HomePage,
    lines::{Line, Lines, peek},
    table::{self, Table},
};

use completion::Completion;
pub use config::MoodleConfig;
use row::{Item, Told, What};
use service::{Answer, Service};

/// The most bytes that one row may have.
const LIMIT: usize = 64 * 1024;

/// How many users of a course are asked for at once.
const PAGE: usize = 200;

/// Reads Moodle's log: see the [module](self).
#[derive(Clone, Debug)]
pub struct Moodle {
    source: Source,
    home_page: HomePage,
    trust_completions: bool,
    courses: BTreeSet<u64>,
    service: Option<Service>,
}

impl Moodle {
    /// The adapter with these settings.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if a file of durations cannot be read, the address is none, a
    /// course is no number, or courses are to be pulled without a token or without milestones;
    /// [`Kind::InsecureTransport`] if they are to be pulled by plain http from another machine.
    pub fn new(config: MoodleConfig) -> Result<Self> {
        let courses: Option<BTreeSet<u64>> =
            config.courses.iter().map(|id| id.parse().ok()).collect();
        let courses = courses.ok_or_else(|| {
            bad_courses("a course is not given by its number")
                .hint("write the number that stands behind id= in the course's address")
        })?;
        let service = match courses.is_empty() {
            true => None,
            false if !config.milestones => {
                return Err(bad_courses("completions of courses are milestones only")
                    .hint("set milestones to true, or name no courses"));
            }
            false => Some(Service::new(&config)?),
        };
        Ok(Self {
            courses,
            service,
            source: Source::new(&config.source, &config.durations, config.milestones)?,
            home_page: HomePage::new(config.home_page)?,
            trust_completions: config.trust_completions,
        })
    }

    fn observation(&self, told: &Told) -> Result<Option<Observation>, Refusal> {
        let source = &self.source;
        let trace = match told.what {
            What::Act => Trace::Point {
                at: told.at,
                mark: Mark::Seen,
            },
            What::Reached(_) if !source.hands_on_milestones() => return Ok(None),
            What::Reached(goal) => Trace::Milestone { at: told.at, goal },
        };
        let study = Study {
            course: told
                .course
                .map(|course| source.course(&format!("course:{course}"))),
            ..source.study(source.item(&told.item.id()), trace)
        };
        Ok(Some(Observation {
            subject: self.home_page.learner(&told.learner.to_string())?,
            key: source.key(&["moodle.log", &told.id.to_string()]),
            revision: 0,
            provenance: source.provenance(),
            body: Body::Study(study),
        }))
    }

    /// Asks for every completion of every course.
    async fn pull(&self, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let Some(service) = &self.service else {
            return Err(bad_courses("there are no courses to pull completions of")
                .hint("set courses, milestones, home_page and secret_files"));
        };
        let tokens = service.tokens()?;
        let mut chunks = Chunks::new(sink);
        let mut outcome = Ok(());
        for course in &self.courses {
            outcome = self
                .pull_course(service, &tokens, *course, now, &mut chunks)
                .await;
            if outcome.is_err() {
                break;
            }
        }
        chunks.finish().await?;
        outcome?;
        sink.resume_at(Cursor(now.to_string())).await
    }

    async fn pull_course(
        &self,
        service: &Service,
        tokens: &[Zeroizing<String>],
        course: u64,
        now: Timestamp,
        chunks: &mut Chunks<'_>,
    ) -> Result<()> {
        let mut seen = BTreeSet::new();
        let mut from = 0;
        loop {
            let (learners, users) = users(service, tokens, course, from).await?;
            for learner in learners {
                // A list that repeats itself ends here, too.
                if seen.insert(learner) {
                    let place = ("learner", seen.len() as u64);
                    let asked = self.pull_learner(service, tokens, (course, learner), now);
                    let found = match asked.await? {
                        Ok(found) => found,
                        Err(refusal) => vec![Err(refusal)],
                    };
                    for one in found {
                        let one = one.and_then(|one| self.completed(course, learner, &one));
                        let one = one
                            .map(Some)
                            .map_err(|refusal| refusal.at("course", course).at(place.0, place.1));
                        pass_on(one, chunks).await?;
                    }
                }
            }
            from += users;
            if users < PAGE || from > seen.len() * 100 + 100 * PAGE {
                return Ok(());
            }
        }
    }

    async fn pull_learner(
        &self,
        service: &Service,
        tokens: &[Zeroizing<String>],
        (course, learner): (u64, u64),
        now: Timestamp,
    ) -> Result<Result<Vec<Result<Completion, Refusal>>, Refusal>> {
        const FUNCTION: &str = "core_completion_get_activities_completion_status";
        let arguments = [
            ("courseid", course.to_string()),
            ("userid", learner.to_string()),
        ];
        Ok(match service.call(tokens, FUNCTION, &arguments).await? {
            Answer::Said(answer) => completion::completions(&answer, now),
            Answer::Refused(code) => Err(Refusal::new(
                "service_refused",
                format!(
                    "Moodle does not tell what the learner completed ({code}); check that completion is enabled in the course and that the token's user may see it"
                ),
            )),
        })
    }

    fn completed(
        &self,
        course: u64,
        learner: u64,
        done: &Completion,
    ) -> Result<Observation, Refusal> {
        let source = &self.source;
        let trace = Trace::Milestone {
            at: done.at,
            goal: done.goal,
        };
        let (learner, module) = (learner.to_string(), Item::Module(done.module).id());
        let study = Study {
            course: Some(source.course(&Item::Course(course).id())),
            ..source.study(source.item(&module), trace)
        };
        Ok(Observation {
            subject: self.home_page.learner(&learner)?,
            key: source.key(&["moodle.completion", &learner, &module, done.goal.name()]),
            revision: 0,
            provenance: source.provenance(),
            body: Body::Study(study),
        })
    }

    async fn read_table(
        &self,
        source: Box<dyn Read + Send>,
        now: Timestamp,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let mut table = Table::open(source)?;
        table::require(
            &table,
            &row::COLUMNS,
            "export the table logstore_standard_log with its own columns; the download of a report has other ones".into(),
        )?;
        let mut chunks = Chunks::new(sink);
        let outcome = loop {
            let found = match table.next() {
                Ok(Some(row)) => row
                    .cells
                    .and_then(|cells| self.read_row(&cells, now))
                    .map_err(|refusal| refusal.at("line", row.line)),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            pass_on(found, &mut chunks).await?;
            chunks.progress(table.taken());
        };
        chunks.finish().await?;
        outcome
    }

    async fn read_lines(
        &self,
        source: Box<dyn Read + Send>,
        now: Timestamp,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let mut lines = Lines::of_text(source, LIMIT)?;
        let mut chunks = Chunks::new(sink);
        let outcome = loop {
            let found = match lines.next() {
                Ok(Some(line)) => self
                    .read_line(&line, now)
                    .map_err(|refusal| refusal.at("line", line.number)),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            pass_on(found, &mut chunks).await?;
            chunks.progress(lines.taken());
        };
        chunks.finish().await?;
        outcome
    }

    fn read_line(&self, line: &Line<'_>, now: Timestamp) -> Result<Option<Observation>, Refusal> {
        let Some(bytes) = line.bytes else {
            return Err(Refusal::new("too_large", "the row has more than 64 KiB"));
        };
        if bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Refusal::new("not_utf8", "the row is not in UTF-8"))?;
        let row: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| bad_json(&error))?;
        self.read_row(&row, now)
    }

    fn read_row(
        &self,
        row: &impl row::Columns,
        now: Timestamp,
    ) -> Result<Option<Observation>, Refusal> {
        match row::read(row, self.trust_completions, now)? {
            Some(told) => self.observation(&told),
            None => Ok(None),
        }
    }
}

async fn pass_on(
    found: Result<Option<Observation>, Refusal>,
    chunks: &mut Chunks<'_>,
) -> Result<()> {
    match found {
        Ok(Some(observation)) => chunks.push(observation).await,
        Ok(None) => Ok(()),
        Err(refusal) => chunks.refuse(refusal).await,
    }
}

#[async_trait]
impl Instrument for Moodle {
    fn info(&self) -> Info {
        Info {
            name: "elearning.moodle",
            summary: "Study time in Moodle: its standard log (CSV, or JSON lines); completions from its web service",
            rules: "study-minutes/1",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::FILE;
        capabilities.pull = true;
        capabilities
    }

    async fn read(&self, input: Input, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        if matches!(input, Input::Pull(_)) {
            return self.pull(now, sink).await;
        }
        let (head, source) = peek(input.into_reader()?, 64)?;
        let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&head);
        if head.trim_ascii_start().starts_with(b"{") {
            self.read_lines(source, now, sink).await
        } else {
            self.read_table(source, now, sink).await
        }
    }
}

/// A page of a course's users: the learners among them, and how many there are.
async fn users(
    service: &Service,
    tokens: &[Zeroizing<String>],
    course: u64,
    from: usize,
) -> Result<(Vec<u64>, usize)> {
    const FUNCTION: &str = "core_enrol_get_enrolled_users";
    let option = |number: usize, name: &str, value: String| {
        [
            (format!("options[{number}][name]"), name.to_owned()),
            (format!("options[{number}][value]"), value),
        ]
    };
    let mut arguments = vec![("courseid".to_owned(), course.to_string())];
    arguments.extend(option(0, "onlyactive", "1".to_owned()));
    // Names and addresses stay where they are.
    arguments.extend(option(1, "userfields", "id,roles".to_owned()));
    arguments.extend(option(2, "limitfrom", from.to_string()));
    arguments.extend(option(3, "limitnumber", PAGE.to_string()));
    arguments.extend(option(4, "sortby", "id".to_owned()));
    let arguments: Vec<_> = arguments
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    let refused = |message| {
        Error::new(Kind::InputInvalid, message)
            .with("function", FUNCTION)
            .with("course", course)
    };
    match service.call(tokens, FUNCTION, &arguments).await? {
        Answer::Said(answer) => completion::learners(&answer)
            .ok_or_else(|| refused("the web service answers without the users of a course")),
        Answer::Refused(code) => Err(refused("Moodle does not tell the users of a course")
            .with("code", code)
            .hint("check the course's number, and that the token's user may see its participants")),
    }
}

fn bad_courses(message: &'static str) -> Error {
    Error::new(Kind::ConfigurationInvalid, message).with("setting", "courses")
}

fn bad_json(error: &serde_json::Error) -> Refusal {
    if error.is_data() {
        return Refusal::new(
            "bad_json",
            "the row is not an object with the columns of logstore_standard_log",
        );
    }
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    Refusal::new(
        "bad_json",
        format!(
            "the row is not valid JSON at column {}: {words}",
            error.column()
        ),
    )
}
