//! A WooCommerce that does what its documentation and source say, as far as the adapter asks.

mod server;

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use axum::Router;
use serde_json::{Value, json};
use tempfile::TempDir;
use wom_adapter_pos::{WooCommerce, WooCommerceConfig};
use wom_sdk::{
    Timestamp,
    merchant::{Merchant, OrderId},
    testing::conformance::merchant::Fixture,
};

use crate::trouble::Troubles;

/// What must come out nowhere: it stands wherever a shop has something of a customer.
pub(crate) const CANARY: &str = "Sara Bianchi";

pub(crate) const KEY: &str = "ck_canary_key:cs_canary_secret";

/// A coupon, by its id.
#[derive(Clone, Debug)]
pub(crate) struct Coupon {
    pub(crate) id: u64,
    pub(crate) code: String,
    kind: String,
    amount: String,
    pub(crate) individual_use: bool,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) limit: u64,
    pub(crate) used: u64,
    meta: Value,
}

#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) status: String,
    pub(crate) currency: &'static str,
    pub(crate) decimals: usize,
    /// What is bought, with tax.
    pub(crate) gross: i64,
    pub(crate) coupons: Vec<(String, i64)>,
    pub(crate) modified: i64,
    pub(crate) paid: bool,
    pub(crate) refunded: i64,
}

impl Order {
    pub(crate) fn total(&self) -> i64 {
        self.gross - self.coupons.iter().map(|(_, amount)| amount).sum::<i64>()
    }
}

#[derive(Default)]
pub(crate) struct Books {
    pub(crate) keys: Vec<String>,
    pub(crate) coupons: Vec<Coupon>,
    pub(crate) orders: BTreeMap<u64, Order>,
    /// So many calls that write decide, and write only later.
    pub(crate) races: usize,
    pub(crate) asked: Vec<String>,
    /// An order that changes once a page was listed.
    pub(crate) touched: Option<u64>,
    last: u64,
    /// Seconds since 1790000000; each change takes one.
    pub(crate) clock: i64,
}

pub(crate) struct Shop {
    pub(crate) url: String,
    pub(crate) books: Arc<Mutex<Books>>,
    pub(crate) troubles: Arc<Troubles>,
    pub(crate) dir: TempDir,
}

impl Shop {
    pub(crate) async fn start() -> Self {
        let books = Arc::new(Mutex::new(Books {
            keys: vec![KEY.to_owned()],
            last: 100,
            ..Books::default()
        }));
        let troubles = Arc::new(Troubles::default());
        let app = Router::new()
            .fallback(server::call)
            .with_state((Arc::clone(&books), Arc::clone(&troubles)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("key"), format!("{KEY}\n")).unwrap();
        Self {
            url,
            books,
            troubles,
            dir,
        }
    }

    pub(crate) fn config(&self) -> WooCommerceConfig {
        WooCommerceConfig {
            endpoint: self.url.clone(),
            secret_files: vec![self.dir.path().join("key")],
            timeout_seconds: 2,
            ..WooCommerceConfig::default()
        }
    }

    pub(crate) fn adapter(&self) -> WooCommerce {
        WooCommerce::new(self.config()).unwrap()
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Books) -> T) -> T {
        change(&mut self.books.lock().unwrap())
    }

    /// An order of 24.00 with this status.
    pub(crate) fn make(&self, status: &str) -> OrderId {
        self.make_in(status, "EUR", 2, 2_400)
    }

    pub(crate) fn make_in(
        &self,
        status: &str,
        currency: &'static str,
        decimals: usize,
        gross: i64,
    ) -> OrderId {
        self.change(|books| {
            books.last += 1;
            books.clock += 1;
            let order = Order {
                status: status.to_owned(),
                currency,
                decimals,
                gross,
                coupons: Vec::new(),
                modified: books.clock,
                paid: matches!(status, "processing" | "completed" | "refunded"),
                refunded: 0,
            };
            books.orders.insert(books.last, order);
            OrderId(books.last.to_string())
        })
    }

    pub(crate) fn order(&self, id: &OrderId) -> Order {
        self.change(|books| books.orders[&id.0.parse().unwrap()].clone())
    }

    pub(crate) fn alter(&self, id: &OrderId, alter: impl FnOnce(&mut Order)) {
        self.change(|books| {
            books.clock += 1;
            let order = books.orders.get_mut(&id.0.parse().unwrap()).unwrap();
            alter(order);
            order.modified = books.clock;
        });
    }

    /// A coupon that staff made.
    pub(crate) fn coupon(&self, code: &str, amount: &str) {
        self.change(|books| {
            books.last += 1;
            books.coupons.push(Coupon {
                id: books.last,
                code: code.to_owned(),
                kind: "fixed_cart".to_owned(),
                amount: amount.to_owned(),
                individual_use: false,
                expires: None,
                limit: 10,
                used: 0,
                meta: json!([{"id": 1, "key": "for", "value": CANARY}]),
            });
        });
    }

    /// What a shopper does in the cart.
    pub(crate) fn enter(&self, id: &OrderId, code: &str) {
        let code = code.to_lowercase();
        self.change(|books| {
            let coupon = books.youngest(&code).expect("the code is known").clone();
            assert!(coupon.used < coupon.limit, "used up");
            let order = books.orders.get_mut(&id.0.parse().unwrap()).unwrap();
            let amount = coupon.on(order);
            order.coupons.push((code, amount));
        });
    }

    pub(crate) fn count(&self, code: &str) -> usize {
        self.change(|books| books.coupons.iter().filter(|it| it.code == code).count())
    }
}

#[async_trait]
impl Fixture for Shop {
    fn open(&self) -> Arc<dyn Merchant> {
        Arc::new(self.adapter())
    }

    async fn order(&self) -> OrderId {
        self.make("pending")
    }
}

impl Coupon {
    /// What it takes off, at most what is left.
    fn on(&self, order: &Order) -> i64 {
        let amount = match self.kind.as_str() {
            "percent" => order.gross * units(&self.amount, 2) / 10_000,
            _ => units(&self.amount, order.decimals),
        };
        amount.min(order.total())
    }

    fn told(&self) -> Value {
        let expires = self.expires.map(|at| plain(at.as_seconds()));
        json!({
            "id": self.id, "code": self.code, "amount": self.amount, "discount_type": self.kind,
            "individual_use": self.individual_use, "usage_limit": self.limit, "usage_count": self.used,
            "date_expires_gmt": expires, "meta_data": self.meta, "used_by": [CANARY], "email_restrictions": [CANARY],
        })
    }
}

impl Books {
    fn youngest(&self, code: &str) -> Option<&Coupon> {
        self.coupons.iter().rev().find(|it| it.code == code)
    }

    fn told(&self, id: u64) -> Value {
        let order = &self.orders[&id];
        let text = |units: i64| decimal(units, order.decimals);
        // Prices are with 22 % tax, and told without it.
        let net = |gross: i64| (gross * 100 + 61) / 122;
        let both = |gross: i64| (text(net(gross)), text(gross - net(gross)));
        let (subtotal, subtotal_tax) = both(order.gross);
        let coupons: Vec<_> = order
            .coupons
            .iter()
            .map(|(code, gross)| {
                let (discount, discount_tax) = both(*gross);
                json!({"id": 9, "code": code, "discount": discount, "discount_tax": discount_tax, "meta_data": []})
            })
            .collect();
        let discount: i64 = order.coupons.iter().map(|(_, gross)| net(*gross)).sum();
        let refunds = match order.refunded {
            0 => json!([]),
            back => json!([{"id": 1, "reason": CANARY, "total": format!("-{}", text(back))}]),
        };
        let modified = plain(1_790_000_000 + order.modified);
        json!({
            "id": id, "status": order.status, "currency": order.currency, "total": text(order.total()),
            "discount_total": text(discount), "discount_tax": "0.00", "date_modified_gmt": modified,
            "date_paid_gmt": order.paid.then_some("2026-11-28T07:00:00"),
            "line_items": [{"id": 1, "name": "Ticket", "quantity": 2, "subtotal": subtotal, "subtotal_tax": subtotal_tax,
                "price": 9.836_065_573, "meta_data": [{"key": "engraving", "value": CANARY}]}],
            "shipping_lines": [{"method_title": CANARY, "total": "0.00", "total_tax": "0.00"}],
            "fee_lines": [{"name": CANARY, "total": "0", "total_tax": "0"}], "coupon_lines": coupons, "refunds": refunds,
            "billing": {"first_name": CANARY, "email": "sara@example.org"}, "customer_note": CANARY,
        })
    }
}

/// A time in UTC that does not say so.
fn plain(seconds: i64) -> String {
    let text = Timestamp::from_seconds(seconds).to_string();
    text.trim_end_matches('Z').to_owned()
}

fn decimal(units: i64, decimals: usize) -> String {
    let digits = format!("{:0>1$}", units, decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    match decimals {
        0 => whole.to_owned(),
        _ => format!("{whole}.{fraction}"),
    }
}

fn units(text: &str, decimals: usize) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= decimals, "{text} is finer than it can be");
    format!("{whole}{fraction:0<decimals$}").parse().unwrap()
}
