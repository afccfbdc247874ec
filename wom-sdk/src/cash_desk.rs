//! Drives checkouts: from a charge to a code on a display, and from there to exactly one *paid*.

mod desks;
mod news;
#[cfg(test)]
mod tests;

pub use desks::Desks;

use std::{sync::Arc, time::Duration};

use crate::{
    Clock, Digest, Error, Kind, Result, SystemClock, Timestamp,
    award::{Secrets, Ticket},
    checkout::{
        Action, Charge, Checkout, CheckoutId, CheckoutRecord, DeskId, Event, Listener, Payee,
        Payment, State, step,
    },
    privacy::{KeyStore, MemoryKeyStore, Sealer},
    protocol::random,
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

    async fn begin(&self, id: CheckoutId, charge: &Charge) -> Result<()> {
        if self.store.checkout(id).await?.is_some() {
            return Ok(());
        }
        let checkout = Checkout::new(id, charge.clone(), self.now());
        // If somebody else is faster, theirs is the checkout.
        self.store
            .put_checkout(&self.record(0, &checkout, None)?)
            .await
            .map(drop)
    }

    /// Writes that a call is about to be made, makes it, and writes how it ended. Where somebody
    /// else was faster, nothing happens.
    async fn go_on(&self, record: &CheckoutRecord, checkout: &Checkout) -> Result<Outcome> {
        let intent = step(checkout, Event::Due, self.now(), random::number())?;
        let Some(record) = self.put(record, &intent.checkout).await? else {
            return Ok(Outcome::default());
        };
        match intent.action {
            Some(action) => self.act(&record, &intent.checkout, action).await,
            None => Ok(Outcome::default()),
        }
    }

    /// As [`go_on`](Self::go_on), and waits no longer than until then: what was begun is ended all the
    /// same.
    async fn go_on_until(
        &self,
        record: &CheckoutRecord,
        checkout: &Checkout,
        ends: Timestamp,
    ) -> Result<Outcome> {
        let (desk, record, checkout) = (self.clone(), record.clone(), checkout.clone());
        let going = tokio::spawn(async move { desk.go_on(&record, &checkout).await });
        let left = ends.since(self.now()).max(1).unsigned_abs();
        match tokio::time::timeout(Duration::from_millis(left), going).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Err(lost().because(error)),
            Err(_) => Ok(Outcome::default()),
        }
    }

    async fn act(
        &self,
        record: &CheckoutRecord,
        checkout: &Checkout,
        action: Action,
    ) -> Result<Outcome> {
        let event = match (action, &checkout.ticket) {
            (Action::Register, _) => {
                // The same nonce for every try lets a Registry that remembers nonces answer the same.
                let nonce = Digest::of([b"nonce/1".as_slice(), &checkout.id.0]).to_hex();
                Event::Registered(self.payee.register(&checkout.charge, &nonce).await)
            }
            (Action::Verify, Some(ticket)) => {
                Event::Verified(self.verify(ticket, checkout.unclear).await)
            }
            (Action::Poll, Some(ticket)) => {
                let paid = self.payee.status(&ticket.otc).await;
                Event::Status(paid.map(|paid| paid.into_iter().min()))
            }
            (Action::Verify | Action::Poll, None) => return Err(lost()),
            (Action::Tell, _) => Event::Told(self.tell(checkout).await),
        };
        let error = match &event {
            Event::Registered(Err(error))
            | Event::Verified(Err(error))
            | Event::Status(Err(error))
            | Event::Told(Err(error)) => Some(error.clone()),
            _ => None,
        };
        let mut next = step(checkout, event, self.now(), random::number())?.checkout;
        if next.state.is_paid() && self.listener.is_none() {
            // Nobody is to be told: that needs no write of its own.
            next = step(&next, Event::Told(Ok(())), self.now(), 0)?.checkout;
        }
        tracing::debug!(
            state = next.state.name(),
            tries = next.tries,
            "checkout moved on"
        );
        let written = self.put(record, &next).await?.is_some();
        let changed = (written && next.state != checkout.state).then_some(next.state);
        Ok(Outcome { changed, error })
    }

    async fn tell(&self, checkout: &Checkout) -> Result<()> {
        let Some(listener) = &self.listener else {
            return Ok(());
        };
        let payment = Payment {
            id: checkout.id,
            pos: match &self.name {
                Some(name) => name.to_string(),
                None => self.payee.pos(),
            },
            amount: checkout.charge.amount,
            state: checkout.state.clone(),
        };
        let told = listener.paid(&payment).await;
        if let Err(error) = &told {
            tracing::warn!(code = error.code(), "nobody could be told of a payment");
        }
        told
    }

    /// Verifies. A Registry that fails after an earlier try ended unclear may have done it then, and
    /// is asked.
    async fn verify(&self, ticket: &Ticket, unclear: bool) -> Result<()> {
        let Err(error) = self.payee.verify(&ticket.otc).await else {
            return Ok(());
        };
        if !unclear || error.kind() != Kind::RegistryFailed {
            return Err(error);
        }
        match self.payee.verified(ticket).await {
            Ok(Some(true)) => Ok(()),
            // A failure inside the Registry would be read as "done before", which it was not.
            Ok(Some(false)) => Err(Error::new(
                Kind::OutcomeUnknown,
                "the Registry has not verified the code yet",
            )
            .because(error)),
            Ok(None) | Err(_) => Err(error),
        }
    }

    async fn load(&self, id: CheckoutId) -> Result<(CheckoutRecord, Checkout)> {
        let record = self.store.checkout(id).await?.ok_or_else(|| {
            Error::new(
                Kind::InputInvalid,
                "there is no checkout with this reference",
            )
        })?;
        let checkout = self.unseal(&record)?;
        Ok((record, checkout))
    }

    fn unseal(&self, record: &CheckoutRecord) -> Result<Checkout> {
        let secrets = match &record.sealed {
            Some(sealed) => Secrets::from_bytes(&self.sealer.open(&record.id.0, sealed)?)?,
            None => Secrets::default(),
        };
        Ok(Checkout {
            id: record.id,
            charge: record.charge.clone(),
            state: record.state.clone(),
            ticket: secrets.ticket,
            tries: record.tries,
            unclear: record.unclear,
            since: record.since,
            due: record.due,
        })
    }

    /// Writes what comes after `record`; gives what was written, unless somebody else was faster.
    async fn put(
        &self,
        record: &CheckoutRecord,
        next: &Checkout,
    ) -> Result<Option<CheckoutRecord>> {
        let next = self.record(record.version, next, record.sealed.clone())?;
        let written = self.store.put_checkout(&next).await?;
        if written {
            self.news.tell(next.id);
        }
        Ok(written.then_some(next))
    }

    fn record(
        &self,
        version: u64,
        next: &Checkout,
        sealed: Option<Vec<u8>>,
    ) -> Result<CheckoutRecord> {
        let sealed = match (&next.ticket, sealed) {
            (None, _) => None,
            (Some(_), Some(sealed)) => Some(sealed),
            (Some(ticket), None) => {
                let secrets = Secrets {
                    ticket: Some(ticket.clone()),
                    handle: None,
                };
                Some(
                    self.sealer
                        .seal(&next.id.0, &secrets.to_bytes()?, self.now())?,
                )
            }
        };
        Ok(CheckoutRecord {
            id: next.id,
            version: version + 1,
            charge: next.charge.clone(),
            state: next.state.clone(),
            sealed,
            tries: next.tries,
            unclear: next.unclear,
            since: next.since,
            due: next.due,
        })
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

/// How one step went.
#[derive(Debug, Default)]
struct Outcome {
    /// The new state, if it was this step that wrote it.
    changed: Option<State>,
    /// The error of the call.
    error: Option<Error>,
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
