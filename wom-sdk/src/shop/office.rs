//! What the merchant does when no customer waits: lists, decisions, the report.

use super::{Shop, busy, check, unanswered};
use crate::{
    Error, Kind, Result, Retry, Timestamp, Zone,
    merchant::OrderId,
    sale::{Event, Report, Resolution, Sale, SaleId, State, Tally},
    store::Which,
};

impl Shop {
    /// How many sales are read at a time.
    const PAGE: usize = 500;

    /// Sales by id, at most `limit`, from the one after `after` on: those that a person has to do
    /// something for, those that are open, or all.
    pub async fn sales(
        &self,
        which: Which,
        after: Option<SaleId>,
        limit: usize,
    ) -> Result<Vec<Sale>> {
        self.store().sales(self.id(), which, after, limit).await
    }

    /// What this shop tells of in the social balance sheet: sales paid (or begun, where nobody paid) from
    /// the first instant on and before the second, with the months of this zone.
    pub async fn report(&self, zone: &Zone, from: Timestamp, until: Timestamp) -> Result<Report> {
        let mut tally = Tally::new(zone, from, until);
        let mut last = None;
        loop {
            let page = self.sales(Which::All, last, Self::PAGE).await?;
            page.iter().for_each(|sale| tally.add(sale));
            last = page.last().map(|sale| sale.id);
            if page.len() < Self::PAGE {
                return Ok(tally.report());
            }
        }
    }

    /// A person decides about a sale that waits for one, and says why: in 1 to 500 bytes, and without
    /// anybody's name.
    pub async fn resolve(&self, id: SaleId, resolution: Resolution, note: &str) -> Result<Sale> {
        let event = Event::Resolve {
            resolution,
            note: note.to_owned(),
        };
        self.tell(id, &event).await
    }

    /// Gives the discount of a late payment on another order: the one that takes the place of the
    /// cancelled one, or the customer's next. It is agreed anew, in that order's money.
    pub async fn replace(&self, id: SaleId, order: &OrderId) -> Result<Sale> {
        check("order", &order.0)?;
        let read = self.read(order).await?;
        let sale = self.sale(id).await?;
        match self.bind(&sale, &read).await? {
            Some(bound) => self.hasten(bound).await,
            None => Err(busy()),
        }
    }

    /// Gives a fresh code for the customer's next order for a payment that came too late, and the code to
    /// show at once. It is written down before the shop is asked, so the same again gives the same code,
    /// and nothing else can be given for that payment meanwhile. `note` as in [`resolve`](Self::resolve).
    ///
    /// # Errors
    /// [`Kind::Unsupported`] where the shop's adapter makes no codes; [`Kind::InputInvalid`] where the
    /// payment is not late, or something else was given for it. Else what the shop answers; then call
    /// again.
    pub async fn grant(&self, id: SaleId, note: &str) -> Result<(Sale, String)> {
        if !self.merchant.capabilities().creates_codes {
            return Err(
                Error::new(Kind::Unsupported, "this shop's adapter makes no codes")
                    .hint("make one in the shop, then resolve the sale with its reference"),
            );
        }
        let sale = self.sale(id).await?;
        let key = sale.fresh_key();
        let granted = sale.state == State::Granted && sale.reference.as_ref() == Some(&key);
        let sale = match sale.state {
            _ if granted => sale,
            State::Late(_) | State::Unclaimed => {
                let resolution = Resolution::Granted(key.clone());
                self.resolve(id, resolution, note).await?
            }
            _ => {
                return Err(Error::new(
                    Kind::InputInvalid,
                    "nothing is to be given for this sale by a fresh code",
                ));
            }
        };
        let asked = self.merchant.issue(&sale.terms.discount, &key);
        match tokio::time::timeout(Self::CALL, asked).await {
            Ok(code) => Ok((sale, code?)),
            Err(_) => Err(unanswered().with_retry(Retry::SameKey)),
        }
    }
}
