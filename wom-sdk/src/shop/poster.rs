//! One code at the counter, paid many times.

use super::{Shop, busy, check};
use crate::{
    Error, Kind, Result,
    award::Ticket,
    checkout::{Charge, CheckoutId},
    merchant::{Offer, OrderId},
    sale::{After, Poster, Sale, SaleId, State},
};

impl Shop {
    /// Makes a poster for an offer, and gives the code to print: it can be paid any number of times,
    /// for ever. `name` is the merchant's own name of it, 1 to 128 bytes; the same again gives the same
    /// code. Where a till can show a code of its own for each order, [`offer`](Self::offer) is better.
    ///
    /// # Errors
    ///
    /// [`Kind::AwardKeyReused`] for another offer under this name; [`Kind::InputInvalid`] after it was
    /// ended: use a new name.
    pub async fn print(&self, name: &str, offer: &Offer) -> Result<(Poster, Ticket)> {
        check("poster", name)?;
        let charge = Charge {
            patience_ms: Charge::PATIENCE_MS,
            ..offer.charge.clone().persistent()
        };
        let offer = Offer {
            charge,
            ..offer.clone()
        };
        let reference = self.poster_reference(name);
        let id = self.desk.id(&reference);
        let new = Poster {
            id,
            version: 1,
            shop: self.name.to_string(),
            name: name.to_owned(),
            offer: offer.clone(),
            seen: 0,
            made: self.now(),
            ended: None,
            due: Some(self.now()),
        };
        // Written before there is a code, so that no code is without it.
        self.store().put_poster(&new).await?;
        let held = self.poster(id).await?;
        if held.offer != offer {
            return Err(
                Error::new(Kind::AwardKeyReused, "this name was used for another offer")
                    .hint("a printed code cannot be changed: use a new name"),
            );
        }
        if held.ended.is_some() {
            return Err(
                Error::new(Kind::InputInvalid, "this poster's offer was ended")
                    .hint("use a new name"),
            );
        }
        let ticket = self.desk.charge(&reference, &offer.charge).await?;
        Ok((held, ticket))
    }

    /// The poster with this id.
    pub async fn poster(&self, id: CheckoutId) -> Result<Poster> {
        let poster = self.store().poster(id).await?;
        poster
            .filter(|poster| poster.shop_id() == self.id())
            .ok_or_else(|| Error::new(Kind::InputInvalid, "this shop has no poster with this id"))
    }

    /// All posters of the shop.
    pub async fn posters(&self) -> Result<Vec<Poster>> {
        self.store().posters(self.id()).await
    }

    /// The payments of a poster that no cashier has taken yet, the oldest first. With two customers at
    /// once the cashier chooses by the time on the customer's screen.
    pub async fn unclaimed(&self, id: CheckoutId) -> Result<Vec<Sale>> {
        let mut sales = self.store().sales_paid_by(id).await?;
        sales.retain(|sale| sale.state == State::Unclaimed && sale.id.shop() == self.id());
        sales.sort_by_key(|sale| (sale.paid, sale.index));
        Ok(sales)
    }

    /// Takes a payment of a poster for an order, after asking the Registry for new ones: the oldest
    /// that nobody has taken and that is younger than [the rules](crate::sale::Rules::take_within_ms)
    /// say, or the one that the cashier chose, whatever its age. Each is taken once. The discount is
    /// agreed in the order's money, and on it when this answers, unless the shop keeps us waiting.
    ///
    /// # Errors
    ///
    /// [`Kind::InputInvalid`] if there is no such payment, or the order takes no discount; then the
    /// payment stays.
    pub async fn take(
        &self,
        id: CheckoutId,
        order: &OrderId,
        chosen: Option<SaleId>,
    ) -> Result<Sale> {
        check("order", &order.0)?;
        self.count(&self.poster(id).await?).await?;
        let read = self.read(order).await?;
        for _ in 0..Self::TRIES {
            let unclaimed = self.unclaimed(id).await?;
            let mut fitting = unclaimed.iter().filter(|sale| match chosen {
                Some(chosen) => sale.id == chosen,
                None => sale.paid.is_some_and(|paid| self.is_fresh(paid)),
            });
            let Some(sale) = fitting.next() else {
                return Err(Error::new(
                    Kind::InputInvalid,
                    "there is no new payment of this poster",
                )
                .hint("look at the customer's screen: it may be an older one, or not paid yet"));
            };
            if let Some(bound) = self.bind(sale, &read).await? {
                return self.hasten(bound).await;
            }
        }
        Err(busy())
    }

    /// Ends a poster's offer. The Registry lets its code be paid for ever: what is paid from now on
    /// becomes a [late](State::Late) payment.
    pub async fn end(&self, id: CheckoutId) -> Result<Poster> {
        for _ in 0..Self::TRIES {
            let poster = self.poster(id).await?;
            if poster.ended.is_none() && !self.store().put_poster(&poster.end(self.now())).await? {
                continue;
            }
            let reference = self.poster_reference(&poster.name);
            if self.desk.state(&reference).await?.is_some() {
                self.desk.call_off(id).await?;
            }
            return self.poster(id).await;
        }
        Err(busy())
    }

    /// Asks for a poster's payments, and writes a sale for each that is new. Positions are counted, not
    /// times. Whoever dies here is followed by one who writes the rest.
    pub(super) async fn count(&self, poster: &Poster) -> Result<()> {
        let due = poster.due.is_some_and(|due| due <= self.now());
        let asked = match self.store().checkout(poster.id).await? {
            Some(_) => self.desk.confirmations(poster.id).await,
            None => Ok(Vec::new()),
        };
        let paid = match asked {
            Ok(paid) => paid,
            Err(error) => {
                if due {
                    // Not again at once.
                    let later = poster.counted(poster.seen, self.now());
                    self.store().put_poster(&later).await?;
                }
                return Err(error);
            }
        };
        let seen = usize::try_from(poster.seen).unwrap_or(usize::MAX);
        let terms = self.rules.terms(&poster.offer);
        for (index, at) in (0..).zip(&paid).skip(seen) {
            let made = self.made_of(poster.id, index, &poster.name, terms.clone());
            let sale = match poster.ended {
                Some(ended) if *at > ended => Sale::late(made, After::End, *at, self.now()),
                _ => Sale::unclaimed(made, *at, self.now()),
            };
            // Somebody else may have been faster.
            self.store().put_sale(&sale).await?;
        }
        let confirmations = u32::try_from(paid.len()).unwrap_or(u32::MAX);
        if due || confirmations > poster.seen {
            let counted = poster.counted(confirmations, self.now());
            self.store().put_poster(&counted).await?;
        }
        Ok(())
    }

    /// What the poster's checkout is known by.
    fn poster_reference(&self, name: &str) -> String {
        let shop = &self.name;
        format!("poster/{}/{shop}/{name}", shop.len())
    }
}
