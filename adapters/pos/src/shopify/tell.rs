//! How a draft or an order is asked for: with all of its lines, and nothing of the customer.

use serde::Deserialize as _;
use serde_json::{Value, json};
use wom_sdk::{Error, Kind, Result};

use super::{
    api::Api,
    id::Id,
    told::{Lines, Told},
};

/// How many lines are asked for at once, and how often: an order has at most 500.
const LINES: usize = 50;
const PAGES: usize = 20;

const MONEY: &str = "shopMoney{amount currencyCode}";

/// What is asked for of every line.
fn lines(of_order: bool) -> String {
    let allocations = match of_order {
        true => {
            format!(
                "discountAllocations{{allocatedAmountSet{{{MONEY}}} discountApplication{{index}}}}"
            )
        }
        false => String::new(),
    };
    format!(
        "nodes{{title quantity originalTotalSet{{{MONEY}}} {allocations}}} pageInfo{{hasNextPage endCursor}}"
    )
}

fn order_fields() -> String {
    format!(
        "id updatedAt taxesIncluded cancelledAt displayFinancialStatus currentTotalPriceSet{{{MONEY}}} totalDiscountsSet{{{MONEY}}} totalShippingPriceSet{{{MONEY}}} totalTaxSet{{{MONEY}}} customAttributes{{key value}} discountApplications(first:20){{nodes{{index ... on DiscountCodeApplication{{code}} ... on ManualDiscountApplication{{title description}}}}}} lineItems(first:{LINES}){{{}}}",
        lines(true)
    )
}

pub(super) fn draft_fields() -> String {
    format!(
        "id updatedAt status ready taxesIncluded allowDiscountCodesInCheckout totalPriceSet{{{MONEY}}} totalDiscountsSet{{{MONEY}}} totalShippingPriceSet{{{MONEY}}} totalTaxSet{{{MONEY}}} customAttributes{{key value}} appliedDiscount{{title description amountSet{{{MONEY}}}}} platformDiscounts{{code totalAmountPriceSet{{{MONEY}}}}} lineItems(first:{LINES}){{{}}} order{{{}}}",
        lines(false),
        order_fields()
    )
}

/// The draft or order, with all of its lines; `None` if there is none.
pub(super) async fn tell(api: &Api, id: Id) -> Result<Option<Told>> {
    let query = match id {
        Id::Draft(_) => format!("query($id:ID!){{draftOrder(id:$id){{{}}}}}", draft_fields()),
        Id::Order(_) => format!("query($id:ID!){{order(id:$id){{{}}}}}", order_fields()),
    };
    let answer = api.call(&query, json!({"id": id.gid()})).await?;
    let Some(mut told) = Told::of(answer)? else {
        return Ok(None);
    };
    turn_pages(api, &mut told, matches!(id, Id::Order(_))).await?;
    if let Some(order) = &mut told.order {
        turn_pages(api, order, true).await?;
    }
    Ok(Some(told))
}

async fn turn_pages(api: &Api, told: &mut Told, of_order: bool) -> Result<()> {
    let field = if of_order { "order" } else { "draftOrder" };
    let query = format!(
        "query($id:ID!,$a:String){{{field}(id:$id){{lineItems(first:{LINES},after:$a){{{}}}}}}}",
        lines(of_order)
    );
    for _ in 0..PAGES {
        let page = &told.line_items.page_info;
        let Some(after) = page.end_cursor.as_ref().filter(|_| page.has_next_page) else {
            return Ok(());
        };
        let variables = json!({"id": told.id, "a": after});
        let mut answer = api.call(&query, variables).await?;
        let next = answer.get_mut("lineItems").map(Value::take);
        let next = Lines::deserialize(next.unwrap_or_default()).map_err(|_| {
            Error::new(
                Kind::OutcomeUnknown,
                "the shop tells lines in a form that is not Shopify's",
            )
        })?;
        told.line_items.nodes.extend(next.nodes);
        told.line_items.page_info = next.page_info;
    }
    Err(Error::new(
        Kind::LimitExceeded,
        "the order has more lines than any should",
    )
    .with("limit", LINES * PAGES))
}
