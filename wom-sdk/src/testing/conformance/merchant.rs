//! What every [`Merchant`] must do, whatever its shop is.
//!
//! An adapter of your own passes all of it with a [`Fixture`] and one call of [`conforms`].

#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a conformance test fails by panicking"
)]

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    Kind,
    instrument::{Request, Verdict},
    merchant::{Applied, Discount, Merchant, Order, OrderId},
    time::Timestamp,
};

/// What each discount is worth here, in the currency's smallest unit.
const WORTH: i64 = 300;

/// Makes what is tested.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// One more adapter of the same shop, as another process has it.
    fn open(&self) -> Arc<dyn Merchant>;

    /// A new order that is open to a discount, with a total of more than 10.00.
    async fn order(&self) -> OrderId;
}

/// All topics, one after the other.
pub async fn conforms(fixture: &dyn Fixture) {
    an_unknown_order_is_a_clear_error(fixture).await;
    a_key_gives_one_discount(fixture).await;
    many_at_once_give_one_discount(fixture).await;
    what_is_revoked_is_gone(fixture).await;
    what_it_says_of_itself_is_so(fixture).await;
}

/// An order that is not there is the caller's mistake, by name, and nothing is made for it.
pub async fn an_unknown_order_is_a_clear_error(fixture: &dyn Fixture) {
    let shop = fixture.open();
    let nobodys = OrderId("999999999".to_owned());
    let read = shop
        .read(&nobodys)
        .await
        .expect_err("read of an unknown order");
    assert_eq!(read.kind(), Kind::InputInvalid, "read: {read}");
    let amount = Discount::Amount(WORTH);
    let applied = shop.apply(&nobodys, &amount, "conformance unknown").await;
    let error = applied.expect_err("apply to an unknown order");
    assert_eq!(error.kind(), Kind::InputInvalid, "apply: {error}");
    let found = shop.find("nobody's reference").await.unwrap();
    assert_eq!(found, None, "a reference that was never given");
}

/// However often one key is applied, by whichever process: one discount, which read and find show.
pub async fn a_key_gives_one_discount(fixture: &dyn Fixture) {
    let shop = fixture.open();
    let order = fixture.order().await;
    let before = shop.read(&order).await.unwrap();
    assert!(before.open, "the fixture's order is not open");
    let Some(reference) = applied(&*shop, &order, "conformance twice").await else {
        return;
    };
    let once = shop.read(&order).await.unwrap();
    assert_eq!(once.total, before.total - WORTH, "the total after one call");
    assert_ne!(
        once.version, before.version,
        "the version tells of the change"
    );
    assert_eq!(
        amounts(&once, &reference),
        [-WORTH],
        "lines with the reference"
    );
    assert_eq!(
        shop.find(&reference).await.unwrap().as_ref(),
        Some(&order),
        "find"
    );
    let other = fixture.open();
    for shop in [&shop, &other] {
        let again = applied(&**shop, &order, "conformance twice").await;
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

/// Calls at the same time, of two processes, give one discount.
pub async fn many_at_once_give_one_discount(fixture: &dyn Fixture) {
    let order = fixture.order().await;
    let shops = [fixture.open(), fixture.open()];
    let before = shops[0].read(&order).await.unwrap().total;
    let calls: Vec<_> = (0..4)
        .map(|call| (shops[call % 2].clone(), order.clone()))
        .map(|(shop, order)| {
            tokio::spawn(async move { applied(&*shop, &order, "conformance race").await })
        })
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

/// What was taken back is no longer read or found, and taking it back again is no error.
pub async fn what_is_revoked_is_gone(fixture: &dyn Fixture) {
    let shop = fixture.open();
    if !shop.capabilities().revoke {
        return;
    }
    let order = fixture.order().await;
    let before = shop.read(&order).await.unwrap().total;
    let Some(reference) = applied(&*shop, &order, "conformance revoked").await else {
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
}

/// What it is and offers agrees with what it does.
pub async fn what_it_says_of_itself_is_so(fixture: &dyn Fixture) {
    let shop = fixture.open();
    let (info, offers) = (shop.info(), shop.capabilities());
    assert!(
        info.name.contains('.') && !info.summary.is_empty(),
        "{info:?}"
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
        Ok((orders, _)) => assert!(
            !offers.orders || orders.contains(&order),
            "a new order is not listed"
        ),
        Err(error) => assert!(
            !offers.orders && error.kind() == Kind::Unsupported,
            "{error}"
        ),
    }
    let applied = applied(&*shop, &order, "conformance itself").await;
    assert!(
        offers.apply || applied.is_none(),
        "it applies what it says it does not"
    );
}

/// Applies, and gives the reference; `None` if a person has to type it in.
async fn applied(shop: &dyn Merchant, order: &OrderId, key: &str) -> Option<String> {
    match shop
        .apply(order, &Discount::Amount(WORTH), key)
        .await
        .unwrap()
    {
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
