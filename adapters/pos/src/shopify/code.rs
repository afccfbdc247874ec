//! Discount codes: found, made once, switched off.

use serde::Deserialize;
use serde_json::{Value, json};
use wom_sdk::{Error, Kind, Result, Timestamp, merchant::Discount};

use super::{api::Api, id::Id};
use crate::money;

const FIND: &str = "query($c:String!){codeDiscountNodeByCode(code:$c){id codeDiscount{__typename ... on DiscountCodeBasic{title status}}}}";
const CREATE: &str = "mutation($i:DiscountCodeBasicInput!){discountCodeBasicCreate(basicCodeDiscount:$i){codeDiscountNode{id} userErrors{code field}}}";
const CURRENCY: &str = "query{shop{currencyCode}}";
const DEACTIVATE: &str = "mutation($id:ID!){discountCodeDeactivate(id:$id){codeDiscountNode{id} userErrors{code field}}}";

/// The last word of the title of a code for a customer's next order.
const FRESH: &str = "fresh";

/// The longest title that the shop takes.
const TITLE: usize = 255;

/// A discount that one code of ours unlocks.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Node {
    id: String,
    code_discount: Basic,
}

#[derive(Deserialize)]
struct Basic {
    #[serde(default)]
    title: String,
    status: Option<String>,
}

impl Node {
    /// The draft that it was made for, as its title says; `None` if it is not ours.
    pub(super) fn draft(&self) -> Option<Id> {
        let number = self.code_discount.title.rsplit(' ').next()?;
        number.strip_prefix('D')?.parse().ok().map(Id::Draft)
    }

    /// Whether it was made for a customer's next order.
    pub(super) fn is_fresh(&self) -> bool {
        self.code_discount.title.rsplit(' ').next() == Some(FRESH)
    }

    /// Whether it can be used, now or later: it has not ended, and was not switched off.
    pub(super) fn lives(&self) -> bool {
        matches!(
            self.code_discount.status.as_deref(),
            Some("ACTIVE" | "SCHEDULED")
        )
    }
}

/// The discount with this code. The shop keeps a code once, whatever its case.
pub(super) async fn find(api: &Api, code: &str) -> Result<Option<Node>> {
    read(api.call(FIND, json!({"c": code})).await?)
}

pub(super) fn read(answer: Value) -> Result<Option<Node>> {
    if answer.is_null() {
        return Ok(None);
    }
    Node::deserialize(answer)
        .map(Some)
        .map_err(|_| misunderstood())
}

/// What a code is made from.
pub(super) struct Recipe<'a> {
    /// `None`: it is for a customer's next order.
    pub(super) draft: Option<u64>,
    pub(super) code: &'a str,
    pub(super) discount: &'a Discount,
    pub(super) currency: &'a str,
    pub(super) label: &'a str,
    pub(super) combines: bool,
    pub(super) starts_at: Timestamp,
    pub(super) ends_at: Timestamp,
}

/// Makes the code, unless somebody has made it meanwhile. It is looked for afterwards whatever the
/// answer is: the shop is known to make a code and to answer with an error.
pub(super) async fn create(api: &Api, recipe: &Recipe<'_>) -> Result<Node> {
    let value = match recipe.discount {
        Discount::Amount(amount) if *amount > 0 => {
            let amount = money::write(*amount, recipe.currency)?;
            json!({"discountAmount": {"amount": amount, "appliesOnEachItem": false}})
        }
        Discount::BasisPoints(points @ 1..=10_000) => {
            json!({"percentage": f64::from(*points) / 10_000.0})
        }
        _ => return Err(cannot_be()),
    };
    let mut title: String = recipe.label.chars().take(TITLE - 24).collect();
    match recipe.draft {
        Some(draft) => title.push_str(&format!(" D{draft}")),
        None => title.push_str(&format!(" {FRESH}")),
    }
    let combines = recipe.combines;
    let input = json!({
        "title": title,
        "code": recipe.code,
        "startsAt": recipe.starts_at.to_string(),
        "endsAt": recipe.ends_at.to_string(),
        "usageLimit": 1,
        "appliesOncePerCustomer": false,
        "context": {"all": "ALL"},
        "customerGets": {"value": value, "items": {"all": true}},
        "combinesWith": {"orderDiscounts": combines, "productDiscounts": combines, "shippingDiscounts": combines},
    });
    let (_, refused) = api.ask(CREATE, json!({"i": input})).await?;
    match (find(api, recipe.code).await?, refused) {
        (Some(node), _) => Ok(node),
        (None, None) => Err(misunderstood()),
        (None, Some(why)) if why == "INTERNAL_ERROR" => Err(Error::new(
            Kind::OutcomeUnknown,
            "the shop failed while it made the code",
        )
        .with("code", why)),
        (None, Some(why)) => {
            Err(Error::new(Kind::InputInvalid, "the shop does not make the code").with("code", why))
        }
    }
}

/// The currency of the shop, in which its codes are.
pub(super) async fn currency(api: &Api) -> Result<String> {
    let shop = api.call(CURRENCY, json!({})).await?;
    let code = shop.get("currencyCode").and_then(Value::as_str);
    code.map(str::to_owned).ok_or_else(misunderstood)
}

/// Switches the code off for good: it stays known, so that its key is not used again.
pub(super) async fn switch_off(api: &Api, node: &Node) -> Result<()> {
    if !node.lives() {
        return Ok(());
    }
    match api.ask(DEACTIVATE, json!({"id": node.id})).await?.1 {
        None => Ok(()),
        Some(why) => Err(
            Error::new(Kind::InputInvalid, "the shop does not switch the code off")
                .with("code", why),
        ),
    }
}

pub(super) fn cannot_be() -> Error {
    Error::new(Kind::InputInvalid, "a discount that Shopify cannot give")
        .hint("give an amount above 0, or 1 to 10000 hundredths of a percent")
}

fn misunderstood() -> Error {
    Error::new(
        Kind::OutcomeUnknown,
        "the shop tells a code in a form that is not Shopify's",
    )
    .hint("the adapter is made for version 2026-10 of the Admin API")
}
