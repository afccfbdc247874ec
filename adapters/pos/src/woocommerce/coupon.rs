//! Coupons: found, made once, deleted.

use serde::Deserialize;
use serde_json::{Value, json};
use wom_sdk::{
    Error, Kind, Result, Timestamp,
    merchant::{Discount, OrderId},
};

use super::api::{Answer, Api};
use crate::money;

const FIELDS: &str = "id,code,date_expires_gmt,meta_data";

/// Our own entry in a coupon's metadata: the order that it was made for.
const ORDER: &str = "wom_order";

/// Our own entry in the metadata of one for a customer's next order.
const FRESH: &str = "wom_fresh";

/// How many doubles are taken away at most, one after the other.
const DOUBLES: usize = 100;

/// A coupon in the shop.
#[derive(Debug, Deserialize)]
pub(super) struct Coupon {
    id: u64,
    code: String,
    date_expires_gmt: Option<String>,
    #[serde(default)]
    meta_data: Vec<Meta>,
}

#[derive(Debug, Deserialize)]
struct Meta {
    key: String,
    value: Value,
}

/// What a coupon is made from.
pub(super) struct Recipe<'a> {
    /// `None`: it is for a customer's next order.
    pub(super) order: Option<&'a OrderId>,
    pub(super) code: &'a str,
    pub(super) discount: &'a Discount,
    pub(super) currency: &'a str,
    pub(super) label: &'a str,
    pub(super) individual_use: bool,
    pub(super) ends_at: Timestamp,
}

impl Coupon {
    /// The order that it was made for; `None` if it is not ours.
    pub(super) fn order(&self) -> Option<OrderId> {
        let meta = self.meta_data.iter().find(|meta| meta.key == ORDER)?;
        meta.value.as_str().map(|order| OrderId(order.to_owned()))
    }

    /// Whether it was made for a customer's next order.
    pub(super) fn is_fresh(&self) -> bool {
        self.meta_data.iter().any(|meta| meta.key == FRESH)
    }

    /// Whether it still can be used at this time, as far as its date tells.
    pub(super) fn is_valid(&self, now: Timestamp) -> bool {
        let expires = self.date_expires_gmt.as_deref().map(instant);
        expires.is_none_or(|expires| expires.is_ok_and(|expires| now < expires))
    }
}

/// The coupon that this code stands for. Of doubles the shop knows only the youngest by its code.
pub(super) async fn find(api: &Api, code: &str) -> Result<Option<Coupon>> {
    Ok(list(api, "code", code).await?.into_iter().next())
}

/// Whether the shop would take this code of somebody else's on an order again.
pub(super) async fn is_usable(api: &Api, code: &str, now: Timestamp) -> Result<bool> {
    let found = find(api, code).await?;
    Ok(found.is_some_and(|coupon| coupon.is_valid(now)))
}

/// Makes the coupon, unless somebody has made it meanwhile, and takes doubles away.
pub(super) async fn create(api: &Api, recipe: &Recipe<'_>) -> Result<Coupon> {
    let (kind, amount) = worth(recipe)?;
    // Without a zone it would be taken for the shop's own; fractions of seconds are not read at all.
    let ends_at = Timestamp::from_seconds(recipe.ends_at.as_seconds());
    let meta = match recipe.order {
        Some(order) => json!({"key": ORDER, "value": order.0}),
        None => json!({"key": FRESH, "value": "1"}),
    };
    let body = json!({
        "code": recipe.code,
        "discount_type": kind,
        "amount": amount,
        "description": recipe.label,
        "date_expires": ends_at.to_string(),
        "individual_use": recipe.individual_use,
        "usage_limit": 1,
        "meta_data": [meta],
    });
    match api
        .post(&["coupons"], &[("_fields", FIELDS)], &body)
        .await?
    {
        Answer::Said(_) => {}
        Answer::Refused(code) if code == "woocommerce_rest_coupon_code_already_exists" => {}
        refused @ Answer::Refused(_) => {
            refused.said("the shop does not make the coupon")?;
        }
    }
    only(api, recipe.code).await?.ok_or_else(misunderstood)
}

/// The coupon that this code stands for, after doubles are taken away: calls at the same time make
/// them. The first one stays, which is the first one to everybody, whoever else comes later.
pub(super) async fn only(api: &Api, code: &str) -> Result<Option<Coupon>> {
    let Some(youngest) = find(api, code).await? else {
        return Ok(None);
    };
    let mut all = list(api, "search", code).await?;
    if all.iter().all(|it| it.id != youngest.id) {
        all.push(youngest);
    }
    all.sort_by_key(|it| it.id);
    let mut all = all.into_iter();
    let first = all.next();
    for double in all {
        delete_one(api, &double).await?;
    }
    Ok(first)
}

/// Deletes the coupon for good, and those that come to light behind it.
pub(super) async fn delete(api: &Api, code: &str) -> Result<()> {
    for _ in 0..DOUBLES {
        match find(api, code).await? {
            Some(coupon) => delete_one(api, &coupon).await?,
            None => return Ok(()),
        }
    }
    Err(Error::new(
        Kind::LimitExceeded,
        "the shop has the same code more often than can be",
    ))
}

/// The currency of the shop, in which its coupons are.
pub(super) async fn currency(api: &Api) -> Result<String> {
    #[derive(Deserialize)]
    struct Currency {
        code: String,
    }
    let query = [("_fields", "code")];
    let answer = api.get(&["data", "currencies", "current"], &query).await?;
    let told = answer.said("the shop does not tell its currency")?;
    let told = Currency::deserialize(told).map_err(|_| misunderstood())?;
    Ok(told.code)
}

async fn delete_one(api: &Api, coupon: &Coupon) -> Result<()> {
    match api.delete(&["coupons", &coupon.id.to_string()]).await? {
        // Somebody else was faster.
        Answer::Refused(code)
            if code == "woocommerce_rest_shop_coupon_invalid_id"
                || code == "woocommerce_rest_already_trashed" =>
        {
            Ok(())
        }
        answer => answer.said("the shop does not delete the coupon").map(drop),
    }
}

async fn list(api: &Api, by: &str, code: &str) -> Result<Vec<Coupon>> {
    let query = [(by, code), ("per_page", "100"), ("_fields", FIELDS)];
    let answer = api.get(&["coupons"], &query).await?;
    read(answer.said("the shop does not list coupons")?, code)
}

/// The coupons in a list that have this code.
pub(super) fn read(list: Value, code: &str) -> Result<Vec<Coupon>> {
    let mut found = Vec::<Coupon>::deserialize(list).map_err(|_| misunderstood())?;
    found.retain(|it| it.code.eq_ignore_ascii_case(code));
    Ok(found)
}

/// Instants are told in UTC, without saying so.
pub(super) fn instant(text: &str) -> Result<Timestamp> {
    match text.ends_with('Z') {
        true => text.parse(),
        false => format!("{text}Z").parse(),
    }
}

fn worth(recipe: &Recipe<'_>) -> Result<(&'static str, String)> {
    match recipe.discount {
        Discount::Amount(amount) if *amount > 0 => {
            Ok(("fixed_cart", money::write(*amount, recipe.currency)?))
        }
        Discount::BasisPoints(points @ 1..=10_000) => Ok(("percent", money::percent(*points))),
        _ => Err(Error::new(
            Kind::InputInvalid,
            "a discount that WooCommerce cannot give",
        )
        .hint("give an amount above 0, or 1 to 10000 hundredths of a percent")),
    }
}

fn misunderstood() -> Error {
    Error::new(
        Kind::OutcomeUnknown,
        "the shop tells coupons in a form that is not WooCommerce's",
    )
    .hint("the adapter is made for the REST API wc/v3")
}
