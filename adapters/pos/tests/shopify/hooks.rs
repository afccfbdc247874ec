//! Messages of the shop, at the adapter's door.

use wom_adapter_pos::{Shopify, ShopifyConfig};
use wom_sdk::{
    Kind, Timestamp,
    instrument::{Hint, Received, Request, Verdict},
    merchant::Merchant as _,
    webhook::{self, Scheme},
};

const ORDER: &str = r#"{"id":820,"admin_graphql_api_id":"gid://shopify/Order/820","email":"sara@example.org","note_attributes":[{"name":"gift for","value":"Sara"}]}"#;

fn adapter(secrets: &[&str]) -> Shopify {
    let folder = tempfile::tempdir().unwrap();
    let files = secrets.iter().enumerate().map(|(n, secret)| {
        let file = folder.path().join(n.to_string());
        std::fs::write(&file, secret).unwrap();
        file
    });
    Shopify::new(ShopifyConfig {
        endpoint: "https://name.myshopify.com".to_owned(),
        secret_variables: vec!["NOT_READ_HERE".to_owned()],
        webhook_secret_files: files.collect(),
        ..ShopifyConfig::default()
    })
    .unwrap()
}

fn call(adapter: &Shopify, secret: &str, signed: &str, sent: &str) -> Received {
    let scheme = Scheme::Shopify;
    let secrets = [scheme.secret(secret).unwrap()];
    let now = Timestamp::from_seconds(1_790_000_000);
    let signed = webhook::sign(&scheme, "b54557e4", now, signed.as_bytes(), &secrets).unwrap();
    let headers: Vec<_> = signed
        .headers()
        .map(|(name, value)| (name, value.as_bytes()))
        .collect();
    adapter.receive(&Request {
        method: "POST",
        query: "",
        headers: &headers,
        body: sent.as_bytes(),
        received_at: now,
    })
}

#[test]
fn a_signed_message_names_what_to_read_and_nothing_else_comes_in() {
    let one = adapter(&["shpss_canary"]);
    // After a change, messages come with the old secret for an hour.
    let changing = adapter(&["shpss_next", "shpss_canary"]);
    let named = ORDER
        .replace("gift for", "wom_draft")
        .replace(r#""Sara""#, r#""gid://shopify/DraftOrder/7""#);
    for (body, hint) in [
        (ORDER, Some("gid://shopify/Order/820")),
        (named.as_str(), Some("gid://shopify/DraftOrder/7")),
        (
            r#"{"id":9,"admin_graphql_api_id":"gid://shopify/Refund/9","order_id":820,"note":"Sara"}"#,
            Some("gid://shopify/Order/820"),
        ),
        (
            r#"{"id":7,"admin_graphql_api_id":"gid://shopify/DraftOrder/7","order_id":820}"#,
            Some("gid://shopify/DraftOrder/7"),
        ),
        // The law's topics: there is nothing of a customer here.
        (
            r#"{"shop_id":1,"customer":{"id":1,"email":"sara@example.org"},"orders_to_redact":[820]}"#,
            None,
        ),
        (
            r#"{"id":1,"admin_graphql_api_id":"gid://shopify/Customer/1"}"#,
            None,
        ),
    ] {
        for adapter in [&one, &changing] {
            let received = call(adapter, "shpss_canary", body, body);
            assert_eq!(received.reply.status, 200, "{body}");
            match (received.verdict, hint) {
                (Verdict::Read(Hint(read)), Some(hint)) => assert_eq!(read, hint),
                (Verdict::Answered, None) => {}
                (verdict, _) => panic!("{verdict:?}: {body}"),
            }
        }
    }
    let altered = ORDER.replace("820", "821");
    for (adapter, secret, sent) in [
        (&one, "shpss_canary", altered.as_str()),
        (&one, "another", ORDER),
        (&adapter(&[]), "shpss_canary", ORDER),
    ] {
        let received = call(adapter, secret, ORDER, sent);
        assert_eq!(received.reply.status, 401);
        let Verdict::Refused(error) = received.verdict else {
            panic!("taken");
        };
        assert_eq!(error.kind(), Kind::WebhookRefused);
        assert!(!format!("{error:?}").contains("canary"));
    }
    for body in [
        "",
        "[]",
        r#"{"order_id":"Sara"}"#,
        r#"{"note_attributes":[1]}"#,
    ] {
        let received = call(&one, "shpss_canary", body, body);
        assert_eq!(received.reply.status, 400, "{body}");
        let Verdict::Refused(error) = received.verdict else {
            panic!("taken: {body}");
        };
        assert!(!format!("{error:?}").contains("Sara"));
    }
}
