//! Processes that are started to be killed: this program again, as one of its parts.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use wom_sdk::{Error, Kind, Result};

use super::part::Part;
use crate::again::Again;

/// A process that dies with this value, and with this program: it ends when nobody holds its
/// standard input any more.
pub struct Process {
    child: Child,
    /// Hears the process to its end.
    listener: Option<JoinHandle<()>>,
}

impl Process {
    /// Starts a part, and lets `hear` have each line that it says.
    pub fn start(
        again: &Again,
        part: Part,
        dir: &Path,
        seed: u64,
        from: u32,
        mut hear: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        let (child, stdout) = begin(again, part, dir, seed, from)?;
        let listener = std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                hear(&line);
            }
        });
        Ok(Self {
            child,
            listener: Some(listener),
        })
    }

    /// Whether it has ended by itself, and well.
    pub fn ended(&mut self) -> Result<bool> {
        match self.child.try_wait() {
            Ok(None) => Ok(false),
            Ok(Some(status)) if status.success() => {
                self.listen_to_the_end();
                Ok(true)
            }
            Ok(Some(_)) => Err(Error::new(
                Kind::Internal,
                "a process failed that nobody had killed; what it said stands above",
            )),
            Err(error) => Err(unmanaged(error)),
        }
    }

    /// Kills it with no time for a last word, and hears everything that it has said before.
    pub fn kill(&mut self) -> Result<()> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .map_err(unmanaged)?;
        self.listen_to_the_end();
        Ok(())
    }

    fn listen_to_the_end(&mut self) {
        if let Some(listener) = self.listener.take() {
            // It only ends when the process has.
            let _ = listener.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The Registry's process.
pub struct Server {
    again: Again,
    process: Process,
    dir: PathBuf,
    port: u16,
}

impl Server {
    /// Serves the Registry in this folder on a free port.
    pub fn start(again: &Again, dir: &Path) -> Result<Self> {
        Self::on(again, dir, 0)
    }

    fn on(again: &Again, dir: &Path, port: u16) -> Result<Self> {
        let (told, tells) = std::sync::mpsc::channel();
        let process = Process::start(
            again,
            Part::Registry,
            dir,
            0,
            u32::from(port),
            move |line| {
                if let Some(port) = line.strip_prefix("serving ") {
                    let _ = told.send(port.parse::<u16>());
                }
            },
        )?;
        let port = tells.recv().ok().and_then(|port| port.ok());
        Ok(Self {
            again: again.clone(),
            process,
            dir: dir.to_owned(),
            port: port.ok_or_else(|| Error::new(Kind::Internal, "the Registry does not serve"))?,
        })
    }

    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Serves again where it has served before.
    pub fn start_again(&mut self) -> Result<()> {
        let again = Self::on(&self.again, &self.dir, self.port)?;
        *self = again;
        Ok(())
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// What is shared with a listener.
pub fn locked<T>(shared: &Arc<Mutex<T>>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn begin(
    again: &Again,
    part: Part,
    dir: &Path,
    seed: u64,
    from: u32,
) -> Result<(Child, ChildStdout)> {
    let mut child = again
        .command()?
        .arg("selftest")
        .args(["--part", part.name()])
        .arg("--dir")
        .arg(dir)
        .args(["--seed", &seed.to_string(), "--from", &from.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(unmanaged)?;
    match child.stdout.take() {
        Some(stdout) => Ok((child, stdout)),
        None => Err(Error::new(Kind::Internal, "a process without a voice")),
    }
}

fn unmanaged(error: std::io::Error) -> Error {
    Error::new(Kind::Internal, "cannot start or end a process").because(error)
}
