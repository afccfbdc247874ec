//! Values as rows, and rows as values.

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Row as _, sqlite::SqliteRow};
use wom_sdk::{
    Digest, Error, Kind, Provenance, Result, Timestamp,
    award::{Account, AwardKey, State},
    checkout::{CheckoutId, CheckoutRecord},
    observation::Entry,
    privacy::Participant,
    store::AwardRecord,
};

use super::error::damaged;

/// The columns of an award, in the order in which [`award`] reads them.
pub(super) const AWARD: &str = "key, version, content, state, reason, sealed, tries, unclear, due";

/// The columns of a checkout, in the order in which [`checkout`] reads them.
pub(super) const CHECKOUT: &str = "id, version, charge, state, sealed, tries, unclear, since, due";

#[derive(Debug)]
pub(super) struct EntryRow {
    pub(super) key: [u8; 16],
    pub(super) rank: [u8; 24],
    pub(super) stream: [u8; 16],
    pub(super) device: String,
    pub(super) recording: String,
    pub(super) body: String,
}

#[derive(Debug)]
pub(super) struct AccountRow {
    pub(super) line: String,
    pub(super) unit: String,
    pub(super) awarded: u32,
    pub(super) n: u32,
}

#[derive(Debug)]
pub(super) struct AwardRow {
    pub(super) key: [u8; 32],
    pub(super) version: i64,
    pub(super) content: String,
    pub(super) state: &'static str,
    pub(super) reason: Option<String>,
    pub(super) sealed: Option<Vec<u8>>,
    pub(super) tries: u32,
    pub(super) unclear: bool,
    pub(super) due: i64,
    pub(super) open: bool,
}

#[derive(Debug)]
pub(super) struct CheckoutRow {
    pub(super) id: [u8; 32],
    pub(super) version: i64,
    pub(super) charge: String,
    pub(super) state: String,
    pub(super) sealed: Option<Vec<u8>>,
    pub(super) tries: u32,
    pub(super) unclear: bool,
    pub(super) since: i64,
    pub(super) due: Option<i64>,
}

impl EntryRow {
    pub(super) fn of(entry: &Entry) -> Result<Self> {
        let (revision, content) = entry.rank();
        let mut rank = [0; 24];
        rank[..8].copy_from_slice(&revision.to_be_bytes());
        rank[8..].copy_from_slice(&content.0);
        Ok(Self {
            key: entry.key.0,
            rank,
            stream: entry.provenance.stream.0,
            device: word(&entry.provenance.device)?,
            recording: word(&entry.provenance.recording)?,
            body: json(&entry.body)?,
        })
    }
}

impl AccountRow {
    pub(super) fn of(account: Account) -> Self {
        Self {
            unit: account.unit.to_string(),
            line: account.line,
            awarded: account.awarded,
            n: account.n,
        }
    }
}

impl AwardRow {
    pub(super) fn of(record: &AwardRecord) -> Result<Self> {
        Ok(Self {
            key: record.key.0,
            version: number(record.version)?,
            content: json(&record.content)?,
            state: record.state.name(),
            reason: record.state.reason().map(str::to_owned),
            sealed: record.sealed.clone(),
            tries: record.tries,
            unclear: record.unclear,
            due: record.due.as_millis(),
            open: record.state.is_open(),
        })
    }
}

impl CheckoutRow {
    pub(super) fn of(record: &CheckoutRecord) -> Result<Self> {
        Ok(Self {
            id: record.id.0,
            version: number(record.version)?,
            charge: json(&record.charge)?,
            state: json(&record.state)?,
            sealed: record.sealed.clone(),
            tries: record.tries,
            unclear: record.unclear,
            since: record.since.as_millis(),
            due: record.due.map(Timestamp::as_millis),
        })
    }
}

/// An entry from key, rank, stream, device, recording and body.
pub(super) fn entry(row: &SqliteRow) -> Result<Entry> {
    let read = || {
        let rank: [u8; 24] = bytes(row, 1)?;
        let (revision, _) = rank.split_first_chunk::<8>()?;
        Some(Entry {
            key: Digest(bytes(row, 0)?),
            revision: u64::from_be_bytes(*revision),
            provenance: Provenance {
                stream: Digest(bytes(row, 2)?),
                device: from_word(row, 3)?,
                recording: from_word(row, 4)?,
            },
            body: from_json(row, 5)?,
        })
    };
    read().ok_or_else(|| damaged("entry"))
}

/// An account from line, unit, awarded and n.
pub(super) fn account(row: &SqliteRow) -> Result<Account> {
    let read = || {
        Some(Account {
            line: row.try_get(0).ok()?,
            unit: row.try_get::<&str, _>(1).ok()?.parse().ok()?,
            awarded: row.try_get(2).ok()?,
            n: row.try_get(3).ok()?,
        })
    };
    read().ok_or_else(|| damaged("account"))
}

pub(super) fn award(row: &SqliteRow) -> Result<AwardRecord> {
    let read = || {
        let reason: Option<&str> = row.try_get(4).ok()?;
        Some(AwardRecord {
            key: AwardKey(bytes(row, 0)?),
            version: row.try_get::<i64, _>(1).ok()?.try_into().ok()?,
            content: from_json(row, 2)?,
            state: State::from_name(row.try_get(3).ok()?, reason)?,
            sealed: row.try_get(5).ok()?,
            tries: row.try_get(6).ok()?,
            unclear: row.try_get(7).ok()?,
            due: Timestamp::from_millis(row.try_get(8).ok()?),
        })
    };
    read().ok_or_else(|| damaged("award"))
}

pub(super) fn checkout(row: &SqliteRow) -> Result<CheckoutRecord> {
    let read = || {
        let due: Option<i64> = row.try_get(8).ok()?;
        Some(CheckoutRecord {
            id: CheckoutId(bytes(row, 0)?),
            version: row.try_get::<i64, _>(1).ok()?.try_into().ok()?,
            charge: from_json(row, 2)?,
            state: from_json(row, 3)?,
            sealed: row.try_get(4).ok()?,
            tries: row.try_get(5).ok()?,
            unclear: row.try_get(6).ok()?,
            since: Timestamp::from_millis(row.try_get(7).ok()?),
            due: due.map(Timestamp::from_millis),
        })
    };
    read().ok_or_else(|| damaged("checkout"))
}

pub(super) fn participant(row: &SqliteRow) -> Result<Participant> {
    bytes(row, 0)
        .map(Participant)
        .ok_or_else(|| damaged("participant"))
}

/// A version or count as SQLite's integer.
pub(super) fn number(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| {
        Error::new(Kind::InputInvalid, "a version is too large").with("version", value)
    })
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|_| Error::new(Kind::Internal, "a value cannot be written as JSON"))
}

/// The bare word that an enumeration's value is in JSON.
fn word(value: &impl Serialize) -> Result<String> {
    Ok(json(value)?.trim_matches('"').to_owned())
}

fn bytes<const N: usize>(row: &SqliteRow, index: usize) -> Option<[u8; N]> {
    row.try_get::<&[u8], _>(index).ok()?.try_into().ok()
}

fn from_json<T: DeserializeOwned>(row: &SqliteRow, index: usize) -> Option<T> {
    serde_json::from_str(row.try_get(index).ok()?).ok()
}

fn from_word<T: DeserializeOwned>(row: &SqliteRow, index: usize) -> Option<T> {
    let word = row.try_get::<&str, _>(index).ok()?;
    serde_json::from_value(serde_json::Value::from(word)).ok()
}
