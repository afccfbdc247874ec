//! Files that are replaced as a whole, or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

/// What the names of files end with that are not in their place yet.
const UNFINISHED: &str = ".new";

/// Writes a file that only its owner may read, beside the old one, makes it durable, and puts it
/// in the old one's place: after a crash there is the old content or the new one.
pub fn replace_privately(path: &Path, content: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut beside = name.to_owned();
    beside.push(format!(".{}{UNFINISHED}", std::process::id()));
    let beside = path.with_file_name(beside);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    let replaced = written.and_then(|()| fs::rename(&beside, path));
    if replaced.is_err() {
        // The error that matters is the one above.
        let _ = fs::remove_file(&beside);
        return replaced;
    }
    let dir = folder(path);
    // Not every system lets a folder be synced; where it does, the new name is durable too.
    match File::open(dir).and_then(|dir| dir.sync_all()) {
        Err(error) if cfg!(unix) => Err(error),
        _ => Ok(()),
    }
}

/// Removes what processes that died while they [replaced](replace_privately) this file have left
/// beside it. Only for who holds the lock under which alone it is replaced.
pub(crate) fn remove_unfinished(path: &Path) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let begin = format!("{}.", name.to_string_lossy());
    for entry in fs::read_dir(folder(path))? {
        let entry = entry?;
        let name = entry.file_name();
        let process = name
            .to_str()
            .and_then(|name| name.strip_prefix(&begin)?.strip_suffix(UNFINISHED));
        if process.is_some_and(|process| process.parse::<u32>().is_ok()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Waits until no other process holds the lock beside this file, and holds it until dropped.
pub fn lock_beside(path: &Path) -> io::Result<File> {
    let file = open_lock(path)?;
    file.lock()?;
    Ok(file)
}

/// Takes the lock beside this file if no other process holds it; `None` if one does.
pub fn try_lock_beside(path: &Path) -> io::Result<Option<File>> {
    let file = open_lock(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

fn open_lock(path: &Path) -> io::Result<File> {
    let mut name = path
        .file_name()
        .ok_or(io::ErrorKind::InvalidInput)?
        .to_owned();
    name.push(".lock");
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path.with_file_name(name))
}
