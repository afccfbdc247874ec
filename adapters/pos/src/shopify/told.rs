//! What is bought, as the Admin API tells it: a draft, an order, or the order that a draft became.
//! Nothing of the customer is asked for.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use wom_sdk::{
    Error, Kind, Result,
    merchant::{Order, OrderId, OrderLine, OrderState},
};

use crate::{code::reference, money};

/// Our entries among an order's attributes: the code, and the draft that the order comes from.
pub(super) const CODE: &str = "wom_discount";
pub(super) const DRAFT: &str = "wom_draft";

/// A draft or an order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Told {
    pub(super) id: String,
    updated_at: String,
    taxes_included: bool,
    #[serde(alias = "currentTotalPriceSet")]
    total_price_set: Bag,
    total_discounts_set: Option<Bag>,
    total_shipping_price_set: Bag,
    total_tax_set: Option<Bag>,
    pub(super) line_items: Lines,
    #[serde(default)]
    custom_attributes: Marks,
    /// Of a draft: `OPEN`, `INVOICE_SENT` or `COMPLETED`.
    status: Option<String>,
    applied_discount: Option<Applied>,
    allow_discount_codes_in_checkout: Option<bool>,
    ready: Option<bool>,
    #[serde(default)]
    platform_discounts: Vec<Platform>,
    /// The order that a draft became.
    pub(super) order: Option<Box<Self>>,
    cancelled_at: Option<String>,
    display_financial_status: Option<String>,
    discount_applications: Option<Applications>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bag {
    shop_money: Money,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Money {
    amount: String,
    currency_code: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lines {
    pub(super) nodes: Vec<Line>,
    pub(super) page_info: Page,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    pub(super) has_next_page: bool,
    pub(super) end_cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    title: String,
    quantity: i64,
    original_total_set: Bag,
    #[serde(default)]
    discount_allocations: Vec<Allocation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Allocation {
    allocated_amount_set: Bag,
    discount_application: Index,
}

#[derive(Deserialize)]
struct Index {
    index: i64,
}

#[derive(Deserialize)]
struct Applications {
    nodes: Vec<Application>,
}

#[derive(Deserialize)]
struct Application {
    index: i64,
    code: Option<String>,
    title: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Applied {
    title: Option<String>,
    description: Option<String>,
    amount_set: Bag,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Platform {
    code: Option<String>,
    total_amount_price_set: Bag,
}

/// Our own attributes; those of others, which may be a customer's, are not kept.
#[derive(Default)]
pub(super) struct Marks {
    pub(super) code: Option<String>,
    pub(super) draft: Option<String>,
}

impl<'de> Deserialize<'de> for Marks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Attribute {
            #[serde(alias = "name")]
            key: String,
            #[serde(default)]
            value: Value,
        }
        let attributes = Option::<Vec<Attribute>>::deserialize(deserializer)?;
        let mut marks = Self::default();
        for Attribute { key, value } in attributes.unwrap_or_default() {
            match (key.as_str(), value) {
                (CODE, Value::String(code)) => marks.code = Some(code),
                (DRAFT, Value::String(draft)) => marks.draft = Some(draft),
                _ => {}
            }
        }
        Ok(marks)
    }
}

impl Told {
    /// The draft or order in an answer; `None` if there is none.
    ///
    /// # Errors
    /// [`Kind::OutcomeUnknown`] if it is not of Shopify's form.
    pub(super) fn of(answer: Value) -> Result<Option<Self>> {
        if answer.is_null() {
            return Ok(None);
        }
        Self::deserialize(answer).map(Some).map_err(|_| {
            Error::new(
                Kind::OutcomeUnknown,
                "the shop tells an order in a form that is not Shopify's",
            )
            .hint("the adapter is made for version 2026-10 of the Admin API")
        })
    }

    /// What counts: the order that a draft became, or itself.
    fn counts(&self) -> &Self {
        self.order.as_deref().unwrap_or(self)
    }

    pub(super) fn is_draft(&self) -> bool {
        self.status.is_some()
    }

    pub(super) fn status(&self) -> &str {
        self.status.as_deref().unwrap_or_default()
    }

    pub(super) fn takes_codes(&self) -> bool {
        self.allow_discount_codes_in_checkout == Some(true)
    }

    /// Whether the shop has worked the totals out; it may take its time.
    pub(super) fn is_ready(&self) -> bool {
        self.ready != Some(false)
    }

    pub(super) fn currency(&self) -> &str {
        &self.total_price_set.shop_money.currency_code
    }

    /// Our marks on it.
    pub(super) fn marks(&self) -> &Marks {
        &self.custom_attributes
    }

    /// Whether staff has given a discount on the draft as a whole. There can be one only.
    pub(super) fn has_discount_of_others(&self, code: &str) -> bool {
        let ours = |it: &Applied| {
            it.description
                .as_deref()
                .is_some_and(|it| it.eq_ignore_ascii_case(code))
        };
        self.applied_discount.as_ref().is_some_and(|it| !ours(it))
    }

    /// How much less is paid because of this code: 0 if it only stands in the list.
    pub(super) fn discounted_by(&self, code: &str) -> Result<i64> {
        let discounts = self.discounts()?;
        let ours = discounts
            .iter()
            .filter(|(of, _)| of.eq_ignore_ascii_case(code));
        Ok(ours.fold(0, |sum, (_, amount)| sum.saturating_add(*amount)))
    }

    /// The amounts of the discounts that codes of ours gave.
    fn discounts(&self) -> Result<Vec<(String, i64)>> {
        match &self.order {
            Some(order) => order.of_order(self.applied_discount.as_ref()),
            None if self.is_draft() => self.of_draft(),
            None => self.of_order(None),
        }
    }

    fn of_draft(&self) -> Result<Vec<(String, i64)>> {
        let applied = self.applied_discount.iter();
        let applied = applied.map(|it| (&it.description, &it.amount_set));
        let platform = self.platform_discounts.iter();
        let platform = platform.map(|it| (&it.code, &it.total_amount_price_set));
        let ours = applied.chain(platform).filter_map(|(code, bag)| {
            let code = code.as_ref().filter(|code| reference(code).is_some())?;
            Some((code.clone(), bag))
        });
        ours.map(|(code, bag)| Ok((code, bag.units()?))).collect()
    }

    /// What each took off the lines. A draft's own discount goes along with its title and description;
    /// where only the title does, `set` tells whose it is.
    fn of_order(&self, set: Option<&Applied>) -> Result<Vec<(String, i64)>> {
        let set_code = set.and_then(|set| set.description.as_ref());
        let mut found = Vec::new();
        let applications = self.discount_applications.iter();
        for application in applications.flat_map(|it| &it.nodes) {
            let is_set = application.title.is_some()
                && application.title == set.and_then(|set| set.title.clone());
            let names = [&application.code, &application.description];
            let mut names = names
                .into_iter()
                .flatten()
                .chain(set_code.filter(|_| is_set));
            let Some(code) = names.find(|name| reference(name).is_some()) else {
                continue;
            };
            let lines = self.line_items.nodes.iter();
            let allocations = lines.flat_map(|line| &line.discount_allocations);
            let ours = allocations.filter(|it| it.discount_application.index == application.index);
            let amount = ours
                .map(|it| it.allocated_amount_set.units())
                .try_fold(0_i64, |sum, amount| amount.map(|it| sum.saturating_add(it)))?;
            found.push((code.clone(), amount));
        }
        Ok(found)
    }

    pub(super) fn what_became(&self) -> OrderState {
        let told = self.counts();
        if told.cancelled_at.is_some() {
            return OrderState::Cancelled;
        }
        match (
            told.status.as_deref(),
            told.display_financial_status.as_deref(),
        ) {
            (Some("OPEN" | "INVOICE_SENT"), _) => OrderState::Open,
            (_, Some("PAID" | "PARTIALLY_REFUNDED")) => OrderState::Paid,
            (_, Some("REFUNDED")) => OrderState::Refunded,
            // Placed: it waits for money, and can no longer be changed.
            _ => OrderState::Closed,
        }
    }

    /// In the words of the SDK, under this name. A cancelled order keeps its lines and total in the
    /// shop, yet nothing is to be paid for it; nor for one that was given back.
    pub(super) fn into_order(self, id: OrderId) -> Result<Order> {
        let state = self.what_became();
        let told = self.counts();
        let total = told.total_price_set.units()?;
        let currency = told.currency().to_owned();
        // Times are told in whole seconds: two changes within one differ by what they change.
        let version = format!("{} {state:?} {total}", told.updated_at);
        if matches!(state, OrderState::Cancelled | OrderState::Refunded) {
            return Ok(Order {
                id,
                version,
                lines: Vec::new(),
                total: 0,
                currency,
                open: false,
            });
        }
        let mut lines = Vec::new();
        let mut add = |text: String, amount: i64, reference: Option<String>| {
            if amount != 0 {
                lines.push(OrderLine {
                    text,
                    amount,
                    reference,
                });
            }
        };
        for line in &told.line_items.nodes {
            let text = format!("{} × {}", line.quantity, line.title);
            add(text, line.original_total_set.units()?, None);
        }
        let shipping = told.total_shipping_price_set.units()?;
        add("Shipping".to_owned(), shipping, None);
        if let Some(tax) = told.total_tax_set.as_ref().filter(|_| !told.taxes_included) {
            add("Tax".to_owned(), tax.units()?, None);
        }
        let mut others = match &told.total_discounts_set {
            Some(all) => all.units()?,
            None => 0,
        };
        for (code, amount) in self.discounts()? {
            others = others.saturating_sub(amount);
            let known = reference(&code);
            add(code, -amount, known);
        }
        add("Discounts".to_owned(), -others.max(0), None);
        Ok(Order {
            id,
            version,
            lines,
            total,
            currency,
            open: state == OrderState::Open,
        })
    }
}

impl Bag {
    fn units(&self) -> Result<i64> {
        money::parse(&self.shop_money.amount, &self.shop_money.currency_code)
    }
}
