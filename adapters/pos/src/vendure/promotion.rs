//! Promotions with a coupon code: found, made once, taken away.

use serde::Deserialize;
use serde_json::{Value, json};
use wom_sdk::{
    Error, Kind, Result, Timestamp,
    merchant::{Discount, OrderId},
};

use super::api::Api;

const FIND: &str = "query($c:String!){promotions(options:{filter:{couponCode:{eq:$c}},take:100}){items{id couponCode enabled description startsAt endsAt usageLimit actions{code args{name value}}}}}";
const CREATE: &str = "mutation($i:CreatePromotionInput!){createPromotion(input:$i){__typename ... on ErrorResult{errorCode}}}";
const DELETE: &str = "mutation($id:ID!){deletePromotion(id:$id){result}}";
const CHANNEL: &str = "{activeChannel{defaultLanguageCode pricesIncludeTax}}";

/// What stands before the order in a promotion's description, which is for staff.
const FOR_ORDER: &str = "order/";

/// The description of a promotion for a customer's next order.
const FRESH: &str = "fresh";

/// A promotion that one of our codes unlocks.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Promotion {
    id: String,
    coupon_code: Option<String>,
    pub(super) enabled: bool,
    #[serde(default)]
    description: String,
    starts_at: Option<String>,
    ends_at: Option<String>,
    usage_limit: Option<i64>,
    #[serde(default)]
    actions: Vec<Operation>,
}

#[derive(Clone, Debug, Deserialize)]
struct Operation {
    code: String,
    #[serde(default)]
    args: Vec<Argument>,
}

#[derive(Clone, Debug, Deserialize)]
struct Argument {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Channel {
    default_language_code: String,
    prices_include_tax: bool,
}

impl Promotion {
    /// The order that it was made for.
    pub(super) fn order(&self) -> Option<OrderId> {
        let order = self.purpose().strip_prefix(FOR_ORDER)?;
        (!order.is_empty()).then(|| OrderId(order.to_owned()))
    }

    /// Whether it was made for a customer's next order.
    pub(super) fn is_fresh(&self) -> bool {
        self.purpose() == FRESH
    }

    /// Whether it is off, or its time is over.
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        let ends = self.ends_at.as_deref().map(str::parse::<Timestamp>);
        !self.enabled || !ends.is_none_or(|ends| ends.is_ok_and(|ends| ends > now))
    }

    fn purpose(&self) -> &str {
        // The shop's editor makes paragraphs of descriptions.
        let text = self.description.trim();
        let text = text.strip_prefix("<p>").unwrap_or(text);
        let text = text.strip_suffix("</p>").unwrap_or(text);
        text.trim()
    }

    /// Whether it gives this once, and now: one that begins later or has ended gives nothing.
    pub(super) fn gives(&self, action: &Action, now: Timestamp) -> bool {
        let ends = self.ends_at.as_deref().map(str::parse::<Timestamp>);
        let [only] = self.actions.as_slice() else {
            return false;
        };
        let worth =
            |argument: &Argument| argument.name == "discount" && argument.value == action.value;
        only.code == action.code
            && only.args.iter().any(worth)
            && self.usage_limit == Some(1)
            && self.starts_at.is_none()
            && matches!(ends, Some(Ok(ends)) if ends > now)
    }
}

/// A discount as one of Vendure's actions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Action {
    code: &'static str,
    value: String,
}

impl Action {
    /// # Errors
    /// [`Kind::InputInvalid`] for a discount that Vendure cannot give.
    pub(super) fn of(discount: &Discount) -> Result<Self> {
        match discount {
            Discount::Amount(amount @ 1..=2_147_483_647) => Ok(Self {
                code: "order_fixed_discount",
                value: amount.to_string(),
            }),
            Discount::BasisPoints(points @ 1..=10_000) => {
                let percent = format!("{}.{:02}", points / 100, points % 100);
                let percent = percent.trim_end_matches('0').trim_end_matches('.');
                Ok(Self {
                    code: "order_percentage_discount",
                    value: percent.to_owned(),
                })
            }
            _ => Err(
                Error::new(Kind::InputInvalid, "a discount that Vendure cannot give").hint(
                    "give an amount of 1 to 2147483647, or 1 to 10000 hundredths of a percent",
                ),
            ),
        }
    }

    fn to_json(&self) -> Value {
        json!([{"code": self.code, "arguments": [{"name": "discount", "value": self.value}]}])
    }
}

/// The promotions with this code, the one that was made first before the others.
pub(super) async fn all(api: &Api, code: &str) -> Result<Vec<Promotion>> {
    let found = api.call(FIND, json!({"c": code})).await?;
    let items = found.get("items").cloned().unwrap_or_default();
    let mut found: Vec<Promotion> = serde_json::from_value(items).map_err(|_| misunderstood())?;
    let ours = |it: &Promotion| {
        it.coupon_code
            .as_ref()
            .is_some_and(|it| it.eq_ignore_ascii_case(code))
    };
    found.retain(ours);
    // Ids are numbers or, if the shop says so, UUIDs; any order that all see serves those.
    found.sort_by(|one, other| (one.id.len(), &one.id).cmp(&(other.id.len(), &other.id)));
    Ok(found)
}

/// Makes the promotion of a code for an order, or for a customer's next one, and takes away what another
/// process made meanwhile.
pub(super) async fn create(
    api: &Api,
    order: Option<&OrderId>,
    code: &str,
    action: &Action,
    label: &str,
    ends_at: Timestamp,
) -> Result<()> {
    let channel = api.call(CHANNEL, json!({})).await?;
    let channel: Channel = serde_json::from_value(channel).map_err(|_| misunderstood())?;
    if !channel.prices_include_tax && action.code == "order_fixed_discount" {
        return Err(Error::new(
            Kind::Unsupported,
            "the shop's prices are without tax, and so its discounts would be",
        )
        .hint("let the channel's prices include tax, or give a percentage"));
    }
    let purpose = match order {
        Some(order) => format!("{FOR_ORDER}{}", order.0),
        None => FRESH.to_owned(),
    };
    let input = json!({
        "enabled": true,
        "couponCode": code,
        "usageLimit": 1,
        "endsAt": ends_at.to_string(),
        "conditions": [],
        "actions": action.to_json(),
        "translations": [{
            "languageCode": channel.default_language_code,
            "name": label,
            "description": purpose,
        }],
    });
    let made = api.ask(CREATE, json!({"i": input})).await?;
    made.said("the shop does not make the promotion")?;
    for double in all(api, code).await?.iter().skip(1) {
        delete(api, double).await?;
    }
    Ok(())
}

/// Takes a promotion away. An order that was placed with it keeps its price.
pub(super) async fn delete(api: &Api, promotion: &Promotion) -> Result<()> {
    let gone = match api.call(DELETE, json!({"id": promotion.id})).await {
        Ok(gone) => gone,
        Err(error) => {
            // Somebody else may have been faster, which the shop calls a fault.
            let code = promotion.coupon_code.as_deref().unwrap_or_default();
            let left = all(api, code).await?;
            return match left.iter().any(|it| it.id == promotion.id) {
                true => Err(error),
                false => Ok(()),
            };
        }
    };
    match gone.get("result").and_then(Value::as_str) {
        Some("DELETED") => Ok(()),
        _ => Err(Error::new(
            Kind::Unsupported,
            "the shop does not take the promotion away",
        )
        .hint("take it away in the shop: its code begins with WOM-")),
    }
}

/// Takes away the promotions of a code, but for one that was made for another order since then, or for
/// a customer's next one.
pub(super) async fn withdraw(api: &Api, order: &OrderId, code: &str) -> Result<()> {
    for promotion in all(api, code).await? {
        let made_for = promotion.order();
        if !promotion.is_fresh() && made_for.is_none_or(|made_for| made_for == *order) {
            delete(api, &promotion).await?;
        }
    }
    Ok(())
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
            let made = Action::of(&Discount::BasisPoints(points)).unwrap();
            assert_eq!(made.value, text);
        }
        for wrong in [
            Discount::Amount(0),
            Discount::Amount(-1),
            Discount::Amount(i64::MAX),
            Discount::BasisPoints(0),
            Discount::BasisPoints(10_001),
        ] {
            assert_eq!(Action::of(&wrong).unwrap_err().kind(), Kind::InputInvalid);
        }
    }

    #[test]
    fn only_what_gives_the_same_now_is_kept() {
        let promotion = |change: Value| {
            let mut told = json!({
                "id": "1", "couponCode": "WOM-1", "enabled": true, "description": "<p>order/7</p>",
                "startsAt": null, "endsAt": "2026-01-02T00:00:00.000Z", "usageLimit": 1,
                "actions": [{"code": "order_fixed_discount", "args": [{"name": "discount", "value": "500"}]}],
            });
            for (name, value) in change.as_object().unwrap() {
                told[name] = value.clone();
            }
            serde_json::from_value::<Promotion>(told).unwrap()
        };
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let five = Action::of(&Discount::Amount(500)).unwrap();
        let good = promotion(json!({}));
        assert!(good.gives(&five, now));
        assert_eq!(good.order(), Some(OrderId("7".to_owned())));
        let six = Action::of(&Discount::Amount(600)).unwrap();
        assert!(!good.gives(&six, now));
        for change in [
            json!({"startsAt": "2026-01-01T12:00:00.000Z"}),
            json!({"endsAt": "2025-12-31T00:00:00.000Z"}),
            json!({"endsAt": null}),
            json!({"endsAt": "soon"}),
            json!({"usageLimit": null}),
            json!({"usageLimit": 2}),
            json!({"actions": []}),
        ] {
            assert!(!promotion(change.clone()).gives(&five, now), "{change}");
        }
        for unknown in ["", "order/", "somebody wrote here", "fresh"] {
            let promotion = promotion(json!({"description": unknown}));
            assert_eq!(promotion.order(), None);
            assert_eq!(promotion.is_fresh(), unknown == "fresh");
        }
    }
}
