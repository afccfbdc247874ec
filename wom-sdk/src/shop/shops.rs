//! Many shops over one store, looked after together.

use std::{collections::BTreeMap, future::Future, sync::Arc};

use super::Shop;
use crate::{
    Result, Timestamp,
    rounds::{self, Few},
    sale::{Poster, Sale, SaleId, ShopId, State},
    store::Store,
};

/// Any number of shops that share a store.
#[derive(Clone, Debug)]
pub struct Shops {
    store: Arc<dyn Store>,
    shops: BTreeMap<ShopId, Shop>,
}

impl Shops {
    /// How many are looked after in one go.
    const LOT: usize = 64;

    /// These shops, all over this store.
    pub fn new(store: Arc<dyn Store>, shops: impl IntoIterator<Item = Shop>) -> Self {
        let by_id = |shop: Shop| (shop.id(), shop);
        Self {
            store,
            shops: shops.into_iter().map(by_id).collect(),
        }
    }

    /// The shop that a sale is of.
    pub fn shop(&self, id: ShopId) -> Option<&Shop> {
        self.shops.get(&id)
    }

    /// Takes one step with each sale and poster that is due, at most `limit` of each, asks the shops
    /// what changed, and tells which sales have changed their state by their step.
    pub async fn run_due(&self, limit: usize) -> Result<Vec<(SaleId, State)>> {
        let Some(now) = self.shops.values().next().map(Shop::now) else {
            return Ok(Vec::new());
        };
        let mut few = Few::new();
        for shop in self.shops.values().filter(|shop| shop.is_to_be_pulled()) {
            let shop = shop.clone();
            few.add(async move { shop.pull().await.map(|()| None) })
                .await;
        }
        for (shop, poster) in self.due_posters(now, limit).await? {
            few.add(async move { shop.count(&poster).await.map(|()| None) })
                .await;
        }
        for (shop, sale) in self.due_sales(now, limit).await? {
            few.add(async move {
                let next = shop.go_on(&sale).await?;
                let next = next.filter(|next| next.state != sale.state);
                Ok(next.map(|next| (next.id, next.state)))
            })
            .await;
        }
        Ok(few.finish().await)
    }

    /// Looks after sales and posters until `stop` is ready, then finishes what is under way. Let
    /// [`Desks::run`](crate::cash_desk::Desks::run) run beside it.
    ///
    /// An error of the store ends it; run again.
    pub async fn run(&self, stop: impl Future<Output = ()>) -> Result<()> {
        rounds::run(|| async { self.run_due(Self::LOT).await.map(drop) }, stop).await
    }

    /// What is due of these shops: the longest waiting first.
    async fn due_sales(&self, now: Timestamp, limit: usize) -> Result<Vec<(Shop, Sale)>> {
        let due = |most| self.store.due_sales(now, most);
        let own = |sale: Sale| Some((self.shop(sale.id.shop())?.clone(), sale));
        rounds::own(limit, due, own).await
    }

    async fn due_posters(&self, now: Timestamp, limit: usize) -> Result<Vec<(Shop, Poster)>> {
        let due = |most| self.store.due_posters(now, most);
        let own = |poster: Poster| Some((self.shop(poster.shop_id())?.clone(), poster));
        rounds::own(limit, due, own).await
    }
}
