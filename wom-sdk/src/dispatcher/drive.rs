//! One award on its way: a write, a call, a write, until it has to wait.

use super::{Dispatcher, lost};
use crate::{
    Digest, Error, Kind, Result, Timestamp,
    award::{
        Action, Award, AwardKey, Event, Handle, Identity, Request, Secrets, State, Ticket, may_ask,
        step,
    },
    privacy::Participant,
    protocol::random,
    store::AwardRecord,
};

/// An award with its secrets open, at one version of the store.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) version: u64,
    pub(super) participant: Option<Participant>,
    pub(super) accepted: Timestamp,
    pub(super) award: Award,
    pub(super) handle: Option<Handle>,
    /// Ticket and handle, sealed.
    pub(super) sealed: Option<Vec<u8>>,
}

impl Held {
    /// As the next version is written.
    pub(super) fn record(&self) -> AwardRecord {
        let award = &self.award;
        AwardRecord {
            key: award.key,
            version: self.version + 1,
            participant: self.participant,
            content: award.content.clone(),
            accepted: self.accepted,
            state: award.state.clone(),
            sealed: self.sealed.clone(),
            tries: award.tries,
            unclear: award.unclear,
            due: award.due,
        }
    }
}

impl Dispatcher {
    /// Which source it awards as, at which Registry.
    pub fn identity(&self) -> &Identity {
        self.issuer.identity()
    }

    /// The record of a new award under the caller's own key, for a store that writes it within a
    /// transaction of the caller's. Nothing is written here.
    pub fn prepare(&self, key: &str, request: &Request) -> Result<AwardRecord> {
        let new = self.new_award(self.direct_key(key)?, request)?;
        Ok(self.seal(new)?.record())
    }

    pub(super) async fn load(&self, key: AwardKey) -> Result<Held> {
        let record = self.store.award(key).await?;
        let record = record
            .ok_or_else(|| Error::new(Kind::InputInvalid, "there is no award with this key"))?;
        self.unseal(&record)
    }

    pub(super) fn unseal(&self, record: &AwardRecord) -> Result<Held> {
        let secrets = match &record.sealed {
            Some(sealed) => Secrets::from_bytes(&self.sealer.open(&record.key.0, sealed)?)?,
            None => Secrets::default(),
        };
        Ok(Held {
            version: record.version,
            participant: record.participant,
            accepted: record.accepted,
            award: Award {
                key: record.key,
                content: record.content.clone(),
                state: record.state.clone(),
                ticket: secrets.ticket,
                tries: record.tries,
                unclear: record.unclear,
                due: record.due,
            },
            handle: secrets.handle,
            sealed: record.sealed.clone(),
        })
    }

    /// Seals what is secret anew.
    pub(super) fn seal(&self, held: Held) -> Result<Held> {
        let secrets = Secrets {
            ticket: held.award.ticket.clone(),
            handle: held.handle.clone(),
        };
        let sealed = match secrets == Secrets::default() {
            true => None,
            false => Some(self.sealer.seal(
                &held.award.key.0,
                &secrets.to_bytes()?,
                self.clock.now(),
            )?),
        };
        Ok(Held { sealed, ..held })
    }

    /// Writes what comes after `held`. `None` if somebody else has moved the award on.
    pub(super) async fn write(&self, held: Held, next: Award) -> Result<Option<Held>> {
        // Who has the code is nobody's business any more.
        let over = next.state == State::Acknowledged;
        let changed = held.award.ticket != next.ticket || over && held.handle.is_some();
        let mut next = Held {
            award: next,
            participant: held.participant.filter(|_| !over),
            handle: held.handle.filter(|_| !over),
            ..held
        };
        if changed {
            next = self.seal(next)?;
        }
        if !self.store.advance(&next.record()).await? {
            return Ok(None);
        }
        next.version += 1;
        Ok(Some(next))
    }

    /// Carries a due award as far as it comes without waiting; with `offer`, up to its code.
    /// `None` if somebody else was faster.
    pub(super) async fn drive(&self, held: Held, offer: bool) -> Result<Option<Held>> {
        let begun = step(&held.award, Event::Due, self.clock.now(), random::number())?;
        match self.write(held, begun.award).await? {
            Some(held) => self.carry_on(held, begun.action, offer).await,
            None => Ok(None),
        }
    }

    /// Does what was written to be about to be done, writes how it ended, and so on.
    ///
    /// Steps that ask nothing of the outside world are taken together and written as one: what
    /// was created is written as *verifying*, and what is verified, for whoever waits, as
    /// *offered*. Between two calls there is always one write.
    pub(super) async fn carry_on(
        &self,
        mut held: Held,
        mut action: Option<Action>,
        offer: bool,
    ) -> Result<Option<Held>> {
        while let Some(doing) = action {
            let event = self.act(doing, &held.award).await?;
            let now = self.clock.now();
            let mut next = step(&held.award, event, now, random::number())?;
            match next.award.state {
                // Not one whose verify did not get through: that waits for its time.
                State::Created if next.award.due <= now => {
                    next = step(&next.award, Event::Due, now, random::number())?
                }
                State::Verified if offer => next = step(&next.award, Event::Offer, now, 0)?,
                _ => {}
            }
            tracing::debug!(
                state = next.award.state.name(),
                tries = next.award.tries,
                "award moved on"
            );
            match self.write(held, next.award).await? {
                Some(written) => held = written,
                None => return Ok(None),
            }
            action = next.action;
        }
        Ok(Some(held))
    }

    async fn act(&self, action: Action, award: &Award) -> Result<Event> {
        self.governor
            .admit(&*self.store, &self.issuer.identity().registry, &*self.clock)
            .await?;
        let (event, error) = match (action, &award.ticket) {
            (Action::Create, _) => {
                let created = self.create(award).await;
                let error = created.as_ref().err().cloned();
                (Event::Created(created), error)
            }
            (Action::Verify, Some(ticket)) => {
                let verified = self.issuer.verify(&ticket.otc).await;
                let error = verified.as_ref().err().cloned();
                let ask = |error: &Error| self.issuer.can_ask() && may_ask(award, error);
                match error.as_ref().is_some_and(ask) {
                    true => (Event::Ask, error),
                    false => (Event::Verified(verified), error),
                }
            }
            (Action::Ask, Some(ticket)) => {
                let answer = self.issuer.verified(ticket).await;
                let error = answer.as_ref().err().cloned();
                (Event::Asked(answer), error)
            }
            (Action::Verify | Action::Ask, None) => return Err(lost()),
        };
        self.governor.heard(error.as_ref(), self.clock.now());
        Ok(event)
    }

    async fn create(&self, award: &Award) -> Result<Ticket> {
        // The same nonce for every try lets a Registry that remembers nonces answer the same.
        let nonce = Digest::of([b"nonce/1".as_slice(), &award.key.0]).to_hex();
        let ticket = self.issuer.create(&award.content, &nonce).await?;
        if ticket.minutes == award.content.minutes() {
            return Ok(ticket);
        }
        Err(Error::new(
            Kind::RegistryMisbehaved,
            "the Registry made another number of vouchers than asked for",
        ))
    }
}
