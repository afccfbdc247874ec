//! Messages of the shop, at the adapter's door.

use wom_adapter_pos::{Shopify, ShopifyConfig};
use wom_sdk::webhook::Scheme;

use crate::door::{Sender, files};

const ORDER: &str = r#"{"id":820,"admin_graphql_api_id":"gid://shopify/Order/820","email":"sara@example.org","note_attributes":[{"name":"gift for","value":"Sara"}]}"#;
const SHOP: Sender<'_> = Sender {
    scheme: Scheme::Shopify,
    secret: "shpss_canary",
    header: None,
};

fn adapter(secrets: &[&str]) -> Shopify {
    let folder = tempfile::tempdir().unwrap();
    Shopify::new(ShopifyConfig {
        endpoint: "https://name.myshopify.com".to_owned(),
        secret_variables: vec!["NOT_READ_HERE".to_owned()],
        webhook_secret_files: files(folder.path(), secrets),
        ..ShopifyConfig::default()
    })
    .unwrap()
}

#[test]
fn a_signed_message_names_what_to_read_and_nothing_else_comes_in() {
    let one = adapter(&[SHOP.secret]);
    // After a change, messages come with the old secret for an hour.
    let changing = adapter(&["shpss_next", SHOP.secret]);
    let named = ORDER
        .replace("gift for", "wom_draft")
        .replace(r#""Sara""#, r#""gid://shopify/DraftOrder/7""#);
    for (body, order) in [
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
        // With the fields that the docs say are enough.
        (
            r#"{"admin_graphql_api_id":"gid://shopify/Order/820","note_attributes":[]}"#,
            Some("gid://shopify/Order/820"),
        ),
        (
            r#"{"admin_graphql_api_id":"gid://shopify/Refund/9","order_id":820}"#,
            Some("gid://shopify/Order/820"),
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
            SHOP.tells(adapter, body, order);
        }
    }
    SHOP.is_the_only_one_heard(adapter, ORDER, &ORDER.replace("820", "821"));
    let strange = [
        "",
        "[]",
        r#"{"order_id":"Sara"}"#,
        r#"{"note_attributes":[1]}"#,
    ];
    SHOP.is_not_understood(&one, &strange);
}
