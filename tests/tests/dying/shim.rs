//! What `shim.c` does between a process and the C library.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// The compiled shim; gone with this value.
pub(crate) struct Shim {
    made: PathBuf,
    _dir: TempDir,
}

/// Which call of a process is struck, and how: see `shim.c`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blow<'a> {
    pub(crate) how: &'a str,
    /// Counted from 1.
    pub(crate) at: u32,
    pub(crate) of: Calls<'a>,
}

/// Which calls count.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Calls<'a> {
    /// What writes to the files of a folder whose names begin so.
    Files(&'a Path, &'a str),
    /// What sends to this port.
    Port(u16),
}

impl Shim {
    /// The shim, or a line that says why there is none; in CI that is a failure.
    pub(crate) fn made() -> Option<Self> {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dying/shim.c");
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let made = dir.path().join("shim.so");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(&made)
            .arg(source)
            .args(["-ldl"])
            .status();
        match compiled {
            Ok(status) => {
                assert!(status.success(), "{source} cannot be compiled");
                Some(Self { made, _dir: dir })
            }
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "there is no cc: {error}");
                eprintln!("LEFT OUT: there is no C compiler cc here: install gcc or clang");
                None
            }
        }
    }

    /// Has the process struck.
    pub(crate) fn strike(&self, process: &mut Command, blow: Blow<'_>) {
        process
            .env("LD_PRELOAD", &self.made)
            .env("WOM_DISK_AT", blow.at.to_string())
            .env("WOM_DISK_HOW", blow.how);
        match blow.of {
            Calls::Files(folder, names) => process
                .env("WOM_DISK", folder.canonicalize().unwrap())
                .env("WOM_DISK_FILES", names),
            Calls::Port(port) => process.env("WOM_DISK_PORT", port.to_string()),
        };
    }
}

/// What a process has said before it was struck, and from then on; `None` if it was not.
pub(crate) fn struck(said: &[String]) -> Option<(&[String], &[String])> {
    let at = said.iter().position(|line| line.starts_with("struck"))?;
    Some(said.split_at(at))
}
