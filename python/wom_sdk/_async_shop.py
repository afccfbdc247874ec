"""The asynchronous face of shops, made from `_sync_shop.py` by `tools/twin.py`: change that."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, timedelta
from types import TracebackType
from typing import Any, Literal, Self

from . import _native
from ._bridge import bridge, nothing
from ._shared import shop_of
from ._values import (
    AnyPath,
    FileKeys,
    Pos,
    PostgresKeys,
    PostgresStore,
    Reply,
    SqliteStore,
    Ticket,
    Use,
    keys_of,
    store_of,
)
from .merchant import Merchant
from .sale import (
    Decision,
    Offer,
    Poster,
    Receipt,
    Report,
    Rules,
    Sale,
    Which,
    poster_id,
    report_of,
    sale_id,
)
from .webhook import Headers, header_pairs, raw


class AsyncShop:
    """A shop that gives discounts for WOM: from an order to exactly one discount.

    `name` is the merchant's own of the shop and never changes. `merchant` is its till or shop
    system: of the catalogue (`Use`, see `merchants()`) or written in Python. `offers` have names of
    the merchant's own. `store` and `keys` are as for the client.

    Every payment is written down before the shop is asked for anything: after a crash `work` or
    `run` reads both sides and goes on. Somebody has to call one of them.
    """

    def __init__(
        self,
        name: str,
        pos: Pos,
        merchant: Merchant | Use,
        offers: Mapping[str, Offer],
        *,
        rules: Rules | None = None,
        store: SqliteStore | PostgresStore | AnyPath | None = None,
        keys: FileKeys | PostgresKeys | AnyPath | None = None,
    ) -> None:
        self._own = merchant if isinstance(merchant, Merchant) else None
        self._options: dict[str, Any] = {
            "name": name,
            "pos": pos._wire(),
            "merchant": merchant._wire() if isinstance(merchant, Use) else None,
            "offers": {offer: told._wire() for offer, told in offers.items()},
            "rules": (rules or Rules())._wire(),
            "store": store_of(store),
            "keys": keys_of(keys),
        }
        self._native: _native.Shop | None = None
        self._opening = asyncio.Lock()

    async def _open(self) -> _native.Shop:
        if self._native is not None:
            return self._native
        async with self._opening:
            if self._native is None:
                self._native = await bridge(_native.open_shop(self._options, self._own), shop_of)
                self._options = {}
            return self._native

    async def offer(self, order: str, offer: str) -> Ticket:
        """Offers a discount on an order, and gives the code to show. The ticket has the sale's id.

        The discount is agreed in money now. The same again gives the same code while it can be paid;
        after it lapsed it is asked about once more, and then a new one is made. An order that was
        paid for is `AlreadyPerformed`: see `sales_of`. One that shows another offer's code is
        `InputInvalid`: `call_off` that one first, so that no two codes of one order can be paid.
        """
        return await bridge((await self._open()).offer(order, offer), Ticket._of)

    async def wait(self, sale: Sale | Ticket | str, at_most: timedelta) -> Sale:
        """Waits until a sale is paid and its discount on the order, or somebody has to decide.

        At most so long; tells how it stands then. The Registry is asked as often as is polite.
        """
        seconds = at_most.total_seconds()
        return await bridge((await self._open()).wait(sale_id(sale), seconds), Sale._of)

    async def sale(self, sale: Sale | Ticket | str) -> Sale:
        """The sale as it stands now."""
        return await bridge((await self._open()).sale(sale_id(sale)), Sale._of)

    async def sales_of(self, order: str) -> list[Sale]:
        """All sales of an order."""
        return await bridge((await self._open()).sales_of(order), Sale._all)

    async def sales(
        self, which: Which = "for_person", *, after: Sale | str | None = None, limit: int = 100
    ) -> list[Sale]:
        """Sales by id, at most so many, from the one after `after` on.

        Those that a person has to do something for, those that are open, or all.
        """
        last = None if after is None else sale_id(after)
        return await bridge((await self._open()).sales(which, last, limit), Sale._all)

    async def call_off(self, sale: Sale | Ticket | str) -> Sale:
        """Calls an offer off that is not paid yet. One that was paid before goes on as paid."""
        return await bridge((await self._open()).call_off(sale_id(sale)), Sale._of)

    async def cancel(self, order: str) -> list[Sale]:
        """The shop cancelled or replaced an order: its sales, as they stand then.

        What is not paid is called off, a discount is taken back, and what was paid in vain waits
        for the merchant.
        """
        return await bridge((await self._open()).cancel(order), Sale._all)

    async def confirm(self, sale: Sale | Ticket | str) -> Sale:
        """The cashier has typed the discount of a `manual` sale in."""
        return await bridge((await self._open()).confirm(sale_id(sale)), Sale._of)

    async def resolve(
        self,
        sale: Sale | Ticket | str,
        what: Decision,
        note: str,
        *,
        reference: str | None = None,
    ) -> Sale:
        """A person decides about a sale that waits for one, and says why, without anybody's name.

        What was `granted` in its place, such as a fresh code, has a `reference` in the shop.
        """
        decision = {"what": what, "note": note, "reference": reference}
        return await bridge((await self._open()).resolve(sale_id(sale), decision), Sale._of)

    async def grant(self, sale: Sale | Ticket | str, note: str) -> str:
        """Gives a fresh code for the customer's next order for a payment that came too late.

        Tells the code to show at once; the same again gives the same code. `note` says why, without
        anybody's name. A till that makes no codes is `Unsupported`: make one there, and `resolve` with
        its reference.
        """
        return await bridge((await self._open()).grant(sale_id(sale), note), str)

    async def replace(self, sale: Sale | Ticket | str, order: str) -> Sale:
        """Gives the discount of a late payment on another order, agreed anew in its money."""
        return await bridge((await self._open()).replace(sale_id(sale), order), Sale._of)

    async def changed(self, order: str) -> list[Sale]:
        """The shop says that an order changed: it is read again now. Its sales as they stand then."""
        return await bridge((await self._open()).changed(order), Sale._all)

    async def receive(
        self,
        body: bytes,
        headers: Headers = (),
        *,
        method: str = "POST",
        query: str = "",
    ) -> Reply:
        """Takes a webhook call of the shop's system, and gives the answer to send back.

        `body` is as it arrived, as bytes. The order that it is about is read again before this
        returns; if that fails, answer with an error, so that the call comes again.
        """
        native = await self._open()
        pairs = header_pairs(headers)
        return await bridge(native.receive(method, query, pairs, raw(body)), Reply._of)

    async def print(self, offer: str, *, name: str | None = None) -> Ticket:
        """Makes a poster for an offer, and gives the code to print: it can be paid many times.

        The ticket has the poster's id. `name` is the poster's own, else the offer's; the same again
        gives the same code, and another offer under it is `AwardKeyReused`.
        """
        return await bridge((await self._open()).print(name or offer, offer), Ticket._of)

    async def posters(self) -> list[Poster]:
        """All posters."""
        return await bridge((await self._open()).posters(), Poster._all)

    async def unclaimed(self, poster: Poster | Ticket | str) -> list[Sale]:
        """Payments of a poster that no cashier has taken yet, the oldest first."""
        return await bridge((await self._open()).unclaimed(poster_id(poster)), Sale._all)

    async def take(
        self, poster: Poster | Ticket | str, order: str, *, chosen: Sale | str | None = None
    ) -> Sale:
        """Takes a payment of a poster for an order, after asking the Registry for new ones.

        The oldest fresh one, or the one that the cashier chose, whatever its age. Each is taken once.
        """
        one = None if chosen is None else sale_id(chosen)
        return await bridge((await self._open()).take(poster_id(poster), order, one), Sale._of)

    async def end(self, poster: Poster | Ticket | str) -> Poster:
        """Ends a poster's offer. Its code can be paid for ever: such a payment is late from now on."""
        return await bridge((await self._open()).end(poster_id(poster)), Poster._of)

    async def receipt(
        self, sale: Sale | Ticket | str, language: Literal["en", "it"] = "en"
    ) -> Receipt | None:
        """The line for the receipt, while the discount is on the order."""
        return await bridge((await self._open()).receipt(sale_id(sale), language), Receipt._or_none)

    async def report(
        self, start: date, until: date, *, zone: str = "UTC", published: bool = False
    ) -> Report:
        """The report of the days from `start` on and before `until`, for the social balance sheet.

        A `published` one leaves out what is of fewer than 5 payments, since it could tell of a person.
        """
        told = report_of(start, until, zone, published)
        return await bridge((await self._open()).report(told), Report._of)

    async def work(self, limit: int = 100) -> list[Sale]:
        """One round of the work that nobody asks for, at most so many of each thing.

        It asks for payments, gives discounts, looks after orders and posters, and tells which sales
        have changed.
        """
        return await bridge((await self._open()).work(limit), Sale._all)

    async def run(self) -> None:
        """Does that work until the shop is closed, or the call is given up."""
        return await bridge((await self._open()).run(), nothing)

    async def close(self) -> None:
        """Ends the work, and closes the store. Once more does nothing."""
        if self._native is not None:
            await bridge(self._native.close(), nothing)

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
