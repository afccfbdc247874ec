//! Putting a discount onto an order, and taking it off.

use serde_json::json;
use wom_sdk::{
    Clock, Error, Kind, Result, Retry,
    merchant::{Applied, Discount, OrderId},
};

use super::{
    api::Api,
    code::Codes,
    locks::Locks,
    promotion::{Action, Made},
    reading::Way,
    wire::{Channel, List, ORDER, Promotion, ShopOrder},
};

const PROMOTIONS: &str = "query($code:String!){it:promotions(options:{take:100,filter:{couponCode:{eq:$code}}}){items{\
    id couponCode enabled description startsAt endsAt usageLimit actions{code args{name value}}}}}";
const CREATE: &str = "mutation($input:CreatePromotionInput!){it:createPromotion(input:$input){\
    __typename ... on ErrorResult{errorCode}}}";
const DELETE: &str = "mutation($id:ID!){it:deletePromotion(id:$id){result}}";
const CHANNEL: &str = "{it:activeChannel{defaultLanguageCode pricesIncludeTax}}";
const PUT_ON_DRAFT: &str = "mutation($id:ID!,$code:String!){it:applyCouponCodeToDraftOrder(orderId:$id,couponCode:$code){\
    __typename ... on ErrorResult{errorCode}}}";
const TAKE_OFF_DRAFT: &str = "mutation($id:ID!,$code:String!){it:removeCouponCodeFromDraftOrder(orderId:$id,couponCode:$code){__typename}}";
const MOVE: &str = "mutation($id:ID!,$state:String!){it:transitionOrderToState(id:$id,state:$state){\
    __typename ... on ErrorResult{errorCode}}}";
const MODIFY: &str = "mutation($input:ModifyOrderInput!){it:modifyOrder(input:$input){\
    __typename ... on ErrorResult{errorCode} ... on Order{totalWithTax}}}";

/// Where discounts are put on.
#[derive(Debug)]
pub(super) struct Till {
    pub(super) api: Api,
    pub(super) codes: Codes,
    pub(super) clock: std::sync::Arc<dyn Clock>,
    pub(super) change_paid: bool,
    pub(super) hours: u32,
    pub(super) text: String,
    pub(super) locks: Locks,
}

impl Till {
    /// # Errors
    /// [`Kind::InputInvalid`] if there is no such order.
    pub(super) async fn order(&self, id: &OrderId) -> Result<ShopOrder> {
        let unknown = || {
            Error::new(Kind::InputInvalid, "the shop has no such order")
                .with("field", "order")
                .hint("orders are named by their id, not by their code")
        };
        let is_id = (1..=64).contains(&id.0.len())
            && id
                .0
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !is_id {
            return Err(unknown());
        }
        let query = format!("query($id:ID!){{it:order(id:$id){{{ORDER}}}}}");
        let order: Option<ShopOrder> = self.api.query(&query, json!({"id": id.0})).await?;
        order.ok_or_else(unknown)
    }

    /// The order that a code was made for, if it shows the discount.
    pub(super) async fn find(&self, reference: &str) -> Result<Option<OrderId>> {
        let Ok(code) = self.codes.code(reference) else {
            return Ok(None);
        };
        for promotion in self.promotions(&code).await? {
            let Some(id) = promotion.order() else {
                continue;
            };
            if self.shows(&id, reference).await? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    pub(super) async fn apply(
        &self,
        id: &OrderId,
        discount: &Discount,
        key: &str,
    ) -> Result<Applied> {
        let code = self.codes.code(key)?;
        let action = Action::of(discount)?;
        // The key's lock first, everywhere.
        let _key = self.locks.hold(format!("code/{code}")).await;
        let _order = self.locks.hold(format!("order/{}", id.0)).await;
        let before = self.order(id).await?;
        let done = Applied::Applied {
            reference: key.to_ascii_lowercase(),
        };
        let way = before.way();
        let shown = before.reduction(key, &self.codes) > 0;
        if shown && before.state != "Modifying" && self.promotions(&code).await?.len() <= 1 {
            return Ok(done);
        }
        match way {
            Way::Closed => return Err(closed(&before)),
            Way::Paid if !self.change_paid => {
                return Err(closed(&before).hint("set change_paid to let paid orders be changed"));
            }
            _ => {}
        }
        let given = async {
            self.one_code(id, &code, &action).await?;
            match way {
                Way::Draft => self.put_on_draft(id, &before, &code).await?,
                Way::Paid => self.change_paid(id, &before, &code, shown).await?,
                Way::Cart | Way::Closed => return Ok(()),
            }
            Ok(())
        };
        let given: Result<()> = given.await;
        // Something may have been changed by now, so that only this key may be tried again.
        given.map_err(maybe_done)?;
        let after = self.order(id).await.map_err(maybe_done)?;
        let reduction = after.reduction(key, &self.codes);
        let most = match discount {
            Discount::Amount(amount) => *amount,
            _ => i64::MAX,
        };
        let lower = shown || after.total_with_tax < before.total_with_tax;
        if (1..=most).contains(&reduction) && lower {
            return Ok(done);
        }
        if way == Way::Cart {
            // The code is good, and waits for whoever types it in.
            return Ok(Applied::Manual);
        }
        if way == Way::Draft {
            self.take_off_draft(id, &code).await.map_err(maybe_done)?;
            self.withdraw(id, &code).await.map_err(maybe_done)?;
        }
        let error = Error::new(
            Kind::Unsupported,
            "Vendure took the code, and the order does not show what was agreed",
        )
        .with("asked", most)
        .with("shown", reduction)
        .hint("look at the order and at the shop's other promotions");
        Err(match way == Way::Draft && reduction > most {
            // Another process made a double at the same instant: it is off again, and the next try is good.
            true => error.with_retry(Retry::SameKey),
            false => error,
        })
    }

    pub(super) async fn revoke(&self, id: &OrderId, reference: &str) -> Result<()> {
        let code = self.codes.code(reference)?;
        let _key = self.locks.hold(format!("code/{code}")).await;
        let _order = self.locks.hold(format!("order/{}", id.0)).await;
        let order = self.order(id).await?;
        let shown = order.reduction(reference, &self.codes) > 0;
        match order.way() {
            Way::Paid | Way::Closed if shown => {
                return Err(Error::new(
                    Kind::Unsupported,
                    "the order was paid with the discount, which cannot be taken back then",
                )
                .hint("cancel or refund the order in the shop first"));
            }
            Way::Draft if order.lists(&code) => self.take_off_draft(id, &code).await?,
            _ => {}
        }
        self.withdraw(id, &code).await
    }

    async fn shows(&self, id: &OrderId, key: &str) -> Result<bool> {
        match self.order(id).await {
            Ok(order) => Ok(order.reduction(key, &self.codes) > 0),
            Err(error) if error.kind() == Kind::InputInvalid && error.retry() == Retry::Never => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    async fn promotions(&self, code: &str) -> Result<Vec<Promotion>> {
        let found: List<Promotion> = self.api.query(PROMOTIONS, json!({"code": code})).await?;
        let mut found = found.items;
        found.retain(|it| {
            it.coupon_code
                .as_deref()
                .is_some_and(|other| other.eq_ignore_ascii_case(code))
        });
        // The oldest first, as every process sees it.
        found.sort_by(|a, b| (a.id.len(), &a.id).cmp(&(b.id.len(), &b.id)));
        Ok(found)
    }

    /// Sees to it that there is one promotion with this code, for this order and with this discount.
    /// Vendure would make a second one of a repetition, and both would count.
    async fn one_code(&self, id: &OrderId, code: &str, action: &Action) -> Result<()> {
        let now = self.clock.now();
        let mut kept = false;
        for promotion in self.promotions(code).await? {
            let made_for = promotion.order();
            if let Some(other) = made_for.as_ref().filter(|other| *other != id)
                && let Some(key) = self.codes.reference(code)
                && self.shows(other, &key).await?
            {
                return Err(Error::new(
                    Kind::AlreadyPerformed,
                    "the discount with this key is on another order",
                ));
            }
            let fits = made_for.as_ref() == Some(id) && promotion.gives(action, now);
            match fits && !kept {
                true => kept = true,
                false => self.delete(&promotion).await?,
            }
        }
        if kept {
            return Ok(());
        }
        let channel: Channel = self.api.query(CHANNEL, json!({})).await?;
        if !channel.prices_include_tax {
            return Err(Error::new(
                Kind::Unsupported,
                "the shop's prices are without tax, and so its discounts would be too",
            )
            .hint("let the channel's prices include tax"));
        }
        let made = Made {
            code,
            order: id,
            action,
            ends: now.plus_millis(i64::from(self.hours) * 60 * wom_sdk::MINUTE_MS),
            language: &channel.default_language_code,
            text: &self.text,
        };
        self.api
            .change(CREATE, json!({"input": made.to_json()}))
            .await?;
        // Another process may have done the same meanwhile: both keep the older one.
        for promotion in self.promotions(code).await?.iter().skip(1) {
            self.delete(promotion).await?;
        }
        Ok(())
    }

    async fn put_on_draft(&self, id: &OrderId, order: &ShopOrder, code: &str) -> Result<()> {
        if order.lists(code) {
            // It lists a code that gave nothing, or what was cleared up: its price is worked out anew.
            self.take_off_draft(id, code).await?;
        }
        let variables = json!({"id": id.0, "code": code});
        self.api.change(PUT_ON_DRAFT, variables).await?;
        Ok(())
    }

    async fn take_off_draft(&self, id: &OrderId, code: &str) -> Result<()> {
        let variables = json!({"id": id.0, "code": code});
        self.api.change(TAKE_OFF_DRAFT, variables).await?;
        Ok(())
    }

    /// Modifies a paid order and brings it back to where it was, also one that an earlier try left in
    /// between.
    async fn change_paid(
        &self,
        id: &OrderId,
        order: &ShopOrder,
        code: &str,
        shown: bool,
    ) -> Result<()> {
        let back = match order.state.as_str() {
            "Modifying" => order.before_modifying().unwrap_or("PaymentSettled"),
            state => state,
        };
        if order.state != "Modifying" {
            if !order.next_states.iter().any(|state| state == "Modifying") {
                return Err(closed(order));
            }
            self.go(id, "Modifying").await?;
        }
        let modified = match shown {
            true => Ok(()),
            false => self.modify(id, order, code).await,
        };
        self.go(id, back).await?;
        modified
    }

    /// Tries it without effect first, so that nothing is paid back for nothing.
    async fn modify(&self, id: &OrderId, order: &ShopOrder, code: &str) -> Result<()> {
        let nothing = || {
            Error::new(
                Kind::Unsupported,
                "the order was paid, and the discount would change nothing or cannot be paid back",
            )
            .hint("look at the order's payments, and refund it by hand")
        };
        let payment = order.refundable().ok_or_else(nothing)?;
        let mut codes = order.coupon_codes.clone();
        if !order.lists(code) {
            codes.push(code.to_owned());
        }
        let input = |dry: bool| {
            let refund = json!({"paymentId": payment.id, "reason": self.text});
            json!({"input": {"dryRun": dry, "orderId": id.0, "couponCodes": codes, "refund": refund}})
        };
        let tried = self.api.change(MODIFY, input(true)).await?;
        let total = tried.total_with_tax.ok_or_else(nothing)?;
        if total >= order.total_with_tax {
            return Err(nothing());
        }
        self.api.change(MODIFY, input(false)).await?;
        Ok(())
    }

    async fn go(&self, id: &OrderId, state: &str) -> Result<()> {
        let variables = json!({"id": id.0, "state": state});
        self.api.change(MOVE, variables).await?;
        Ok(())
    }

    /// Takes the code back, as that of a cancelled order can be used again. One that was made for another
    /// order since then stays.
    async fn withdraw(&self, id: &OrderId, code: &str) -> Result<()> {
        for promotion in self.promotions(code).await? {
            if promotion.order().is_none_or(|order| order == *id) {
                self.delete(&promotion).await?;
            }
        }
        Ok(())
    }

    async fn delete(&self, promotion: &Promotion) -> Result<()> {
        self.api.change(DELETE, json!({"id": promotion.id})).await?;
        Ok(())
    }
}

fn closed(order: &ShopOrder) -> Error {
    let state =
        match order.state.len() <= 40 && order.state.bytes().all(|it| it.is_ascii_alphabetic()) {
            true => order.state.as_str(),
            false => "another",
        };
    Error::new(
        Kind::Unsupported,
        "the order is in a state in which no discount can be put on it",
    )
    .with("state", state)
}

fn maybe_done(error: Error) -> Error {
    match error.retry() {
        Retry::Safe => error.with_retry(Retry::SameKey),
        _ => error,
    }
}
