//! Vouchers get into a wallet: redeem.

use sqlx::Row as _;
use wom_sdk::{
    Result, Timestamp,
    protocol::{
        Position, ProblemType, VoucherId, aes,
        message::{MAX_BLOCKS_VERIFY, RedeemAnswer, RedeemRequest, RedeemedVoucher, SealedBody},
    },
};

use crate::{
    Registry,
    db::{Write, failed},
    envelope::{open, refused},
    ids,
    issue::{instant, stored_pin},
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
    let answer = perform(registry, &request).await?;
    let payload = aes::seal(&request.session_key, answer.to_json().as_bytes());
    Ok(SealedBody { payload }.to_json())
}

async fn perform(registry: &Registry, request: &RedeemRequest) -> Result<RedeemAnswer, Refusal> {
    let (now, options) = (registry.now(), registry.options());
    let otc = request.otc.reveal_bytes();
    let mut tx = registry.db().write().await?;
    let row = sqlx::query(
        "SELECT r.source, s.name, r.pin, r.verified_at, r.performed_at, r.session
         FROM request r JOIN source s ON s.id = r.source WHERE r.otc = ?1",
    )
    .bind(&otc[..])
    .fetch_optional(&mut *tx)
    .await
    .map_err(failed)?
    .ok_or(ProblemType::OtcNotValid)?;
    let verified_at = instant(&row, "verified_at")?.ok_or(ProblemType::OtcNotValid)?;
    let pin = stored_pin(row.try_get("pin").map_err(failed)?)?;

    let session = request.session_key.digest();
    if let Some(performed_at) = instant(&row, "performed_at")? {
        let known: Option<Vec<u8>> = row.try_get("session").map_err(failed)?;
        let repeated = known.is_some_and(|known| known == session)
            && performed_at.as_millis() >= before(now, options.redeem_replay)
            && pin == request.password;
        if !repeated {
            return Err(ProblemType::OperationAlreadyPerformed.into());
        }
        return answer(&mut tx, &row, &otc).await;
    }
    if options
        .verified_expiry
        .is_some_and(|age| verified_at.as_millis() < before(now, age))
    {
        return Err(ProblemType::RequestVoid.into());
    }

    // The attempt is counted before the PIN is looked at. Every refusal further down but a wrong
    // PIN drops the transaction, and with it the count.
    let counted = sqlx::query(
        "UPDATE request SET attempts_left = attempts_left - 1 WHERE otc = ?1 AND attempts_left > 0",
    )
    .bind(&otc[..])
    .execute(&mut *tx)
    .await
    .map_err(failed)?;
    if counted.rows_affected() == 0 {
        return Err(ProblemType::RequestVoid.into());
    }
    if pin != request.password {
        tx.commit().await.map_err(failed)?;
        return Err(ProblemType::WrongPassword.into());
    }

    place(&mut tx, &otc, request.location).await?;
    let done = sqlx::query(
        "UPDATE request SET performed_at = ?2, session = ?3, attempts_left = attempts_left + 1
         WHERE otc = ?1 AND performed_at IS NULL",
    )
    .bind(&otc[..])
    .bind(now.as_millis())
    .bind(&session[..])
    .execute(&mut *tx)
    .await
    .map_err(failed)?;
    if done.rows_affected() == 0 {
        return Err(ProblemType::OperationAlreadyPerformed.into());
    }
    let answer = answer(&mut tx, &row, &otc).await?;
    tx.commit().await.map_err(failed)?;
    Ok(answer)
}

/// Writes the wallet's place where the source left it open.
async fn place(tx: &mut Write, otc: &[u8; 16], location: Option<Position>) -> Result<(), Refusal> {
    let Some(location) = location else {
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM voucher WHERE request = ?1 AND place_on_redeem",
        )
        .bind(&otc[..])
        .fetch_one(&mut **tx)
        .await
        .map_err(failed)?;
        return match open {
            0 => Ok(()),
            _ => Err(ProblemType::LocationNotProvided.into()),
        };
    };
    sqlx::query(
        "UPDATE voucher SET latitude = ?2, longitude = ?3 WHERE request = ?1 AND place_on_redeem",
    )
    .bind(&otc[..])
    .bind(location.latitude())
    .bind(location.longitude())
    .execute(&mut **tx)
    .await
    .map_err(failed)?;
    Ok(())
}

/// The vouchers one by one: the same each time, as their secrets are made from the record's.
async fn answer(
    tx: &mut Write,
    request: &sqlx::sqlite::SqliteRow,
    otc: &[u8; 16],
) -> Result<RedeemAnswer, Refusal> {
    let rows = sqlx::query(
        "SELECT id, aim, count, at, latitude, longitude, secret FROM voucher
         WHERE request = ?1 ORDER BY line",
    )
    .bind(&otc[..])
    .fetch_all(&mut **tx)
    .await
    .map_err(failed)?;
    let mut vouchers = Vec::new();
    for row in &rows {
        let record = ids::text(row.try_get("id").map_err(failed)?);
        let secrets = secrets::Record::new(row.try_get("secret").map_err(failed)?);
        let aim: &str = row.try_get("aim").map_err(failed)?;
        let count: u32 = row.try_get("count").map_err(failed)?;
        let position = position(row)?;
        let timestamp = Timestamp::from_millis(row.try_get("at").map_err(failed)?);
        for n in 1..=count {
            vouchers.push(RedeemedVoucher {
                id: VoucherId::new(&record, n)?,
                secret: secrets.voucher(n)?,
                aim: aim.to_owned(),
                position,
                timestamp,
            });
        }
    }
    Ok(RedeemAnswer {
        source_id: ids::source(request.try_get("source").map_err(failed)?)?,
        source_name: request.try_get("name").map_err(failed)?,
        vouchers,
    })
}

/// The place of a row of vouchers.
pub(crate) fn position(row: &sqlx::sqlite::SqliteRow) -> Result<Position> {
    let latitude = row.try_get("latitude").map_err(failed)?;
    let longitude = row.try_get("longitude").map_err(failed)?;
    Position::new(latitude, longitude).map_err(|_| ids::corrupt())
}
