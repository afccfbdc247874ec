//! A Shopify that does what its documentation says, as far as the adapter asks.

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
use wom_adapter_pos::{Shopify, ShopifyConfig};
use wom_sdk::{
    Timestamp,
    merchant::{Merchant, OrderId},
    testing::conformance::merchant::Fixture,
};

use crate::trouble::Troubles;

/// What must come out nowhere: it stands wherever a shop has something of a customer.
pub(crate) const CANARY: &str = "Sara Bianchi";

pub(crate) const TOKEN: &str = "shpat_canary";

#[derive(Clone, Debug)]
pub(crate) struct Code {
    id: u64,
    pub(crate) code: String,
    pub(crate) title: String,
    pub(crate) lives: bool,
    pub(crate) input: Value,
    pub(crate) used: u64,
}

/// A draft, or an order.
#[derive(Clone, Debug)]
pub(crate) struct Sold {
    /// `OPEN`, `INVOICE_SENT`, `COMPLETED` of a draft; else how it is paid.
    pub(crate) status: String,
    pub(crate) cancelled: bool,
    pub(crate) currency: &'static str,
    pub(crate) decimals: usize,
    pub(crate) lines: Vec<i64>,
    /// The discount on the whole: title, description and amount.
    pub(crate) applied: Option<(String, String, i64)>,
    /// A code and its amount.
    pub(crate) code: Option<(String, i64)>,
    pub(crate) tags: Vec<String>,
    pub(crate) attributes: Vec<Value>,
    pub(crate) takes_codes: bool,
    pub(crate) ready: bool,
    pub(crate) updated: i64,
    /// What a draft became.
    pub(crate) order: Option<u64>,
}

impl Sold {
    pub(crate) fn total(&self) -> i64 {
        let off = |it: &Option<(String, i64)>| it.as_ref().map_or(0, |(_, amount)| *amount);
        let applied = self.applied.as_ref().map_or(0, |(_, _, amount)| *amount);
        self.lines.iter().sum::<i64>() - applied - off(&self.code)
    }
}

pub(crate) struct Books {
    pub(crate) tokens: Vec<String>,
    /// Client secrets, each good for a token.
    pub(crate) clients: Vec<String>,
    pub(crate) codes: Vec<Code>,
    pub(crate) drafts: BTreeMap<u64, Sold>,
    pub(crate) orders: BTreeMap<u64, Sold>,
    pub(crate) asked: Vec<(String, Vec<String>)>,
    /// So many codes are made with an error as the answer.
    pub(crate) lies: usize,
    /// The index of tags is behind.
    pub(crate) lags: bool,
    /// The description of a draft's discount does not go along with it.
    pub(crate) forgets: bool,
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
            tokens: vec![TOKEN.to_owned()],
            clients: Vec::new(),
            codes: Vec::new(),
            drafts: BTreeMap::new(),
            orders: BTreeMap::new(),
            asked: Vec::new(),
            lies: 0,
            lags: false,
            forgets: false,
            last: 100,
            clock: 0,
        }));
        let troubles = Arc::new(Troubles::default());
        let app = Router::new()
            .fallback(server::call)
            .with_state((Arc::clone(&books), Arc::clone(&troubles)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("token"), format!("{TOKEN}\n")).unwrap();
        Self {
            url,
            books,
            troubles,
            dir,
        }
    }

    pub(crate) fn config(&self) -> ShopifyConfig {
        ShopifyConfig {
            endpoint: self.url.clone(),
            secret_files: vec![self.dir.path().join("token")],
            timeout_seconds: 2,
            ..ShopifyConfig::default()
        }
    }

    pub(crate) fn adapter(&self) -> Shopify {
        Shopify::new(self.config()).unwrap()
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Books) -> T) -> T {
        change(&mut self.books.lock().unwrap())
    }

    /// A draft of two tickets, 24.00 in all, with this status.
    pub(crate) fn draft(&self, status: &str) -> OrderId {
        self.draft_in(status, "EUR", 2, &[2_400])
    }

    pub(crate) fn draft_in(
        &self,
        status: &str,
        currency: &'static str,
        decimals: usize,
        lines: &[i64],
    ) -> OrderId {
        self.change(|books| {
            books.last += 1;
            books.clock += 1;
            let draft = Sold {
                status: status.to_owned(),
                cancelled: false,
                currency,
                decimals,
                lines: lines.to_vec(),
                applied: None,
                code: None,
                tags: vec!["counter 3".to_owned()],
                attributes: vec![json!({"key": "gift for", "value": CANARY})],
                takes_codes: true,
                ready: true,
                updated: books.clock,
                order: None,
            };
            books.drafts.insert(books.last, draft);
            OrderId(format!("gid://shopify/DraftOrder/{}", books.last))
        })
    }

    pub(crate) fn sold(&self, id: &OrderId) -> Sold {
        self.change(|books| books.drafts[&number(&id.0)].clone())
    }

    pub(crate) fn alter(&self, id: &OrderId, alter: impl FnOnce(&mut Sold)) {
        self.change(|books| {
            books.clock += 1;
            let clock = books.clock;
            let sold = match id.0.contains("Draft") {
                true => books.drafts.get_mut(&number(&id.0)),
                false => books.orders.get_mut(&number(&id.0)),
            };
            let sold = sold.unwrap();
            alter(sold);
            sold.updated = clock;
        });
    }

    /// The draft becomes an order, paid so; its shopper may have entered a code.
    pub(crate) fn complete(&self, id: &OrderId, paid: &str, code: Option<&str>) -> OrderId {
        self.change(|books| {
            books.last += 1;
            books.clock += 1;
            let (number_of_order, clock, forgets) = (books.last, books.clock, books.forgets);
            let entered = code.map(|code| {
                let known = books
                    .codes
                    .iter_mut()
                    .find(|it| it.code.eq_ignore_ascii_case(code));
                let known = known.expect("the code is known");
                assert!(known.lives && known.used == 0, "the code cannot be used");
                known.used += 1;
                known.clone()
            });
            let draft = books.drafts.get_mut(&number(&id.0)).unwrap();
            draft.status = "COMPLETED".to_owned();
            draft.order = Some(number_of_order);
            draft.updated = clock;
            let mut order = draft.clone();
            order.status = paid.to_owned();
            order.order = None;
            order.code = entered.map(|it| (it.code.clone(), amount_of(&it.input, &order)));
            if let Some(applied) = order.applied.as_mut().filter(|_| forgets) {
                applied.1 = "no reason".to_owned();
            }
            books.orders.insert(number_of_order, order);
            OrderId(format!("gid://shopify/Order/{number_of_order}"))
        })
    }

    pub(crate) fn codes(&self, code: &str) -> Vec<Code> {
        self.change(|books| {
            let codes = books.codes.iter();
            codes
                .filter(|it| it.code.eq_ignore_ascii_case(code))
                .cloned()
                .collect()
        })
    }
}

#[async_trait]
impl Fixture for Shop {
    fn open(&self) -> Arc<dyn Merchant> {
        Arc::new(self.adapter())
    }

    async fn order(&self) -> OrderId {
        self.draft("OPEN")
    }
}

fn number(gid: &str) -> u64 {
    gid.rsplit('/').next().unwrap().parse().unwrap()
}

fn time(seconds: i64) -> String {
    Timestamp::from_seconds(1_790_000_000 + seconds).to_string()
}

/// What a code takes off.
fn amount_of(input: &Value, sold: &Sold) -> i64 {
    let value = &input["customerGets"]["value"];
    let amount = match value["discountAmount"]["amount"].as_str() {
        Some(amount) => units(amount, sold.decimals),
        None => (sold.total() as f64 * value["percentage"].as_f64().unwrap()).round() as i64,
    };
    amount.min(sold.total())
}

fn units(text: &str, decimals: usize) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= decimals, "{text} is finer than it can be");
    format!("{whole}{fraction:0<decimals$}").parse().unwrap()
}

impl Sold {
    /// Shopify cuts zeros off, but for one.
    fn bag(&self, units: i64) -> Value {
        let digits = format!("{:0>1$}", units, self.decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - self.decimals);
        let fraction = fraction.trim_end_matches('0');
        let fraction = if fraction.is_empty() { "0" } else { fraction };
        let money = json!({"amount": format!("{whole}.{fraction}"), "currencyCode": self.currency});
        json!({"shopMoney": money, "presentmentMoney": money})
    }

    fn lines(&self, after: usize) -> Value {
        let of_draft = self.applied.iter().map(|(_, _, amount)| *amount);
        let of_code = self.code.iter().map(|(_, amount)| *amount);
        let offs: Vec<_> = of_draft.chain(of_code).collect();
        let last = self.lines.len() - 1;
        let nodes: Vec<_> = self.lines.iter().enumerate().map(|(at, gross)| {
            // Cents are spread over the lines, and the last one takes what is left.
            let allocations: Vec<_> = offs.iter().enumerate().map(|(index, off)| {
                let each = off / i64::try_from(self.lines.len()).unwrap();
                let own = if at == last { off - each * i64::try_from(last).unwrap() } else { each };
                json!({"allocatedAmountSet": self.bag(own), "discountApplication": {"index": index}})
            }).collect();
            json!({"title": "Ticket", "quantity": 2, "originalTotalSet": self.bag(*gross),
                "discountAllocations": allocations, "customAttributes": [{"key": "for", "value": CANARY}]})
        }).collect();
        let page: Vec<_> = nodes.iter().skip(after).take(50).collect();
        let end = after + page.len();
        json!({"nodes": page, "pageInfo": {"hasNextPage": end < nodes.len(), "endCursor": end.to_string()}})
    }

    fn told(&self, books: &Books, gid: &str, after: usize) -> Value {
        let off = self.lines.iter().sum::<i64>() - self.total();
        let mut told = json!({
            "id": gid, "updatedAt": time(self.updated), "taxesIncluded": true, "email": "sara@example.org",
            "customer": {"displayName": CANARY}, "note": CANARY, "tags": self.tags, "customAttributes": self.attributes,
            "totalDiscountsSet": self.bag(off), "totalShippingPriceSet": self.bag(0), "totalTaxSet": self.bag(433),
            "lineItems": self.lines(after),
        });
        let more = match gid.contains("Draft") {
            true => {
                let applied = self.applied.as_ref().map(|(title, description, amount)| {
                    json!({"title": title, "description": description, "amountSet": self.bag(*amount)})
                });
                let order = self.order.map(|id| {
                    books.orders[&id].told(books, &format!("gid://shopify/Order/{id}"), 0)
                });
                json!({"status": self.status, "ready": self.ready, "allowDiscountCodesInCheckout": self.takes_codes,
                    "totalPriceSet": self.bag(self.total()), "appliedDiscount": applied, "platformDiscounts": [], "order": order})
            }
            false => {
                let manual = self.applied.iter().map(|(title, description, _)| {
                    json!({"__typename": "ManualDiscountApplication", "title": title, "description": description})
                });
                let codes = self.code.iter().map(
                    |(code, _)| json!({"__typename": "DiscountCodeApplication", "code": code}),
                );
                let applications: Vec<_> = manual
                    .chain(codes)
                    .enumerate()
                    .map(|(index, mut it)| {
                        it["index"] = index.into();
                        it
                    })
                    .collect();
                let codes: Vec<_> = self.code.iter().map(|(code, _)| code).collect();
                json!({"cancelledAt": self.cancelled.then(|| time(self.updated)), "displayFinancialStatus": self.status,
                    "currentTotalPriceSet": self.bag(self.total()), "discountApplications": {"nodes": applications},
                    "discountCodes": codes})
            }
        };
        told.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        told
    }
}
