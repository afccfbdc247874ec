//! One step at a time: write what is about to be asked, ask, write what was answered.

use std::time::Duration;

use super::{Shop, payment, unanswered};
use crate::{
    Error, Kind, MINUTE_MS, Result, Retry, Timestamp,
    checkout::{self, CheckoutId},
    merchant::{Applied, Discount, OrderId},
    protocol::random,
    sale::{Action, After, Event, Made, Payment, Sale, SaleId, Salt, State, Step, step},
};

/// After this a sale lapses whose code nobody was shown.
const UNSHOWN_MS: i64 = 24 * 60 * MINUTE_MS;
/// Looks at an order with a discount in which the Registry is asked for a second confirmation.
const COUNTS: u32 = 1;

impl Shop {
    /// How long a call to the shop may take: less than the sale is ours for, so that nobody asks for
    /// a discount while another one does.
    pub(super) const CALL: Duration = Duration::from_secs(20);

    /// Takes the step that is due. `None`: somebody else was faster.
    pub(super) async fn go_on(&self, sale: &Sale) -> Result<Option<Sale>> {
        if sale.state == State::Applied && sale.tries < COUNTS && !sale.is_of_confirmation() {
            // What cannot be counted now is counted with the next look.
            let _ = self.count_doubles(sale).await;
        }
        let first = step(sale, Event::Due, self.now(), random::number())?;
        self.follow(sale, first).await
    }

    /// Takes the step that is due, and gives the sale as it stands then, whoever was faster.
    pub(super) async fn gone_on(&self, sale: Sale) -> Result<Sale> {
        match self.go_on(&sale).await? {
            Some(next) => Ok(next),
            None => self.sale(sale.id).await,
        }
    }

    /// Lets something happen to a sale, whatever others do at the same time, and gives it as it stands
    /// then.
    pub(super) async fn tell(&self, id: SaleId, event: &Event) -> Result<Sale> {
        for _ in 0..Self::TRIES {
            let sale = self.sale(id).await?;
            let first = step(&sale, event.clone(), self.now(), random::number())?;
            if first.sale == sale && first.action.is_none() {
                return Ok(sale);
            }
            if let Some(told) = self.follow(&sale, first).await? {
                return Ok(told);
            }
        }
        Err(super::busy())
    }

    /// Goes on with a sale as long as it has something to do at once.
    pub(super) async fn hasten(&self, sale: Sale) -> Result<Sale> {
        let mut sale = sale;
        for _ in 0..Self::TRIES {
            let due = sale.due.is_some_and(|due| due <= self.now());
            if !due || sale.state != State::Applying {
                break;
            }
            self.go_on(&sale).await?;
            sale = self.sale(sale.id).await?;
        }
        Ok(sale)
    }

    /// Writes a step and does what it asks for, until nothing is left to do now. What is written before
    /// each call tells whoever comes after what may have happened.
    async fn follow(&self, sale: &Sale, first: Step) -> Result<Option<Sale>> {
        let (mut held, mut step) = (sale.clone(), first);
        loop {
            if step.action == Some(Action::Look) {
                // Our own store is asked: that needs no write before.
                let payment = self.payment(&held).await?;
                let event = Event::Payment(payment);
                step = crate::sale::step(&held, event, self.now(), random::number())?;
            }
            if !self.store().put_sale(&step.sale).await? {
                return Ok(None);
            }
            tracing::debug!(state = step.sale.state.name(), "sale moved on");
            let heard = held.paid.is_none() && step.sale.paid.is_some();
            held = step.sale;
            if heard {
                let _ = self.count_doubles(&held).await;
            }
            let Some(action) = step.action else {
                return Ok(Some(held));
            };
            let event = self.act(&held, action).await?;
            step = crate::sale::step(&held, event, self.now(), random::number())?;
        }
    }

    async fn act(&self, sale: &Sale, action: Action) -> Result<Event> {
        let order = sale.order.as_ref().map(|order| &order.id);
        Ok(match (action, order) {
            (Action::Look, _) => Event::Payment(self.payment(sale).await?),
            (Action::CallOff, _) => Event::Payment(self.called_off(sale).await?),
            (Action::Read, Some(order)) => Event::Read(self.read(order).await),
            (Action::Apply(money), Some(order)) => {
                let asked = self.find_or_apply(order, money, sale.key());
                match self.in_time(sale, asked).await {
                    Ok(Applied::Manual) if self.merchant.code(&sale.key()).is_some() => {
                        Event::Coded
                    }
                    answer => Event::Applied(answer),
                }
            }
            (Action::Revoke, Some(order)) => {
                let reference = sale.reference.clone().unwrap_or_else(|| sale.key());
                let asked = self.merchant.revoke(order, &reference);
                Event::Revoked(self.in_time(sale, asked).await)
            }
            (_, None) => {
                return Err(Error::new(Kind::Internal, "the store lost a sale's order"));
            }
        })
    }

    /// Looks for the discount in the whole shop, and asks for it only where there is none.
    async fn find_or_apply(&self, order: &OrderId, money: i64, key: String) -> Result<Applied> {
        match self.merchant.find(&key).await {
            Ok(Some(found)) if found == *order => Ok(Applied::Applied { reference: key }),
            Ok(Some(_)) => Err(Error::new(
                Kind::AlreadyPerformed,
                "this payment's discount is on another order",
            )),
            Err(error) if error.kind() != Kind::Unsupported => {
                // Nothing was asked for.
                Err(error.with_retry(Retry::Safe))
            }
            _ => {
                let discount = Discount::Amount(money);
                self.merchant.apply(order, &discount, &key).await
            }
        }
    }

    /// Makes a call while the sale is ours. Whoever slept until somebody else may have it makes none.
    async fn in_time<T>(&self, sale: &Sale, asked: impl Future<Output = Result<T>>) -> Result<T> {
        let unclear = |error: Error| error.with_retry(Retry::SameKey);
        let call = i64::try_from(Self::CALL.as_millis()).unwrap_or(i64::MAX);
        if sale
            .due
            .is_none_or(|due| self.now().plus_millis(call) > due)
        {
            return Err(unclear(unanswered()));
        }
        match tokio::time::timeout(Self::CALL, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(unclear(unanswered())),
        }
    }

    async fn payment(&self, sale: &Sale) -> Result<Payment> {
        let now = self.now();
        let unshown = now.since(sale.begun) > UNSHOWN_MS;
        Ok(match self.store().checkout(sale.checkout).await? {
            // Nobody has seen a code.
            None if unshown => Payment::Over(None),
            // Whoever offers it is about to ask for a code, or died before.
            None => {
                let pause = now.since(sale.begun).clamp(1_000, MINUTE_MS);
                Payment::Open(Some(now.plus_millis(pause)))
            }
            Some(record) => match record.state {
                checkout::State::Created
                | checkout::State::Registered
                | checkout::State::Verifying
                | checkout::State::Verified
                    if unshown =>
                {
                    self.called_off(sale).await?
                }
                _ => payment(&record, now),
            },
        })
    }

    async fn called_off(&self, sale: &Sale) -> Result<Payment> {
        if self.store().checkout(sale.checkout).await?.is_none() {
            return Ok(Payment::Over(None));
        }
        match self.desk.call_off(sale.checkout).await {
            // Paid before, or failed: the record tells.
            Err(error) if !matches!(error.kind(), Kind::AlreadyPerformed | Kind::InputInvalid) => {
                return Err(error);
            }
            _ => {}
        }
        let record = self.store().checkout(sale.checkout).await?;
        Ok(record.map_or(Payment::Over(None), |record| payment(&record, self.now())))
    }

    /// Asks for confirmations of a code that may be paid once, and writes down every one but the
    /// first: those who paid get nothing by themselves.
    async fn count_doubles(&self, sale: &Sale) -> Result<()> {
        let paid = self.desk.confirmations(sale.checkout).await?;
        for (index, at) in (0..).zip(paid).skip(1) {
            let made = self.made_of(sale.checkout, index, &sale.offer, sale.terms.clone());
            let double = Sale::late(made, After::Double, at, self.now());
            if self.store().put_sale(&double).await? {
                tracing::warn!("a code that may be paid once was paid again");
            }
        }
        Ok(())
    }

    /// What the sale of a confirmation alone is made from.
    pub(super) fn made_of(
        &self,
        checkout: CheckoutId,
        index: u32,
        offer: &str,
        terms: crate::sale::Terms,
    ) -> Made {
        Made {
            id: SaleId::of_confirmation(&self.name, checkout, index),
            shop: self.name.to_string(),
            offer: offer.to_owned(),
            terms,
            checkout,
            index,
            salt: Salt::random(),
        }
    }

    /// Whether a payment is so young that it can be the one of the customer at the till.
    pub(super) fn is_fresh(&self, paid: Timestamp) -> bool {
        self.now().since(paid).abs() <= self.rules.take_within_ms
    }
}
