//! The suite sees what it is for: each of these shops has one defect, and fails the named topic.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use super::*;
use crate::{
    Error, Result,
    instrument::{Cursor, Info, Proven},
    merchant::{MerchantCapabilities, OrderLine},
};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    None,
    AppliesAgain,
    CodesDenied,
    DiscountNotShown,
    FindsNothing,
    GivesTooMuch,
    OtherReference,
    RevokesAll,
    RevokesNothing,
    UnknownIsEmpty,
}

/// A good shop, but for one defect. Whoever has a handle sees the same orders.
#[derive(Clone, Debug)]
struct Defective {
    defect: Defect,
    orders: Arc<Mutex<BTreeMap<OrderId, Order>>>,
    next: Arc<AtomicU32>,
}

impl Defective {
    fn new(defect: Defect) -> Self {
        Self {
            defect,
            orders: Arc::default(),
            next: Arc::default(),
        }
    }

    fn with<T>(&self, id: &OrderId, change: impl FnOnce(&mut Order) -> T) -> Result<T> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let order = orders.get_mut(id);
        let order =
            order.ok_or_else(|| Error::new(Kind::InputInvalid, "there is no such order"))?;
        let changed = change(order);
        order.total = order.lines.iter().map(|line| line.amount).sum();
        order.version = format!("{:?}", order.lines);
        Ok(changed)
    }
}

#[async_trait]
impl Merchant for Defective {
    fn info(&self) -> Info {
        Info {
            name: "toy.shop",
            summary: "An imaginary shop.",
            rules: "",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> MerchantCapabilities {
        MerchantCapabilities {
            codes: self.defect == Defect::CodesDenied,
            ..MerchantCapabilities::FULL
        }
    }

    async fn orders(&self, _since: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        Ok((orders.keys().cloned().collect(), None))
    }

    async fn read(&self, id: &OrderId) -> Result<Order> {
        let read = self.with(id, |order| order.clone());
        match (self.defect, read) {
            (Defect::UnknownIsEmpty, Err(_)) => Ok(order(id.clone())),
            (Defect::DiscountNotShown, Ok(mut order)) => {
                order
                    .lines
                    .iter_mut()
                    .for_each(|line| line.reference = None);
                Ok(order)
            }
            (_, read) => read,
        }
    }

    async fn find(&self, reference: &str) -> Result<Option<OrderId>> {
        let orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let carries = |order: &&Order| {
            let mut lines = order.lines.iter();
            lines.any(|line| line.reference.as_deref() == Some(reference))
        };
        let found = orders.values().find(carries).map(|order| order.id.clone());
        Ok(found.filter(|_| self.defect != Defect::FindsNothing))
    }

    async fn apply(&self, id: &OrderId, discount: &Discount, key: &str) -> Result<Applied> {
        let reference = match self.defect {
            Defect::OtherReference => format!("r-{key}"),
            _ => key.to_owned(),
        };
        self.with(id, |order| {
            let shown = order
                .lines
                .iter()
                .any(|line| line.reference.as_deref() == Some(&reference));
            if shown && self.defect != Defect::AppliesAgain {
                return;
            }
            let total = order.lines.iter().map(|line| line.amount).sum();
            let amount = match (self.defect, discount) {
                (Defect::GivesTooMuch, Discount::Amount(amount)) => *amount,
                _ => discount.of(total),
            };
            order.lines.push(OrderLine {
                text: "Sconto WOM".to_owned(),
                amount: -amount,
                reference: Some(reference.clone()),
            });
        })?;
        Ok(Applied::Applied { reference })
    }

    async fn revoke(&self, id: &OrderId, reference: &str) -> Result<()> {
        self.with(id, |order| match self.defect {
            Defect::RevokesNothing => {}
            Defect::RevokesAll => order.lines.retain(|line| line.reference.is_none()),
            _ => order
                .lines
                .retain(|line| line.reference.as_deref() != Some(reference)),
        })
    }
}

#[async_trait]
impl Fixture for Defective {
    fn open(&self) -> Arc<dyn Merchant> {
        Arc::new(self.clone())
    }

    async fn order(&self) -> OrderId {
        let id = OrderId(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.insert(id.clone(), order(id.clone()));
        id
    }

    fn unknown(&self) -> OrderId {
        OrderId("unknown".to_owned())
    }
}

fn order(id: OrderId) -> Order {
    Order {
        id,
        version: String::new(),
        lines: vec![OrderLine {
            text: "Museum ticket".to_owned(),
            amount: TOTAL,
            reference: None,
        }],
        total: TOTAL,
        currency: "EUR".to_owned(),
        open: true,
    }
}

/// Whether a shop with this defect passes the topic.
macro_rules! passes {
    ($defect:ident, $topic:ident) => {
        tokio::spawn(async {
            $topic(&Defective::new(Defect::$defect)).await;
        })
        .await
        .is_ok()
    };
}

#[tokio::test]
async fn a_good_shop_passes() {
    all(&Defective::new(Defect::None)).await;
}

#[tokio::test]
async fn each_defect_fails_its_topic() {
    assert!(!passes!(
        AppliesAgain,
        applying_twice_with_one_key_is_applying_once
    ));
    assert!(!passes!(CodesDenied, what_it_is_and_what_it_offers_agree));
    assert!(!passes!(DiscountNotShown, reading_shows_what_applying_said));
    assert!(!passes!(FindsNothing, a_discount_is_found_by_its_reference));
    assert!(!passes!(
        GivesTooMuch,
        a_discount_is_never_more_than_the_order
    ));
    assert!(!passes!(OtherReference, reading_shows_what_applying_said));
    assert!(!passes!(RevokesAll, two_keys_are_two_discounts));
    assert!(!passes!(RevokesNothing, what_is_revoked_is_gone));
    assert!(!passes!(UnknownIsEmpty, an_unknown_order_is_a_clear_error));
}
