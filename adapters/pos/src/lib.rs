//! Merchants: shops and tills that give a discount to whoever pays some WOM.
//!
//! * [`Vendure`] (`pos.vendure`): coupon codes on the orders of a Vendure shop.
//! * [`Manual`] (`pos.manual`): any till, by the hands of whoever stands at it.
//!
//! WOM has no value in money: a discount is the merchant's own, and a line on the receipt like any
//! other. What an adapter says was applied is what the shop's own reading of the order shows.

pub mod manual;
#[cfg(feature = "testing")]
pub mod testing;
pub mod vendure;
mod web;

pub use manual::Manual;
pub use vendure::{Vendure, VendureConfig};
