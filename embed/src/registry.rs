//! A Registry within the process, for trying out and for tests.

use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::TempDir;
use tokio::sync::Mutex;
use wom_registry::{Books, RegistryOptions, TestRegistry};
use wom_sdk::{
    Error, Kind, Result, files,
    protocol::{Aim, PrivateKey},
};

/// A Registry that serves on a free port of this machine until it is closed.
#[derive(Debug)]
pub struct Registry {
    served: Mutex<Option<TestRegistry>>,
    admin: wom_registry::Registry,
    url: String,
    dir: PathBuf,
    /// Removed with everything in it once the Registry is closed.
    temporary: Mutex<Option<TempDir>>,
}

/// An instrument or a POS that a Registry has admitted.
#[derive(Debug, Serialize)]
pub struct Admitted {
    /// The Registry's base address, before `/api`.
    pub registry: String,
    /// The id of the source or POS.
    pub id: String,
    /// Where its private key lies. Only the owner of this process may read it.
    pub key_file: PathBuf,
}

impl Registry {
    /// Starts a Registry in this folder, or in a temporary one that is removed in the end. Keys of
    /// 2048 bits are quick to make and good for trying out; production has 4096. A `faithful` one
    /// remembers no nonce and verifies only once, as the Registry that others run.
    pub async fn start(
        dir: Option<&Path>,
        key_bits: Option<usize>,
        faithful: bool,
    ) -> Result<Self> {
        let (dir, temporary) = match dir {
            Some(dir) => (dir.to_owned(), None),
            None => {
                let made = tempfile::Builder::new().prefix("wom-registry-").tempdir();
                let made = made.map_err(|error| {
                    Error::new(Kind::StorageFailed, "no temporary folder can be made")
                        .because(error)
                })?;
                (made.path().to_owned(), Some(made))
            }
        };
        let options = RegistryOptions::new()
            .key_bits(key_bits.unwrap_or(2048))
            .faithful(faithful);
        let served = TestRegistry::start_with(&dir, options).await?;
        Ok(Self {
            admin: served.registry().clone(),
            url: served.url().to_owned(),
            served: Mutex::new(Some(served)),
            dir,
            temporary: Mutex::new(temporary),
        })
    }

    /// The address before `/api`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Admits an instrument, which may award these aims and their children.
    pub async fn add_instrument(&self, name: &str, aims: &[String]) -> Result<Admitted> {
        let aims: Vec<Aim> = aims.iter().map(|aim| aim.parse()).collect::<Result<_>>()?;
        let new = self.admin.add_instrument(name, &aims).await?;
        self.admitted("source", new.id.as_str(), &new.key)
    }

    /// Adds a POS of a merchant.
    pub async fn add_pos(&self, merchant: &str, name: &str) -> Result<Admitted> {
        let new = self.admin.add_pos(merchant, name).await?;
        self.admitted("pos", new.id.as_str(), &new.key)
    }

    /// What was issued, redeemed and spent.
    pub async fn books(&self) -> Result<Books> {
        self.admin.books().await
    }

    /// Lets nobody answer at the address, as in an outage, until [`up`](Self::up).
    pub async fn down(&self) -> Result<()> {
        match &mut *self.served.lock().await {
            Some(served) => served.down().await,
            None => Err(closed()),
        }
    }

    /// Answers again at the same address.
    pub async fn up(&self) -> Result<()> {
        match &mut *self.served.lock().await {
            Some(served) => served.up().await,
            None => Err(closed()),
        }
    }

    /// Stops serving: what runs is finished. Once more does nothing.
    pub async fn close(&self) -> Result<()> {
        if let Some(served) = self.served.lock().await.take() {
            served.stop().await?;
        }
        drop(self.temporary.lock().await.take());
        Ok(())
    }

    fn admitted(&self, what: &str, id: &str, key: &PrivateKey) -> Result<Admitted> {
        let key_file = self.dir.join(format!("{what}-{id}.pem"));
        files::replace_privately(&key_file, key.to_pkcs1_pem().as_bytes()).map_err(|error| {
            Error::new(Kind::StorageFailed, "the key cannot be written")
                .with("file", key_file.display())
                .because(error)
        })?;
        Ok(Admitted {
            registry: self.url.clone(),
            id: id.to_owned(),
            key_file,
        })
    }
}

fn closed() -> Error {
    Error::new(Kind::InputInvalid, "the Registry is closed").hint("start another one")
}
