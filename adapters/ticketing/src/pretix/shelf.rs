//! What is read of events, dates and products, for a minute.

use std::{collections::BTreeMap, fmt, sync::Arc};

use wom_sdk::Timestamp;

use super::{
    name::Slug,
    wire::{Event, Item, Subevent},
};

/// Times of events, dates and products, which change seldom and are needed for every ticket.
#[derive(Default)]
pub(super) struct Shelf {
    events: BTreeMap<Slug, (Timestamp, Arc<Event>)>,
    subevents: BTreeMap<(Slug, u64), (Timestamp, Arc<Subevent>)>,
    items: BTreeMap<(Slug, u64), (Timestamp, Arc<Item>)>,
}

impl Shelf {
    /// For how long what was read is good enough.
    const FRESH_MS: i64 = 60_000;
    const MOST: usize = 10_000;

    pub(super) fn event(&self, event: &Slug, now: Timestamp) -> Option<Arc<Event>> {
        fresh(self.events.get(event), now)
    }

    pub(super) fn subevent(&self, event: &Slug, id: u64, now: Timestamp) -> Option<Arc<Subevent>> {
        fresh(self.subevents.get(&(event.clone(), id)), now)
    }

    pub(super) fn item(&self, event: &Slug, id: u64, now: Timestamp) -> Option<Arc<Item>> {
        fresh(self.items.get(&(event.clone(), id)), now)
    }

    pub(super) fn put_event(&mut self, event: Event, now: Timestamp) -> Arc<Event> {
        put(&mut self.events, event.slug.clone(), event, now)
    }

    pub(super) fn put_subevent(
        &mut self,
        of: &Slug,
        it: Subevent,
        now: Timestamp,
    ) -> Arc<Subevent> {
        put(&mut self.subevents, (of.clone(), it.id), it, now)
    }

    pub(super) fn put_item(&mut self, of: &Slug, it: Item, now: Timestamp) -> Arc<Item> {
        put(&mut self.items, (of.clone(), it.id), it, now)
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shelf")
    }
}

fn fresh<T>(held: Option<&(Timestamp, Arc<T>)>, now: Timestamp) -> Option<Arc<T>> {
    let (read, it) = held?;
    (0..Shelf::FRESH_MS)
        .contains(&now.since(*read))
        .then(|| Arc::clone(it))
}

fn put<K: Ord, T>(
    shelf: &mut BTreeMap<K, (Timestamp, Arc<T>)>,
    key: K,
    it: T,
    now: Timestamp,
) -> Arc<T> {
    if shelf.len() >= Shelf::MOST {
        shelf.clear();
    }
    let it = Arc::new(it);
    shelf.insert(key, (now, Arc::clone(&it)));
    it
}
