//! How a discount gets to what is still a draft: by staff's path or by the shopper's.

use wom_sdk::{
    Error, Kind, Result,
    merchant::{Applied, Discount},
};

use crate::{
    answer::{is_over, unclear, used_for_an_order},
    code::applied,
};

use super::{
    Shopify, closed,
    code::{self, Recipe},
    draft,
    id::Id,
    taken_back, tell,
    told::Told,
    used_for_another,
};

impl Shopify {
    /// Where this code gives a discount, in the whole shop.
    pub(super) async fn find_code(&self, code: &str) -> Result<Option<Id>> {
        let node = code::find(&self.api, code).await?;
        let of_code = node.and_then(|node| node.draft());
        let tagged = draft::tagged(&self.api, code).await?;
        for id in of_code.into_iter().chain(tagged) {
            if self.shows(id, code).await? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    pub(super) async fn shows(&self, id: Id, code: &str) -> Result<bool> {
        match tell::tell(&self.api, id).await? {
            Some(told) => Ok(told.discounted_by(code)? > 0),
            None => Ok(false),
        }
    }

    /// The code of a customer's next order: found, or made in the shop's own currency.
    pub(super) async fn fresh(&self, discount: &Discount, code: &str) -> Result<()> {
        let node = match code::find(&self.api, code).await? {
            Some(node) => node,
            None if !draft::tagged(&self.api, code).await?.is_empty() => {
                return Err(used_for_an_order());
            }
            None => {
                let now = self.clock.now();
                let recipe = Recipe {
                    draft: None,
                    code,
                    discount,
                    currency: &code::currency(&self.api).await?,
                    label: &self.label,
                    combines: self.combines,
                    starts_at: now,
                    ends_at: now.plus_millis(self.fresh_valid_ms),
                };
                code::create(&self.api, &recipe).await.map_err(unclear)?
            }
        };
        match (node.is_fresh(), node.lives()) {
            (true, true) => Ok(()),
            (true, false) => Err(is_over()),
            (false, _) => Err(used_for_an_order()),
        }
    }

    /// Gives the discount on what is still a draft.
    pub(super) async fn give(
        &self,
        id: Id,
        told: &Told,
        known: Option<code::Node>,
        discount: &Discount,
        code: String,
    ) -> Result<Applied> {
        let Id::Draft(number) = id else {
            return Err(closed());
        };
        if known.as_ref().is_some_and(|node| !node.lives()) {
            return Err(taken_back());
        }
        let is_sent = told.status() == "INVOICE_SENT";
        if !is_sent && known.is_none() {
            if told.has_discount_of_others(&code) {
                return Err(Error::new(
                    Kind::InputInvalid,
                    "the draft has a discount of its own, and can have one only",
                )
                .hint(
                    "take it off the draft, or send the invoice and let the shopper enter a code",
                ));
            }
            draft::put(&self.api, told, id, &code, discount, &self.label).await?;
            return applied(&code);
        }
        // To change it would part it from the checkout that its shopper may be in.
        if !told.takes_codes() {
            return Err(Error::new(
                Kind::InputInvalid,
                "the invoice was sent, and its checkout takes no code",
            )
            .hint("let the draft's checkout take discount codes, or give the discount by hand"));
        }
        if known.is_none() {
            let now = self.clock.now();
            let made = code::create(
                &self.api,
                &Recipe {
                    draft: Some(number),
                    code: &code,
                    discount,
                    currency: told.currency(),
                    label: &self.label,
                    combines: self.combines,
                    starts_at: now,
                    ends_at: now.plus_millis(self.valid_ms),
                },
            )
            .await?;
            if made.draft() != Some(id) {
                return Err(used_for_another());
            }
        }
        Ok(Applied::Manual)
    }
}
