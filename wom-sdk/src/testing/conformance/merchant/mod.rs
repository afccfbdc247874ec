//! What every [`Merchant`] must do: a shop in which a sale can rest on what it says.
//!
//! Run [`all`] in a test of your own, against the real shop where you can. Each topic takes orders of
//! its own from the [`Fixture`], so the shop may have others. A shop that makes mistakes only when it is
//! asked from several sides needs more tests than these.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    Kind, Retry, hex,
    merchant::{Applied, Discount, Merchant, Order, OrderId},
    protocol::random,
};

/// What every order costs, in the currency's smallest unit.
pub const TOTAL: i64 = 2400;

/// The shop that is held to it.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// The adapter, as a new process would make it: it remembers nothing of its own.
    fn open(&self) -> Arc<dyn Merchant>;

    /// A new order of [`TOTAL`] without discounts, to which the adapter can apply one by itself.
    async fn order(&self) -> OrderId;

    /// The name of an order that the shop does not have.
    fn unknown(&self) -> OrderId;
}

/// Every topic, one after the other.
///
/// # Panics
/// Where the adapter does not do what it must.
pub async fn all(shop: &dyn Fixture) {
    what_it_is_and_what_it_offers_agree(shop).await;
    an_unknown_order_is_a_clear_error(shop).await;
    reading_shows_what_applying_said(shop).await;
    applying_twice_with_one_key_is_applying_once(shop).await;
    a_discount_is_found_by_its_reference(shop).await;
    two_keys_are_two_discounts(shop).await;
    a_discount_is_never_more_than_the_order(shop).await;
    what_is_revoked_is_gone(shop).await;
}

/// Name, summary and capabilities are there, do not change, and are kept.
///
/// # Panics
/// Where they are not.
pub async fn what_it_is_and_what_it_offers_agree(shop: &dyn Fixture) {
    let merchant = shop.open();
    let info = merchant.info();
    let is_name = info.name.contains('.')
        && info
            .name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'.' | b'-'));
    assert!(is_name, "a name such as pos.shop, not {:?}", info.name);
    assert!(!info.summary.is_empty(), "a summary for people");
    assert_eq!(info, shop.open().info(), "every process says the same");
    let can = merchant.capabilities();
    assert_eq!(
        can,
        shop.open().capabilities(),
        "every process offers the same"
    );
    assert!(
        can.apply == (can.change_open || can.change_paid),
        "who applies says to which orders, and nobody else does: {can:?}"
    );
    assert_eq!(
        merchant.code("k1").is_some(),
        can.codes,
        "who makes codes says which, and nobody else does"
    );
    let id = shop.order().await;
    match merchant.orders(None).await {
        Ok((orders, cursor)) => {
            assert!(can.orders, "orders are listed, and capabilities deny it");
            assert!(
                orders.contains(&id),
                "a new order is among those that changed"
            );
            let again = shop.open().orders(cursor).await;
            assert!(again.is_ok(), "its own cursor is understood: {again:?}");
        }
        Err(error) => {
            assert!(
                !can.orders,
                "orders are listed by its capabilities: {error:?}"
            );
            assert_eq!(error.kind(), Kind::Unsupported);
        }
    }
}

/// Reading, applying and revoking tell that there is no such order, and that asking again is of no use.
///
/// # Panics
/// Where they do not.
pub async fn an_unknown_order_is_a_clear_error(shop: &dyn Fixture) {
    let (merchant, id, key) = (shop.open(), shop.unknown(), key());
    let answers = [
        ("read", merchant.read(&id).await.map(drop)),
        (
            "apply",
            merchant
                .apply(&id, &Discount::Amount(100), &key)
                .await
                .map(drop),
        ),
        ("revoke", merchant.revoke(&id, &key).await),
    ];
    for (what, answer) in answers {
        let Err(error) = answer else {
            panic!("{what} of an unknown order succeeds");
        };
        assert_eq!(error.kind(), Kind::InputInvalid, "{what}: {error:?}");
        assert_eq!(error.retry(), Retry::Never, "{what}: {error:?}");
    }
    let found = merchant.find(&key).await;
    assert!(matches!(found, Ok(None)), "nothing was applied: {found:?}");
}

/// The order's own reading shows the discount under its reference, and a total that is lower by it.
///
/// # Panics
/// Where it does not.
pub async fn reading_shows_what_applying_said(shop: &dyn Fixture) {
    for discount in [Discount::Amount(500), Discount::BasisPoints(1000)] {
        let (merchant, id, key) = (shop.open(), shop.order().await, key());
        let before = read(&*merchant, &id).await;
        assert_eq!(
            (before.id.clone(), before.total, before.open),
            (id.clone(), TOTAL, true)
        );
        let reference = apply(&*merchant, &id, &discount, &key).await;
        let after = read(&*shop.open(), &id).await;
        assert_eq!(
            reduction(&after, &reference),
            discount.of(TOTAL),
            "{after:?}"
        );
        assert_eq!(after.total, TOTAL - discount.of(TOTAL), "{after:?}");
        assert_ne!(
            after.version, before.version,
            "a change changes the version"
        );
        assert_eq!(after.currency, before.currency);
        let lines: i64 = after.lines.iter().map(|line| line.amount).sum();
        assert_eq!(lines, after.total, "the lines make up the total");
        let own = |line: &crate::merchant::OrderLine| {
            let shown = line.reference.as_deref();
            shown.is_none_or(|shown| shown == reference && shown.eq_ignore_ascii_case(&key))
        };
        assert!(
            after.lines.iter().all(own),
            "a reference is the key, so that it is known after a crash: {after:?}"
        );
    }
}

/// The same key again, by another process, in between and at once, changes nothing.
///
/// # Panics
/// Where it does.
pub async fn applying_twice_with_one_key_is_applying_once(shop: &dyn Fixture) {
    let (merchant, id, key) = (shop.open(), shop.order().await, key());
    let discount = Discount::Amount(500);
    let first = apply(&*merchant, &id, &discount, &key).await;
    let once = read(&*merchant, &id).await;
    for _ in 0..3 {
        assert_eq!(apply(&*shop.open(), &id, &discount, &key).await, first);
    }
    assert_eq!(
        read(&*merchant, &id).await,
        once,
        "a repetition changes nothing"
    );

    let (id, key) = (shop.order().await, self::key());
    let asked: Vec<_> = (0..5)
        .map(|_| {
            let (merchant, id, key) = (Arc::clone(&merchant), id.clone(), key.clone());
            tokio::spawn(async move { merchant.apply(&id, &Discount::Amount(500), &key).await })
        })
        .collect();
    for answer in asked {
        let answer = answer.await;
        assert!(
            matches!(answer, Ok(Ok(Applied::Applied { .. }))),
            "{answer:?}"
        );
    }
    assert_eq!(
        read(&*merchant, &id).await.total,
        TOTAL - 500,
        "five at once"
    );
}

/// A process that knows nothing finds the order by the reference, and by the key.
///
/// # Panics
/// Where it does not.
pub async fn a_discount_is_found_by_its_reference(shop: &dyn Fixture) {
    let (merchant, id, key) = (shop.open(), shop.order().await, key());
    shop.order().await;
    let found = merchant.find(&key).await;
    assert!(
        matches!(found, Ok(None)),
        "nothing is applied yet: {found:?}"
    );
    let reference = apply(&*merchant, &id, &Discount::Amount(100), &key).await;
    for name in [reference, key] {
        let found = shop.open().find(&name).await;
        assert!(
            matches!(&found, Ok(Some(found)) if *found == id),
            "{found:?}"
        );
    }
}

/// A second discount takes nothing from the first.
///
/// # Panics
/// Where it does.
pub async fn two_keys_are_two_discounts(shop: &dyn Fixture) {
    let (merchant, id) = (shop.open(), shop.order().await);
    let (one, two) = (key(), key());
    let one = apply(&*merchant, &id, &Discount::Amount(500), &one).await;
    let two = apply(&*merchant, &id, &Discount::Amount(300), &two).await;
    let order = read(&*merchant, &id).await;
    assert_eq!(
        (reduction(&order, &one), reduction(&order, &two)),
        (500, 300)
    );
    assert_eq!(order.total, TOTAL - 800);
    merchant
        .revoke(&id, &one)
        .await
        .unwrap_or_else(|error| panic!("{error:?}"));
    let order = read(&*merchant, &id).await;
    assert_eq!((reduction(&order, &one), reduction(&order, &two)), (0, 300));
}

/// More than everything is everything.
///
/// # Panics
/// Where it is more.
pub async fn a_discount_is_never_more_than_the_order(shop: &dyn Fixture) {
    let (merchant, id, key) = (shop.open(), shop.order().await, key());
    let reference = apply(&*merchant, &id, &Discount::Amount(TOTAL + 1), &key).await;
    let order = read(&*merchant, &id).await;
    assert_eq!((order.total, reduction(&order, &reference)), (0, TOTAL));
}

/// After revoking, the order costs what it did, nothing is found, and revoking again does no harm.
///
/// # Panics
/// Where that is not so.
pub async fn what_is_revoked_is_gone(shop: &dyn Fixture) {
    let (merchant, id, key) = (shop.open(), shop.order().await, key());
    if !merchant.capabilities().revoke {
        return;
    }
    let reference = apply(&*merchant, &id, &Discount::Amount(500), &key).await;
    for _ in 0..2 {
        let revoked = shop.open().revoke(&id, &reference).await;
        assert!(revoked.is_ok(), "{revoked:?}");
        let order = read(&*merchant, &id).await;
        assert_eq!(
            (order.total, reduction(&order, &reference)),
            (TOTAL, 0),
            "{order:?}"
        );
        let found = merchant.find(&reference).await;
        assert!(matches!(found, Ok(None)), "{found:?}");
    }
    // The payment is still good for another order.
    let other = shop.order().await;
    let reference = apply(&*merchant, &other, &Discount::Amount(500), &key).await;
    let order = read(&*merchant, &other).await;
    assert_eq!(reduction(&order, &reference), 500);
}

/// A key that no shop has seen before, of the form that a sale's has.
fn key() -> String {
    hex::encode(&random::bytes::<16>())
}

async fn read(merchant: &dyn Merchant, id: &OrderId) -> Order {
    let read = merchant.read(id).await;
    read.unwrap_or_else(|error| panic!("the order can be read: {error:?}"))
}

async fn apply(merchant: &dyn Merchant, id: &OrderId, discount: &Discount, key: &str) -> String {
    match merchant.apply(id, discount, key).await {
        Ok(Applied::Applied { reference }) => reference,
        other => panic!("the discount is applied: {other:?}"),
    }
}

/// By how much the discounts with this reference lower the order.
fn reduction(order: &Order, reference: &str) -> i64 {
    let lines = order.lines.iter();
    let own = lines.filter(|line| line.reference.as_deref() == Some(reference));
    own.map(|line| -line.amount).sum()
}

#[cfg(test)]
mod tests;
