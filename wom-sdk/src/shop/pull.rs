//! What changed in the shop: asked for now and then, since no shop's webhooks can be relied on.

use std::time::Duration;

use super::{Shop, unanswered};
use crate::{
    Error, Kind, MINUTE_MS, Result, Timestamp,
    instrument::{Cursor, Reply, Request, Verdict},
    merchant::OrderId,
    privacy::{open_with, seal_with},
    sale::{Event, Sale, State},
    store::CursorRecord,
};

/// How often the shop is asked.
pub(super) const PAUSE_MS: i64 = 30_000;
/// How long one may be at it before another takes over, and how long to wait after an error.
const LEASE_MS: i64 = 2 * MINUTE_MS;
/// The longest `Retry-After` that is heeded.
const LONGEST: Duration = Duration::from_secs(3_600);
/// How many lists of orders are read in one go.
const PAGES: usize = 20;

impl Shop {
    /// A webhook call of the shop's system: the answer to it, and the order to look at after that with
    /// [`changed`](Self::changed). Nothing is kept: what a lost call would have told is found by asking.
    pub fn receive(&self, request: &Request<'_>) -> (Reply, Option<OrderId>) {
        let received = self.merchant.receive(request);
        let order = match received.verdict {
            Verdict::Answered => None,
            Verdict::Refused(error) => {
                tracing::warn!(code = error.code(), "a shop's webhook call was refused");
                None
            }
            Verdict::Read(hint) | Verdict::Once { hint, .. } => Some(OrderId(hint.0)),
        };
        (received.reply, order)
    }

    /// The shop says that an order changed: it is read again now. Gives its sales as they stand then.
    /// What waits for a payment is called off if the order is closed.
    pub async fn changed(&self, order: &OrderId) -> Result<Vec<Sale>> {
        super::check("order", &order.0)?;
        let held = self.sales_of(order).await?;
        let closed = match held.iter().any(|sale| waits(&sale.state)) {
            true => Some(self.read(order).await?).filter(|order| !order.open),
            false => None,
        };
        let mut sales = Vec::new();
        for sale in held {
            let off = match (&sale.state, &closed) {
                (State::Waiting, Some(_)) => true,
                (State::Manual, Some(order)) => order.total <= 0,
                _ => false,
            };
            let event = if off {
                Event::Cancelled
            } else {
                Event::Changed
            };
            let told = self.tell(sale.id, &event).await?;
            let due = !off && told.due.is_some_and(|due| due <= self.now());
            sales.push(match due {
                true => self.gone_on(told).await?,
                false => told,
            });
        }
        Ok(sales)
    }

    /// Asks the shop which orders changed since the last time, and reads those that have a sale again.
    /// [`Shops::run_due`](super::Shops::run_due) does this twice a minute where the adapter lists
    /// orders. Of two that ask at the same time one does nothing.
    pub async fn pull(&self) -> Result<()> {
        let source = format!("shop/{}", self.name);
        let held = self.store().cursor(&source).await?;
        if held.as_ref().is_some_and(|held| held.due > self.now()) {
            return Ok(());
        }
        let mut cursor = match held.as_ref().and_then(|held| held.sealed.as_ref()) {
            Some(sealed) => Some(self.open_cursor(&source, sealed)?),
            None => None,
        };
        let mut version = held.map_or(0, |held| held.version) + 1;
        let mut lease = self.now().plus_millis(LEASE_MS);
        let put = async |version, cursor: &Option<Cursor>, due: Timestamp, failed| {
            let record = CursorRecord {
                source: source.clone(),
                version,
                sealed: self.seal_cursor(&source, cursor.as_ref())?,
                due,
                failed,
            };
            self.store().put_cursor(&record).await
        };
        if !put(version, &cursor, lease, None).await? {
            return Ok(());
        }
        for page in 1.. {
            let read = self.page(cursor.clone()).await;
            version += 1;
            let (next, more) = match read {
                Ok((next, more)) => (next, more && page < PAGES),
                Err(error) => {
                    // As long as the shop asks for, up to a limit.
                    let asked = error.retry_after().unwrap_or_default().min(LONGEST);
                    let asked = i64::try_from(asked.as_millis()).unwrap_or(LEASE_MS);
                    let due = self.now().plus_millis(asked).max(lease);
                    put(version, &cursor, due, Some(error.code().to_owned())).await?;
                    return Err(error);
                }
            };
            cursor = next;
            lease = self
                .now()
                .plus_millis(if more { LEASE_MS } else { PAUSE_MS });
            if !put(version, &cursor, lease, None).await? || !more {
                break;
            }
        }
        Ok(())
    }

    /// One list of orders. The cursor moves on only after all of it is read; whether there may be more.
    async fn page(&self, cursor: Option<Cursor>) -> Result<(Option<Cursor>, bool)> {
        let asked = self.merchant.orders(cursor.clone());
        let (orders, next) = match tokio::time::timeout(Self::CALL, asked).await {
            Ok(answer) => answer?,
            Err(_) => return Err(unanswered()),
        };
        for order in &orders {
            self.changed(order).await?;
        }
        let next = next.or_else(|| cursor.clone());
        let more = !orders.is_empty() && next != cursor;
        Ok((next, more))
    }

    fn seal_cursor(&self, source: &str, cursor: Option<&Cursor>) -> Result<Option<Vec<u8>>> {
        let Some(cursor) = cursor else {
            return Ok(None);
        };
        let key = self.desk.keys().purpose_key("cursor/1")?;
        seal_with(&key, source.as_bytes(), Vec::new(), cursor.0.as_bytes()).map(Some)
    }

    fn open_cursor(&self, source: &str, sealed: &[u8]) -> Result<Cursor> {
        let key = self.desk.keys().purpose_key("cursor/1")?;
        let bytes = open_with(&key, source.as_bytes(), sealed)?;
        String::from_utf8(bytes.to_vec())
            .map(Cursor)
            .map_err(|_| Error::new(Kind::StorageFailed, "a cursor is damaged"))
    }
}

fn waits(state: &State) -> bool {
    matches!(state, State::Waiting | State::Manual)
}
