//! How a code gets onto an order, and off it: by the path that the order's state allows.

use serde_json::{Value, json};
use wom_sdk::{Error, Kind, Result, Retry};

use super::{
    api::{Answer, Api},
    order::{FIELDS, Told},
};

const APPLY: &str = "mutation($o:ID!,$c:String!){applyCouponCodeToDraftOrder(orderId:$o,couponCode:$c){__typename ... on ErrorResult{errorCode}}}";
const REMOVE: &str =
    "mutation($o:ID!,$c:String!){removeCouponCodeFromDraftOrder(orderId:$o,couponCode:$c){id}}";
const MOVE: &str = "mutation($o:ID!,$s:String!){transitionOrderToState(id:$o,state:$s){__typename ... on ErrorResult{errorCode}}}";

/// Whether it is in a shopper's hands, or about to be paid: only they can enter a code.
pub(super) fn is_cart(told: &Told) -> bool {
    matches!(
        told.state.as_str(),
        "Created" | "AddingItems" | "ArrangingPayment"
    )
}

/// Puts the code on the order, where staff can, so that it takes off `most` at most. `made_before`
/// says that the code is from an earlier call, which may have died half-way. `false`: the shop would
/// give nothing for it, and nothing was changed.
pub(super) async fn place(
    api: &Api,
    told: &Told,
    code: &str,
    most: i64,
    made_before: bool,
) -> Result<bool> {
    let given = told.discounted_by(code);
    match told.state.as_str() {
        "Modifying" if !made_before => Err(Error::new(
            Kind::InputInvalid,
            "somebody is changing the order",
        )
        .with_retry(Retry::Safe)
        .hint("let them finish, and try again")),
        "Modifying" if given > 0 => {
            go(api, &told.id, told.before_modifying()).await?;
            Ok(true)
        }
        "Modifying" => modify(api, told, told.before_modifying(), code).await,
        "Draft" if (1..=most).contains(&given) => Ok(true),
        "Draft" => {
            // The shop reckons a price anew only when a code comes or goes: one that is listed gave
            // nothing then, or its double counted too.
            remove(api, told, code).await?;
            let answer = api.ask(APPLY, json!({"o": told.id, "c": code})).await?;
            answer.said("the shop does not take the code")?;
            Ok(true)
        }
        _ if given > 0 || is_cart(told) => Ok(true),
        back if told.next_states.iter().any(|state| state == "Modifying") => {
            go(api, &told.id, "Modifying").await?;
            modify(api, told, back, code).await
        }
        _ => Err(
            Error::new(Kind::InputInvalid, "the order can no longer be changed")
                .hint("give the discount by hand, or on another order"),
        ),
    }
}

/// Takes the code off a draft that lists it. Elsewhere only the shopper can; a code without its
/// promotion falls away there with the next step.
pub(super) async fn remove(api: &Api, told: &Told, code: &str) -> Result<()> {
    if told.state == "Draft" && told.lists(code) {
        api.call(REMOVE, json!({"o": told.id, "c": code})).await?;
    }
    Ok(())
}

/// Changes the codes of an order that is being modified, gives the difference back, and brings the
/// order back to where it was. A dry run first: what it does not show is not done.
async fn modify(api: &Api, told: &Told, back: &str, code: &str) -> Result<bool> {
    let changed = try_modify(api, told, code).await;
    let returned = go(api, &told.id, back).await;
    returned.and(changed)
}

async fn try_modify(api: &Api, told: &Told, code: &str) -> Result<bool> {
    let payment = told.payment().ok_or_else(|| {
        Error::new(
            Kind::InputInvalid,
            "the order has no settled payment to give back from",
        )
    })?;
    let mut codes = told.coupon_codes.clone();
    if !told.lists(code) {
        codes.push(code.to_owned());
    }
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
            return Ok(false);
        }
    }
    Ok(true)
}

async fn go(api: &Api, order: &str, state: &str) -> Result<()> {
    let variables: Value = json!({"o": order, "s": state});
    match api.ask(MOVE, variables).await? {
        Answer::Said(_) => Ok(()),
        Answer::Refused(code) => Err(Error::new(
            Kind::InputInvalid,
            "the order cannot go on to a state",
        )
        .with("state", state.escape_default())
        .with("code", code)),
    }
}
