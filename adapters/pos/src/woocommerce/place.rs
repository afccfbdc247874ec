//! How a code gets onto an order that staff can change, and off it.

use serde_json::json;
use wom_sdk::{Error, Kind, Result, Retry, Timestamp};

use super::{
    api::{Answer, Api},
    coupon,
    order::{self, Told},
};

/// How often the codes are set again where calls at the same time doubled one.
const TRIES: usize = 3;

/// Puts the code on the order, once, and sees it there.
pub(super) async fn put(api: &Api, told: Told, code: &str, now: Timestamp) -> Result<()> {
    let mut told = told;
    for _ in 0..TRIES {
        if told.count(code) == 1 && told.discounted_by(code)? > 0 {
            return Ok(());
        }
        let answer = set(api, &told, code, true, now).await?;
        told = order::tell(api, &told.id()).await?;
        match (answer, told.count(code)) {
            (Answer::Refused(why), 0) => {
                return Err(Error::new(
                    Kind::InputInvalid,
                    "the shop does not take the coupon on the order",
                )
                .with("code", why)
                .hint("look at the coupon's limits and at the order; nothing was given"));
            }
            (_, 1) if told.discounted_by(code)? == 0 => {
                return Err(Error::new(
                    Kind::InputInvalid,
                    "the shop took the code, but gives no discount for it",
                )
                .hint("look at the coupon and at the order's total; nothing was given"));
            }
            _ => {}
        }
    }
    match told.count(code) {
        1 => Ok(()),
        _ => Err(Error::new(
            Kind::OutcomeUnknown,
            "several at the same time change the order",
        )
        .with_retry(Retry::SameKey)),
    }
}

/// Takes the code off the order.
pub(super) async fn remove(api: &Api, told: &Told, code: &str, now: Timestamp) -> Result<()> {
    let answer = set(api, told, code, false, now).await?;
    let message = "the shop does not take the coupon off the order";
    answer.said(message).map(drop)
}

/// Sets the order's codes: others', and ours where it is to be there. The shop takes all of them off
/// and puts each on again, so one that it would not take again would be lost.
async fn set(api: &Api, told: &Told, code: &str, ours: bool, now: Timestamp) -> Result<Answer> {
    let mut codes = told.codes_without(code);
    for other in &codes {
        if !coupon::is_usable(api, other, now).await? {
            return Err(Error::new(
                Kind::InputInvalid,
                "the order has another coupon that the shop would not take again",
            )
            .hint("change the order by hand in the shop"));
        }
    }
    codes.extend(ours.then_some(code));
    let lines: Vec<_> = codes.iter().map(|code| json!({"code": code})).collect();
    let body = json!({"coupon_lines": lines});
    let query = [("_fields", "id")];
    api.post(&["orders", &told.id()], &query, &body).await
}
