//! The Registry itself: a directory with a key and a data base, opened.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use wom_sdk::{
    Error, Kind, Result, Timestamp,
    protocol::{PrivateKey, PublicKey},
};

use crate::{RegistryOptions, db::Db, files, rsa_pool::RsaPool};

/// A Registry opened from its directory.
///
/// Clones are one Registry. Several processes may open one directory: whatever may happen once
/// happens once among all of them.
///
/// ```no_run
/// # async fn example() -> wom_sdk::Result<()> {
/// use wom_registry::{Registry, RegistryOptions};
///
/// let registry = Registry::open("registry", RegistryOptions::new()).await?;
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
/// wom_registry::serve(listener, registry, std::future::pending()).await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Registry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: RegistryOptions,
    dir: PathBuf,
    db: Db,
    key: Arc<PrivateKey>,
    rsa: RsaPool,
    public_url: OnceLock<String>,
}

impl Registry {
    /// Opens the Registry in `dir`, or makes one there: `registry.db` (SQLite) and
    /// `registry-key.pem` (PKCS#1, for the owner's eyes only). Copies of the directory are copies
    /// of the Registry: keep a safe one, and never serve two.
    ///
    /// # Errors
    ///
    /// [`Kind::ConfigurationInvalid`] for options that cannot work, [`Kind::KeyInvalid`] for a key
    /// file that cannot be read or that others may read, [`Kind::StoreMismatch`] for a data base of
    /// another key or a newer version, [`Kind::StorageFailed`] from the disk.
    pub async fn open(dir: impl AsRef<Path>, options: RegistryOptions) -> Result<Self> {
        let options = options.checked()?;
        let dir = dir.as_ref().to_owned();
        let key = {
            let (dir, bits) = (dir.clone(), options.key_bits);
            blocking(move || load_or_make_key(&dir, bits)).await?
        };
        let digest = sha256(key.public().to_der());
        let db = Db::open(&dir, &digest, options.clock.now()).await?;
        let public_url = options.public_url.clone().map(OnceLock::from);
        Ok(Self(Arc::new(Inner {
            rsa: RsaPool::new(options.rsa_workers, options.rsa_queue),
            options,
            dir,
            db,
            key: Arc::new(key),
            public_url: public_url.unwrap_or_default(),
        })))
    }

    /// The address that links and answers name: the setting, or where the Registry first served.
    pub fn public_url(&self) -> &str {
        self.0
            .public_url
            .get()
            .map_or("http://localhost", |url| url)
    }

    /// The key that payloads to this Registry are encrypted with.
    pub fn public_key(&self) -> &PublicKey {
        self.0.key.public()
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// How many RSA private operations this process began: what a request costs is nearly all this.
    pub fn rsa_operations(&self) -> u64 {
        self.0.rsa.operations()
    }

    /// Waits until what runs is written, and closes the data base. Later calls fail.
    pub async fn close(&self) {
        self.0.db.close().await;
    }

    pub(crate) fn options(&self) -> &RegistryOptions {
        &self.0.options
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.options.clock.now()
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn rsa(&self) -> &RsaPool {
        &self.0.rsa
    }

    pub(crate) fn private_key(&self) -> Arc<PrivateKey> {
        Arc::clone(&self.0.key)
    }

    /// Settles the address for links, unless a setting or an earlier listener did.
    pub(crate) fn served_at(&self, url: String) {
        let _ = self.0.public_url.set(url);
    }
}

/// Runs work that takes long off the threads that serve connections.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        Error::new(
            Kind::Internal,
            "a task of the Registry ended before its result",
        )
    })?
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    digest
}

fn load_or_make_key(dir: &Path, bits: usize) -> Result<PrivateKey> {
    std::fs::create_dir_all(dir).map_err(|error| {
        Error::new(
            Kind::StorageFailed,
            "the Registry's directory cannot be made",
        )
        .with("directory", dir.display())
        .because(error)
    })?;
    let file = dir.join("registry-key.pem");
    // Asked first: whoever makes both publishes the key before the data base.
    let has_db = dir.join("registry.db").exists();
    if let Some(pem) = files::read_private(&file)? {
        return PrivateKey::from_pem(&pem, None)
            .map_err(|error| error.with("file", file.display()));
    }
    if has_db {
        return Err(
            Error::new(Kind::StoreMismatch, "the Registry's key file is missing")
                .with("file", file.display())
                .hint("put it back: a new key would not open what is sent to the old one"),
        );
    }
    let key = PrivateKey::generate(bits)?;
    files::publish_private(&file, key.to_pkcs1_pem().as_bytes())?;
    // If another process was first, its key is the one that counts.
    match files::read_private(&file)? {
        Some(pem) => PrivateKey::from_pem(&pem, None),
        None => Ok(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open(dir: &Path) -> Result<Registry> {
        Registry::open(dir, RegistryOptions::new().key_bits(2048)).await
    }

    /// Changes the data base of a Registry that is closed.
    fn changed(dir: &Path, sql: &str) {
        let conn = rusqlite::Connection::open(dir.join("registry.db")).unwrap();
        conn.execute_batch(sql).unwrap();
    }

    #[tokio::test]
    async fn the_same_directory_is_the_same_registry() {
        let dir = tempfile::tempdir().unwrap();
        let first = open(dir.path()).await.unwrap();
        let key = first.public_key().clone();
        first.close().await;
        assert_eq!(open(dir.path()).await.unwrap().public_key(), &key);
        let names = std::fs::read_dir(dir.path()).unwrap();
        let mut names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(names.all(|name| {
            ["registry.db", "registry-key.pem"]
                .contains(&name.trim_end_matches("-wal").trim_end_matches("-shm"))
        }));
    }

    #[tokio::test]
    async fn key_and_data_base_belong_together() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        open(one.path()).await.unwrap().close().await;
        open(two.path()).await.unwrap().close().await;
        let key = |dir: &tempfile::TempDir| dir.path().join("registry-key.pem");
        std::fs::copy(key(&one), key(&two)).unwrap();
        let error = open(two.path()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::StoreMismatch);
        std::fs::remove_file(key(&two)).unwrap();
        let error = open(two.path()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::StoreMismatch);
        assert!(!key(&two).exists());
    }

    #[tokio::test]
    async fn a_file_that_is_no_data_base_or_of_a_later_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).await.unwrap().close().await;
        std::fs::write(dir.path().join("registry.db"), "notes ".repeat(1000)).unwrap();
        let error = open(dir.path()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::StorageFailed);
        assert!(error.advice().unwrap().contains("not one of this program"));

        let dir = tempfile::tempdir().unwrap();
        let registry = open(dir.path()).await.unwrap();
        registry.close().await;
        changed(dir.path(), "PRAGMA user_version = 9");
        let error = open(dir.path()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::StoreMismatch);
        assert!(error.advice().unwrap().contains("or a newer one"));
    }

    #[tokio::test]
    async fn a_data_base_of_the_first_version_is_brought_up_to_date() {
        let dir = tempfile::tempdir().unwrap();
        let registry = open(dir.path()).await.unwrap();
        let aims = ["H".parse().unwrap()];
        let source = registry.add_instrument("Walks", &aims).await.unwrap().id;
        registry.close().await;
        changed(dir.path(), "DROP TABLE api_key; PRAGMA user_version = 1");
        let registry = open(dir.path()).await.unwrap();
        assert!(registry.add_api_key(&source, "app").await.is_ok());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn files_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let registry = open(dir.path()).await.unwrap();
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
        }
        registry.close().await;
        let key = dir.path().join("registry-key.pem");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = open(dir.path()).await.unwrap_err();
        assert_eq!(error.kind(), Kind::KeyInvalid);
    }
}
