//! Pulling: what no webhook told, event by event.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use wom_sdk::{Digest, Error, Kind, Result, Timestamp, instrument::Cursor};

use super::{
    api::Orders,
    config::Events,
    name::Slug,
    read::Reading,
    wire::{Event, Item, Position, Subevent},
};

/// How far before the last pull the next one begins: what was being written then was not to be seen.
const OVERLAP_MS: i64 = 10 * wom_sdk::MINUTE_MS;

/// From so many scanned tickets on, all orders are read, 50 at once, in place of one after the other.
const MANY: usize = 200;

/// Events that ended so long ago are looked at no more, unless the settings name them.
const PAST_MS: i64 = 60 * 86_400_000;

/// Where to go on.
#[derive(Default, Deserialize, Serialize)]
struct Progress {
    /// Of which installation; a cursor of another one is worth nothing.
    source: String,
    events: BTreeMap<String, Mark>,
}

/// Up to where an event was read.
#[derive(Clone, Deserialize, Serialize)]
struct Mark {
    /// Orders, by pretix's clock.
    orders: Timestamp,
    /// Scans, by pretix's clock.
    scans: Timestamp,
    /// The times of everything, as they were.
    plan: String,
}

impl Reading<'_> {
    /// Reads what changed since the cursor in every event that counts. An event that cannot be read
    /// keeps no other from being read.
    pub(super) async fn pull(mut self, events: &Events, cursor: Option<&Cursor>) -> Result<()> {
        let mut progress = self.progress(cursor);
        let mut failed = None;
        let named = match events.named() {
            Some(named) => named.to_vec(),
            None => self.present().await?,
        };
        progress
            .events
            .retain(|event, _| named.iter().any(|named| named.as_str() == event));
        for event in &named {
            let mark = progress.events.get(event.as_str()).cloned();
            match self.pull_event(event, mark).await {
                Ok(mark) => {
                    progress.events.insert(event.as_str().to_owned(), mark);
                    let cursor = serde_json::to_string(&progress).map_err(|error| {
                        Error::new(Kind::Internal, "a cursor cannot be written").because(error)
                    })?;
                    self.resume_at(Cursor(cursor)).await?;
                }
                // Whoever is busy or away is not asked for more.
                Err(error) if is_of_all(error.kind()) => return Err(error),
                Err(error) => {
                    failed.get_or_insert(error.with("event", event.as_str()));
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn progress(&self, cursor: Option<&Cursor>) -> Progress {
        let source = self.witness.source().to_hex();
        let held = cursor.and_then(|cursor| serde_json::from_str::<Progress>(&cursor.0).ok());
        held.filter(|held| held.source == source)
            .unwrap_or_else(|| Progress {
                source,
                events: BTreeMap::new(),
            })
    }

    /// The events that are not long past.
    async fn present(&mut self) -> Result<Vec<Slug>> {
        let now = self.now();
        let is_present = |event: &Event| {
            let end = event.date_to.unwrap_or(event.date_from);
            event.has_subevents || now.since(end) < PAST_MS
        };
        let events = self.asker.events().await?;
        let mut slugs = Vec::new();
        for event in events.into_iter().filter(is_present) {
            slugs.push(event.slug.clone());
            self.shelf().put_event(event, now);
        }
        Ok(slugs)
    }

    async fn pull_event(&mut self, slug: &Slug, mark: Option<Mark>) -> Result<Mark> {
        let event = self.event(slug).await?;
        let plan = self.plan(&event).await?;
        // Where times changed, so did what every ticket is worth.
        let mark = mark.filter(|mark| mark.plan == plan);
        let since = mark
            .as_ref()
            .map(|mark| mark.orders.plus_millis(-OVERLAP_MS));
        let which = Orders {
            modified_since: since,
        };
        let mut seen = BTreeSet::new();
        let generated = self.sweep(&event, which, &mut seen).await?;
        let orders = generated.or(mark.as_ref().map(|mark| mark.orders));
        let Some(mut mark) = mark else {
            // All of it was read just now.
            let orders = orders.ok_or_else(|| {
                Error::new(
                    Kind::InputInvalid,
                    "pretix does not say when a page was made",
                )
                .hint("check that no proxy takes the header X-Page-Generated away")
            })?;
            let scans = orders;
            return Ok(Mark {
                orders,
                scans,
                plan,
            });
        };
        mark.orders = orders.unwrap_or(mark.orders);
        mark.scans = self.scanned_since(&event, mark.scans, &mut seen).await?;
        Ok(mark)
    }

    /// Reads the orders of an event; gives when pretix began to answer.
    async fn sweep(
        &mut self,
        event: &Event,
        which: Orders,
        seen: &mut BTreeSet<u64>,
    ) -> Result<Option<Timestamp>> {
        let (witness, mut generated) = (self.witness, None);
        for page in 1.. {
            let sheet = self.asker.orders(&event.slug, which, page).await?;
            if page == 1 {
                generated = sheet.read.0;
            }
            for order in &sheet.results {
                seen.extend(order.positions.iter().map(|position| position.id));
                self.order(event, order, sheet.read, |it| witness.was_scanned(it))
                    .await?;
            }
            if sheet.is_last {
                break;
            }
        }
        Ok(generated)
    }

    /// Looks at tickets that were scanned, or tried to be, and gives the last scan's instant. A scan
    /// does not make pretix call an order modified.
    async fn scanned_since(
        &mut self,
        event: &Event,
        since: Timestamp,
        seen: &mut BTreeSet<u64>,
    ) -> Result<Timestamp> {
        let (witness, mut last) = (self.witness, since);
        let mut unseen = BTreeSet::new();
        // By time and not by number: of a list that shrinks meanwhile a page would miss some.
        let (mut from, mut page) = (since.plus_millis(-OVERLAP_MS), 1);
        loop {
            let sheet = self.asker.scans(&event.slug, from, page).await?;
            let positions = sheet.results.iter().filter_map(|scan| scan.position);
            unseen.extend(positions.filter(|position| !seen.contains(position)));
            let latest = sheet.results.iter().map(|scan| scan.created).max();
            last = latest.map_or(last, |latest| latest.max(last));
            if sheet.is_last {
                break;
            }
            (from, page) = match latest {
                Some(latest) if latest > from => (latest, 1),
                _ => (from, page + 1),
            };
        }
        if unseen.len() > MANY {
            self.sweep(event, Orders::default(), seen).await?;
            return Ok(last);
        }
        for position in unseen.iter().copied() {
            if seen.contains(&position) {
                continue;
            }
            let Ok(code) = self.asker.order_of(&event.slug, position).await? else {
                continue;
            };
            if let Some((order, read)) = self.asker.order(&event.slug, &code).await? {
                seen.extend(order.positions.iter().map(|position| position.id));
                let asked = |it: &Position| unseen.contains(&it.id) || witness.was_scanned(it);
                self.order(event, &order, read, asked).await?;
            }
        }
        Ok(last)
    }

    /// A digest of all times of an event, and what makes a product admit somebody.
    async fn plan(&mut self, event: &Event) -> Result<String> {
        let now = self.now();
        let mut subevents = Vec::new();
        if event.has_subevents {
            subevents = self.asker.subevents(&event.slug).await?;
            subevents.sort_by_key(|date| date.id);
        }
        let mut items = self.asker.items(&event.slug).await?;
        items.sort_by_key(|item| item.id);
        let text = |at: Option<Timestamp>| at.map_or(String::new(), |at| at.to_string());
        let mut parts = vec![
            event.date_from.to_string(),
            text(event.date_to),
            event.has_subevents.to_string(),
            event.timezone.to_string(),
        ];
        for Subevent {
            id,
            date_from,
            date_to,
        } in &subevents
        {
            parts.extend([id.to_string(), date_from.to_string(), text(*date_to)]);
        }
        for Item {
            id,
            admission,
            program_times,
        } in &items
        {
            parts.extend([
                id.to_string(),
                admission.to_string(),
                program_times.len().to_string(),
            ]);
            for time in program_times {
                parts.extend([time.start.to_string(), text(time.end)]);
            }
        }
        for date in subevents {
            self.shelf().put_subevent(&event.slug, date, now);
        }
        for item in items {
            self.shelf().put_item(&event.slug, item, now);
        }
        Ok(Digest::of(parts).to_hex())
    }
}

/// Whether what is wrong is so for every event.
fn is_of_all(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::NetworkUnreachable | Kind::RateLimited | Kind::StorageFailed | Kind::Cancelled
    )
}
