//! A discount on a draft of staff's: set on it as a whole, so that setting it twice is setting it once.

use serde_json::{Value, json};
use wom_sdk::{Error, Kind, Result, Retry, merchant::Discount};

use super::{
    api::Api,
    code::cannot_be,
    id::Id,
    tell::draft_fields,
    told::{CODE, DRAFT, Told},
};
use crate::money;

const KEPT: &str = "query($id:ID!){draftOrder(id:$id){tags customAttributes{key value}}}";
const FIND: &str = "query($q:String!){draftOrders(first:10,query:$q){nodes{id}}}";

/// Sets the discount, our marks and the tag by which it is found, and sees it there.
pub(super) async fn put(
    api: &Api,
    told: &Told,
    id: Id,
    code: &str,
    discount: &Discount,
    label: &str,
) -> Result<()> {
    let mut applied = json!({"title": label, "description": code});
    match discount {
        Discount::Amount(amount) if *amount > 0 => {
            let text = money::write(*amount, told.currency())?;
            // The field is a float; it is told as the decimal that it stands for.
            applied["value"] = serde_json::from_str(&text).unwrap_or_default();
            applied["valueType"] = "FIXED_AMOUNT".into();
            applied["amountWithCurrency"] =
                json!({"amount": text, "currencyCode": told.currency()});
        }
        Discount::BasisPoints(points @ 1..=10_000) => {
            applied["value"] = (f64::from(*points) / 100.0).into();
            applied["valueType"] = "PERCENTAGE".into();
        }
        _ => return Err(cannot_be()),
    }
    // Both lists are set as a whole: what others put there goes back as it is, and is not looked at.
    let mut kept = api.call(KEPT, json!({"id": id.gid()})).await?;
    let mut list = |name: &str| match kept.get_mut(name).map(Value::take) {
        Some(Value::Array(list)) => list,
        _ => Vec::new(),
    };
    let mut attributes = list("customAttributes");
    attributes.retain(|it| it["key"] != CODE && it["key"] != DRAFT);
    attributes.push(json!({"key": CODE, "value": code}));
    attributes.push(json!({"key": DRAFT, "value": id.gid()}));
    let mut tags = list("tags");
    tags.retain(|tag| tag != code);
    tags.push(code.into());
    let input = json!({"appliedDiscount": applied, "customAttributes": attributes, "tags": tags});
    let told = update(api, id, input).await?;
    match told.discounted_by(code)? {
        0 if !told.is_ready() => Err(Error::new(
            Kind::OutcomeUnknown,
            "the shop is still working the draft out",
        )
        .with_retry(Retry::SameKey)),
        0 => Err(Error::new(
            Kind::InputInvalid,
            "the shop took the discount, but gives nothing for it",
        )
        .hint("look at the draft's total; nothing was given")),
        _ => Ok(()),
    }
}

/// Takes the discount off; our marks stay, so that its key is not used again.
pub(super) async fn remove(api: &Api, id: Id) -> Result<()> {
    let input = json!({"appliedDiscount": null});
    update(api, id, input).await.map(drop)
}

/// The drafts with this code as a tag. The shop's index may lag behind.
pub(super) async fn tagged(api: &Api, code: &str) -> Result<Vec<Id>> {
    let answer = api
        .call(FIND, json!({"q": format!("tag:'{code}'")}))
        .await?;
    let nodes = answer.get("nodes").and_then(Value::as_array);
    let nodes = nodes.map_or(&[][..], Vec::as_slice);
    let ids = nodes.iter().filter_map(|node| node.get("id")?.as_str());
    Ok(ids.filter_map(Id::parse).collect())
}

async fn update(api: &Api, id: Id, input: Value) -> Result<Told> {
    let query = format!(
        "mutation($id:ID!,$i:DraftOrderInput!){{draftOrderUpdate(id:$id,input:$i){{draftOrder{{{}}} userErrors{{field}}}}}}",
        draft_fields()
    );
    let (mut answer, refused) = api.ask(&query, json!({"id": id.gid(), "i": input})).await?;
    if let Some(why) = refused {
        return Err(
            Error::new(Kind::InputInvalid, "the shop does not change the draft").with("field", why),
        );
    }
    let draft = answer.get_mut("draftOrder").map(Value::take);
    Told::of(draft.unwrap_or_default())?.ok_or_else(|| {
        Error::new(
            Kind::OutcomeUnknown,
            "the shop tells no draft after it changed one",
        )
    })
}
