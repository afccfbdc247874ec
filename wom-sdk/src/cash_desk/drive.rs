//! One step of a checkout: the write before the call, the call, and the write after it.

use std::time::Duration;

use super::{CashDesk, lost};
use crate::{
    Digest, Error, Kind, Result, Timestamp,
    award::{Secrets, Ticket},
    checkout::{Action, Charge, Checkout, CheckoutId, CheckoutRecord, Event, Payment, State, step},
    protocol::random,
};

/// How one step went.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The new state, if it was this step that wrote it.
    pub(super) changed: Option<State>,
    /// The error of the call.
    pub(super) error: Option<Error>,
}

impl CashDesk {
    pub(super) async fn begin(&self, id: CheckoutId, charge: &Charge) -> Result<()> {
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
    pub(super) async fn go_on(
        &self,
        record: &CheckoutRecord,
        checkout: &Checkout,
    ) -> Result<Outcome> {
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
    pub(super) async fn go_on_until(
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

    pub(super) async fn act(
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

    pub(super) async fn load(&self, id: CheckoutId) -> Result<(CheckoutRecord, Checkout)> {
        let record = self.store.checkout(id).await?.ok_or_else(|| {
            Error::new(
                Kind::InputInvalid,
                "there is no checkout with this reference",
            )
        })?;
        let checkout = self.unseal(&record)?;
        Ok((record, checkout))
    }

    pub(super) fn unseal(&self, record: &CheckoutRecord) -> Result<Checkout> {
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
    pub(super) async fn put(
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
}
