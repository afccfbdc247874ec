"""What a shop offers and settles, and what became of it. Money is in the currency's smallest unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from ._values import Ticket
from .errors import InputInvalid

Remedy = Literal["fresh_code", "replacement", "record_only"]
"""What to give for a payment that came too late: WOM cannot be given back."""

Stacking = Literal["added", "best_of", "excluded"]
"""What becomes of a WOM discount where the order has other discounts."""

Decision = Literal[
    "retry", "applied", "redeemed", "withdrawn", "refunded", "granted", "recorded"
]
"""What a person decides about a sale that waits for one."""

Which = Literal["for_person", "open", "all"]
"""Which sales are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Pay so many WOM, get this discount. Exactly one of `amount` and `percent` is given."""

    title: str
    """What stands beside the QR code."""
    wom: int
    """How many WOM are to be paid, 1 to 1,500."""
    amount: int | None = None
    """So much less."""
    percent: int | Decimal | None = None
    """So many percent less, in steps of 0.01."""
    aim: str | None = None
    """Only WOM of this aim and its children are taken."""
    bounds: tuple[float, float, float, float] | None = None
    """Only WOM earned within: north, west, south, east."""
    max_age_days: int | None = None
    """Only WOM earned at most so many days ago."""
    patience: timedelta | None = None
    """How long a shown code is waited for; 5 minutes where none is given."""

    def _wire(self) -> dict[str, Any]:
        if (self.amount is None) == (self.percent is None):
            raise InputInvalid(
                "an offer brings an amount or a percentage",
                hint="give amount or percent, and not both",
                fields={"field": "amount"},
            )
        patience = self.patience
        return {
            "title": self.title,
            "charge": {
                "amount": self.wom,
                "aim": self.aim,
                "bounds": self.bounds,
                "max_age_days": self.max_age_days,
                "patience": None if patience is None else patience.total_seconds(),
            },
            "discount": {"amount": self.amount}
            if self.percent is None
            else {"basis_points": _basis_points(self.percent)},
        }


def _basis_points(percent: int | Decimal) -> int:
    points = Decimal(percent) * 100
    if not points.is_finite() or points != int(points) or not 0 < points <= 10_000:
        raise InputInvalid(
            "a percentage is 0.01 to 100, in steps of 0.01",
            hint='write fractions as Decimal("7.5")',
            fields={"field": "percent"},
        )
    return int(points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a merchant has settled for all sales of a shop."""

    stacking: Stacking = "added"
    floor: int = 1
    """Below this the price may not fall: some tills cannot close a sale of 0."""
    per_order: int = 1
    """How many WOM discounts an order may have at most."""
    late: Sequence[Remedy] = ("fresh_code", "replacement", "record_only")
    """What to give for a payment that came too late, the one that is preferred first."""
    take_within: timedelta = timedelta(minutes=3)
    """How old the payment of a poster may be when a cashier takes it for an order."""

    def _wire(self) -> dict[str, Any]:
        return {
            "stacking": self.stacking,
            "floor": self.floor,
            "per_order": self.per_order,
            "late": list(self.late),
            "take_within_ms": self.take_within // timedelta(milliseconds=1),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """An offer on an order, and what became of it. It tells of an order and never of a person."""

    id: str
    order: str | None
    """The shop's own name of the order; `None` while no cashier has taken the payment for one."""
    offer: str
    state: str
    """The stable name: `waiting`, `lapsed`, `unclaimed`, `applying`, `applied`, `manual`,
    `withdrawing`, `redeemed`, `withdrawn`, `refunded`, `late`, `granted`, `recorded`, `attention`."""
    reason: str | None
    """Why a person must decide; or after what a payment came, such as `cancel` or `expiry`."""
    turn: Literal["nobody", "program", "person"]
    """Who has to do something next."""
    remedies: tuple[Remedy, ...]
    """What the person can do, the one that the merchant prefers first."""
    wom: int
    agreed: int
    """How much less was agreed when the code was shown; 0 until there is an order."""
    currency: str
    given: int | None
    """How much less is to be paid, as the shop reads it."""
    total: int | None
    """What was to be paid in the end, as the shop reads it."""
    paid: datetime | None
    """When it was paid, by the Registry's clock."""
    code: str | None = field(repr=False)
    """What the cashier or the shopper types in, while the state is `manual`."""
    reference: str
    """4 signs by which a merchant finds a sale again; they stand on the receipt."""
    failure: str | None
    """The error code of the last try that did not succeed."""
    note: str | None = field(repr=False)
    """What the person who decided wrote."""
    begun: datetime
    since: datetime
    """When the present state began."""

    @classmethod
    def _of(cls, told: Mapping[str, Any]) -> Sale:
        paid: str | None = told["paid"]
        read: dict[str, Any] = {
            "remedies": tuple(told["remedies"]),
            "paid": None if paid is None else datetime.fromisoformat(paid),
            "begun": datetime.fromisoformat(told["begun"]),
            "since": datetime.fromisoformat(told["since"]),
        }
        return cls(**{**told, **read})

    @classmethod
    def _all(cls, told: Sequence[Mapping[str, Any]]) -> list[Sale]:
        return [cls._of(one) for one in told]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poster:
    """A code that stands at the counter and is paid many times."""

    id: str
    name: str
    title: str
    wom: int
    payments: int
    """How many payments are known."""
    made: datetime
    ended: datetime | None
    """When its offer was ended. The code can be paid all the same: such a payment is late."""

    @classmethod
    def _of(cls, told: Mapping[str, Any]) -> Poster:
        ended: str | None = told["ended"]
        read: dict[str, Any] = {
            "made": datetime.fromisoformat(told["made"]),
            "ended": None if ended is None else datetime.fromisoformat(ended),
        }
        return cls(**{**told, **read})

    @classmethod
    def _all(cls, told: Sequence[Mapping[str, Any]]) -> list[Poster]:
        return [cls._of(one) for one in told]


@dataclass(frozen=True, slots=True)
class Receipt:
    """A discount line: the merchant's own price reduction, not a means of payment."""

    text: str
    """Such as `WOM discount, 60 minutes (ref. 3F9A)`."""
    amount: int
    """Negative."""
    total: int | None
    """What is to be paid; `None` where a cashier typed the discount in."""
    currency: str
    reference: str

    @classmethod
    def _or_none(cls, told: Mapping[str, Any] | None) -> Receipt | None:
        return None if told is None else cls(**told)


@dataclass(frozen=True, slots=True)
class Row:
    """One offer in one month. A number that is left out is `None`."""

    shop: str
    offer: str
    aim: str
    """What the offer asks for; empty where it takes every aim."""
    month: str
    """Such as `2026-03`."""
    currency: str
    payments: int | None
    wom: int | None
    """WOM accepted: minutes that somebody gave to something useful to others."""
    discounts: int | None
    """Orders that were closed with a discount."""
    money: int | None
    """These discounts."""
    average: int | None
    granted: int | None
    """Payments for which the merchant gave something else."""
    returned: int | None
    """Payments whose discount or order was taken back."""
    pending: int | None
    """Payments of which it is not known yet what becomes of them."""
    unpaid: int | None
    """Offers that were shown on an order and that nobody paid."""


@dataclass(frozen=True, slots=True)
class NotUsed:
    """Payments that no discount was given for."""

    cause: str
    payments: int | None
    wom: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """What a merchant tells of in the social balance sheet. WOM and money side by side, never as a
    rate of exchange; nobody's name."""

    zone: str
    published: bool
    """Whether small numbers are left out."""
    rows: tuple[Row, ...]
    not_used: tuple[NotUsed, ...]
    csv: str = field(repr=False)
    """The report as CSV (RFC 4180)."""
    json: str = field(repr=False)
    """The report as JSON."""

    @classmethod
    def _of(cls, told: Mapping[str, Any]) -> Report:
        report: Mapping[str, Any] = told["report"]
        return cls(
            report["zone"],
            report["published"],
            tuple(Row(**row) for row in report["rows"]),
            tuple(NotUsed(**line) for line in report["not_used"]),
            told["csv"],
            told["json"],
        )


def sale_id(sale: Sale | Ticket | str) -> str:
    """The id of a sale, or of the one whose code was shown."""
    return sale if isinstance(sale, str) else sale.id


def poster_id(poster: Poster | Ticket | str) -> str:
    """The id of a poster, or of the one whose code was printed."""
    return poster if isinstance(poster, str) else poster.id


def report_of(start: date, until: date, zone: str, published: bool) -> dict[str, Any]:
    """Of which time a report is, as the native half reads it."""
    return {
        "from": start.isoformat(),
        "until": until.isoformat(),
        "zone": zone,
        "published": published,
    }
