//! Drives checkouts: from a charge to a code on a display, and from there to exactly one *paid*.

mod desks;
mod drive;
mod news;
#[cfg(test)]
mod tests;

pub use desks::Desks;

use std::{sync::Arc, time::Duration};

use crate::{
    Clock, Error, Kind, Result, SystemClock, Timestamp,
    award::Ticket,
    checkout::{Charge, Checkout, CheckoutId, DeskId, Event, Listener, Payee, State, step},
    privacy::{KeyStore, MemoryKeyStore, Sealer},
    registry::only_here,
    store::{MemoryStore, Store},
};

use news::{Heard, News};

/// Asks for payments and hears of them, with one committed write between any two calls that leave
/// the process. Cheap to clone; any number may work on one store, and desks of several POS may
/// share it.
///
/// ```
/// # use wom_sdk::{Result, Timestamp, award::Ticket, protocol::{Otc, Pin}};
/// # #[derive(Debug)]
/// # struct Paying;
/// # #[async_trait::async_trait]
/// # impl wom_sdk::checkout::Payee for Paying {
/// #     fn registry(&self) -> &str { "https://wom.social" }
/// #     fn pos(&self) -> String { "65aa0c3be1f0d25c7b9e4422".into() }
/// #     async fn register(&self, charge: &wom_sdk::checkout::Charge, _: &str) -> Result<Ticket> {
/// #         let (otc, pin, link) = (Otc::random(), Pin::random(), "x".to_owned().into());
/// #         Ok(Ticket { otc, pin, link, minutes: charge.amount })
/// #     }
/// #     async fn verify(&self, _: &Otc) -> Result<()> { Ok(()) }
/// #     async fn status(&self, _: &Otc) -> Result<Vec<Timestamp>> {
/// #         Ok(vec![Timestamp::EPOCH])
/// #     }
/// # }
/// # fn pos() -> Paying { Paying }
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::{sync::Arc, time::Duration};
/// use wom_sdk::{
///     SystemClock,
///     cash_desk::CashDesk,
///     checkout::{Charge, State},
///     privacy::MemoryKeyStore,
///     store::MemoryStore,
/// };
///
/// let desk = CashDesk::new(
///     Arc::new(MemoryStore::new()),
///     Arc::new(pos()), // a wom_sdk::registry::PosClient
///     Arc::new(MemoryKeyStore::default()),
///     Arc::new(SystemClock),
/// );
/// let ticket = desk.charge("order 1007", &Charge::new(15)?).await?;
/// println!("pay at {}, PIN {}", ticket.link.reveal(), ticket.pin.reveal());
/// match desk.wait("order 1007", Duration::from_secs(60)).await? {
///     State::Paid { at } => println!("paid at {at}: give the discount"),
///     state => println!("not yet: {}", state.name()),
/// }
/// # Ok::<(), wom_sdk::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct CashDesk {
    store: Arc<dyn Store>,
    payee: Arc<dyn Payee>,
    sealer: Arc<Sealer>,
    keys: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
    listener: Option<Arc<dyn Listener>>,
    name: Option<Arc<str>>,
    news: Arc<News>,
}

impl CashDesk {
    /// How long [`charge`](Self::charge) tries to get a code.
    pub const PATIENCE: Duration = Duration::from_secs(30);
    /// How often to look whether another process moved a checkout on.
    const LOOK: Duration = Duration::from_secs(1);

    /// A desk for one POS over this store. Codes are sealed with these keys; a store with codes
    /// that they do not open answers [`Kind::StoreMismatch`] when such a code is needed.
    pub fn new(
        store: Arc<dyn Store>,
        payee: Arc<dyn Payee>,
        keys: Arc<dyn KeyStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            store,
            payee,
            sealer: Arc::new(Sealer::new(Arc::clone(&keys), "checkout")),
            keys,
            clock,
            listener: None,
            name: None,
            news: Arc::default(),
        }
    }

    /// A desk that remembers nothing once the process ends, for trying out and for tests.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] towards a Registry that is not on this machine: a crash would lose
    /// what somebody paid for.
    pub fn in_memory(payee: impl Payee + 'static) -> Result<Self> {
        only_here(payee.registry())?;
        Ok(Self::new(
            Arc::new(MemoryStore::new()),
            Arc::new(payee),
            Arc::new(MemoryKeyStore::default()),
            Arc::new(SystemClock),
        ))
    }

    /// Tells somebody of payments, from [`run_due`](Self::run_due) or [`Desks::run`].
    #[must_use]
    pub fn with_listener(self, listener: Arc<dyn Listener>) -> Self {
        Self {
            listener: Some(listener),
            ..self
        }
    }

    /// Calls the POS so towards the [listener](Self::with_listener), not by its id.
    #[must_use]
    pub fn with_name(self, name: &str) -> Self {
        Self {
            name: Some(name.into()),
            ..self
        }
    }

    /// The desk's POS at its Registry.
    pub fn desk_id(&self) -> DeskId {
        DeskId::new(self.payee.registry(), &self.payee.pos())
    }

    pub(crate) fn keys(&self) -> &dyn KeyStore {
        &*self.keys
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The name of the checkout for a shop's own reference.
    pub fn id(&self, reference: &str) -> CheckoutId {
        CheckoutId::new(self.payee.registry(), &self.payee.pos(), reference)
    }

    /// Asks for a payment under the shop's own reference, such as an order's number (1 to 512
    /// bytes), and gives the code to show: from now on it counts as shown.
    ///
    /// The same reference again gives the same code, after a crash too; with another charge it is
    /// [`Kind::AwardKeyReused`]. Where no code could be had within [`PATIENCE`](Self::PATIENCE) the
    /// error says why: call again, or let [`run_due`](Self::run_due) go on; what failed is tried anew
    /// by the next call. A checkout that was called off or ran out gives no code any more: use a new
    /// reference.
    pub async fn charge(&self, reference: &str, charge: &Charge) -> Result<Ticket> {
        if reference.is_empty() || reference.len() > 512 {
            return Err(Error::new(
                Kind::InputInvalid,
                "the reference of a checkout has 1 to 512 bytes",
            ));
        }
        let id = self.id(reference);
        self.begin(id, charge).await?;
        let mut fresh = true;
        let ends = self.now().plus_millis(millis(Self::PATIENCE));
        let mut last = None;
        loop {
            let heard = self.news.of(id);
            let (record, checkout) = self.load(id).await?;
            if checkout.charge != *charge {
                return Err(Error::new(
                    Kind::AwardKeyReused,
                    "this reference was used for another charge",
                )
                .hint("use a reference of its own for each payment"));
            }
            match &checkout.state {
                State::Shown | State::Paid { .. } => return checkout.ticket.ok_or_else(lost),
                State::Verified => {
                    let shown = step(&checkout, Event::Show, self.now(), 0)?.checkout;
                    self.put(&record, &shown).await?;
                }
                State::Created | State::Registered | State::Verifying if self.now() >= ends => {
                    return Err(last.unwrap_or_else(unready));
                }
                State::Created | State::Registered | State::Verifying => {
                    match checkout.due.filter(|due| *due > self.now()) {
                        Some(due) => self.pause(due.min(ends), &heard).await,
                        None => {
                            let outcome = self.go_on_until(&record, &checkout, ends).await?;
                            last = outcome.error.or(last);
                        }
                    }
                }
                State::Failed(_) if fresh => {
                    let again = step(&checkout, Event::Resume, self.now(), 0)?.checkout;
                    self.put(&record, &again).await?;
                }
                State::Failed(code) => return Err(failed(code, last)),
                state => {
                    return Err(Error::new(
                        Kind::InputInvalid,
                        "this checkout is over, and its code must not be shown again",
                    )
                    .with("state", state.name())
                    .hint("charge again under another reference"));
                }
            }
            fresh = false;
        }
    }

    /// How the checkout under this reference stands; none if there is none.
    pub async fn state(&self, reference: &str) -> Result<Option<State>> {
        let record = self.store.checkout(self.id(reference)).await?;
        Ok(record.map(|record| record.state))
    }

    /// The checkout with this id; none if this desk has none.
    pub async fn checkout(&self, id: CheckoutId) -> Result<Option<Checkout>> {
        if id.desk() != self.desk_id() {
            return Ok(None);
        }
        let record = self.store.checkout(id).await?;
        record.map(|record| self.unseal(&record)).transpose()
    }

    /// Waits until a checkout that others look after is decided, at most so long, and gives it; none
    /// if this desk has none. Nothing is asked of the Registry.
    pub async fn watch(&self, id: CheckoutId, at_most: Duration) -> Result<Option<Checkout>> {
        let ends = self.now().plus_millis(millis(at_most));
        loop {
            let heard = self.news.of(id);
            let checkout = self.checkout(id).await?;
            let open = checkout.as_ref().is_some_and(|held| held.state.is_open());
            if !open || self.now() >= ends {
                return Ok(checkout);
            }
            self.pause(ends, &heard).await;
        }
    }

    /// Waits until the checkout under this reference is decided, at most so long, and tells how it
    /// stands then. The Registry is asked as often as is polite: after a second, then ever more
    /// seldom, at most every ten.
    pub async fn wait(&self, reference: &str, at_most: Duration) -> Result<State> {
        let id = self.id(reference);
        let ends = self.now().plus_millis(millis(at_most));
        loop {
            let heard = self.news.of(id);
            let (record, checkout) = self.load(id).await?;
            if !checkout.state.is_open() {
                return Ok(checkout.state);
            }
            if checkout.due.is_some_and(|due| due <= self.now()) {
                self.go_on_until(&record, &checkout, ends).await?;
                continue;
            }
            if self.now() >= ends {
                return Ok(checkout.state);
            }
            self.pause(checkout.due.unwrap_or(ends).min(ends), &heard)
                .await;
        }
    }

    /// Calls a checkout off, and tells how it stands then. As the Registry cannot be told, the code
    /// is watched for a day by [`run_due`](Self::run_due): a payment that was under way becomes
    /// [`State::PaidAfterCancel`]. One that was paid before is [`Kind::AlreadyPerformed`].
    pub async fn cancel(&self, reference: &str) -> Result<State> {
        self.call_off(self.id(reference)).await
    }

    /// As [`cancel`](Self::cancel), by the checkout's id.
    pub async fn call_off(&self, id: CheckoutId) -> Result<State> {
        loop {
            let (record, checkout) = self.load(id).await?;
            if matches!(checkout.state, State::PaidAfterCancel { .. }) {
                return Ok(checkout.state);
            }
            let intent = step(&checkout, Event::Cancel, self.now(), 0)?;
            if intent.checkout == checkout {
                return Ok(checkout.state);
            }
            let Some(record) = self.put(&record, &intent.checkout).await? else {
                continue;
            };
            if let Some(action) = intent.action {
                self.act(&record, &intent.checkout, action).await?;
            }
            return Ok(self.load(id).await?.1.state);
        }
    }

    /// Asks the Registry now when the code of a checkout was paid, each time, in the Registry's order;
    /// none where there is no code yet. Nothing is written.
    pub async fn confirmations(&self, id: CheckoutId) -> Result<Vec<Timestamp>> {
        match self.load(id).await?.1.ticket {
            Some(ticket) => self.payee.status(&ticket.otc).await,
            None => Ok(Vec::new()),
        }
    }

    /// Looks once more now whether a code was paid that was shown, whatever it was due, and tells how
    /// the checkout stands then. Before another code is shown for the same purchase, ask this.
    pub async fn look(&self, id: CheckoutId) -> Result<State> {
        let (record, checkout) = self.load(id).await?;
        let shown = matches!(
            checkout.state,
            State::Shown | State::Expired | State::Cancelled
        );
        if !shown || checkout.ticket.is_none() || checkout.charge.persistent {
            return Ok(checkout.state);
        }
        let outcome = self.go_on(&record, &checkout).await?;
        match outcome.error {
            Some(error) => Err(error),
            None => Ok(self.load(id).await?.1.state),
        }
    }

    /// Takes one step with each of this POS's checkouts that are due, at most `limit`, and tells
    /// which have changed their state by it: each change is told by one call only, and only once it
    /// is written. Whoever may have died before hearing it asks for the [`state`](Self::state), or
    /// has a [listener](Self::with_listener).
    pub async fn run_due(&self, limit: usize) -> Result<Vec<(CheckoutId, State)>> {
        Desks::new(Arc::clone(&self.store), [self.clone()])
            .run_due(limit)
            .await
    }

    /// Sleeps until then, or until there is news; what other processes do is looked for now and then.
    async fn pause(&self, until: Timestamp, heard: &Heard) {
        let left = until.since(self.now()).max(1).unsigned_abs();
        let pause = Duration::from_millis(left).min(Self::LOOK);
        // Late or in time: the caller looks again.
        let _ = tokio::time::timeout(pause, heard.wait()).await;
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// The error that a checkout failed with; `last` is the same with all it had to say.
fn failed(code: &str, last: Option<Error>) -> Error {
    let kind = Kind::ALL.iter().find(|kind| kind.code() == code).copied();
    match last.filter(|last| Some(last.kind()) == kind) {
        Some(last) => last,
        None => Error::new(
            kind.unwrap_or(Kind::Internal),
            "the checkout failed: it cannot go on by itself",
        )
        .with("reason", code.to_owned())
        .hint("mend the cause, then charge again"),
    }
}

fn unready() -> Error {
    Error::new(
        Kind::DeadlineExceeded,
        "the checkout is begun, but its code is not here yet",
    )
    .hint("charge again with the same reference; nothing is lost")
}

fn lost() -> Error {
    Error::new(Kind::Internal, "the store lost a checkout or its code")
}
