//! What a worker works with, made mortal: its process may die right before and right after each write,
//! each call, and each change of its keys.

use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use wom_sdk::{
    Result, Timestamp,
    award::{Content, Identity, Issuer, Ticket},
    claim::{Claim, ClaimSink},
    privacy::{Cohort, FileKeyStore, KeyStore},
    protocol::Otc,
    registry::InstrumentClient,
    store::{AwardRecord, Commit, Committed, DeliveryRecord, Owner, Store},
    testing::StoreLayer,
};
use zeroize::Zeroizing;

use crate::ground::say;

const DIE_AT: &str = "WOM_WAY_DIE_AT";
const DIE_IN: &str = "WOM_WAY_DIE_IN";

/// Which points count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Points {
    All,
    Keys,
}

impl Points {
    /// What their names begin with, after `before` or `after`.
    fn begins(self) -> &'static str {
        match self {
            Self::All => "",
            Self::Keys => "keys",
        }
    }
}

/// Counts the points that were passed, and dies at one.
#[derive(Debug)]
pub(crate) struct Reaper {
    passed: AtomicU32,
    of: String,
    die_at: Option<u32>,
}

impl Reaper {
    /// As whoever has started this process has [told](Self::tell) it.
    pub(crate) fn told() -> Arc<Self> {
        Arc::new(Self {
            passed: AtomicU32::new(0),
            of: std::env::var(DIE_IN).unwrap_or_default(),
            die_at: std::env::var(DIE_AT).ok().map(|text| text.parse().unwrap()),
        })
    }

    /// Tells a process which points count, and at which to die.
    pub(crate) fn tell(process: &mut Command, of: Points, die_at: Option<u32>) {
        process.env(DIE_IN, of.begins());
        if let Some(point) = die_at {
            process.env(DIE_AT, point.to_string());
        }
    }

    /// How many points there were.
    pub(crate) fn passed(&self) -> u32 {
        self.passed.load(Ordering::SeqCst)
    }

    fn pass(&self, when: &str, what: &str) {
        if !what.starts_with(&self.of) {
            return;
        }
        let point = self.passed.fetch_add(1, Ordering::SeqCst);
        if self.die_at == Some(point) {
            say(&format!("dies {point} {when} {what}"));
            std::process::abort();
        }
    }

    async fn around<T>(&self, what: &str, call: impl Future<Output = T>) -> T {
        self.pass("before", what);
        let done = call.await;
        self.pass("after", what);
        done
    }
}

/// Appends a line for each claim, durably: the receiver that a push has.
#[derive(Debug)]
pub(crate) struct FileSink {
    pub(crate) path: PathBuf,
    pub(crate) reaper: Arc<Reaper>,
}

#[async_trait]
impl ClaimSink for FileSink {
    async fn deliver(&self, claims: &[Claim]) -> Result<()> {
        let deliver = async {
            let mut file = fs::File::options()
                .create(true)
                .append(true)
                .open(&self.path)
                .unwrap();
            for claim in claims {
                let (key, ticket) = (claim.key.to_hex(), &claim.ticket);
                let line = format!("{key} {} {}\n", ticket.otc.reveal(), ticket.pin.reveal());
                file.write_all(line.as_bytes()).unwrap();
            }
            file.sync_data().unwrap();
            claims
                .iter()
                .for_each(|claim| say(&format!("offered {}", claim.key.to_hex())));
        };
        self.reaper.around("the sink", deliver).await;
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct MortalIssuer {
    pub(crate) inner: InstrumentClient,
    pub(crate) reaper: Arc<Reaper>,
}

#[async_trait]
impl Issuer for MortalIssuer {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }

    async fn create(&self, content: &Content, nonce: &str) -> Result<Ticket> {
        let create = self.inner.create(content, nonce);
        self.reaper.around("create", create).await
    }

    async fn verify(&self, otc: &Otc) -> Result<()> {
        self.reaper.around("verify", self.inner.verify(otc)).await
    }
}

/// A store whose process may die around every write.
#[derive(Debug)]
pub(crate) struct MortalStore {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) reaper: Arc<Reaper>,
}

#[async_trait]
impl StoreLayer for MortalStore {
    fn inner(&self) -> &dyn Store {
        &*self.inner
    }

    async fn bind(&self, owner: &Owner) -> Result<()> {
        self.reaper.around("bind", self.inner.bind(owner)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed> {
        self.reaper
            .around("commit", self.inner.commit(commit))
            .await
    }

    async fn advance(&self, record: &AwardRecord) -> Result<bool> {
        let what = format!("advance to {}", record.state.name());
        self.reaper.around(&what, self.inner.advance(record)).await
    }

    async fn claim(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<AwardRecord>> {
        let claim = self.inner.claim(now, until, limit);
        self.reaper.around("claim", claim).await
    }

    async fn put_delivery(&self, record: &DeliveryRecord) -> Result<bool> {
        let what = format!("delivery to {}", record.state.name());
        let put = self.inner.put_delivery(record);
        self.reaper.around(&what, put).await
    }
    async fn forget(&self, cohort: Cohort) -> Result<u64> {
        let forget = self.inner.forget(cohort);
        self.reaper
            .around("keys: forget what they hid", forget)
            .await
    }
}

/// Keys that are made and destroyed at points of their own.
#[derive(Debug)]
pub(crate) struct MortalKeys {
    pub(crate) inner: FileKeyStore,
    pub(crate) reaper: Arc<Reaper>,
}

impl MortalKeys {
    fn around<T>(&self, what: &str, name: &str, change: impl FnOnce() -> T) -> T {
        let kind = name.split('/').next().unwrap_or_default();
        let what = format!("keys: {what} {kind}");
        self.reaper.pass("before", &what);
        let done = change();
        self.reaper.pass("after", &what);
        done
    }
}

impl KeyStore for MortalKeys {
    fn key(&self, name: &str, create: bool) -> Result<Option<Zeroizing<[u8; 32]>>> {
        match self.inner.key(name, false)? {
            None if create => self.around("make", name, || self.inner.key(name, true)),
            found => Ok(found),
        }
    }

    fn names(&self, prefix: &str) -> Result<Vec<String>> {
        self.inner.names(prefix)
    }

    fn destroy(&self, name: &str) -> Result<()> {
        self.around("destroy", name, || self.inner.destroy(name))
    }

    fn purpose_key(&self, purpose: &str) -> Result<Zeroizing<[u8; 32]>> {
        self.inner.purpose_key(purpose)
    }
}
