//! The suite sees what it is for: each of these shops has one defect, and fails the named topic.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use super::*;
use crate::{
    Error, Result,
    instrument::{Cursor, Info, Proven, Received, Reply},
    merchant::{MerchantCapabilities, OrderLine},
};

/// What is wrong with a shop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    None,
    /// None either: an order takes one discount.
    OneOnly,
    /// A repetition gives a second discount.
    AppliesAgain,
    /// It makes codes, and says that it does not.
    CodesDenied,
    /// Its cursor is not one that it takes.
    CursorRefused,
    /// The order's lines do not tell which discount is ours.
    DiscountNotShown,
    /// It says that it applied what it did not.
    GivesNothing,
    FindsNothing,
    /// It makes another code each time.
    IssuesAnother,
    /// It gives one code to everybody.
    IssuesOne,
    /// More than there is to be paid.
    GivesTooMuch,
    /// It refuses a second discount on an order, and takes the first away with it.
    DropsTheFirst,
    /// It gives a second order the discount of one key.
    KeyForTwoOrders,
    /// It looks first, makes then, and holds no lock in between.
    LooksThenMakes,
    /// It gives a second discount on an order, and says that it does not.
    OneDenied,
    /// A reference from which no key is known.
    OtherReference,
    /// A discount that was taken back is never given again.
    RemembersRevoked,
    RevokesAll,
    RevokesNothing,
    /// The version stays the same when the order changes.
    SameVersion,
    /// It lets anybody call its webhook.
    TakesUnsigned,
    UnknownIsEmpty,
    /// An unknown order is told in a way that lets one ask for ever.
    UnknownIsRetried,
}

/// A good shop, but for one defect. Whoever has a handle sees the same orders.
#[derive(Clone, Debug)]
struct Defective {
    defect: Defect,
    orders: Arc<Mutex<BTreeMap<OrderId, Order>>>,
    revoked: Arc<Mutex<Vec<String>>>,
    next: Arc<AtomicU32>,
}

impl Defective {
    fn new(defect: Defect) -> Self {
        Self {
            defect,
            orders: Arc::default(),
            revoked: Arc::default(),
            next: Arc::default(),
        }
    }

    fn has(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn orders(&self) -> MutexGuard<'_, BTreeMap<OrderId, Order>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, id: &OrderId, change: impl FnOnce(&mut Order) -> T) -> Result<T> {
        let mut orders = self.orders();
        let order = orders.get_mut(id).ok_or_else(|| {
            let unknown = Error::new(Kind::InputInvalid, "there is no such order");
            match self.has(Defect::UnknownIsRetried) {
                true => unknown.with_retry(Retry::Safe),
                false => unknown,
            }
        })?;
        let changed = change(order);
        order.total = order.lines.iter().map(|line| line.amount).sum();
        if !self.has(Defect::SameVersion) {
            order.version = format!("{:?}", order.lines);
        }
        Ok(changed)
    }

    fn carrier(&self, reference: &str) -> Option<OrderId> {
        let orders = self.orders();
        let carries = |order: &&Order| {
            let mut lines = order.lines.iter();
            lines.any(|line| line.reference.as_deref() == Some(reference))
        };
        orders.values().find(carries).map(|order| order.id.clone())
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
            creates_codes: !self.has(Defect::CodesDenied),
            one_per_order: matches!(
                self.defect,
                Defect::OneOnly | Defect::OneDenied | Defect::DropsTheFirst
            ),
            ..MerchantCapabilities::FULL
        }
    }

    fn receive(&self, _request: &Request<'_>) -> Received {
        match self.has(Defect::TakesUnsigned) {
            true => Received::answer(Reply::status(200)),
            false => Received::refuse(401, Error::new(Kind::WebhookRefused, "not signed")),
        }
    }

    async fn orders(&self, since: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        if since.is_some() && self.has(Defect::CursorRefused) {
            return Err(Error::new(Kind::InputInvalid, "not a cursor"));
        }
        let orders = self.orders().keys().cloned().collect();
        Ok((orders, Some(Cursor("1".to_owned()))))
    }

    async fn read(&self, id: &OrderId) -> Result<Order> {
        let read = self.with(id, |order| order.clone());
        match read {
            Err(_) if self.has(Defect::UnknownIsEmpty) => Ok(order(id.clone())),
            Ok(mut order) if self.has(Defect::DiscountNotShown) => {
                let lines = order.lines.iter_mut();
                lines.for_each(|line| line.reference = None);
                Ok(order)
            }
            read => read,
        }
    }

    async fn find(&self, reference: &str) -> Result<Option<OrderId>> {
        let found = self.carrier(reference);
        Ok(found.filter(|_| !self.has(Defect::FindsNothing)))
    }

    async fn apply(&self, id: &OrderId, discount: &Discount, key: &str) -> Result<Applied> {
        self.with(id, |_| ())?;
        let reference = match self.has(Defect::OtherReference) {
            true => format!("r-{key}"),
            false => key.to_owned(),
        };
        if self.has(Defect::RemembersRevoked) {
            let revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
            if revoked.contains(&reference) {
                return Err(Error::new(Kind::AlreadyPerformed, "it was taken back"));
            }
        }
        let found = self.carrier(&reference);
        if found.as_ref().is_some_and(|it| it != id) && !self.has(Defect::KeyForTwoOrders) {
            return Err(Error::new(Kind::AlreadyPerformed, "it is on another order"));
        }
        let is_full = |order: &mut Order| {
            let other = |it: &str| it != reference;
            let mut lines = order.lines.iter();
            lines.any(|line| line.reference.as_deref().is_some_and(other))
        };
        if matches!(self.defect, Defect::OneOnly | Defect::DropsTheFirst)
            && self.with(id, is_full)?
        {
            if self.has(Defect::DropsTheFirst) {
                self.with(id, |order| {
                    order.lines.retain(|line| line.reference.is_none())
                })?;
            }
            return Err(Error::new(Kind::InputInvalid, "the order has one"));
        }
        if self.has(Defect::LooksThenMakes) {
            tokio::task::yield_now().await;
        }
        self.with(id, |order| {
            let is_own = |line: &OrderLine| line.reference.as_deref() == Some(&reference);
            let shown = match self.has(Defect::LooksThenMakes) {
                true => found.is_some(),
                false => order.lines.iter().any(is_own),
            };
            if shown && !self.has(Defect::AppliesAgain) || self.has(Defect::GivesNothing) {
                return;
            }
            let amount = match (self.defect, discount) {
                (Defect::GivesTooMuch, Discount::Amount(amount)) => *amount,
                _ => discount.of(order.total),
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
        let mut revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        revoked.push(reference.to_owned());
        self.with(id, |order| match self.defect {
            Defect::RevokesNothing => {}
            Defect::RevokesAll => order.lines.retain(|line| line.reference.is_none()),
            _ => {
                let other = |line: &OrderLine| line.reference.as_deref() != Some(reference);
                order.lines.retain(other);
            }
        })
    }

    async fn issue(&self, _: &Discount, key: &str) -> Result<String> {
        Ok(match self.defect {
            Defect::IssuesAnother => {
                format!("{key}-{}", self.next.fetch_add(1, Ordering::Relaxed))
            }
            Defect::IssuesOne => "GRAZIE".to_owned(),
            Defect::CodesDenied => {
                return Err(Error::new(Kind::Unsupported, "it says that it makes none"));
            }
            _ => key.to_ascii_uppercase(),
        })
    }

    fn code(&self, key: &str) -> Option<String> {
        Some(key.to_ascii_uppercase())
    }
}

#[async_trait]
impl Fixture for Defective {
    fn open(&self) -> Arc<dyn Merchant> {
        Arc::new(self.clone())
    }

    async fn order(&self) -> OrderId {
        let id = OrderId(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        self.orders().insert(id.clone(), order(id.clone()));
        id
    }
}

fn order(id: OrderId) -> Order {
    Order {
        id,
        version: "1".to_owned(),
        lines: vec![OrderLine {
            text: "Museum ticket".to_owned(),
            amount: 2_400,
            reference: None,
        }],
        total: 2_400,
        currency: "EUR".to_owned(),
        open: true,
    }
}

/// A shop with this defect fails these topics, and the whole suite.
macro_rules! is_seen {
    ($defect:ident, $($topic:ident),+) => {{
        $(assert!(fails!($defect, $topic), concat!(stringify!($topic), " lets it pass"));)+
        assert!(fails!($defect, conforms));
    }};
}

macro_rules! fails {
    ($defect:ident, $topic:ident) => {
        tokio::spawn(async { $topic(&Defective::new(Defect::$defect)).await })
            .await
            .is_err()
    };
}

#[tokio::test]
async fn a_good_shop_passes() {
    conforms(&Defective::new(Defect::None)).await;
    conforms(&Defective::new(Defect::OneOnly)).await;
}

#[tokio::test]
async fn a_discount_that_a_repetition_gives_again_is_seen() {
    is_seen!(
        AppliesAgain,
        a_key_gives_one_discount,
        many_at_once_give_one_discount
    );
}

#[tokio::test]
async fn codes_that_the_capabilities_deny_are_seen() {
    is_seen!(CodesDenied, what_it_says_of_itself_is_so);
}

#[tokio::test]
async fn a_cursor_that_it_does_not_take_itself_is_seen() {
    is_seen!(CursorRefused, what_it_says_of_itself_is_so);
}

#[tokio::test]
async fn a_discount_that_no_line_shows_is_seen() {
    is_seen!(DiscountNotShown, reading_shows_what_applying_said);
}

#[tokio::test]
async fn a_shop_that_finds_nothing_is_seen() {
    is_seen!(FindsNothing, a_key_alone_leads_to_its_discount);
}

#[tokio::test]
async fn a_second_discount_where_there_can_be_one_only_is_seen() {
    is_seen!(OneDenied, two_keys_are_two_discounts);
    is_seen!(DropsTheFirst, two_keys_are_two_discounts);
}

#[tokio::test]
async fn a_fresh_code_that_is_another_each_time_or_everybodys_is_seen() {
    is_seen!(IssuesAnother, a_fresh_code_is_one_for_each_key);
    is_seen!(IssuesOne, a_fresh_code_is_one_for_each_key);
}

#[tokio::test]
async fn success_without_a_discount_is_seen() {
    is_seen!(GivesNothing, reading_shows_what_applying_said);
}

#[tokio::test]
async fn a_price_below_nothing_is_seen() {
    is_seen!(GivesTooMuch, a_discount_is_never_more_than_the_order);
}

#[tokio::test]
async fn one_key_on_two_orders_is_seen() {
    is_seen!(KeyForTwoOrders, a_key_is_for_one_order_at_a_time);
}

#[tokio::test]
async fn looking_first_without_a_lock_is_seen() {
    is_seen!(LooksThenMakes, many_at_once_give_one_discount);
}

#[tokio::test]
async fn a_reference_that_no_key_leads_to_is_seen() {
    is_seen!(OtherReference, a_key_alone_leads_to_its_discount);
}

#[tokio::test]
async fn a_payment_that_is_lost_with_a_revoked_discount_is_seen() {
    is_seen!(RemembersRevoked, what_is_revoked_is_gone);
}

#[tokio::test]
async fn taking_all_discounts_back_is_seen() {
    is_seen!(RevokesAll, two_keys_are_two_discounts);
}

#[tokio::test]
async fn taking_nothing_back_is_seen() {
    is_seen!(RevokesNothing, what_is_revoked_is_gone);
}

#[tokio::test]
async fn a_version_that_stays_the_same_is_seen() {
    is_seen!(SameVersion, reading_shows_what_applying_said);
}

#[tokio::test]
async fn a_webhook_that_anybody_may_call_is_seen() {
    is_seen!(TakesUnsigned, what_it_says_of_itself_is_so);
}

#[tokio::test]
async fn an_unknown_order_that_is_empty_is_seen() {
    is_seen!(UnknownIsEmpty, an_unknown_order_is_a_clear_error);
}

#[tokio::test]
async fn an_unknown_order_that_is_asked_for_again_for_ever_is_seen() {
    is_seen!(UnknownIsRetried, an_unknown_order_is_a_clear_error);
}
