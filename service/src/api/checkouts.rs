//! Asking for payments.

use axum::{
    Json as Answer,
    extract::{Query, rejection::QueryRejection},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, Type, schema::SchemaType},
};
use wom_sdk::{
    Error, Kind,
    checkout::{Charge, CheckoutId, State},
    protocol::{AIMS, Bounds, Filter},
};

use super::{
    Caller, Failure, Json, body::IdempotencyKey, code::Code, id::Id, place::Place, query,
    wait::Wait, whole::Whole,
};

/// A payment to ask for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCheckout {
    /// The POS, by name. May be left out where the token is for one only.
    pos: Option<String>,
    /// How many WOM: at most so many as a Pocket can pay at once.
    #[schema(value_type = u32, minimum = 1, maximum = 1500)]
    amount: Whole,
    /// Which WOM are accepted; every one where it is left out.
    filter: Option<Which>,
    /// How long the code is waited for, seconds; 5 minutes where it is left out.
    #[schema(value_type = Option<u32>, minimum = 10, maximum = 86400)]
    patience_seconds: Option<Whole>,
}

/// Which WOM are accepted: those for which all of this holds.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Their aim is this one or a child of it.
    #[schema(schema_with = known_aims)]
    aim: Option<String>,
    /// Their minutes are at most so many days old.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 36500)]
    max_age_days: Option<Whole>,
    bounds: Option<Corners>,
}

/// They were given within these corners.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Corners {
    /// The north-western one. It lies north of the other.
    north_west: Place,
    /// The south-eastern one. Where it lies west of the other, they cross the 180th meridian.
    south_east: Place,
}

impl NewCheckout {
    fn charge(&self) -> Result<Charge, Error> {
        let mut charge = Charge::new(self.amount.0)?;
        if let Some(Whole(seconds)) = self.patience_seconds {
            if !(10..=86_400).contains(&seconds) {
                return Err(
                    Error::new(Kind::InputInvalid, "wait for 10 to 86,400 seconds")
                        .with("field", "patience_seconds"),
                );
            }
            charge.patience_ms = i64::from(seconds) * 1_000;
        }
        if let Some(which) = &self.filter {
            let filter = which
                .filter()
                .map_err(|error| error.with("field", "filter"))?;
            charge.filter = (!filter.is_empty()).then_some(filter);
        }
        Ok(charge)
    }
}

impl Which {
    fn filter(&self) -> Result<Filter, Error> {
        let mut filter = Filter::default();
        if let Some(aim) = &self.aim {
            filter = filter.aim(aim.parse()?);
        }
        if let Some(Whole(days)) = self.max_age_days {
            if days > 36_500 {
                return Err(Error::new(
                    Kind::InputInvalid,
                    "minutes are at most 36,500 days old",
                ));
            }
            filter = filter.max_age_days(days)?;
        }
        if let Some(corners) = &self.bounds {
            let (north_west, south_east) = (&corners.north_west, &corners.south_east);
            let bounds = Bounds::new(north_west.position()?, south_east.position()?)?;
            filter = filter.bounds(bounds);
        }
        filter.checked()
    }
}

/// The codes of the aims that a Pocket knows.
fn known_aims() -> Object {
    let codes = AIMS.iter().map(|aim| Some(aim.code));
    ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some("Their aim is this one or a child of it."))
        .enum_values(Some(codes.chain([None])))
        .build()
}

/// A payment that was asked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct Checkout {
    /// Its id.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    id: String,
    /// The POS, by name.
    pos: String,
    /// How many WOM.
    amount: u32,
    /// Where it stands: `created`, `registered`, `verifying`, `verified`, `shown` (the code can be
    /// paid), `paid` (give the discount), `expired`, `cancelled`, `paid_after_expiry`,
    /// `paid_after_cancel` (the shop decides), or `failed`.
    #[schema(example = "shown")]
    state: &'static str,
    /// When it was paid, by the Registry's clock (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    paid_at: Option<String>,
    /// The code of an error, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The code to show to the customer, while it can be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
}

impl Checkout {
    fn of(pos: &str, checkout: &wom_sdk::checkout::Checkout) -> Self {
        let shown = checkout.state == State::Shown;
        Self {
            id: checkout.id.to_hex(),
            pos: pos.to_owned(),
            amount: checkout.charge.amount,
            state: checkout.state.name(),
            paid_at: match &checkout.state {
                State::Paid { at }
                | State::PaidAfterExpiry { at }
                | State::PaidAfterCancel { at } => Some(at.to_string()),
                _ => None,
            },
            reason: match &checkout.state {
                State::Failed(reason) => Some(reason.clone()),
                _ => None,
            },
            code: checkout.ticket.as_ref().filter(|_| shown).map(Code::of),
        }
    }
}

/// Ask for a payment
///
/// Answers with the code to show. The same `Idempotency-Key` again is the same payment, with the same
/// code, and shows how it ended once it is over; for another amount it is `award_key_reused`.
#[utoipa::path(
    post,
    path = "/checkouts",
    operation_id = "createCheckout",
    tag = "checkouts",
    params(IdempotencyKey),
    request_body = NewCheckout,
    responses(
        (status = 201, body = Checkout, description = "The code can be paid, or could be"),
        Failure,
    )
)]
pub(super) async fn create(
    caller: Caller,
    IdempotencyKey { key }: IdempotencyKey,
    Json(new): Json<NewCheckout>,
) -> Result<(StatusCode, Answer<Checkout>), Failure> {
    let pos = caller.pos()?;
    let charge = new.charge()?;
    let (name, desk) = pos.named(new.pos.as_deref())?;
    let charged = desk.charge(&key, &charge).await;
    let checkout = desk.checkout(desk.id(&key)).await?;
    let over = checkout
        .as_ref()
        .is_some_and(|checkout| !checkout.state.is_open());
    match charged {
        // Who asks again after a lost answer has to learn how it ended.
        Err(error) if error.kind() == Kind::InputInvalid && over => {}
        Err(error) => return Err(error.into()),
        Ok(_) => {}
    }
    let checkout = checkout.ok_or_else(unknown)?;
    Ok((StatusCode::CREATED, Answer(Checkout::of(&name, &checkout))))
}

/// Show a payment
///
/// With `wait` it answers as soon as the payment is decided.
#[utoipa::path(
    get,
    path = "/checkouts/{id}",
    operation_id = "showCheckout",
    tag = "checkouts",
    params(Wait, Id),
    responses(
        (status = 200, body = Checkout, description = "As it stands"),
        Failure,
    )
)]
pub(super) async fn show(
    caller: Caller,
    Id { id }: Id,
    wait: Result<Query<Wait>, QueryRejection>,
) -> Result<Answer<Checkout>, Failure> {
    let callers = caller.pos()?;
    let wait = query(wait)?.duration()?;
    let id = CheckoutId::from_hex(&id).ok_or_else(unknown)?;
    let (pos, desk) = callers.of(id).ok_or_else(unknown)?;
    let watched = desk.watch(id, wait);
    let checkout = tokio::select! {
        checkout = watched => checkout?,
        // Who waits is told how it stands before the service ends.
        () = caller.service().stopped() => desk.checkout(id).await?,
    };
    let checkout = checkout.ok_or_else(unknown)?;
    Ok(Answer(Checkout::of(pos, &checkout)))
}

/// Call a payment off
///
/// The Registry cannot be told: a payment that comes all the same is `paid_after_cancel`. One that was
/// paid before is `already_performed`.
#[utoipa::path(
    post,
    path = "/checkouts/{id}/cancel",
    operation_id = "cancelCheckout",
    tag = "checkouts",
    params(Id),
    responses(
        (status = 200, body = Checkout, description = "As it stands"),
        Failure,
    )
)]
pub(super) async fn cancel(caller: Caller, Id { id }: Id) -> Result<Answer<Checkout>, Failure> {
    let callers = caller.pos()?;
    let id = CheckoutId::from_hex(&id).ok_or_else(unknown)?;
    let (pos, desk) = callers.of(id).ok_or_else(unknown)?;
    desk.checkout(id).await?.ok_or_else(unknown)?;
    desk.call_off(id).await?;
    let checkout = desk.checkout(id).await?.ok_or_else(unknown)?;
    Ok(Answer(Checkout::of(pos, &checkout)))
}

fn unknown() -> Failure {
    Failure::not_found("there is no checkout with this id")
}
