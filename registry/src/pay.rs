//! A POS asks for vouchers and a wallet looks: register, status, info. Verify is as for vouchers,
//! paying is in [`confirm`](crate::confirm).

use sqlx::Row as _;
use wom_sdk::{
    Result, Timestamp,
    protocol::{
        Filter, Otc, Pin, ProblemType, aes,
        message::{
            InfoAnswer, InfoRequest, MAX_BLOCKS_CONFIRM, MAX_BLOCKS_REGISTER, MAX_BLOCKS_VERIFY,
            RegisterAnswer, RegisterBody, RegisterRequest, SealedBody, StatusAnswer, StatusBody,
            StatusRequest,
        },
        rsa,
    },
};

use crate::{
    Registry, admin,
    admin::Pos,
    db::{Write, failed},
    envelope::{open, refused},
    ids,
    issue::{acceptable, instant, stored_pin},
    refusal::Refusal,
    registry::sha256,
    unverified::{PAYMENT, Sameness, before},
};

/// The most vouchers that a wallet can send at once, whatever the key.
const CONFIRM_LIMIT: usize = 1500;

/// WOM protocol, payment/register. The same nonce with the same contents yields the same code, for
/// as long as nonces are remembered.
pub(crate) async fn register(registry: &Registry, body: &[u8]) -> Result<String, Refusal> {
    let body = RegisterBody::from_outer(body).map_err(refused)?;
    let pos = admin::pos(registry, &body.pos_id)
        .await?
        .ok_or(ProblemType::PosNotFound)?;
    let request = open(
        registry,
        body.payload,
        MAX_BLOCKS_REGISTER,
        RegisterRequest::from_inner,
    )
    .await?;
    if request.pos_id != body.pos_id || request.nonce != body.nonce {
        return Err(Refusal::payload());
    }
    acceptable(request.password.as_ref())?;
    if request.amount as usize > payable(registry) {
        return Err(Refusal::parameter(
            "amount",
            "is more than a wallet can pay at once",
        ));
    }
    let (otc, password) = record(registry, &pos, &request).await?;
    let url = registry.public_url();
    let answer = RegisterAnswer {
        registry_url: url.to_owned(),
        nonce: body.nonce,
        link: Some(format!("{url}/payment/{}", otc.reveal()).into()),
        otc,
        password,
    };
    let payload = rsa::seal(&pos.key, answer.to_json().as_bytes());
    Ok(SealedBody { payload }.to_json())
}

/// WOM protocol, payment/status. Only the POS that registered a payment learns of it.
pub(crate) async fn status(registry: &Registry, body: &[u8]) -> Result<String, Refusal> {
    let body = StatusBody::from_outer(body).map_err(refused)?;
    let pos = admin::pos(registry, &body.pos_id)
        .await?
        .ok_or(ProblemType::PosNotFound)?;
    let request = open(
        registry,
        body.payload,
        MAX_BLOCKS_VERIFY,
        StatusRequest::from_inner,
    )
    .await?;
    if request.pos_id != body.pos_id {
        return Err(Refusal::payload());
    }
    let otc = request.otc.reveal_bytes();
    let persistent: Option<bool> =
        sqlx::query_scalar("SELECT persistent FROM payment WHERE otc = ?1 AND pos = ?2")
            .bind(&otc[..])
            .bind(&pos.bytes[..])
            .fetch_optional(registry.db().read())
            .await
            .map_err(failed)?;
    let persistent = persistent.ok_or(ProblemType::OtcNotValid)?;
    let times: Vec<i64> =
        sqlx::query_scalar("SELECT at FROM confirmation WHERE payment = ?1 ORDER BY at")
            .bind(&otc[..])
            .fetch_all(registry.db().read())
            .await
            .map_err(failed)?;
    let answer = StatusAnswer {
        persistent,
        has_been_performed: !times.is_empty(),
        confirmations: times.into_iter().map(Timestamp::from_millis).collect(),
    };
    let body = StatusBody {
        pos_id: body.pos_id,
        payload: rsa::seal(&pos.key, answer.to_json().as_bytes()),
    };
    Ok(body.to_json())
}

/// WOM protocol, payment/info: for who has the PIN, of payments that can be paid.
pub(crate) async fn info(registry: &Registry, body: &[u8]) -> Result<String, Refusal> {
    let body = SealedBody::from_outer(body).map_err(refused)?;
    let request = open(
        registry,
        body.payload,
        MAX_BLOCKS_VERIFY,
        InfoRequest::from_inner,
    )
    .await?;
    let mut tx = registry.db().write().await?;
    let payment = Payment::find(&mut tx, &request.otc).await?;
    payment.payable(registry)?;
    // The transaction is dropped: a right PIN costs no attempt.
    let tx = payment.admit(tx, &request.password, registry).await?;
    drop(tx);
    let answer = InfoAnswer {
        pos_id: ids::pos(&payment.pos)?,
        pos_name: payment.pos_name,
        amount: payment.amount,
        filter: payment.filter,
        persistent: payment.persistent,
    };
    let payload = aes::seal(&request.session_key, answer.to_json().as_bytes());
    Ok(SealedBody { payload }.to_json())
}

/// A verified payment.
#[derive(Debug)]
pub(crate) struct Payment {
    pub(crate) otc: [u8; 16],
    pub(crate) pin: Pin,
    pos: Vec<u8>,
    pos_name: String,
    pub(crate) amount: u32,
    pub(crate) filter: Option<Filter>,
    pub(crate) pocket_ack: Option<String>,
    pub(crate) persistent: bool,
    verified_at: Timestamp,
    confirmed: bool,
    paused_at: Option<Timestamp>,
}

impl Payment {
    /// The payment with this code; one that was never verified is as good as unknown.
    pub(crate) async fn find(tx: &mut Write, otc: &Otc) -> Result<Self, Refusal> {
        let otc = otc.reveal_bytes();
        let row = sqlx::query(
            "SELECT p.pin, p.pos, pos.name, p.amount, p.filter, p.pocket_ack, p.persistent,
                    p.verified_at, p.confirmations, p.paused_at
             FROM payment p JOIN pos ON pos.id = p.pos WHERE p.otc = ?1",
        )
        .bind(&otc[..])
        .fetch_optional(&mut **tx)
        .await
        .map_err(failed)?
        .ok_or(ProblemType::OtcNotValid)?;
        let filter: Option<&str> = row.try_get("filter").map_err(failed)?;
        let confirmations: i64 = row.try_get("confirmations").map_err(failed)?;
        Ok(Self {
            otc,
            pin: stored_pin(row.try_get("pin").map_err(failed)?)?,
            pos: row.try_get("pos").map_err(failed)?,
            pos_name: row.try_get("name").map_err(failed)?,
            amount: row.try_get("amount").map_err(failed)?,
            filter: filter
                .map(Filter::parse)
                .transpose()
                .map_err(|_| ids::corrupt())?,
            pocket_ack: row.try_get("pocket_ack").map_err(failed)?,
            persistent: row.try_get("persistent").map_err(failed)?,
            verified_at: instant(&row, "verified_at")?.ok_or(ProblemType::OtcNotValid)?,
            confirmed: confirmations > 0,
            paused_at: instant(&row, "paused_at")?,
        })
    }

    /// Refuses what can no longer be paid.
    pub(crate) fn payable(&self, registry: &Registry) -> Result<(), Refusal> {
        if self.confirmed && !self.persistent {
            return Err(ProblemType::OperationAlreadyPerformed.into());
        }
        let expiry = registry.options().verified_expiry;
        if !self.confirmed
            && expiry.is_some_and(|age| self.verified_at.as_millis() < before(registry.now(), age))
        {
            return Err(ProblemType::RequestVoid.into());
        }
        Ok(())
    }

    /// Counts an attempt, then looks at the PIN. A wrong one commits the count; with the right one
    /// the caller gets its transaction back and gives the attempt back by
    /// [`READMIT`](Self::READMIT), or drops all.
    pub(crate) async fn admit(
        &self,
        mut tx: Write,
        pin: &Pin,
        registry: &Registry,
    ) -> Result<Write, Refusal> {
        let (now, options) = (registry.now(), registry.options());
        if let Some(paused_at) = self.paused_at {
            let wait = paused_at.as_millis() - before(now, options.pin_pause);
            if wait > 0 {
                return Err(Refusal::paused(wait / 1000 + 1));
            }
            sqlx::query("UPDATE payment SET attempts_left = ?2, paused_at = NULL WHERE otc = ?1")
                .bind(&self.otc[..])
                .bind(options.pin_attempts)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
        }
        let counted = sqlx::query(
            "UPDATE payment SET attempts_left = attempts_left - 1,
                    paused_at = CASE WHEN persistent AND attempts_left = 1 THEN ?2 END
             WHERE otc = ?1 AND attempts_left > 0",
        )
        .bind(&self.otc[..])
        .bind(now.as_millis())
        .execute(&mut *tx)
        .await
        .map_err(failed)?;
        if counted.rows_affected() == 0 {
            return Err(ProblemType::RequestVoid.into());
        }
        if self.pin != *pin {
            tx.commit().await.map_err(failed)?;
            return Err(ProblemType::WrongPassword.into());
        }
        Ok(tx)
    }
}

async fn record(
    registry: &Registry,
    pos: &Pos,
    request: &RegisterRequest,
) -> Result<(Otc, Pin), Refusal> {
    let (now, options) = (registry.now(), registry.options());
    let same = Sameness {
        party: &pos.bytes,
        nonce: sha256(request.nonce.as_bytes()),
        content: sha256(request.to_json().as_bytes()),
    };
    let mut tx = registry.db().write().await?;
    if let Some(otc) = PAYMENT.recall(&mut tx, &same, now, options).await? {
        let pin: String = sqlx::query_scalar("SELECT pin FROM payment WHERE otc = ?1")
            .bind(&otc[..])
            .fetch_one(&mut *tx)
            .await
            .map_err(failed)?;
        return Ok((Otc::from_bytes(otc), stored_pin(&pin)?));
    }
    PAYMENT.make_room(&mut tx, &pos.bytes, now, options).await?;
    let otc = Otc::random();
    let pin = request.password.clone().unwrap_or_else(Pin::random);
    let filter = request
        .filter
        .as_ref()
        .and_then(|filter| serde_json::to_string(filter).ok());
    let bytes = otc.reveal_bytes();
    sqlx::query(
        "INSERT INTO payment (otc, pos, pin, attempts_left, amount, filter, pocket_ack, pos_ack, persistent, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )
    .bind(&bytes[..])
    .bind(&pos.bytes[..])
    .bind(pin.reveal())
    .bind(options.pin_attempts)
    .bind(request.amount)
    .bind(filter)
    .bind(&request.pocket_ack_url)
    .bind(&request.pos_ack_url)
    .bind(request.persistent)
    .bind(now.as_millis())
    .execute(&mut *tx)
    .await
    .map_err(failed)?;
    PAYMENT
        .remember(&mut tx, &same, &bytes, now, options)
        .await?;
    tx.commit().await.map_err(failed)?;
    Ok((otc, pin))
}

/// How many vouchers fit into a confirm's payload under this Registry's key.
fn payable(registry: &Registry) -> usize {
    // {"id":"<24 digits>/10000","secret":"<24 characters>"} and a comma; and what is around them.
    const VOUCHER: usize = 76;
    const AROUND: usize = 256;
    let text = (registry.public_key().size_bytes() - 11) * MAX_BLOCKS_CONFIRM;
    CONFIRM_LIMIT.min((text - AROUND) / VOUCHER)
}
