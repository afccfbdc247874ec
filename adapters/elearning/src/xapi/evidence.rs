//! From a statement to what it is evidence of.

use wom_sdk::{
    Body, Digest, Error, Kind, Observation, Result, Span, Subject, Timestamp, Zone,
    instrument::Refusal,
    observation::{Goal, Mark, Step, Study, Trace, Video},
};

use super::{
    StatementsConfig,
    person::{Authority, subject},
    recent::Recent,
    statement::{Categories, Context, Loose, Number, Object, Statement, Text},
    verb::{Deed, Film},
};
use crate::{
    Source,
    duration::{self, Flaw},
    time,
};

/// Whose rules statements follow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Profile {
    /// xAPI's alone.
    Any,
    /// cmi5's: every statement belongs to a session of a learner with an account, and what opens,
    /// closes and completes must be said in cmi5's own statements.
    Cmi5,
}

/// Makes observations of statements.
#[derive(Clone, Debug)]
pub(crate) struct Witness {
    source: Source,
    profile: Profile,
    /// Empty if everybody is believed.
    authorities: Vec<Authority>,
    browse: bool,
    starts_at_timestamp: bool,
    zone: Option<Zone>,
}

/// What a statement is good for.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) observations: Vec<Observation>,
    /// What is wrong with it although it is used.
    pub(crate) flaw: Option<Refusal>,
}

/// How far ahead of ours an LRS's clock may be, in milliseconds.
const SLACK_MS: i64 = 120_000;

impl Witness {
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if an authority or a file of durations cannot be read.
    pub(crate) fn new(config: &StatementsConfig, profile: Profile) -> Result<Self> {
        let authority = |(index, text): (usize, &String)| {
            Authority::parse(text).ok_or_else(|| {
                Error::new(Kind::ConfigurationInvalid, "an authority cannot be read")
                    .with("number", index + 1)
                    .hint("write mailto:…, the SHA-1 of a mailbox, an OpenID, or an account's address, a blank and its name")
            })
        };
        Ok(Self {
            source: Source::new(&config.source, &config.durations, config.milestones)?,
            profile,
            authorities: config
                .authorities
                .iter()
                .enumerate()
                .map(authority)
                .collect::<Result<_>>()?,
            browse: config.browse,
            starts_at_timestamp: config.starts_at_timestamp,
            zone: config.zone.clone(),
        })
    }

    /// What a statement is evidence of, at `now`.
    ///
    /// # Errors
    /// The refusal, without the place.
    pub(crate) fn found(
        &self,
        statement: &Statement<'_>,
        recent: &mut Recent,
        now: Timestamp,
    ) -> Result<Found, Refusal> {
        let verb = statement.verb.as_ref().ok_or_else(|| missing("verb"))?;
        let deed = Deed::of(verb.id.as_str());
        let authority = self.believed(statement, recent)?;
        if deed == Deed::Voided {
            return self.voided(statement, authority);
        }
        let object = statement.object.as_ref().ok_or_else(|| missing("object"))?;
        let Some(activity) = activity(object) else {
            return Ok(Found::default());
        };
        let actor = statement.actor.as_ref().ok_or_else(|| missing("actor"))?;
        let learner = subject(actor)?;
        if self.profile == Profile::Cmi5 {
            is_of_cmi5(statement)?;
        }
        let about = About {
            at: self.instant(statement, now)?,
            stored: self.stored(statement)?,
            learner,
            activity,
            authority,
            deed: self.deed(deed, statement),
            statement,
        };
        Ok(self.evidence(about, recent))
    }

    /// Whether whoever vouches for a statement is believed.
    fn believed(
        &self,
        statement: &Statement<'_>,
        recent: &mut Recent,
    ) -> Result<Option<Authority>, Refusal> {
        let authority = statement.authority.as_ref();
        let authority = authority.map(|actor| recent.authority(actor));
        if self.authorities.is_empty() {
            return Ok(authority);
        }
        match authority {
            // Whoever is on the list may take back what others on it said: one key for all.
            Some(authority) if self.authorities.contains(&authority) => Ok(None),
            _ => Err(Refusal::new(
                "unknown_authority",
                "nobody on the list of authorities vouches for the statement; add its authority to the setting authorities if it is to be believed",
            )
            .field("authority")),
        }
    }

    /// Takes back whatever the named statement brought, whoever it is about, before or after it comes.
    fn voided(
        &self,
        statement: &Statement<'_>,
        authority: Option<Authority>,
    ) -> Result<Found, Refusal> {
        let object = statement.object.as_ref().ok_or_else(|| missing("object"))?;
        let is_reference = object
            .object_type
            .as_ref()
            .is_some_and(|form| form.as_str() == "StatementRef");
        let id = object.id.as_ref().filter(|_| is_reference).ok_or_else(|| {
            Refusal::new(
                "bad_value",
                "a voiding statement must name the statement that it voids",
            )
            .field("object")
        })?;
        let withdrawn = |part| Observation {
            subject: Subject::whoever(),
            key: self.key(part, id.as_str(), authority.as_ref()),
            revision: u64::MAX,
            provenance: self.source.provenance(),
            body: Body::Withdrawn,
        };
        Ok(Found {
            observations: vec![withdrawn("time"), withdrawn("milestone")],
            flaw: None,
        })
    }

    fn instant(&self, statement: &Statement<'_>, now: Timestamp) -> Result<Timestamp, Refusal> {
        let text = statement.timestamp.as_ref().or(statement.stored.as_ref());
        let text = text.ok_or_else(|| missing("timestamp"))?;
        let at = time::instant(text.as_str(), self.zone.as_ref())
            .map_err(|refusal| refusal.field("timestamp"))?;
        if at.since(now) > SLACK_MS {
            return Err(Refusal::new(
                Refusal::FUTURE,
                "the statement lies in the future; set the platform's clock, and read it again when it is past",
            )
            .field("timestamp"));
        }
        Ok(at)
    }

    fn stored(&self, statement: &Statement<'_>) -> Result<Option<Timestamp>, Refusal> {
        let text = statement.stored.as_ref();
        let stored = text.map(|text| time::instant(text.as_str(), self.zone.as_ref()));
        stored
            .transpose()
            .map_err(|refusal| refusal.field("stored"))
    }

    /// What cmi5 lets only its own statements say is anybody's doing in others.
    fn deed(&self, deed: Deed, statement: &Statement<'_>) -> Deed {
        let categories = categories(statement.context.as_ref());
        match deed {
            _ if self.profile == Profile::Any => deed,
            Deed::Opened | Deed::Closed | Deed::Launched if !categories.cmi5 => Deed::Seen,
            Deed::Reached(Goal::Course) if !categories.cmi5 => Deed::ByPlatform,
            Deed::Reached(Goal::Course) => deed,
            Deed::Reached(_) if !categories.move_on => Deed::Seen,
            _ => deed,
        }
    }

    fn evidence(&self, about: About<'_>, recent: &mut Recent) -> Found {
        let activity = about.activity;
        let item = recent.digest(b'i', activity, || self.source.item(activity));
        let context = about.statement.context.as_ref();
        let result = about.statement.result.as_ref();
        let session = self.session(&about, recent);
        let registration = context.and_then(|context| context.registration.as_ref());
        let course = registration.map(|id| {
            let id = id.as_str();
            recent.digest(b'c', id, || self.source.course(id))
        });
        let length = length_ms(context);
        let study = |trace| {
            let study = self.source.study(item, trace);
            let film_s = length.and_then(|ms| u32::try_from(ms / 1_000).ok());
            Study {
                session,
                course,
                nominal_s: study.nominal_s.or(film_s.filter(|s| *s > 0)),
                ..study
            }
        };
        let duration = result
            .and_then(|result| result.duration.as_ref())
            .filter(|_| about.tells_time())
            .map(|text| duration::millis(text.as_str()));
        let flaw = duration.and_then(Result::err).and_then(bad_duration);
        let trace = match duration {
            Some(Ok(millis)) if about.deed != Deed::Opened => Some(self.interval(&about, millis)),
            _ => self
                .mark(&about, length)
                .map(|mark| Trace::Point { at: about.at, mark }),
        };
        let failed = result.is_some_and(|result| result.success == Some(false));
        let goal = match about.deed {
            Deed::Reached(goal) if self.source.hands_on_milestones() && !failed => Some(goal),
            _ => None,
        };
        let time = trace.map(|trace| (self.key_of("time", &about), study(trace)));
        let milestone = goal.map(|goal| {
            let reached = Trace::Milestone { at: about.at, goal };
            (self.key_of("milestone", &about), study(reached))
        });
        // Of two statements with one id the one that was stored first holds.
        let stored = about.stored;
        let revision = stored.map_or(0, |stored| Timestamp::MAX.since(stored));
        let observe = |learner, (key, study)| Observation {
            subject: learner,
            key,
            revision: u64::try_from(revision).unwrap_or(0),
            provenance: self.source.provenance(),
            body: Body::Study(study),
        };
        let mut observations = Vec::with_capacity(1);
        let learner = about.learner;
        if let Some(milestone) = milestone {
            observations.push(observe(learner.clone(), milestone));
        }
        if let Some(time) = time {
            observations.push(observe(learner, time));
        }
        Found { observations, flaw }
    }

    fn interval(&self, about: &About<'_>, millis: i64) -> Trace {
        let closes = about.deed == Deed::Closed;
        let ends = Trace::interval(about.at, millis, about.stored, closes);
        match self.starts_at_timestamp {
            false => ends,
            true => Trace::Interval {
                span: Span::starting(about.at, ends.span().millis()),
                stored: about.stored,
                closes,
            },
        }
    }

    /// What a statement without a duration marks, where it marks anything.
    fn mark(&self, about: &About<'_>, length: Option<i64>) -> Option<Mark> {
        let context = about.statement.context.as_ref();
        let extensions = context.and_then(|context| context.extensions.as_ref());
        let launched_for = extensions.and_then(|extensions| extensions.launch_mode.0.as_deref());
        match about.deed {
            Deed::Launched => (matches!(launched_for, Some("Browse" | "Review")) && !self.browse)
                .then_some(Mark::Browsed),
            Deed::Opened => Some(Mark::Opened),
            Deed::Closed => Some(Mark::Closed),
            Deed::Seen => Some(Mark::Seen),
            Deed::Film(film) => Some(Mark::Video(step(film, about.statement, length))),
            // Completed alone says that something ended, not that somebody was there.
            Deed::Reached(Goal::Completed | Goal::Course) => None,
            Deed::Reached(_) => Some(Mark::Seen),
            Deed::ByPlatform | Deed::Voided => None,
        }
    }

    /// The session: cmi5's, the player's, or else the registration to the activity.
    fn session(&self, about: &About<'_>, recent: &mut Recent) -> Option<Digest> {
        let context = about.statement.context.as_ref()?;
        let extensions = context.extensions.as_ref();
        let mut named = |loose: &Loose<'_>, kind, form| {
            let id = loose.0.as_deref().filter(|id| !id.is_empty())?;
            Some(recent.digest(kind, id, || self.source.session(&[form, id])))
        };
        extensions
            .and_then(|extensions| {
                named(&extensions.cmi5_session, b's', "cmi5")
                    .or_else(|| named(&extensions.video_session, b'v', "video"))
            })
            .or_else(|| {
                let registration = context.registration.as_ref()?.as_str();
                let parts = ["registration", registration, about.activity];
                Some(self.source.session(&parts))
            })
    }

    /// The key of what a statement brings.
    fn key_of(&self, part: &str, about: &About<'_>) -> Digest {
        match about.statement.id.as_ref() {
            Some(id) => self.key(part, id.as_str(), about.authority.as_ref()),
            None => self.nameless_key(part, about),
        }
    }

    /// The key of a statement with an id. An id is a number, however its digits are written.
    fn key(&self, part: &str, id: &str, authority: Option<&Authority>) -> Digest {
        let authority = authority.map_or([0; 16], |authority| authority.digest().0);
        match uuid(id) {
            Some(id) => self.source.key(&[part.as_bytes(), &id, &authority]),
            None => self
                .source
                .key(&[part.as_bytes(), id.as_bytes(), &authority]),
        }
    }

    /// The key of a statement without an id: what says who did what to what, and when.
    fn nameless_key(&self, part: &str, about: &About<'_>) -> Digest {
        let verb = about
            .statement
            .verb
            .as_ref()
            .map_or("", |verb| verb.id.as_str());
        let at = about.at.as_millis().to_be_bytes();
        self.source.key(&[
            b"nameless",
            part.as_bytes(),
            about.learner.namespace().as_bytes(),
            about.learner.reveal().as_bytes(),
            verb.as_bytes(),
            about.activity.as_bytes(),
            &at,
        ])
    }
}

/// A statement about somebody and an activity.
struct About<'a> {
    statement: &'a Statement<'a>,
    learner: Subject,
    activity: &'a str,
    authority: Option<Authority>,
    at: Timestamp,
    stored: Option<Timestamp>,
    deed: Deed,
}

impl About<'_> {
    /// Whether a duration would be somebody's study.
    fn tells_time(&self) -> bool {
        !matches!(
            self.deed,
            Deed::ByPlatform | Deed::Launched | Deed::Reached(Goal::Course)
        )
    }
}

/// The id of the activity, where the object is one.
fn activity<'a>(object: &'a Object<'_>) -> Option<&'a str> {
    let form = object.object_type.as_ref().map_or("Activity", Text::as_str);
    (form == "Activity").then_some(())?;
    object.id.as_ref().map(Text::as_str)
}

fn categories(context: Option<&Context<'_>>) -> Categories {
    let activities = context.and_then(|context| context.activities.as_ref());
    activities.map_or(Categories::default(), |activities| activities.category)
}

fn is_of_cmi5(statement: &Statement<'_>) -> Result<(), Refusal> {
    let context = statement.context.as_ref();
    let extensions = context.and_then(|context| context.extensions.as_ref());
    let has_session = extensions.is_some_and(|extensions| extensions.cmi5_session.0.is_some());
    let has_registration = context.is_some_and(|context| context.registration.is_some());
    let has_account = statement
        .actor
        .as_ref()
        .is_some_and(|actor| actor.account.is_some());
    if has_session && has_registration && has_account {
        return Ok(());
    }
    Err(Refusal::new(
        "not_cmi5",
        "the statement has not the session, registration and account that cmi5 asks for; elearning.xapi reads it",
    )
    .field("context"))
}

/// How long the film is, in milliseconds, where that is told and can be.
fn length_ms(context: Option<&Context<'_>>) -> Option<i64> {
    let extensions = context?.extensions.as_ref()?;
    millis(extensions.length).filter(|ms| *ms > 0)
}

fn step(film: Film, statement: &Statement<'_>, length_ms: Option<i64>) -> Video {
    let result = statement.result.as_ref();
    let told = result.and_then(|result| result.extensions.as_ref());
    let position = told.and_then(|told| millis(told.time));
    let (step, position_ms) = match film {
        Film::Played => (Step::Play, position),
        Film::Paused => (Step::Halt, position),
        Film::Seeked => {
            let to = told.and_then(|told| millis(told.time_to));
            (Step::Seek(to), told.and_then(|told| millis(told.time_from)))
        }
    };
    let context = statement.context.as_ref();
    let extensions = context.and_then(|context| context.extensions.as_ref());
    let speed = extensions.and_then(|extensions| extensions.speed.0.as_deref());
    Video {
        step,
        position_ms,
        length_ms,
        speed_percent: speed.and_then(percent),
    }
}

/// A speed such as `1.5x`, in percent.
fn percent(speed: &str) -> Option<u32> {
    let factor: f64 = speed.trim_end_matches(['x', 'X']).parse().ok()?;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded before"
    )]
    let percent = (0.1..=16.0)
        .contains(&factor)
        .then(|| (factor * 100.0).round() as u32);
    percent
}

/// Seconds in milliseconds; `None` for what no film has.
fn millis(seconds: Number) -> Option<i64> {
    let seconds = seconds.0.filter(|seconds| (0.0..=1e6).contains(seconds))?;
    #[allow(clippy::cast_possible_truncation, reason = "bounded before")]
    let millis = (seconds * 1_000.0).round() as i64;
    Some(millis)
}

/// What is told of a duration that cannot be used. One of nothing is no flaw: a click has none.
fn bad_duration(flaw: Flaw) -> Option<Refusal> {
    let refusal = match flaw {
        Flaw::Nothing => return None,
        Flaw::Calendar => Refusal::new(
            "duration_calendar",
            "the duration is in years or months, which have no fixed length; the statement counts as an instant",
        ),
        Flaw::Form => Refusal::new(
            "bad_duration",
            "the duration is not of the form PT1H30M5S (nor is 1:30:05); the statement counts as an instant",
        ),
    };
    Some(refusal.field("result.duration"))
}

/// The number that a UUID in its usual form writes.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut number = [0; 16];
    let mut at = 0;
    for byte in &mut number {
        if matches!(at, 8 | 13 | 18 | 23) {
            (text[at] == b'-').then_some(())?;
            at += 1;
        }
        let digit = |at: usize| char::from(text[at]).to_digit(16);
        *byte = u8::try_from(digit(at)? * 16 + digit(at + 1)?).ok()?;
        at += 2;
    }
    Some(number)
}

fn missing(field: &'static str) -> Refusal {
    Refusal::new("missing_field", "is missing, and every statement needs it").field(field)
}
