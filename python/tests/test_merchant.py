"""The suite for shops and tills: a good one passes, and each planted defect is seen."""

from __future__ import annotations

import time

import pytest
from toy_till import Coupons, Held, Shelf, Till
from wom_sdk import Merchant, Order, errors
from wom_sdk.testing import check_merchant


def test_a_till_in_python_passes_the_suite_that_ours_pass() -> None:
    shelf = Shelf()
    check_merchant(lambda: Till(shelf), shelf.order)


class ByHand(Merchant):
    """The least that one can write."""

    name = "town.hand"
    summary = "A till worked by hand"

    def __init__(self, shelf: Shelf) -> None:
        self.till = Till(shelf)

    def read(self, order: str) -> Order:
        return self.till.read(order)


def test_a_till_that_a_person_works_passes_too() -> None:
    shelf = Shelf()
    check_merchant(lambda: ByHand(shelf), shelf.order)


def test_a_shop_that_makes_codes_passes_too() -> None:
    shelf = Shelf()
    check_merchant(lambda: Coupons(shelf), shelf.order)
    assert {worth for worth in shelf.codes.values()} == {(300, None)}


class Generous(Coupons):
    """Makes another code each time."""

    def issue(self, money: int | None, basis_points: int | None, key: str) -> str:
        with self.shelf.lock:
            return f"{self.code(key)}-{time.monotonic_ns()}"


class Miserly(Coupons):
    """Says that it makes codes, and makes none."""

    def issue(self, money: int | None, basis_points: int | None, key: str) -> str:
        return Merchant.issue(self, money, basis_points, key)


class Doubling(Till):
    """Makes another discount each time."""

    def apply(self, order: str, money: int, key: str) -> str | None:
        with self.shelf.lock:
            held = self.held(order)
            held.discounts[f"{key} {len(held.discounts)}"] = money
            held.version += 1
            return key


class Racing(Till):
    """Looks, and makes: two at the same time both make one."""

    def apply(self, order: str, money: int, key: str) -> str | None:
        with self.shelf.lock:
            held = self.held(order)
            there = [one for one in held.discounts if one.startswith(key)]
        if not there:
            time.sleep(0.2)
            with self.shelf.lock:
                held.discounts[key if key not in held.discounts else key + "'"] = money
                held.version += 1
        return key


class Forgiving(Till):
    """Makes up orders that nobody made."""

    def held(self, order: str) -> Held:
        return self.shelf.orders.setdefault(order, Held(1_200))


class Keeping(Till):
    """Takes nothing back."""

    def revoke(self, order: str, reference: str) -> None:
        return None


class Boasting(Till):
    """Says that it gives discounts, and leaves it to the cashier."""

    def apply(self, order: str, money: int, key: str) -> str | None:
        self.held(order)
        return None


class Stale(Till):
    """Does not tell that an order changed."""

    def read(self, order: str) -> Order:
        read = super().read(order)
        return Order(read.id, "1", read.total, read.currency, read.open, read.lines)


@pytest.mark.parametrize(
    ("defect", "topic"),
    [
        (Generous, "a_fresh_code_is_one_for_each_key"),
        (Miserly, "a_fresh_code_is_one_for_each_key"),
        (Doubling, "a_key_gives_one_discount"),
        (Racing, "many_at_once_give_one_discount"),
        (Forgiving, "an_unknown_order_is_a_clear_error"),
        (Keeping, "what_is_revoked_is_gone"),
        (Boasting, "what_it_says_of_itself_is_so"),
        (Stale, "reading_shows_what_applying_said"),
    ],
)
def test_the_suite_sees_what_it_is_for(defect: type[Till] | type[Coupons], topic: str) -> None:
    shelf = Shelf()
    with pytest.raises(AssertionError, match=topic):
        check_merchant(lambda: defect(shelf), shelf.order)


def test_an_adapter_that_cannot_be_made_is_told() -> None:
    class Nameless(Till):
        name = "Sara Rossi!"

    with pytest.raises(AssertionError, match="not a name"):
        check_merchant(lambda: Nameless(Shelf()), Shelf().order)


def test_what_an_adapter_does_not_offer_is_unsupported() -> None:
    hand = ByHand(Shelf())
    with pytest.raises(errors.Unsupported):
        hand.revoke("1", "reference")
    with pytest.raises(errors.Unsupported):
        hand.orders(None)


def test_methods_that_want_to_be_awaited_are_refused_at_once() -> None:
    class Waiting(Till):
        async def find(self, reference: str) -> str | None:  # type: ignore[override]
            return super().find(reference)

    with pytest.raises(AssertionError, match=r"write def in place of async def|called on threads"):
        check_merchant(lambda: Waiting(Shelf()), Shelf().order)
