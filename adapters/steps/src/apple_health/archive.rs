//! A zip archive as a stream: read once from its beginning, unpacked on the way, and bounded.
//!
//! The members' own headers are followed, not the directory at the end, so that a pipe will do and
//! memory stays flat at any size. Nothing is ever written to a disk, and archives within the archive
//! stay closed.

use std::io::{BufRead, BufReader, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};
use wom_sdk::{Error, Kind, Result};

/// What every archive of ours begins with: a member's header.
pub(super) const MAGIC: [u8; 4] = *b"PK\x03\x04";
/// What an archive of nothing begins with.
pub(super) const EMPTY: [u8; 4] = *b"PK\x05\x06";

/// The most members that are looked at.
const MAX_MEMBERS: u32 = 10_000;
/// From how many unpacked bytes on the ratio is asked.
const RATIO_FROM: u64 = 16 << 20;
/// How much of a member is looked at to see what it is.
const PEEK: usize = 64 * 1024;
const BUFFER: usize = 64 * 1024;

/// How much an archive may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) bytes: u64,
    pub(super) ratio: u64,
}

/// An archive, positioned inside the member that was asked for.
pub(super) struct Archive<R> {
    input: BufReader<R>,
    limits: Limits,
    members: u32,
    packed: u64,
    unpacked: u64,
    member: Option<Member>,
    peeked: Vec<u8>,
    peeked_at: usize,
    /// A signature that was read to find where a member ends.
    signature: Option<[u8; 4]>,
    /// Whether the content of the last member was not what its checksum says.
    pub(super) damaged: bool,
}

struct Member {
    packing: Packing,
    /// Packed bytes that are left; `None` where only the end of the packed data tells.
    left: Option<u64>,
    crc: Crc,
    /// The checksum; `None` where a record after the data tells it.
    expected: Option<u32>,
}

/// What stands before a member's data.
struct Header {
    name: Vec<u8>,
    encrypted: bool,
    method: u16,
    /// `None` where a record after the data tells it.
    crc: Option<u32>,
    packed: Option<u64>,
}

impl Header {
    /// The member, or the error that its packing is not known.
    fn open(&self) -> Result<Member> {
        let packing = match self.method {
            0 if self.packed.is_some() => Packing::Stored,
            8 => Packing::Deflated(Box::new(Decompress::new(false))),
            _ => return Err(cannot_unpack()),
        };
        if self.encrypted {
            return Err(cannot_unpack());
        }
        Ok(Member {
            packing,
            left: self.packed,
            crc: Crc::new(),
            expected: self.crc,
        })
    }
}

enum Packing {
    Stored,
    Deflated(Box<Decompress>),
}

impl<R: Read> Archive<R> {
    pub(super) fn new(input: R, limits: Limits) -> Self {
        Self {
            input: BufReader::with_capacity(BUFFER, input),
            limits,
            members: 0,
            packed: 0,
            unpacked: 0,
            member: None,
            peeked: Vec::new(),
            peeked_at: 0,
            signature: None,
            damaged: false,
        }
    }

    /// Goes to the next member whose name and beginning are wanted. `false` if there is none.
    pub(super) fn find(
        &mut self,
        name: impl Fn(&[u8]) -> bool,
        beginning: impl Fn(&[u8]) -> bool,
    ) -> Result<bool> {
        let mut closed = false;
        while let Some(found) = self.next_member()? {
            let wanted = name(&found.name);
            match found.open() {
                Ok(member) => self.member = Some(member),
                Err(error) => {
                    let Some(left) = found.packed else {
                        return Err(error);
                    };
                    closed |= wanted;
                    self.skip(left)?;
                    continue;
                }
            }
            if wanted {
                self.peek()?;
                if beginning(&self.peeked) {
                    return Ok(true);
                }
            }
            self.leave()?;
        }
        if closed {
            return Err(cannot_unpack());
        }
        Ok(false)
    }

    /// Reads from the member; 0 at its end.
    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        if self.peeked_at < self.peeked.len() {
            let rest = &self.peeked[self.peeked_at..];
            let length = rest.len().min(out.len());
            out[..length].copy_from_slice(&rest[..length]);
            self.peeked_at += length;
            return Ok(length);
        }
        self.unpack(out)
    }

    fn peek(&mut self) -> Result<()> {
        let mut peeked = vec![0; PEEK];
        let mut length = 0;
        while length < PEEK {
            match self.unpack(&mut peeked[length..]) {
                Ok(0) => break,
                Ok(more) => length += more,
                // Whoever reads on hears of it, after what is there.
                Err(error) if error.kind() == Kind::InputTruncated => break,
                Err(error) => return Err(error),
            }
        }
        peeked.truncate(length);
        (self.peeked, self.peeked_at) = (peeked, 0);
        Ok(())
    }

    /// Leaves the member, whose end is where the next one begins.
    fn leave(&mut self) -> Result<()> {
        self.peeked = Vec::new();
        self.peeked_at = 0;
        if let Some(left) = self.member.as_ref().and_then(|member| member.left) {
            let described = self
                .member
                .take()
                .is_some_and(|member| member.expected.is_none());
            self.skip(left)?;
            if described {
                self.descriptor()?;
            }
            return Ok(());
        }
        let mut nowhere = vec![0; BUFFER];
        while self.unpack(&mut nowhere)? > 0 {}
        Ok(())
    }

    fn unpack(&mut self, out: &mut [u8]) -> Result<usize> {
        let Some(member) = &mut self.member else {
            return Ok(0);
        };
        loop {
            let available = self.input.fill_buf().map_err(unreadable)?;
            let left = member.left.unwrap_or(u64::MAX);
            let usable = available
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            let cut_off = available.is_empty() && left > 0;
            let (taken, given, ended) = match &mut member.packing {
                Packing::Stored => {
                    let length = usable.min(out.len());
                    out[..length].copy_from_slice(&available[..length]);
                    (length, length, left == length as u64)
                }
                Packing::Deflated(inflate) => {
                    let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
                    let status = inflate
                        .decompress(&available[..usable], out, FlushDecompress::None)
                        .map_err(|error| damaged().because(error))?;
                    let taken = (inflate.total_in() - before_in) as usize;
                    let given = (inflate.total_out() - before_out) as usize;
                    (taken, given, status == Status::StreamEnd)
                }
            };
            self.input.consume(taken);
            member.left = member.left.map(|left| left - taken as u64);
            member.crc.update(&out[..given]);
            self.packed += taken as u64;
            self.unpacked += given as u64;
            if self.unpacked > self.limits.bytes {
                return Err(too_much("the archive holds more than is allowed")
                    .with("bytes", self.limits.bytes)
                    .hint("if it is a real export, raise the setting max_bytes"));
            }
            let ratio = self.packed.saturating_mul(self.limits.ratio);
            if self.unpacked > RATIO_FROM && self.unpacked > ratio {
                return Err(too_much("the archive is packed more tightly than any real export")
                    .with("ratio", self.limits.ratio)
                    .hint("if it is a real export, unpack it first, or raise the setting max_ratio"));
            }
            if ended {
                self.finish()?;
                return Ok(given);
            }
            if given > 0 {
                return Ok(given);
            }
            if cut_off {
                return Err(truncated());
            }
            if taken == 0 {
                return Err(damaged());
            }
        }
    }

    /// Past the packed data: what follows it, and whether it was what the checksum says.
    fn finish(&mut self) -> Result<()> {
        let Some(member) = self.member.take() else {
            return Ok(());
        };
        self.skip(member.left.unwrap_or(0))?;
        let expected = match member.expected {
            Some(expected) => Some(expected),
            None => self.descriptor()?,
        };
        self.damaged = expected.is_some_and(|expected| expected != member.crc.sum());
        Ok(())
    }

    /// The checksum from behind the data. How long that record is nothing says: with or without a
    /// signature, sizes of 4 or of 8 bytes; but a known signature follows it.
    fn descriptor(&mut self) -> Result<Option<u32>> {
        let mut record = Vec::new();
        for (length, signed) in [(12, false), (16, true), (20, false), (24, true)] {
            while record.len() < length + 4 {
                let mut byte = [0];
                if !self.fill(&mut byte)? {
                    // The archive ends here, and so does what can be checked.
                    return Ok(None);
                }
                record.push(byte[0]);
            }
            let next = &record[length..length + 4];
            let known = matches!(
                next,
                b"PK\x03\x04" | b"PK\x01\x02" | b"PK\x05\x06" | b"PK\x06\x06"
            );
            if known && signed == record.starts_with(b"PK\x07\x08") {
                let at = if signed { 4 } else { 0 };
                self.signature = Some([next[0], next[1], next[2], next[3]]);
                return Ok(number(&record, at));
            }
        }
        Err(damaged())
    }

    fn next_member(&mut self) -> Result<Option<Header>> {
        let signature = match self.signature.take() {
            Some(signature) => signature,
            None => self.take()?,
        };
        match signature {
            MAGIC => {}
            EMPTY | [b'P', b'K', 1 | 6, _] => return Ok(None),
            _ => return Err(damaged()),
        }
        self.members += 1;
        if self.members > MAX_MEMBERS {
            return Err(
                too_much("the archive has more members than any real export")
                    .with("members", MAX_MEMBERS)
                    .hint("unpack it and read the XML file itself"),
            );
        }
        let fixed: [u8; 26] = self.take()?;
        let short = |at: usize| u16::from_le_bytes([fixed[at], fixed[at + 1]]);
        let long = |at: usize| number(&fixed, at).unwrap_or(0);
        let (flags, method) = (short(2), short(4));
        let (crc, packed, unpacked) = (long(10), long(14), long(18));
        let name = self.take_many(usize::from(short(22)))?;
        let extra = self.take_many(usize::from(short(24)))?;
        let described = flags & 8 != 0;
        let packed = match packed {
            u32::MAX => zip64_packed(&extra, unpacked == u32::MAX).ok_or_else(damaged)?,
            packed => u64::from(packed),
        };
        Ok(Some(Header {
            name,
            encrypted: flags & 1 != 0,
            method,
            crc: (!described).then_some(crc),
            // Some writers leave the size out, others give it although they need not.
            packed: (!described || packed > 0).then_some(packed),
        }))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        if self.fill(&mut bytes)? {
            Ok(bytes)
        } else {
            Err(truncated())
        }
    }

    fn take_many(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        if self.fill(&mut bytes)? {
            Ok(bytes)
        } else {
            Err(truncated())
        }
    }

    /// Fills the bytes from the archive. `false` if it ends before.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<bool> {
        match self.input.read_exact(bytes) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(unreadable(error)),
        }
    }

    fn skip(&mut self, mut length: u64) -> Result<()> {
        while length > 0 {
            let available = self.input.fill_buf().map_err(unreadable)?.len();
            if available == 0 {
                return Err(truncated());
            }
            let skipped = available.min(usize::try_from(length).unwrap_or(usize::MAX));
            self.input.consume(skipped);
            length -= skipped as u64;
        }
        Ok(())
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// The packed size from the field for large files, where the unpacked size comes first.
fn zip64_packed(mut extra: &[u8], after_unpacked: bool) -> Option<u64> {
    while let [i1, i2, l1, l2, rest @ ..] = extra {
        let length = usize::from(u16::from_le_bytes([*l1, *l2]));
        let field = rest.get(..length)?;
        if [*i1, *i2] == [1, 0] {
            let at = if after_unpacked { 8 } else { 0 };
            let bytes = field.get(at..at + 8)?;
            return Some(u64::from_le_bytes(bytes.try_into().ok()?));
        }
        extra = &rest[length..];
    }
    None
}

pub(super) fn unreadable(error: std::io::Error) -> Error {
    Error::new(Kind::InputInvalid, "the input cannot be read")
        .with("reason", error.kind())
        .because(error)
}

fn truncated() -> Error {
    Error::new(Kind::InputTruncated, "the archive ends too early").hint("export or copy it again")
}

fn damaged() -> Error {
    Error::new(Kind::InputInvalid, "the archive is damaged").hint("export or copy it again")
}

fn cannot_unpack() -> Error {
    Error::new(
        Kind::Unsupported,
        "the archive is encrypted or packed in an unusual way",
    )
    .hint("unpack it and read the XML file itself")
}

fn too_much(message: &'static str) -> Error {
    Error::new(Kind::LimitExceeded, message)
}
