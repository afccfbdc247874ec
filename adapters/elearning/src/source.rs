//! A learning platform as it is configured, and the digests that stand for what it names.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use sha2::{Digest as _, Sha256};
use wom_sdk::{
    Device, Digest, Error, Kind, Provenance, Recording, Result, Subject,
    instrument::Refusal,
    observation::{Study, Toward, Trace},
};

/// One learning platform. What has the same id on the same source is one thing, whichever adapter
/// reads of it.
#[derive(Clone, Debug)]
pub struct Source {
    items: Names,
    sessions: Names,
    courses: Names,
    records: Names,
    stream: Digest,
    nominal_s: BTreeMap<Digest, u32>,
    milestones: bool,
}

impl Source {
    /// A platform of this name. The name never changes: items, sessions and streams hang on it.
    ///
    /// `durations` are files that say how long activities are meant to take: on each line the
    /// minutes, a blank and the activity's id; lines that are empty or begin with `#` say nothing.
    /// `milestones` says whether milestones are handed on, and with them the time of their items
    /// under the campaign's pseudonym (see [`Toward`]).
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if a file cannot be read, with the line.
    pub fn new(name: &str, durations: &[impl AsRef<Path>], milestones: bool) -> Result<Self> {
        let mut source = Self {
            items: Names::new("study.item", name),
            sessions: Names::new("study.session", name),
            courses: Names::new("study.course", name),
            records: Names::new("study.record", name),
            stream: Digest::of(["study.stream", name]),
            nominal_s: BTreeMap::new(),
            milestones,
        };
        for file in durations {
            source.read_durations(file.as_ref())?;
        }
        Ok(source)
    }

    /// The digest of an item, by the platform's id of it.
    pub fn item(&self, id: &str) -> Digest {
        self.items.digest(&[id])
    }

    /// The digest of a session, by the parts that name it.
    pub fn session(&self, parts: &[&str]) -> Digest {
        self.sessions.digest(parts)
    }

    /// The digest of a course or registration.
    pub fn course(&self, id: &str) -> Digest {
        self.courses.digest(&[id])
    }

    /// The key of a record, by the parts that name it for ever.
    pub fn key<T: AsRef<[u8]>>(&self, parts: &[T]) -> Digest {
        self.records.digest(parts)
    }

    /// How long an item is meant to take, in seconds, where a file says so.
    pub fn nominal_s(&self, item: Digest) -> Option<u32> {
        self.nominal_s.get(&item).copied()
    }

    /// Whether milestones are handed on.
    pub fn hands_on_milestones(&self) -> bool {
        self.milestones
    }

    /// Where its records come from: points of one source make one chain.
    pub fn provenance(&self) -> Provenance {
        Provenance {
            stream: self.stream,
            device: Device::Unknown,
            recording: Recording::Unknown,
        }
    }

    /// A trace of this item, with what the source knows of it.
    pub fn study(&self, item: Digest, trace: Trace) -> Study {
        let toward = match (&trace, self.milestones) {
            (Trace::Milestone { .. }, _) => Toward::Milestones,
            (_, true) => Toward::Both,
            (_, false) => Toward::Days,
        };
        Study {
            item,
            session: None,
            course: None,
            nominal_s: self.nominal_s(item),
            toward,
            trace,
        }
    }

    fn read_durations(&mut self, file: &Path) -> Result<()> {
        let refused = |message: &'static str| {
            Error::new(Kind::ConfigurationInvalid, message).with("file", file.display())
        };
        let text = fs::read_to_string(file)
            .map_err(|error| refused("the file of durations cannot be read").because(error))?;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let minutes_and_id = line.split_once(char::is_whitespace);
            let (minutes, id) = minutes_and_id
                .and_then(|(minutes, id)| Some((minutes.parse::<u32>().ok()?, id.trim())))
                .filter(|(minutes, _)| (1..=LONGEST_MINUTES).contains(minutes))
                .ok_or_else(|| {
                    refused("a line of the file of durations cannot be read")
                        .with("line", index + 1)
                        .hint("write the minutes (1 to 100000), a blank and the activity's id")
                })?;
            self.nominal_s.insert(self.item(id), minutes * 60);
        }
        Ok(())
    }
}

/// Digests of one kind on one source. A whole block of the hash holds kind and source and is computed
/// once: there are several digests for each of millions of records.
#[derive(Clone)]
struct Names(Sha256);

impl Names {
    fn new(kind: &str, source: &str) -> Self {
        let mut block = [0; 64];
        block[..16].copy_from_slice(&Digest::of([kind, source]).0);
        let mut hash = Sha256::new();
        hash.update(block);
        Self(hash)
    }

    /// The digest of some parts; where one part ends and the next begins makes a difference.
    fn digest<T: AsRef<[u8]>>(&self, parts: &[T]) -> Digest {
        let mut hash = self.0.clone();
        for part in parts {
            let part = part.as_ref();
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            hash.update(length.to_be_bytes());
            hash.update(part);
        }
        let mut short = [0; 16];
        short.copy_from_slice(&hash.finalize()[..16]);
        Digest(short)
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

const LONGEST_MINUTES: u32 = 100_000;

/// The learner that a platform knows by an account: the platform's address and their id there. So
/// a learner is one, whether an adapter reads the platform itself or an LRS that it reports to.
///
/// # Errors
/// The refusal `bad_actor` if the address has no scheme or one of them is empty.
pub fn account(home_page: &str, name: &str) -> Result<Subject, Refusal> {
    let bad = || {
        Refusal::new(
            "bad_actor",
            "the learner's account needs the platform's address (with https://) and a name",
        )
        .field("actor")
    };
    if !home_page.contains(':') || name.is_empty() {
        return Err(bad());
    }
    let short = |text: &str| match text.len() {
        ..=256 => text.to_owned(),
        _ => format!("digest:{}", Digest::of([text]).to_hex()),
    };
    Subject::new(short(home_page), short(name)).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_bad_lines_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("durations");
        fs::write(&file, "# minutes, id\n\n60 https://lms/act/1\n5\tfilm 7 \n").unwrap();
        let source = Source::new("lms", &[&file], false).unwrap();
        assert_eq!(
            source.nominal_s(source.item("https://lms/act/1")),
            Some(3600)
        );
        assert_eq!(source.nominal_s(source.item("film 7")), Some(300));
        assert_eq!(source.nominal_s(source.item("film 8")), None);
        for bad in ["60", "x film", "0 film", "-1 film", "100001 film"] {
            fs::write(&file, format!("1 a\n{bad}\n")).unwrap();
            let error = Source::new("lms", &[&file], false).unwrap_err();
            assert!(error.context().any(|pair| pair == ("line", "2")), "{error}");
        }
        fs::remove_file(&file).unwrap();
        assert!(Source::new("lms", &[&file], false).is_err());
    }

    #[test]
    fn accounts_of_any_length_stay_apart_and_none_takes_our_namespaces() {
        let long = "x".repeat(300);
        let one = account("https://lms", &long).unwrap();
        assert_ne!(one, account("https://lms", &long[1..]).unwrap());
        assert!(one.reveal().len() <= 256);
        for (home_page, name) in [
            ("participant", "a"),
            ("whoever", "whoever"),
            ("https://lms", ""),
        ] {
            assert_eq!(account(home_page, name).unwrap_err().code, "bad_actor");
        }
    }
}
