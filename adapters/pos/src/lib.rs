//! Shops and tills that give a discount to whoever pays WOM.
//!
//! * [`Manual`] (`pos.manual`): the cashier lowers the price, the order's name says the total.
//! * [`Shopify`] (`pos.shopify`): made from documentation.
//! * [`Vendure`] (`pos.vendure`): the open source shop, proven on the real one.
//! * [`WooCommerce`] (`pos.woocommerce`): made from documentation and source.
//!
//! A shop's own reading decides: a code in an order's list is no discount, and making a code twice
//! makes two in some shops. So every adapter looks first, makes once, and then reads lines and total.

mod answer;
mod code;
mod hook;
mod manual;
mod money;
mod place;
pub mod shopify;
#[cfg(feature = "testing")]
pub mod testing;
mod turns;
pub mod vendure;
mod way_in;
pub mod woocommerce;

pub use manual::{Manual, ManualConfig};
pub use shopify::{Shopify, ShopifyConfig};
pub use vendure::{Vendure, VendureConfig};
pub use woocommerce::{WooCommerce, WooCommerceConfig};
