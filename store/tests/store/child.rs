//! Other processes: this test binary again, running one of the tests below as the child's part.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

const PART: &str = "WOM_STORE_TEST_FILE";

/// The file that this process is to work on, if it is a child.
pub(crate) fn file() -> Option<std::path::PathBuf> {
    std::env::var_os(PART).map(Into::into)
}

/// Starts the test with this name as a child that works on the file.
pub(crate) fn start(part: &str, file: &Path) -> Child {
    begin(
        &mut Command::new(std::env::current_exe().unwrap()),
        part,
        file,
    )
}

/// Starts it from a shell that runs `first` before, such as to set limits.
#[cfg(unix)]
pub(crate) fn start_after(first: &str, part: &str, file: &Path) -> Child {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{first}; exec \"$0\" \"$@\"")]);
    begin(shell.arg(std::env::current_exe().unwrap()), part, file)
}

fn begin(command: &mut Command, part: &str, file: &Path) -> Child {
    command
        .args([part, "--exact", "--nocapture", "--test-threads=1"])
        .env(PART, file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Says something to the parent, in one piece.
pub(crate) fn say(line: &str) {
    use std::io::Write as _;
    // The test harness shares the line: a line of our own begins with a mark.
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n>{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// What a child said in a line of its output, if the line is one of its own and whole.
pub(crate) fn said(line: &str) -> Option<&str> {
    line.strip_prefix('>')?.strip_suffix('\n')
}
