//! What a merchant tells of in the social balance sheet.

use std::fmt::Write as _;

use serde::Serialize;

use super::{After, Sale, State};

/// Below so many payments a number could tell of a person who was seen at the till.
const FEW: u64 = 5;

/// Payments and discounts of any number of shops, by offer, aim and month. It is made by a [`Tally`](super::Tally), for
/// one shop by [`Shop::report`](crate::shop::Shop::report), and holds nobody's name. WOM and money stand side by
/// side, and never as a rate of exchange.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Report {
    /// The zone in which months begin.
    pub zone: String,
    /// Whether small numbers are left out; see [`published`](Self::published).
    pub published: bool,
    /// By shop, offer, aim and month.
    pub rows: Vec<Row>,
    /// Payments that no discount was given for, by cause.
    pub not_used: Vec<NotUsed>,
}

/// One offer in one month. A number that is left out is absent.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Row {
    /// The merchant's name of the shop; empty in the row of what is left out by itself.
    pub shop: String,
    /// The merchant's name of the offer.
    pub offer: String,
    /// The aim that the offer asks for, with its children; empty where it takes every one.
    pub aim: String,
    /// The month of the payment, or of the offer where nobody paid: `2026-03`.
    pub month: String,
    /// ISO 4217.
    pub currency: String,
    /// Payments that the Registry confirmed.
    pub payments: Option<u64>,
    /// WOM accepted with them: minutes that somebody gave to something useful to others.
    pub wom: Option<u64>,
    /// Orders that were closed with a discount.
    pub discounts: Option<u64>,
    /// These discounts, in the currency's smallest unit.
    pub money: Option<i64>,
    /// The average of these discounts, in the currency's smallest unit, rounded half up.
    pub average: Option<i64>,
    /// Payments for which the merchant gave something else.
    pub granted: Option<u64>,
    /// Payments whose discount or order was taken back: WOM are not given back.
    pub returned: Option<u64>,
    /// Payments of which it is not known yet what becomes of them.
    pub pending: Option<u64>,
    /// Offers that were shown on an order and that nobody paid.
    pub unpaid: Option<u64>,
}

/// Why no discount was given for a payment.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// The order was cancelled before.
    AfterCancel,
    /// The poster's offer was ended.
    AfterEnd,
    /// The code had run out.
    AfterExpiry,
    /// A second payment of a code that may be paid once.
    Double,
    /// The merchant decided so.
    Refused,
    /// No cashier took it for an order.
    Unclaimed,
}

impl Cause {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AfterCancel => "after_cancel",
            Self::AfterEnd => "after_end",
            Self::AfterExpiry => "after_expiry",
            Self::Double => "double",
            Self::Refused => "refused",
            Self::Unclaimed => "unclaimed",
        }
    }

    /// Why nothing was given for this sale; none where something was, or still may be.
    pub(super) fn of(sale: &Sale) -> Option<Self> {
        let late = |after| match after {
            After::Cancel => Self::AfterCancel,
            After::Double => Self::Double,
            After::End => Self::AfterEnd,
            After::Expiry => Self::AfterExpiry,
        };
        match (&sale.state, sale.late) {
            (State::Late(after), _) => Some(late(*after)),
            (State::Unclaimed, _) => Some(Self::Unclaimed),
            (State::Recorded, _) if sale.paid.is_none() => None,
            (State::Recorded, Some(after)) => Some(late(after)),
            (State::Recorded, None) if sale.order.is_none() => Some(Self::Unclaimed),
            (State::Recorded, None) => Some(Self::Refused),
            _ => None,
        }
    }
}

/// Payments that no discount was given for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct NotUsed {
    /// Why.
    pub cause: Cause,
    /// How many.
    pub payments: Option<u64>,
    /// WOM accepted with them.
    pub wom: Option<u64>,
}

impl Report {
    /// The report as it may be published: what is of fewer than 5 payments is left out, and so is what
    /// would tell it as a difference. Rows of few payments are one row together, with a bigger one if
    /// they are still few.
    #[must_use]
    pub fn published(&self) -> Self {
        if self.published {
            return self.clone();
        }
        let few = |row: &Row| (1..FEW).contains(&row.payments.unwrap_or(0));
        let (mut small, mut rows): (Vec<_>, Vec<_>) = self.rows.iter().cloned().partition(few);
        let sum = |rows: &[Row]| rows.iter().filter_map(|row| row.payments).sum::<u64>();
        while !small.is_empty() && sum(&small) < FEW {
            let paid = rows
                .iter()
                .enumerate()
                .filter(|(_, row)| row.payments > Some(0));
            let Some((smallest, _)) = paid.min_by_key(|(_, row)| row.payments) else {
                // All of it is few.
                small.clear();
                break;
            };
            small.push(rows.remove(smallest));
        }
        let currency = small.first().map(|row| row.currency.clone());
        let one = small
            .iter()
            .all(|row| Some(&row.currency) == currency.as_ref());
        if !small.is_empty() {
            let add = |get: fn(&Row) -> Option<u64>| Some(small.iter().filter_map(get).sum());
            rows.push(Row {
                currency: currency.filter(|_| one).unwrap_or_default(),
                payments: add(|row| row.payments),
                wom: add(|row| row.wom),
                discounts: add(|row| row.discounts),
                money: one.then(|| small.iter().filter_map(|row| row.money).sum()),
                ..Row::default()
            });
        }
        for row in &mut rows {
            row.conceal();
        }
        let not_used = self.not_used.iter().map(|line| {
            let shown = line.payments >= Some(FEW);
            NotUsed {
                cause: line.cause,
                payments: line.payments.filter(|_| shown),
                wom: line.wom.filter(|_| shown),
            }
        });
        Self {
            zone: self.zone.clone(),
            published: true,
            rows,
            not_used: not_used.collect(),
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> String {
        // Neither a number nor a key of it can be unfit for JSON.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// As CSV (RFC 4180), money in the currency's smallest unit. Payments that were not used have lines
    /// of their own, whose offer is empty.
    pub fn to_csv(&self) -> String {
        let mut csv = String::from(
            "line,shop,offer,aim,month,payments,wom,discounts,currency,money,average,granted,returned,pending,unpaid\r\n",
        );
        let text = |text: &str| field(text);
        for row in &self.rows {
            let cells = [
                "offer".to_owned(),
                text(&row.shop),
                text(&row.offer),
                text(&row.aim),
                text(&row.month),
                number(row.payments),
                number(row.wom),
                number(row.discounts),
                text(&row.currency),
                number(row.money),
                number(row.average),
                number(row.granted),
                number(row.returned),
                number(row.pending),
                number(row.unpaid),
            ];
            let _ = write!(csv, "{}\r\n", cells.join(","));
        }
        for line in &self.not_used {
            let (payments, wom) = (number(line.payments), number(line.wom));
            let cause = line.cause.name();
            let _ = write!(csv, "not_used_{cause},,,,,{payments},{wom},,,,,,,,\r\n");
        }
        csv
    }
}

impl Row {
    /// Leaves out what is of few payments, or tells of few as a difference.
    fn conceal(&mut self) {
        let few = |count: Option<u64>| (1..FEW).contains(&count.unwrap_or(0));
        let rest = self
            .payments
            .unwrap_or(0)
            .saturating_sub(self.discounts.unwrap_or(0));
        if few(self.discounts) || few(Some(rest)) {
            (self.discounts, self.average) = (None, None);
        }
        if self.discounts.is_none() {
            self.money = None;
        }
        self.average = average(self.money.unwrap_or(0), self.discounts.unwrap_or(0));
        for count in [
            &mut self.granted,
            &mut self.returned,
            &mut self.pending,
            &mut self.unpaid,
        ] {
            *count = count.filter(|count| *count == 0 || *count >= FEW);
        }
    }
}

pub(super) fn average(money: i64, discounts: u64) -> Option<i64> {
    let discounts = i128::from(discounts);
    let twice = i128::from(money) * 2 + discounts;
    i64::try_from(twice.checked_div_euclid(discounts * 2)?).ok()
}

fn number(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// A text between commas. What a spreadsheet would take for a formula begins with an apostrophe.
fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = match formula {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    match text.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests;
