//! A Registry for the length of a test.

use std::path::Path;

use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use wom_sdk::{Error, Kind, Result};

use crate::{Registry, RegistryOptions, serve};

/// A Registry that serves on a free port of this machine until it is dropped.
///
/// ```
/// # fn main() -> wom_sdk::Result<()> {
/// # tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
/// use wom_registry::TestRegistry;
///
/// # let dir = tempfile::tempdir().expect("a directory");
/// # let dir = dir.path();
/// let registry = TestRegistry::start(dir).await?;
/// let instrument = registry.add_instrument("A test", &["H".parse()?]).await?;
/// assert!(registry.url().starts_with("http://127.0.0.1:"));
/// assert_eq!(registry.books().await?.total.issued, 0);
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
}

impl TestRegistry {
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
        })
    }

    /// The address before `/api`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The Registry, which lives on after the server.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Stops serving as a process would that is told to: what runs is finished.
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
