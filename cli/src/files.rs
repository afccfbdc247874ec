//! Reading secrets from files and from standard input, never from the command line; and what names a
//! file.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use sha2::{Digest as _, Sha256};
use wom_sdk::{
    Error, Kind, Result,
    protocol::{Pin, PrivateKey},
};
use zeroize::Zeroizing;

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

/// A PIN from standard input (`-`) or from a file (`@FILE`).
pub fn pin(argument: &str) -> Result<Pin> {
    let text = private(argument, "a PIN does not belong on the command line")?;
    Pin::parse(text.trim())
}

/// A person's id from standard input (`-`) or from a file (`@FILE`).
pub fn person(argument: &str) -> Result<Zeroizing<String>> {
    private(
        argument,
        "a person's id does not belong on the command line",
    )
}

fn private(argument: &str, refusal: &'static str) -> Result<Zeroizing<String>> {
    let unreadable = |error| Error::new(Kind::InputInvalid, "cannot read it").because(error);
    let mut text = Zeroizing::new(String::new());
    match argument.strip_prefix('@') {
        Some(path) => File::open(path)
            .and_then(|file| file.take(1024).read_to_string(&mut text))
            .map_err(|error| unreadable(error).with("file", path))?,
        None if argument == "-" => io::stdin()
            .take(1024)
            .read_to_string(&mut text)
            .map_err(|error| unreadable(error).with("file", "standard input"))?,
        None => {
            return Err(Error::new(Kind::InputInvalid, refusal)
                .hint("others can read it there: write - and type it, or @FILE"));
        }
    };
    Ok(text)
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
