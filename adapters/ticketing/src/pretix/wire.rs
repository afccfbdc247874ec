//! What pretix says, as far as it is looked at: no name, no address, no barcode, no answer.

use serde::{Deserialize, Deserializer, de::IgnoredAny};
use wom_sdk::{Timestamp, Zone};

use super::name::{Code, Slug};

/// The fields of orders that are asked for. Where pretix heeds this, nothing personal even travels.
pub(super) const ORDER_FIELDS: &[&str] = &[
    "code",
    "status",
    "testmode",
    "payments.state",
    "payments.amount",
    "refunds.state",
    "refunds.amount",
    "positions.id",
    "positions.item",
    "positions.subevent",
    "positions.addon_to",
    "positions.canceled",
    "positions.blocked",
    "positions.valid_from",
    "positions.valid_until",
    "positions.checkins",
];

/// A webhook's body.
#[derive(Deserialize)]
pub(super) struct Call {
    pub(super) organizer: String,
    pub(super) action: String,
    #[serde(default)]
    pub(super) event: Option<String>,
    #[serde(default)]
    pub(super) code: Option<String>,
}

/// A page of a list.
#[derive(Deserialize)]
pub(super) struct Page<T> {
    /// An address, of which only matters whether there is one.
    pub(super) next: Option<IgnoredAny>,
    pub(super) results: Vec<T>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Event {
    pub(super) slug: Slug,
    pub(super) date_from: Timestamp,
    pub(super) date_to: Option<Timestamp>,
    pub(super) has_subevents: bool,
    pub(super) timezone: Zone,
}

/// A date of a series.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Subevent {
    pub(super) id: u64,
    pub(super) date_from: Timestamp,
    pub(super) date_to: Option<Timestamp>,
}

/// A product.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Item {
    pub(super) id: u64,
    pub(super) admission: bool,
    #[serde(default)]
    pub(super) program_times: Vec<ProgramTime>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct ProgramTime {
    pub(super) start: Timestamp,
    pub(super) end: Option<Timestamp>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Order {
    pub(super) code: Code,
    pub(super) status: Status,
    #[serde(default)]
    pub(super) testmode: bool,
    pub(super) positions: Vec<Position>,
    #[serde(default)]
    pub(super) payments: Vec<Payment>,
    #[serde(default)]
    pub(super) refunds: Vec<Payment>,
}

impl Order {
    /// Whether everything that was paid was paid back.
    pub(super) fn is_refunded(&self) -> bool {
        let sum = |payments: &[Payment], states: &[&str]| -> i64 {
            let of_state = payments
                .iter()
                .filter(|it| states.contains(&it.state.as_str()));
            of_state.fold(0, |sum, payment| sum.saturating_add(payment.amount.0))
        };
        let back = sum(&self.refunds, &["done"]);
        back > 0 && back >= sum(&self.payments, &["confirmed", "refunded"])
    }
}

/// The state of an order.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub(super) enum Status {
    #[serde(rename = "p")]
    Paid,
    #[serde(rename = "c")]
    Cancelled,
    /// Pending, expired, or what there may be one day.
    #[serde(other)]
    Unpaid,
}

/// A payment, or a refund.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Payment {
    state: String,
    amount: Amount,
}

/// An amount in ten-thousandths, which is as exact as any currency.
#[derive(Clone, Copy, Debug)]
struct Amount(i64);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        amount(&text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("not an amount"))
    }
}

fn amount(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(part) || part.len() > 4 {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let part: i64 = format!("{part:0<4}").parse().ok()?;
    whole
        .checked_mul(10_000)?
        .checked_add(part)?
        .checked_mul(sign)
}

/// A ticket, or something else that was ordered.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Position {
    pub(super) id: u64,
    pub(super) item: u64,
    #[serde(default)]
    pub(super) subevent: Option<u64>,
    #[serde(default)]
    pub(super) addon_to: Option<u64>,
    #[serde(default)]
    pub(super) canceled: bool,
    /// What blocks it.
    #[serde(default)]
    pub(super) blocked: Option<Vec<IgnoredAny>>,
    #[serde(default)]
    pub(super) valid_from: Option<Timestamp>,
    #[serde(default)]
    pub(super) valid_until: Option<Timestamp>,
    pub(super) checkins: Vec<Checkin>,
}

impl Position {
    /// The main ticket, which may be this one.
    pub(super) fn root(&self) -> u64 {
        self.addon_to.unwrap_or(self.id)
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
            .as_ref()
            .is_some_and(|blocks| !blocks.is_empty())
    }
}

/// A scan that let somebody in or out.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Checkin {
    pub(super) id: u64,
    pub(super) datetime: Timestamp,
    pub(super) list: u64,
    #[serde(default)]
    pub(super) auto_checked_in: bool,
    #[serde(rename = "type")]
    pub(super) direction: Direction,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Direction {
    Entry,
    Exit,
    #[serde(other)]
    Other,
}

/// A scan in the list of all scans, refused ones among them.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Scanned {
    pub(super) created: Timestamp,
    pub(super) position: Option<u64>,
}

/// What leads from a ticket to its order.
#[derive(Deserialize)]
pub(super) struct Whereabouts {
    pub(super) order: Code,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_or_none() {
        assert_eq!(amount("10.00"), Some(100_000));
        assert_eq!(amount("-0.5"), Some(-5_000));
        assert_eq!(amount("3"), Some(30_000));
        for wrong in [
            "",
            ".",
            ".5",
            "1e3",
            "1.23456",
            "1,5",
            "+1",
            "99999999999999999999",
        ] {
            assert_eq!(amount(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_order_is_refunded_when_nothing_is_left_of_what_was_paid() {
        let order = |payments: &str, refunds: &str| -> Order {
            let json = format!(
                r#"{{"code":"ABCDE","status":"p","positions":[],"payments":{payments},"refunds":{refunds}}}"#
            );
            serde_json::from_str(&json).unwrap()
        };
        let paid =
            r#"[{"state":"confirmed","amount":"10.00"},{"state":"failed","amount":"10.00"}]"#;
        assert!(!order(paid, "[]").is_refunded());
        assert!(!order(paid, r#"[{"state":"done","amount":"9.99"}]"#).is_refunded());
        assert!(!order(paid, r#"[{"state":"created","amount":"10.00"}]"#).is_refunded());
        assert!(order(paid, r#"[{"state":"done","amount":"10.00"}]"#).is_refunded());
        assert!(!order("[]", "[]").is_refunded(), "free tickets");
    }

    #[test]
    fn what_is_not_known_yet_is_no_entry_and_not_paid() {
        let checkin: Checkin = serde_json::from_str(
            r#"{"id":1,"datetime":"2026-11-20T18:48:12Z","list":2,"type":"print"}"#,
        )
        .unwrap();
        assert_eq!(checkin.direction, Direction::Other);
        assert_eq!(
            serde_json::from_str::<Status>(r#""x""#).unwrap(),
            Status::Unpaid
        );
    }
}
