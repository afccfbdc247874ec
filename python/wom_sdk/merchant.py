"""Shops and tills of your own: what brings a discount out, driven as the ones of the SDK are.

Giving a discount is finding it, or else making it: what counts is only what `read` shows then, and
giving it twice under one key is giving it once. All money is in the currency's smallest unit.

    class Till(Merchant):
        name = "town.till"
        summary = "The till of the town's bar"

        def read(self, order):
            row = self.db.order(order)  # raise InputInvalid where there is none
            return Order(order, row.version, row.cents, "EUR", row.is_open, lines=[...])

        def find(self, reference):
            return self.db.order_with_discount(reference)

        def apply(self, order, money, key):
            self.db.add_discount(order, money, reference=key)  # once for each key
            return key

Methods are called on threads of the SDK, several at a time, and may block; each has 20 seconds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

from .errors import Unsupported
from .instrument import Received, Request, received, refuse_async

OrderState = Literal["open", "paid", "cancelled", "refunded", "closed"]
"""What became of an order; `closed` where the shop does not tell why."""


_METHODS = ("read", "find", "apply", "revoke", "orders", "state", "code", "receive")


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line of an order."""

    text: str
    """What stands on the receipt."""
    amount: int
    """In the currency's smallest unit; negative for a discount."""
    reference: str | None = None
    """For a WOM discount: its reference, as `apply` gave it."""

    def _wire(self) -> dict[str, Any]:
        return {"text": self.text, "amount": self.amount, "reference": self.reference}


@dataclass(frozen=True, slots=True)
class Order:
    """An order, as the shop has it."""

    id: str
    version: str
    """Grows or changes with every change of the order."""
    total: int
    """What is to be paid, after discounts."""
    currency: str
    """ISO 4217, such as `EUR`."""
    open: bool
    """Whether it is still open to a discount."""
    lines: Sequence[OrderLine] = field(default=())
    """What is bought, and the discounts on it."""

    def _wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "version": self.version,
            "lines": [line._wire() for line in self.lines],
            "total": self.total,
            "currency": self.currency,
            "open": self.open,
        }


class Merchant(ABC):
    """A shop or till system. Derive from it, and say what it is.

    A till that no program can change needs `read` only: then the cashier types the discount in, and
    `Shop.confirm` says so. Whoever overrides `apply` overrides `find` too.
    """

    name: ClassVar[str]
    """The name, such as `town.till`. It never changes."""
    summary: ClassVar[str]
    """One sentence for people."""
    proven: ClassVar[bool] = False
    """Whether its tests ran against the real system."""
    webhook_signed: ClassVar[bool] = True
    """Whether its webhooks are signed; those that are not are only a reason to ask the shop."""
    creates_codes: ClassVar[bool] = False
    """Whether it makes codes in the shop, which a shopper or cashier types in."""
    changes_open_orders: ClassVar[bool] = True
    """Whether it puts a discount on an order that is not paid."""
    changes_paid_orders: ClassVar[bool] = False
    """Whether it puts a discount on an order that is paid, and gives the difference back."""
    create_is_idempotent: ClassVar[bool] = False
    """Whether the shop itself makes a discount only once, however often it is asked."""
    cancel_releases_code: ClassVar[bool] = False
    """Whether the shop lets a code be used again once its order is cancelled."""
    one_per_order: ClassVar[bool] = False
    """Whether an order takes one WOM discount only; a second is `InputInvalid`, and changes nothing."""

    @abstractmethod
    def read(self, order: str) -> Order:
        """The order as the shop has it now. One that is not there is `InputInvalid`."""

    def find(self, reference: str) -> str | None:
        """The order that carries a discount with this reference, where there is one."""
        del reference
        return None

    def apply(self, order: str, money: int, key: str) -> str | None:
        """Gives so much less on the order, once for each key, and tells the discount's reference.

        `None`: a person types it in. It may be called by two processes at the same time, and again
        after an answer was lost: with a key that is there already it makes nothing.
        """
        del money, key
        self.read(order)  # one that is not there is an error here too
        return None

    def revoke(self, order: str, reference: str) -> None:
        """Takes a discount back. What is not there, or was taken back before, is no error."""
        del order, reference
        raise Unsupported("this adapter does not take discounts back")

    def orders(self, since: str | None) -> tuple[Sequence[str], str | None]:
        """Orders that changed since a cursor of its own, and where to go on."""
        del since
        raise Unsupported("this adapter does not list orders")

    def state(self, order: str) -> OrderState:
        """What became of the order."""
        return "open" if self.read(order).open else "closed"

    def code(self, key: str) -> str | None:
        """What is typed in for this key, once `apply` said `None`; it asks nobody.

        `None` where there is no code, and the cashier lowers the price.
        """
        del key
        return None

    def issue(self, money: int | None, basis_points: int | None, key: str) -> str:
        """Makes a code of one use for a customer's next order, and tells it: once for each key.

        It takes off so much `money`, or so many `basis_points`, hundredths of a percent; the other is
        `None`. What says that it `creates_codes` has this.
        """
        del money, basis_points, key
        raise Unsupported("this adapter makes no codes")

    def receive(self, request: Request) -> Received:
        """Verifies a webhook's raw bytes, and says which order to read by its `hint`. No I/O."""
        del request
        raise Unsupported("this adapter takes no webhooks")

    def _info(self) -> dict[str, Any]:
        refuse_async(self, *_METHODS)

        def own(method: str) -> bool:
            return getattr(type(self), method) is not getattr(Merchant, method)

        return {
            "name": self.name,
            "summary": self.summary,
            "proven": self.proven,
            "webhook": own("receive"),
            "webhook_signed": self.webhook_signed,
            "orders": own("orders"),
            "apply": own("apply"),
            "revoke": own("revoke"),
            "state": own("state"),
            "creates_codes": self.creates_codes,
            "changes_open_orders": self.changes_open_orders,
            "changes_paid_orders": self.changes_paid_orders,
            "create_is_idempotent": self.create_is_idempotent,
            "cancel_releases_code": self.cancel_releases_code,
            "one_per_order": self.one_per_order,
        }

    def _ask(self, what: str, given: Sequence[Any]) -> object:
        if what == "read":
            return self.read(*given)._wire()
        if what == "orders":
            orders, cursor = self.orders(*given)
            return [list(orders), cursor]
        return getattr(self, what)(*given)

    def _receive(
        self, method: str, query: str, headers: Sequence[tuple[str, bytes]], body: bytes, at: str
    ) -> tuple[int, bytes, str, str | None, str | None]:
        request = Request(method, query, headers, body, datetime.fromisoformat(at))
        return received(self.receive(request))
