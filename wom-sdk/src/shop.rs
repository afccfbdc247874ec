//! Drives sales: between a [`Merchant`] and a [`CashDesk`], from an order to exactly one discount.

mod drive;
mod office;
mod poster;
mod pull;
mod shops;
#[cfg(test)]
mod tests;

pub use shops::Shops;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{
    Error, Kind, Result, Timestamp,
    award::Ticket,
    cash_desk::CashDesk,
    checkout,
    merchant::{Merchant, Offer, Order, OrderId},
    sale::{Bound, Event, Made, OrderKey, Rules, Sale, SaleId, Salt, ShopId, Slot, State},
    store::Store,
};

/// A shop that gives discounts for WOM: what a till calls.
///
/// Every payment is written down before the shop is asked for anything, so whoever dies at whatever
/// point is followed by another who reads both sides and goes on. [`Shops::run`] does that, beside
/// [`Desks::run`](crate::cash_desk::Desks::run), which hears of the payments. Cheap to clone; any
/// number may work on one store.
///
/// ```
/// # use wom_sdk::{Result, cash_desk::CashDesk, merchant::{Offer, OrderId}, sale::State, shop::Shop};
/// # async fn example(shop: Shop, order: OrderId, coffee: Offer) -> Result<()> {
/// use std::time::Duration;
///
/// let (sale, ticket) = shop.offer(&order, "coffee", &coffee).await?;
/// println!("pay at {}, PIN {}", ticket.link.reveal(), ticket.pin.reveal());
/// let sale = shop.wait(sale.id, Duration::from_secs(300)).await?;
/// match sale.state {
///     State::Applied => println!("{} less", sale.given.unwrap_or(0)),
///     State::Manual => println!("type {} in, then confirm", sale.terms.agreed),
///     state => println!("{}: {:?}", state.name(), shop.sale(sale.id).await?),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Shop {
    name: Arc<str>,
    desk: CashDesk,
    merchant: Arc<dyn Merchant>,
    rules: Arc<Rules>,
    /// Before this the shop need not be asked what changed.
    pull: Arc<Mutex<Timestamp>>,
}

impl Shop {
    /// How often one offer is made anew for one order, after it lapsed.
    const ATTEMPTS: u32 = 100;
    /// How often something is decided anew because others were faster.
    const TRIES: usize = 16;

    /// A shop by the merchant's own name of it (1 to 128 bytes), which stays the same for ever: its
    /// till system, the POS that asks for its payments, and what the merchant has settled. Sales stand
    /// in the desk's store.
    pub fn new(
        name: &str,
        desk: CashDesk,
        merchant: Arc<dyn Merchant>,
        rules: Rules,
    ) -> Result<Self> {
        check("shop", name)?;
        let rules = rules.checked()?.suits(merchant.capabilities())?;
        Ok(Self {
            name: name.into(),
            desk,
            merchant,
            rules: Arc::new(rules),
            pull: Arc::new(Mutex::new(Timestamp::MIN)),
        })
    }

    /// The shop's id.
    pub fn id(&self) -> ShopId {
        ShopId::new(&self.name)
    }

    /// The merchant's name of it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Offers a discount on an order, and gives the code to show: from now on it counts as shown. The
    /// discount is agreed in money. `name` is the merchant's own name of the offer, 1 to 128 bytes.
    ///
    /// The same again gives the same code while it can be paid; after it lapsed it is asked about once
    /// more, and then a new one is made.
    ///
    /// # Errors
    ///
    /// [`Kind::AlreadyPerformed`] if the order was paid for, or an earlier code of it was paid late:
    /// see [`sales_of`](Self::sales_of). [`Kind::InputInvalid`] if the order takes no discount, or has
    /// as many as it may: [`call_off`](Self::call_off) the other one first, so that no two codes for
    /// one order can be paid. Else what shop or Registry answer; then call again.
    pub async fn offer(
        &self,
        order: &OrderId,
        name: &str,
        offer: &Offer,
    ) -> Result<(Sale, Ticket)> {
        check("offer", name)?;
        check("order", &order.0)?;
        if offer.charge.persistent {
            return Err(Error::new(
                Kind::InputInvalid,
                "a code that is paid many times is a poster's",
            ));
        }
        let read = self.read(order).await?;
        for _ in 0..Self::TRIES {
            self.look_once_more(order).await?;
            let sale = self.begin(&read, name, offer).await?;
            match self.desk.charge(&sale.id.to_hex(), &offer.charge).await {
                Ok(ticket) => return Ok((sale, ticket)),
                Err(error) => {
                    let state = self.desk.state(&sale.id.to_hex()).await?;
                    if state.is_none_or(|state| state.is_open())
                        || self.go_on(&sale).await?.is_none()
                    {
                        return Err(error);
                    }
                    // It ran out or failed meanwhile; as that is known now, another one is begun.
                    if self.sale(sale.id).await?.state != State::Lapsed
                        || error.kind() != Kind::InputInvalid
                    {
                        return Err(error);
                    }
                }
            }
        }
        Err(busy())
    }

    /// The sale with this id.
    pub async fn sale(&self, id: SaleId) -> Result<Sale> {
        let sale = match id.shop() == self.id() {
            true => self.store().sale(id).await?,
            false => None,
        };
        sale.ok_or_else(|| Error::new(Kind::InputInvalid, "this shop has no sale with this id"))
    }

    /// All sales of an order.
    pub async fn sales_of(&self, order: &OrderId) -> Result<Vec<Sale>> {
        self.store()
            .sales_of(OrderKey::new(&self.name, order))
            .await
    }

    /// The code of a sale to show, as long as it can be paid in time.
    pub async fn ticket(&self, sale: &Sale) -> Result<Option<Ticket>> {
        let open = sale.state == State::Waiting;
        let checkout = match open {
            true => self.desk.checkout(sale.checkout).await?,
            false => None,
        };
        let shown = checkout.filter(|checkout| checkout.state == checkout::State::Shown);
        Ok(shown.and_then(|shown| shown.ticket))
    }

    /// The code that is typed in for a [manual](State::Manual) sale, by the shopper or the cashier;
    /// `None` where there is none and the cashier lowers the price.
    pub fn to_type_in(&self, sale: &Sale) -> Option<String> {
        let manual = sale.state == State::Manual;
        manual.then(|| self.merchant.code(&sale.key())).flatten()
    }

    /// Waits until a sale is paid and the discount is on the order, or until somebody has to decide,
    /// at most so long, and gives it as it stands then. The Registry is asked as often as is polite.
    pub async fn wait(&self, id: SaleId, at_most: Duration) -> Result<Sale> {
        self.until_decided(id, at_most, Asks::Itself).await
    }

    /// Waits as [`wait`](Self::wait) does for a sale whose code [`Desks::run`](crate::cash_desk::Desks::run)
    /// looks after: it is not asked of the Registry here whether it was paid, so that any number may
    /// wait.
    pub async fn watch(&self, id: SaleId, at_most: Duration) -> Result<Sale> {
        self.until_decided(id, at_most, Asks::Others).await
    }

    async fn until_decided(&self, id: SaleId, at_most: Duration, asks: Asks) -> Result<Sale> {
        let ends = self
            .now()
            .plus_millis(i64::try_from(at_most.as_millis()).unwrap_or(i64::MAX));
        loop {
            let sale = self.sale(id).await?;
            let left = ends.since(self.now());
            if !matches!(sale.state, State::Waiting | State::Applying) || left <= 0 {
                return Ok(sale);
            }
            if sale.state == State::Waiting {
                let left = Duration::from_millis(left.unsigned_abs());
                if self.store().checkout(sale.checkout).await?.is_none() {
                    return Ok(sale);
                }
                let open = match asks {
                    Asks::Itself => self.desk.wait(&sale.id.to_hex(), left).await?.is_open(),
                    Asks::Others => {
                        let held = self.desk.watch(sale.checkout, left).await?;
                        held.is_none_or(|held| held.state.is_open())
                    }
                };
                if open {
                    return Ok(sale);
                }
            }
            if sale.state == State::Waiting || sale.due.is_some_and(|due| due <= self.now()) {
                self.go_on(&sale).await?;
                continue;
            }
            let due = sale.due.unwrap_or(ends).min(ends);
            let pause = due.since(self.now()).clamp(1, 1_000).unsigned_abs();
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    /// Calls an offer off that is not paid yet: the customer changed their mind, or another offer is
    /// to be shown. The code is watched for a day. One that was paid before goes on as paid.
    pub async fn call_off(&self, id: SaleId) -> Result<Sale> {
        let sale = self.sale(id).await?;
        match sale.state {
            State::Waiting => self.tell(id, &Event::Cancelled).await,
            _ => Ok(sale),
        }
    }

    /// The shop cancelled or replaced an order. What is not paid is called off, and its code watched
    /// for a day; a discount is taken back; what was paid in vain waits for the merchant. Gives the
    /// order's sales as they stand then.
    pub async fn cancel(&self, order: &OrderId) -> Result<Vec<Sale>> {
        check("order", &order.0)?;
        let mut sales = Vec::new();
        for sale in self.sales_of(order).await? {
            let waited = sale.state == State::Waiting;
            let mut told = self.tell(sale.id, &Event::Cancelled).await?;
            if waited && told.state == State::Applying {
                // It was paid before it could be called off.
                told = self.tell(sale.id, &Event::Cancelled).await?;
            }
            sales.push(told);
        }
        Ok(sales)
    }

    /// The cashier has typed the discount of a [manual](State::Manual) sale in.
    pub async fn confirm(&self, id: SaleId) -> Result<Sale> {
        self.tell(id, &Event::Confirmed).await
    }

    /// Where nothing is under way but what is written: the order, read with a time limit.
    async fn read(&self, order: &OrderId) -> Result<Order> {
        match tokio::time::timeout(Self::CALL, self.merchant.read(order)).await {
            Ok(read) => read,
            Err(_) => Err(unanswered()),
        }
    }

    /// Before a code is shown for an order: whether an earlier one of it was paid meanwhile.
    async fn look_once_more(&self, order: &OrderId) -> Result<()> {
        let late = || paid_before("an earlier code of this order was paid late");
        for sale in self.sales_of(order).await? {
            if matches!(sale.state, State::Late(_)) {
                return Err(late());
            }
            if sale.state != State::Lapsed || sale.due.is_none() {
                continue;
            }
            if self.desk.look(sale.checkout).await?.is_paid()
                && self.gone_on(sale).await?.state != State::Lapsed
            {
                return Err(late());
            }
        }
        Ok(())
    }

    /// The sale that waits for its payment: the one that is there, or a new one.
    async fn begin(&self, order: &Order, name: &str, offer: &Offer) -> Result<Sale> {
        for n in 0..Self::ATTEMPTS {
            let id = SaleId::new(&self.name, &order.id, name, n);
            if let Some(sale) = self.store().sale(id).await? {
                match sale.state {
                    State::Waiting => return Ok(sale),
                    State::Applying
                    | State::Applied
                    | State::Manual
                    | State::Attention(_)
                    | State::Redeemed => {
                        return Err(paid_before("this offer was paid for on this order"));
                    }
                    _ => continue,
                }
            }
            let made = Made {
                id,
                shop: self.name.to_string(),
                offer: name.to_owned(),
                terms: self.rules.agree(order, offer)?,
                checkout: self.desk.id(&id.to_hex()),
                index: 0,
                salt: Salt::random(),
            };
            for slot in self.slots(&order.id) {
                let sale = Sale::waiting(made.clone(), Bound::to(order), slot, self.now());
                if self.store().put_sale(&sale).await? {
                    return Ok(sale);
                }
                // Somebody else was faster with the same one.
                if let Some(sale) = self.store().sale(id).await? {
                    return Ok(sale);
                }
            }
            let held = self.sales_of(&order.id).await?;
            let waits = held.iter().any(|sale| sale.state == State::Waiting);
            return Err(match waits {
                true => full(),
                false => paid_before("another offer was paid for on this order"),
            });
        }
        Err(Error::new(
            Kind::InputInvalid,
            "this offer lapsed too often on this order",
        ))
    }

    /// Takes a payment without an order for one. `None`: somebody else did meanwhile.
    async fn bind(&self, sale: &Sale, order: &Order) -> Result<Option<Sale>> {
        let terms = Box::new(self.rules.agree_on(order, &sale.terms)?);
        for slot in self.slots(&order.id) {
            let event = Event::Bind {
                order: Bound::to(order),
                slot,
                terms: terms.clone(),
            };
            let step = crate::sale::step(sale, event, self.now(), 0)?;
            if self.store().put_sale(&step.sale).await? {
                return Ok(Some(step.sale));
            }
            let held = self.sale(sale.id).await?;
            if held.version != sale.version {
                return Ok(None);
            }
        }
        Err(full())
    }

    fn slots(&self, order: &OrderId) -> impl Iterator<Item = Slot> {
        let key = OrderKey::new(&self.name, order);
        (0..self.rules.per_order).map(move |n| key.slot(n))
    }

    /// Whether the shop is to be asked now what changed; not again for a while then.
    fn is_to_be_pulled(&self) -> bool {
        if !self.merchant.capabilities().orders {
            return false;
        }
        let mut next = self.pull.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        let due = *next <= now;
        if due {
            *next = now.plus_millis(pull::PAUSE_MS);
        }
        due
    }

    fn store(&self) -> &dyn Store {
        &**self.desk.store()
    }

    fn now(&self) -> Timestamp {
        self.desk.now()
    }
}

/// Who asks the Registry whether a code was paid.
#[derive(Clone, Copy)]
enum Asks {
    Itself,
    Others,
}

/// A name of 1 to 128 bytes.
fn check(field: &'static str, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > 128 {
        return Err(
            Error::new(Kind::InputInvalid, "a name has 1 to 128 bytes").with("field", field)
        );
    }
    Ok(())
}

fn paid_before(message: &'static str) -> Error {
    Error::new(Kind::AlreadyPerformed, message)
        .hint("look at the order's sales: give the discount for that payment, not for another")
}

fn full() -> Error {
    Error::new(
        Kind::InputInvalid,
        "the order has as many WOM discounts, paid or offered, as it may",
    )
    .hint("call the other offer off first; no two codes for one order can be paid")
}

fn busy() -> Error {
    Error::new(Kind::OutcomeUnknown, "others are at this sale").hint("look at it, then try again")
}

fn unanswered() -> Error {
    Error::new(Kind::DeadlineExceeded, "the shop does not answer")
}

/// The longest pause between two looks at a code that can be paid, with the moment after.
const SELDOM_MS: i64 = 11_000;

/// What the checkout of a sale says of its payment.
fn payment(record: &checkout::CheckoutRecord, now: Timestamp) -> crate::sale::Payment {
    use crate::sale::{After, Payment};
    // A moment after the desk's own look.
    let look = record.due.map(|due| due.max(now).plus_millis(1_000));
    match record.state {
        checkout::State::Paid { at } => Payment::Paid(at),
        checkout::State::PaidAfterExpiry { at } => Payment::Late(at, After::Expiry),
        checkout::State::PaidAfterCancel { at } => Payment::Late(at, After::Cancel),
        checkout::State::Failed(_) => Payment::Over(None),
        checkout::State::Expired | checkout::State::Cancelled => Payment::Over(look),
        // Later than that it is held by who asks the Registry at this moment.
        _ => Payment::Open(look.map(|look| match look.since(now) > SELDOM_MS {
            true => now.plus_millis(2_000),
            false => look,
        })),
    }
}
