"""From an order to exactly one discount, against a real Registry, with a till written in Python."""

from __future__ import annotations

import asyncio
import csv
import inspect
import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from toy_till import SECRET, Coupons, Shelf, Till
from wom_sdk import (
    AsyncShop,
    Client,
    Merchant,
    Offer,
    Order,
    Pocket,
    Pos,
    PostgresKeys,
    PostgresStore,
    Rules,
    Shop,
    Source,
    Use,
    errors,
    merchants,
    webhook,
)

URBINO = (43.7263, 12.6366)
SOON = timedelta(seconds=20)
OFFERS = {
    "coffee": Offer(title="10 % for 15 minutes", wom=15, percent=10),
    "cake": Offer(title="2.50 less for 5 minutes of study", wom=5, amount=250, aim="C"),
}


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def shop(wom_pos: Pos, shelf: Shelf) -> Iterator[Shop]:
    with Shop("bar", wom_pos, Till(shelf), OFFERS) as shop:
        yield shop


@pytest.fixture
def full_pocket(wom_source: Source, wom_pocket: Pocket) -> Pocket:
    with Client(wom_source) as client:
        wom_pocket.redeem(client.award("gift", aim="C", minutes=300, place=URBINO))
    return wom_pocket


def test_an_order_that_is_paid_for_gets_its_discount_once(
    shop: Shop, shelf: Shelf, full_pocket: Pocket
) -> None:
    order = shelf.order()
    asked = shop.offer(order, "coffee")
    assert shop.offer(order, "coffee") == asked
    sale = shop.sale(asked)
    assert (sale.id, sale.state, sale.turn) == (asked.id, "waiting", "program")
    assert (sale.wom, sale.agreed, sale.currency, sale.paid) == (15, 120, "EUR", None)
    assert shop.receipt(sale) is None
    full_pocket.pay(asked)
    sale = shop.wait(asked, SOON)
    assert (sale.state, sale.given, sale.total) == ("applied", 120, 1_080)
    assert sale.paid is not None
    assert shelf.discounts(order) == [120]
    receipt = shop.receipt(sale, "it")
    assert receipt is not None
    assert receipt.text == f"Sconto WOM, 15 minuti (rif. {sale.reference})"
    assert (receipt.amount, receipt.total, receipt.currency) == (-120, 1_080, "EUR")
    with pytest.raises(errors.AlreadyPerformed):
        shop.offer(order, "coffee")
    shelf.become(order, "paid")
    assert [sale.state for sale in shop.changed(order)] == ["redeemed"]
    assert shop.sales_of(order) == [shop.sale(asked.id)]
    assert shelf.asked == 1
    assert asked.pin not in repr(sale).replace(sale.id, "")


def test_one_order_never_shows_two_codes(shop: Shop, shelf: Shelf) -> None:
    order = shelf.order()
    first = shop.offer(order, "coffee")
    with pytest.raises(errors.InputInvalid, match="as many"):
        shop.offer(order, "cake")
    assert shop.call_off(first).state == "lapsed"
    assert shop.sale(shop.offer(order, "cake")).agreed == 250
    with pytest.raises(errors.InputInvalid, match=r"cake, coffee"):
        shop.offer(order, "tea")
    with pytest.raises(errors.InputInvalid, match="no such order"):
        shop.offer("nobody's", "coffee")
    with pytest.raises(errors.InputInvalid, match="id of a sale"):
        shop.sale("7")


def test_what_was_paid_in_vain_waits_for_the_merchant(
    shop: Shop, shelf: Shelf, full_pocket: Pocket
) -> None:
    cancelled, next_one = shelf.order(), shelf.order(2_000)
    asked = shop.offer(cancelled, "coffee")
    shelf.become(cancelled, "cancelled")
    [told] = shop.cancel(cancelled)
    assert told.state == "lapsed"
    full_pocket.pay(asked)
    # The next code for this order is made only after the earlier one was asked about.
    shelf.become(cancelled, "open")
    with pytest.raises(errors.AlreadyPerformed):
        shop.offer(cancelled, "coffee")
    [late] = shop.sales()
    assert (late.id, late.state, late.reason, late.turn) == (asked.id, "late", "cancel", "person")
    assert late.remedies == ("fresh_code", "replacement", "record_only")
    replaced = shop.replace(late, next_one)
    assert (replaced.state, replaced.order, replaced.given) == ("applied", next_one, 200)
    assert shop.sales() == []
    assert [sale.id for sale in shop.sales("all")] == [asked.id]
    assert shop.sales("all", after=asked.id) == []


def test_a_person_decides_and_says_why(shop: Shop, shelf: Shelf, full_pocket: Pocket) -> None:
    order = shelf.order()
    asked = shop.offer(order, "coffee")
    shop.cancel(order)
    full_pocket.pay(asked)
    with pytest.raises(errors.AlreadyPerformed):
        shop.offer(order, "coffee")
    with pytest.raises(errors.InputInvalid, match="reference"):
        shop.resolve(asked, "granted", "a fresh code")
    with pytest.raises(errors.InputInvalid, match="reference"):
        shop.resolve(asked, "recorded", "nothing", reference="X")
    granted = shop.resolve(asked, "granted", "a fresh code", reference="X-1")
    assert (granted.state, granted.note, granted.turn) == ("granted", "a fresh code", "nobody")


class Hand(Merchant):
    """A till that no program can change."""

    name = "town.hand"
    summary = "A till worked by hand"

    def __init__(self, shelf: Shelf) -> None:
        self.till = Till(shelf)

    def read(self, order: str) -> Order:
        return self.till.read(order)


def test_a_late_payment_is_worth_a_fresh_code(
    wom_pos: Pos, shelf: Shelf, full_pocket: Pocket
) -> None:
    with Shop("bar", wom_pos, Coupons(shelf), OFFERS) as shop:
        for offer, worth in (("coffee", (None, 1_000)), ("cake", (250, None))):
            order = shelf.order()
            asked = shop.offer(order, offer)
            with pytest.raises(errors.InputInvalid, match="fresh code"):
                shop.grant(asked, "too early")
            shop.cancel(order)
            full_pocket.pay(asked)
            with pytest.raises(errors.AlreadyPerformed):
                shop.offer(order, offer)
            code = shop.grant(asked, "with the next order")
            assert shop.grant(asked, "with the next order") == code
            assert shelf.codes.pop(code) == worth
            assert not shelf.codes
            sale = shop.sale(asked)
            assert (sale.state, sale.note, sale.turn) == ("granted", "with the next order", "nobody")
            assert code not in repr(sale)


def test_a_till_that_makes_no_codes_grants_none(shop: Shop, shelf: Shelf) -> None:
    asked = shop.offer(shelf.order(), "coffee")
    with pytest.raises(errors.Unsupported, match="makes no codes"):
        shop.grant(asked, "with the next order")


def test_a_code_that_a_shopper_types_in_is_seen_on_the_order(
    wom_pos: Pos, shelf: Shelf, full_pocket: Pocket
) -> None:
    with Shop("bar", wom_pos, Coupons(shelf), OFFERS) as shop:
        order = shelf.order()
        asked = shop.offer(order, "coffee")
        full_pocket.pay(asked)
        sale = shop.wait(asked, SOON)
        assert (sale.state, sale.turn) == ("manual", "program")
        assert sale.code is not None
        assert sale.code.startswith("WOM-")
        assert sale.code not in repr(sale)
        # Saying so is not enough.
        assert shop.confirm(sale).state == "manual"
        with shelf.lock:
            shelf.orders[order].discounts[sale.code.removeprefix("WOM-").lower()] = 120
        assert shop.confirm(sale).state == "applied"
        assert shop.sale(sale).code is None


def test_a_cashier_types_the_discount_in_and_confirms(
    wom_pos: Pos, shelf: Shelf, full_pocket: Pocket
) -> None:
    with Shop("bar", wom_pos, Hand(shelf), OFFERS) as shop:
        order = shelf.order()
        asked = shop.offer(order, "coffee")
        full_pocket.pay(asked)
        sale = shop.wait(asked, SOON)
        assert (sale.state, sale.turn, sale.code) == ("manual", "person", None)
        assert shop.confirm(sale).state == "applied"


def test_each_payment_of_a_poster_is_taken_once(
    shop: Shop, shelf: Shelf, full_pocket: Pocket
) -> None:
    ticket = shop.print("coffee", name="counter")
    assert shop.print("coffee", name="counter") == ticket
    with pytest.raises(errors.AwardKeyReused):
        shop.print("cake", name="counter")
    orders = [shelf.order() for _ in range(3)]
    with pytest.raises(errors.InputInvalid, match="no new payment"):
        shop.take(ticket, orders[0])
    for _ in range(3):
        full_pocket.pay(ticket)
    assert shop.take(ticket, orders[0]).state == "applied"
    [first, second] = shop.unclaimed(ticket)
    assert first.order is None
    taken = shop.take(ticket, orders[1], chosen=second)
    assert (taken.id, taken.order) == (second.id, orders[1])
    with pytest.raises(errors.InputInvalid):
        shop.take(ticket, orders[2], chosen=second)
    [poster] = shop.posters()
    assert (poster.id, poster.name, poster.payments) == (ticket.id, "counter", 3)
    ended = shop.end(poster)
    assert ended.ended is not None
    with pytest.raises(errors.InputInvalid, match="ended"):
        shop.print("coffee", name="counter")
    assert [shelf.discounts(order) for order in orders] == [[120], [120], []]


def test_a_webhook_is_verified_and_its_order_read_again(
    shop: Shop, shelf: Shelf, full_pocket: Pocket
) -> None:
    order = shelf.order()
    asked = shop.offer(order, "coffee")
    full_pocket.pay(asked)
    assert shop.wait(asked, SOON).state == "applied"
    shelf.become(order, "paid")
    body = json.dumps({"order": order}).encode()
    assert shop.receive(body, {"webhook-id": "1"}).status == 401
    assert shop.sale(asked).state == "applied"
    headers = webhook.sign("standard-webhooks", "m-1", body, SECRET)
    assert shop.receive(body, headers).status == 202
    assert shop.sale(asked).state == "redeemed"
    with pytest.raises(errors.InputInvalid, match="bytes"):
        shop.receive(json.loads(body), headers)


def test_what_the_shop_does_silently_is_noticed_by_the_work(
    shop: Shop, shelf: Shelf, full_pocket: Pocket
) -> None:
    orders = [shelf.order(), shelf.order()]
    asked = [shop.offer(order, "coffee") for order in orders]
    for ticket in asked:
        full_pocket.pay(ticket)
    changed: dict[str, str] = {}
    until = time.monotonic() + 30
    while len(changed) < 2 and time.monotonic() < until:
        changed |= {sale.id: sale.state for sale in shop.work()}
        time.sleep(0.2)
    assert set(changed) == {ticket.id for ticket in asked}
    assert set(changed.values()) <= {"applying", "applied"}
    assert [shop.wait(ticket, SOON).state for ticket in asked] == ["applied"] * 2
    assert [shelf.discounts(order) for order in orders] == [[120], [120]]


def test_a_report_sets_wom_and_money_side_by_side(
    shop: Shop, shelf: Shelf, full_pocket: Pocket
) -> None:
    for _ in range(2):
        order = shelf.order()
        full_pocket.pay(shop.offer(order, "coffee"))
        shop.wait(shop.sales_of(order)[0], SOON)
        shelf.become(order, "paid")
        shop.changed(order)
    shop.offer(shelf.order(), "cake")
    today = datetime.now(timezone.utc).date()
    report = shop.report(today - timedelta(days=1), today + timedelta(days=2))
    [cake, coffee] = report.rows
    assert (coffee.offer, coffee.payments, coffee.wom) == ("coffee", 2, 30)
    assert (coffee.discounts, coffee.money, coffee.average) == (2, 240, 120)
    assert (cake.offer, cake.aim, cake.payments, cake.unpaid) == ("cake", "C", 0, 1)
    lines = list(csv.DictReader(io.StringIO(report.csv)))
    assert [line["money"] for line in lines] == ["0", "240"]
    assert json.loads(report.json)["rows"][1]["wom"] == 30
    published = shop.report(
        today - timedelta(days=1), today + timedelta(days=2), zone="Europe/Rome", published=True
    )
    assert published.published
    assert all(row.payments in (0, None) for row in published.rows)
    assert shop.report(date(2020, 1, 1), date(2020, 2, 1)).rows == ()
    with pytest.raises(errors.InputInvalid, match="a day at least"):
        shop.report(today, today)


def test_sales_outlive_the_process(
    wom_pos: Pos, shelf: Shelf, full_pocket: Pocket, tmp_path: Path
) -> None:
    def opened() -> Shop:
        store, keys = tmp_path / "shop.db", tmp_path / "keys.json"
        return Shop("bar", wom_pos, Till(shelf), OFFERS, store=store, keys=keys)

    order = shelf.order()
    with opened() as shop:
        asked = shop.offer(order, "coffee")
    full_pocket.pay(asked)
    with opened() as shop:
        assert shop.offer(order, "coffee") == asked
        assert shop.wait(asked, SOON).state == "applied"
    assert shelf.discounts(order) == [120]


class Flaky(Till):
    """Loses its answer after it gave the discount, and fails before."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(shelf)
        self.lost = 1

    def apply(self, order: str, money: int, key: str) -> str | None:
        given = super().apply(order, money, key)
        if self.lost:
            self.lost -= 1
            raise ConnectionResetError("sara's order")
        return given


def test_a_discount_whose_answer_was_lost_is_looked_for(
    wom_pos: Pos, shelf: Shelf, full_pocket: Pocket
) -> None:
    with Shop("bar", wom_pos, Flaky(shelf), OFFERS) as shop:
        order = shelf.order()
        asked = shop.offer(order, "coffee")
        full_pocket.pay(asked)
        sale = shop.wait(asked, timedelta(seconds=30))
        assert sale.state == "applied"
        assert (shelf.asked, shelf.discounts(order)) == (1, [120])


class Mixed(Till):
    """Answers with another order than was asked for."""

    def read(self, order: str) -> Order:
        return super().read("1")


def test_an_order_that_is_another_is_never_given_a_discount(wom_pos: Pos, shelf: Shelf) -> None:
    with Shop("bar", wom_pos, Mixed(shelf), OFFERS) as shop:
        shelf.order()
        with pytest.raises(errors.Internal, match="another order"):
            shop.offer(shelf.order(), "coffee")
        assert shop.sales("all") == []


def test_options_that_do_not_fit_are_refused(wom_pos: Pos, shelf: Shelf) -> None:
    for wrong in (
        Offer(title="both", wom=1, amount=1, percent=1),
        Offer(title="none", wom=1),
        Offer(title="fine", wom=1, percent=Decimal("0.001")),
        Offer(title="fine", wom=1, percent=101),
        Offer(title="nothing", wom=1, amount=0),
        Offer(title="many", wom=1_501, amount=1),
    ):
        with pytest.raises(ValueError, match="."):
            Shop("bar", wom_pos, Till(shelf), {"offer": wrong})
    with pytest.raises(errors.ConfigurationInvalid, match="floor"):
        Shop("bar", wom_pos, Till(shelf), OFFERS, rules=Rules(floor=-1))
    with pytest.raises(errors.ConfigurationInvalid, match=r"did you mean pos\.vendure"):
        Shop("bar", wom_pos, Use("pos.vendur"), OFFERS)
    vendure = merchants()["pos.vendure"]
    assert vendure.apply
    assert "endpoint" in {setting.name for setting in vendure.settings}


def test_rules_are_kept(wom_pos: Pos, shelf: Shelf, full_pocket: Pocket) -> None:
    rules = Rules(per_order=2, floor=900, late=["record_only"])
    with Shop("bar", wom_pos, Till(shelf), OFFERS, rules=rules) as shop:
        order = shelf.order(1_000)
        first, second = shop.offer(order, "coffee"), shop.offer(order, "cake")
        assert (shop.sale(first).agreed, shop.sale(second).agreed) == (100, 100)
        full_pocket.pay(first)
        assert shop.wait(first, SOON).given == 100
        full_pocket.pay(second)
        # Nothing is left above the floor.
        sale = shop.wait(second, SOON)
        assert (sale.state, sale.reason) == ("attention", "nothing_to_reduce")


async def test_a_shop_works_within_a_loop(
    wom_pos: Pos, shelf: Shelf, full_pocket: Pocket
) -> None:
    async with AsyncShop("bar", wom_pos, Till(shelf), OFFERS) as shop:
        running = asyncio.create_task(shop.run())
        orders = [shelf.order() for _ in range(4)]
        tickets = await asyncio.gather(*(shop.offer(order, "coffee") for order in orders))
        for ticket in tickets:
            await asyncio.to_thread(full_pocket.pay, ticket)
        sales = await asyncio.gather(*(shop.wait(ticket, SOON) for ticket in tickets))
        assert [sale.state for sale in sales] == ["applied"] * 4
        assert not running.done()
    await asyncio.wait_for(running, 10)


def test_background_work_ends_when_the_shop_is_closed(wom_pos: Pos, shelf: Shelf) -> None:
    shop = Shop("bar", wom_pos, Till(shelf), OFFERS)
    working = threading.Thread(target=shop.run)
    working.start()
    shop.offer(shelf.order(), "coffee")
    shop.close()
    working.join(10)
    assert not working.is_alive()
    with pytest.raises(errors.InputInvalid, match="closed"):
        shop.sales()


def test_two_workers_over_one_store_give_one_discount(
    wom_pos: Pos, shelf: Shelf, full_pocket: Pocket, postgres: str
) -> None:
    with psycopg.connect(f"{postgres}/postgres", autocommit=True) as admin:
        admin.execute("CREATE DATABASE shop")
        admin.execute("CREATE DATABASE shop_keys")

    def opened() -> Shop:
        store = PostgresStore(url=lambda: f"{postgres}/shop")
        keys = PostgresKeys(url=lambda: f"{postgres}/shop_keys")
        return Shop("bar", wom_pos, Till(shelf), OFFERS, store=store, keys=keys)

    with opened() as one, opened() as other:
        order = shelf.order()
        ticket = one.offer(order, "coffee")
        assert other.offer(order, "coffee") == ticket
        full_pocket.pay(ticket)

        def state(shop: Shop) -> str:
            return shop.wait(ticket, SOON).state

        with ThreadPoolExecutor() as pool:
            assert list(pool.map(state, (one, other))) == ["applied"] * 2
        assert (shelf.asked, shelf.discounts(order)) == (1, [120])


def test_the_asynchronous_face_has_the_same_methods() -> None:
    public = [name for name in dir(Shop) if not name.startswith("_")]
    assert public == [name for name in dir(AsyncShop) if not name.startswith("_")]
    for name in public:
        blocking = inspect.signature(getattr(Shop, name))
        assert blocking == inspect.signature(getattr(AsyncShop, name)), name


KILLED = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from datetime import timedelta
from toy_till import Shelf, Till
from wom_sdk import Offer, Pos, Shop

class Dies(Till):
    def apply(self, order, money, key):
        (Path(sys.argv[2]) / "given").write_text(key)
        os._exit(7)

shelf = Shelf()
shelf.order()
folder = Path(sys.argv[2])
pos = Pos(registry=sys.argv[3], id=sys.argv[4], key_file=sys.argv[5])
shop = Shop("bar", pos, Dies(shelf), {"coffee": Offer(title="10 %", wom=15, percent=10)},
            store=folder / "shop.db", keys=folder / "keys.json")
ticket = shop.offer("1", "coffee")
print(ticket.link, ticket.pin, ticket.id, flush=True)
shop.wait(ticket, timedelta(seconds=60))
"""


def test_who_dies_in_the_middle_is_followed_by_one_discount(
    wom_pos: Pos, full_pocket: Pocket, tmp_path: Path
) -> None:
    program = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(tmp_path)]
    where = [wom_pos.registry, wom_pos.id, str(wom_pos.key_file)]
    with subprocess.Popen([*program, *where], stdout=subprocess.PIPE, text=True) as dying:
        assert dying.stdout is not None
        link, pin, sale = dying.stdout.readline().split()
        full_pocket.pay_link(link, pin)
        assert dying.wait(60) == 7
    # The shop took the discount; only nobody heard of it.
    shelf = Shelf()
    order = shelf.order()
    key = (tmp_path / "given").read_text()
    shelf.orders[order].discounts[key] = 120
    with Shop(
        "bar", wom_pos, Till(shelf), OFFERS, store=tmp_path / "shop.db", keys=tmp_path / "keys.json"
    ) as shop:
        assert shop.wait(sale, timedelta(seconds=60)).state == "applied"
    assert (shelf.asked, shelf.discounts(order)) == (0, [120])


LEFT_OPEN = """
import sys, threading, time
sys.path.insert(0, sys.argv[1])
from toy_till import Shelf, Till
from wom_sdk import Offer, Registry, Shop

asked = threading.Event()

class Slow(Till):
    def orders(self, since):
        asked.set()
        time.sleep(1)
        return super().orders(since)

registry = Registry()
shelf = Shelf()
shop = Shop("bar", registry.add_pos("A", "B"), Slow(shelf), {"c": Offer(title="c", wom=1, percent=10)})
shop.offer(shelf.order(), "c")
threading.Thread(target=shop.run, daemon=True).start()
# The shop is being asked, in Python, and nobody closes anything.
assert asked.wait(30)
print("ended")
"""


def test_a_process_that_ends_while_its_till_is_asked_neither_hangs_nor_complains() -> None:
    run = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", LEFT_OPEN, str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.stdout, run.stderr, run.returncode) == ("ended\n", "", 0)
