//! Rows as values.

use serde::de::DeserializeOwned;
use wom_sdk::{
    Digest, Error, Kind, Provenance, Result, Retry, Timestamp,
    award::{Account, AwardKey, State},
    checkout::{CheckoutId, CheckoutRecord},
    observation::Entry,
    privacy::Participant,
    sale::{Poster, Sale},
    store::{
        AwardRecord, Count, CursorRecord, DeliveryId, DeliveryRecord, DeliveryState, Holding,
        Listed,
    },
};

/// A row as a data base gives it. `None`: the column is not of this kind, or is not there.
pub(crate) trait Columns {
    fn bytes(&self, index: usize) -> Option<Option<&[u8]>>;
    fn text(&self, index: usize) -> Option<Option<&str>>;
    fn number(&self, index: usize) -> Option<Option<i64>>;
    fn flag(&self, index: usize) -> Option<bool>;
}

/// Everything about a participant, from rows of twelve columns. The first says what the row is: 0 the
/// participant with handle and version, 1 an entry, 2 an account.
pub(crate) fn holding(rows: &[impl Columns]) -> Result<Holding> {
    let mut holding = Holding::default();
    for row in rows {
        match row.number(0).flatten() {
            Some(0) => {
                let read = || Some((owned(row, 1)?, int(row, 7)?));
                (holding.handle, holding.version) = read().ok_or_else(|| damaged("participant"))?;
            }
            Some(1) => holding
                .entries
                .push(entry(row).ok_or_else(|| damaged("entry"))?),
            Some(2) => holding
                .accounts
                .push(account(row).ok_or_else(|| damaged("account"))?),
            _ => return Err(damaged("participant")),
        }
    }
    Ok(holding)
}

fn entry(row: &impl Columns) -> Option<Entry> {
    let rank: [u8; 24] = array(row, 2)?;
    let (revision, _) = rank.split_first_chunk::<8>()?;
    Some(Entry {
        key: Digest(array(row, 1)?),
        revision: u64::from_be_bytes(*revision),
        provenance: Provenance {
            stream: Digest(array(row, 3)?),
            device: from_word(row, 4)?,
            recording: from_word(row, 5)?,
        },
        body: from_json(row, 6)?,
    })
}

fn account(row: &impl Columns) -> Option<Account> {
    Some(Account {
        unit: word_at(row, 2)?.parse().ok()?,
        line: word_at(row, 4)?.to_owned(),
        awarded: int(row, 7)?,
        n: int(row, 8)?,
        settled: int(row, 9)?,
        refused: int(row, 10)?,
        returned: int(row, 11)?,
    })
}

pub(crate) fn award(row: &impl Columns) -> Result<AwardRecord> {
    let read = || {
        Some(AwardRecord {
            key: AwardKey(array(row, 0)?),
            version: int(row, 1)?,
            content: from_json(row, 2)?,
            state: State::from_name(word_at(row, 3)?, row.text(4)?)?,
            sealed: owned(row, 5)?,
            tries: int(row, 6)?,
            unclear: row.flag(7)?,
            due: time(row, 8)?,
            participant: match row.bytes(9)? {
                Some(name) => Some(Participant(name.try_into().ok()?)),
                None => None,
            },
            accepted: time(row, 10)?,
        })
    };
    read().ok_or_else(|| damaged("award"))
}

pub(crate) fn delivery(row: &impl Columns) -> Result<DeliveryRecord> {
    let read = || {
        Some(DeliveryRecord {
            id: DeliveryId(Digest(array(row, 0)?)),
            version: int(row, 1)?,
            source: word_at(row, 2)?.to_owned(),
            state: DeliveryState::from_name(word_at(row, 3)?, row.text(4)?)?,
            sealed: owned(row, 5)?,
            received: time(row, 6)?,
            tries: int(row, 7)?,
            due: time(row, 8)?,
        })
    };
    read().ok_or_else(|| damaged("delivery"))
}

/// A cursor from source, version, sealed, due and failed.
pub(crate) fn cursor(row: &impl Columns) -> Result<CursorRecord> {
    let read = || {
        Some(CursorRecord {
            source: word_at(row, 0)?.to_owned(),
            version: int(row, 1)?,
            sealed: owned(row, 2)?,
            due: time(row, 3)?,
            failed: row.text(4)?.map(str::to_owned),
        })
    };
    read().ok_or_else(|| damaged("cursor"))
}

/// A count from state, reason, count and the oldest.
pub(crate) fn count(row: &impl Columns) -> Result<Count> {
    let read = || {
        Some(Count {
            state: word_at(row, 0)?.to_owned(),
            reason: row.text(1)?.map(str::to_owned),
            count: int(row, 2)?,
            oldest: time(row, 3)?,
        })
    };
    read().ok_or_else(|| damaged("count"))
}

pub(crate) fn checkout(row: &impl Columns) -> Result<CheckoutRecord> {
    let read = || {
        Some(CheckoutRecord {
            id: CheckoutId(array(row, 0)?),
            version: int(row, 1)?,
            charge: from_json(row, 2)?,
            state: from_json(row, 3)?,
            sealed: owned(row, 4)?,
            tries: int(row, 5)?,
            unclear: row.flag(6)?,
            since: time(row, 7)?,
            due: row.number(8)?.map(Timestamp::from_millis),
        })
    };
    read().ok_or_else(|| damaged("checkout"))
}

pub(crate) fn sale(row: &impl Columns) -> Result<Sale> {
    let held: Option<Sale> = from_json(row, 2);
    held.filter(|sale| Some(sale.id.0) == array(row, 0) && Some(sale.version) == int(row, 1))
        .ok_or_else(|| damaged("sale"))
}

pub(crate) fn poster(row: &impl Columns) -> Result<Poster> {
    let held: Option<Poster> = from_json(row, 2);
    held.filter(|poster| Some(poster.id.0) == array(row, 0) && Some(poster.version) == int(row, 1))
        .ok_or_else(|| damaged("poster"))
}

pub(crate) fn participant(row: &impl Columns) -> Result<Participant> {
    array(row, 0)
        .map(Participant)
        .ok_or_else(|| damaged("participant"))
}

/// Awards by key, each or why it cannot be read.
pub(crate) fn listed_awards(rows: &[impl Columns]) -> Result<Vec<Listed<AwardKey, AwardRecord>>> {
    let listed = rows.iter().map(|row| {
        let key = array(row, 0).map(AwardKey);
        Ok((key.ok_or_else(|| damaged("award"))?, award(row)))
    });
    listed.collect()
}

/// Accounts by participant, from rows of thirteen columns: whether there is an account, its columns
/// where [`holding`] has them, and at the end the participant's name.
pub(crate) fn listed_accounts(
    rows: &[impl Columns],
) -> Result<Vec<Listed<Participant, Vec<Account>>>> {
    let mut listed: Vec<Listed<Participant, Vec<Account>>> = Vec::new();
    for row in rows {
        let name = array(row, 12).map(Participant);
        let name = name.ok_or_else(|| damaged("participant"))?;
        if listed.last().is_none_or(|(last, _)| *last != name) {
            listed.push((name, Ok(Vec::new())));
        }
        let Some((_, held)) = listed.last_mut() else {
            continue;
        };
        if row.number(0).flatten() != Some(2) {
            continue;
        }
        match (account(row), held.as_mut()) {
            (Some(account), Ok(held)) => held.push(account),
            (None, Ok(_)) => *held = Err(damaged("account")),
            (_, Err(_)) => {}
        }
    }
    Ok(listed)
}

/// Those that can be read. One that cannot must not stand in the way of the others; it is kept as it is.
pub(crate) fn readable<R: Columns, T>(rows: &[R], read: impl Fn(&R) -> Result<T>) -> Vec<T> {
    let held = rows.iter().filter_map(|row| match read(row) {
        Ok(held) => Some(held),
        Err(error) => {
            tracing::error!(code = error.code(), "a damaged row is left alone: {error}");
            None
        }
    });
    held.collect()
}

/// A row that does not say what it should.
pub(crate) fn damaged(table: &'static str) -> Error {
    Error::new(Kind::StorageFailed, "a row of the store is damaged")
        .with("table", table)
        .hint("restore the store from its backup")
        .with_retry(Retry::Never)
}

fn array<const N: usize>(row: &impl Columns, index: usize) -> Option<[u8; N]> {
    row.bytes(index)??.try_into().ok()
}

fn owned(row: &impl Columns, index: usize) -> Option<Option<Vec<u8>>> {
    Some(row.bytes(index)?.map(<[u8]>::to_vec))
}

fn int<T: TryFrom<i64>>(row: &impl Columns, index: usize) -> Option<T> {
    row.number(index)??.try_into().ok()
}

fn time(row: &impl Columns, index: usize) -> Option<Timestamp> {
    row.number(index)?.map(Timestamp::from_millis)
}

fn word_at(row: &impl Columns, index: usize) -> Option<&str> {
    row.text(index)?
}

fn from_json<T: DeserializeOwned>(row: &impl Columns, index: usize) -> Option<T> {
    serde_json::from_str(word_at(row, index)?).ok()
}

fn from_word<T: DeserializeOwned>(row: &impl Columns, index: usize) -> Option<T> {
    serde_json::from_value(serde_json::Value::from(word_at(row, index)?)).ok()
}
