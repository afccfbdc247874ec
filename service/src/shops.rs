//! Shops that give discounts for WOM, over the store of their POS.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use wom_adapter_pos::Manual;
use wom_sdk::{
    Error, Kind, Result, Zone,
    cash_desk::CashDesk,
    merchant::{Merchant, MerchantCapabilities, Offer},
    sale::{Language, Resolution, Rules, Sale, SaleId},
    shop::{Shop, Shops as Driven},
    store::{Store, Which},
};

use crate::{Connection, Currency};

/// What is noted where nobody but the cashier knows that the discount was given.
const BY_HAND: &str = "typed in by the cashier";
/// How many sales are read at a time.
const LOT: usize = 500;

/// A shop that is served: its till system, the POS that asks for its payments, and what it offers.
#[derive(Clone, Debug)]
pub struct ServedShop {
    shop: Shop,
    desk: CashDesk,
    merchant: Arc<dyn Merchant>,
    pos: String,
    title: Option<String>,
    currency: Currency,
    language: Option<Language>,
    zone: Zone,
    connection: Connection,
    offers: BTreeMap<String, Offer>,
}

impl ServedShop {
    /// The shop of this name, which never changes: what it is known by in addresses and in the store.
    /// `pos` is the name of the POS in [`Tills`](crate::Tills), and `desk` its desk.
    ///
    /// # Errors
    ///
    /// [`Kind::ConfigurationInvalid`] if the rules cannot be kept, or the name is not 1 to 64 letters
    /// of ASCII, digits, points, hyphens and underscores, of which a point is not the first.
    pub fn new(
        name: &str,
        pos: impl Into<String>,
        desk: CashDesk,
        merchant: Arc<dyn Merchant>,
        rules: Rules,
        currency: Currency,
    ) -> Result<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if !(1..=64).contains(&name.len()) || !name.bytes().all(fits) || name.starts_with('.') {
            return Err(Error::new(
                Kind::ConfigurationInvalid,
                "the name of a shop stands in addresses",
            )
            .with("shop", name.escape_default())
            .hint("use 1 to 64 letters, digits, points, hyphens and underscores"));
        }
        Ok(Self {
            shop: Shop::new(name, desk.clone(), Arc::clone(&merchant), rules)?,
            desk,
            merchant,
            pos: pos.into(),
            title: None,
            currency,
            language: None,
            zone: Zone::UTC,
            connection: Connection::new(),
            offers: BTreeMap::new(),
        })
    }

    /// What people call it; its name where nothing is said. It may change.
    #[must_use]
    pub fn with_title(self, title: impl Into<String>) -> Self {
        Self {
            title: Some(title.into()),
            ..self
        }
    }

    /// In which language its receipts are, and its pages where the browser asks for none that there
    /// is.
    #[must_use]
    pub fn with_language(self, language: Language) -> Self {
        Self {
            language: Some(language),
            ..self
        }
    }

    /// In which zone its days and months begin; UTC where nothing is said.
    #[must_use]
    pub fn with_zone(self, zone: Zone) -> Self {
        Self { zone, ..self }
    }

    /// What tells whether the Registry answers its POS, so that the page for cashiers can say so.
    #[must_use]
    pub fn with_connection(self, connection: Connection) -> Self {
        Self { connection, ..self }
    }

    /// Adds an offer, by the merchant's own name of it.
    ///
    /// # Errors
    ///
    /// [`Kind::ConfigurationInvalid`] if the name is taken, or empty or longer than 128 bytes.
    pub fn with_offer(mut self, name: impl Into<String>, offer: Offer) -> Result<Self> {
        let refused = |name: &str, message: &'static str| {
            Err(Error::new(Kind::ConfigurationInvalid, message)
                .with("offer", name.escape_default()))
        };
        let name = name.into();
        if name.is_empty() || name.len() > 128 {
            return refused(&name, "the name of an offer has 1 to 128 bytes");
        }
        match self.offers.entry(name) {
            Entry::Occupied(taken) => refused(taken.key(), "two offers have one name"),
            Entry::Vacant(free) => {
                free.insert(offer);
                Ok(self)
            }
        }
    }

    /// The merchant's name of it.
    pub fn name(&self) -> &str {
        self.shop.name()
    }

    /// What people call it.
    pub fn title(&self) -> &str {
        self.title.as_deref().unwrap_or_else(|| self.name())
    }

    /// The name of its POS.
    pub fn pos(&self) -> &str {
        &self.pos
    }

    /// In which currency it takes money, where its till system does not say.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// In which language its receipts are, where one was chosen.
    pub fn language(&self) -> Option<Language> {
        self.language
    }

    /// In which zone its days and months begin.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Whether the Registry answers its POS.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What drives its sales.
    pub fn shop(&self) -> &Shop {
        &self.shop
    }

    /// What asks for its payments.
    pub fn desk(&self) -> &CashDesk {
        &self.desk
    }

    /// Its till system.
    pub fn merchant(&self) -> &Arc<dyn Merchant> {
        &self.merchant
    }

    /// What it offers, by name.
    pub fn offers(&self) -> impl Iterator<Item = (&str, &Offer)> {
        self.offers
            .iter()
            .map(|(name, offer)| (name.as_str(), offer))
    }

    /// The offer of this name.
    pub fn offer(&self, name: &str) -> Option<&Offer> {
        self.offers.get(name)
    }

    /// Whether it has no till system that a program can reach: its orders are named by
    /// [`Manual::order`].
    pub(crate) fn is_by_hand(&self) -> bool {
        self.merchant.info().name == Manual::INFO.name
    }

    /// Whether the shop's system may call us.
    pub(crate) fn takes_webhooks(&self) -> bool {
        self.merchant.capabilities().webhook
    }

    /// The cashier has typed the discount of a [manual](wom_sdk::sale::State::Manual) sale in. Use this,
    /// not [`Shop::confirm`]: where nothing can be read back of the till, what the cashier says is all
    /// that will ever be known, and the sale is over with it. Else it would wait a week for a closed
    /// order, and then for a person.
    ///
    /// # Errors
    ///
    /// As [`Shop::confirm`].
    pub async fn confirm(&self, id: SaleId) -> Result<Sale> {
        match self.merchant.capabilities() == MerchantCapabilities::NONE {
            true => self.shop.resolve(id, Resolution::Redeemed, BY_HAND).await,
            false => self.shop.confirm(id).await,
        }
    }

    /// How many sales wait for a person, by the name of their state.
    pub(crate) async fn waiting(&self) -> Result<BTreeMap<&'static str, u64>> {
        let mut waiting = BTreeMap::new();
        let mut after = None;
        loop {
            let lot = self.shop.sales(Which::ForPerson, after, LOT).await?;
            for sale in &lot {
                *waiting.entry(sale.state.name()).or_default() += 1;
            }
            match lot.last() {
                Some(last) if lot.len() == LOT => after = Some(last.id),
                _ => return Ok(waiting),
            }
        }
    }
}

/// Shops over one store, by names that never change.
#[derive(Clone, Debug)]
pub struct Shops {
    driven: Driven,
    by_name: BTreeMap<String, Arc<ServedShop>>,
}

impl Shops {
    /// These shops, all over this store: that of their POS.
    ///
    /// # Errors
    ///
    /// [`Kind::ConfigurationInvalid`] where a name stands for two.
    pub fn new(store: Arc<dyn Store>, shops: impl IntoIterator<Item = ServedShop>) -> Result<Self> {
        let mut by_name = BTreeMap::new();
        for shop in shops {
            let name = shop.name().to_owned();
            if by_name.insert(name.clone(), Arc::new(shop)).is_some() {
                return Err(
                    Error::new(Kind::ConfigurationInvalid, "a name stands for two")
                        .with("shop", name.escape_default())
                        .hint("give each a name of its own"),
                );
            }
        }
        let shops = by_name.values().map(|served| served.shop.clone());
        Ok(Self {
            driven: Driven::new(store, shops),
            by_name,
        })
    }

    /// The shop of this name.
    pub fn named(&self, name: &str) -> Option<&Arc<ServedShop>> {
        self.by_name.get(name)
    }

    /// The shop that a sale is of.
    pub fn of(&self, id: SaleId) -> Option<&Arc<ServedShop>> {
        self.named(self.driven.shop(id.shop())?.name())
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &ServedShop> {
        self.by_name.values().map(Arc::as_ref)
    }

    pub(crate) fn driven(&self) -> &Driven {
        &self.driven
    }
}
