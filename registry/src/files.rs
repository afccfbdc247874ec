//! Files that only their owner may read.

use std::{fs, io::Write as _, path::Path};

use wom_sdk::{Error, Kind, Result};

use crate::ids;

/// Creates an empty file for the owner alone, unless there is a file already.
pub(crate) fn create_private(path: &Path) -> Result<()> {
    match options().open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(path, error)),
    }
}

/// Writes a file for the owner alone, whole or not at all; if another process was first, its file
/// stays. Either way the file is there afterwards.
pub(crate) fn publish_private(path: &Path, contents: &[u8]) -> Result<()> {
    let mut suffix = [0; 8];
    aws_lc_rs::rand::fill(&mut suffix)
        .map_err(|_| Error::new(Kind::Internal, "the operating system gave no randomness"))?;
    let temporary = path.with_extension(ids::text(&suffix));
    let written = options()
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(contents)?;
            file.sync_all()
        })
        // A link is made only where there is no file yet, which a rename does not promise.
        .and_then(|()| match fs::hard_link(&temporary, path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        });
    let _ = fs::remove_file(&temporary);
    written.map_err(|error| failed(path, error))
}

/// Reads a file that nobody but its owner may read; `None` if there is none.
pub(crate) fn read_private(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => {
            refuse_open_to_others(path)?;
            Ok(Some(text))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, error)),
    }
}

#[cfg(unix)]
fn refuse_open_to_others(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = fs::metadata(path)
        .map_err(|error| failed(path, error))?
        .permissions()
        .mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Error::new(
        Kind::KeyInvalid,
        "others than its owner may read the key file",
    )
    .with("file", path.display())
    .hint("run chmod 600 on it; if strangers had access, treat the key as lost"))
}

#[cfg(not(unix))]
fn refuse_open_to_others(_: &Path) -> Result<()> {
    Ok(())
}

fn options() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    Error::new(Kind::StorageFailed, "a file of the Registry cannot be used")
        .with("file", path.display())
        .because(error)
}
