//! What all cells share: the Registry, a copy of it from before, the proxy, and for each thread an
//! instrument and a shop of its own, so that their books tell what one cell has done.

use std::{net::SocketAddr, path::Path, sync::Arc};

use tokio::net::TcpSocket;
use wom_registry::{NewInstrument, NewPos, Registry, RegistryOptions, Sums, TestRegistry};
use wom_sdk::{
    Clock, Timestamp,
    award::Issuer,
    cash_desk::CashDesk,
    dispatcher::Dispatcher,
    privacy::MemoryKeyStore,
    protocol::{ApiKey, PrivateKey},
    registry::{PosClient, RegistryClient},
    store::MemoryStore,
    testing::TokioClock,
};
use wom_tests::still;

use crate::{proxy, wire::Wire};

pub(crate) struct Ground {
    pub(crate) faithful: bool,
    /// The Registry, and the one from a copy of before.
    registries: [TestRegistry; 2],
    proxy: String,
    dead: TcpSocket,
    /// A key that is nobody's here.
    pub(crate) stranger: PrivateKey,
    pub(crate) workers: Vec<Arc<Worker>>,
    dir: tempfile::TempDir,
}

/// What one thread awards and accepts with.
pub(crate) struct Worker {
    pub(crate) instrument: NewInstrument,
    pub(crate) api_key: ApiKey,
    pub(crate) pos: NewPos,
}

impl Ground {
    pub(crate) fn new(faithful: bool, workers: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = || RegistryOptions::new().key_bits(2048).faithful(faithful);
        let (registries, workers, proxy) = still::aside().block_on(async {
            let (path, copy) = (dir.path().join("registry"), dir.path().join("copy"));
            let registry = Registry::open(&path, options()).await.unwrap();
            let mut admitted = Vec::new();
            for _ in 0..workers {
                admitted.push(Arc::new(Worker::admit(&registry).await));
            }
            registry.close().await;
            copy_dir(&path, &copy);
            let now = TestRegistry::start_with(&path, options()).await.unwrap();
            let old = TestRegistry::start_with(&copy, options()).await.unwrap();
            let addresses = [&now, &old].map(address);
            ([now, old], admitted, proxy::start(addresses.to_vec()).await)
        });
        let dead = TcpSocket::new_v4().unwrap();
        dead.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self {
            faithful,
            registries,
            proxy: format!("http://{proxy}"),
            dead,
            stranger: PrivateKey::generate(2048).unwrap(),
            workers,
            dir,
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn wire(&self) -> Wire {
        let dead = self.dead.local_addr().unwrap().port();
        Wire::new(&self.proxy, dead)
    }

    /// A client as everybody has it, but for the network.
    pub(crate) fn client(&self, wire: &Wire) -> RegistryClient {
        RegistryClient::builder(&self.proxy)
            .transport(wire.clone())
            .clock(clock())
            .build()
            .unwrap()
    }

    /// Asks the Registry, or its copy of before, outside the cell's time.
    pub(crate) async fn ask<T: Send + 'static, F>(
        &self,
        old: bool,
        question: impl FnOnce(Registry) -> F,
    ) -> T
    where
        F: Future<Output = wom_sdk::Result<T>> + Send + 'static,
    {
        let registry = self.registries[usize::from(old)].registry().clone();
        still::run(question(registry)).await.unwrap()
    }

    /// What the worker's instrument has issued, and people redeemed and spent of it, at both.
    pub(crate) async fn sums(&self, worker: &Worker) -> Sums {
        let mut sums = Sums::default();
        for old in [false, true] {
            let source = worker.instrument.id.clone();
            let own = self
                .ask(old, |registry| async move {
                    let books = registry.books().await?;
                    Ok(books.by_source.get(&source).copied().unwrap_or_default())
                })
                .await;
            sums.generated += own.generated;
            sums.issued += own.issued;
            sums.redeemed += own.redeemed;
            sums.spent += own.spent;
        }
        sums
    }
}

impl Worker {
    async fn admit(registry: &Registry) -> Self {
        let aims = ["H".parse().unwrap()];
        let instrument = registry.add_instrument("Walks", &aims).await.unwrap();
        Self {
            api_key: registry.add_api_key(&instrument.id, "app").await.unwrap(),
            pos: registry.add_pos("Bakery", "Till").await.unwrap(),
            instrument,
        }
    }
}

/// The cell's time.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(TokioClock::starting(start()))
}

pub(crate) fn start() -> Timestamp {
    Timestamp::from_seconds(1_790_000_000)
}

pub(crate) async fn dispatcher(issuer: Arc<dyn Issuer>) -> Dispatcher {
    let keys = Arc::new(MemoryKeyStore::default());
    let store = Arc::new(MemoryStore::new());
    Dispatcher::open(store, issuer, keys, clock())
        .await
        .unwrap()
}

pub(crate) fn desk(payee: PosClient) -> CashDesk {
    let keys = Arc::new(MemoryKeyStore::default());
    let store = Arc::new(MemoryStore::new());
    CashDesk::new(store, Arc::new(payee), keys, clock())
}

fn address(registry: &TestRegistry) -> SocketAddr {
    registry
        .url()
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap()
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        // Permissions are copied too.
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
