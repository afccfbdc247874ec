//! Pulling: everything since a cursor, and the cursor is written after what it stands behind.

use std::sync::Arc;

use super::{Collector, Submission, Unwatched, intake::Intake};
use crate::{
    Error, Kind, Result, Span, Subject,
    instrument::{Cursor, Input, Instrument},
    store::CursorRecord,
};

impl Collector {
    /// Pulls from a source whatever is new since the last time, and settles whom it touched.
    ///
    /// What was read before an error is safe, and so is the cursor behind it: the next pull goes on
    /// there. Of two that pull at the same time one is told [`Kind::Cancelled`].
    pub async fn pull(&self, source: &str) -> Result<Submission> {
        let adapter = Arc::clone(self.source(source)?);
        self.suits(&*adapter)?;
        let held = self.store.cursor(source).await?;
        let cursor = match held.as_ref().and_then(|held| held.sealed.as_ref()) {
            Some(sealed) => Some(self.open_cursor(source, sealed)?),
            None => None,
        };
        let mut watcher = Unwatched;
        let mut intake = Intake::new(self, adapter.info().name, source, &mut watcher)
            .pulling(held.map_or(0, |held| held.version));
        let read = adapter
            .read(Input::Pull(cursor), self.clock.now(), &mut intake)
            .await;
        let taken = intake.finish();
        let submission = self.settle_all(taken).await?;
        read.map(|()| submission)
    }

    pub(super) async fn save_cursor(
        &self,
        source: &str,
        version: u64,
        cursor: &Cursor,
    ) -> Result<()> {
        let record = CursorRecord {
            source: source.to_owned(),
            version,
            sealed: Some(self.seal_cursor(source, cursor)?),
            due: self.clock.now(),
            failed: None,
        };
        match self.store.put_cursor(&record).await? {
            true => Ok(()),
            false => Err(Error::new(
                Kind::Cancelled,
                "somebody else pulls from this source at the same time",
            )
            .with("source", source)
            .hint("pull again; nothing is lost")),
        }
    }

    /// Asks a source again about what may have changed silently.
    pub(super) async fn ask_again(
        &self,
        source: &str,
        adapter: &Arc<dyn Instrument>,
        units: &[(Subject, Span)],
    ) -> Result<()> {
        let mut watcher = Unwatched;
        let mut intake = Intake::new(self, adapter.info().name, source, &mut watcher);
        adapter.refresh(units, self.clock.now(), &mut intake).await
    }

    /// A cursor may name a person's record, so it is sealed; it never ends, so by the root key.
    fn seal_cursor(&self, source: &str, cursor: &Cursor) -> Result<Vec<u8>> {
        let key = self.keys.purpose_key("cursor/1")?;
        crate::privacy::seal_with(&key, source.as_bytes(), Vec::new(), cursor.0.as_bytes())
    }

    fn open_cursor(&self, source: &str, sealed: &[u8]) -> Result<Cursor> {
        let key = self.keys.purpose_key("cursor/1")?;
        let bytes = crate::privacy::open_with(&key, source.as_bytes(), sealed)?;
        String::from_utf8(bytes.to_vec())
            .map(Cursor)
            .map_err(|_| Error::new(Kind::StorageFailed, "a cursor is damaged"))
    }
}
