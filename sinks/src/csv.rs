//! Claims as lines of a CSV file.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use wom_sdk::{
    Error, Kind, Result, Zone,
    award::AwardKey,
    claim::{Claim, ClaimSink},
    files::try_lock_beside,
};
use zeroize::Zeroizing;

/// The id comes last: a line that a crash tore off has none.
const HEADER: &str = "link,pin,minutes,reasons,handle,id";
/// No line of ours is longer: a hundred reasons are 2 KB, a handle is at most 1,024 bytes.
const LONGEST_LINE: u64 = 64 * 1024;

/// Appends claims to a CSV file that only its owner may read: `link,pin,minutes,reasons,handle,id`.
///
/// Reasons are separated by `; `, each an aim, a day and minutes: `H 2026-03-01 42`. `id` is the
/// award's key in 64 hexadecimal digits. What a spreadsheet would take for a formula gets a `'`
/// before it, and a line break becomes a blank. Spreadsheets drop the zero at the front of a
/// PIN when they open the file by a double click: import the column as text.
///
/// `Ok` means that the lines are on the disk. A claim whose id is in the file already is not
/// written again, and a last line that a crash tore off is taken away. The file may be moved away
/// at any time between two deliveries; the next one begins a new file. One process at a time has
/// it open ([`Kind::StoreLocked`]).
#[derive(Debug)]
pub struct CsvSink {
    path: PathBuf,
    zone: Zone,
    _lock: File,
    /// `None` after a failed write: what is in the file is looked at again.
    open: Mutex<Option<Written>>,
}

#[derive(Debug)]
struct Written {
    file: File,
    ids: BTreeSet<AwardKey>,
}

impl CsvSink {
    /// Opens or makes the file. A file that is not one of ours is refused and left as it is.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let lock = try_lock_beside(path).map_err(|error| failed(error, path))?;
        let lock = lock.ok_or_else(|| {
            Error::new(Kind::StoreLocked, "another process has the file open")
                .with("file", path.display())
        })?;
        let written = Written::read(path)?;
        Ok(Self {
            path: path.to_owned(),
            zone: Zone::UTC,
            _lock: lock,
            open: Mutex::new(Some(written)),
        })
    }

    /// Tells days in this zone, the campaign's; UTC unless given.
    #[must_use]
    pub fn in_zone(self, zone: Zone) -> Self {
        Self { zone, ..self }
    }

    fn write(&self, claims: &[Claim]) -> Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut written = match open.take() {
            Some(written) if written.is_at(&self.path) => written,
            _ => Written::read(&self.path)?,
        };
        let mut lines = Zeroizing::new(Vec::with_capacity(claims.len() * 512));
        for claim in claims {
            if written.ids.insert(claim.key) {
                append_line(&mut lines, claim, &self.zone);
            }
        }
        // An error leaves `open` empty: what did and did not arrive is seen when it is read again.
        let done = written.file.write_all(&lines);
        done.and_then(|()| written.file.sync_all())
            .map_err(|error| failed(error, &self.path))?;
        *open = Some(written);
        Ok(())
    }
}

#[async_trait]
impl ClaimSink for CsvSink {
    async fn deliver(&self, claims: &[Claim]) -> Result<()> {
        self.write(claims)
    }
}

impl Written {
    /// Opens the file, mends its end and reads which claims it has.
    fn read(path: &Path) -> Result<Self> {
        let failed = |error| failed(error, path);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(foreign(path, 1));
        }
        let mut lines = BufReader::new(&file);
        let mut ids = BTreeSet::new();
        let (mut line, mut good, mut number) = (Zeroizing::new(Vec::new()), 0, 0_u64);
        let torn = loop {
            line.clear();
            let length = (&mut lines)
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut line)
                .map_err(failed)? as u64;
            if length == 0 {
                break false;
            }
            number += 1;
            let text = line.trim_ascii();
            let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
            let id = last_cell(text);
            let whole = match number {
                1 => text == HEADER.as_bytes(),
                _ => text.is_empty() || id.is_some(),
            };
            ids.extend(id);
            if !whole {
                // Only the last line may be torn; anything else is not ours to change.
                let torn = !line.ends_with(b"\n") && (length < LONGEST_LINE);
                if !torn || (number == 1 && !HEADER.as_bytes().starts_with(text)) {
                    return Err(foreign(path, number));
                }
                break true;
            }
            good += length;
            if !line.ends_with(b"\n") {
                (&file).write_all(b"\n").map_err(failed)?;
                good += 1;
                break false;
            }
        };
        make_private(&file).map_err(failed)?;
        if torn {
            file.set_len(good).map_err(failed)?;
        }
        if good == 0 {
            writeln!(file, "{HEADER}").map_err(failed)?;
        }
        file.sync_all().map_err(failed)?;
        sync_folder(path).map_err(failed)?;
        Ok(Self { file, ids })
    }

    /// Whether the open file still is the one with this name.
    #[cfg(unix)]
    fn is_at(&self, path: &Path) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let there = std::fs::metadata(path);
        let (Ok(there), Ok(here)) = (there, self.file.metadata()) else {
            return false;
        };
        (there.dev(), there.ino()) == (here.dev(), here.ino())
    }

    #[cfg(not(unix))]
    fn is_at(&self, path: &Path) -> bool {
        path.exists()
    }
}

fn append_line(lines: &mut Vec<u8>, claim: &Claim, zone: &Zone) {
    let reasons: Vec<_> = claim
        .content
        .reasons(zone)
        .iter()
        .map(|reason| format!("{} {} {}", reason.aim, reason.day, reason.minutes))
        .collect();
    let handle = claim.handle.as_ref().map_or("", |handle| handle.reveal());
    append_cell(lines, claim.ticket.link.reveal());
    lines.push(b',');
    append_cell(lines, claim.ticket.pin.reveal());
    lines.extend(format!(",{},", claim.ticket.minutes).into_bytes());
    append_cell(lines, &reasons.join("; "));
    lines.push(b',');
    append_cell(lines, handle);
    lines.push(b',');
    lines.extend(claim.key.to_hex().into_bytes());
    lines.push(b'\n');
}

/// One cell on one line, which no spreadsheet calculates.
fn append_cell(line: &mut Vec<u8>, text: &str) {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let quoted = formula || text.contains([',', '"', ';']) || text.contains(char::is_control);
    if !quoted {
        line.extend_from_slice(text.as_bytes());
        return;
    }
    line.push(b'"');
    if formula {
        line.push(b'\'');
    }
    for character in text.chars() {
        match character {
            '"' => line.extend_from_slice(b"\"\""),
            other if other.is_control() => line.push(b' '),
            other => line.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    line.push(b'"');
}

/// The id at the end of a whole line; a spreadsheet may have put it in quotes.
fn last_cell(line: &[u8]) -> Option<AwardKey> {
    let comma = line.iter().rposition(|byte| matches!(byte, b',' | b';'))?;
    let text = std::str::from_utf8(&line[comma + 1..]).ok()?;
    AwardKey::from_hex(text.trim_matches('"'))
}

#[cfg(unix)]
fn make_private(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = file.metadata()?.permissions();
    if permissions.mode() & 0o077 == 0 {
        return Ok(());
    }
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn make_private(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

fn foreign(path: &Path, line: u64) -> Error {
    Error::new(
        Kind::InputInvalid,
        "the file is not one that claims were written to",
    )
    .with("file", path.display())
    .with("line", line)
    .hint(format!("name another file; ours begin with {HEADER}"))
}

fn failed(error: io::Error, path: &Path) -> Error {
    Error::new(Kind::StorageFailed, "claims cannot be written to the file")
        .with("file", path.display())
        .with("cause", error.kind())
        .because(error)
}
