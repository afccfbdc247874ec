//! Fuzz targets: any bytes may come in, no panic may come out.

use crate::{manual, shopify, vendure, woocommerce};

/// Reads these bytes as the name of an order that a cashier entered.
pub fn fuzz_manual(data: &[u8]) {
    manual::fuzz(data);
}

/// Reads these bytes as the body of a Shopify webhook, and as an answer with drafts, orders or codes.
pub fn fuzz_shopify(data: &[u8]) {
    shopify::fuzz(data);
}

/// Reads these bytes as the body of a Vendure webhook, and as an answer with an order.
pub fn fuzz_vendure(data: &[u8]) {
    vendure::fuzz(data);
}

/// Reads these bytes as the body of a WooCommerce webhook, and as an answer with orders or coupons.
pub fn fuzz_woocommerce(data: &[u8]) {
    woocommerce::fuzz(data);
}
