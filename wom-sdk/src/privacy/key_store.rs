//! Where secret keys live: outside the data base, so that a thief of one has not the other.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{Cohort, EpochKey, keyed};
use crate::{Day, Error, Kind, Result, Span, Timestamp, Zone};

/// How long one pseudonym holds: a month of events in the campaign's zone, or the whole campaign
/// for what counts once, whenever it happened.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Epoch {
    year: i16,
    /// 1 to 12; 0 for the whole campaign.
    month: u8,
}

impl Epoch {
    /// The whole campaign.
    pub const CAMPAIGN: Self = Self { year: 0, month: 0 };

    /// A month, 1 to 12.
    pub(crate) fn month(year: i16, month: i8) -> Self {
        Self {
            year,
            month: month.unsigned_abs(),
        }
    }

    /// The month of a day.
    pub fn of(day: Day) -> Self {
        Self::month(day.year(), day.month())
    }

    /// The month before and the month after.
    pub fn neighbours(self) -> [Self; 2] {
        let Self { year, month } = self;
        let before = if month <= 1 {
            Self {
                year: year - 1,
                month: 12,
            }
        } else {
            Self {
                year,
                month: month - 1,
            }
        };
        let after = if month >= 12 {
            Self {
                year: year + 1,
                month: 1,
            }
        } else {
            Self {
                year,
                month: month + 1,
            }
        };
        [before, after]
    }

    /// When the epoch is, by the clocks of a zone; all time for the whole campaign.
    pub fn span(self, zone: &Zone) -> Span {
        let month = i8::try_from(self.month).unwrap_or_default();
        let [_, after] = self.neighbours();
        let next = i8::try_from(after.month).unwrap_or_default();
        let start = Day::new(self.year, month, 1).map(|day| zone.start_of(day));
        let end = Day::new(after.year, next, 1).map(|day| zone.start_of(day));
        let (start, end) = (
            start.unwrap_or(Timestamp::MIN),
            end.unwrap_or(Timestamp::MAX),
        );
        if self == Self::CAMPAIGN {
            return Span::starting(Timestamp::MIN, Timestamp::MAX.since(Timestamp::MIN));
        }
        Span::starting(start, end.since(start))
    }

    pub(super) fn to_bytes(self) -> [u8; 3] {
        let [a, b] = self.year.to_be_bytes();
        [a, b, self.month]
    }

    pub(super) fn from_bytes([a, b, month]: [u8; 3]) -> Self {
        Self {
            year: i16::from_be_bytes([a, b]),
            month,
        }
    }
}

/// `2026-03`; `0000-00` for the whole campaign.
impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl std::str::FromStr for Epoch {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = || {
            let (year, month) = text.split_once('-')?;
            let (year, month) = (year.parse().ok()?, month.parse().ok()?);
            (month <= 12).then_some(Self { year, month })
        };
        parsed().ok_or_else(|| Error::new(Kind::InputInvalid, "an epoch is written as 2026-03"))
    }
}

/// Keeps the root key, and keys by name that can be destroyed one by one.
pub trait KeyStore: fmt::Debug + Send + Sync {
    /// The key of this name. Without `create`, `None` where there is none: it was never made, or it
    /// was destroyed. A new key is durable before it is returned.
    fn key(&self, name: &str, create: bool) -> Result<Option<Zeroizing<[u8; 32]>>>;

    /// The names that begin so, in alphabetical order.
    fn names(&self, prefix: &str) -> Result<Vec<String>>;

    /// Destroys a key: when this returns, nobody can have it again. One that is not there is no
    /// error; a key store that cannot destroy answers [`Kind::Unsupported`].
    fn destroy(&self, name: &str) -> Result<()>;

    /// A key for one purpose, derived from the root.
    fn purpose_key(&self, purpose: &str) -> Result<Zeroizing<[u8; 32]>>;

    /// The key of an epoch, as [`key`](Self::key).
    fn epoch_key(&self, campaign: &str, epoch: Epoch, create: bool) -> Result<Option<EpochKey>> {
        let key = self.key(&epoch_name(campaign, epoch), create)?;
        Ok(key.map(|key| EpochKey::new(Cohort::new(campaign, epoch), *key)))
    }

    /// The epochs of a campaign that have a key.
    fn epochs(&self, campaign: &str) -> Result<Vec<Epoch>> {
        let prefix = format!("epoch/{campaign}/");
        let epoch = |name: &String| name.strip_prefix(&prefix)?.parse().ok();
        Ok(self.names(&prefix)?.iter().filter_map(epoch).collect())
    }

    /// Destroys the key of an epoch: its pseudonyms can be made by nobody any more.
    fn destroy_epoch(&self, campaign: &str, epoch: Epoch) -> Result<()> {
        self.destroy(&epoch_name(campaign, epoch))
    }

    /// A name for the root key that tells nothing about it: a store remembers it and refuses to
    /// work with the keys of another.
    fn fingerprint(&self) -> Result<String> {
        let key = self.purpose_key("fingerprint/1")?;
        Ok(crate::hex::encode(&key[..8]))
    }
}

fn epoch_name(campaign: &str, epoch: Epoch) -> String {
    format!("epoch/{campaign}/{epoch}")
}

/// A key, wiped when it is dropped.
pub(super) type Stored = Zeroizing<[u8; 32]>;

/// The keys themselves.
#[derive(Clone, Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    #[zeroize(skip)]
    version: u32,
    root: String,
    /// By name, such as `epoch/walk/2026-03`.
    #[zeroize(skip)]
    named: BTreeMap<String, String>,
}

impl Keys {
    pub(super) fn random() -> Result<Self> {
        Ok(Self {
            version: 1,
            root: encode(&*random_key()?),
            named: BTreeMap::new(),
        })
    }

    pub(super) fn key(&self, name: &str) -> Result<Option<Stored>> {
        self.named.get(name).map(|text| decode(text)).transpose()
    }

    pub(super) fn names(&self, prefix: &str) -> Vec<String> {
        let all = self.named.keys();
        all.filter(|name| name.starts_with(prefix))
            .cloned()
            .collect()
    }

    pub(super) fn add(&mut self, name: &str) -> Result<()> {
        if !self.named.contains_key(name) {
            self.named.insert(name.to_owned(), encode(&*random_key()?));
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) {
        if let Some(mut key) = self.named.remove(name) {
            key.zeroize();
        }
    }

    /// The keys as they are kept.
    pub(super) fn to_text(&self) -> Result<Zeroizing<String>> {
        serde_json::to_string_pretty(self)
            .map(Zeroizing::new)
            .map_err(|_| Error::new(Kind::Internal, "cannot write the keys"))
    }

    /// Reads the keys as they are kept.
    pub(super) fn from_text(text: &[u8]) -> Result<Self> {
        let keys: Self = serde_json::from_slice(text).map_err(|_| {
            Error::new(Kind::KeyInvalid, "this is not a key store")
                .hint("restore it from its backup; a new one cannot open what the old one sealed")
        })?;
        if keys.version != 1 {
            return Err(
                Error::new(Kind::StoreMismatch, "the key store is of a newer version")
                    .hint("use the newer wom-sdk that wrote it"),
            );
        }
        decode(&keys.root)?;
        Ok(keys)
    }

    pub(super) fn purpose_key(&self, purpose: &str) -> Result<Zeroizing<[u8; 32]>> {
        Ok(purpose_key(&*decode(&self.root)?, purpose))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({} names, redacted)", self.named.len())
    }
}

/// Keys in memory, for tests and for what need not outlive the process.
#[derive(Debug)]
pub struct MemoryKeyStore(Mutex<Keys>);

impl Default for MemoryKeyStore {
    fn default() -> Self {
        // Without randomness from the operating system nothing here can be safe.
        let keys = Keys::random().expect("the operating system gives random bytes");
        Self(Mutex::new(keys))
    }
}

impl KeyStore for MemoryKeyStore {
    fn key(&self, name: &str, create: bool) -> Result<Option<Zeroizing<[u8; 32]>>> {
        let mut keys = lock(&self.0)?;
        if create {
            keys.add(name)?;
        }
        keys.key(name)
    }

    fn names(&self, prefix: &str) -> Result<Vec<String>> {
        Ok(lock(&self.0)?.names(prefix))
    }

    fn destroy(&self, name: &str) -> Result<()> {
        lock(&self.0)?.remove(name);
        Ok(())
    }

    fn purpose_key(&self, purpose: &str) -> Result<Zeroizing<[u8; 32]>> {
        lock(&self.0)?.purpose_key(purpose)
    }
}

/// Keys in a file that only its owner may read.
///
/// Back it up apart from the data base: without it, sealed codes cannot be opened any more.
#[derive(Debug)]
pub struct FileKeyStore {
    path: PathBuf,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    keys: Keys,
    stamp: Stamp,
}

/// What a file's metadata tell of which writing of it this is.
#[derive(Debug, Eq, PartialEq)]
struct Stamp {
    changed: Option<std::time::SystemTime>,
    length: u64,
    #[cfg(unix)]
    inode: u64,
}

impl Stamp {
    fn of(path: &Path) -> Result<Self> {
        let metadata = fs::metadata(path).map_err(|error| unreadable(path, error))?;
        Ok(Self {
            changed: metadata.modified().ok(),
            length: metadata.len(),
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(&metadata),
        })
    }
}

impl FileKeyStore {
    /// Makes a new file with new keys; one that is there already is not touched, but refused.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        if !make(&path)? {
            return Err(Error::new(Kind::ConfigurationInvalid, "there is a key store already")
                .with("file", path.display())
                .hint("open it, or name another file: overwriting it would lose every sealed code"));
        }
        Self::open(path)
    }

    /// Opens the file. One that others than its owner may read is refused.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let stamp = Stamp::of(&path)?;
        let keys = read(&path)?;
        Ok(Self {
            path,
            held: Mutex::new(Held { keys, stamp }),
        })
    }

    /// Opens the file, or makes it where there is none. Of many who do so at once one makes it.
    pub fn open_or_create(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        make(&path)?;
        Self::open(path)
    }
}

impl FileKeyStore {
    /// The keys, read again if another process has changed the file.
    fn fresh(&self) -> Result<std::sync::MutexGuard<'_, Held>> {
        let mut held = lock(&self.held)?;
        let now = Stamp::of(&self.path)?;
        if held.stamp != now {
            held.keys = read(&self.path)?;
            held.stamp = now;
        }
        Ok(held)
    }

    /// Changes the file, alone among all processes.
    fn change(&self, change: impl FnOnce(&mut Keys) -> Result<()>) -> Result<()> {
        let mut held = lock(&self.held)?;
        let _alone =
            crate::files::lock_beside(&self.path).map_err(|error| unreadable(&self.path, error))?;
        let mut keys = read(&self.path)?;
        // A copy that a process left behind when it died would keep what is destroyed here.
        crate::files::remove_unfinished(&self.path)
            .map_err(|error| unwritable(&self.path, error))?;
        change(&mut keys)?;
        write(&self.path, &keys)?;
        held.keys = keys;
        held.stamp = Stamp::of(&self.path)?;
        Ok(())
    }
}

impl KeyStore for FileKeyStore {
    fn key(&self, name: &str, create: bool) -> Result<Option<Zeroizing<[u8; 32]>>> {
        let found = self.fresh()?.keys.key(name)?;
        if found.is_some() || !create {
            return Ok(found);
        }
        self.change(|keys| keys.add(name))?;
        lock(&self.held)?.keys.key(name)
    }

    fn names(&self, prefix: &str) -> Result<Vec<String>> {
        Ok(self.fresh()?.keys.names(prefix))
    }

    fn destroy(&self, name: &str) -> Result<()> {
        self.change(|keys| {
            keys.remove(name);
            Ok(())
        })
    }

    fn purpose_key(&self, purpose: &str) -> Result<Zeroizing<[u8; 32]>> {
        lock(&self.held)?.keys.purpose_key(purpose)
    }
}

fn read(path: &Path) -> Result<Keys> {
    refuse_if_others_may_read(path)?;
    let text = Zeroizing::new(fs::read(path).map_err(|error| unreadable(path, error))?);
    Keys::from_text(&text).map_err(|error| error.with("file", path.display()))
}

/// Makes the file, alone among all processes; `false` if there is one.
fn make(path: &Path) -> Result<bool> {
    if path.exists() {
        return Ok(false);
    }
    let _alone = crate::files::lock_beside(path).map_err(|error| unwritable(path, error))?;
    if path.exists() {
        return Ok(false);
    }
    write(path, &Keys::random()?)?;
    Ok(true)
}

/// Replaces the file as a whole, so that a crash leaves the old one or the new one.
fn write(path: &Path, keys: &Keys) -> Result<()> {
    crate::files::replace_privately(path, keys.to_text()?.as_bytes())
        .map_err(|error| unwritable(path, error))
}

fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::new(Kind::StorageFailed, "cannot write the key store")
        .with("file", path.display())
        .because(error)
}

#[cfg(unix)]
fn refuse_if_others_may_read(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path)
        .map_err(|error| unreadable(path, error))?
        .permissions()
        .mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(
        Error::new(Kind::ConfigurationInvalid, "others may read the key store")
            .with("file", path.display())
            .hint("run: chmod 600 on the file"),
    )
}

#[cfg(not(unix))]
fn refuse_if_others_may_read(path: &Path) -> Result<()> {
    fs::metadata(path)
        .map(drop)
        .map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::new(Kind::ConfigurationInvalid, "cannot read the key store")
        .with("file", path.display())
        .hint("make one with `wom init`, or restore it from its backup")
        .because(error)
}

fn lock<T>(keys: &Mutex<T>) -> Result<std::sync::MutexGuard<'_, T>> {
    keys.lock()
        .map_err(|_| Error::new(Kind::Internal, "a thread died while it held the keys"))
}

/// The key for one purpose that a root key makes: what a [`KeyStore`] of one's own answers.
pub fn purpose_key(root: &[u8; 32], purpose: &str) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(keyed(root, &[b"purpose/1", purpose.as_bytes()]))
}

/// A new key, from the operating system's random bytes.
pub fn random_key() -> Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(&mut *key)
        .map_err(|_| Error::new(Kind::Internal, "the operating system gives no random bytes"))?;
    Ok(key)
}

fn encode(key: &[u8]) -> String {
    BASE64_STANDARD.encode(key)
}

fn decode(text: &str) -> Result<Zeroizing<[u8; 32]>> {
    let bytes = BASE64_STANDARD.decode(text).map(Zeroizing::new).ok();
    bytes
        .and_then(|bytes| bytes.as_slice().try_into().ok())
        .map(Zeroizing::new)
        .ok_or_else(|| {
            Error::new(Kind::KeyInvalid, "a key in the key store is damaged")
                .hint("restore the key store from its backup")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_the_same_keys_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let epoch = Epoch::month(2026, 11);
        let store = FileKeyStore::create(&path).unwrap();
        let key = store.epoch_key("walk", epoch, true).unwrap().unwrap();
        let again = FileKeyStore::open(&path).unwrap();
        assert_eq!(
            again.epoch_key("walk", epoch, false).unwrap().unwrap().key,
            key.key
        );
        assert_eq!(again.fingerprint().unwrap(), store.fingerprint().unwrap());
        assert_eq!(again.epochs("walk").unwrap(), [epoch]);
        assert!(again.epochs("wal").unwrap().is_empty());
        assert_eq!(
            FileKeyStore::create(&path).unwrap_err().kind(),
            Kind::ConfigurationInvalid
        );
    }

    #[test]
    fn what_one_process_destroys_no_other_has_any_more() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let one = FileKeyStore::create(&path).unwrap();
        let two = FileKeyStore::open(&path).unwrap();
        let epoch = Epoch::month(2026, 12);
        let key = two.key("epoch/walk/2026-12", true).unwrap().unwrap();
        one.key("award/00020000", true).unwrap();
        one.destroy_epoch("walk", epoch).unwrap();
        one.destroy_epoch("walk", epoch).unwrap();
        assert!(two.epoch_key("walk", epoch, false).unwrap().is_none());
        assert!(two.epochs("walk").unwrap().is_empty());
        assert_eq!(two.names("award/").unwrap(), ["award/00020000"]);
        let bytes = fs::read_to_string(&path).unwrap();
        assert!(!bytes.contains(&encode(&*key)));
        let again = two.key("epoch/walk/2026-12", true).unwrap().unwrap();
        assert_ne!(*again, *key, "a new key is another one");
    }

    #[test]
    fn a_copy_that_a_dead_process_left_does_not_outlive_the_next_change() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let store = FileKeyStore::create(&path).unwrap();
        let (left, others) = ("keys.json.4711.new", ["keys.json.old.new", "other.1.new"]);
        fs::copy(&path, dir.path().join(left)).unwrap();
        for name in others {
            fs::write(dir.path().join(name), "").unwrap();
        }
        store.key("award/00020000", true).unwrap();
        assert!(!dir.path().join(left).exists());
        assert!(others.iter().all(|name| dir.path().join(name).exists()));
    }

    #[test]
    fn two_processes_agree_on_a_new_epoch() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let (one, two) = (
            FileKeyStore::create(&path).unwrap(),
            FileKeyStore::open(&path).unwrap(),
        );
        let epoch = Epoch::month(2026, 12);
        let key = one.epoch_key("walk", epoch, true).unwrap().unwrap();
        assert_eq!(
            two.epoch_key("walk", epoch, true).unwrap().unwrap().key,
            key.key
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        FileKeyStore::create(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = FileKeyStore::open(&path).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }

    #[test]
    fn nothing_is_printed() {
        let store = MemoryKeyStore::default();
        let root = store.0.lock().unwrap().root.clone();
        assert!(!format!("{store:?}").contains(&root[..8]));
    }
}
