//! Reads statements from bytes, one by one.

use wom_sdk::{
    Error, Result, Timestamp,
    instrument::{
        Chunks, Refusal, Sink,
        json::{Piece, is_deeper},
    },
};

use super::{
    evidence::{Found, Witness},
    recent::Recent,
    statement::Statement,
};
use crate::records::{AT_HAND, Next, Records};

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
    // How long the last statement was: the next one will be much alike.
    let mut usual = 0;
    let mut chunks = Chunks::new(sink);
    let outcome: Result<(), Error> = loop {
        let read = |piece: &Piece<'_>| found_at_hand(witness, &mut recent, piece, usual, now);
        let found = match records.next_or_read(read) {
            Ok(Some(Next::Read(found, length))) => {
                usual = length;
                found
            }
            Ok(Some(Next::Cut(piece))) => {
                usual = piece.bytes.map_or(usual, <[u8]>::len);
                found(witness, &mut recent, &piece, limit, now)
            }
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
const LONG: usize = AT_HAND;
const LEVELS: u64 = 128;

/// What a statement is evidence of that begins a piece, and its length; `None` if none does that is
/// about as long as `usual`, or something is wrong with it.
fn found_at_hand(
    witness: &Witness,
    recent: &mut Recent,
    piece: &Piece<'_>,
    usual: usize,
    now: Timestamp,
) -> Option<(Result<Found, Refusal>, usize)> {
    // Looking at all of it at once is faster than at each text, but most of what is at hand
    // are the next ones.
    let bytes = piece.bytes?;
    let text = beginning(&bytes[..bytes.len().min(usual + usual / 4 + 64)]);
    let mut statements = serde_json::Deserializer::from_str(text).into_iter::<Statement<'_>>();
    let statement = statements.next()?.ok()?;
    let length = statements.byte_offset();
    Some((judged(witness, recent, &statement, piece, now), length))
}

/// The bytes as text, up to where they are none.
fn beginning(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_else(|error| {
        let sound = &bytes[..error.valid_up_to()];
        std::str::from_utf8(sound).unwrap_or_default()
    })
}

fn found(
    witness: &Witness,
    recent: &mut Recent,
    piece: &Piece<'_>,
    limit: usize,
    now: Timestamp,
) -> Result<Found, Refusal> {
    let place = |refusal| placed(refusal, piece);
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
    let statement = serde_json::from_str(text).map_err(|error| place(bad_json(&error)))?;
    judged(witness, recent, &statement, piece, now)
}

fn judged(
    witness: &Witness,
    recent: &mut Recent,
    statement: &Statement<'_>,
    piece: &Piece<'_>,
    now: Timestamp,
) -> Result<Found, Refusal> {
    let place = |refusal| placed(refusal, piece);
    let mut found = witness.found(statement, recent, now).map_err(place)?;
    found.flaw = found.flaw.map(place);
    Ok(found)
}

fn placed(refusal: Refusal, piece: &Piece<'_>) -> Refusal {
    refusal.at("line", piece.line).at("record", piece.number)
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
