"""The asynchronous face, made from `_sync.py` by `tools/twin.py`: change that."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Literal, Self

from . import _native
from ._bridge import bridge, nothing
from ._shared import (
    AsyncConnection,
    award_of,
    client_of,
    data_of,
    desk_of,
    directory_of,
    pocket_of,
    pos_of,
    registry_of,
    run_sql_waiting,
    source_of,
)
from ._values import (
    AnyPath,
    Books,
    Campaign,
    CheckoutState,
    Claim,
    FileKeys,
    Given,
    Paid,
    Person,
    Place,
    Pos,
    PostgresKeys,
    PostgresStore,
    Readable,
    Redeemed,
    Reply,
    Served,
    Source,
    SqliteStore,
    Submission,
    Ticket,
    Use,
    Worked,
    instant,
    keys_of,
    person_of,
    store_of,
)
from .errors import InputInvalid
from .instrument import Instrument
from .record import Record
from .webhook import Headers, header_pairs, raw


class AsyncClient:
    """An instrument that is open: it awards minutes, takes activity in, and hands codes out.

    One client is enough for a process; it keeps one pool of connections, and any number of tasks
    of one event loop may use it. Use it in an `async with` block, or `close` it.

    `store` remembers awards and `keys` hide who is who: name a file or a data base for each. Only
    towards a Registry on this machine may they be left out; then everything is gone in the end.
    Without a `campaign` only `award` and `accept` can be used.

    `sources` are systems that call webhooks or are pulled, by names that never change. `directory`
    says who somebody is whom an adapter saw: your own id of them, with a handle for whoever hands
    codes out where there is one, or `None` where it does not know. Its answer must not change while
    a campaign runs.
    """

    def __init__(
        self,
        source: Source,
        *,
        store: SqliteStore | PostgresStore | AnyPath | None = None,
        keys: FileKeys | PostgresKeys | AnyPath | None = None,
        campaign: Campaign | None = None,
        sources: Mapping[str, Instrument | Use] | None = None,
        directory: Callable[[Person], str | tuple[str, str] | None] | None = None,
        patience: timedelta | None = None,
    ) -> None:
        named = dict(sources or {})
        self._sources = [(name, one) for name, one in named.items() if isinstance(one, Instrument)]
        self._directory = None if directory is None else directory_of(directory)
        self._options: dict[str, Any] = {
            "sources": {name: one._wire() for name, one in named.items() if isinstance(one, Use)},
            "source": source._wire(),
            "store": store_of(store),
            "keys": keys_of(keys),
            "campaign": None if campaign is None else campaign._wire(),
            "rules": {} if campaign is None else dict(campaign.rule_settings),
            "patience": None if patience is None else patience.total_seconds(),
        }
        self._native: _native.Client | None = None
        self._opening = asyncio.Lock()

    async def _open(self) -> _native.Client:
        if self._native is not None:
            return self._native
        async with self._opening:
            if self._native is None:
                call = _native.open_client(self._options, self._sources, self._directory)
                self._native = await bridge(call, client_of)
                self._options = {}
            return self._native

    async def award(
        self,
        key: str,
        *,
        aim: str,
        minutes: int,
        place: Place,
        at: datetime | None = None,
        zone: str | None = None,
        exact: bool = False,
        handle: str | None = None,
    ) -> Ticket:
        """Awards minutes under a key of your own, and gives the code to hand over.

        The same key again gives the same code, after a crash too, until it is acknowledged; with
        other minutes it is `AwardKeyReused`. The vouchers tell the day and a cell of about 5 km,
        not the instant and the spot, unless `exact` is set.
        """
        award = award_of(aim, minutes, place, at, zone, exact, handle)
        return await bridge((await self._open()).award(key, award), Ticket._of)

    async def accept(
        self,
        key: str,
        *,
        aim: str,
        minutes: int,
        place: Place,
        at: datetime | None = None,
        zone: str | None = None,
        exact: bool = False,
        handle: str | None = None,
    ) -> str:
        """Accepts an award without waiting for its code: when this returns it is durable.

        `work` or `run` brings it to the Registry; `award` with the same key gives its code.
        Returns the award's id.
        """
        award = award_of(aim, minutes, place, at, zone, exact, handle)
        return await bridge((await self._open()).accept(key, award), str)

    async def enqueue(
        self,
        connection: AsyncConnection,
        key: str,
        *,
        aim: str,
        minutes: int,
        place: Place,
        at: datetime | None = None,
        zone: str | None = None,
        exact: bool = False,
        handle: str | None = None,
    ) -> str:
        """Accepts an award within a transaction of your own: your row and the award, or neither.

        `connection` is one to the data base that the client's `PostgresStore` is in, of psycopg
        (an `AsyncConnection`); commit it yourself. Then `run` or `work` brings
        the award to the Registry, and `award` with the same key gives its code. The same key with
        other minutes is `AwardKeyReused`, and your transaction can go on. Returns the award's id.
        """
        native = await self._open()
        award = award_of(aim, minutes, place, at, zone, exact, handle)
        id, owned, accept, held = native.enqueue(key, award)
        if await run_sql_waiting(connection, owned) != (1,):
            native.enqueue_elsewhere()
        if await run_sql_waiting(connection, accept) is None:
            known = await run_sql_waiting(connection, held)
            native.enqueue_again(award, known[0] if known else "")
        return id

    async def acknowledge(self, what: Ticket | Claim | str) -> None:
        """The person has the code: it is forgotten here, and never given out again.

        `what` is a ticket, a claim, or the key of an award of your own.
        """
        native = await self._open()
        if isinstance(what, str):
            return await bridge(native.acknowledge_own(what), nothing)
        return await bridge(native.acknowledge(what.id), nothing)

    async def record(
        self,
        user: str,
        start: datetime,
        end: datetime,
        key: str,
        *,
        activity: str = "exercise",
        seconds: int | None = None,
        steps: int | None = None,
        revision: int | None = None,
        recording: Literal["measured", "attested", "manual", "unknown"] | None = None,
        device: Literal["watch", "phone", "app", "unknown"] | None = None,
        stream: str | None = None,
    ) -> Submission:
        """Takes plain minutes in: `user` was active from `start` until `end`.

        `user` is an id of yours; only a pseudonym of it is kept. `key` names the record for ever:
        the same key again changes nothing, and with a higher `revision` corrects it. Minutes count
        once, whoever else reported the same time.
        """
        record: dict[str, Any] = {
            "participant": user,
            "start": instant(start, "start"),
            "end": instant(end, "end"),
            "key": key,
            "activity": activity,
            "seconds": seconds,
            "steps": steps,
            "revision": revision,
            "recording": recording,
            "device": device,
            "stream": stream,
        }
        record = {name: value for name, value in record.items() if value is not None}
        return await bridge((await self._open()).record(record), Submission._of)

    async def record_many(self, records: Iterable[Record]) -> Submission:
        """As `record`, for many at a time, of any number of people, in one call.

        Those that cannot be used are told with their position, and the others count. For files of
        millions see `submit`, which reads with flat memory.
        """
        return await bridge((await self._open()).record_many(list(records)), Submission._of)

    async def withdraw(self, user: str, key: str) -> Submission:
        """Takes the record with this key back, for good."""
        record = {"participant": user, "key": key, "withdrawn": True}
        return await bridge((await self._open()).record(record), Submission._of)

    async def submit(
        self,
        adapter: str | Instrument,
        data: bytes | AnyPath | Readable | Iterable[Mapping[str, Any]],
        *,
        delivery: str | None = None,
        **settings: Any,
    ) -> Submission:
        """Brings in what an adapter reads, and settles whom it touches.

        `adapter` is a name of the catalogue (see `adapters()`), with its settings as keywords, or an
        adapter of your own. `data` is bytes, the path of a file, an open file, or, for
        `activity.json`, records as dicts. Reading the same again changes nothing; with a `delivery`
        of your own it is not even read again.
        """
        native = await self._open()
        return await bridge(native.submit(adapter, settings, data_of(data), delivery), Submission._of)

    async def receive(
        self,
        source: str,
        body: bytes,
        headers: Headers = (),
        *,
        method: str = "POST",
        query: str = "",
    ) -> Reply:
        """Takes a webhook call for a source, and gives the answer to send back.

        `body` is as it arrived, as bytes. What the call tells to read is durable when this returns,
        and read by `work` or `run`.
        """
        native = await self._open()
        pairs = header_pairs(headers)
        return await bridge(native.receive(source, method, query, pairs, raw(body)), Reply._of)

    async def pull(self, source: str) -> Submission:
        """Pulls from a source what has happened since the last time."""
        return await bridge((await self._open()).pull(source), Submission._of)

    async def retry_inbox(self, source: str | None = None) -> int:
        """Goes on with what sources have told and what could not be read, of one source or of all.

        A delivery is parked when its source refuses to be asked, or has not answered for a week; the
        log says so. Once the cause is mended, this lets `work` or `run` read it. Gives how many there
        were.
        """
        return await bridge((await self._open()).retry_inbox(source), int)

    async def claims(self, user: str | Person) -> list[Claim]:
        """What a person can collect now: everything that has settled, as codes that are good.

        Usually one claim; one for each month in which something waits. The same claims again until
        each is acknowledged.
        """
        return await bridge((await self._open()).claims(person_of(user)), Claim._all)

    async def waiting(self, user: str | Person) -> int:
        """Minutes that a person could collect now. No code is made."""
        return await bridge((await self._open()).waiting(person_of(user)), int)

    async def history(self, user: str | Person) -> list[Given]:
        """What a person gave, until the month's key is destroyed."""
        return await bridge((await self._open()).history(person_of(user)), Given._all)

    async def export(self, user: str | Person) -> dict[str, Any]:
        """Everything that is kept about a person, as GDPR, Article 15, asks. No codes."""
        return await bridge((await self._open()).export(person_of(user)), dict[str, Any])

    async def erase(self, user: str | Person) -> int:
        """Forgets a person, and tells how many codes were given up by it."""
        return await bridge((await self._open()).erase(person_of(user)), int)

    async def work(self, limit: int = 100) -> Worked:
        """One round of the work that nobody asks for, at most so many of each thing.

        It reads what webhooks told to read, settles days, and brings awards to the Registry.
        """
        return await bridge((await self._open()).work(limit), Worked._of)

    async def run(self) -> None:
        """Does that work until the client is closed, or the call is given up."""
        return await bridge((await self._open()).run(), nothing)

    async def close(self) -> None:
        """Closes the store. Once more does nothing."""
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


class AsyncCashDesk:
    """A POS that is open: it asks for payments, and hears of each exactly once.

    `store` and `keys` are as for the client.
    """

    def __init__(
        self,
        pos: Pos,
        *,
        store: SqliteStore | PostgresStore | AnyPath | None = None,
        keys: FileKeys | PostgresKeys | AnyPath | None = None,
    ) -> None:
        self._options: dict[str, Any] = {
            "pos": pos._wire(),
            "store": store_of(store),
            "keys": keys_of(keys),
        }
        self._native: _native.CashDesk | None = None
        self._opening = asyncio.Lock()

    async def _open(self) -> _native.CashDesk:
        if self._native is not None:
            return self._native
        async with self._opening:
            if self._native is None:
                self._native = await bridge(_native.open_cash_desk(self._options), desk_of)
                self._options = {}
            return self._native

    async def charge(
        self,
        reference: str,
        amount: int,
        *,
        aim: str | None = None,
        bounds: tuple[float, float, float, float] | None = None,
        max_age_days: int | None = None,
        patience: timedelta | None = None,
    ) -> Ticket:
        """Asks for a payment of so many WOM, 1 to 1,500, and gives the code to show.

        `reference` is the shop's own, such as an order's number: the same again gives the same code;
        with another charge it is `AwardKeyReused`. Only WOM of this `aim`, earned within `bounds`
        (north, west, south, east) and at most `max_age_days` ago, are taken.
        """
        charge = {
            "amount": amount,
            "aim": aim,
            "bounds": bounds,
            "max_age_days": max_age_days,
            "patience": None if patience is None else patience.total_seconds(),
        }
        return await bridge((await self._open()).charge(reference, charge), Ticket._of)

    async def state(self, reference: str) -> CheckoutState | None:
        """How the checkout under this reference stands; `None` if there is none."""
        return await bridge((await self._open()).state(reference), CheckoutState._or_none)

    async def wait(self, reference: str, at_most: timedelta) -> CheckoutState:
        """Waits until the checkout is decided, at most so long, and tells how it stands then."""
        seconds = at_most.total_seconds()
        return await bridge((await self._open()).wait(reference, seconds), CheckoutState._of)

    async def cancel(self, reference: str) -> CheckoutState:
        """Calls a checkout off. A payment under way becomes `paid_after_cancel`."""
        return await bridge((await self._open()).cancel(reference), CheckoutState._of)

    async def work(self, limit: int = 100) -> dict[str, CheckoutState]:
        """Looks after checkouts that are due; tells which have changed, by their ids."""
        return await bridge((await self._open()).work(limit), CheckoutState._changed)

    async def close(self) -> None:
        """Closes the store. Once more does nothing."""
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


class AsyncPocket:
    """A wallet in a file, for tests and for programs that hold vouchers themselves.

    Without a `path` it is in a temporary folder that is removed in the end.
    """

    def __init__(self, registry: str | Served, path: AnyPath | None = None) -> None:
        self._registry = registry if isinstance(registry, str) else registry.url
        self._folder = tempfile.TemporaryDirectory(prefix="wom-pocket-") if path is None else None
        self._path = os.path.join(self._folder.name, "wallet.json") if self._folder else path
        self._native: _native.Pocket | None = None
        self._opening = asyncio.Lock()

    async def _open(self) -> _native.Pocket:
        if self._native is not None:
            return self._native
        async with self._opening:
            if self._native is None:
                path = os.fspath(self._path or "")
                self._native = await bridge(_native.open_pocket(self._registry, path), pocket_of)
            return self._native

    async def redeem(self, ticket: Ticket | Claim, *, place: Place | None = None) -> Redeemed:
        """Takes the vouchers of a ticket: they are in the file when this returns."""
        code = ticket.ticket if isinstance(ticket, Claim) else ticket
        return await bridge((await self._open()).redeem(code.link, code.pin, place), Redeemed._of)

    async def redeem_link(self, link: str, pin: str, *, place: Place | None = None) -> Redeemed:
        """As `redeem`, by what a person sees."""
        return await bridge((await self._open()).redeem(link, pin, place), Redeemed._of)

    async def pay(self, ticket: Ticket) -> Paid:
        """Pays what a cash desk asks for."""
        return await bridge((await self._open()).pay(ticket.link, ticket.pin), Paid._of)

    async def pay_link(self, link: str, pin: str) -> Paid:
        """As `pay`, by what a person sees."""
        return await bridge((await self._open()).pay(link, pin), Paid._of)

    async def balance(self) -> dict[str, int]:
        """How many vouchers can be spent, by the code of their aim."""
        return await bridge((await self._open()).balance(), dict[str, int])

    async def close(self) -> None:
        """Closes the wallet. Once more does nothing."""
        if self._native is not None:
            await bridge(self._native.close(), nothing)
        if self._folder is not None:
            self._folder.cleanup()

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


class AsyncRegistry:
    """A Registry of your own within this process, on a free port of this machine, for trying out.

    Without a `folder` everything is in a temporary one that is removed in the end. Keys of 2048 bits
    are quick to make; production has 4096. A `faithful` one remembers nothing of what it was asked
    before, as the Registry that others run: what is asked twice is made twice there.
    """

    def __init__(
        self, folder: AnyPath | None = None, *, key_bits: int = 2048, faithful: bool = False
    ) -> None:
        self._folder = folder
        self._faithful = faithful
        self._key_bits = key_bits
        self._native: _native.Registry | None = None
        self._opening = asyncio.Lock()

    async def _open(self) -> _native.Registry:
        if self._native is not None:
            return self._native
        async with self._opening:
            if self._native is None:
                folder = None if self._folder is None else os.fspath(self._folder)
                call = _native.start_registry(folder, self._key_bits, self._faithful)
                self._native = await bridge(call, registry_of)
            return self._native

    @property
    def url(self) -> str:
        """The base address, before `/api`."""
        if self._native is None:
            raise InputInvalid("the Registry is not open yet", hint="use it in an async with block")
        return self._native.url()

    async def add_instrument(self, name: str, aims: Sequence[str]) -> Source:
        """Admits an instrument, which may award these aims and their children."""
        return await bridge((await self._open()).add_instrument(name, aims), source_of)

    async def add_pos(self, merchant: str, name: str) -> Pos:
        """Adds a POS of a merchant."""
        return await bridge((await self._open()).add_pos(merchant, name), pos_of)

    async def books(self) -> Books:
        """What was issued, redeemed and spent."""
        return await bridge((await self._open()).books(), Books._of)

    async def down(self) -> None:
        """Lets nobody answer, as in an outage, until `up`."""
        return await bridge((await self._open()).down(), nothing)

    async def up(self) -> None:
        """Answers again, at the same address."""
        return await bridge((await self._open()).up(), nothing)

    async def close(self) -> None:
        """Stops serving. Once more does nothing."""
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
