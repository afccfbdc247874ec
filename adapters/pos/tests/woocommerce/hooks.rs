//! Messages of the shop, at the adapter's door.

use wom_adapter_pos::{WooCommerce, WooCommerceConfig};
use wom_sdk::{
    Kind, Timestamp,
    instrument::{Hint, Received, Request, Verdict},
    merchant::Merchant as _,
    webhook::{self, Scheme},
};

const BODY: &str = r#"{"id":727,"date_modified_gmt":"2026-11-28T07:00:00","status":"processing","billing":{"first_name":"Sara","email":"sara@example.org"}}"#;

fn adapter(secrets: &[&str]) -> WooCommerce {
    let folder = tempfile::tempdir().unwrap();
    let files = secrets.iter().enumerate().map(|(n, secret)| {
        let file = folder.path().join(n.to_string());
        std::fs::write(&file, secret).unwrap();
        file
    });
    WooCommerce::new(WooCommerceConfig {
        endpoint: "https://shop.example.org".to_owned(),
        secret_variables: vec!["NOT_READ_HERE".to_owned()],
        webhook_secret_files: files.collect(),
        ..WooCommerceConfig::default()
    })
    .unwrap()
}

fn call(adapter: &WooCommerce, secret: &str, resource: &str, signed: &str, sent: &str) -> Received {
    let scheme = Scheme::WooCommerce;
    let secrets = [scheme.secret(secret).unwrap()];
    let now = Timestamp::from_seconds(1_790_000_000);
    let signed = webhook::sign(&scheme, "1", now, signed.as_bytes(), &secrets).unwrap();
    let mut headers: Vec<_> = signed
        .headers()
        .map(|(name, value)| (name, value.as_bytes()))
        .collect();
    headers.push(("X-WC-Webhook-Resource", resource.as_bytes()));
    adapter.receive(&Request {
        method: "POST",
        query: "",
        headers: &headers,
        body: sent.as_bytes(),
        received_at: now,
    })
}

#[test]
fn a_signed_message_names_its_order_and_nothing_else_comes_in() {
    let one = adapter(&["old &amp; new"]);
    let changing = adapter(&["next", "old &amp; new"]);
    for adapter in [&one, &changing] {
        // The secret counts with its entities decoded.
        for secret in ["old &amp; new", "old & new"] {
            let received = call(adapter, secret, "order", BODY, BODY);
            assert_eq!(received.reply.status, 200);
            assert!(matches!(received.verdict, Verdict::Read(Hint(order)) if order == "727"));
        }
    }
    let coupon = call(&one, "old & new", "coupon", BODY, BODY);
    assert!(matches!(coupon.verdict, Verdict::Answered));
    let altered = BODY.replace("727", "728");
    for (adapter, secret, sent) in [
        (&one, "old & new", altered.as_str()),
        (&one, "another", BODY),
        (&adapter(&[]), "old & new", BODY),
    ] {
        let received = call(adapter, secret, "order", BODY, sent);
        assert_eq!(received.reply.status, 401);
        let Verdict::Refused(error) = received.verdict else {
            panic!("taken");
        };
        assert_eq!(error.kind(), Kind::WebhookRefused);
        assert!(!format!("{error:?}").contains("old &"));
    }
    for body in ["", "[]", r#"{"id":"Sara"}"#, r#"{"id":-1}"#, "\u{1}"] {
        let received = call(&one, "old & new", "order", body, body);
        assert_eq!(received.reply.status, 400, "{body}");
        let Verdict::Refused(error) = received.verdict else {
            panic!("taken: {body}");
        };
        assert!(!format!("{error:?}").contains("Sara"));
    }
}

#[test]
fn the_ping_of_a_new_webhook_is_answered() {
    let ping = |body: &[u8]| {
        let request = Request {
            method: "POST",
            query: "",
            headers: &[],
            body,
            received_at: Timestamp::EPOCH,
        };
        adapter(&["secret"]).receive(&request)
    };
    let received = ping(b"webhook_id=17");
    assert_eq!(received.reply.status, 200);
    assert!(matches!(received.verdict, Verdict::Answered));
    assert_eq!(ping(BODY.as_bytes()).reply.status, 401);
}
