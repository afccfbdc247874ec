//! The `wom` program; the library beside it is all of it.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(wom_cli::run(std::env::args_os()))
}
