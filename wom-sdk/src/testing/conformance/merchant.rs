//! What every [`Merchant`] must do, whatever its shop is.
//!
//! An adapter of your own passes all of it with a [`Fixture`] and one call of [`conforms`]. Run it
//! against the real shop where you can. Each topic takes orders and keys of its own, so the shop may
//! hold others. Shops where a person types the discount in pass what can be asked of them.

#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a conformance test fails by panicking"
)]

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    Kind, Retry, hex,
    instrument::{Request, Verdict},
    merchant::{Applied, Discount, Merchant, Order, OrderId},
    protocol::random,
    time::Timestamp,
};

/// What each discount is worth here, in the currency's smallest unit.
const WORTH: i64 = 300;

/// Makes what is tested.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// One more adapter of the same shop, as another process has it: it remembers nothing.
    fn open(&self) -> Arc<dyn Merchant>;

    /// A new order that is open to a discount, with a total of more than 10.00.
    async fn order(&self) -> OrderId;
}

/// All topics, one after the other.
pub async fn conforms(fixture: &dyn Fixture) {
    for name in TOPICS {
        topic(name, fixture).await;
    }
}

/// Gives every topic its name.
macro_rules! topics {
    ($($name:ident)+) => {
        /// Runs one topic by its name, for harnesses of other languages.
        pub async fn topic(name: &str, fixture: &dyn Fixture) {
            match name {
                $(stringify!($name) => $name(fixture).await,)+
                other => panic!("there is no topic {other}"),
            }
        }

        /// The names that [`topic`] takes.
        pub const TOPICS: &[&str] = &[$(stringify!($name)),+];
    };
}

topics! {
    an_unknown_order_is_a_clear_error
    reading_shows_what_applying_said
    a_discount_is_never_more_than_the_order
    a_key_gives_one_discount
    a_key_alone_leads_to_its_discount
    a_key_is_for_one_order_at_a_time
    two_keys_are_two_discounts
    many_at_once_give_one_discount
    what_is_revoked_is_gone
    a_fresh_code_is_one_for_each_key
    what_it_says_of_itself_is_so
}

/// An order that is not there is the caller's mistake, by name, and nothing is made for it. Asking
/// again is of no use, so that nobody does for ever.
pub async fn an_unknown_order_is_a_clear_error(fixture: &dyn Fixture) {
    let (shop, key) = (fixture.open(), key());
    let nobodys = OrderId("999999999".to_owned());
    let amount = Discount::Amount(WORTH);
    let mut answers = vec![
        ("read", shop.read(&nobodys).await.map(drop)),
        ("apply", shop.apply(&nobodys, &amount, &key).await.map(drop)),
    ];
    if shop.capabilities().revoke {
        answers.push(("revoke", shop.revoke(&nobodys, &key).await));
    }
    for (what, answer) in answers {
        let Err(error) = answer else {
            panic!("{what} of an unknown order succeeds");
        };
        assert_eq!(error.kind(), Kind::InputInvalid, "{what}: {error}");
        assert_eq!(error.retry(), Retry::Never, "{what}: {error}");
    }
    let found = shop.find(&key).await.unwrap();
    assert_eq!(found, None, "a reference that was never given");
}

/// The order's own reading shows the discount under its reference, and a total and lines that are
/// lower by it: in money, and as a share of the order.
pub async fn reading_shows_what_applying_said(fixture: &dyn Fixture) {
    for discount in [Discount::Amount(WORTH), Discount::BasisPoints(1_000)] {
        let (shop, order, key) = (fixture.open(), fixture.order().await, key());
        let before = shop.read(&order).await.unwrap();
        assert!(before.open, "the fixture's order is not open");
        assert!(before.total > 1_000, "the fixture's order is too small");
        let Some(reference) = given(&*shop, &order, &discount, &key).await else {
            return;
        };
        let after = fixture.open().read(&order).await.unwrap();
        let asked = discount.of(before.total);
        let less = before.total - after.total;
        // Shops round a share up or down.
        let rounded = match discount {
            Discount::Amount(_) => 0,
            _ => 1,
        };
        assert!(
            (less - asked).abs() <= rounded,
            "{asked} less was asked for: {after:?}"
        );
        let ours: i64 = amounts(&after, &reference).iter().sum();
        assert_eq!(ours, -less, "lines with the reference: {after:?}");
        let sum = |order: &Order| order.lines.iter().map(|line| line.amount).sum::<i64>();
        assert_eq!(sum(&before) - sum(&after), less, "all lines: {after:?}");
        assert_eq!(before.currency, after.currency);
        assert_ne!(
            before.version, after.version,
            "the version tells of the change"
        );
    }
}

/// More than everything is everything, in the lines as in the total.
pub async fn a_discount_is_never_more_than_the_order(fixture: &dyn Fixture) {
    let (shop, order, key) = (fixture.open(), fixture.order().await, key());
    let before = shop.read(&order).await.unwrap().total;
    let large = Discount::Amount(before + 1);
    let reference = match shop.apply(&order, &large, &key).await {
        Ok(Applied::Applied { reference }) => reference,
        // A till may not be able to close a sale of nothing, and says so.
        Ok(Applied::Manual) => return,
        Err(error) => {
            assert_eq!(error.kind(), Kind::InputInvalid, "{error}");
            assert_eq!(shop.read(&order).await.unwrap().total, before);
            return;
        }
    };
    let after = shop.read(&order).await.unwrap();
    assert!(
        after.total >= 0,
        "less than nothing is to be paid: {after:?}"
    );
    let ours: i64 = amounts(&after, &reference).iter().sum();
    assert_eq!(before + ours, after.total, "{after:?}");
}

/// However often one key is applied, by whichever process: one discount, which read and find show.
pub async fn a_key_gives_one_discount(fixture: &dyn Fixture) {
    let (shop, order, key) = (fixture.open(), fixture.order().await, key());
    let before = shop.read(&order).await.unwrap();
    let Some(reference) = applied(&*shop, &order, &key).await else {
        return;
    };
    let once = shop.read(&order).await.unwrap();
    assert_eq!(once.total, before.total - WORTH, "the total after one call");
    let other = fixture.open();
    for shop in [&shop, &other] {
        let again = applied(&**shop, &order, &key).await;
        assert_eq!(
            again.as_ref(),
            Some(&reference),
            "the reference of a repetition"
        );
    }
    let twice = shop.read(&order).await.unwrap();
    assert_eq!(
        (twice.total, &twice.lines),
        (once.total, &once.lines),
        "a repetition changed it"
    );
}

/// Whoever died before they heard the reference has nothing but the key: by it the discount is known
/// in the order's lines, found, and taken back. In whatever case the shop keeps it.
pub async fn a_key_alone_leads_to_its_discount(fixture: &dyn Fixture) {
    let (shop, order, key) = (fixture.open(), fixture.order().await, key());
    let before = shop.read(&order).await.unwrap().total;
    assert_eq!(shop.find(&key).await.unwrap(), None, "found before");
    let Some(reference) = applied(&*shop, &order, &key).await else {
        return;
    };
    let shop = fixture.open();
    for name in [&reference, &key] {
        let found = shop.find(name).await.unwrap();
        assert_eq!(found.as_ref(), Some(&order), "find");
    }
    let lines = shop.read(&order).await.unwrap().lines;
    let is_known = |line: &crate::merchant::OrderLine| {
        let shown = line.reference.as_deref();
        shown.is_some_and(|shown| shown.eq_ignore_ascii_case(&key))
    };
    assert!(
        lines.iter().any(is_known),
        "no line is known by its key: {lines:?}"
    );
    if shop.capabilities().revoke {
        shop.revoke(&order, &key).await.unwrap();
        assert_eq!(shop.read(&order).await.unwrap().total, before, "revoked");
    }
}

/// The same key for a second order is refused, and changes neither.
pub async fn a_key_is_for_one_order_at_a_time(fixture: &dyn Fixture) {
    let (shop, key) = (fixture.open(), key());
    let (one, other) = (fixture.order().await, fixture.order().await);
    let before = shop.read(&other).await.unwrap();
    let Some(reference) = applied(&*shop, &one, &key).await else {
        return;
    };
    let shown = shop.read(&one).await.unwrap();
    let again = shop.apply(&other, &Discount::Amount(WORTH), &key).await;
    let error = again.expect_err("one payment gives two discounts");
    assert!(
        matches!(error.kind(), Kind::AlreadyPerformed | Kind::InputInvalid),
        "{error}"
    );
    assert_eq!(shop.read(&other).await.unwrap().total, before.total);
    assert_eq!(shop.read(&one).await.unwrap(), shown);
    assert_eq!(shop.find(&reference).await.unwrap(), Some(one));
}

/// A second discount takes nothing from the first, and stays when that is taken back. Where an order
/// takes one only, the second is refused for good and by name, and can be given once the first is gone.
pub async fn two_keys_are_two_discounts(fixture: &dyn Fixture) {
    let (shop, order) = (fixture.open(), fixture.order().await);
    let before = shop.read(&order).await.unwrap().total;
    let Some(one) = applied(&*shop, &order, &key()).await else {
        return;
    };
    if shop.capabilities().one_per_order {
        return a_second_is_refused(&*shop, &order, &one, before).await;
    }
    let two = applied(&*shop, &order, &key()).await.unwrap();
    assert_ne!(one, two, "two discounts with one reference");
    let both = shop.read(&order).await.unwrap();
    for reference in [&one, &two] {
        assert_eq!(amounts(&both, reference), [-WORTH], "{both:?}");
    }
    assert_eq!(both.total, before - 2 * WORTH);
    if shop.capabilities().revoke {
        shop.revoke(&order, &one).await.unwrap();
        let left = shop.read(&order).await.unwrap();
        assert_eq!(amounts(&left, &one), [0; 0], "{left:?}");
        assert_eq!(amounts(&left, &two), [-WORTH], "{left:?}");
        assert_eq!(left.total, before - WORTH);
    }
}

async fn a_second_is_refused(shop: &dyn Merchant, order: &OrderId, one: &str, before: i64) {
    let (key, amount) = (key(), Discount::Amount(WORTH));
    let shown = shop.read(order).await.unwrap();
    let second = shop.apply(order, &amount, &key).await;
    let error = second.expect_err("it says that an order takes one discount, and gives two");
    assert_eq!(error.kind(), Kind::InputInvalid, "{error}");
    assert_eq!(error.retry(), Retry::Never, "{error}");
    let left = shop.read(order).await.unwrap();
    assert_eq!(left, shown, "the refused one changed the order");
    assert_eq!(shop.find(&key).await.unwrap(), None, "the refused one");
    if shop.capabilities().revoke {
        shop.revoke(order, one).await.unwrap();
        assert_eq!(shop.read(order).await.unwrap().total, before);
        assert!(applied(shop, order, &key).await.is_some());
        let left = shop.read(order).await.unwrap();
        assert_eq!(left.total, before - WORTH, "{left:?}");
        assert_eq!(amounts(&left, one), [0; 0], "{left:?}");
    }
}

/// Calls at the same time, of two processes, give one discount.
pub async fn many_at_once_give_one_discount(fixture: &dyn Fixture) {
    let (order, key) = (fixture.order().await, key());
    let shops = [fixture.open(), fixture.open()];
    let before = shops[0].read(&order).await.unwrap().total;
    let calls: Vec<_> = (0..4)
        .map(|call| (shops[call % 2].clone(), order.clone(), key.clone()))
        .map(|(shop, order, key)| tokio::spawn(async move { applied(&*shop, &order, &key).await }))
        .collect();
    let mut references = Vec::new();
    for call in calls {
        references.push(call.await.unwrap());
    }
    references.dedup();
    assert_eq!(references.len(), 1, "one key has several references");
    if references[0].is_some() {
        assert_eq!(shops[0].read(&order).await.unwrap().total, before - WORTH);
    }
}

/// What was taken back is no longer read or found, and taking it back again is no error. Its payment
/// is good for another order, and late word of the first one leaves that alone.
pub async fn what_is_revoked_is_gone(fixture: &dyn Fixture) {
    let shop = fixture.open();
    if !shop.capabilities().revoke {
        return;
    }
    let (order, key) = (fixture.order().await, key());
    let before = shop.read(&order).await.unwrap().total;
    let Some(reference) = applied(&*shop, &order, &key).await else {
        return;
    };
    for _ in 0..2 {
        shop.revoke(&order, &reference).await.unwrap();
        let after = shop.read(&order).await.unwrap();
        assert_eq!(
            (after.total, amounts(&after, &reference)),
            (before, Vec::new())
        );
        assert_eq!(shop.find(&reference).await.unwrap(), None);
    }
    let other = fixture.order().await;
    let reference = applied(&*shop, &other, &key).await.unwrap();
    shop.revoke(&order, &reference).await.ok();
    let shown = shop.read(&other).await.unwrap();
    assert_eq!(amounts(&shown, &reference), [-WORTH], "{shown:?}");
    assert_eq!(shop.find(&reference).await.unwrap(), Some(other));
}

/// A code for a customer's next order is one for each key, whoever asks and however often, and belongs
/// to no order before somebody uses it. Who makes no codes says so by name.
pub async fn a_fresh_code_is_one_for_each_key(fixture: &dyn Fixture) {
    let (shop, amount) = (fixture.open(), Discount::Amount(WORTH));
    let (one, other) = (key(), key());
    if !shop.capabilities().creates_codes {
        let error = shop.issue(&amount, &one).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported, "{error}");
        return;
    }
    let order = fixture.order().await;
    let before = shop.read(&order).await.unwrap();
    let code = shop.issue(&amount, &one).await.unwrap();
    assert!((1..=256).contains(&code.len()), "{} bytes", code.len());
    for shop in [&shop, &fixture.open()] {
        let again = shop.issue(&amount, &one).await.unwrap();
        assert_eq!(again, code, "a repetition makes another code");
    }
    let shops = [fixture.open(), fixture.open()];
    let calls: Vec<_> = (0..4)
        .map(|call| (shops[call % 2].clone(), amount.clone(), other.clone()))
        .map(|(shop, amount, key)| tokio::spawn(async move { shop.issue(&amount, &key).await }))
        .collect();
    for call in calls {
        let second = call.await.unwrap().unwrap();
        assert!(
            !second.eq_ignore_ascii_case(&code),
            "two payments have one code"
        );
        let again = shop.issue(&amount, &other).await.unwrap();
        assert_eq!(second, again, "calls at the same time make two codes");
    }
    for key in [&one, &other] {
        assert_eq!(shop.find(key).await.unwrap(), None, "nobody used it yet");
    }
    let after = shop.read(&order).await.unwrap();
    assert_eq!((after.total, after.lines), (before.total, before.lines));
}

/// What it is and offers agrees with what it does.
pub async fn what_it_says_of_itself_is_so(fixture: &dyn Fixture) {
    let shop = fixture.open();
    let (info, offers) = (shop.info(), shop.capabilities());
    assert!(
        info.name.contains('.') && !info.summary.is_empty(),
        "{info:?}"
    );
    let other = fixture.open();
    assert_eq!(
        (info, offers),
        (other.info(), other.capabilities()),
        "every process says the same"
    );
    assert_eq!(
        shop.code(&key()).is_some(),
        offers.creates_codes,
        "who makes codes says which, and nobody else does"
    );
    let unsigned = Request {
        method: "POST",
        query: "",
        headers: &[],
        body: b"{}",
        received_at: Timestamp::EPOCH,
    };
    let verdict = shop.receive(&unsigned).verdict;
    match (offers.webhook, offers.webhook_signed) {
        (true, true) => assert!(
            matches!(&verdict, Verdict::Refused(error) if error.kind() == Kind::WebhookRefused),
            "a call without a signature: {verdict:?}"
        ),
        (true, false) => {}
        (false, _) => assert!(
            matches!(&verdict, Verdict::Refused(error) if error.kind() == Kind::Unsupported),
            "a call to an adapter without webhooks: {verdict:?}"
        ),
    }
    let order = fixture.order().await;
    match shop.orders(None).await {
        Ok((orders, cursor)) => {
            assert!(
                !offers.orders || orders.contains(&order),
                "a new order is not listed"
            );
            let again = fixture.open().orders(cursor).await;
            assert!(again.is_ok(), "its own cursor is not understood: {again:?}");
        }
        Err(error) => assert!(
            !offers.orders && error.kind() == Kind::Unsupported,
            "{error}"
        ),
    }
    let applied = applied(&*shop, &order, &key()).await;
    assert!(
        offers.apply || applied.is_none(),
        "it applies what it says it does not"
    );
}

/// A key that no shop has seen before, of the form that a sale's has.
fn key() -> String {
    hex::encode(&random::bytes::<16>())
}

/// Applies, and gives the reference; `None` if a person has to type it in.
async fn applied(shop: &dyn Merchant, order: &OrderId, key: &str) -> Option<String> {
    given(shop, order, &Discount::Amount(WORTH), key).await
}

async fn given(
    shop: &dyn Merchant,
    order: &OrderId,
    discount: &Discount,
    key: &str,
) -> Option<String> {
    match shop.apply(order, discount, key).await.unwrap() {
        Applied::Applied { reference } => Some(reference),
        Applied::Manual => {
            let offers = shop.capabilities();
            assert!(
                !offers.apply || !offers.changes_open_orders,
                "it says that it applies to open orders"
            );
            None
        }
    }
}

fn amounts(order: &Order, reference: &str) -> Vec<i64> {
    let ours = order
        .lines
        .iter()
        .filter(|line| line.reference.as_deref() == Some(reference));
    ours.map(|line| line.amount).collect()
}

#[cfg(test)]
mod tests;
