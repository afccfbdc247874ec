//! Looking at tickets: one order because of a webhook, or some tickets before they are settled.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use wom_sdk::{
    Digest, Error, Kind, Observation, Result, Subject, Timestamp,
    instrument::{CHUNK, Cursor, Refusal, Sink},
};

use super::{
    api::{Asker, Read},
    door::Look,
    name::{Code, Slug},
    plan::{Plan, Unplanned},
    shelf::Shelf,
    ticket::{Ticket, Witness},
    wire::{Event, Item, Order, Position, Subevent},
};

/// Looks at tickets within one reading.
pub(super) struct Reading<'a> {
    pub(super) asker: Asker<'a>,
    pub(super) witness: &'a Witness,
    shelf: &'a Mutex<Shelf>,
    now: Timestamp,
    sink: &'a mut dyn Sink,
    chunk: Vec<Observation>,
    /// What was refused already: a product without an end is so for all of its tickets.
    refused: BTreeSet<Digest>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        asker: Asker<'a>,
        witness: &'a Witness,
        shelf: &'a Mutex<Shelf>,
        now: Timestamp,
        sink: &'a mut dyn Sink,
    ) -> Self {
        Self {
            asker,
            witness,
            shelf,
            now,
            sink,
            chunk: Vec::new(),
            refused: BTreeSet::new(),
        }
    }

    /// Looks at the order that a webhook named. Of whoever never came nothing is kept: tickets without
    /// scans tell something only if scans were taken back. What is taken back in silence is
    /// found before it would count.
    pub(super) async fn look(mut self, look: &Look) -> Result<()> {
        match self.asker.order(&look.event, &look.order).await? {
            Some((order, read)) => {
                let event = self.event(&look.event).await?;
                let witness = self.witness;
                let asked = |it: &Position| look.takes_back || witness.was_scanned(it);
                self.order(&event, &order, read, asked).await?;
            }
            None => {
                let refusal =
                    Refusal::new("no_such_order", "pretix does not know the order of a call");
                self.sink.refuse(refusal).await?;
            }
        }
        self.flush().await
    }

    /// Looks at these main tickets and their add-ons again. Whatever keeps one from being looked at is an error, as
    /// it may have been taken back.
    pub(super) async fn refresh<'s>(
        mut self,
        subjects: impl Iterator<Item = &'s Subject>,
    ) -> Result<()> {
        let roots = subjects.filter_map(|subject| self.witness.root(subject));
        let roots: BTreeSet<_> = roots.collect();
        let mut orders = BTreeMap::<(Slug, Code), BTreeSet<u64>>::new();
        for (event, root) in roots {
            match self.asker.order_of(&event, root).await? {
                Ok(code) => {
                    orders.entry((event, code)).or_default().insert(root);
                }
                Err(read) => self.gone(&event, root, read).await?,
            }
        }
        for ((slug, code), roots) in orders {
            let Some((order, read)) = self.asker.order(&slug, &code).await? else {
                return Err(moved());
            };
            let event = self.event(&slug).await?;
            let asked = |position: &Position| roots.contains(&position.root());
            self.order(&event, &order, read, asked).await?;
            if !roots
                .iter()
                .all(|root| order.positions.iter().any(|it| it.id == *root))
            {
                return Err(moved());
            }
        }
        self.flush().await
    }

    async fn push(&mut self, observation: Observation) -> Result<()> {
        self.chunk.push(observation);
        if self.chunk.len() < CHUNK {
            return Ok(());
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        self.sink.observe(std::mem::take(&mut self.chunk)).await
    }

    /// Remembers where to go on; everything before is safe then.
    pub(super) async fn resume_at(&mut self, cursor: Cursor) -> Result<()> {
        self.flush().await?;
        self.sink.resume_at(cursor).await
    }

    async fn gone(&mut self, event: &Slug, root: u64, read: Read) -> Result<()> {
        // The second of the answer's date began before whatever was read in it; no ticket comes back.
        let read = read.0.unwrap_or(self.now).plus_millis(999);
        let observation = self.witness.gone(event, root, read)?;
        self.push(observation).await
    }

    /// Looks at the tickets of an order that are asked for.
    pub(super) async fn order(
        &mut self,
        event: &Event,
        order: &Order,
        read: Read,
        asked: impl Fn(&Position) -> bool,
    ) -> Result<()> {
        for position in &order.positions {
            if !asked(position) {
                continue;
            }
            let item = self.item(&event.slug, position.item).await?;
            let date = match position.subevent {
                Some(date) => Some(self.subevent(&event.slug, date).await?),
                None => None,
            };
            let nominal_ms = self.witness.terms.nominal_ms(position.item);
            let plan = match (&item, &date) {
                (Some(item), Some(Some(date))) => Plan::new(event, Some(date), item, nominal_ms),
                (Some(item), None) => Plan::new(event, None, item, nominal_ms),
                _ => Err(Unplanned::Gone),
            };
            let ticket = Ticket {
                event,
                order,
                position,
                item: item.as_deref(),
            };
            let read = read.0.unwrap_or(self.now);
            let found = self.witness.look(ticket, plan, read, self.now)?;
            for refusal in found.refusals {
                if self.refused.insert(Digest::of([refusal.to_string()])) {
                    self.sink.refuse(refusal).await?;
                }
            }
            for observation in found.observations {
                self.push(observation).await?;
            }
        }
        Ok(())
    }

    /// An event that there has to be.
    pub(super) async fn event(&mut self, event: &Slug) -> Result<Arc<Event>> {
        let held = self.shelf().event(event, self.now);
        if let Some(held) = held {
            return Ok(held);
        }
        let found = self
            .asker
            .event(event)
            .await?
            .filter(|found| found.slug == *event);
        let found = found.ok_or_else(|| {
            Error::new(Kind::ConfigurationInvalid, "pretix has no such event")
                .with("event", event.as_str())
                .hint("check address and organizer, and take out of events what is no more")
        })?;
        Ok(self.shelf().put_event(found, self.now))
    }

    async fn item(&mut self, event: &Slug, id: u64) -> Result<Option<Arc<Item>>> {
        let held = self.shelf().item(event, id, self.now);
        if held.is_some() {
            return Ok(held);
        }
        let found = self.asker.item(event, id).await?;
        Ok(found.map(|found| self.shelf().put_item(event, found, self.now)))
    }

    async fn subevent(&mut self, event: &Slug, id: u64) -> Result<Option<Arc<Subevent>>> {
        let held = self.shelf().subevent(event, id, self.now);
        if held.is_some() {
            return Ok(held);
        }
        let found = self.asker.subevent(event, id).await?;
        Ok(found.map(|found| self.shelf().put_subevent(event, found, self.now)))
    }

    pub(super) fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }
}

/// Between two answers a ticket went to another order.
fn moved() -> Error {
    Error::new(
        Kind::NetworkUnreachable,
        "a ticket was moved while it was looked at",
    )
    .hint("look again; nothing is lost")
}
