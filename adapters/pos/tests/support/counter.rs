//! A counter with everything there: a Registry, a Pocket with WOM in it, and the shop's till system.

use std::{sync::Arc, time::Duration};

use wom_registry::TestRegistry;
use wom_sdk::{
    SystemClock,
    award::Request,
    cash_desk::CashDesk,
    checkout::Charge,
    dispatcher::Dispatcher,
    merchant::{Discount, Merchant, Offer, OrderId},
    pocket::Pocket,
    privacy::MemoryKeyStore,
    protocol::Link,
    registry::{InstrumentClient, PocketClient, PosClient, RegistryClient},
    sale::{Rules, Sale},
    shop::{Shop, Shops},
    store::{MemoryStore, Store},
};

pub(crate) struct Counter {
    registry: TestRegistry,
    pocket: Pocket,
    wallet: PocketClient,
    pub(crate) shop: Shop,
    store: Arc<dyn Store>,
}

impl Counter {
    pub(crate) async fn open(folder: &std::path::Path, merchant: Arc<dyn Merchant>) -> Self {
        let registry = TestRegistry::start(folder.join("registry")).await.unwrap();
        let client = RegistryClient::new(registry.url()).unwrap();
        let (keys, clock) = (Arc::new(MemoryKeyStore::default()), Arc::new(SystemClock));
        let aims = ["C".parse().unwrap()];
        let source = registry.registry().add_instrument("Library", &aims);
        let source = source.await.unwrap();
        let issuer = InstrumentClient::new(client.clone(), source.id, source.key).unwrap();
        let store = Arc::new(MemoryStore::new());
        let awards = Dispatcher::open(store, Arc::new(issuer), keys.clone(), clock.clone());
        let asked = Request::new(
            "C".parse().unwrap(),
            100,
            "43.7263,12.6366".parse().unwrap(),
        );
        let given = awards
            .await
            .unwrap()
            .award("reading 7", &asked)
            .await
            .unwrap();
        let pocket = Pocket::open(folder.join("wallet.json")).unwrap();
        let wallet = PocketClient::new(client.clone());
        let vouchers = Link::Vouchers(given.otc);
        pocket
            .redeem(&wallet, &vouchers, &given.pin, None)
            .await
            .unwrap();
        let pos = registry
            .registry()
            .add_pos("Caffè", "Counter")
            .await
            .unwrap();
        let payee = Arc::new(PosClient::new(client, pos.id, pos.key).unwrap());
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let desk = CashDesk::new(Arc::clone(&store), payee, keys, clock);
        let shop = Shop::new("bar", desk, merchant, Rules::default()).unwrap();
        Self {
            registry,
            pocket,
            wallet,
            shop,
            store,
        }
    }

    /// Somebody pays 15 WOM for 5.00 less on this order: the sale as it stands within a minute.
    pub(crate) async fn sell(&self, order: &OrderId) -> Sale {
        let coffee = Offer {
            title: "Coffee".to_owned(),
            charge: Charge::new(15).unwrap(),
            discount: Discount::Amount(500),
        };
        let (sale, ticket) = self.shop.offer(order, "coffee", &coffee).await.unwrap();
        let asked = Link::Payment(ticket.otc);
        self.pocket
            .pay(&self.wallet, &asked, &ticket.pin)
            .await
            .unwrap();
        self.shop
            .wait(sale.id, Duration::from_secs(60))
            .await
            .unwrap()
    }

    /// The sale, once the shop has told what changed and what is due was done.
    pub(crate) async fn look_after(&self, sale: &Sale) -> Sale {
        let order = &sale.order.as_ref().unwrap().id;
        self.shop.changed(order).await.unwrap();
        let shops = Shops::new(Arc::clone(&self.store), [self.shop.clone()]);
        shops.run_due(8).await.unwrap();
        self.shop.sale(sale.id).await.unwrap()
    }

    pub(crate) async fn close(self) {
        self.registry.stop().await.unwrap();
    }
}
