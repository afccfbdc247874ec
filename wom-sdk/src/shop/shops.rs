//! Many shops over one store, looked after together.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::Shop;
use crate::{
    Error, Result, Timestamp,
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
    /// How often [`run`](Self::run) looks for what is due.
    const IDLE: Duration = Duration::from_millis(250);
    /// How many are looked after in one go.
    const LOT: usize = 64;
    /// How many are looked after at a time.
    const AT_ONCE: usize = 8;

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
        let mut running = JoinSet::new();
        let mut changed = Vec::new();
        for shop in self.shops.values().filter(|shop| shop.is_to_be_pulled()) {
            if running.len() >= Self::AT_ONCE {
                changed.extend(running.join_next().await.and_then(settled));
            }
            let shop = shop.clone();
            running.spawn(async move { shop.pull().await.map(|()| None) });
        }
        for (shop, poster) in self.due_posters(now, limit).await? {
            if running.len() >= Self::AT_ONCE {
                changed.extend(running.join_next().await.and_then(settled));
            }
            running.spawn(async move { shop.count(&poster).await.map(|()| None) });
        }
        for (shop, sale) in self.due_sales(now, limit).await? {
            if running.len() >= Self::AT_ONCE {
                changed.extend(running.join_next().await.and_then(settled));
            }
            running.spawn(async move {
                let next = shop.go_on(&sale).await?;
                let next = next.filter(|next| next.state != sale.state);
                Ok(next.map(|next| (next.id, next.state)))
            });
        }
        while let Some(done) = running.join_next().await {
            changed.extend(settled(done));
        }
        Ok(changed)
    }

    /// Looks after sales and posters until `stop` is ready, then finishes what is under way. Let
    /// [`Desks::run`](crate::cash_desk::Desks::run) run beside it.
    ///
    /// An error of the store ends it; run again.
    pub async fn run(&self, stop: impl Future<Output = ()>) -> Result<()> {
        let mut stop = std::pin::pin!(stop);
        loop {
            let began = tokio::time::Instant::now();
            self.run_due(Self::LOT).await?;
            tokio::select! {
                () = &mut stop => return Ok(()),
                () = tokio::time::sleep_until(began + Self::IDLE) => {}
            }
        }
    }

    /// What is due of these shops: the longest waiting first.
    async fn due_sales(&self, now: Timestamp, limit: usize) -> Result<Vec<(Shop, Sale)>> {
        let mut ask = limit;
        loop {
            let due = self.store.due_sales(now, ask).await?;
            let all = due.len() < ask;
            let own = due
                .into_iter()
                .filter_map(|sale| Some((self.shop(sale.id.shop())?.clone(), sale)));
            let own: Vec<_> = own.take(limit).collect();
            if all || own.len() == limit {
                return Ok(own);
            }
            // The others are another process's: look behind them.
            ask = ask.saturating_mul(2);
        }
    }

    async fn due_posters(&self, now: Timestamp, limit: usize) -> Result<Vec<(Shop, Poster)>> {
        let mut ask = limit;
        loop {
            let due = self.store.due_posters(now, ask).await?;
            let all = due.len() < ask;
            let own = due
                .into_iter()
                .filter_map(|poster| Some((self.shop(poster.shop_id())?.clone(), poster)));
            let own: Vec<_> = own.take(limit).collect();
            if all || own.len() == limit {
                return Ok(own);
            }
            ask = ask.saturating_mul(2);
        }
    }
}

type Settled = Result<Option<(SaleId, State)>, Error>;

/// What came of one sale. One that cannot be looked after must not keep the others waiting.
fn settled(done: Result<Settled, tokio::task::JoinError>) -> Option<(SaleId, State)> {
    match done {
        Ok(Ok(changed)) => changed,
        Ok(Err(error)) => {
            tracing::warn!(
                code = error.code(),
                "a sale could not be looked after: {error}"
            );
            None
        }
        Err(_) => None,
    }
}
