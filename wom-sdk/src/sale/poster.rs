//! Posters: one code at the counter, paid many times.

use serde::{Deserialize, Serialize};

use super::ShopId;
use crate::{MINUTE_MS, Timestamp, checkout::CheckoutId, merchant::Offer};

/// How often a poster is asked for payments that no cashier took.
const LOOK_MS: i64 = 5 * MINUTE_MS;
/// How often one whose offer was ended is: the Registry lets it be paid for ever.
const ENDED_LOOK_MS: i64 = 24 * 60 * MINUTE_MS;
/// For how long after the end.
const WATCH_MS: i64 = 400 * ENDED_LOOK_MS;

/// A code that stands at the counter and is paid many times. This is what is stored.
///
/// The Registry gives a confirmation no name and two may have the same millisecond, so they are
/// counted by their position. Each becomes a [`Sale`](super::Sale) of its own, `unclaimed`, which a
/// cashier takes for an order.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Poster {
    /// The checkout of its code, which is [persistent](crate::checkout::Charge::persistent).
    pub id: CheckoutId,
    /// 1 when made; grows by one with each step.
    pub version: u64,
    /// The merchant's name of the shop.
    pub shop: String,
    /// The merchant's name of the offer.
    pub name: String,
    /// What it offers; frozen.
    pub offer: Offer,
    /// How many confirmations have a sale. It never falls.
    pub seen: u32,
    /// When it was made.
    pub made: Timestamp,
    /// When the offer was ended. The code can be paid all the same.
    pub ended: Option<Timestamp>,
    /// When to ask for payments; `None` when nobody does any more.
    pub due: Option<Timestamp>,
}

impl Poster {
    /// Which shop it hangs in.
    pub fn shop_id(&self) -> ShopId {
        ShopId::new(&self.shop)
    }

    /// The poster after all of so many confirmations have a sale.
    #[must_use]
    pub fn counted(&self, confirmations: u32, now: Timestamp) -> Self {
        let pause = match self.ended {
            None => Some(LOOK_MS),
            Some(ended) if now.since(ended) < MINUTE_MS => Some(LOOK_MS),
            Some(ended) => (now.since(ended) < WATCH_MS).then_some(ENDED_LOOK_MS),
        };
        Self {
            version: self.version + 1,
            seen: self.seen.max(confirmations),
            due: pause.map(|pause| now.plus_millis(pause)),
            ..self.clone()
        }
    }

    /// The poster after its offer was ended: what is paid after that is a late payment.
    #[must_use]
    pub fn end(&self, now: Timestamp) -> Self {
        Self {
            version: self.version + 1,
            ended: Some(self.ended.unwrap_or(now)),
            due: Some(now),
            ..self.clone()
        }
    }
}
