//! Where a sale stands, and whose turn it is.

use serde::{Deserialize, Serialize};

/// Where a sale stands.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "detail")]
#[non_exhaustive]
pub enum State {
    /// For its payment, which the checkout tells of.
    Waiting,
    /// Nobody paid: the checkout ran out, was called off or failed. It may be paid late.
    Lapsed,
    /// A poster was paid, and no cashier has said for which order.
    Unclaimed,
    /// Paid; the shop is, or is about to be, asked for the discount.
    Applying,
    /// The shop's own reading shows the discount, or a cashier typed it in.
    Applied,
    /// The cashier has to type the discount in, and then to confirm it; or the shopper types a code in,
    /// which is seen on the order.
    Manual,
    /// The order is cancelled; the shop is, or is about to be, asked to take the discount back.
    Withdrawing(Then),
    /// The order was closed with the discount.
    Redeemed,
    /// The order was cancelled, and the discount was taken back.
    Withdrawn,
    /// The customer got the money back. WOM cannot be given back.
    Refunded,
    /// Paid where nothing could be given for it any more: see [`Sale::remedies`](super::Sale::remedies).
    Late(After),
    /// The merchant gave something else for it, such as a fresh code for the next order.
    Granted,
    /// The merchant gave nothing for it, and wrote it down.
    Recorded,
    /// A person must decide. The detail says why, as a code: that of an error, or one of
    /// [`REASONS`].
    Attention(String),
}

/// Why a person must decide, where it is not the code of an error.
pub const REASONS: [(&str, &str); 9] = [
    (
        "below_floor",
        "the order's total is below the floor: take the discount back or accept it",
    ),
    (
        "currency_differs",
        "the order is in another currency than what was agreed",
    ),
    (
        "discount_differs",
        "the order shows more discount than was agreed: remove what is too much",
    ),
    (
        "discount_gone",
        "the discount was on the open order and is not any more",
    ),
    (
        "discount_lost",
        "the order was closed without the discount that was on it: give it another way",
    ),
    (
        "not_bought",
        "the order was neither closed nor cancelled for days",
    ),
    (
        "not_shown",
        "the shop took the discount, and its order does not show it",
    ),
    (
        "nothing_to_reduce",
        "the order's total leaves no room above the floor",
    ),
    (
        "order_closed",
        "the order was closed before the discount was on it",
    ),
];

impl State {
    /// The stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Lapsed => "lapsed",
            Self::Unclaimed => "unclaimed",
            Self::Applying => "applying",
            Self::Applied => "applied",
            Self::Manual => "manual",
            Self::Withdrawing(_) => "withdrawing",
            Self::Redeemed => "redeemed",
            Self::Withdrawn => "withdrawn",
            Self::Refunded => "refunded",
            Self::Late(_) => "late",
            Self::Granted => "granted",
            Self::Recorded => "recorded",
            Self::Attention(_) => "attention",
        }
    }
}

/// What comes after a discount was taken back.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// The customer has nothing of the payment: [`State::Late`].
    Late,
    /// [`State::Refunded`].
    Refunded,
    /// [`State::Withdrawn`].
    Withdrawn,
}

/// After what a payment came.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum After {
    /// The order was cancelled.
    Cancel,
    /// Another payment of the same code, which may be paid once.
    Double,
    /// The offer on the poster was ended.
    End,
    /// The code had run out.
    Expiry,
}

impl After {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Double => "double",
            Self::End => "end",
            Self::Expiry => "expiry",
        }
    }
}

/// Who has to do something next.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Turn {
    /// It is over.
    Nobody,
    /// It goes on by itself.
    Program,
    /// The cashier or the merchant.
    Person,
}

impl Turn {
    /// As a number: 0, 1 or 2.
    pub fn number(self) -> u8 {
        match self {
            Self::Nobody => 0,
            Self::Program => 1,
            Self::Person => 2,
        }
    }
}
