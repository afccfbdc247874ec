//! Keys in a file.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard},
};

use zeroize::Zeroizing;

use super::{
    KeyStore,
    key_store::{Keys, lock},
};
use crate::{Error, Kind, Result};

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
    fn fresh(&self) -> Result<MutexGuard<'_, Held>> {
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

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_STANDARD};

    use super::*;
    use crate::privacy::Epoch;

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
        assert!(!bytes.contains(&BASE64_STANDARD.encode(*key)));
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
}
