//! Where the document comes from: the input itself, or a member of an archive.

use std::io::{self, Read};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use wom_sdk::{Error, Kind, Result};

use super::archive::{Archive, EMPTY, Limits, MAGIC, unreadable};

type Input = io::Chain<io::Cursor<Vec<u8>>, Counted>;

/// The bytes of an `export.xml`.
pub(super) struct Source {
    form: Form,
    done: Arc<AtomicU64>,
}

enum Form {
    Plain(Input),
    Archive(Archive<Input>),
}

impl Source {
    /// The document in this input, which says by its first bytes what it is.
    pub(super) fn open(reader: Box<dyn Read + Send>, limits: Limits) -> Result<Self> {
        let done = Arc::default();
        let mut counted = Counted {
            reader,
            done: Arc::clone(&done),
        };
        let mut first = Vec::new();
        let mut four = Read::by_ref(&mut counted).take(MAGIC.len() as u64);
        four.read_to_end(&mut first).map_err(unreadable)?;
        let zipped = first == MAGIC || first == EMPTY;
        let input = io::Cursor::new(first).chain(counted);
        if !zipped {
            let form = Form::Plain(input);
            return Ok(Self { form, done });
        }
        let mut archive = Archive::new(input, limits);
        if !archive.find(may_be_the_export, begins_as_export)? {
            return Err(not_an_export(
                "no XML file in the archive is an Apple Health export",
            ));
        }
        let form = Form::Archive(archive);
        Ok(Self { form, done })
    }

    /// Reads on; 0 at the end.
    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        match &mut self.form {
            Form::Archive(archive) => archive.read(out),
            Form::Plain(input) => loop {
                match input.read(out) {
                    Ok(length) => return Ok(length),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(unreadable(error)),
                }
            },
        }
    }

    /// How many bytes of the input are done.
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Whether what came out of the archive is not what went in.
    pub(super) fn is_damaged(&self) -> bool {
        matches!(&self.form, Form::Archive(archive) if archive.damaged)
    }
}

pub(super) fn not_an_export(message: &'static str) -> Error {
    Error::new(Kind::InputInvalid, message).hint(
        "in the Health app on the telephone: your picture, then Export All Health Data; \
         take the export.zip as it is, or the export.xml in it",
    )
}

/// Any XML file, whatever it is called in the language of the telephone, but not the shadows that
/// macOS puts beside each file.
fn may_be_the_export(name: &[u8]) -> bool {
    let is_xml = name.len() >= 4 && name[name.len() - 4..].eq_ignore_ascii_case(b".xml");
    let file = name.rsplit(|byte| matches!(byte, b'/' | b'\\')).next();
    let shadow = name.starts_with(b"__MACOSX") || file.is_some_and(|file| file.starts_with(b"._"));
    is_xml && !shadow
}

/// Whether an XML document begins as one whose root is `HealthData`.
fn begins_as_export(mut rest: &[u8]) -> bool {
    rest = rest.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(rest);
    loop {
        rest = rest.trim_ascii_start();
        let end: &[u8] = if rest.starts_with(b"<?") {
            b"?>"
        } else if rest.starts_with(b"<!--") {
            b"-->"
        } else {
            break;
        };
        let Some(length) = memchr::memmem::find(rest, end) else {
            return false;
        };
        rest = &rest[length + end.len()..];
    }
    let root = match rest.strip_prefix(b"<!DOCTYPE") {
        Some(rest) => rest.trim_ascii_start(),
        None => rest.strip_prefix(b"<").unwrap_or_default(),
    };
    root.strip_prefix(b"HealthData")
        .and_then(<[u8]>::first)
        .is_some_and(|next| next.is_ascii_whitespace() || matches!(next, b'[' | b'>'))
}

/// Counts what is read, for a progress bar.
struct Counted {
    reader: Box<dyn Read + Send>,
    done: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.reader.read(out)?;
        self.done.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_export_is_known_by_its_root() {
        for export in [
            "<HealthData locale=\"it_IT\">",
            "\u{FEFF}<?xml version=\"1.0\"?>\n<!-- - --><!DOCTYPE HealthData [\n",
            "<!DOCTYPE HealthData[",
        ] {
            assert!(begins_as_export(export.as_bytes()), "{export}");
        }
        for other in [
            "",
            "<ClinicalDocument>",
            "<HealthDataX>",
            "<!-- <HealthData>",
            "HealthData ",
        ] {
            assert!(!begins_as_export(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn names_in_any_language_but_no_shadows() {
        assert!(may_be_the_export(
            "apple_health_export/exportación.xml".as_bytes()
        ));
        assert!(may_be_the_export(b"Export.XML"));
        for other in [
            "__MACOSX/a/export.xml",
            "a/._export.xml",
            "a/route.gpx",
            "xml",
        ] {
            assert!(!may_be_the_export(other.as_bytes()), "{other}");
        }
    }
}
