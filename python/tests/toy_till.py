"""A till in Python, as a town's bar could have it: orders in memory, under one lock."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from wom_sdk import Merchant, Order, OrderLine, errors, webhook
from wom_sdk.instrument import Received, Request
from wom_sdk.merchant import OrderState

SECRET = "whsec_EQODq8WC8zc0aPhmVUvHPCI5KygXsRlY"


@dataclass
class Held:
    price: int
    state: OrderState = "open"
    version: int = 1
    discounts: dict[str, int] = field(default_factory=dict[str, int])


class Shelf:
    """The shop itself: what several tills look at."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.orders: dict[str, Held] = {}
        self.log: list[str] = []
        self.codes: dict[str, tuple[int | None, int | None]] = {}
        self.asked = 0

    def order(self, price: int = 1_200) -> str:
        with self.lock:
            id = str(len(self.orders) + 1)
            self.orders[id] = Held(price)
            self.log.append(id)
            return id

    def become(self, order: str, state: OrderState) -> None:
        with self.lock:
            held = self.orders[order]
            held.state = state
            held.version += 1
            self.log.append(order)

    def discounts(self, order: str) -> list[int]:
        with self.lock:
            return list(self.orders[order].discounts.values())


class Till(Merchant):
    """Gives discounts by itself, lists orders, and takes webhooks."""

    name = "town.till"
    summary = "The till of the town's bar"
    create_is_idempotent = True

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def held(self, order: str) -> Held:
        held = self.shelf.orders.get(order)
        if held is None:
            raise errors.InputInvalid("there is no such order")
        return held

    def read(self, order: str) -> Order:
        with self.shelf.lock:
            held = self.held(order)
            lines = [OrderLine("bread", held.price)]
            lines += [OrderLine("WOM", -money, key) for key, money in held.discounts.items()]
            total = sum(line.amount for line in lines)
            return Order(order, str(held.version), total, "EUR", held.state == "open", lines)

    def find(self, reference: str) -> str | None:
        with self.shelf.lock:
            orders = self.shelf.orders.items()
            return next((id for id, held in orders if reference in held.discounts), None)

    def apply(self, order: str, money: int, key: str) -> str | None:
        with self.shelf.lock:
            held = self.held(order)
            self.shelf.asked += 1
            others = (other for other in self.shelf.orders.values() if other is not held)
            if any(key in other.discounts for other in others):
                raise errors.InputInvalid("the key gave a discount on another order")
            if key not in held.discounts:
                if money > held.price - sum(held.discounts.values()):
                    raise errors.InputInvalid("the order costs less than the discount")
                held.discounts[key] = money
                held.version += 1
            return key

    def revoke(self, order: str, reference: str) -> None:
        with self.shelf.lock:
            if self.held(order).discounts.pop(reference, None) is not None:
                self.held(order).version += 1

    def orders(self, since: str | None) -> tuple[Sequence[str], str | None]:
        with self.shelf.lock:
            return self.shelf.log[int(since or 0) :], str(len(self.shelf.log))

    def state(self, order: str) -> OrderState:
        with self.shelf.lock:
            return self.held(order).state

    def receive(self, request: Request) -> Received:
        try:
            webhook.verify("standard-webhooks", request.headers, request.body, SECRET)
        except errors.WebhookRefused:
            return Received(status=401, refused=True)
        return Received(status=202, hint=json.loads(request.body)["order"])


class Coupons(Merchant):
    """Makes codes that shoppers type in, with the next order too."""

    name = "town.coupons"
    summary = "A shop whose shoppers type codes in"
    creates_codes = True

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf

    def read(self, order: str) -> Order:
        return Till(self.shelf).read(order)

    def code(self, key: str) -> str:
        return f"WOM-{key.upper()}"

    def issue(self, money: int | None, basis_points: int | None, key: str) -> str:
        with self.shelf.lock:
            self.shelf.codes.setdefault(self.code(key), (money, basis_points))
        return self.code(key)
