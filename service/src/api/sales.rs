//! Discounts on a shop's orders, for WOM.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Query, rejection::QueryRejection},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use wom_sdk::{
    Error, Kind,
    merchant::{Offer, OrderId},
    sale::{Resolution, Sale, SaleId},
    store::Which,
};

use super::{
    Caller, Failure, Json,
    id::{InShop, OneOfShop},
    query,
    sale::Shown,
    wait::Wait,
};
use crate::ServedShop;

/// How many sales are listed unless told otherwise, and at most.
const LISTED: u32 = 50;
const LISTED_AT_MOST: u32 = 200;

/// An offer to make on an order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSale {
    /// The shop's own name of the order.
    #[schema(min_length = 1, max_length = 128, example = "1007")]
    order: String,
    /// The offer, by its name in the configuration.
    #[schema(example = "coffee")]
    offer: String,
}

/// An order that the caller tells of.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Named {
    /// The shop's own name of it.
    #[schema(min_length = 1, max_length = 128, example = "1007")]
    order: String,
}

impl Named {
    fn id(self) -> OrderId {
        OrderId(self.order)
    }
}

/// Offer a discount
///
/// Answers with the code to show: from now on it counts as shown. The same order and offer again give
/// the same code while it can be paid. `already_performed` where the order was paid for, or an earlier
/// code of it was paid late: list its sales.
#[utoipa::path(
    post,
    path = "/shops/{shop}/sales",
    operation_id = "offerDiscount",
    tag = "sales",
    params(InShop),
    request_body = NewSale,
    responses(
        (status = 201, body = Shown, description = "The code can be paid"),
        Failure,
    )
)]
pub(super) async fn create(
    caller: Caller,
    InShop { shop }: InShop,
    Json(new): Json<NewSale>,
) -> Result<(StatusCode, Answer<Shown>), Failure> {
    let shop = caller.shop(&shop)?;
    let offer = offered(&shop, &new.offer)?;
    let order = OrderId(new.order);
    let (sale, _) = shop.shop().offer(&order, &new.offer, offer).await?;
    Ok((StatusCode::CREATED, Answer(Shown::of(&shop, sale).await?)))
}

/// Which sales to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// Those of this order; all of them, whatever else is asked for.
    order: Option<String>,
    /// `for_person`: those that a person has to do something for; `open`: those that are not over;
    /// `all`: every one, which is the default.
    #[param(inline)]
    which: Option<Whose>,
    /// Those after this one, by id.
    #[param(pattern = "^[0-9a-f]{64}$")]
    after: Option<String>,
    /// At most so many; 50 unless told otherwise.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Whose {
    #[default]
    All,
    Open,
    ForPerson,
}

impl From<Whose> for Which {
    fn from(whose: Whose) -> Self {
        match whose {
            Whose::All => Self::All,
            Whose::Open => Self::Open,
            Whose::ForPerson => Self::ForPerson,
        }
    }
}

/// List sales
///
/// By id. To read all, go on after the last one until nothing comes.
#[utoipa::path(
    get,
    path = "/shops/{shop}/sales",
    operation_id = "listSales",
    tag = "sales",
    params(InShop, Listing),
    responses(
        (status = 200, body = Vec<Shown>, description = "As they stand"),
        Failure,
    )
)]
pub(super) async fn list(
    caller: Caller,
    InShop { shop }: InShop,
    listing: Result<Query<Listing>, QueryRejection>,
) -> Result<Answer<Vec<Shown>>, Failure> {
    let shop = caller.shop(&shop)?;
    let listing = query(listing)?;
    let sales = match listing.order {
        Some(order) => shop.shop().sales_of(&OrderId(order)).await?,
        None => {
            let after = listing.after.as_deref().map(sale_id).transpose()?;
            let limit = listing.limit.unwrap_or(LISTED);
            if !(1..=LISTED_AT_MOST).contains(&limit) {
                return Err(Failure::input("list 1 to 200 sales", "parameter", "limit"));
            }
            let which = listing.which.unwrap_or_default().into();
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            shop.shop().sales(which, after, limit).await?
        }
    };
    Shown::all(&shop, sales).await
}

/// Show a sale
///
/// With `wait` it answers as soon as the discount is on the order, or somebody has to decide.
#[utoipa::path(
    get,
    path = "/shops/{shop}/sales/{id}",
    operation_id = "showSale",
    tag = "sales",
    params(Wait, OneOfShop),
    responses(
        (status = 200, body = Shown, description = "As it stands"),
        Failure,
    )
)]
pub(super) async fn show(
    caller: Caller,
    named: OneOfShop,
    wait: Result<Query<Wait>, QueryRejection>,
) -> Result<Answer<Shown>, Failure> {
    let (shop, sale) = found(&caller, &named).await?;
    let wait = query(wait)?.duration()?;
    let sale = tokio::select! {
        sale = shop.shop().watch(sale.id, wait) => sale?,
        // Who waits is told how it stands before the service ends.
        () = caller.service().stopped() => shop.shop().sale(sale.id).await?,
    };
    Ok(Answer(Shown::of(&shop, sale).await?))
}

/// Call an offer off
///
/// The customer changed their mind, or another offer is to be shown. The code is watched for a day:
/// one that is paid all the same becomes `late`. One that was paid before goes on as paid.
#[utoipa::path(
    post,
    path = "/shops/{shop}/sales/{id}/cancel",
    operation_id = "callOffSale",
    tag = "sales",
    params(OneOfShop),
    responses((status = 200, body = Shown, description = "As it stands"), Failure)
)]
pub(super) async fn call_off(caller: Caller, named: OneOfShop) -> Result<Answer<Shown>, Failure> {
    let (shop, sale) = found(&caller, &named).await?;
    let sale = shop.shop().call_off(sale.id).await?;
    Ok(Answer(Shown::of(&shop, sale).await?))
}

/// Confirm a discount
///
/// The cashier has typed the discount of a `manual` sale in.
#[utoipa::path(
    post,
    path = "/shops/{shop}/sales/{id}/confirm",
    operation_id = "confirmSale",
    tag = "sales",
    params(OneOfShop),
    responses((status = 200, body = Shown, description = "As it stands"), Failure)
)]
pub(super) async fn confirm(caller: Caller, named: OneOfShop) -> Result<Answer<Shown>, Failure> {
    let (shop, sale) = found(&caller, &named).await?;
    let sale = shop.confirm(sale.id).await?;
    Ok(Answer(Shown::of(&shop, sale).await?))
}

/// What a person decided.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decision {
    resolution: Decided,
    /// For `granted`: what the customer got, such as a code's reference in the shop.
    #[schema(min_length = 1, max_length = 128)]
    reference: Option<String>,
    /// Why, without anybody's name.
    #[schema(
        min_length = 1,
        max_length = 500,
        example = "gave a fresh code for the next visit"
    )]
    note: String,
}

/// `retry`: ask the shop for the discount again, as it was seen not to be there; `applied`: it is on
/// the order; `redeemed`: the order was closed with it; `withdrawn`: it was taken off; `refunded`: the
/// customer got the money back; `granted`: the customer got something else; `recorded`: the customer
/// gets nothing.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Decided {
    Retry,
    Applied,
    Redeemed,
    Withdrawn,
    Refunded,
    Granted,
    Recorded,
}

impl Decision {
    fn resolution(&self) -> Result<Resolution, Error> {
        let resolution = match self.resolution {
            Decided::Granted => {
                return Ok(Resolution::Granted(
                    self.reference.clone().unwrap_or_default(),
                ));
            }
            Decided::Retry => Resolution::Retry,
            Decided::Applied => Resolution::Applied,
            Decided::Redeemed => Resolution::Redeemed,
            Decided::Withdrawn => Resolution::Withdrawn,
            Decided::Refunded => Resolution::Refunded,
            Decided::Recorded => Resolution::Recorded,
        };
        match self.reference {
            Some(_) => Err(
                Error::new(Kind::InputInvalid, "a reference is of what was granted")
                    .with("field", "reference"),
            ),
            None => Ok(resolution),
        }
    }
}

/// Decide about a sale
///
/// For one that waits for a person: `late`, `unclaimed`, `manual` or `attention`.
#[utoipa::path(
    post,
    path = "/shops/{shop}/sales/{id}/resolve",
    operation_id = "resolveSale",
    tag = "sales",
    params(OneOfShop),
    request_body = Decision,
    responses((status = 200, body = Shown, description = "As it stands"), Failure)
)]
pub(super) async fn resolve(
    caller: Caller,
    named: OneOfShop,
    Json(decision): Json<Decision>,
) -> Result<Answer<Shown>, Failure> {
    let (shop, sale) = found(&caller, &named).await?;
    let resolution = decision.resolution()?;
    let sale = shop
        .shop()
        .resolve(sale.id, resolution, &decision.note)
        .await?;
    Ok(Answer(Shown::of(&shop, sale).await?))
}

/// Why a fresh code is given.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Granting {
    /// Without anybody's name.
    #[schema(
        min_length = 1,
        max_length = 500,
        example = "the order was cancelled at the till"
    )]
    note: String,
}

/// A code for the customer's next order.
#[derive(Serialize, ToSchema)]
pub(crate) struct Granted {
    sale: Shown,
    /// The code to show to the customer: it can be used once.
    fresh_code: String,
}

/// Give a fresh code for a late payment
///
/// For the customer's next order, to be shown at once. The same again gives the same code.
/// `unsupported` where the shop's adapter makes no codes: make one by hand, and resolve the sale.
#[utoipa::path(
    post,
    path = "/shops/{shop}/sales/{id}/grant",
    operation_id = "grantFreshCode",
    tag = "sales",
    params(OneOfShop),
    request_body = Granting,
    responses((status = 200, body = Granted, description = "The code can be used"), Failure)
)]
pub(super) async fn grant(
    caller: Caller,
    named: OneOfShop,
    Json(granting): Json<Granting>,
) -> Result<Answer<Granted>, Failure> {
    let (shop, sale) = found(&caller, &named).await?;
    let (sale, fresh_code) = shop.shop().grant(sale.id, &granting.note).await?;
    let sale = Shown::of(&shop, sale).await?;
    Ok(Answer(Granted { sale, fresh_code }))
}

/// Give a late payment's discount on another order
///
/// On the one that takes the place of a cancelled one, or on the customer's next. It is agreed anew.
#[utoipa::path(
    post,
    path = "/shops/{shop}/sales/{id}/replace",
    operation_id = "replaceSale",
    tag = "sales",
    params(OneOfShop),
    request_body = Named,
    responses((status = 200, body = Shown, description = "As it stands"), Failure)
)]
pub(super) async fn replace(
    caller: Caller,
    named: OneOfShop,
    Json(order): Json<Named>,
) -> Result<Answer<Shown>, Failure> {
    let (shop, sale) = found(&caller, &named).await?;
    let sale = shop.shop().replace(sale.id, &order.id()).await?;
    Ok(Answer(Shown::of(&shop, sale).await?))
}

/// Tell that an order was cancelled
///
/// What is not paid is called off, and its code watched for a day; a discount is taken back; what was
/// paid in vain becomes `late`. Answers with the order's sales.
#[utoipa::path(
    post,
    path = "/shops/{shop}/orders/cancelled",
    operation_id = "cancelOrder",
    tag = "sales",
    params(InShop),
    request_body = Named,
    responses((status = 200, body = Vec<Shown>, description = "As they stand"), Failure)
)]
pub(super) async fn order_cancelled(
    caller: Caller,
    InShop { shop }: InShop,
    Json(order): Json<Named>,
) -> Result<Answer<Vec<Shown>>, Failure> {
    let shop = caller.shop(&shop)?;
    let sales = shop.shop().cancel(&order.id()).await?;
    Shown::all(&shop, sales).await
}

/// Tell that an order changed
///
/// It is read again. Shops that list their orders need not be told, only sooner heard of. Answers with
/// the order's sales.
#[utoipa::path(
    post,
    path = "/shops/{shop}/orders/changed",
    operation_id = "orderChanged",
    tag = "sales",
    params(InShop),
    request_body = Named,
    responses((status = 200, body = Vec<Shown>, description = "As they stand"), Failure)
)]
pub(super) async fn order_changed(
    caller: Caller,
    InShop { shop }: InShop,
    Json(order): Json<Named>,
) -> Result<Answer<Vec<Shown>>, Failure> {
    let shop = caller.shop(&shop)?;
    let sales = shop.shop().changed(&order.id()).await?;
    Shown::all(&shop, sales).await
}

/// The offer of this name.
pub(super) fn offered<'a>(shop: &'a ServedShop, name: &str) -> Result<&'a Offer, Failure> {
    shop.offer(name).ok_or_else(|| {
        let names: Vec<_> = shop.offers().map(|(name, _)| name).collect();
        Error::new(Kind::InputInvalid, "the shop has no offer of this name")
            .with("field", "offer")
            .hint(format!("use one of: {}", names.join(", ")))
            .into()
    })
}

/// The sale that an address names, if it is the caller's.
async fn found(caller: &Caller, named: &OneOfShop) -> Result<(Arc<ServedShop>, Sale), Failure> {
    let shop = caller.shop(&named.shop)?;
    let unknown = |_| Failure::not_found("there is no sale with this id");
    let id = sale_id(&named.id).map_err(unknown)?;
    match shop.shop().sale(id).await {
        Ok(sale) => Ok((shop, sale)),
        Err(error) if error.kind() == Kind::InputInvalid => {
            Err(Failure::not_found("there is no sale with this id"))
        }
        Err(error) => Err(error.into()),
    }
}

fn sale_id(text: &str) -> Result<SaleId, Failure> {
    SaleId::from_hex(text)
        .ok_or_else(|| Failure::input("this is no sale's id", "parameter", "after"))
}
