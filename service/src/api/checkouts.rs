//! Asking for payments.

use axum::{
    Json as Answer,
    extract::{Path, Query, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wom_sdk::{
    Error, Kind,
    checkout::{Charge, CheckoutId, State},
    protocol::{Bounds, Filter, Position},
};

use super::{Caller, Failure, Json, Problem, body::idempotency_key, code::Code, query, wait::Wait};

/// A payment to ask for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCheckout {
    /// The POS, by name. May be left out where the token is for one only.
    pos: Option<String>,
    /// How many WOM.
    #[schema(minimum = 1, maximum = 10000)]
    amount: u32,
    /// Which WOM are accepted; every one where it is left out.
    filter: Option<Which>,
    /// How long the code is waited for, seconds; 5 minutes where it is left out.
    #[schema(minimum = 10, maximum = 86400)]
    patience_seconds: Option<u32>,
}

/// Which WOM are accepted: those for which all of this holds.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Their aim begins so.
    #[schema(example = "H")]
    aim: Option<String>,
    /// Their minutes are at most so many days old.
    max_age_days: Option<u32>,
    bounds: Option<Corners>,
}

/// They were given within these corners, each latitude and longitude in degrees WGS 84.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Corners {
    /// The north-western one.
    north_west: [f64; 2],
    /// The south-eastern one.
    south_east: [f64; 2],
}

impl NewCheckout {
    fn charge(&self) -> Result<Charge, Error> {
        let mut charge = Charge::new(self.amount)?;
        if let Some(seconds) = self.patience_seconds {
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
        if let Some(days) = self.max_age_days {
            filter = filter.max_age_days(days)?;
        }
        if let Some(corners) = &self.bounds {
            let corner = |[latitude, longitude]: [f64; 2]| Position::new(latitude, longitude);
            let bounds = Bounds::new(corner(corners.north_west)?, corner(corners.south_east)?)?;
            filter = filter.bounds(bounds);
        }
        Ok(filter)
    }
}

/// A payment that was asked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct Checkout {
    /// Its id.
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
/// code; for another amount it is `award_key_reused`.
#[utoipa::path(
    post,
    path = "/checkouts",
    tag = "checkouts",
    params(
        ("idempotency-key" = String, Header, description = "The shop's own name of this payment, such as an order's number, 1 to 512 bytes; it is kept only as a digest")
    ),
    request_body = NewCheckout,
    responses(
        (status = 201, body = Checkout),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    caller: Caller,
    headers: HeaderMap,
    Json(new): Json<NewCheckout>,
) -> Result<(StatusCode, Answer<Checkout>), Failure> {
    let pos = caller.pos()?;
    let reference = idempotency_key(&headers)?;
    let charge = new.charge()?;
    let (name, desk) = pos.named(new.pos.as_deref())?;
    desk.charge(reference, &charge).await?;
    let checkout = desk
        .checkout(desk.id(reference))
        .await?
        .ok_or_else(unknown)?;
    Ok((StatusCode::CREATED, Answer(Checkout::of(&name, &checkout))))
}

/// Show a payment
///
/// With `wait` it answers as soon as the payment is decided.
#[utoipa::path(
    get,
    path = "/checkouts/{id}",
    tag = "checkouts",
    params(Wait, ("id" = String, Path, description = "The checkout's id")),
    responses(
        (status = 200, body = Checkout),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    caller: Caller,
    Path(id): Path<String>,
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
    tag = "checkouts",
    params(("id" = String, Path, description = "The checkout's id")),
    responses(
        (status = 200, body = Checkout),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn cancel(
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Answer<Checkout>, Failure> {
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
