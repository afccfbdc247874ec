//! A shop: from an order to exactly one discount for whoever pays WOM.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::{Mutex, watch};
use wom_catalog::{Catalog, Settings};
use wom_sdk::{
    Day, Error, Kind, Result, Zone,
    cash_desk::Desks,
    checkout::CheckoutId,
    instrument::{Reply, Request, Verdict},
    merchant::{Discount, Merchant, Offer, OrderId},
    sale::{Language, Receipt, Resolution, Rules, Sale, SaleId},
    shop::{self, Shops},
    store::{Store, Which},
};

use crate::{
    CashDesk, CashDeskOptions, ChargeOptions, Code, Hung, KeyPlace, Reported, Sold, Source,
    StorePlace, cash_desk::seconds, options::invalid,
};

/// What a [`Shop`] is opened with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShopOptions {
    /// The merchant's own name of the shop, 1 to 128 bytes. It never changes.
    pub name: String,
    /// The POS at its Registry.
    pub pos: Source,
    /// Where payments and sales are remembered; in memory towards a Registry of this machine.
    #[serde(default)]
    pub store: Option<StorePlace>,
    /// Where the keys are that seal codes.
    #[serde(default)]
    pub keys: Option<KeyPlace>,
    /// The shop's system, of the catalogue; none where the embedder brings its own.
    #[serde(default)]
    pub merchant: Option<MerchantAdapter>,
    /// What is offered, by the merchant's own names.
    pub offers: BTreeMap<String, OfferOptions>,
    /// What the merchant has settled for all sales.
    #[serde(default)]
    pub rules: Rules,
}

/// A shop or till of the catalogue, with its settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MerchantAdapter {
    /// Its name, such as `pos.vendure`.
    pub adapter: String,
    /// Its settings.
    #[serde(default)]
    pub settings: Map<String, Value>,
}

/// Pay so many WOM, get this discount.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferOptions {
    /// What stands beside the QR code.
    pub title: String,
    /// What is to be paid in WOM.
    pub charge: ChargeOptions,
    /// What it brings: `{"amount": cents}` or `{"basis_points": hundredths of a percent}`.
    pub discount: Discount,
}

impl OfferOptions {
    fn offer(&self) -> Result<Offer> {
        let (worth, least) = match self.discount {
            Discount::Amount(amount) => (amount, "an amount is 1 or more"),
            Discount::BasisPoints(points) if points > 10_000 => (0, "a share is at most 100 %"),
            Discount::BasisPoints(points) => (points.into(), "a share is 0.01 % or more"),
            _ => (0, "not a discount"),
        };
        if worth <= 0 {
            return Err(invalid(least).with("field", "discount"));
        }
        Ok(Offer {
            title: self.title.clone(),
            charge: self.charge.charge()?,
            discount: self.discount.clone(),
        })
    }
}

/// What a person decides about a sale.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    /// `retry`, `applied`, `redeemed`, `withdrawn`, `refunded`, `granted` or `recorded`.
    pub what: String,
    /// Why, in 1 to 500 bytes and without anybody's name.
    pub note: String,
    /// The reference of what was given in its place, for `granted`.
    #[serde(default)]
    pub reference: Option<String>,
}

impl Resolve {
    fn resolution(&self) -> Result<Resolution> {
        let refused = |message: &'static str| Error::new(Kind::InputInvalid, message);
        Ok(match (self.what.as_str(), &self.reference) {
            ("granted", Some(reference)) => Resolution::Granted(reference.clone()),
            ("granted", None) => {
                return Err(refused("what was given in its place has a reference")
                    .with("field", "reference"));
            }
            (_, Some(_)) => {
                return Err(refused("only what was granted has a reference")
                    .with("field", "reference")
                    .hint("leave it out"));
            }
            ("retry", None) => Resolution::Retry,
            ("applied", None) => Resolution::Applied,
            ("redeemed", None) => Resolution::Redeemed,
            ("withdrawn", None) => Resolution::Withdrawn,
            ("refunded", None) => Resolution::Refunded,
            ("recorded", None) => Resolution::Recorded,
            _ => {
                return Err(refused("not a decision").with("field", "what").hint(
                    "say retry, applied, redeemed, withdrawn, refunded, granted or recorded",
                ));
            }
        })
    }
}

/// Of which time a report is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportOptions {
    /// The first day.
    pub from: Day,
    /// The first day after.
    pub until: Day,
    /// The zone in which days begin, such as `Europe/Rome`.
    pub zone: String,
    /// Whether small numbers are left out, as where it is published.
    #[serde(default)]
    pub published: bool,
}

/// A shop that is open. Close it in the end.
pub struct Shop {
    shop: shop::Shop,
    shops: Shops,
    desks: Desks,
    store: Arc<dyn Store>,
    merchant: Arc<dyn Merchant>,
    offers: BTreeMap<String, Offer>,
    /// Says that the work in the background is to end.
    stop: watch::Sender<bool>,
    /// Held as long as it runs.
    running: Mutex<()>,
}

impl Shop {
    /// Opens what the options describe, with the embedder's own system where it brings one.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] for options that do not fit, and what opening a store, keys and
    /// a Registry's client answers.
    pub async fn open(options: ShopOptions, own: Option<Arc<dyn Merchant>>) -> Result<Self> {
        let merchant = match (options.merchant, own) {
            (None, Some(own)) => own,
            (Some(named), None) => {
                let settings = Settings::from_table(&named.settings)?;
                Catalog::standard().merchant(&named.adapter, &settings)?
            }
            _ => {
                return Err(invalid("a shop has one till or shop system")
                    .hint("name an adapter of the catalogue, or give one of your own"));
            }
        };
        let mut offers = BTreeMap::new();
        for (name, offer) in &options.offers {
            let made = offer.offer();
            offers.insert(
                name.clone(),
                made.map_err(|error| error.with("offer", name.escape_default()))?,
            );
        }
        let rules = options.rules.checked()?;
        let opened = CashDesk::open(CashDeskOptions {
            pos: options.pos,
            store: options.store,
            keys: options.keys,
        });
        let (desk, store) = opened.await?.into_parts();
        let shop = shop::Shop::new(&options.name, desk.clone(), Arc::clone(&merchant), rules)?;
        Ok(Self {
            shops: Shops::new(Arc::clone(&store), [shop.clone()]),
            desks: Desks::new(Arc::clone(&store), [desk]),
            shop,
            store,
            merchant,
            offers,
            stop: watch::Sender::new(false),
            running: Mutex::new(()),
        })
    }

    /// Offers a discount on an order, and gives the code to show, with the sale's id; see
    /// [`shop::Shop::offer`].
    pub async fn offer(&self, order: &str, offer: &str) -> Result<Code> {
        let (sale, ticket) = self
            .shop
            .offer(&id(order), offer, self.named(offer)?)
            .await?;
        Ok(Code::of(sale.id.to_hex(), &ticket))
    }

    /// Waits until a discount is on the order or somebody has to decide, at most so many seconds.
    pub async fn wait(&self, sale: &str, at_most: f64) -> Result<Sold> {
        let sale = self.shop.wait(sale_id(sale)?, seconds(at_most)?).await?;
        Ok(self.sold(&sale))
    }

    /// The sale with this id, as it stands.
    pub async fn sale(&self, sale: &str) -> Result<Sold> {
        Ok(self.sold(&self.shop.sale(sale_id(sale)?).await?))
    }

    /// All sales of an order.
    pub async fn sales_of(&self, order: &str) -> Result<Vec<Sold>> {
        Ok(self.all(&self.shop.sales_of(&id(order)).await?))
    }

    /// Sales by id, at most `limit`, from the one after `after` on: `for_person`, `open`, or `all`.
    pub async fn sales(&self, which: &str, after: Option<&str>, limit: usize) -> Result<Vec<Sold>> {
        let which = match which {
            "for_person" => Which::ForPerson,
            "open" => Which::Open,
            "all" => Which::All,
            _ => {
                return Err(Error::new(Kind::InputInvalid, "no such list of sales")
                    .hint("say for_person, open or all"));
            }
        };
        let after = after.map(sale_id).transpose()?;
        Ok(self.all(&self.shop.sales(which, after, limit).await?))
    }

    /// Calls an offer off that is not paid yet.
    pub async fn call_off(&self, sale: &str) -> Result<Sold> {
        Ok(self.sold(&self.shop.call_off(sale_id(sale)?).await?))
    }

    /// The shop cancelled or replaced an order; gives its sales as they stand then.
    pub async fn cancel(&self, order: &str) -> Result<Vec<Sold>> {
        Ok(self.all(&self.shop.cancel(&id(order)).await?))
    }

    /// The cashier has typed the discount in.
    pub async fn confirm(&self, sale: &str) -> Result<Sold> {
        Ok(self.sold(&self.shop.confirm(sale_id(sale)?).await?))
    }

    /// A person decides about a sale that waits for one.
    pub async fn resolve(&self, sale: &str, decision: &Resolve) -> Result<Sold> {
        let resolution = decision.resolution()?;
        let sale = self
            .shop
            .resolve(sale_id(sale)?, resolution, &decision.note)
            .await?;
        Ok(self.sold(&sale))
    }

    /// Gives a fresh code for the customer's next order for a payment that came too late, and tells it;
    /// see [`shop::Shop::grant`].
    pub async fn grant(&self, sale: &str, note: &str) -> Result<String> {
        let (_, code) = self.shop.grant(sale_id(sale)?, note).await?;
        Ok(code)
    }

    /// Gives the discount of a late payment on another order.
    pub async fn replace(&self, sale: &str, order: &str) -> Result<Sold> {
        Ok(self.sold(&self.shop.replace(sale_id(sale)?, &id(order)).await?))
    }

    /// The shop says that an order changed: it is read again now.
    pub async fn changed(&self, order: &str) -> Result<Vec<Sold>> {
        Ok(self.all(&self.shop.changed(&id(order)).await?))
    }

    /// Takes a webhook call of the shop's system, reads the order that it is about again, and gives the
    /// answer. One that fails is to be answered with an error, so that it comes again; what never comes
    /// is found by the work in the background, where the adapter lists orders.
    pub async fn receive(&self, request: &Request<'_>) -> Result<Reply> {
        let received = self.merchant.receive(request);
        match received.verdict {
            Verdict::Read(order) | Verdict::Once { hint: order, .. } => {
                self.changed(&order.0).await?;
            }
            Verdict::Refused(error) => {
                tracing::warn!(code = error.code(), "a shop's webhook call was refused");
            }
            _ => {}
        }
        Ok(received.reply)
    }

    /// Makes a poster for an offer, and gives the code to print, with the poster's id.
    pub async fn print(&self, poster: &str, offer: &str) -> Result<Code> {
        let (poster, ticket) = self.shop.print(poster, self.named(offer)?).await?;
        Ok(Code::of(poster.id.to_hex(), &ticket))
    }

    /// All posters.
    pub async fn posters(&self) -> Result<Vec<Hung>> {
        let posters = self.shop.posters().await?;
        Ok(posters.into_iter().map(Hung::from).collect())
    }

    /// The payments of a poster that no cashier has taken yet, the oldest first.
    pub async fn unclaimed(&self, poster: &str) -> Result<Vec<Sold>> {
        Ok(self.all(&self.shop.unclaimed(poster_id(poster)?).await?))
    }

    /// Takes a payment of a poster for an order: the one that the cashier chose, or the oldest fresh
    /// one.
    pub async fn take(&self, poster: &str, order: &str, chosen: Option<&str>) -> Result<Sold> {
        let chosen = chosen.map(sale_id).transpose()?;
        let (poster, order) = (poster_id(poster)?, id(order));
        Ok(self.sold(&self.shop.take(poster, &order, chosen).await?))
    }

    /// Ends a poster's offer: what is paid from now on is a late payment.
    pub async fn end(&self, poster: &str) -> Result<Hung> {
        self.shop.end(poster_id(poster)?).await.map(Hung::from)
    }

    /// The line for the receipt, while the discount is on the order.
    pub async fn receipt(&self, sale: &str, language: Language) -> Result<Option<Receipt>> {
        Ok(self.shop.sale(sale_id(sale)?).await?.receipt(language))
    }

    /// The report for the social balance sheet.
    pub async fn report(&self, of: &ReportOptions) -> Result<Reported> {
        let zone: Zone = of.zone.parse()?;
        let (from, until) = (zone.start_of(of.from), zone.start_of(of.until));
        if from >= until {
            return Err(
                Error::new(Kind::InputInvalid, "a report is of a day at least")
                    .with("field", "until"),
            );
        }
        let report = self.shop.report(&zone, from, until).await?;
        Ok(Reported::from(match of.published {
            true => report.published(),
            false => report,
        }))
    }

    /// One round of the work that nobody asks for: payments that are due to be asked about, then sales
    /// and posters, at most so many of each. Tells which sales have changed, as they stand then.
    pub async fn work(&self, limit: usize) -> Result<Vec<Sold>> {
        self.desks.run_due(limit).await?;
        let mut changed = Vec::new();
        for (id, _) in self.shops.run_due(limit).await? {
            changed.push(self.sold(&self.shop.sale(id).await?));
        }
        Ok(changed)
    }

    /// Does that work until the shop is closed.
    pub async fn run(&self) -> Result<()> {
        let _running = self.running.lock().await;
        let stop = || {
            let mut stopping = self.stop.subscribe();
            async move {
                // Without a sender it has ended too.
                let _ = stopping.wait_for(|stopping| *stopping).await;
            }
        };
        tokio::try_join!(self.desks.run(stop()), self.shops.run(stop())).map(drop)
    }

    /// Ends the work in the background, and closes the store.
    pub async fn close(&self) -> Result<()> {
        self.stop.send_replace(true);
        drop(self.running.lock().await);
        self.store.close().await
    }

    fn named(&self, offer: &str) -> Result<&Offer> {
        self.offers.get(offer).ok_or_else(|| {
            let names: Vec<_> = self.offers.keys().map(String::as_str).collect();
            Error::new(Kind::InputInvalid, "this shop has no such offer")
                .with("offer", offer.escape_default())
                .hint(format!("there are: {}", names.join(", ")))
        })
    }

    fn sold(&self, sale: &Sale) -> Sold {
        Sold::of(sale, &*self.merchant)
    }

    fn all(&self, sales: &[Sale]) -> Vec<Sold> {
        sales.iter().map(|sale| self.sold(sale)).collect()
    }
}

impl fmt::Debug for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shop({})", self.shop.name().escape_debug())
    }
}

fn id(order: &str) -> OrderId {
    OrderId(order.to_owned())
}

fn sale_id(id: &str) -> Result<SaleId> {
    SaleId::from_hex(id).ok_or_else(|| {
        Error::new(Kind::InputInvalid, "not the id of a sale")
            .hint("take it from the sale, or from the ticket of the offer")
    })
}

fn poster_id(id: &str) -> Result<CheckoutId> {
    CheckoutId::from_hex(id).ok_or_else(|| {
        Error::new(Kind::InputInvalid, "not the id of a poster")
            .hint("take it from the list of posters, or from the ticket that was printed")
    })
}
