//! Whatever goes wrong at whichever call: nothing is given twice, and the advice is right.

use std::time::Duration;

use wom_sdk::{
    Error, Kind, Result, Retry,
    merchant::{Merchant as _, OrderId},
};

use crate::{
    FIVE,
    shop::{CANARY, Shop},
    trouble::Trouble,
    unknown,
};

/// The calls of `apply`, in their order.
const APPLY: [&str; 7] = [
    "GET /wp-json/wc/v3/orders/",
    "GET /wp-json/wc/v3/coupons?code=",
    "POST /wp-json/wc/v3/coupons?",
    "GET /wp-json/wc/v3/coupons?code=",
    "GET /wp-json/wc/v3/coupons?search=",
    "POST /wp-json/wc/v3/orders/",
    "GET /wp-json/wc/v3/orders/",
];

fn is_clean(error: &Error) {
    let shown = format!("{error:?} {error}");
    for secret in [CANARY, "canary", "ck_", "cs_", "127.0.0.1"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_at_any_call_costs_nothing() {
    for trouble in [
        Trouble::Lost,
        Trouble::Huge,
        Trouble::Status(500, None, "<html>"),
        Trouble::Status(429, Some(7), "{}"),
    ] {
        for which in 0..APPLY.len() {
            let shop = Shop::start().await;
            let adapter = shop.adapter();
            let order = shop.make("pending");
            if APPLY[..which].contains(&APPLY[which]) {
                shop.troubles.next(APPLY[which], Trouble::None);
            }
            shop.troubles.next(APPLY[which], trouble.clone());
            let error = adapter.apply(&order, &FIVE, "k").await.unwrap_err();
            // Once something was written, nobody may take it for not done.
            let wrote = which > 1;
            let expected = match trouble {
                Trouble::Huge if !wrote => (Kind::LimitExceeded, Retry::Never),
                Trouble::Huge => (Kind::LimitExceeded, Retry::SameKey),
                Trouble::Status(429, ..) if !wrote => (Kind::RateLimited, Retry::Safe),
                Trouble::Status(429, ..) => (Kind::RateLimited, Retry::SameKey),
                _ => (Kind::OutcomeUnknown, Retry::SameKey),
            };
            assert_eq!((error.kind(), error.retry()), expected, "{which} {error}");
            is_clean(&error);
            assert!(shop.troubles.are_over(), "{which}");
            for _ in 0..2 {
                adapter.apply(&order, &FIVE, "k").await.unwrap();
            }
            assert_eq!(shop.order(&order).total(), 1_900, "{which} {trouble:?}");
            assert_eq!(shop.order(&order).coupons.len(), 1);
            assert_eq!(shop.count(&adapter.code("k").unwrap()), 1);
        }
    }
}

#[tokio::test]
async fn what_is_taken_back_is_gone_whichever_answer_is_lost() {
    for call in [
        "GET /wp-json/wc/v3/orders/",
        "GET /wp-json/wc/v3/coupons?code=",
        "DELETE /wp-json/wc/v3/coupons/",
        "POST /wp-json/wc/v3/orders/",
    ] {
        let shop = Shop::start().await;
        let adapter = shop.adapter();
        let order = shop.make("pending");
        adapter.apply(&order, &FIVE, "k").await.unwrap();
        shop.troubles.next(call, Trouble::Lost);
        let error = adapter.revoke(&order, "k").await.unwrap_err();
        assert_eq!(error.retry(), Retry::SameKey, "{call}");
        adapter.revoke(&order, "k").await.unwrap();
        assert_eq!(shop.order(&order).total(), 2_400, "{call}");
        assert_eq!(shop.count(&adapter.code("k").unwrap()), 0, "{call}");
    }
}

#[tokio::test]
async fn what_the_shop_refuses_is_told_with_the_right_advice() {
    use Kind::{AccessDenied, ConfigurationInvalid, InputInvalid, OutcomeUnknown, RateLimited};
    const DENIED: &str = r#"{"code":"woocommerce_rest_cannot_view","message":"Sara Bianchi"}"#;
    const NO_ROUTE: &str = r#"{"code":"rest_no_route","message":"Sara Bianchi"}"#;
    const PARAMETER: &str = r#"{"code":"rest_invalid_param","message":"Sara Bianchi"}"#;
    const SPOILT: &str = r#"{"code":"Sara Bianchi!","message":"Sara Bianchi"}"#;
    const CRITICAL: &str = r#"{"code":"internal_server_error","message":"Sara Bianchi"}"#;
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let order = shop.make("pending");
    for (status, after, words, kind, retry) in [
        (400, None, PARAMETER, InputInvalid, Retry::Never),
        (400, None, SPOILT, InputInvalid, Retry::Never),
        (401, None, DENIED, AccessDenied, Retry::Never),
        (403, None, DENIED, AccessDenied, Retry::Never),
        (403, None, "<html>Sara Bianchi", AccessDenied, Retry::Never),
        (404, None, NO_ROUTE, ConfigurationInvalid, Retry::Never),
        (
            404,
            None,
            "<html>Sara Bianchi",
            ConfigurationInvalid,
            Retry::Never,
        ),
        (301, None, "", ConfigurationInvalid, Retry::Never),
        (413, None, "", ConfigurationInvalid, Retry::Never),
        (429, Some(30), "", RateLimited, Retry::Safe),
        (408, None, "", OutcomeUnknown, Retry::SameKey),
        (500, None, CRITICAL, OutcomeUnknown, Retry::SameKey),
        (502, None, "", OutcomeUnknown, Retry::SameKey),
        (
            503,
            Some(600),
            "<html>maintenance",
            OutcomeUnknown,
            Retry::SameKey,
        ),
        (
            200,
            None,
            "<html>Sara Bianchi",
            OutcomeUnknown,
            Retry::SameKey,
        ),
        (
            200,
            None,
            r#"{"id":"Sara Bianchi"}"#,
            OutcomeUnknown,
            Retry::SameKey,
        ),
    ] {
        shop.troubles
            .next("GET", Trouble::Status(status, after, words));
        let error = adapter.read(&order).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.retry()),
            (kind, retry),
            "{status}: {error}"
        );
        let pause = after.map(|after| Duration::from_secs(after.into()));
        assert_eq!(error.retry_after(), pause, "{status}");
        is_clean(&error);
    }
    for error in [
        adapter.read(&unknown()).await.unwrap_err(),
        adapter
            .read(&OrderId("../coupons".to_owned()))
            .await
            .unwrap_err(),
        adapter.revoke(&unknown(), "k").await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), InputInvalid, "{error}");
    }
    // A coupon that is used up is not taken, and said so.
    adapter.apply(&order, &FIVE, "k").await.unwrap();
    shop.alter(&order, |order| order.coupons.clear());
    let error = adapter.apply(&order, &FIVE, "k").await.unwrap_err();
    assert_eq!(error.kind(), InputInvalid, "{error}");
    assert!(
        error
            .to_string()
            .contains("woocommerce_rest_invalid_coupon"),
        "{error}"
    );
    is_clean(&error);
    // Nothing is left of an order: the code gives nothing.
    let free = shop.make_in("pending", "EUR", 2, 0);
    let error = adapter.apply(&free, &FIVE, "free").await.unwrap_err();
    assert_eq!(error.kind(), InputInvalid, "{error}");
}

#[tokio::test]
async fn a_shop_that_is_silent_or_gone_is_not_waited_for() -> Result<()> {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let order = shop.make("pending");
    shop.troubles.next("POST", Trouble::Silent);
    let error = adapter.apply(&order, &FIVE, "k").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (Kind::OutcomeUnknown, Retry::SameKey)
    );
    is_clean(&error);
    adapter.apply(&order, &FIVE, "k").await?;
    assert_eq!(shop.order(&order).total(), 1_900);

    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = shop.config();
    config.endpoint = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let adapter = wom_adapter_pos::WooCommerce::new(config)?;
    let error = adapter.apply(&order, &FIVE, "k").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (Kind::NetworkUnreachable, Retry::Safe)
    );
    is_clean(&error);
    Ok(())
}
