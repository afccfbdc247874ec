//! The adapter against a Shopify made from its documentation.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../support/counter.rs"]
mod counter;
#[path = "../support/door.rs"]
mod door;
mod faults;
mod fresh;
mod graph;
mod hooks;
#[path = "../support/listed.rs"]
mod listed;
mod lists;
mod sale;
mod shop;
#[path = "../support/trouble.rs"]
mod trouble;

use std::sync::Arc;

use serde_json::json;
use shop::{CANARY, Shop};
use wom_adapter_pos::{Shopify, ShopifyConfig};
use wom_sdk::{
    Kind, Timestamp,
    instrument::Proven,
    merchant::{Applied, Discount, Merchant as _, OrderId, OrderState},
    testing::conformance::merchant,
};

pub(crate) const FIVE: Discount = Discount::Amount(500);

/// What a discount of this code is known by.
fn known_by(code: &str) -> String {
    code.to_ascii_lowercase().replace("wom-", "")
}

#[tokio::test]
async fn shopify_conforms() {
    let shop = Shop::start().await;
    merchant::conforms(&shop).await;
    assert_eq!(shop.adapter().info().proven, Proven::Documentation);
    assert!(!format!("{:?}", shop.adapter()).contains("canary"));
}

#[tokio::test]
async fn a_draft_gets_one_discount_and_keeps_what_others_put_there() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let draft = shop.draft("OPEN");
    let applied = adapter.apply(&draft, &FIVE, "k1").await.unwrap();
    let code = adapter.code("k1").unwrap();
    assert_eq!(
        applied,
        Applied::Applied {
            reference: known_by(&code)
        }
    );
    let read = adapter.read(&draft).await.unwrap();
    assert_eq!((read.total, read.open, &read.id), (1_900, true, &draft));
    assert_eq!(
        read.lines.iter().map(|line| line.amount).sum::<i64>(),
        1_900
    );
    let sold = shop.sold(&draft);
    assert_eq!(sold.tags, ["counter 3", &code]);
    assert_eq!(sold.attributes.len(), 3);
    assert_eq!(
        sold.attributes[0],
        json!({"key": "gift for", "value": CANARY})
    );
    assert!(shop.codes(&code).is_empty(), "no code is needed");

    // One key is for one order.
    let other = shop.draft("OPEN");
    let error = adapter.apply(&other, &FIVE, "k1").await.unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);
    adapter.revoke(&other, "k1").await.unwrap();
    assert_eq!(adapter.find("k1").await.unwrap(), Some(draft.clone()));

    let share = shop.draft("OPEN");
    adapter
        .apply(&share, &Discount::BasisPoints(1_050), "k2")
        .await
        .unwrap();
    assert_eq!(adapter.read(&share).await.unwrap().total, 2_148);

    // Staff's own discount is not written over, and one draft has one only.
    let staffs = shop.draft("OPEN");
    let theirs = ("Friend".to_owned(), CANARY.to_owned(), 100);
    shop.alter(&staffs, |draft| draft.applied = Some(theirs));
    let error = adapter.apply(&staffs, &FIVE, "k3").await.unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);
    assert!(!format!("{error:?}").contains(CANARY));
    adapter.revoke(&staffs, "k3").await.unwrap();
    let read = adapter.read(&staffs).await.unwrap();
    let others: Vec<_> = read
        .lines
        .iter()
        .map(|line| (line.amount, line.reference.is_some()))
        .collect();
    assert_eq!(
        (read.total, others),
        (2_300, vec![(2_400, false), (-100, false)])
    );

    // Whoever was not answered knows the key only; a key that was taken back gives nothing again.
    adapter.revoke(&draft, "k1").await.unwrap();
    assert_eq!(shop.sold(&draft).total(), 2_400);
    let error = adapter.apply(&draft, &FIVE, "k1").await.unwrap_err();
    assert_eq!(error.kind(), Kind::AlreadyPerformed);
    for wrong in [Discount::Amount(0), Discount::BasisPoints(10_001)] {
        let error = adapter.apply(&share, &wrong, "k4").await.unwrap_err();
        assert_eq!(error.kind(), Kind::InputInvalid);
    }
}

#[tokio::test]
async fn eight_at_once_give_one_discount_or_one_code() {
    for (status, lags) in [("OPEN", false), ("OPEN", true), ("INVOICE_SENT", false)] {
        let shop = Shop::start().await;
        shop.change(|books| books.lags = lags);
        let draft = shop.draft(status);
        // Eight processes have no lock in common.
        let calls: Vec<_> = (0..8)
            .map(|_| (Arc::new(shop.adapter()), draft.clone()))
            .map(|(adapter, draft)| {
                tokio::spawn(async move { adapter.apply(&draft, &FIVE, "k").await })
            })
            .collect();
        for call in calls {
            let applied = call.await.unwrap().unwrap();
            assert_eq!(matches!(applied, Applied::Manual), status != "OPEN");
        }
        let code = shop.adapter().code("k").unwrap();
        let (total, codes) = match status {
            "OPEN" => (1_900, 0),
            _ => (2_400, 1),
        };
        assert_eq!(
            (shop.sold(&draft).total(), shop.codes(&code).len()),
            (total, codes)
        );
    }
}

#[tokio::test]
async fn a_draft_in_its_shoppers_hands_is_not_touched_and_gets_a_code() {
    let shop = Shop::start().await;
    let adapter = Shopify::new(ShopifyConfig {
        combines: false,
        valid_minutes: 60,
        ..shop.config()
    })
    .unwrap();
    let draft = shop.draft("INVOICE_SENT");
    let before = shop.sold(&draft).updated;
    for _ in 0..2 {
        assert_eq!(
            adapter.apply(&draft, &FIVE, "k").await.unwrap(),
            Applied::Manual
        );
    }
    assert_eq!(
        shop.sold(&draft).updated,
        before,
        "it parts from its checkout"
    );
    let code = adapter.code("k").unwrap();
    let [made] = &shop.codes(&code)[..] else {
        panic!()
    };
    assert_eq!(made.input["appliesOncePerCustomer"], false);
    assert_eq!(made.input["combinesWith"]["orderDiscounts"], false);
    let at = |name: &str| {
        made.input[name]
            .as_str()
            .unwrap()
            .parse::<Timestamp>()
            .unwrap()
    };
    assert_eq!(at("endsAt").since(at("startsAt")), 3_600_000);
    assert!(!made.input.to_string().contains("key"), "{}", made.input);
    let other = shop.draft("INVOICE_SENT");
    let error = adapter.apply(&other, &FIVE, "k").await.unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);
    let error = adapter.revoke(&other, "k").await.unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);

    // The shopper enters it in their own spelling, and the draft becomes an order.
    assert_eq!(adapter.find("k").await.unwrap(), None);
    let order = shop.complete(&draft, "PAID", Some(&code.to_lowercase()));
    let applied = adapter.apply(&draft, &FIVE, "k").await.unwrap();
    assert_eq!(
        applied,
        Applied::Applied {
            reference: known_by(&code)
        }
    );
    let read = adapter.read(&draft).await.unwrap();
    assert_eq!((read.total, read.open), (1_900, false));
    assert_eq!(adapter.find("k").await.unwrap(), Some(draft.clone()));
    // The draft does not change any more; what becomes of its order is told by its name all the same.
    let (_, cursor) = adapter.orders(None).await.unwrap();
    shop.change(|books| books.clock += 1_000);
    shop.alter(&order, |order| order.cancelled = true);
    let (found, _) = adapter.orders(cursor).await.unwrap();
    assert!(found.contains(&draft), "{found:?}");
    assert_eq!(adapter.state(&draft).await.unwrap(), OrderState::Cancelled);

    let closed = shop.draft("INVOICE_SENT");
    shop.alter(&closed, |draft| draft.takes_codes = false);
    let error = adapter.apply(&closed, &FIVE, "k2").await.unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);
    // A code that is taken back is switched off, and gives nothing again.
    let off = shop.draft("INVOICE_SENT");
    adapter.apply(&off, &FIVE, "k3").await.unwrap();
    for _ in 0..2 {
        adapter.revoke(&off, "k3").await.unwrap();
    }
    assert!(!shop.codes(&adapter.code("k3").unwrap())[0].lives);
    let error = adapter.apply(&off, &FIVE, "k3").await.unwrap_err();
    assert_eq!(error.kind(), Kind::AlreadyPerformed);
}

#[tokio::test]
async fn a_code_does_not_outlive_the_order_that_was_cancelled() {
    for with_apply in [true, false] {
        let shop = Shop::start().await;
        let adapter = shop.adapter();
        let draft = shop.draft("INVOICE_SENT");
        adapter.apply(&draft, &FIVE, "k").await.unwrap();
        // Its shopper paid without the code, which nobody has used so far.
        let order = shop.complete(&draft, "PAID", None);
        shop.alter(&order, |order| order.cancelled = true);
        let code = adapter.code("k").unwrap();
        assert!(shop.codes(&code)[0].lives);
        match with_apply {
            true => drop(adapter.apply(&draft, &FIVE, "k").await.unwrap_err()),
            false => adapter.revoke(&draft, "k").await.unwrap(),
        }
        assert!(!shop.codes(&code)[0].lives, "{with_apply}");
    }
}

#[tokio::test]
async fn what_a_draft_became_is_read_through_it() {
    for forgets in [false, true] {
        let shop = Shop::start().await;
        shop.change(|books| books.forgets = forgets);
        let adapter = shop.adapter();
        let draft = shop.draft_in("OPEN", "EUR", 2, &[1_000, 1_000, 400]);
        adapter.apply(&draft, &FIVE, "k").await.unwrap();
        assert_eq!(adapter.state(&draft).await.unwrap(), OrderState::Open);
        let order = shop.complete(&draft, "PENDING", None);
        let code = adapter.code("k").unwrap();
        for (status, state) in [
            ("PENDING", OrderState::Closed),
            ("AUTHORIZED", OrderState::Closed),
            ("PAID", OrderState::Paid),
            ("PARTIALLY_REFUNDED", OrderState::Paid),
            ("REFUNDED", OrderState::Refunded),
            ("VOIDED", OrderState::Closed),
            ("SOMETHING_NEW", OrderState::Closed),
        ] {
            shop.alter(&order, |order| order.status = status.to_owned());
            assert_eq!(adapter.state(&draft).await.unwrap(), state, "{status}");
            let read = adapter.read(&draft).await.unwrap();
            assert_eq!((&read.id, read.open), (&draft, false));
            let shown: Vec<_> = read
                .lines
                .iter()
                .filter(|line| line.reference.is_some())
                .collect();
            match state {
                OrderState::Refunded => assert_eq!((read.total, read.lines.len()), (0, 0)),
                _ => assert_eq!(
                    (read.total, shown[0].amount, shown[0].reference.as_ref()),
                    (1_900, -500, Some(&known_by(&code)))
                ),
            }
        }
        // By the order's own name too.
        shop.alter(&order, |order| order.status = "PAID".to_owned());
        assert_eq!(adapter.read(&order).await.unwrap().total, 1_900);
        let error = adapter.apply(&order, &FIVE, "other").await.unwrap_err();
        assert_eq!(error.kind(), Kind::InputInvalid);
        adapter.apply(&draft, &FIVE, "k").await.unwrap();
        // Who has paid keeps the price.
        adapter.revoke(&draft, "k").await.unwrap();
        assert_eq!(adapter.read(&draft).await.unwrap().total, 1_900);
        shop.alter(&order, |order| order.cancelled = true);
        assert_eq!(adapter.read(&draft).await.unwrap().total, 0);
        let error = adapter.apply(&draft, &FIVE, "k").await.unwrap_err();
        assert_eq!(error.kind(), Kind::InputInvalid);
    }
}

#[tokio::test]
async fn long_orders_and_other_currencies_are_read_whole() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let draft = shop.draft_in("OPEN", "EUR", 2, &[100; 120]);
    adapter.apply(&draft, &FIVE, "long").await.unwrap();
    shop.complete(&draft, "PAID", None);
    let read = adapter.read(&draft).await.unwrap();
    assert_eq!((read.lines.len(), read.total), (121, 11_500));
    assert_eq!(
        read.lines.iter().map(|line| line.amount).sum::<i64>(),
        11_500
    );
    // One that is too long to be read whole is not taken for a shorter one.
    let draft = shop.draft_in("OPEN", "EUR", 2, &[100; 1_100]);
    let error = adapter.read(&draft).await.unwrap_err();
    assert_eq!(error.kind(), Kind::LimitExceeded);
    for (currency, decimals, gross, off) in [("JPY", 0, 2_400, 500), ("KWD", 3, 24_005, 5)] {
        let draft = shop.draft_in("OPEN", currency, decimals, &[gross]);
        adapter
            .apply(&draft, &Discount::Amount(off), currency)
            .await
            .unwrap();
        let read = adapter.read(&draft).await.unwrap();
        assert_eq!(
            (read.total, read.currency.as_str()),
            (gross - off, currency)
        );
    }
}

#[tokio::test]
async fn tokens_and_client_secrets_change_while_it_runs() {
    let shop = Shop::start().await;
    let next = shop.dir.path().join("next");
    std::fs::write(&next, "shpat_next").unwrap();
    let mut config = shop.config();
    config.secret_files.push(next);
    let both = Shopify::new(config.clone()).unwrap();
    let draft = shop.draft("OPEN");
    both.read(&draft).await.unwrap();
    shop.change(|books| books.tokens = vec!["shpat_next".to_owned()]);
    both.apply(&draft, &FIVE, "k").await.unwrap();
    let error = shop.adapter().read(&draft).await.unwrap_err();
    assert_eq!(error.kind(), Kind::AccessDenied);
    assert!(!format!("{error:?}").contains("shpat"), "{error:?}");

    // A token of a client secret ends after a day, and is fetched anew.
    config.client_id = Some("client".to_owned());
    std::fs::write(&config.secret_files[0], "old secret & more").unwrap();
    std::fs::write(&config.secret_files[1], "new secret").unwrap();
    let app = Shopify::new(config).unwrap();
    for secret in ["old secret & more", "new secret"] {
        shop.change(|books| {
            books.clients = vec![secret.to_owned()];
            books.tokens.clear();
        });
        for _ in 0..2 {
            app.read(&draft).await.unwrap();
        }
    }
    shop.change(|books| (books.clients.clear(), books.tokens.clear()));
    let error = app.read(&draft).await.unwrap_err();
    assert_eq!(error.kind(), Kind::AccessDenied);
    let shown = format!("{error:?}");
    assert!(
        !shown.contains("secret &") && !shown.contains(CANARY),
        "{shown}"
    );
}

#[tokio::test]
async fn another_version_than_was_asked_for_is_told() {
    let shop = Shop::start().await;
    let draft = shop.draft("OPEN");
    let current = shop.adapter();
    assert_eq!(current.answered_version(), None);
    current.read(&draft).await.unwrap();
    assert_eq!(current.answered_version().as_deref(), Some("2026-10"));
    let old = Shopify::new(ShopifyConfig {
        version: "2024-07".to_owned(),
        ..shop.config()
    })
    .unwrap();
    old.read(&draft).await.unwrap();
    assert_eq!(old.answered_version().as_deref(), Some("2026-01"));
    for wrong in ["", "latest", "2026-1", "2026/10", "../../x"] {
        let config = ShopifyConfig {
            version: wrong.to_owned(),
            ..shop.config()
        };
        let error = Shopify::new(config).map(drop).unwrap_err();
        assert_eq!(error.kind(), Kind::ConfigurationInvalid, "{wrong}");
    }
    let open = Shopify::new(ShopifyConfig {
        endpoint: "http://name.myshopify.com".to_owned(),
        ..shop.config()
    });
    assert_eq!(open.map(drop).unwrap_err().kind(), Kind::InsecureTransport);
}

pub(crate) fn unknown() -> OrderId {
    OrderId("gid://shopify/DraftOrder/999999999".to_owned())
}

#[tokio::test]
async fn two_changes_within_a_second_are_two_versions() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let draft = shop.draft("OPEN");
    let change = |change: fn(&mut shop::Sold)| {
        shop.change(|books| books.drafts.values_mut().for_each(change));
    };
    let first = adapter.read(&draft).await.unwrap().version;
    assert_eq!(adapter.read(&draft).await.unwrap().version, first);
    change(|sold| sold.lines[0] += 100);
    let dearer = adapter.read(&draft).await.unwrap().version;
    assert_ne!(dearer, first);
    change(|sold| sold.cancelled = true);
    change(|sold| sold.status = "COMPLETED".to_owned());
    assert_ne!(adapter.read(&draft).await.unwrap().version, dearer);
}
