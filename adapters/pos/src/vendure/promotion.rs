//! The promotion behind a code: what is agreed, as Vendure keeps it.

use serde_json::{Value, json};
use wom_sdk::{
    Error, Kind, Result, Timestamp,
    merchant::{Discount, OrderId},
};

use super::wire::Promotion;

/// A discount as one of Vendure's actions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Action {
    code: &'static str,
    value: String,
}

impl Action {
    /// # Errors
    /// [`Kind::InputInvalid`] for a discount of nothing, or of more than everything.
    pub(super) fn of(discount: &Discount) -> Result<Self> {
        match discount {
            Discount::Amount(amount @ 1..=2_147_483_647) => Ok(Self {
                code: "order_fixed_discount",
                value: amount.to_string(),
            }),
            Discount::BasisPoints(points @ 1..=10_000) => Ok(Self {
                code: "order_percentage_discount",
                value: match points % 100 {
                    0 => (points / 100).to_string(),
                    rest => {
                        let text = format!("{}.{rest:02}", points / 100);
                        text.trim_end_matches('0').to_owned()
                    }
                },
            }),
            Discount::Amount(_) | Discount::BasisPoints(_) => Err(Error::new(
                Kind::InputInvalid,
                "a discount is 1 to 2147483647 in the smallest unit, or 1 to 10000 basis points",
            )
            .with("field", "discount")),
            _ => Err(Error::new(
                Kind::Unsupported,
                "Vendure has no action for this kind of discount",
            )),
        }
    }

    fn to_json(&self) -> Value {
        json!([{"code": self.code, "arguments": [{"name": "discount", "value": self.value}]}])
    }
}

/// What a new promotion is made of.
pub(super) struct Made<'a> {
    pub(super) code: &'a str,
    pub(super) order: &'a OrderId,
    pub(super) action: &'a Action,
    pub(super) ends: Timestamp,
    pub(super) language: &'a str,
    pub(super) text: &'a str,
}

impl Made<'_> {
    /// The input of `createPromotion`. The description, which only staff sees, says for which order it is.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "enabled": true,
            "couponCode": self.code,
            "usageLimit": 1,
            "endsAt": self.ends.to_string(),
            "conditions": [],
            "actions": self.action.to_json(),
            "translations": [{
                "languageCode": self.language,
                "name": self.text,
                "description": format!("order/{}", self.order.0),
            }],
        })
    }
}

impl Promotion {
    /// The order that it was made for.
    pub(super) fn order(&self) -> Option<OrderId> {
        // Staff may edit it, in an editor that adds markup.
        let text = self.description.trim();
        let text = text.strip_prefix("<p>").unwrap_or(text);
        let text = text.strip_suffix("</p>").unwrap_or(text);
        let id = text.trim().strip_prefix("order/")?;
        (!id.is_empty()).then(|| OrderId(id.to_owned()))
    }

    /// Whether it gives this, once, and now.
    pub(super) fn gives(&self, action: &Action, now: Timestamp) -> bool {
        let ends = self.ends_at.as_deref().map(str::parse::<Timestamp>);
        let gives = match self.actions.as_slice() {
            [it] => {
                it.code == action.code
                    && it.args.iter().any(|argument| {
                        argument.name == "discount" && argument.value == action.value
                    })
            }
            _ => false,
        };
        gives
            && self.enabled
            && self.usage_limit == Some(1)
            && self.starts_at.is_none()
            && ends.is_some_and(|ends| ends.is_ok_and(|ends| ends > now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discount_is_written_as_vendure_reads_it() {
        for (discount, code, value) in [
            (Discount::Amount(500), "order_fixed_discount", "500"),
            (
                Discount::BasisPoints(1000),
                "order_percentage_discount",
                "10",
            ),
            (
                Discount::BasisPoints(1050),
                "order_percentage_discount",
                "10.5",
            ),
            (
                Discount::BasisPoints(5),
                "order_percentage_discount",
                "0.05",
            ),
            (
                Discount::BasisPoints(10_000),
                "order_percentage_discount",
                "100",
            ),
        ] {
            let action = Action::of(&discount).unwrap();
            assert_eq!((action.code, action.value.as_str()), (code, value));
        }
        for wrong in [
            Discount::Amount(0),
            Discount::Amount(-5),
            Discount::Amount(i64::MAX),
            Discount::BasisPoints(0),
            Discount::BasisPoints(10_001),
        ] {
            assert_eq!(Action::of(&wrong).unwrap_err().kind(), Kind::InputInvalid);
        }
    }
}
