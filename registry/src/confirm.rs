//! A wallet pays: confirm.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256};
use sqlx::Row as _;
use wom_sdk::{
    Result, Timestamp,
    protocol::{
        Filter, ProblemType, VoucherSecret, aes,
        message::{ConfirmAnswer, ConfirmRequest, MAX_BLOCKS_CONFIRM, SealedBody, SpentVoucher},
    },
};

use crate::{
    Registry,
    db::{Write, failed},
    envelope::{open, refused},
    ids,
    pay::Payment,
    redeem::position,
    refusal::Refusal,
    secrets,
};

/// The vouchers of a payment by their record: number and secret of each.
type Offered<'a> = BTreeMap<[u8; 12], Vec<(u32, &'a VoucherSecret)>>;

/// WOM protocol, payment/confirm: all vouchers are spent and the payment made, or nothing happens.
///
/// A payment that may be made many times answers the same call (session key and vouchers) again
/// without spending: its payer has no other way to learn how a lost answer ended.
pub(crate) async fn confirm(registry: &Registry, body: &[u8]) -> Result<String, Refusal> {
    let body = SealedBody::from_outer(body).map_err(refused)?;
    let request = open(
        registry,
        body.payload,
        MAX_BLOCKS_CONFIRM,
        ConfirmRequest::from_inner,
    )
    .await?;
    let answer = ConfirmAnswer {
        ack_url: perform(registry, &request).await?,
    };
    let payload = aes::seal(&request.session_key, answer.to_json().as_bytes());
    Ok(SealedBody { payload }.to_json())
}

async fn perform(registry: &Registry, request: &ConfirmRequest) -> Result<Option<String>, Refusal> {
    let now = registry.now();
    let mut tx = registry.db().write().await?;
    let payment = Payment::find(&mut tx, &request.otc).await?;
    let digest = digest(request);
    if payment.persistent
        && payment.pin == request.password
        && is_repeated(&mut tx, &payment, &digest).await?
    {
        return Ok(payment.pocket_ack);
    }
    payment.payable(registry)?;
    let mut tx = payment.admit(tx, &request.password, registry).await?;
    if request.vouchers.len() != payment.amount as usize {
        let supplied = i64::try_from(request.vouchers.len()).unwrap_or(i64::MAX);
        return Err(Refusal::number_of_vouchers(payment.amount.into(), supplied));
    }
    let filter = payment.filter.clone().unwrap_or_default();
    let offered = by_record(&request.vouchers)?;
    let records = find(&mut tx, &offered).await?;
    for (record, vouchers) in &offered {
        let row = &records[record];
        spend(&mut tx, record, row, vouchers, &filter, now).await?;
    }
    settle(&mut tx, &payment, &digest, now).await?;
    tx.commit().await.map_err(failed)?;
    Ok(payment.pocket_ack)
}

async fn is_repeated(tx: &mut Write, payment: &Payment, digest: &[u8; 32]) -> Result<bool> {
    let known: i64 =
        sqlx::query_scalar("SELECT count(*) FROM confirmation WHERE payment = ?1 AND digest = ?2")
            .bind(&payment.otc[..])
            .bind(&digest[..])
            .fetch_one(&mut **tx)
            .await
            .map_err(failed)?;
    Ok(known > 0)
}

/// The records of all vouchers.
async fn find(
    tx: &mut Write,
    offered: &Offered<'_>,
) -> Result<BTreeMap<[u8; 12], sqlx::sqlite::SqliteRow>, Refusal> {
    let mut records = BTreeMap::new();
    for id in offered.keys() {
        let row = sqlx::query(
            "SELECT v.aim, v.count, v.at, v.latitude, v.longitude, v.secret
             FROM voucher v JOIN request r ON r.otc = v.request
             WHERE v.id = ?1 AND r.performed_at IS NOT NULL",
        )
        .bind(&id[..])
        .fetch_optional(&mut **tx)
        .await
        .map_err(failed)?
        .ok_or_else(not_found)?;
        records.insert(*id, row);
    }
    Ok(records)
}

/// Spends vouchers of one record, each only if its secret is right, it passes the filter, and it was
/// not spent before, nor is named twice here.
async fn spend(
    tx: &mut Write,
    record: &[u8; 12],
    row: &sqlx::sqlite::SqliteRow,
    vouchers: &[(u32, &VoucherSecret)],
    filter: &Filter,
    now: Timestamp,
) -> Result<(), Refusal> {
    let secrets = secrets::Record::new(row.try_get("secret").map_err(failed)?);
    let count: u32 = row.try_get("count").map_err(failed)?;
    let aim: &str = row.try_get("aim").map_err(failed)?;
    let earned = Timestamp::from_millis(row.try_get("at").map_err(failed)?);
    let mut valid = filter.accepts(aim, position(row)?, earned, now);
    let mut numbers = String::from("[");
    for (n, secret) in vouchers {
        valid &= (1..=count).contains(n) && secrets.voucher(*n)? == **secret;
        if numbers.len() > 1 {
            numbers.push(',');
        }
        numbers.push_str(&n.to_string());
    }
    numbers.push(']');
    if !valid {
        return Err(not_valid());
    }
    let spent = sqlx::query(
        "INSERT INTO spent (voucher, n) SELECT ?1, value FROM json_each(?2) WHERE true
         ON CONFLICT DO NOTHING",
    )
    .bind(&record[..])
    .bind(numbers)
    .execute(&mut **tx)
    .await
    .map_err(failed)?;
    if spent.rows_affected() != vouchers.len() as u64 {
        return Err(not_valid());
    }
    Ok(())
}

/// Records the payment, and gives the attempt back that the right PIN did not use.
async fn settle(
    tx: &mut Write,
    payment: &Payment,
    digest: &[u8; 32],
    now: Timestamp,
) -> Result<(), Refusal> {
    let done = sqlx::query(
        "UPDATE payment SET confirmations = confirmations + 1,
                attempts_left = attempts_left + 1, paused_at = NULL
         WHERE otc = ?1 AND (persistent OR confirmations = 0)",
    )
    .bind(&payment.otc[..])
    .execute(&mut **tx)
    .await
    .map_err(failed)?;
    if done.rows_affected() == 0 {
        return Err(ProblemType::OperationAlreadyPerformed.into());
    }
    sqlx::query("INSERT INTO confirmation (payment, digest, at) VALUES (?1, ?2, ?3)")
        .bind(&payment.otc[..])
        .bind(&digest[..])
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await
        .map_err(failed)?;
    Ok(())
}

fn by_record(vouchers: &[SpentVoucher]) -> Result<Offered<'_>, Refusal> {
    let mut offered = Offered::new();
    for voucher in vouchers {
        // Vouchers of older systems, without a number, never were of this Registry.
        let n = voucher.id.index().ok_or_else(not_found)?;
        let record = ids::bytes(voucher.id.record()).ok_or_else(not_found)?;
        offered
            .entry(record)
            .or_default()
            .push((n, &voucher.secret));
    }
    Ok(offered)
}

/// What the same call has in common: its session key, which nobody else knows, and its vouchers.
fn digest(request: &ConfirmRequest) -> [u8; 32] {
    let mut ids: Vec<_> = request.vouchers.iter().map(|voucher| &voucher.id).collect();
    ids.sort();
    let mut context = Context::new(&SHA256);
    context.update(&request.session_key.digest());
    for id in ids {
        context.update(id.to_string().to_ascii_lowercase().as_bytes());
        context.update(b" ");
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

fn not_found() -> Refusal {
    Refusal::vouchers("One or more voucher(s) not found")
}

fn not_valid() -> Refusal {
    Refusal::vouchers("Invalid voucher(s)")
}
