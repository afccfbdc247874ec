//! Whatever goes wrong at whichever call: nothing is given twice, and the advice is right.

use std::time::Duration;

use wom_sdk::{
    Error, Kind, Retry,
    merchant::{Applied, Merchant as _, OrderId},
};

use crate::{
    FIVE,
    shop::{CANARY, Shop},
    trouble::Trouble,
    unknown,
};

const THROTTLED: &str = r#"{"errors":[{"message":"Throttled","extensions":{"code":"THROTTLED"}}],"extensions":{"cost":{"requestedQueryCost":752,"actualQueryCost":null,"throttleStatus":{"maximumAvailable":1000.0,"currentlyAvailable":602,"restoreRate":50.0}}}}"#;

/// The calls of `apply` to a draft of staff's, and to one in its shopper's hands; how many of them only
/// read; and which come a second time.
const STAFFS: [&str; 5] = [
    "{draftOrder(id:$id){id",
    "codeDiscountNodeByCode",
    "draftOrders(",
    "{draftOrder(id:$id){tags",
    "draftOrderUpdate",
];
const SHOPPERS: [&str; 5] = [
    "{draftOrder(id:$id){id",
    "codeDiscountNodeByCode",
    "draftOrders(",
    "discountCodeBasicCreate",
    "codeDiscountNodeByCode",
];
const READS: usize = 3;

fn is_clean(error: &Error) {
    let shown = format!("{error:?} {error}");
    for secret in [CANARY, "canary", "shpat", "127.0.0.1"] {
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
        Trouble::Status(200, None, THROTTLED),
    ] {
        for (status, calls) in [("OPEN", STAFFS), ("INVOICE_SENT", SHOPPERS)] {
            for which in 0..calls.len() {
                let shop = Shop::start().await;
                let adapter = shop.adapter();
                let draft = shop.draft(status);
                if calls[..which].contains(&calls[which]) {
                    shop.troubles.next(calls[which], Trouble::None);
                }
                shop.troubles.next(calls[which], trouble.clone());
                let error = adapter.apply(&draft, &FIVE, "k").await.unwrap_err();
                // Once something may be written, nobody may take it for not done.
                let wrote = which >= READS;
                let (kind, retry) = match trouble {
                    Trouble::Huge => (Kind::LimitExceeded, Retry::Never),
                    Trouble::Status(429 | 200, ..) => (Kind::RateLimited, Retry::Safe),
                    _ => (Kind::OutcomeUnknown, Retry::SameKey),
                };
                let retry = if wrote { Retry::SameKey } else { retry };
                assert_eq!(
                    (error.kind(), error.retry()),
                    (kind, retry),
                    "{which} {error}"
                );
                is_clean(&error);
                assert!(shop.troubles.are_over(), "{status} {which}");
                for _ in 0..2 {
                    adapter.apply(&draft, &FIVE, "k").await.unwrap();
                }
                let code = adapter.code("k").unwrap();
                match status {
                    "OPEN" => assert_eq!(shop.sold(&draft).total(), 1_900, "{which} {trouble:?}"),
                    _ => assert_eq!(shop.codes(&code).len(), 1, "{which} {trouble:?}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_taken_back_is_gone_whichever_answer_is_lost() {
    for (status, calls) in [
        (
            "OPEN",
            &[
                "codeDiscountNodeByCode",
                "{draftOrder(id",
                "draftOrderUpdate",
            ][..],
        ),
        (
            "INVOICE_SENT",
            &[
                "codeDiscountNodeByCode",
                "discountCodeDeactivate",
                "{draftOrder(id",
            ],
        ),
    ] {
        for call in calls {
            let shop = Shop::start().await;
            let adapter = shop.adapter();
            let draft = shop.draft(status);
            adapter.apply(&draft, &FIVE, "k").await.unwrap();
            shop.troubles.next(call, Trouble::Lost);
            let error = adapter.revoke(&draft, "k").await.unwrap_err();
            assert_eq!(error.retry(), Retry::SameKey, "{call}");
            adapter.revoke(&draft, "k").await.unwrap();
            assert_eq!(shop.sold(&draft).total(), 2_400, "{call}");
            let codes = shop.codes(&adapter.code("k").unwrap());
            assert!(codes.iter().all(|code| !code.lives), "{call}");
        }
    }
}

#[tokio::test]
async fn a_code_that_is_made_with_an_error_is_found_and_not_made_again() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let draft = shop.draft("INVOICE_SENT");
    shop.change(|books| books.lies = 1);
    assert_eq!(
        adapter.apply(&draft, &FIVE, "k").await.unwrap(),
        Applied::Manual
    );
    assert_eq!(shop.codes(&adapter.code("k").unwrap()).len(), 1);
}

#[tokio::test]
async fn what_the_shop_refuses_is_told_with_the_right_advice() {
    use Kind::{AccessDenied, ConfigurationInvalid, OutcomeUnknown, RateLimited, Unsupported};
    let fault = |code: &str| {
        let words = format!(
            r#"{{"errors":[{{"message":"Sara Bianchi","extensions":{{"code":"{code}"}}}}]}}"#
        );
        &*words.leak()
    };
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let draft = shop.draft("OPEN");
    for (status, after, words, kind, retry) in [
        (200, Some(3), THROTTLED, RateLimited, Retry::Safe),
        (
            200,
            None,
            fault("ACCESS_DENIED"),
            AccessDenied,
            Retry::Never,
        ),
        (
            200,
            None,
            fault("SHOP_INACTIVE"),
            AccessDenied,
            Retry::Never,
        ),
        (
            200,
            None,
            fault("MAX_COST_EXCEEDED"),
            Unsupported,
            Retry::Never,
        ),
        (
            200,
            None,
            fault("undefinedField"),
            ConfigurationInvalid,
            Retry::Never,
        ),
        (
            200,
            None,
            fault("INTERNAL_SERVER_ERROR"),
            OutcomeUnknown,
            Retry::SameKey,
        ),
        (200, None, fault("TIMEOUT"), OutcomeUnknown, Retry::SameKey),
        (
            200,
            None,
            fault("Sara Bianchi"),
            OutcomeUnknown,
            Retry::SameKey,
        ),
        (
            200,
            None,
            r#"{"errors":"Sara Bianchi"}"#,
            OutcomeUnknown,
            Retry::SameKey,
        ),
        (
            200,
            None,
            r#"{"data":{"draftOrder":{"id":"Sara Bianchi"}}}"#,
            OutcomeUnknown,
            Retry::SameKey,
        ),
        (
            200,
            None,
            r#"{"data":null}"#,
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
        (301, None, "", ConfigurationInvalid, Retry::Never),
        (
            400,
            None,
            "Sara Bianchi",
            ConfigurationInvalid,
            Retry::Never,
        ),
        (401, None, "Sara Bianchi", AccessDenied, Retry::Never),
        (402, None, "", AccessDenied, Retry::Never),
        (403, None, "", AccessDenied, Retry::Never),
        (404, None, "", ConfigurationInvalid, Retry::Never),
        (423, None, "", AccessDenied, Retry::Never),
        (429, Some(2), "", RateLimited, Retry::Safe),
        (430, None, "", RateLimited, Retry::Safe),
        (500, None, "", OutcomeUnknown, Retry::SameKey),
        (503, Some(10), "", OutcomeUnknown, Retry::SameKey),
        (504, None, "", OutcomeUnknown, Retry::SameKey),
    ] {
        let header = after.filter(|_| status != 200);
        shop.troubles
            .next("draftOrder", Trouble::Status(status, header, words));
        let error = adapter.read(&draft).await.unwrap_err();
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
            .read(&OrderId("gid://shopify/Customer/1".to_owned()))
            .await
            .unwrap_err(),
        adapter.revoke(&unknown(), "k").await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), Kind::InputInvalid, "{error}");
    }
    // A draft that somebody completes meanwhile.
    let refused = r#"{"data":{"draftOrderUpdate":{"draftOrder":null,"userErrors":[{"field":["input","status"],"message":"Sara Bianchi"}]}}}"#;
    shop.troubles
        .next("draftOrderUpdate", Trouble::Status(200, None, refused));
    let error = adapter.apply(&draft, &FIVE, "k").await.unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);
    assert!(error.to_string().contains("field status"), "{error}");
    is_clean(&error);
    // Nothing is left of a draft: the discount gives nothing.
    let free = shop.draft_in("OPEN", "EUR", 2, &[0]);
    let error = adapter.apply(&free, &FIVE, "free").await.unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);
    // The shop takes its time to work it out.
    shop.alter(&free, |draft| {
        (draft.ready, draft.attributes) = (false, Vec::new())
    });
    let error = adapter.apply(&free, &FIVE, "free").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (OutcomeUnknown, Retry::SameKey)
    );
}

#[tokio::test]
async fn a_shop_that_is_silent_or_gone_is_not_waited_for() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let draft = shop.draft("OPEN");
    shop.troubles.next("draftOrderUpdate", Trouble::Silent);
    let error = adapter.apply(&draft, &FIVE, "k").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (Kind::OutcomeUnknown, Retry::SameKey)
    );
    is_clean(&error);
    adapter.apply(&draft, &FIVE, "k").await.unwrap();

    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = shop.config();
    config.endpoint = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let adapter = wom_adapter_pos::Shopify::new(config).unwrap();
    let error = adapter.apply(&draft, &FIVE, "k").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (Kind::NetworkUnreachable, Retry::Safe)
    );
    is_clean(&error);
}
