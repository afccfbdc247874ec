//! Promotions with a coupon code: found, made once, switched off.

use serde::Deserialize;
use serde_json::{Value, json};
use wom_sdk::{
    Error, Kind, Result, Timestamp,
    merchant::{Discount, OrderId},
};

use super::api::Api;

const FIND: &str = "query($c:String!){promotions(options:{filter:{couponCode:{eq:$c}},take:100}){items{id couponCode enabled description}}}";
const CREATE: &str = "mutation($i:CreatePromotionInput!){createPromotion(input:$i){__typename ... on Promotion{id couponCode enabled description} ... on ErrorResult{errorCode}}}";
const SWITCH_OFF: &str = "mutation($i:UpdatePromotionInput!){updatePromotion(input:$i){__typename ... on ErrorResult{errorCode}}}";
const DELETE: &str = "mutation($id:ID!){deletePromotion(id:$id){result}}";

/// What stands before the order in a promotion's description.
const FOR_ORDER: &str = "WOM order:";

/// A promotion that one of our codes unlocks.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Promotion {
    id: String,
    coupon_code: Option<String>,
    pub(super) enabled: bool,
    #[serde(default)]
    description: String,
}

impl Promotion {
    /// The order that it was made for.
    pub(super) fn order(&self) -> Option<OrderId> {
        // The shop's editor makes paragraphs of descriptions.
        let text = self.description.trim();
        let text = text.strip_prefix("<p>").unwrap_or(text);
        let text = text.strip_suffix("</p>").unwrap_or(text);
        Some(OrderId(text.strip_prefix(FOR_ORDER)?.trim().to_owned()))
    }
}

/// The promotions with this code, the first one that was made first.
async fn all(api: &Api, code: &str) -> Result<Vec<Promotion>> {
    let found = api.call(FIND, json!({"c": code})).await?;
    let items = found.get("items").cloned().unwrap_or_default();
    let mut found: Vec<Promotion> = serde_json::from_value(items).map_err(|_| misunderstood())?;
    let ours = |it: &Promotion| {
        it.coupon_code
            .as_ref()
            .is_some_and(|it| it.eq_ignore_ascii_case(code))
    };
    found.retain(ours);
    // Ids are numbers or, if the shop says so, UUIDs; any fixed order serves those.
    found.sort_by(|one, other| (one.id.len(), &one.id).cmp(&(other.id.len(), &other.id)));
    Ok(found)
}

/// The promotion with this code. Of doubles, which would all give their discount, the first one stays.
pub(super) async fn find(api: &Api, code: &str) -> Result<Option<Promotion>> {
    let mut found = all(api, code).await?.into_iter();
    let first = found.next();
    for double in found {
        api.call(DELETE, json!({"id": double.id})).await?;
    }
    Ok(first)
}

/// Makes the promotion of a code for an order, and takes away what another process made meanwhile.
pub(super) async fn create(
    api: &Api,
    order: &OrderId,
    code: &str,
    discount: &Discount,
    label: &str,
    ends_at: Timestamp,
) -> Result<Promotion> {
    let input = json!({
        "enabled": true,
        "couponCode": code,
        "usageLimit": 1,
        "endsAt": ends_at.to_string(),
        "conditions": [],
        "actions": [action(discount)?],
        "translations": [{
            "languageCode": "en",
            "name": label,
            "description": format!("{FOR_ORDER}{}", order.0),
        }],
    });
    let made = api.ask(CREATE, json!({"i": input})).await?;
    made.said("the shop does not make the promotion")?;
    find(api, code).await?.ok_or_else(misunderstood)
}

/// Switches the code off, for good: it stays known, so that its key is not used again.
pub(super) async fn switch_off(api: &Api, code: &str) -> Result<()> {
    for promotion in all(api, code).await? {
        if promotion.enabled {
            let input = json!({"i": {"id": promotion.id, "enabled": false}});
            let answer = api.ask(SWITCH_OFF, input).await?;
            answer.said("the shop does not switch the promotion off")?;
        }
    }
    Ok(())
}

fn action(discount: &Discount) -> Result<Value> {
    let (code, value) = match discount {
        Discount::Amount(amount) if *amount > 0 => ("order_fixed_discount", amount.to_string()),
        Discount::BasisPoints(points @ 1..=10_000) => {
            let percent = format!("{}.{:02}", points / 100, points % 100);
            (
                "order_percentage_discount",
                percent
                    .trim_end_matches('0')
                    .trim_end_matches('.')
                    .to_owned(),
            )
        }
        _ => {
            return Err(
                Error::new(Kind::InputInvalid, "a discount that Vendure cannot give")
                    .hint("give an amount above 0, or 1 to 10000 hundredths of a percent"),
            );
        }
    };
    Ok(json!({"code": code, "arguments": [{"name": "discount", "value": value}]}))
}

fn misunderstood() -> Error {
    Error::new(
        Kind::OutcomeUnknown,
        "the shop tells promotions in a form that is not Vendure's",
    )
    .hint("the adapter is proven with Vendure 3.7")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_written_as_the_shop_reads_them() {
        for (points, text) in [(1_000, "10"), (1_050, "10.5"), (1, "0.01"), (10_000, "100")] {
            let made = action(&Discount::BasisPoints(points)).unwrap();
            assert_eq!(made["arguments"][0]["value"], text);
        }
        for wrong in [
            Discount::Amount(0),
            Discount::Amount(-1),
            Discount::BasisPoints(10_001),
        ] {
            assert_eq!(action(&wrong).unwrap_err().kind(), Kind::InputInvalid);
        }
    }
}
