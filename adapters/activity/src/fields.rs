//! The names of the fields, and what other systems call them.

/// A field of a record. They stand in alphabetical order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Field {
    Activity,
    At,
    Device,
    End,
    Key,
    Milestone,
    Minutes,
    Participant,
    Recording,
    Revision,
    Seconds,
    Start,
    Steps,
    Stream,
    Withdrawn,
}

impl Field {
    pub(crate) const ALL: [Self; 15] = [
        Self::Activity,
        Self::At,
        Self::Device,
        Self::End,
        Self::Key,
        Self::Milestone,
        Self::Minutes,
        Self::Participant,
        Self::Recording,
        Self::Revision,
        Self::Seconds,
        Self::Start,
        Self::Steps,
        Self::Stream,
        Self::Withdrawn,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::At => "at",
            Self::Device => "device",
            Self::End => "end",
            Self::Key => "key",
            Self::Milestone => "milestone",
            Self::Minutes => "minutes",
            Self::Participant => "participant",
            Self::Recording => "recording",
            Self::Revision => "revision",
            Self::Seconds => "seconds",
            Self::Start => "start",
            Self::Steps => "steps",
            Self::Stream => "stream",
            Self::Withdrawn => "withdrawn",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// Every name, for messages.
pub(crate) fn names() -> String {
    Field::ALL.map(Field::name).join(", ")
}

/// What is wrong with an unknown name, and which one may be meant. The name itself is shown only
/// if it has the form of one: a map keyed by people would otherwise be printed.
pub(crate) fn unknown_name(name: &str) -> String {
    let shown = match name {
        "" => "a nameless field".to_owned(),
        _ if name.len() <= 32 && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_') => {
            format!("the field {name}")
        }
        _ => "a field of this name".to_owned(),
    };
    match meant(name) {
        Some(field) => format!("{shown} is not known; did you mean {}?", field.name()),
        None => format!("{shown} is not known; known are {}", names()),
    }
}

/// Words that other systems use for the same thing.
const ALIASES: [(Field, &[&str]); 12] = [
    (Field::Activity, &["type", "sport", "kind", "activitytype"]),
    (
        Field::At,
        &["date", "time", "timestamp", "reached", "reachedat"],
    ),
    (
        Field::End,
        &[
            "to", "until", "stop", "finish", "endtime", "enddate", "endat", "endedat",
        ],
    ),
    (
        Field::Key,
        &["id", "uuid", "recordid", "activityid", "reference"],
    ),
    (Field::Milestone, &["badge", "achievement", "goal"]),
    (Field::Minutes, &["worth", "points"]),
    (
        Field::Participant,
        &[
            "user",
            "userid",
            "person",
            "member",
            "athlete",
            "subject",
            "participantid",
            "name",
        ],
    ),
    (Field::Revision, &["version", "rev", "updated", "updatedat"]),
    (
        Field::Seconds,
        &["duration", "durationseconds", "movingtime", "length"],
    ),
    (
        Field::Start,
        &[
            "from",
            "begin",
            "since",
            "starttime",
            "startdate",
            "startat",
            "startedat",
        ],
    ),
    (Field::Stream, &["source", "deviceid", "serial"]),
    (Field::Withdrawn, &["deleted", "removed", "cancelled"]),
];

fn meant(name: &str) -> Option<Field> {
    if name.len() > 32 {
        return None;
    }
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let alias = ALIASES
        .iter()
        .find(|(_, words)| words.contains(&plain.as_str()))
        .map(|(field, _)| *field);
    alias.or_else(|| {
        Field::ALL
            .into_iter()
            .map(|field| (strsim::osa_distance(field.name(), &plain), field))
            .filter(|(distance, field)| *distance <= field.name().len() / 3)
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, field)| field)
    })
}
