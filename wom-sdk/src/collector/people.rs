//! Who a subject is, and what is kept of it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::Collector;
use crate::{
    Error, Kind, Result, Subject,
    award::Handle,
    privacy::{EpochKey, Participant},
};

/// The embedder's own knowledge of people: that a watch, a telephone and an account of a learning
/// platform are one person's.
///
/// Without a directory each subject stands for itself.
#[async_trait]
pub trait Directory: std::fmt::Debug + Send + Sync {
    /// Who the subject is; `None` where the directory does not know: then it stands for itself.
    ///
    /// The answer for one subject must not change while a campaign runs: the same minutes under
    /// another person are other minutes.
    async fn person(&self, subject: &Subject) -> Result<Option<Person>>;
}

/// A person, as the embedder knows them.
#[derive(Clone, Debug)]
pub struct Person {
    /// The id that all their subjects share, usually in the namespace [`Subject::PARTICIPANT`].
    pub subject: Subject,
    /// Whom to hand awards to, where nobody taps.
    pub handle: Option<Handle>,
}

/// What is kept of a person in one epoch, sealed under the epoch's key.
#[derive(Clone, Default, Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
pub(super) struct Kept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    handle: Option<String>,
    /// By source, namespace and id: whom to ask again about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    subjects: Vec<(String, String, String)>,
}

/// The same, opened.
pub(super) struct Known {
    pub(super) handle: Option<Handle>,
    kept: Kept,
}

impl Known {
    pub(super) fn subjects(&self) -> Result<Vec<(String, Subject)>> {
        let subject = |(source, namespace, id): &(String, String, String)| {
            Ok((source.clone(), Subject::new(namespace.clone(), id.clone())?))
        };
        self.kept.subjects.iter().map(subject).collect()
    }
}

impl Kept {
    pub(super) fn of(handle: Option<&Handle>, refreshed: Option<(&str, &Subject)>) -> Option<Self> {
        if handle.is_none() && refreshed.is_none() {
            return None;
        }
        let subjects = refreshed.map(|(source, subject)| {
            (
                source.to_owned(),
                subject.namespace().to_owned(),
                subject.reveal().to_owned(),
            )
        });
        Some(Self {
            handle: handle.map(|handle| handle.reveal().to_owned()),
            subjects: subjects.into_iter().collect(),
        })
    }

    /// Adds what another one knows. Returns whether anything is new.
    pub(super) fn add(&mut self, other: &Self) -> bool {
        let mut new = false;
        if other.handle.is_some() && self.handle != other.handle {
            self.handle.clone_from(&other.handle);
            new = true;
        }
        for subject in &other.subjects {
            if !self.subjects.contains(subject) {
                self.subjects.push(subject.clone());
                new = true;
            }
        }
        new
    }

    pub(super) fn seal(&self, participant: Participant, key: &EpochKey) -> Result<Vec<u8>> {
        let bytes = serde_json::to_vec(self)
            .map(Zeroizing::new)
            .map_err(|_| Error::new(Kind::Internal, "cannot write what is kept of a person"))?;
        key.seal(participant, &bytes)
    }

    pub(super) fn open(participant: Participant, key: &EpochKey, sealed: &[u8]) -> Result<Self> {
        let bytes = key.open(participant, sealed)?;
        serde_json::from_slice(&bytes)
            .map_err(|_| Error::new(Kind::StorageFailed, "what is kept of a person is damaged"))
    }
}

impl Collector {
    pub(super) fn open_person(&self, participant: Participant, sealed: &[u8]) -> Result<Known> {
        let epoch = participant.epoch();
        let key = self.keys.epoch_key(&self.campaign.name, epoch, false)?;
        let key = key.ok_or_else(|| {
            Error::new(Kind::StoreMismatch, "the key of an epoch is not there")
                .with("epoch", epoch)
                .hint("restore the key store that belongs to this data base")
        })?;
        let kept = Kept::open(participant, &key, sealed)?;
        let handle = kept.handle.as_ref().map(Handle::new).transpose()?;
        Ok(Known { handle, kept })
    }
}

impl Collector {
    /// What is kept of a participant once this is added; `None` if it is kept already.
    ///
    /// Of two who add at the same time the later one's word holds. Both know the same person.
    pub(super) async fn kept(
        &self,
        participant: Participant,
        key: &EpochKey,
        new: &Kept,
    ) -> Result<Option<Vec<u8>>> {
        let holding = self.store.participant(participant).await?;
        let mut kept = match &holding.handle {
            Some(sealed) => Kept::open(participant, key, sealed)?,
            None => Kept::default(),
        };
        if !kept.add(new) && holding.handle.is_some() {
            return Ok(None);
        }
        kept.seal(participant, key).map(Some)
    }
}

/// Whom the subjects of one chunk stand for: each is asked for once.
#[derive(Default)]
pub(super) struct Faces(BTreeMap<(String, String), Person>);

impl Faces {
    pub(super) async fn person(
        &mut self,
        directory: Option<&dyn Directory>,
        subject: &Subject,
    ) -> Result<Person> {
        let itself = || Person {
            subject: subject.clone(),
            handle: None,
        };
        let Some(directory) = directory else {
            return Ok(itself());
        };
        let name = (subject.namespace().to_owned(), subject.reveal().to_owned());
        if let Some(known) = self.0.get(&name) {
            return Ok(known.clone());
        }
        let person = directory.person(subject).await?.unwrap_or_else(itself);
        self.0.insert(name, person.clone());
        Ok(person)
    }
}

impl Drop for Faces {
    fn drop(&mut self) {
        for ((namespace, id), _) in std::mem::take(&mut self.0) {
            drop((Zeroizing::new(namespace), Zeroizing::new(id)));
        }
    }
}
