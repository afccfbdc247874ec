//! Messages of the shop, at the adapter's door.

use wom_adapter_pos::{WooCommerce, WooCommerceConfig};
use wom_sdk::{
    Timestamp,
    instrument::{Request, Verdict},
    merchant::Merchant as _,
    webhook::Scheme,
};

use crate::door::{Sender, files};

const BODY: &str = r#"{"id":727,"date_modified_gmt":"2026-11-28T07:00:00","status":"processing","billing":{"first_name":"Sara","email":"sara@example.org"}}"#;

fn shop<'a>(secret: &'a str, resource: &'a str) -> Sender<'a> {
    Sender {
        scheme: Scheme::WooCommerce,
        secret,
        header: Some(("X-WC-Webhook-Resource", resource)),
    }
}

fn adapter(secrets: &[&str]) -> WooCommerce {
    let folder = tempfile::tempdir().unwrap();
    WooCommerce::new(WooCommerceConfig {
        endpoint: "https://shop.example.org".to_owned(),
        secret_variables: vec!["NOT_READ_HERE".to_owned()],
        webhook_secret_files: files(folder.path(), secrets),
        ..WooCommerceConfig::default()
    })
    .unwrap()
}

#[test]
fn a_signed_message_names_its_order_and_nothing_else_comes_in() {
    let one = adapter(&["old &amp; new"]);
    let changing = adapter(&["next", "old &amp; new"]);
    for adapter in [&one, &changing] {
        // The secret counts with its entities decoded.
        for secret in ["old &amp; new", "old & new"] {
            shop(secret, "order").tells(adapter, BODY, Some("727"));
        }
    }
    shop("old & new", "coupon").tells(&one, BODY, None);
    let orders = shop("old & new", "order");
    orders.is_the_only_one_heard(adapter, BODY, &BODY.replace("727", "728"));
    let strange = ["", "[]", r#"{"id":"Sara"}"#, r#"{"id":-1}"#, "\u{1}"];
    orders.is_not_understood(&one, &strange);
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
