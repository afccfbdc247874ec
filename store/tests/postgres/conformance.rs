//! The PostgreSQL store does what every store must do.

use async_trait::async_trait;
use wom_sdk::testing::conformance::store::Fixture;
use wom_store::{DatabaseUrl, PostgresSettings, PostgresStore, testing::PgServer};

/// Each store in a data base of its own, with a few connections that many callers share.
struct Databases {
    server: PgServer,
    url: std::sync::Mutex<Option<DatabaseUrl>>,
}

impl Databases {
    fn here() -> Option<Self> {
        Some(Self {
            server: PgServer::shared()?,
            url: std::sync::Mutex::default(),
        })
    }
}

#[async_trait]
impl Fixture for Databases {
    type Store = PostgresStore;

    async fn fresh(&self) -> PostgresStore {
        let url = DatabaseUrl::new(self.server.database().await).unwrap();
        *self.url.lock().unwrap() = Some(url.clone());
        PostgresSettings::new(url).open().await.unwrap()
    }

    async fn reopen(&self, store: PostgresStore) -> PostgresStore {
        store.close().await;
        let url = self.url.lock().unwrap().clone().unwrap();
        PostgresStore::open(&url).await.unwrap()
    }
}

wom_sdk::store_conformance!(match Databases::here() {
    Some(databases) => databases,
    None => return,
});
