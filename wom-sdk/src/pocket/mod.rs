//! A headless wallet: it redeems codes, holds vouchers in a file, and pays with them.
//!
//! Nothing is lost and nothing spent twice, whenever the process dies or an answer gets lost: what
//! a call is about to do is in the file before it is sent (a session key, the vouchers set aside),
//! and its success is reported only once it is in the file too. A call that ended unclear is
//! repeated by calling again with the same code.
//!
//! ```no_run
//! # async fn example() -> wom_sdk::Result<()> {
//! use wom_sdk::{
//!     pocket::Pocket,
//!     protocol::{Pin, parse_link_or_otc},
//!     registry::{PocketClient, RegistryClient},
//! };
//!
//! let registry = PocketClient::new(RegistryClient::new("https://dev.wom.social")?);
//! let pocket = Pocket::open("wallet.json")?;
//! let link = parse_link_or_otc(
//!     "https://link.dev.wom.social/vouchers/0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44",
//! )?;
//! let redeemed = pocket.redeem(&registry, &link, &Pin::parse("4821")?, None).await?;
//! println!("{} vouchers of {}", redeemed.vouchers, redeemed.source_name);
//! println!("{:?}", pocket.balance()?);
//! # Ok(())
//! # }
//! ```

mod book;
mod choose;
mod pay;
mod redeem;

#[cfg(test)]
mod tests;

pub use pay::Paid;
pub use redeem::Redeemed;

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, Weak},
};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};

use self::book::{Book, Held};
use crate::{
    Clock, Error, Kind, Result, SystemClock, Timestamp, files,
    protocol::{
        Filter, Otc, Pin, Position, SessionKey, VoucherId,
        message::{ConfirmAnswer, InfoAnswer, RedeemAnswer, SpentVoucher},
    },
};

/// The wallet's side of a Registry: what a [`Pocket`] calls.
///
/// An error's [`Retry`](crate::Retry) says how a call ended: `SameKey` if it may have been carried
/// out, anything else if it surely was not.
#[async_trait]
pub trait Gateway: fmt::Debug + Send + Sync {
    /// The Registry's base address, before `/api`.
    fn registry(&self) -> &str;

    /// The [fingerprint](crate::protocol::PublicKey::fingerprint) of the Registry's key.
    async fn fingerprint(&self) -> Result<String>;

    /// Takes the vouchers of a code. Some Registries give the same vouchers again under the same
    /// session key; others give them once.
    async fn redeem(
        &self,
        otc: &Otc,
        pin: &Pin,
        key: &SessionKey,
        location: Option<Position>,
    ) -> Result<RedeemAnswer>;

    /// Asks what a payment is for.
    async fn info(&self, otc: &Otc, pin: &Pin) -> Result<InfoAnswer>;

    /// Pays.
    async fn confirm(
        &self,
        otc: &Otc,
        pin: &Pin,
        key: &SessionKey,
        vouchers: Vec<SpentVoucher>,
    ) -> Result<ConfirmAnswer>;
}

/// A wallet in a file. Cheap to clone; clones are the same wallet.
///
/// The file is JSON that only its owner may read, with the vouchers' secrets in it: who has the
/// file has the vouchers. It holds the vouchers of one Registry. While a `Pocket` is open no other
/// process can open the file.
#[derive(Clone)]
pub struct Pocket(Arc<Shared>);

struct Shared {
    path: PathBuf,
    book: Mutex<Book>,
    turns: Mutex<BTreeMap<String, Weak<tokio::sync::Mutex<()>>>>,
    clock: Arc<dyn Clock>,
    /// Held as long as the wallet is open.
    _lock: File,
}

impl Pocket {
    /// Opens the wallet in this file; one that is not there yet is empty.
    ///
    /// [`Kind::StoreLocked`] if another process has it open.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, Arc::new(SystemClock))
    }

    /// As [`open`](Self::open), with a clock of the caller's, by which vouchers are of an age.
    pub fn open_with(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let lock = files::try_lock_beside(&path).map_err(|error| unwritable(&path, error))?;
        let Some(lock) = lock else {
            return Err(
                Error::new(Kind::StoreLocked, "another process has the wallet open")
                    .with("file", path.display())
                    .hint("wait until it is done, or use another wallet"),
            );
        };
        Ok(Self(Arc::new(Shared {
            book: Mutex::new(Book::read(&path)?),
            turns: Mutex::default(),
            path,
            clock,
            _lock: lock,
        })))
    }

    /// All vouchers, also those that are spent, in the order of their ids.
    pub fn vouchers(&self) -> Result<Vec<Voucher>> {
        let book = self.book()?;
        Ok(book.vouchers.iter().map(Voucher::of).collect())
    }

    /// How many vouchers can be spent, by the code of their aim.
    pub fn balance(&self) -> Result<BTreeMap<String, u32>> {
        let mut balance = BTreeMap::new();
        for held in self.book()?.vouchers.values().filter(|held| held.is_free()) {
            *balance.entry(held.aim.clone()).or_default() += 1;
        }
        Ok(balance)
    }

    /// Chooses so many vouchers that pass a filter at this time: of as few redeemed codes as
    /// possible, as a payment shows which vouchers belong to one person; and at random among equal
    /// choices. Nothing is set aside.
    ///
    /// [`Kind::VouchersInsufficient`] if there are not as many.
    pub fn choose(&self, filter: &Filter, amount: u32, now: Timestamp) -> Result<Vec<VoucherId>> {
        choose::choose(&*self.book()?, filter, amount, now)
    }

    fn book(&self) -> Result<MutexGuard<'_, Book>> {
        self.0.book.lock().map_err(|_| poisoned())
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Changes the book, in the file first: when this returns, the change is durable; if it fails,
    /// nothing has changed.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Book) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let shared = Arc::clone(&self.0);
        let work = move || {
            let mut book = shared.book.lock().map_err(|_| poisoned())?;
            let mut next = book.clone();
            let value = change(&mut next)?;
            if next != *book {
                next.write(&shared.path)?;
                *book = next;
            }
            Ok(value)
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| Error::new(Kind::Internal, "the wallet failed").because(error))?
    }

    /// Waits until nobody else in this process works on the code.
    async fn turn(&self, name: &str) -> Result<tokio::sync::OwnedMutexGuard<()>> {
        let turn = {
            let mut turns = self.0.turns.lock().map_err(|_| poisoned())?;
            turns.retain(|_, turn| turn.strong_count() > 0);
            let known = turns.get(name).and_then(Weak::upgrade);
            let turn = known.unwrap_or_default();
            turns.insert(name.to_owned(), Arc::downgrade(&turn));
            turn
        };
        Ok(turn.lock_owned().await)
    }

    /// Refuses a Registry that the vouchers are not of: it would learn their secrets. It is known
    /// by its address or by its key, as either may change.
    async fn be_home(&self, gateway: &dyn Gateway) -> Result<()> {
        let home = book::Home {
            address: gateway.registry().to_owned(),
            key: gateway.fingerprint().await?,
        };
        let known = self.book()?.home.clone();
        match known {
            Some(known) if known == home => Ok(()),
            Some(known) if known.address != home.address && known.key != home.key => {
                Err(Error::new(
                    Kind::StoreMismatch,
                    "the wallet holds vouchers of another Registry",
                )
                .with("wallet", known.address)
                .with("registry", home.address)
                .hint("use another wallet for this Registry"))
            }
            _ => {
                self.change(|book| {
                    book.home = Some(home);
                    Ok(())
                })
                .await
            }
        }
    }
}

impl fmt::Debug for Pocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pocket({})", self.0.path.display())
    }
}

/// A voucher in the wallet, without its secret.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Voucher {
    /// Its id.
    pub id: VoucherId,
    /// The code of its aim.
    pub aim: String,
    /// Where it was earned.
    pub place: Position,
    /// When it was earned.
    pub at: Timestamp,
    /// Whether it can be spent.
    pub state: VoucherState,
}

/// Whether a voucher can be spent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VoucherState {
    /// It can.
    Free,
    /// It is set aside for a payment that was begun and is not concluded.
    Reserved,
    /// It was.
    Spent,
}

impl Voucher {
    fn of((id, held): (&VoucherId, &Held)) -> Self {
        Self {
            id: id.clone(),
            aim: held.aim.clone(),
            place: held.place,
            at: held.at,
            state: held.state(),
        }
    }
}

/// How the wallet names a code: it can be recognised by it, and not be used.
fn name_of(otc: &Otc) -> String {
    let mut hash = Sha256::new();
    hash.update(b"wom-pocket/1");
    hash.update(otc.reveal_bytes());
    crate::hex::encode(&hash.finalize())
}

fn poisoned() -> Error {
    Error::new(Kind::Internal, "a thread died while it held the wallet")
}

fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::new(Kind::StorageFailed, "the wallet cannot be written")
        .with("file", path.display())
        .hint("check that the folder is there and yours, and the disk not full")
        .because(error)
}
