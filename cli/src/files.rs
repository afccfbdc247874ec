//! Reading secrets from files and from standard input, never from the command line; and what names a
//! file.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, IsTerminal as _, Read as _},
    path::Path,
};

use console::Term;
use sha2::{Digest as _, Sha256};
use wom_sdk::{
    Error, Kind, Result,
    protocol::{Pin, PrivateKey},
};
use zeroize::Zeroizing;

use crate::output::Output;

/// How many bytes what is told has at most.
const MOST: u64 = 1024;

/// The private key in a PEM file; a passphrase comes from `WOM_KEY_PASSPHRASE`.
pub fn private_key(path: &Path) -> Result<PrivateKey> {
    let text = fs::read(path).map_err(|error| {
        Error::new(Kind::ConfigurationInvalid, "cannot read the key file")
            .with("file", path.display())
            .because(error)
    })?;
    let passphrase = std::env::var("WOM_KEY_PASSPHRASE").ok();
    PrivateKey::from_bytes(&text, passphrase.as_deref())
        .map_err(|error| error.with("file", path.display()))
}

/// What does not belong on a command line, which others on the machine can read.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    /// What a Pocket opens; others may see it on the screen.
    Link,
    /// What nobody else may see.
    Pin,
    /// A person's id.
    Person,
    /// A name that the caller gave, such as an award's.
    Name,
}

impl Told {
    /// What a person at a terminal is asked for.
    fn question(self, output: &Output) -> &'static str {
        match self {
            Self::Link => output.say("Link or code: ", "Link o codice: "),
            Self::Pin => "PIN: ",
            Self::Person => output.say("Person: ", "Persona: "),
            Self::Name => output.say("Name: ", "Nome: "),
        }
    }
}

/// A line of standard input (nothing, or `-`), for which a person at a terminal is asked, or a
/// file's first line (`@FILE`). `None` for anything else.
pub fn told(
    argument: Option<&str>,
    what: Told,
    output: &Output,
) -> Result<Option<Zeroizing<String>>> {
    match argument {
        None | Some("-") => asked(what, output).map(Some),
        Some(argument) => match argument.strip_prefix('@') {
            Some(path) => first_line(Path::new(path)).map(Some),
            None => Ok(None),
        },
    }
}

/// A PIN; see [`told`].
pub fn pin(argument: Option<&str>, output: &Output) -> Result<Pin> {
    let told = told(argument, Told::Pin, output)?;
    Pin::parse(&told.ok_or_else(|| exposed("a PIN does not belong on the command line"))?)
}

/// A person's id; see [`told`].
pub fn person(argument: Option<&str>, output: &Output) -> Result<Zeroizing<String>> {
    let told = told(argument, Told::Person, output)?;
    told.ok_or_else(|| exposed("a person's id does not belong on the command line"))
}

/// A name in a file, or on standard input (`-`).
pub fn name(file: &Path, output: &Output) -> Result<Zeroizing<String>> {
    match file == Path::new("-") {
        true => asked(Told::Name, output),
        false => first_line(file),
    }
}

fn exposed(message: &'static str) -> Error {
    Error::new(Kind::InputInvalid, message)
        .hint("others can read it there: leave it out or write - and type it, or write @FILE")
}

/// The next line of standard input. What is read is taken from it and no more, so that the line
/// after it can be asked for.
fn asked(what: Told, output: &Output) -> Result<Zeroizing<String>> {
    let unreadable = |error| {
        Error::new(Kind::InputInvalid, "cannot read it")
            .with("file", "standard input")
            .because(error)
    };
    let screen = Term::stderr();
    if io::stdin().is_terminal() {
        let _ = screen.write_str(what.question(output));
        if matches!(what, Told::Pin) && screen.is_term() {
            let typed = screen.read_secure_line().map_err(unreadable)?;
            return Ok(trimmed(Zeroizing::new(typed)));
        }
    }
    let mut line = Zeroizing::new(String::new());
    let read = io::stdin().lock().take(MOST).read_line(&mut line);
    if read.map_err(unreadable)? == 0 {
        return Err(Error::new(
            Kind::InputInvalid,
            "standard input ended before everything was told",
        )
        .hint("write it there, a line each, or to a file, and name that as @FILE"));
    }
    Ok(trimmed(line))
}

fn first_line(path: &Path) -> Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    File::open(path)
        .and_then(|file| BufReader::new(file.take(MOST)).read_line(&mut line))
        .map_err(|error| {
            Error::new(Kind::InputInvalid, "cannot read it")
                .with("file", path.display())
                .because(error)
        })?;
    Ok(trimmed(line))
}

fn trimmed(line: Zeroizing<String>) -> Zeroizing<String> {
    Zeroizing::new(line.trim().to_owned())
}

/// The SHA-256 of a file's content, read in pieces.
pub fn digest(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hash.finalize().into()),
            read => hash.update(&piece[..read]),
        }
    }
}
