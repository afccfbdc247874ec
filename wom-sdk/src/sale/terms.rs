//! What is agreed in money when the code is shown.

use serde::{Deserialize, Serialize};

use crate::{
    Error, Kind, MINUTE_MS, Result,
    merchant::{Discount, MerchantCapabilities, Offer, Order},
    protocol::Filter,
};

/// What a merchant has settled for all sales of a shop.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// What becomes of a WOM discount where the order has other discounts.
    pub stacking: Stacking,
    /// Below this the price may not fall, in the currency's smallest unit: 1 unless set, since some
    /// tills cannot close a sale of 0.
    pub floor: i64,
    /// How many WOM discounts an order may have at most: 1 unless set.
    pub per_order: u8,
    /// What to give for a payment that came too late, the one that is preferred first.
    pub late: Vec<Remedy>,
    /// How old the payment of a poster may be when a cashier takes it for an order, milliseconds: 3
    /// minutes unless set.
    pub take_within_ms: i64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            stacking: Stacking::default(),
            floor: 1,
            per_order: 1,
            late: vec![Remedy::FreshCode, Remedy::Replacement, Remedy::RecordOnly],
            take_within_ms: 3 * MINUTE_MS,
        }
    }
}

impl Rules {
    /// The same, if they can be kept.
    pub fn checked(self) -> Result<Self> {
        let wrong = |field, message: &'static str| {
            Err(Error::new(Kind::ConfigurationInvalid, message).with("field", field))
        };
        if self.floor < 0 {
            return wrong("floor", "the floor is 0 or more");
        }
        if self.per_order == 0 {
            return wrong("per_order", "an order may have 1 WOM discount or more");
        }
        if self.late.is_empty() {
            return wrong("late", "name what to give for a payment that came too late");
        }
        if !(1_000..=24 * 60 * MINUTE_MS).contains(&self.take_within_ms) {
            return wrong(
                "take_within_ms",
                "a payment is taken within 1 second to 1 day",
            );
        }
        Ok(self)
    }

    /// The same, if a shop that offers this can keep them: a second discount that is paid for must not
    /// be refused then.
    pub fn suits(self, offers: MerchantCapabilities) -> Result<Self> {
        if self.per_order > 1 && offers.one_per_order {
            return Err(Error::new(
                Kind::ConfigurationInvalid,
                "an order of this shop takes one WOM discount",
            )
            .with("field", "per_order")
            .hint("set per_order to 1"));
        }
        Ok(self)
    }

    /// What an offer brings on an order as it is now. It is agreed in money: if the basket changes
    /// later the money stays, clipped to what the new total leaves above the floor.
    pub fn agree(&self, order: &Order, offer: &Offer) -> Result<Terms> {
        self.agree_on(order, &self.terms(offer))
    }

    /// The same for what was asked for before, on another order.
    pub(crate) fn agree_on(&self, order: &Order, asked: &Terms) -> Result<Terms> {
        let refused = |message: &'static str| Error::new(Kind::InputInvalid, message);
        if !order.open {
            return Err(refused(
                "the order is closed: it takes no discount any more",
            ));
        }
        let total = order.total.max(0);
        let other = order
            .lines
            .iter()
            .filter(|line| line.amount < 0 && line.reference.is_none())
            .fold(0_i64, |sum, line| sum.saturating_sub(line.amount));
        let wanted = match self.stacking {
            Stacking::Excluded if other > 0 => {
                return Err(refused("the order has another discount")
                    .hint("this merchant gives a WOM discount on orders without others only"));
            }
            Stacking::Excluded | Stacking::Added => asked.discount.of(total),
            // The others stay: what the better one brings on top of them.
            Stacking::BestOf => asked.discount.of(total.saturating_add(other)) - other,
        };
        if wanted <= 0 && other > 0 && self.stacking == Stacking::BestOf {
            return Err(refused("the other discounts of the order are better"));
        }
        let agreed = wanted.min(total - self.floor);
        if agreed <= 0 {
            return Err(refused("the offer brings nothing on this order")
                .hint("its total leaves no room above the price that may not be undercut"));
        }
        Ok(Terms {
            agreed,
            currency: order.currency.clone(),
            floor: self.floor,
            ..asked.clone()
        })
    }

    /// What an offer asks for, with nothing agreed in money yet.
    pub fn terms(&self, offer: &Offer) -> Terms {
        Terms {
            amount: offer.charge.amount,
            filter: offer.charge.filter.clone(),
            discount: offer.discount.clone(),
            agreed: 0,
            currency: String::new(),
            floor: self.floor,
            remedies: self.late.clone(),
        }
    }
}

/// What becomes of a WOM discount where the order has other discounts.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stacking {
    /// It comes on top; a percentage is taken of what the others have left.
    #[default]
    Added,
    /// The better one holds: it brings what it is better by, and nothing where it is worse.
    BestOf,
    /// It is not given.
    Excluded,
}

/// What a merchant can give for a payment that came too late. WOM cannot be given back.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Remedy {
    /// A fresh code that can be used once, for the customer's next order, shown at once.
    FreshCode,
    /// The discount on the order that takes the place of the cancelled one.
    Replacement,
    /// Nothing: it is written down, and the merchant apologises.
    RecordOnly,
}

impl Remedy {
    /// What the cashier has to do, in the interface's language.
    pub fn advice(self) -> &'static str {
        match self {
            Self::FreshCode => {
                "make a code in the shop that can be used once, show it to the customer, then confirm it here with its reference"
            }
            Self::Replacement => {
                "if the customer is still here, ring the goods up anew and give the discount on that order"
            }
            Self::RecordOnly => "apologise, and note it down: WOM cannot be given back",
        }
    }
}

/// What is asked for, and what was agreed for it: frozen when the code is shown.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Terms {
    /// How many WOM.
    pub amount: u32,
    /// Which WOM are accepted; every one where absent.
    pub filter: Option<Filter>,
    /// What the offer brings.
    pub discount: Discount,
    /// How much less is to be paid, in the currency's smallest unit. 0 until there is an order.
    pub agreed: i64,
    /// ISO 4217; empty until there is an order.
    pub currency: String,
    /// Below this the price may not fall, in the currency's smallest unit.
    pub floor: i64,
    /// What to give for it if it is paid too late.
    pub remedies: Vec<Remedy>,
}

impl Terms {
    /// The discount to ask the shop for: what was agreed, clipped to what the order's total leaves
    /// above the floor. 0 or less where that is nothing.
    pub fn on(&self, order: &Order) -> i64 {
        self.agreed.min(order.total.saturating_sub(self.floor))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        checkout::Charge,
        merchant::{OrderId, OrderLine},
    };

    fn order(price: i64, other: i64) -> Order {
        let line = |text: &str, amount| OrderLine {
            text: text.to_owned(),
            amount,
            reference: None,
        };
        Order {
            id: OrderId("1".into()),
            version: "1".into(),
            lines: vec![line("bread", price), line("happy hour", -other)],
            total: price - other,
            currency: "EUR".into(),
            open: true,
        }
    }

    fn offer(discount: Discount) -> Offer {
        Offer {
            title: "10 % for 60 minutes".into(),
            charge: Charge::new(60).unwrap(),
            discount,
        }
    }

    #[test]
    fn other_discounts_are_excluded_bettered_or_added_to() {
        let ten = offer(Discount::BasisPoints(1_000));
        for (stacking, price, other, agreed) in [
            (Stacking::Added, 2_400, 500, Some(190)),
            (Stacking::BestOf, 2_400, 100, Some(140)),
            (Stacking::BestOf, 2_400, 240, None),
            (Stacking::BestOf, 2_400, 0, Some(240)),
            (Stacking::Excluded, 2_400, 100, None),
            (Stacking::Excluded, 2_400, 0, Some(240)),
        ] {
            let rules = Rules {
                stacking,
                ..Rules::default()
            };
            let got = rules.agree(&order(price, other), &ten);
            assert_eq!(
                got.ok().map(|terms| terms.agreed),
                agreed,
                "{stacking:?} {other}"
            );
        }
    }

    #[test]
    fn nothing_is_agreed_on_a_closed_order_or_below_the_floor() {
        let rules = Rules::default();
        let all = offer(Discount::Amount(5_000));
        assert_eq!(rules.agree(&order(1_200, 0), &all).unwrap().agreed, 1_199);
        assert!(rules.agree(&order(1, 0), &all).is_err());
        let free = Rules {
            floor: 0,
            ..Rules::default()
        };
        assert_eq!(free.agree(&order(1, 0), &all).unwrap().agreed, 1);
        let closed = Order {
            open: false,
            ..order(1_200, 0)
        };
        assert!(rules.agree(&closed, &all).is_err());
        assert!(
            Rules {
                per_order: 0,
                ..Rules::default()
            }
            .checked()
            .is_err()
        );
        assert!(
            Rules {
                floor: -1,
                ..Rules::default()
            }
            .checked()
            .is_err()
        );
        assert!(
            Rules {
                late: vec![],
                ..Rules::default()
            }
            .checked()
            .is_err()
        );
    }

    #[test]
    fn an_order_may_have_as_many_as_its_shop_takes() {
        let two = Rules {
            per_order: 2,
            ..Rules::default()
        };
        let mut offers = MerchantCapabilities::FULL;
        assert!(two.clone().suits(offers).is_ok());
        offers.one_per_order = true;
        let error = two.suits(offers).unwrap_err();
        assert_eq!(error.kind(), Kind::ConfigurationInvalid);
        assert!(Rules::default().suits(offers).is_ok());
    }

    proptest! {
        #[test]
        fn the_price_never_falls_below_the_floor(
            price in -5_i64..100_000, other in 0_i64..50_000, floor in 0_i64..1_000,
            later in -5_i64..100_000, points in 0_u32..20_000, amount in -5_i64..100_000,
            stacking in prop::sample::select(vec![Stacking::Added, Stacking::BestOf, Stacking::Excluded]),
        ) {
            let rules = Rules { stacking, floor, ..Rules::default() };
            for discount in [Discount::BasisPoints(points), Discount::Amount(amount)] {
                let Ok(terms) = rules.agree(&order(price, other), &offer(discount)) else { continue };
                prop_assert!(terms.agreed > 0);
                prop_assert!(price - other - terms.agreed >= floor);
                let on = terms.on(&order(later, 0));
                prop_assert!(on <= terms.agreed);
                prop_assert!(on <= 0 || later - on >= floor);
            }
        }
    }
}
