//! How this program is started once more.

use std::{ffi::OsString, process::Command};

use wom_sdk::{Error, Kind, Result};

/// The program to start, with the arguments before its own. The running executable's file, where there
/// is none: it is another program that has loaded us, such as an interpreter, that has to say so.
#[derive(Clone, Debug, Default)]
pub struct Again(pub Vec<OsString>);

impl Again {
    /// The command that starts this program.
    pub fn command(&self) -> Result<Command> {
        let Some((program, arguments)) = self.0.split_first() else {
            let own = std::env::current_exe().map_err(|error| {
                Error::new(Kind::Internal, "cannot tell which program this is").because(error)
            })?;
            return Ok(Command::new(own));
        };
        let mut command = Command::new(program);
        command.args(arguments);
        Ok(command)
    }
}
