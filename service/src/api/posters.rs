//! Codes at the counter, paid many times.

use std::sync::Arc;

use axum::{Json as Answer, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wom_sdk::{
    Error, Kind,
    checkout::CheckoutId,
    merchant::OrderId,
    sale::{self, SaleId},
};

use super::{
    Caller, Failure, Json,
    code::Code,
    id::{InShop, OneOfShop},
    sale::Shown,
    sales::offered,
};
use crate::ServedShop;

/// A poster to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPoster {
    /// The merchant's own name of it. A printed code cannot be changed: another offer needs another
    /// name.
    #[schema(min_length = 1, max_length = 128, example = "counter 2026")]
    name: String,
    /// The offer, by its name in the configuration.
    #[schema(example = "coffee")]
    offer: String,
}

/// A code at the counter.
#[derive(Serialize, ToSchema)]
pub(crate) struct Poster {
    /// Its id.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    id: String,
    /// The merchant's name of it.
    name: String,
    /// What stands beside the code.
    title: String,
    /// How many WOM.
    amount: u32,
    /// How many payments of it were found.
    payments: u32,
    /// When its offer was ended (RFC 3339). The Registry lets it be paid for ever: what comes after
    /// becomes `late`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// The code to print; where it is made only.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
}

impl Poster {
    fn of(poster: &sale::Poster) -> Self {
        Self {
            id: poster.id.to_hex(),
            name: poster.name.clone(),
            title: poster.offer.title.clone(),
            amount: poster.offer.charge.amount,
            payments: poster.seen,
            ended_at: poster.ended.map(|at| at.to_string()),
            code: None,
        }
    }
}

/// Make a poster
///
/// Answers with the code to print. The same name and offer again give the same code. Where a till can
/// show a code of its own for each order, `offerDiscount` is better.
#[utoipa::path(
    post,
    path = "/shops/{shop}/posters",
    operation_id = "createPoster",
    tag = "posters",
    params(InShop),
    request_body = NewPoster,
    responses((status = 201, body = Poster, description = "The code can be paid"), Failure)
)]
pub(super) async fn create(
    caller: Caller,
    InShop { shop }: InShop,
    Json(new): Json<NewPoster>,
) -> Result<(StatusCode, Answer<Poster>), Failure> {
    let shop = caller.shop(&shop)?;
    let offer = offered(&shop, &new.offer)?;
    let (poster, ticket) = shop.shop().print(&new.name, offer).await?;
    let poster = Poster {
        code: Some(Code::of(&ticket)),
        ..Poster::of(&poster)
    };
    Ok((StatusCode::CREATED, Answer(poster)))
}

/// List posters
#[utoipa::path(
    get,
    path = "/shops/{shop}/posters",
    operation_id = "listPosters",
    tag = "posters",
    params(InShop),
    responses((status = 200, body = Vec<Poster>, description = "All that were made"), Failure)
)]
pub(super) async fn list(
    caller: Caller,
    InShop { shop }: InShop,
) -> Result<Answer<Vec<Poster>>, Failure> {
    let shop = caller.shop(&shop)?;
    let posters = shop.shop().posters().await?;
    Ok(Answer(posters.iter().map(Poster::of).collect()))
}

/// List a poster's payments
///
/// Those that no cashier has taken for an order, the oldest first. With two customers at once the
/// cashier chooses by the time on the customer's screen.
#[utoipa::path(
    get,
    path = "/shops/{shop}/posters/{id}/payments",
    operation_id = "listUnclaimed",
    tag = "posters",
    params(OneOfShop),
    responses((status = 200, body = Vec<Shown>, description = "As they stand"), Failure)
)]
pub(super) async fn payments(
    caller: Caller,
    named: OneOfShop,
) -> Result<Answer<Vec<Shown>>, Failure> {
    let (shop, poster) = found(&caller, &named).await?;
    let sales = shop.shop().unclaimed(poster.id).await?;
    Shown::all(&shop, sales).await
}

/// Which payment to take for which order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Taking {
    /// The shop's own name of the order.
    #[schema(min_length = 1, max_length = 128, example = "1007")]
    order: String,
    /// The payment that the cashier chose, by the id of its sale; else the oldest that is fresh.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    payment: Option<String>,
}

/// Take a payment of a poster for an order
///
/// The Registry is asked for new ones first. Each is taken once; the discount is agreed in the order's
/// money.
#[utoipa::path(
    post,
    path = "/shops/{shop}/posters/{id}/take",
    operation_id = "takePayment",
    tag = "posters",
    params(OneOfShop),
    request_body = Taking,
    responses((status = 200, body = Shown, description = "As it stands"), Failure)
)]
pub(super) async fn take(
    caller: Caller,
    named: OneOfShop,
    Json(taking): Json<Taking>,
) -> Result<Answer<Shown>, Failure> {
    let (shop, poster) = found(&caller, &named).await?;
    let chosen = match taking.payment.as_deref().map(SaleId::from_hex) {
        Some(None) => {
            return Err(
                Error::new(Kind::InputInvalid, "this is no payment of the poster")
                    .with("field", "payment")
                    .into(),
            );
        }
        Some(chosen) => chosen,
        None => None,
    };
    let sale = shop
        .shop()
        .take(poster.id, &OrderId(taking.order), chosen)
        .await?;
    Ok(Answer(Shown::of(&shop, sale).await?))
}

/// End a poster's offer
#[utoipa::path(
    post,
    path = "/shops/{shop}/posters/{id}/end",
    operation_id = "endPoster",
    tag = "posters",
    params(OneOfShop),
    responses((status = 200, body = Poster, description = "As it stands"), Failure)
)]
pub(super) async fn end(caller: Caller, named: OneOfShop) -> Result<Answer<Poster>, Failure> {
    let (shop, poster) = found(&caller, &named).await?;
    let poster = shop.shop().end(poster.id).await?;
    Ok(Answer(Poster::of(&poster)))
}

/// The poster that an address names, if it is the caller's.
async fn found(
    caller: &Caller,
    named: &OneOfShop,
) -> Result<(Arc<ServedShop>, sale::Poster), Failure> {
    let shop = caller.shop(&named.shop)?;
    let unknown = || Failure::not_found("there is no poster with this id");
    let id = CheckoutId::from_hex(&named.id).ok_or_else(unknown)?;
    match shop.shop().poster(id).await {
        Ok(poster) => Ok((shop, poster)),
        Err(error) if error.kind() == Kind::InputInvalid => Err(unknown()),
        Err(error) => Err(error.into()),
    }
}
