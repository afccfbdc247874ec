//! A POS asks for vouchers and a wallet looks: register, status, info. Verify is as for vouchers,
//! paying is in [`confirm`](crate::confirm).

use rusqlite::{Row, params};
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
    Registry, RegistryOptions, admin,
    admin::Pos,
    db::{Sql, Write},
    envelope::{open, refused},
    ids,
    issue::{acceptable, stored_pin},
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
    let (otc, password) = record(registry, &pos, request).await?;
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
    let found = move |sql: &Sql<'_>| {
        let persistent: Option<bool> = sql.row(
            "SELECT persistent FROM payment WHERE otc = ?1 AND pos = ?2",
            (otc, pos.bytes),
            |row| row.get(0),
        )?;
        let times: Vec<i64> = sql.rows(
            "SELECT at FROM confirmation WHERE payment = ?1 ORDER BY at",
            [otc],
            |row| row.get(0),
        )?;
        Ok(persistent.map(|persistent| (persistent, times)))
    };
    let found = registry.db().read(found).await?;
    let (persistent, times) = found.ok_or(ProblemType::OtcNotValid)?;
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
    let (now, options) = (registry.now(), registry.options().clone());
    let (otc, pin) = (request.otc.clone(), request.password.clone());
    let admitted = move |write: &mut Write<'_>| {
        let payment = Payment::find(write, &otc)?;
        payment.payable(now, &options)?;
        payment.admit(write, &pin, now, &options)?;
        // Nothing is kept: a right PIN costs no attempt.
        Ok::<_, Refusal>(payment)
    };
    let payment = registry.db().write(admitted).await?;
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
    pub(crate) fn find(sql: &Sql<'_>, otc: &Otc) -> Result<Self, Refusal> {
        let otc = otc.reveal_bytes();
        let found = sql.row(
            "SELECT p.pin, p.pos, pos.name, p.amount, p.filter, p.pocket_ack, p.persistent,
                    p.verified_at, p.confirmations > 0 AS confirmed, p.paused_at
             FROM payment p JOIN pos ON pos.id = p.pos
             WHERE p.otc = ?1 AND p.verified_at IS NOT NULL",
            [otc],
            |row| Self::read(otc, row),
        )?;
        Ok(found.ok_or(ProblemType::OtcNotValid)??)
    }

    fn read(otc: [u8; 16], row: &Row<'_>) -> rusqlite::Result<Result<Self>> {
        let pin: String = row.get("pin")?;
        let filter: Option<String> = row.get("filter")?;
        let filter = filter.as_deref().map(Filter::parse).transpose();
        let (Ok(pin), Ok(filter)) = (stored_pin(&pin), filter) else {
            return Ok(Err(ids::corrupt()));
        };
        let paused_at: Option<i64> = row.get("paused_at")?;
        Ok(Ok(Self {
            otc,
            pin,
            pos: row.get("pos")?,
            pos_name: row.get("name")?,
            amount: row.get("amount")?,
            filter,
            pocket_ack: row.get("pocket_ack")?,
            persistent: row.get("persistent")?,
            verified_at: Timestamp::from_millis(row.get("verified_at")?),
            confirmed: row.get("confirmed")?,
            paused_at: paused_at.map(Timestamp::from_millis),
        }))
    }

    /// Refuses what can no longer be paid.
    pub(crate) fn payable(&self, now: Timestamp, options: &RegistryOptions) -> Result<(), Refusal> {
        if self.confirmed && !self.persistent {
            return Err(ProblemType::OperationAlreadyPerformed.into());
        }
        let expiry = options.verified_expiry;
        if !self.confirmed
            && expiry.is_some_and(|age| self.verified_at.as_millis() < before(now, age))
        {
            return Err(ProblemType::RequestVoid.into());
        }
        Ok(())
    }

    /// Counts an attempt, then looks at the PIN. With a wrong one the count is kept; with the right
    /// one the caller gives the attempt back, or keeps nothing.
    pub(crate) fn admit(
        &self,
        write: &mut Write<'_>,
        pin: &Pin,
        now: Timestamp,
        options: &RegistryOptions,
    ) -> Result<(), Refusal> {
        if let Some(paused_at) = self.paused_at {
            let wait = paused_at.as_millis() - before(now, options.pin_pause);
            if wait > 0 {
                return Err(Refusal::paused(wait / 1000 + 1));
            }
            write.execute(
                "UPDATE payment SET attempts_left = ?2, paused_at = NULL WHERE otc = ?1",
                (self.otc, options.pin_attempts),
            )?;
        }
        let counted = write.execute(
            "UPDATE payment SET attempts_left = attempts_left - 1,
                    paused_at = CASE WHEN persistent AND attempts_left = 1 THEN ?2 END
             WHERE otc = ?1 AND attempts_left > 0",
            (self.otc, now.as_millis()),
        )?;
        if counted == 0 {
            return Err(ProblemType::RequestVoid.into());
        }
        if self.pin != *pin {
            write.keep();
            return Err(ProblemType::WrongPassword.into());
        }
        Ok(())
    }
}

async fn record(
    registry: &Registry,
    pos: &Pos,
    request: RegisterRequest,
) -> Result<(Otc, Pin), Refusal> {
    let (now, options) = (registry.now(), registry.options().clone());
    let same = Sameness {
        party: pos.bytes,
        nonce: sha256(request.nonce.as_bytes()),
        content: sha256(request.to_json().as_bytes()),
    };
    let recorded = move |write: &mut Write<'_>| {
        if let Some(otc) = PAYMENT.recall(write, &same, now, &options)? {
            let pin: String = write.value("SELECT pin FROM payment WHERE otc = ?1", [otc])?;
            return Ok((Otc::from_bytes(otc), stored_pin(&pin)?));
        }
        PAYMENT.make_room(write, &same.party, now, &options)?;
        let otc = Otc::random();
        let pin = request.password.clone().unwrap_or_else(Pin::random);
        let filter = request
            .filter
            .as_ref()
            .and_then(|filter| serde_json::to_string(filter).ok());
        let bytes = otc.reveal_bytes();
        write.execute(
            "INSERT INTO payment (otc, pos, pin, attempts_left, amount, filter, pocket_ack, pos_ack, persistent, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                bytes,
                same.party,
                pin.reveal(),
                options.pin_attempts,
                request.amount,
                filter,
                request.pocket_ack_url,
                request.pos_ack_url,
                request.persistent,
                now.as_millis(),
            ],
        )?;
        PAYMENT.remember(write, &same, &bytes, now, &options)?;
        write.keep();
        Ok((otc, pin))
    };
    registry.db().write(recorded).await
}

/// How many vouchers fit into a confirm's payload under this Registry's key.
fn payable(registry: &Registry) -> usize {
    // {"id":"<24 digits>/10000","secret":"<24 characters>"} and a comma; and what is around them.
    const VOUCHER: usize = 76;
    const AROUND: usize = 256;
    let text = (registry.public_key().size_bytes() - 11) * MAX_BLOCKS_CONFIRM;
    CONFIRM_LIMIT.min((text - AROUND) / VOUCHER)
}
