//! A wallet pays: confirm.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{Context, SHA256};
use wom_sdk::{
    Result, Timestamp,
    protocol::{
        Filter, ProblemType, VoucherSecret, aes,
        message::{ConfirmAnswer, ConfirmRequest, MAX_BLOCKS_CONFIRM, SealedBody, SpentVoucher},
    },
};

use crate::{
    Registry, RegistryOptions,
    db::{Sql, Write},
    envelope::{open, refused},
    ids,
    pay::Payment,
    redeem::Record,
    refusal::Refusal,
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
    let session_key = request.session_key.clone();
    let (now, options) = (registry.now(), registry.options().clone());
    let paid = move |write: &mut Write<'_>| pay(write, &request, now, &options);
    let answer = ConfirmAnswer {
        ack_url: registry.db().write(paid).await?,
    };
    let payload = aes::seal(&session_key, answer.to_json().as_bytes());
    Ok(SealedBody { payload }.to_json())
}

fn pay(
    write: &mut Write<'_>,
    request: &ConfirmRequest,
    now: Timestamp,
    options: &RegistryOptions,
) -> Result<Option<String>, Refusal> {
    let payment = Payment::find(write, &request.otc)?;
    let digest = digest(request);
    if payment.persistent
        && payment.pin == request.password
        && is_repeated(write, &payment, &digest)?
    {
        return Ok(payment.pocket_ack);
    }
    payment.payable(now, options)?;
    payment.admit(write, &request.password, now, options)?;
    if request.vouchers.len() != payment.amount as usize {
        let supplied = i64::try_from(request.vouchers.len()).unwrap_or(i64::MAX);
        return Err(Refusal::number_of_vouchers(payment.amount.into(), supplied));
    }
    let filter = payment.filter.clone().unwrap_or_default();
    let offered = by_record(&request.vouchers)?;
    let records = find(write, &offered)?;
    for (id, vouchers) in &offered {
        spend(write, id, &records[id], vouchers, &filter, now)?;
    }
    settle(write, &payment, &digest, now)?;
    write.keep();
    Ok(payment.pocket_ack)
}

fn is_repeated(sql: &Sql<'_>, payment: &Payment, digest: &[u8; 32]) -> Result<bool> {
    let known: i64 = sql.value(
        "SELECT count(*) FROM confirmation WHERE payment = ?1 AND digest = ?2",
        (payment.otc, digest),
    )?;
    Ok(known > 0)
}

/// The records of all vouchers.
fn find(sql: &Sql<'_>, offered: &Offered<'_>) -> Result<BTreeMap<[u8; 12], Record>, Refusal> {
    let mut records = BTreeMap::new();
    for id in offered.keys() {
        let found = sql.row(
            "SELECT v.id, v.aim, v.count, v.at, v.latitude, v.longitude, v.secret
             FROM voucher v JOIN request r ON r.otc = v.request
             WHERE v.id = ?1 AND r.performed_at IS NOT NULL",
            [id],
            Record::read,
        )?;
        records.insert(*id, found.ok_or_else(not_found)?);
    }
    Ok(records)
}

/// Spends vouchers of one record, each only if its secret is right, it passes the filter, and it was
/// not spent before, nor is named twice here.
fn spend(
    sql: &Sql<'_>,
    id: &[u8; 12],
    record: &Record,
    vouchers: &[(u32, &VoucherSecret)],
    filter: &Filter,
    now: Timestamp,
) -> Result<(), Refusal> {
    let secrets = record.secrets();
    let mut valid = filter.accepts(&record.aim, record.position()?, record.at(), now);
    let mut numbers = String::from("[");
    for (n, secret) in vouchers {
        valid &= (1..=record.count).contains(n) && secrets.voucher(*n)? == **secret;
        if numbers.len() > 1 {
            numbers.push(',');
        }
        numbers.push_str(&n.to_string());
    }
    numbers.push(']');
    if !valid {
        return Err(not_valid());
    }
    let spent = sql.execute(
        "INSERT INTO spent (voucher, n) SELECT ?1, value FROM json_each(?2) WHERE true
         ON CONFLICT DO NOTHING",
        (id, numbers),
    )?;
    if spent != vouchers.len() {
        return Err(not_valid());
    }
    Ok(())
}

/// Records the payment, and gives the attempt back that the right PIN did not use.
fn settle(
    sql: &Sql<'_>,
    payment: &Payment,
    digest: &[u8; 32],
    now: Timestamp,
) -> Result<(), Refusal> {
    let done = sql.execute(
        "UPDATE payment SET confirmations = confirmations + 1,
                attempts_left = attempts_left + 1, paused_at = NULL
         WHERE otc = ?1 AND (persistent OR confirmations = 0)",
        [payment.otc],
    )?;
    if done == 0 {
        return Err(ProblemType::OperationAlreadyPerformed.into());
    }
    sql.execute(
        "INSERT INTO confirmation (payment, digest, at) VALUES (?1, ?2, ?3)",
        (payment.otc, digest, now.as_millis()),
    )?;
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
