//! The file: finding it, claiming it for this store alone, and telling it from other files.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use wom_sdk::{Error, Kind, Result, Retry, files::try_lock_beside};

/// Marks a data base as ours: "WOMS".
pub(super) const APPLICATION_ID: i32 = 0x574f_4d53;

/// How often to look whether the other process is gone.
const LOOK: Duration = Duration::from_millis(20);

/// A file that no other store has open, for as long as this is held.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) path: PathBuf,
    _lock: File,
}

/// Claims the file, which is made if it is not there; waits for another process at most so long.
///
/// Nothing is written to a file that is not ours.
pub(super) fn claim(path: &Path, patience: Duration) -> Result<Claimed> {
    let path = &canonical(path).map_err(|error| unusable(path, error))?;
    let started = Instant::now();
    let lock = loop {
        match try_lock_beside(path).map_err(|error| unusable(path, error))? {
            Some(lock) => break lock,
            None if started.elapsed() >= patience => return Err(locked(path)),
            None => thread::sleep(LOOK),
        }
    };
    create(path).map_err(|error| unusable(path, error))?;
    refuse_foreign(path)?;
    Ok(Claimed {
        path: path.clone(),
        _lock: lock,
    })
}

/// One file has one name, or else it has two locks.
fn canonical(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
            let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
            Ok(fs::canonicalize(dir.unwrap_or(Path::new(".")))?.join(name))
        }
        found => found,
    }
}

/// Makes an empty file that only its owner may read, durably; SQLite fills it.
fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => {
            file.sync_all()?;
            sync_folder_of(path)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes the names of the files durable, where folders can be synced.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(dir) = path.parent() {
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}

/// Looks at the head of the file before SQLite does, which would begin to use it.
fn refuse_foreign(path: &Path) -> Result<()> {
    let mut journal = path.as_os_str().to_owned();
    journal.push("-journal");
    if Path::new(&journal).exists() {
        // A first opening was cut short: SQLite has to undo it before there is something to see.
        return Ok(());
    }
    let mut head = Vec::with_capacity(100);
    File::open(path)
        .and_then(|file| file.take(100).read_to_end(&mut head))
        .map_err(|error| unusable(path, error))?;
    if head.is_empty() {
        return Ok(());
    }
    if head.len() < 100 || !head.starts_with(b"SQLite format 3\0") {
        return Err(no_data_base(path));
    }
    if head[68..72] != APPLICATION_ID.to_be_bytes() {
        return Err(foreign(path));
    }
    Ok(())
}

pub(super) fn no_data_base(path: &Path) -> Error {
    Error::new(Kind::StoreMismatch, "this file is not a store")
        .with("file", path.display())
        .hint("name another file, or restore this one from its backup; it was left as it is")
}

pub(super) fn foreign(path: &Path) -> Error {
    let message = "this data base belongs to another program";
    Error::new(Kind::StoreMismatch, message)
        .with("file", path.display())
        .hint("name another file; this one was left as it is")
}

fn locked(path: &Path) -> Error {
    Error::new(Kind::StoreLocked, "the store is open in another process")
        .with("file", path.display())
        .hint("stop that one first, wait for it, or name another file for this one")
}

pub(super) fn unusable(path: &Path, error: io::Error) -> Error {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "make the folder first",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "let this program write the file and its folder, or name another file"
        }
        io::ErrorKind::StorageFull => "free some space on the disk",
        _ => "name a file on a disk of this machine",
    };
    Error::new(Kind::StorageFailed, "the store cannot be opened")
        .with("file", path.display())
        .hint(hint)
        .with_retry(Retry::Never)
        .because(error)
}
