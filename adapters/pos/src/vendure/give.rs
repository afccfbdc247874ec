//! How a discount is given: one promotion, put on the order, and seen there.

use std::time::Duration;

use wom_sdk::{
    Error, Kind, Result, Retry,
    merchant::{Applied, Discount, OrderId, OrderState},
};

use super::{
    Vendure,
    order::Told,
    place,
    promotion::{self, Action},
};
use crate::{
    answer::{is_over, unclear, used_for_an_order},
    code::applied,
};

/// How often a discount is put on anew because another process made a double at the same time.
const ROUNDS: u32 = 4;
/// How much longer to wait before each of these.
const PAUSE: Duration = Duration::from_millis(100);

impl Vendure {
    /// Sees to it that there is one promotion with this code, for this order and of this worth. Of
    /// doubles, which would all count, the first one stays. Whether there was one.
    ///
    /// `used`: an order was placed with it. Then it stays whatever it is, and none is made: the code of
    /// a new one could be used once more.
    async fn one(&self, order: &OrderId, code: &str, action: &Action, used: bool) -> Result<bool> {
        let now = self.clock.now();
        let (mut known, mut kept) = (false, false);
        for promotion in promotion::all(&self.api, code).await? {
            let made_for = promotion.order();
            let is_own = made_for.as_ref() == Some(order);
            if promotion.is_fresh() {
                return Err(Error::new(
                    Kind::AlreadyPerformed,
                    "the key was used for a customer's next order",
                )
                .hint("give every order a key of its own"));
            }
            if let Some(other) = made_for.filter(|_| !is_own)
                && self.shows(&other, code).await?
            {
                return Err(Error::new(
                    Kind::AlreadyPerformed,
                    "the discount of this key is on another order",
                )
                .hint("give every order a key of its own"));
            }
            if is_own && !promotion.enabled && !used {
                return Err(Error::new(
                    Kind::AlreadyPerformed,
                    "the discount of this key was switched off in the shop",
                )
                .hint("delete its promotion in the shop to give it again"));
            }
            known |= is_own;
            match is_own && (used || promotion.gives(action, now)) && !kept {
                true => kept = true,
                false => promotion::delete(&self.api, &promotion).await?,
            }
        }
        if !kept && !used {
            let ends_at = now.plus_millis(self.valid_ms);
            promotion::create(&self.api, Some(order), code, action, &self.label, ends_at).await?;
        }
        Ok(known)
    }

    /// Sees to it that there is one promotion with this code for a customer's next order. Of doubles, which
    /// would all count, the first one stays, whether it was used or not: another could be used once more.
    pub(super) async fn fresh(&self, code: &str, discount: &Discount) -> Result<()> {
        let action = Action::of(discount)?;
        let now = self.clock.now();
        let mut known = promotion::all(&self.api, code).await?;
        if known.is_empty() {
            let ends_at = now.plus_millis(self.fresh_valid_ms);
            let made =
                promotion::create(&self.api, None, code, &action, &self.label, ends_at).await;
            made.map_err(unclear)?;
            known = promotion::all(&self.api, code).await?;
        }
        let (first, doubles) = known.split_first().ok_or_else(|| {
            Error::new(Kind::OutcomeUnknown, "the shop lost the code that it made")
        })?;
        if !first.is_fresh() {
            return Err(used_for_an_order());
        }
        for double in doubles {
            promotion::delete(&self.api, double)
                .await
                .map_err(unclear)?;
        }
        match first.is_over(now) {
            true => Err(is_over()),
            false => Ok(()),
        }
    }

    /// Gives the discount to an order that was read as `told`.
    pub(super) async fn give(
        &self,
        order: &OrderId,
        mut told: Told,
        code: &str,
        discount: &Discount,
    ) -> Result<Applied> {
        let action = Action::of(discount)?;
        let most = match discount {
            Discount::Amount(amount) => *amount,
            _ => i64::MAX,
        };
        let mut placed = Ok(false);
        for round in 0..ROUNDS {
            tokio::time::sleep(PAUSE * round).await;
            let used = told.what_became() != OrderState::Open && told.discounted_by(code) > 0;
            let known = self.one(order, code, &action, used).await?;
            placed = match place::place(&self.api, &told, code, most, known).await {
                Err(error) if error.retry() != Retry::Never => return Err(error),
                placed => placed,
            };
            told = self.told(order).await?;
            match told.discounted_by(code) {
                0 if placed.is_ok() && place::is_cart(&told) => return Ok(Applied::Manual),
                given if (1..=most).contains(&given) => return applied(code),
                // A process that does the same just now may have taken a double away, or put the
                // code on anew.
                _ if told.state == "Draft" => {}
                _ => break,
            }
        }
        if told.discounted_by(code) == 0 {
            // Nothing is to be left of it.
            promotion::withdraw(&self.api, order, code).await?;
            place::remove(&self.api, &told, code).await?;
            placed?;
            return Err(Error::new(
                Kind::InputInvalid,
                "the shop took the code, but gives no discount for it",
            )
            .hint(
                "look at the order's total and at the shop's other promotions; nothing was given",
            ));
        }
        Err(
            Error::new(Kind::OutcomeUnknown, "the order shows more than was agreed")
                .with("agreed", most)
                .with("shown", told.discounted_by(code))
                .hint("the next call takes off what is too much")
                .with_retry(Retry::SameKey),
        )
    }
}
