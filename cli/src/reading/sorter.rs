//! Sorts any number of rows in bounded memory: on disk where there are many.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{BufWriter, Read as _, Seek as _, SeekFrom, Write as _},
};

use wom_sdk::{Error, Kind, Result};

/// How many bytes of rows are kept in memory before they go to disk.
const MEMORY: usize = 8 * 1024 * 1024;

/// How much memory the reading back may use, over all runs together.
const BUFFERS: usize = 8 * 1024 * 1024;

/// Takes rows in any order.
#[derive(Debug)]
pub struct Sorter {
    memory: usize,
    bytes: Vec<u8>,
    /// Start and length of each row in `bytes`.
    rows: Vec<(u32, u32)>,
    file: Option<File>,
    runs: Vec<Run>,
}

/// A sorted part of the file.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: u64,
    end: u64,
}

impl Sorter {
    pub fn new() -> Self {
        Self::with_memory(MEMORY)
    }

    /// A sorter that uses about so many bytes of memory.
    pub fn with_memory(memory: usize) -> Self {
        Self {
            memory,
            bytes: Vec::new(),
            rows: Vec::new(),
            file: None,
            runs: Vec::new(),
        }
    }

    /// Adds a row of less than 4 GiB.
    pub fn push(&mut self, row: &[u8]) -> Result<()> {
        let used = self.bytes.len() + row.len() + (self.rows.len() + 1) * size_of::<(u32, u32)>();
        if used > self.memory && !self.rows.is_empty() {
            self.spill()?;
        }
        let start = u32::try_from(self.bytes.len()).map_err(too_large)?;
        let length = u32::try_from(row.len()).map_err(too_large)?;
        self.bytes.extend_from_slice(row);
        self.rows.push((start, length));
        Ok(())
    }

    /// All rows, the least first.
    pub fn sorted(mut self) -> Result<Sorted> {
        if self.file.is_none() {
            self.sort();
            return Ok(Sorted::Memory {
                bytes: self.bytes,
                rows: self.rows.into_iter(),
            });
        }
        self.spill()?;
        let Some(file) = self.file else {
            return Err(Error::new(Kind::Internal, "the sorter has no file"));
        };
        let buffer = (BUFFERS / self.runs.len().max(1)).clamp(1024, 64 * 1024);
        let runs: Vec<_> = self
            .runs
            .iter()
            .map(|run| RunReader::new(*run, buffer))
            .collect();
        Sorted::merge(file, runs)
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        self.rows.sort_unstable_by_key(|row| slice(bytes, *row));
    }

    /// Writes what is in memory to the file as one run.
    fn spill(&mut self) -> Result<()> {
        self.sort();
        let mut file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile().map_err(no_room)?,
        };
        let start = file.seek(SeekFrom::End(0)).map_err(no_room)?;
        let mut writer = BufWriter::new(&mut file);
        let mut end = start;
        for row in &self.rows {
            let row = slice(&self.bytes, *row);
            let length = u32::try_from(row.len()).map_err(too_large)?;
            writer
                .write_all(&length.to_le_bytes())
                .and_then(|()| writer.write_all(row))
                .map_err(no_room)?;
            end += 4 + u64::from(length);
        }
        writer.flush().map_err(no_room)?;
        drop(writer);
        self.file = Some(file);
        self.runs.push(Run { start, end });
        self.bytes.clear();
        self.rows.clear();
        Ok(())
    }
}

/// The rows in order.
#[derive(Debug)]
pub enum Sorted {
    /// None went to disk.
    Memory {
        bytes: Vec<u8>,
        rows: std::vec::IntoIter<(u32, u32)>,
    },
    /// Runs on disk, and the least row of each that has one left.
    Disk {
        file: File,
        runs: Vec<RunReader>,
        heads: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
    },
}

impl Sorted {
    fn merge(mut file: File, mut runs: Vec<RunReader>) -> Result<Self> {
        let mut heads = BinaryHeap::with_capacity(runs.len());
        for (index, run) in runs.iter_mut().enumerate() {
            if let Some(row) = run.next(&mut file)? {
                heads.push(Reverse((row, index)));
            }
        }
        Ok(Self::Disk { file, runs, heads })
    }

    /// The next row.
    pub fn next(&mut self) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Memory { bytes, rows } => Ok(rows.next().map(|row| slice(bytes, row).to_vec())),
            Self::Disk { file, runs, heads } => {
                let Some(Reverse((row, index))) = heads.pop() else {
                    return Ok(None);
                };
                if let Some(next) = runs[index].next(file)? {
                    heads.push(Reverse((next, index)));
                }
                Ok(Some(row))
            }
        }
    }
}

/// Reads one run back.
#[derive(Debug)]
pub struct RunReader {
    run: Run,
    buffer: Vec<u8>,
    at: usize,
    capacity: usize,
}

impl RunReader {
    fn new(run: Run, capacity: usize) -> Self {
        Self {
            run,
            buffer: Vec::new(),
            at: 0,
            capacity,
        }
    }

    fn next(&mut self, file: &mut File) -> Result<Option<Vec<u8>>> {
        if self.at == self.buffer.len() && self.run.start == self.run.end {
            return Ok(None);
        }
        let mut length = [0; 4];
        length.copy_from_slice(self.take(4, file)?);
        let length = u32::from_le_bytes(length) as usize;
        Ok(Some(self.take(length, file)?.to_vec()))
    }

    /// The next bytes; the run has them, as it was written whole.
    fn take(&mut self, count: usize, file: &mut File) -> Result<&[u8]> {
        if self.buffer.len() - self.at < count {
            self.buffer.drain(..self.at);
            self.at = 0;
            let have = self.buffer.len();
            let left = usize::try_from(self.run.end - self.run.start).unwrap_or(usize::MAX);
            let more = self.capacity.max(count).saturating_sub(have).min(left);
            self.buffer.resize(have + more, 0);
            file.seek(SeekFrom::Start(self.run.start))
                .and_then(|_| file.read_exact(&mut self.buffer[have..]))
                .map_err(no_room)?;
            self.run.start += more as u64;
        }
        let taken = self.at..self.at + count;
        self.at = taken.end;
        self.buffer
            .get(taken)
            .ok_or_else(|| Error::new(Kind::Internal, "a run of the sorter ends early"))
    }
}

fn slice(bytes: &[u8], (start, length): (u32, u32)) -> &[u8] {
    &bytes[start as usize..][..length as usize]
}

fn no_room(error: std::io::Error) -> Error {
    Error::new(Kind::StorageFailed, "the intermediate file cannot be used")
        .with("reason", error.kind())
        .hint("it needs about as much room as the input; TMPDIR says where")
        .because(error)
}

fn too_large(_: std::num::TryFromIntError) -> Error {
    Error::new(Kind::LimitExceeded, "a row is too large to be sorted")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_come_back_in_order(
            rows in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..200),
            memory in 1_usize..4000,
        ) {
            let mut sorter = Sorter::with_memory(memory);
            for row in &rows {
                sorter.push(row).unwrap();
            }
            let mut sorted = sorter.sorted().unwrap();
            let mut expected = rows;
            expected.sort();
            for row in expected {
                prop_assert_eq!(sorted.next().unwrap(), Some(row));
            }
            prop_assert_eq!(sorted.next().unwrap(), None);
        }
    }

    #[test]
    fn many_runs_share_their_buffers() {
        let mut sorter = Sorter::with_memory(1000);
        for number in (0..50_000_u32).rev() {
            sorter.push(&number.to_be_bytes()).unwrap();
        }
        assert!(sorter.runs.len() > 500);
        let mut sorted = sorter.sorted().unwrap();
        for number in 0..50_000_u32 {
            assert_eq!(sorted.next().unwrap().unwrap(), number.to_be_bytes());
        }
    }
}
