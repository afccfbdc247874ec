//! Vouchers get into a wallet: redeem.

use wom_sdk::{
    Result, Timestamp,
    protocol::{
        Position, ProblemType, VoucherId, aes,
        message::{MAX_BLOCKS_VERIFY, RedeemAnswer, RedeemRequest, RedeemedVoucher, SealedBody},
    },
};

use crate::{
    Registry, RegistryOptions,
    db::{Sql, Write},
    envelope::{open, refused},
    ids,
    issue::stored_pin,
    refusal::Refusal,
    secrets,
    unverified::before,
};

/// WOM protocol, voucher/redeem. A wallet that lost the answer gets it again for the same session
/// key, as long as the setting says.
pub(crate) async fn redeem(registry: &Registry, body: &[u8]) -> Result<String, Refusal> {
    let body = SealedBody::from_outer(body).map_err(refused)?;
    let request = open(
        registry,
        body.payload,
        MAX_BLOCKS_VERIFY,
        RedeemRequest::from_inner,
    )
    .await?;
    let session_key = request.session_key.clone();
    let answer = perform(registry, request).await?;
    let payload = aes::seal(&session_key, answer.to_json().as_bytes());
    Ok(SealedBody { payload }.to_json())
}

async fn perform(registry: &Registry, request: RedeemRequest) -> Result<RedeemAnswer, Refusal> {
    let (now, options) = (registry.now(), registry.options().clone());
    let redeemed = move |write: &mut Write<'_>| redeem_once(write, &request, now, &options);
    registry.db().write(redeemed).await
}

/// A request for vouchers, as the data base has it.
struct Row {
    source: Vec<u8>,
    source_name: String,
    pin: String,
    verified_at: Option<i64>,
    performed_at: Option<i64>,
    session: Option<Vec<u8>>,
}

fn redeem_once(
    write: &mut Write<'_>,
    request: &RedeemRequest,
    now: Timestamp,
    options: &RegistryOptions,
) -> Result<RedeemAnswer, Refusal> {
    let otc = request.otc.reveal_bytes();
    let found = write.row(
        "SELECT r.source, s.name, r.pin, r.verified_at, r.performed_at, r.session
         FROM request r JOIN source s ON s.id = r.source WHERE r.otc = ?1",
        [otc],
        |row| {
            Ok(Row {
                source: row.get(0)?,
                source_name: row.get(1)?,
                pin: row.get(2)?,
                verified_at: row.get(3)?,
                performed_at: row.get(4)?,
                session: row.get(5)?,
            })
        },
    )?;
    let row = found.ok_or(ProblemType::OtcNotValid)?;
    let verified_at = row.verified_at.ok_or(ProblemType::OtcNotValid)?;
    let pin = stored_pin(&row.pin)?;

    let session = request.session_key.digest();
    if let Some(performed_at) = row.performed_at {
        let known = row.session.as_ref();
        let repeated = known.is_some_and(|known| *known == session)
            && performed_at >= before(now, options.redeem_replay)
            && pin == request.password;
        if !repeated {
            return Err(ProblemType::OperationAlreadyPerformed.into());
        }
        return answer(write, row, &otc);
    }
    if options
        .verified_expiry
        .is_some_and(|age| verified_at < before(now, age))
    {
        return Err(ProblemType::RequestVoid.into());
    }

    // The attempt is counted before the PIN is looked at. Of every refusal further down but a wrong
    // PIN nothing is kept, and so not the count.
    let counted = write.execute(
        "UPDATE request SET attempts_left = attempts_left - 1 WHERE otc = ?1 AND attempts_left > 0",
        [otc],
    )?;
    if counted == 0 {
        return Err(ProblemType::RequestVoid.into());
    }
    if pin != request.password {
        write.keep();
        return Err(ProblemType::WrongPassword.into());
    }

    place(write, &otc, request.location)?;
    let done = write.execute(
        "UPDATE request SET performed_at = ?2, session = ?3, attempts_left = attempts_left + 1
         WHERE otc = ?1 AND performed_at IS NULL",
        (otc, now.as_millis(), session),
    )?;
    if done == 0 {
        return Err(ProblemType::OperationAlreadyPerformed.into());
    }
    let answer = answer(write, row, &otc)?;
    write.keep();
    Ok(answer)
}

/// Writes the wallet's place where the source left it open.
fn place(sql: &Sql<'_>, otc: &[u8; 16], location: Option<Position>) -> Result<(), Refusal> {
    let Some(location) = location else {
        let open: i64 = sql.value(
            "SELECT count(*) FROM voucher WHERE request = ?1 AND place_on_redeem",
            [otc],
        )?;
        return match open {
            0 => Ok(()),
            _ => Err(ProblemType::LocationNotProvided.into()),
        };
    };
    sql.execute(
        "UPDATE voucher SET latitude = ?2, longitude = ?3 WHERE request = ?1 AND place_on_redeem",
        (otc, location.latitude(), location.longitude()),
    )?;
    Ok(())
}

/// Vouchers of one kind, as the data base has them.
pub(crate) struct Record {
    id: Vec<u8>,
    pub(crate) aim: String,
    pub(crate) count: u32,
    at: i64,
    latitude: f64,
    longitude: f64,
    secret: Vec<u8>,
}

impl Record {
    /// Of a row `id, aim, count, at, latitude, longitude, secret`.
    pub(crate) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            aim: row.get(1)?,
            count: row.get(2)?,
            at: row.get(3)?,
            latitude: row.get(4)?,
            longitude: row.get(5)?,
            secret: row.get(6)?,
        })
    }

    /// When they were earned.
    pub(crate) fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.at)
    }

    pub(crate) fn position(&self) -> Result<Position> {
        Position::new(self.latitude, self.longitude).map_err(|_| ids::corrupt())
    }

    pub(crate) fn secrets(&self) -> secrets::Record {
        secrets::Record::new(&self.secret)
    }
}

/// The vouchers one by one: the same each time, as their secrets are made from the record's.
fn answer(sql: &Sql<'_>, request: Row, otc: &[u8; 16]) -> Result<RedeemAnswer, Refusal> {
    let records = sql.rows(
        "SELECT id, aim, count, at, latitude, longitude, secret FROM voucher
         WHERE request = ?1 ORDER BY line",
        [otc],
        Record::read,
    )?;
    let mut vouchers = Vec::new();
    for record in &records {
        let (id, secrets) = (ids::text(&record.id), record.secrets());
        for n in 1..=record.count {
            vouchers.push(RedeemedVoucher {
                id: VoucherId::new(&id, n)?,
                secret: secrets.voucher(n)?,
                aim: record.aim.clone(),
                position: record.position()?,
                timestamp: record.at(),
            });
        }
    }
    Ok(RedeemAnswer {
        source_id: ids::source(&request.source)?,
        source_name: request.source_name,
        vouchers,
    })
}
