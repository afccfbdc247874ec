//! Reads statements from bytes, one by one.

use wom_sdk::{
    Error, Result, Timestamp,
    instrument::{Chunks, Refusal, Sink},
};

use super::{
    evidence::{Found, Witness},
    recent::Recent,
    statement::Statement,
};
use crate::records::{Piece, Records, is_deeper};

/// Reads every statement, and hands on what it is evidence of. Returns what the last page named as the
/// next, where there are pages.
pub(crate) async fn read(
    witness: &Witness,
    mut records: Records,
    limit: usize,
    now: Timestamp,
    sink: &mut dyn Sink,
) -> Result<Option<String>> {
    let mut recent = Recent::new();
    let mut chunks = Chunks::new(sink);
    let outcome: Result<(), Error> = loop {
        let found = match records.next() {
            Ok(Some(piece)) => found(witness, &mut recent, &piece, limit, now),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        match found {
            Ok(found) => {
                for observation in found.observations {
                    chunks.push(observation).await?;
                }
                if let Some(flaw) = found.flaw {
                    chunks.refuse(flaw).await?;
                }
            }
            Err(refusal) => chunks.refuse(refusal).await?,
        }
        chunks.progress(records.taken());
    };
    chunks.finish().await?;
    outcome.map(|()| records.take_more())
}

/// Records up to this length are not looked at for how deep they are nested: they are skipped over
/// without recursion, so depth does no harm, but for making work.
const LONG: usize = 16 * 1024;
const LEVELS: u64 = 128;

fn found(
    witness: &Witness,
    recent: &mut Recent,
    piece: &Piece<'_>,
    limit: usize,
    now: Timestamp,
) -> Result<Found, Refusal> {
    let place = |refusal: Refusal| refusal.at("line", piece.line).at("record", piece.number);
    let Some(bytes) = piece.bytes else {
        return Err(place(Refusal::new(
            "too_large",
            format!(
                "the statement has more than {limit} bytes; if it is honest, raise max_statement_bytes"
            ),
        )));
    };
    if bytes.len() > LONG && is_deeper(bytes, LEVELS) {
        return Err(place(Refusal::new(
            "too_deep",
            "the statement is long and nested more than 128 deep; no honest one is",
        )));
    }
    // Looking at all of it at once is faster than at each text.
    let text = std::str::from_utf8(bytes)
        .map_err(|_| place(Refusal::new("bad_json", "the statement is not in UTF-8")))?;
    let mut found = serde_json::from_str(text)
        .map_err(|error| bad_json(&error))
        .and_then(|statement: Statement<'_>| witness.found(&statement, recent, now))
        .map_err(place)?;
    found.flaw = found.flaw.map(place);
    Ok(found)
}

/// The place, and never the parser's words where they might quote the input.
fn bad_json(error: &serde_json::Error) -> Refusal {
    let place = format!("at column {} of its line {}", error.column(), error.line());
    if error.is_data() {
        return Refusal::new(
            "bad_statement",
            format!(
                "a field of the statement is twice there or not of the form that xAPI gives it, {place}"
            ),
        );
    }
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    Refusal::new(
        "bad_json",
        format!("the statement is not valid JSON {place}: {words}"),
    )
}
