//! Vouchers come into being: create and verify, or one call with an API key.

use axum::http::StatusCode;
use rusqlite::params;
use wom_sdk::{
    Result,
    protocol::{
        Otc, Pin, Position, ProblemType, SourceId, VoucherId,
        message::{
            CreateAnswer, CreateBody, CreateReceived, CreateRequest, IssueReceived, IssueRequest,
            MAX_BLOCKS_CREATE, MAX_BLOCKS_VERIFY, SealedBody, VerifyRequest, VoucherSpecification,
        },
        rsa,
    },
};

use crate::{
    Registry,
    admin::{self, Source},
    api_key,
    db::{Sql, Write},
    envelope::{open, refused},
    ids,
    refusal::Refusal,
    registry::sha256,
    secrets,
    unverified::{REQUEST, Sameness, Table},
};

/// WOM protocol, voucher/create. The same nonce with the same contents yields the same code, for
/// as long as nonces are remembered. An API key beside it has to be this source's; the answer is
/// sealed for the source's own key all the same, as API keys have none.
pub(crate) async fn create(
    registry: &Registry,
    api_key: Option<&str>,
    body: &[u8],
) -> Result<String, Refusal> {
    let body = CreateBody::from_outer(body).map_err(refused)?;
    let source = admin::source(registry, &body.source_id)
        .await?
        .ok_or(ProblemType::SourceNotFound)?;
    if let Some(key) = api_key
        && api_key::holder(registry, key).await?.as_ref() != Some(&source.bytes)
    {
        return Err(Refusal::plain(
            StatusCode::BAD_REQUEST,
            "This is no API key of the source",
        ));
    }
    let received = open(
        registry,
        body.payload,
        MAX_BLOCKS_CREATE,
        CreateReceived::from_inner,
    )
    .await?;
    if received.source_id != body.source_id || received.nonce != body.nonce {
        return Err(Refusal::payload());
    }
    let wished = received.password.clone();
    let request = judge(received, &source)?;
    let wish = Wish {
        vouchers: request.vouchers().to_vec(),
        pin: wished,
        same: Some(Sameness {
            party: source.bytes,
            nonce: sha256(request.nonce().as_bytes()),
            content: sha256(request.to_json().as_bytes()),
        }),
        good: false,
    };
    let made = record(registry, source.bytes, wish).await?;
    let answer = answer(registry, body.nonce, made, request.total());
    let payload = rsa::seal(&source.key, answer.to_json().as_bytes());
    Ok(SealedBody { payload }.to_json())
}

/// WOM protocol, the issue in one call with an API key: the code is good at once. As the protocol
/// has no nonce here, the header `Idempotency-Key` may bring one, which is echoed as the answer's:
/// the same one with the same contents yields the same code.
pub(crate) async fn issue(
    registry: &Registry,
    source: &str,
    api_key: Option<&str>,
    idempotency_key: Option<&str>,
    body: &[u8],
) -> Result<String, Refusal> {
    let source: SourceId = source
        .parse()
        .map_err(|_| Refusal::plain(StatusCode::BAD_REQUEST, "This is no id of a source"))?;
    let holder = match api_key {
        Some(key) => api_key::holder(registry, key).await?,
        None => None,
    };
    // Who holds no key of it does not learn whether there is such a source.
    let source = match admin::source(registry, &source).await? {
        Some(source) if Some(source.bytes) == holder => source,
        _ => return Err(ProblemType::UserNotLoggedIn.into()),
    };
    let received = IssueReceived::from_outer(body).map_err(refused)?;
    let vouchers = allowed(received.check().map_err(refused)?, &source)?;
    let request = IssueRequest::new(vouchers).map_err(refused)?;
    let nonce = idempotency_key.map_or_else(|| Otc::random().reveal(), ToOwned::to_owned);
    let wish = Wish {
        vouchers: request.vouchers().to_vec(),
        pin: None,
        same: idempotency_key.map(|key| Sameness {
            party: source.bytes,
            // No nonce of a create, which would bring a code that is not good.
            nonce: sha256(format!("issue\0{key}").as_bytes()),
            content: sha256(request.to_json().as_bytes()),
        }),
        good: true,
    };
    let made = record(registry, source.bytes, wish).await?;
    Ok(answer(registry, nonce, made, request.total())
        .to_json()
        .to_string())
}

fn answer(registry: &Registry, nonce: String, (otc, pin): (Otc, Pin), count: u32) -> CreateAnswer {
    CreateAnswer {
        registry_url: registry.public_url().to_owned(),
        nonce,
        link: Some(format!("{}/vouchers/{}", registry.public_url(), otc.reveal()).into()),
        otc,
        password: pin,
        count: Some(count),
    }
}

/// WOM protocol, voucher/verify and payment/verify; repeated as often as asked, unless the Registry is a faithful one.
pub(crate) async fn verify(
    registry: &Registry,
    body: &[u8],
    table: Table,
) -> Result<String, Refusal> {
    let body = SealedBody::from_outer(body).map_err(refused)?;
    let request = open(
        registry,
        body.payload,
        MAX_BLOCKS_VERIFY,
        VerifyRequest::from_inner,
    )
    .await?;
    let (otc, now, options) = (
        request.otc.reveal_bytes(),
        registry.now(),
        registry.options().clone(),
    );
    let verified = move |write: &mut Write<'_>| {
        if !table.verify(write, &otc, now, &options)? {
            return Err(match options.faithful {
                true => ProblemType::Unexpected.into(),
                false => ProblemType::OtcNotValid.into(),
            });
        }
        write.keep();
        Ok(String::new())
    };
    registry.db().write(verified).await
}

/// A PIN that a client wishes: digits, as wallets have no other keys.
pub(crate) fn acceptable(pin: Option<&Pin>) -> Result<(), Refusal> {
    let fits = |pin: &Pin| pin.acceptable() && pin.reveal().bytes().all(|b| b.is_ascii_digit());
    match pin.is_none_or(fits) {
        true => Ok(()),
        false => Err(ProblemType::PasswordUnacceptable.into()),
    }
}

fn judge(received: CreateReceived, source: &Source) -> Result<CreateRequest, Refusal> {
    acceptable(received.password.as_ref())?;
    let vouchers = allowed(received.check().map_err(refused)?, source)?;
    CreateRequest::new(
        received.source_id,
        received.nonce,
        received.password,
        vouchers,
    )
    .map_err(refused)
}

/// Vouchers of aims that exist and that this source may award.
fn allowed(
    vouchers: Vec<VoucherSpecification>,
    source: &Source,
) -> Result<Vec<VoucherSpecification>, Refusal> {
    for voucher in &vouchers {
        if voucher.aim.known().is_none() {
            return Err(Refusal::parameter("aim", "is not in the table of aims"));
        }
        if !source.may_award(voucher.aim) {
            return Err(Refusal::parameter("aim", "is not enabled for this source"));
        }
    }
    Ok(vouchers)
}

/// A request that passed every check.
struct Wish {
    vouchers: Vec<VoucherSpecification>,
    /// None: one is drawn.
    pin: Option<Pin>,
    /// None: it is like no other.
    same: Option<Sameness>,
    /// Whether the code can be redeemed at once.
    good: bool,
}

async fn record(registry: &Registry, source: [u8; 12], wish: Wish) -> Result<(Otc, Pin), Refusal> {
    let (now, options) = (registry.now(), registry.options().clone());
    let recorded = move |write: &mut Write<'_>| {
        let known = match &wish.same {
            Some(same) => REQUEST.recall(write, same, now, &options)?,
            None => None,
        };
        if let Some(otc) = known {
            let pin: String = write.value("SELECT pin FROM request WHERE otc = ?1", [otc])?;
            return Ok((Otc::from_bytes(otc), stored_pin(&pin)?));
        }
        if !wish.good {
            REQUEST.make_room(write, &source, now, &options)?;
        }
        let otc = Otc::random();
        let pin = wish.pin.unwrap_or_else(Pin::random);
        let bytes = otc.reveal_bytes();
        write.execute(
            "INSERT INTO request (otc, source, pin, attempts_left, created_at, verified_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                bytes,
                source,
                pin.reveal(),
                options.pin_attempts,
                now.as_millis(),
                wish.good.then(|| now.as_millis()),
            ],
        )?;
        for (line, voucher) in (0_i64..).zip(&wish.vouchers) {
            insert(write, &bytes, line, voucher)?;
        }
        if let Some(same) = &wish.same {
            REQUEST.remember(write, same, &bytes, now, &options)?;
        }
        write.keep();
        Ok((otc, pin))
    };
    registry.db().write(recorded).await
}

fn insert(sql: &Sql<'_>, otc: &[u8; 16], line: i64, voucher: &VoucherSpecification) -> Result<()> {
    let id = ids::bytes(&VoucherId::random_record()).ok_or_else(ids::corrupt)?;
    let position = voucher.position.unwrap_or(Position::ZERO);
    sql.execute(
        "INSERT INTO voucher (id, request, line, aim, count, at, latitude, longitude, place_on_redeem, secret)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            id,
            otc,
            line,
            voucher.aim.code(),
            voucher.count(),
            voucher.timestamp.as_millis(),
            position.latitude(),
            position.longitude(),
            voucher.position.is_none(),
            secrets::fresh()?,
        ],
    )?;
    Ok(())
}

/// The PIN of a row.
pub(crate) fn stored_pin(text: &str) -> Result<Pin> {
    Pin::from_registry(text).map_err(|_| ids::corrupt())
}

/// A source as anybody may see it (WOM protocol, v1/source/{id}), with the aims it may award.
pub(crate) async fn about(registry: &Registry, id: &SourceId) -> Result<Option<String>> {
    let Some(source) = admin::source(registry, id).await? else {
        return Ok(None);
    };
    let aims: Vec<_> = source
        .aims
        .iter()
        .map(wom_sdk::protocol::Aim::code)
        .collect();
    let about = serde_json::json!({
        "id": ids::text(&source.bytes),
        "name": source.name,
        "url": null,
        "createdOn": source.created_at,
        "location": null,
        "defaultLocation": null,
        "locationIsFixed": false,
        "enabledAims": aims,
    });
    Ok(Some(about.to_string()))
}
