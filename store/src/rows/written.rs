//! Values as rows.

use serde::Serialize;
use wom_sdk::{
    Error, Kind, Result, Timestamp,
    award::{Account, State},
    checkout::CheckoutRecord,
    observation::Entry,
    sale::{Poster, Sale},
    store::{AwardRecord, Commit, CursorRecord, DeliveryRecord},
};

#[derive(Debug)]
pub(crate) struct CommitRows {
    pub(crate) participant: Option<ParticipantRows>,
    pub(crate) awards: Vec<AwardRow>,
    pub(crate) moved: Option<AwardRow>,
}

#[derive(Debug)]
pub(crate) struct ParticipantRows {
    pub(crate) name: [u8; 32],
    pub(crate) expected: Option<i64>,
    pub(crate) wake: Option<i64>,
    pub(crate) handle: Option<Vec<u8>>,
    pub(crate) entries: Vec<EntryRow>,
    pub(crate) accounts: Vec<AccountRow>,
}

#[derive(Debug)]
pub(crate) struct EntryRow {
    pub(crate) key: [u8; 16],
    pub(crate) rank: [u8; 24],
    pub(crate) stream: [u8; 16],
    pub(crate) device: String,
    pub(crate) recording: String,
    pub(crate) body: String,
}

#[derive(Debug)]
pub(crate) struct AccountRow {
    pub(crate) line: String,
    pub(crate) unit: String,
    pub(crate) settled: u32,
    pub(crate) awarded: u32,
    pub(crate) n: u32,
    pub(crate) refused: u32,
    pub(crate) returned: u32,
}

#[derive(Debug)]
pub(crate) struct AwardRow {
    pub(crate) key: [u8; 32],
    pub(crate) version: i64,
    pub(crate) content: String,
    pub(crate) state: &'static str,
    pub(crate) reason: Option<String>,
    pub(crate) sealed: Option<Vec<u8>>,
    pub(crate) tries: u32,
    pub(crate) unclear: bool,
    pub(crate) due: i64,
    pub(crate) open: bool,
    pub(crate) participant: Option<[u8; 32]>,
    pub(crate) accepted: i64,
}

#[derive(Debug)]
pub(crate) struct DeliveryRow {
    pub(crate) id: [u8; 16],
    pub(crate) version: i64,
    pub(crate) source: String,
    pub(crate) state: &'static str,
    pub(crate) reason: Option<String>,
    pub(crate) sealed: Option<Vec<u8>>,
    pub(crate) received: i64,
    pub(crate) tries: u32,
    pub(crate) due: i64,
}

#[derive(Debug)]
pub(crate) struct CursorRow {
    pub(crate) source: String,
    pub(crate) version: i64,
    pub(crate) sealed: Option<Vec<u8>>,
    pub(crate) due: i64,
    pub(crate) failed: Option<String>,
}

#[derive(Debug)]
pub(crate) struct CheckoutRow {
    pub(crate) id: [u8; 32],
    pub(crate) version: i64,
    pub(crate) charge: String,
    pub(crate) state: String,
    pub(crate) sealed: Option<Vec<u8>>,
    pub(crate) tries: u32,
    pub(crate) unclear: bool,
    pub(crate) since: i64,
    pub(crate) due: Option<i64>,
}

#[derive(Debug)]
pub(crate) struct SaleRow {
    pub(crate) id: [u8; 32],
    pub(crate) version: i64,
    pub(crate) turn: i64,
    pub(crate) order_key: Option<[u8; 32]>,
    pub(crate) slot: Option<[u8; 32]>,
    pub(crate) checkout: [u8; 32],
    pub(crate) due: Option<i64>,
    pub(crate) content: String,
}

#[derive(Debug)]
pub(crate) struct PosterRow {
    pub(crate) id: [u8; 32],
    pub(crate) version: i64,
    pub(crate) shop: [u8; 8],
    pub(crate) due: Option<i64>,
    pub(crate) content: String,
}

impl CommitRows {
    pub(crate) fn of(commit: Commit) -> Result<Self> {
        let Commit {
            change,
            awards,
            moved,
        } = commit;
        let participant = change.map(|change| {
            Ok::<_, Error>(ParticipantRows {
                name: change.participant.0,
                expected: change.expected.map(number).transpose()?,
                wake: change.wake.map(Timestamp::as_millis),
                handle: change.handle,
                entries: change
                    .entries
                    .iter()
                    .map(EntryRow::of)
                    .collect::<Result<_>>()?,
                accounts: change.accounts.into_iter().map(AccountRow::of).collect(),
            })
        });
        Ok(Self {
            participant: participant.transpose()?,
            awards: awards.iter().map(AwardRow::of).collect::<Result<_>>()?,
            moved: moved.as_ref().map(AwardRow::of).transpose()?,
        })
    }

    /// The award, if this accepts one and does nothing else.
    pub(crate) fn one_award(&self) -> Option<&AwardRow> {
        match (&self.participant, &self.awards[..], &self.moved) {
            (None, [award], None) => Some(award),
            _ => None,
        }
    }
}

impl EntryRow {
    pub(crate) fn of(entry: &Entry) -> Result<Self> {
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
    pub(crate) fn of(account: Account) -> Self {
        Self {
            unit: account.unit.to_string(),
            line: account.line,
            settled: account.settled,
            awarded: account.awarded,
            n: account.n,
            refused: account.refused,
            returned: account.returned,
        }
    }
}

impl AwardRow {
    /// Whether this is its last step: somebody has it.
    pub(crate) fn is_closed(&self) -> bool {
        self.state == State::Acknowledged.name()
    }

    pub(crate) fn of(record: &AwardRecord) -> Result<Self> {
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
            open: record.is_open(),
            participant: record.participant.map(|participant| participant.0),
            accepted: record.accepted.as_millis(),
        })
    }
}

impl DeliveryRow {
    pub(crate) fn of(record: &DeliveryRecord) -> Result<Self> {
        Ok(Self {
            id: record.id.0.0,
            version: number(record.version)?,
            source: record.source.clone(),
            state: record.state.name(),
            reason: record.state.reason().map(str::to_owned),
            sealed: record.sealed.clone(),
            received: record.received.as_millis(),
            tries: record.tries,
            due: record.due.as_millis(),
        })
    }
}

impl CursorRow {
    pub(crate) fn of(record: &CursorRecord) -> Result<Self> {
        Ok(Self {
            source: record.source.clone(),
            version: number(record.version)?,
            sealed: record.sealed.clone(),
            due: record.due.as_millis(),
            failed: record.failed.clone(),
        })
    }
}

impl CheckoutRow {
    pub(crate) fn of(record: &CheckoutRecord) -> Result<Self> {
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

impl SaleRow {
    pub(crate) fn of(sale: &Sale) -> Result<Self> {
        Ok(Self {
            id: sale.id.0,
            version: number(sale.version)?,
            turn: i64::from(sale.turn().number()),
            order_key: sale.order_key().map(|key| key.0),
            slot: sale.slot.map(|slot| slot.0),
            checkout: sale.checkout.0,
            due: sale.due.map(Timestamp::as_millis),
            content: json(sale)?,
        })
    }
}

impl PosterRow {
    pub(crate) fn of(poster: &Poster) -> Result<Self> {
        Ok(Self {
            id: poster.id.0,
            version: number(poster.version)?,
            shop: poster.shop_id().0,
            due: poster.due.map(Timestamp::as_millis),
            content: json(poster)?,
        })
    }
}

/// A version or count as the data base's integer.
fn number(value: u64) -> Result<i64> {
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
