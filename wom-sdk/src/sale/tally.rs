//! Counting sales for the report.

use std::collections::BTreeMap;

use super::{Cause, NotUsed, Report, Row, Sale, State, report::average};
use crate::{Timestamp, Zone};

/// Counts sales into a [`Report`], one after the other: it holds a row for each offer, aim and month and no
/// sale.
#[derive(Clone, Debug)]
pub struct Tally {
    zone: Zone,
    from: Timestamp,
    until: Timestamp,
    /// By shop, offer, aim, month and currency.
    rows: BTreeMap<[String; 5], Sums>,
    unused: BTreeMap<Cause, (u64, u64)>,
}

impl Tally {
    /// Of nothing yet, with the months of this zone: it will count what was paid (or begun, where nobody
    /// paid) from the first instant on and before the second.
    pub fn new(zone: &Zone, from: Timestamp, until: Timestamp) -> Self {
        Self {
            zone: zone.clone(),
            from,
            until,
            rows: BTreeMap::new(),
            unused: BTreeMap::new(),
        }
    }

    /// Counts a sale.
    pub fn add(&mut self, sale: &Sale) {
        let at = sale.paid.unwrap_or(sale.begun);
        if !(self.from..self.until).contains(&at) {
            return;
        }
        let filter = sale.terms.filter.as_ref();
        let aim = filter.and_then(|filter| filter.aim_prefix()).unwrap_or("");
        let day = self.zone.day(at);
        let key = [
            sale.shop.clone(),
            sale.offer.clone(),
            aim.to_owned(),
            format!("{:04}-{:02}", day.year(), day.month()),
            sale.terms.currency.clone(),
        ];
        self.rows.entry(key).or_default().add(sale);
        if let Some(cause) = Cause::of(sale) {
            let (payments, wom) = self.unused.entry(cause).or_default();
            *payments += 1;
            *wom += u64::from(sale.terms.amount);
        }
    }

    /// The report of what was counted.
    pub fn report(&self) -> Report {
        // A payment without an order has no currency yet: it is its shop's.
        let mut currencies = BTreeMap::new();
        for [shop, .., currency] in self.rows.keys().filter(|key| !key[4].is_empty()) {
            currencies.entry(shop).or_insert(currency);
        }
        let mut rows = BTreeMap::<_, Sums>::new();
        for ([shop, offer, aim, month, currency], sums) in &self.rows {
            let currency = match currency.is_empty() {
                true => currencies.get(shop).copied().unwrap_or(currency),
                false => currency,
            };
            let key = (shop, offer, aim, month, currency);
            rows.entry(key).or_default().join(sums);
        }
        let row = |((shop, offer, aim, month, currency), sums): (_, Sums)| Row {
            shop: String::clone(shop),
            offer: String::clone(offer),
            aim: String::clone(aim),
            month: String::clone(month),
            currency: String::clone(currency),
            ..sums.row()
        };
        let not_used = self
            .unused
            .iter()
            .map(|(&cause, &(payments, wom))| NotUsed {
                cause,
                payments: Some(payments),
                wom: Some(wom),
            });
        Report {
            zone: self.zone.name().to_owned(),
            published: false,
            rows: rows.into_iter().map(row).collect(),
            not_used: not_used.collect(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    payments: u64,
    wom: u64,
    discounts: u64,
    money: i64,
    granted: u64,
    returned: u64,
    pending: u64,
    unpaid: u64,
}

impl Sums {
    fn add(&mut self, sale: &Sale) {
        if sale.paid.is_none() {
            self.unpaid += 1;
            return;
        }
        self.payments += 1;
        self.wom += u64::from(sale.terms.amount);
        match sale.state {
            State::Redeemed => {
                self.discounts += 1;
                self.money = self.money.saturating_add(sale.given.unwrap_or(0));
            }
            State::Granted => self.granted += 1,
            State::Withdrawn | State::Refunded => self.returned += 1,
            _ if Cause::of(sale).is_none() => self.pending += 1,
            _ => {}
        }
    }

    fn join(&mut self, other: &Self) {
        self.payments += other.payments;
        self.wom += other.wom;
        self.discounts += other.discounts;
        self.money = self.money.saturating_add(other.money);
        self.granted += other.granted;
        self.returned += other.returned;
        self.pending += other.pending;
        self.unpaid += other.unpaid;
    }

    fn row(self) -> Row {
        Row {
            payments: Some(self.payments),
            wom: Some(self.wom),
            discounts: Some(self.discounts),
            money: Some(self.money),
            average: average(self.money, self.discounts),
            granted: Some(self.granted),
            returned: Some(self.returned),
            pending: Some(self.pending),
            unpaid: Some(self.unpaid),
            ..Row::default()
        }
    }
}
