//! Cuts a stream of XML into elements, in memory that does not grow with the stream.
//!
//! No more than Apple's export needs: an element's tag up to the next `<`, with comments, CDATA,
//! instructions and the document type skipped. A `<` inside an attribute is not allowed in XML, so
//! that one broken tag never takes the next one with it. The attributes of the few tags that matter
//! are for quick-xml to read; the many others cost one search.

use memchr::{memchr, memchr2, memmem};
use wom_sdk::{Kind, Result};

use super::source::Source;

/// The longest tag that is looked at.
const MAX_TAG: usize = 1 << 20;
const BUFFER: usize = MAX_TAG + (256 << 10);
/// How much of a longer one is kept: enough for its name and type.
const HEAD: usize = 128;
/// What has to be at hand to see what something is.
const LOOK: usize = 12;

/// Elements of a stream.
pub(super) struct Markup {
    source: Source,
    buffer: Box<[u8]>,
    /// What is not looked at yet.
    at: usize,
    filled: usize,
    /// Bytes of the stream before the buffer.
    before: u64,
    head: [u8; HEAD],
    /// Whether the document declares entities.
    pub(super) entities: bool,
}

/// A tag with what follows until the next one, or the beginning of one that is too long.
#[derive(Debug)]
pub(super) struct Tag<'a> {
    pub(super) bytes: &'a [u8],
    /// Where it begins, in bytes of the document.
    pub(super) at: u64,
    /// Whether it is all there.
    pub(super) whole: bool,
}

impl Markup {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            at: 0,
            filled: 0,
            before: 0,
            head: [0; HEAD],
            entities: false,
        }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// The next tag, starting with its `<`; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Tag<'_>>> {
        loop {
            match memchr(b'<', &self.buffer[self.at..self.filled]) {
                Some(skipped) => self.at += skipped,
                None => {
                    self.at = self.filled;
                    if !self.refill()? {
                        return Ok(None);
                    }
                    continue;
                }
            }
            self.look_ahead()?;
            match self.buffer[self.at..self.filled].get(1) {
                Some(b'!') => self.skip_declaration()?,
                Some(b'?') => self.skip_past(b"?>")?,
                _ => break,
            }
        }
        let mut searched = 1;
        loop {
            if let Some(more) = memchr(b'<', &self.buffer[self.at + searched..self.filled]) {
                return Ok(Some(self.cut(searched + more)));
            }
            searched = self.filled - self.at;
            if searched > MAX_TAG {
                return self.skip_long().map(Some);
            }
            if !self.refill()? {
                // The last tag, unless the document breaks off inside it.
                let is_whole = self.buffer[self.at..self.filled].contains(&b'>');
                return Ok(is_whole.then(|| self.cut(searched)));
            }
        }
    }

    fn cut(&mut self, length: usize) -> Tag<'_> {
        let start = self.at;
        self.at += length;
        Tag {
            bytes: &self.buffer[start..self.at],
            at: self.before + start as u64,
            whole: true,
        }
    }

    fn skip_long(&mut self) -> Result<Tag<'_>> {
        let start = self.before + self.at as u64;
        self.head
            .copy_from_slice(&self.buffer[self.at..self.at + HEAD]);
        self.at += 1;
        loop {
            if let Some(skipped) = memchr(b'<', &self.buffer[self.at..self.filled]) {
                self.at += skipped;
                break;
            }
            self.at = self.filled;
            if !self.refill()? {
                break;
            }
        }
        Ok(Tag {
            bytes: &self.head,
            at: start,
            whole: false,
        })
    }

    /// Past a comment, CDATA, the document type or a declaration that got out of it.
    fn skip_declaration(&mut self) -> Result<()> {
        let rest = &self.buffer[self.at..self.filled];
        if rest.starts_with(b"<!--") {
            self.at += 4;
            self.skip_past(b"-->")
        } else if rest.starts_with(b"<![CDATA[") {
            self.at += 9;
            self.skip_past(b"]]>")
        } else if rest.starts_with(b"<!DOCTYPE") {
            self.at += 9;
            self.skip_document_type()
        } else {
            self.entities |= rest.starts_with(b"<!ENTITY");
            self.at += 2;
            Ok(())
        }
    }

    /// From `<!DOCTYPE` to `]>`, whatever is in between; real ones are often broken. Should the end
    /// be missing, the root element ends it.
    fn skip_document_type(&mut self) -> Result<()> {
        match self.find(|rest| memchr2(b'[', b'>', rest))? {
            Some(b'[') => self.at += 1,
            Some(_) => {
                self.at += 1;
                return Ok(());
            }
            None => return Ok(()),
        }
        while let Some(found) = self.find(|rest| memchr2(b']', b'<', rest))? {
            self.look_ahead()?;
            let rest = &self.buffer[self.at..self.filled];
            if found == b'<' {
                if rest.starts_with(b"<HealthData") {
                    return Ok(());
                }
                if rest.starts_with(b"<!--") {
                    self.skip_past(b"-->")?;
                    continue;
                }
                self.entities |= rest.starts_with(b"<!ENTITY");
            } else if rest[1..].trim_ascii_start().first() == Some(&b'>') {
                return self.skip_past(b">");
            }
            self.at += 1;
        }
        Ok(())
    }

    /// Goes to what the search finds and tells which byte that is; `None` at the end.
    fn find(&mut self, search: impl Fn(&[u8]) -> Option<usize>) -> Result<Option<u8>> {
        loop {
            if let Some(skipped) = search(&self.buffer[self.at..self.filled]) {
                self.at += skipped;
                return Ok(Some(self.buffer[self.at]));
            }
            self.at = self.filled;
            if !self.refill()? {
                return Ok(None);
            }
        }
    }

    fn skip_past(&mut self, end: &[u8]) -> Result<()> {
        loop {
            let rest = &self.buffer[self.at..self.filled];
            if let Some(skipped) = memmem::find(rest, end) {
                self.at += skipped + end.len();
                return Ok(());
            }
            // The end may have begun.
            self.at += rest.len().saturating_sub(end.len() - 1);
            if !self.refill()? {
                self.at = self.filled;
                return Ok(());
            }
        }
    }

    /// Brings a few bytes more to hand, unless the end is nearer.
    fn look_ahead(&mut self) -> Result<()> {
        while self.filled - self.at < LOOK && self.refill()? {}
        Ok(())
    }

    /// Reads on; `false` at the end. What is not looked at yet moves to the front.
    fn refill(&mut self) -> Result<bool> {
        if self.at > 0 {
            self.buffer.copy_within(self.at..self.filled, 0);
            self.before += self.at as u64;
            self.filled -= self.at;
            self.at = 0;
        }
        match self.source.read(&mut self.buffer[self.filled..]) {
            Ok(0) => Ok(false),
            Ok(more) => {
                self.filled += more;
                Ok(true)
            }
            // What came before is good, and the document says itself whether it is whole.
            Err(error) if error.kind() == Kind::InputTruncated => Ok(false),
            Err(error) => Err(error),
        }
    }
}
