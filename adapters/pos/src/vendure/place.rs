//! How a code gets onto an order, and off it: by the path that the order's state allows.

use serde_json::{Value, json};
use wom_sdk::{Error, Kind, Result, Retry};

use super::{
    api::{Answer, Api},
    not_shown,
    order::{FIELDS, Told},
};

const APPLY: &str = "mutation($o:ID!,$c:String!){applyCouponCodeToDraftOrder(orderId:$o,couponCode:$c){__typename ... on ErrorResult{errorCode}}}";
const REMOVE: &str =
    "mutation($o:ID!,$c:String!){removeCouponCodeFromDraftOrder(orderId:$o,couponCode:$c){id}}";
const MOVE: &str = "mutation($o:ID!,$s:String!){transitionOrderToState(id:$o,state:$s){__typename ... on ErrorResult{errorCode}}}";

/// Whether it is in a shopper's hands: only they can enter a code.
pub(super) fn is_cart(told: &Told) -> bool {
    matches!(
        told.state.as_str(),
        "Created" | "AddingItems" | "ArrangingPayment"
    )
}

/// Puts the code on the order, where staff can. `made_before` says that the code is from an earlier
/// call, which may have died half-way.
pub(super) async fn place(api: &Api, told: Told, code: &str, made_before: bool) -> Result<()> {
    let shown = told.discounted_by(code) > 0;
    match told.state.as_str() {
        "Modifying" if !made_before => Err(Error::new(
            Kind::InputInvalid,
            "somebody is changing the order",
        )
        .with_retry(Retry::Safe)
        .hint("let them finish, and try again")),
        "Modifying" if shown => go(api, &told.id, "PaymentSettled").await,
        _ if shown || is_cart(&told) => Ok(()),
        "Draft" => {
            let answer = api.ask(APPLY, json!({"o": told.id, "c": code})).await?;
            answer.said("the shop does not take the code").map(drop)
        }
        "Modifying" => {
            let mut codes = told.coupon_codes.clone();
            codes.push(code.to_owned());
            modify(api, told, "PaymentSettled".to_owned(), codes, code).await
        }
        _ if told.next_states.iter().any(|state| state == "Modifying") => {
            let back = told.state.clone();
            let mut codes = told.coupon_codes.clone();
            codes.push(code.to_owned());
            go(api, &told.id, "Modifying").await?;
            modify(api, told, back, codes, code).await
        }
        _ => Err(
            Error::new(Kind::InputInvalid, "the order can no longer be changed")
                .hint("give the discount by hand, or on another order"),
        ),
    }
}

/// Takes the code off the order. Who has paid keeps the price: money goes back by a refund only.
pub(super) async fn remove(api: &Api, told: Told, code: &str) -> Result<()> {
    let listed = told
        .coupon_codes
        .iter()
        .find(|it| it.eq_ignore_ascii_case(code));
    if let ("Draft", Some(listed)) = (told.state.as_str(), listed) {
        api.call(REMOVE, json!({"o": told.id, "c": listed})).await?;
    }
    Ok(())
}

/// Changes the codes of an order that is being modified, and gives the difference back. A dry run
/// first: what it does not show is not done.
async fn modify(api: &Api, told: Told, back: String, codes: Vec<String>, code: &str) -> Result<()> {
    let changed = try_modify(api, &told, &codes, code).await;
    let returned = go(api, &told.id, &back).await;
    changed.and(returned)
}

async fn try_modify(api: &Api, told: &Told, codes: &[String], code: &str) -> Result<()> {
    let payment = told.payment().ok_or_else(|| {
        Error::new(
            Kind::InputInvalid,
            "the order has no settled payment to give back from",
        )
    })?;
    let query = format!(
        "mutation($i:ModifyOrderInput!){{modifyOrder(input:$i){{__typename ... on ErrorResult{{errorCode}} ... on Order{{{FIELDS}}}}}}}"
    );
    for dry_run in [true, false] {
        let input = json!({
            "dryRun": dry_run,
            "orderId": told.id,
            "couponCodes": codes,
            "refund": {"paymentId": payment, "reason": "WOM"},
        });
        let answer = api.ask(&query, json!({"i": input})).await?;
        let changed = answer.said("the shop does not change the paid order")?;
        if Told::of(changed)?.is_none_or(|order| order.discounted_by(code) == 0) {
            return Err(not_shown());
        }
    }
    Ok(())
}

async fn go(api: &Api, order: &str, state: &str) -> Result<()> {
    let variables: Value = json!({"o": order, "s": state});
    match api.ask(MOVE, variables).await? {
        Answer::Said(_) => Ok(()),
        Answer::Refused(code) => Err(Error::new(
            Kind::InputInvalid,
            "the order cannot go on to a state",
        )
        .with("state", state)
        .with("code", code)),
    }
}
