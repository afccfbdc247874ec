//! A Registry for the length of a test.

use std::path::Path;

use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use wom_sdk::{
    Error, Kind, Result,
    pocket::Pocket,
    protocol::Aim,
    registry::{InstrumentClient, PocketClient, PosClient, RegistryClient},
};

use crate::{Registry, RegistryOptions, serve};

/// A Registry that serves on a free port of this machine until it is dropped.
///
/// ```
/// # fn main() -> wom_sdk::Result<()> {
/// # tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
/// use wom_registry::TestRegistry;
/// use wom_sdk::{award::Request, dispatcher::Dispatcher};
///
/// let registry = TestRegistry::temporary().await?;
/// let awards = Dispatcher::in_memory(registry.instrument("A test", &["H".parse()?]).await?).await?;
/// let walk = Request::new("H".parse()?, 30, "43.7263,12.6366".parse()?);
/// let ticket = awards.award("walk 42", &walk).await?;
/// let (pocket, gateway) = registry.pocket()?;
/// pocket.redeem(&gateway, &ticket.vouchers(), &ticket.pin, None).await?;
/// assert_eq!(registry.books().await?.total.redeemed, 30);
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Debug)]
pub struct TestRegistry {
    registry: Registry,
    url: String,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Result<()>>,
    /// Removed with everything in it once nobody serves from it.
    temporary: Option<TempDir>,
}

impl TestRegistry {
    /// A Registry in a temporary directory, with everything else that a test puts there; removed when
    /// this is dropped.
    pub async fn temporary() -> Result<Self> {
        let made = tempfile::Builder::new().prefix("wom-registry-").tempdir();
        let made = made.map_err(|error| {
            Error::new(Kind::StorageFailed, "no temporary directory can be made").because(error)
        })?;
        let mut started = Self::start(made.path()).await?;
        started.temporary = Some(made);
        Ok(started)
    }

    /// Opens or makes a Registry in a directory, which the caller removes, with keys of 2048 bits.
    pub async fn start(dir: impl AsRef<Path>) -> Result<Self> {
        Self::start_with(dir, RegistryOptions::new().key_bits(2048)).await
    }

    /// The same with other options.
    pub async fn start_with(dir: impl AsRef<Path>, options: RegistryOptions) -> Result<Self> {
        let registry = Registry::open(dir, options).await?;
        let listening = TcpListener::bind("127.0.0.1:0").await;
        let (listener, address) = listening
            .and_then(|listener| listener.local_addr().map(|address| (listener, address)))
            .map_err(|error| {
                Error::new(Kind::NetworkUnreachable, "no port is free").because(error)
            })?;
        let url = format!("http://{address}");
        registry.served_at(url.clone());
        let (stop, serving) = serving(listener, registry.clone());
        Ok(Self {
            registry,
            url,
            stop: Some(stop),
            serving,
            temporary: None,
        })
    }

    /// Admits an instrument, as [`add_instrument`](Registry::add_instrument), and gives its client.
    pub async fn instrument(&self, name: &str, aims: &[Aim]) -> Result<InstrumentClient> {
        let new = self.add_instrument(name, aims).await?;
        InstrumentClient::new(self.client()?, new.id, new.key)
    }

    /// Adds a POS, as [`add_pos`](Registry::add_pos), and gives its client.
    pub async fn pos(&self, merchant: &str, name: &str) -> Result<PosClient> {
        let new = self.add_pos(merchant, name).await?;
        PosClient::new(self.client()?, new.id, new.key)
    }

    /// The wallet in a file beside the Registry's, and its side of the Registry.
    ///
    /// # Errors
    /// [`Kind::StoreLocked`] while it is open already.
    pub fn pocket(&self) -> Result<(Pocket, PocketClient)> {
        let pocket = Pocket::open(self.dir().join("pocket.json"))?;
        Ok((pocket, PocketClient::new(self.client()?)))
    }

    /// A client of this Registry.
    pub fn client(&self) -> Result<RegistryClient> {
        RegistryClient::new(&self.url)
    }

    /// The address before `/api`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The Registry, which lives on after the server.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Stops serving as a process would that is told to: what runs is finished. A temporary directory
    /// is gone then.
    pub async fn stop(mut self) -> Result<Registry> {
        self.down().await?;
        Ok(self.registry.clone())
    }

    /// Lets nobody answer at the address, as in an outage, until [`up`](Self::up). What runs is
    /// finished first.
    pub async fn down(&mut self) -> Result<()> {
        let Some(stop) = self.stop.take() else {
            return Ok(());
        };
        drop(stop);
        match (&mut self.serving).await {
            Ok(done) => done,
            Err(_) => Err(Error::new(Kind::Internal, "the server ended in a panic")),
        }
    }

    /// Serves again at the same address.
    pub async fn up(&mut self) -> Result<()> {
        if self.stop.is_some() {
            return Ok(());
        }
        let address = self.url.trim_start_matches("http://");
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Error::new(Kind::NetworkUnreachable, "somebody else has the port").because(error)
        })?;
        let (stop, serving) = serving(listener, self.registry.clone());
        (self.stop, self.serving) = (Some(stop), serving);
        Ok(())
    }
}

fn serving(
    listener: TcpListener,
    registry: Registry,
) -> (oneshot::Sender<()>, JoinHandle<Result<()>>) {
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(serve(listener, registry, async {
        let _ = stopped.await;
    }));
    (stop, serving)
}

/// Everything that a [`Registry`] can be asked.
impl std::ops::Deref for TestRegistry {
    type Target = Registry;

    fn deref(&self) -> &Registry {
        &self.registry
    }
}

impl Drop for TestRegistry {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
