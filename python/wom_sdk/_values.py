"""Values at the boundary: what is handed over, and what comes back, as frozen dataclasses."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, Protocol, runtime_checkable

from .errors import InputInvalid

Place = tuple[float, float]
"""Latitude and longitude, degrees WGS 84."""

AnyPath = str | os.PathLike[str]
"""A path of a file."""


class Served(Protocol):
    """Something with an address: a Registry of your own."""

    @property
    def url(self) -> str:
        """The base address, before `/api`."""
        ...


@runtime_checkable
class Readable(Protocol):
    """An open file, read in pieces."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""
        ...


def instant(at: datetime, name: str) -> str:
    """A time as the native half reads it. One without a zone is refused, as it names no instant."""
    if at.tzinfo is None:
        raise InputInvalid(
            "a time without a zone names no instant",
            hint="give it a tzinfo, such as datetime.now(timezone.utc)",
            fields={"field": name},
        )
    return at.isoformat()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An instrument at its Registry: who awards, and what lets it in. Exactly one key is given.

    `key` is called when the key is needed, and answers with PEM text: for a secrets manager.
    """

    registry: str
    """The Registry's base address, before `/api`."""
    id: str
    """The source id that the Registry gave."""
    key_file: AnyPath | None = None
    """A PEM file with the private key."""
    key_variable: str | None = None
    """A variable of the environment with the private key as PEM."""
    key: Callable[[], str] | None = field(default=None, repr=False)
    """Answers with the private key as PEM."""
    passphrase_variable: str | None = None
    """A variable of the environment with the private key's passphrase."""
    api_key_file: AnyPath | None = None
    """A file with an API key, in place of a private key."""
    api_key_variable: str | None = None
    """A variable of the environment with an API key."""
    fingerprint: str | None = None
    """SHA-256 of the Registry's public key, to refuse any other."""
    danger_accept_plain_http: bool = False
    """Whether plain http to another machine is accepted, over which anybody can read codes."""

    def _wire(self) -> dict[str, Any]:
        key = {
            "key_file": path(self.key_file),
            "key_variable": self.key_variable,
            "key": None if self.key is None else self.key(),
            "passphrase_variable": self.passphrase_variable,
            "api_key_file": path(self.api_key_file),
            "api_key_variable": self.api_key_variable,
        }
        return {
            "registry": self.registry,
            "id": self.id,
            "key": {name: value for name, value in key.items() if value is not None},
            "fingerprint": self.fingerprint,
            "danger_accept_plain_http": self.danger_accept_plain_http,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Pos(Source):
    """A POS at its Registry: who accepts, and what lets it in."""


@dataclass(frozen=True, slots=True)
class SqliteStore:
    """A store in a file of this machine, for one process at a time."""

    path: AnyPath

    def _wire(self) -> dict[str, Any]:
        return {"sqlite": path(self.path)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresStore:
    """A store in a PostgreSQL data base, for any number of processes and machines.

    The URL holds a password: it is in a file, in a variable of the environment, or a callback's answer.
    """

    url_file: AnyPath | None = None
    url_variable: str | None = None
    url: Callable[[], str] | None = field(default=None, repr=False)
    schema: str | None = None
    """The schema in it; `wom` where none is given."""
    connections: int | None = None
    """The most connections at a time; 10 where none is given."""

    def _wire(self) -> dict[str, Any]:
        return {"postgres": place_of_url(self)}


@dataclass(frozen=True, slots=True)
class FileKeys:
    """The keys that hide who is who and seal codes, in a file, made where there is none.

    Back it up apart from the store. With a root key in a variable of the environment (32 random
    bytes as base64) the file alone is worth nothing.
    """

    path: AnyPath
    root_variable: str | None = None

    def _wire(self) -> dict[str, Any]:
        return {"file": path(self.path), "root_variable": self.root_variable}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresKeys:
    """The same keys in a PostgreSQL data base that is not the awards', for several machines."""

    url_file: AnyPath | None = None
    url_variable: str | None = None
    url: Callable[[], str] | None = field(default=None, repr=False)
    schema: str | None = None
    """The schema in it; `wom_keys` where none is given."""
    connections: int | None = None
    root_variable: str | None = None

    def _wire(self) -> dict[str, Any]:
        return {"postgres": place_of_url(self), "root_variable": self.root_variable}


def place_of_url(place: PostgresStore | PostgresKeys) -> dict[str, Any]:
    """Where a URL is."""
    return {
        "url": None if place.url is None else place.url(),
        "url_file": path(place.url_file),
        "url_variable": place.url_variable,
        "schema": place.schema,
        "connections": place.connections,
    }


def store_of(store: SqliteStore | PostgresStore | AnyPath | None) -> dict[str, Any] | None:
    """A store, or the path of one."""
    if store is None:
        return None
    if isinstance(store, (SqliteStore, PostgresStore)):
        return store._wire()
    return SqliteStore(store)._wire()


def keys_of(keys: FileKeys | PostgresKeys | AnyPath | None) -> dict[str, Any] | None:
    """Keys, or the path of their file."""
    if keys is None:
        return None
    if isinstance(keys, (FileKeys, PostgresKeys)):
        return keys._wire()
    return FileKeys(keys)._wire()


def path(value: AnyPath | None) -> str | None:
    """A path as text."""
    return None if value is None else os.fspath(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One way in which a campaign awards minutes. A minute counts once on each line."""

    name: str
    """Part of every award's key: never change it."""
    aim: str
    """What the vouchers say that the minutes were given to, such as `H`."""
    activities: Sequence[str] = ()
    """Which activities count; all if empty. `cycling` covers `cycling.commuting`."""
    exclude: Sequence[str] = ()
    """Which activities do not count all the same."""
    hours: Sequence[tuple[str, str]] = ()
    """At which hours of the campaign's day, such as `("07:00", "09:30")`; at all if empty."""
    milestones: bool = True
    """Whether milestones are paid on this line."""
    mode: Literal["also", "instead"] = "also"
    """Whether the minutes count on the lines after this one too."""
    unpaid_start_minutes: int = 0
    """Minutes of each day or session that are not paid: the first ones."""
    cap_minutes: int | None = None
    """The most minutes of a day or session; what is over is dropped."""
    round_to_minutes: int = 1
    """Only whole multiples of so many minutes are paid."""

    def _wire(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "aim": self.aim,
            "activities": list(self.activities),
            "except": list(self.exclude),
            "hours": [f"{start}-{end}" for start, end in self.hours],
            "milestones": self.milestones,
            "mode": self.mode,
            "unpaid_start_minutes": self.unpaid_start_minutes,
            "cap_minutes": self.cap_minutes,
            "round_to_minutes": self.round_to_minutes,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """Which minutes are worth vouchers of which aim, up to how many, and when."""

    name: str
    """Part of every award's key: never change it."""
    lines: Sequence[Line]
    """What is awarded. The order matters for lines with mode `instead`."""
    place: Place
    """Where the vouchers say that the minutes were given; they tell a cell of about 5 km."""
    zone: str = "UTC"
    """Whose days count, such as `Europe/Rome`."""
    start: date = date(2000, 1, 1)
    """The first day."""
    until: date = date(2100, 1, 1)
    """The first day after."""
    settlement: timedelta = timedelta(hours=24)
    """Patience after a day's end, in whole hours: vouchers cannot be recalled."""
    lateness: timedelta = timedelta(days=400)
    """How late a record may come, in whole days; then its month's keys are destroyed."""
    collect: Literal["on tap", "at once"] | int = "on tap"
    """When settled minutes become a code: when the person asks, at once, or so many minutes."""
    rules: str = "active-minutes/1"
    """The rule set that judges what counts: see `rule_sets()`."""
    rule_settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Settings of the rule set, where its defaults do not fit."""
    exact_place: bool = False
    """Whether vouchers tell the place as it is."""

    def _wire(self) -> dict[str, Any]:
        latitude, longitude = self.place
        return {
            "name": self.name,
            "zone": self.zone,
            "from": self.start.isoformat(),
            "until": self.until.isoformat(),
            "settlement_hours": whole(self.settlement, timedelta(hours=1), "settlement"),
            "lateness_days": whole(self.lateness, timedelta(days=1), "lateness"),
            "collect": self.collect,
            "place": f"{latitude},{longitude}",
            "exact_place": self.exact_place,
            "rules": self.rules,
            "line": [line._wire() for line in self.lines],
        }


def whole(length: timedelta, unit: timedelta, name: str) -> int:
    """How many units a length of time is."""
    count, rest = divmod(length, unit)
    if rest or count < 0:
        raise InputInvalid("not a whole number of hours or days", fields={"field": name})
    return count


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the words of the system that saw them: a learner of an LMS, an owner of a watch.

    Where a plain text stands for a person, it is an id of your own.
    """

    namespace: str
    id: str = field(repr=False)

    def _wire(self) -> dict[str, Any]:
        return {"namespace": self.namespace, "id": self.id}


def person_of(user: str | Person) -> dict[str, Any]:
    """A person, or an id of the embedder's own."""
    if isinstance(user, Person):
        return user._wire()
    return {"id": user}


@dataclass(frozen=True, slots=True)
class Ticket:
    """A code to hand over. Whoever has it can take the vouchers: `repr` does not show it."""

    id: str
    """The award's or checkout's id."""
    link: str = field(repr=False)
    """What a Pocket opens; show it as a QR code, or as a link."""
    pin: str = field(repr=False)
    """What the Pocket asks for."""
    minutes: int
    """How many vouchers it brings, one for each minute; of a checkout, how many it asks for."""

    @classmethod
    def _of(cls, told: Mapping[str, Any]) -> Ticket:
        return cls(told["id"], told["link"], told["pin"], told["minutes"])


@dataclass(frozen=True, slots=True)
class Reason:
    """Minutes given to one aim on one day."""

    day: date
    aim: str
    minutes: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What a person collects: a code, and what it is for."""

    ticket: Ticket
    reasons: tuple[Reason, ...]
    handle: str | None = field(default=None, repr=False)
    """Whom to hand it to, as you said."""

    @property
    def id(self) -> str:
        """The award's id: the same claim has the same id, however often it is handed over."""
        return self.ticket.id

    @property
    def minutes(self) -> int:
        """Minutes in all."""
        return self.ticket.minutes

    @classmethod
    def _of(cls, told: Mapping[str, Any]) -> Claim:
        reasons = (Reason(date.fromisoformat(day), aim, count) for day, aim, count in told["reasons"])
        return cls(
            Ticket._of(told["code"]),
            tuple(reasons),
            told["handle"],
        )

    @classmethod
    def _all(cls, told: Sequence[Mapping[str, Any]]) -> list[Claim]:
        return [cls._of(one) for one in told]


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that could not be used. It holds no value of the record."""

    code: str
    message: str
    at: Mapping[str, int]
    field: str | None


@dataclass(frozen=True, slots=True)
class Submission:
    """What came of something that was brought in."""

    repeated: bool
    """Whether the same delivery was taken in before; nothing was read then."""
    observations: int
    """Observations that were read."""
    refused: int
    """Records that were refused."""
    refusals: tuple[Refused, ...]
    """What was wrong with the first hundred of them."""
    waiting: int
    """Minutes that are settled and wait to be collected, of the people that this touched."""
    awarded: int
    """Awards that were made at once, where the campaign says so."""
    held: int
    """Awards that a person has to judge first."""

    @classmethod
    def _of(cls, told: Mapping[str, Any]) -> Submission:
        refusals = tuple(Refused(**refused) for refused in told["refusals"])
        return cls(
            told["repeated"],
            told["observations"],
            told["refused"],
            refusals,
            told["waiting"],
            told["awarded"],
            told["held"],
        )


@dataclass(frozen=True, slots=True)
class Given:
    """What a person gave on one line for one unit."""

    line: str
    aim: str | None
    unit: str
    """A day as `2026-03-01`; something named as `=name`; a session as `@name`."""
    minutes: int
    """Minutes that count."""
    awarded: int
    """Minutes of these that were made into awards."""

    @classmethod
    def _all(cls, told: Sequence[Mapping[str, Any]]) -> list[Given]:
        return [cls(**one) for one in told]


@dataclass(frozen=True, slots=True)
class Use:
    """An adapter of the catalogue with its settings, as a source that calls webhooks or is pulled."""

    adapter: str
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def _wire(self) -> dict[str, Any]:
        return {"adapter": self.adapter, "settings": dict(self.settings)}


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer a webhook call with."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @classmethod
    def _of(cls, told: tuple[int, Sequence[tuple[str, str]], bytes]) -> Reply:
        status, headers, body = told
        return cls(status, tuple(headers), body)


@dataclass(frozen=True, slots=True)
class Worked:
    """What a round of work did."""

    read: int
    """Things that webhooks told to read."""
    awards: int
    """Awards that were gone on with."""
    settled: int
    """People whose units were settled."""

    @classmethod
    def _of(cls, told: Mapping[str, Any]) -> Worked:
        return cls(told["read"], told["awards"], told["settled"])


@dataclass(frozen=True, slots=True)
class CheckoutState:
    """How a checkout stands."""

    state: str
    """The stable name, such as `shown`, `paid`, `expired` or `paid_after_expiry`."""
    open: bool
    """Whether it can still become `paid`."""
    paid: bool
    """Whether it was paid, in time or late."""
    at: datetime | None = None
    """When it was paid, by the Registry's clock."""
    reason: str | None = None
    """Why it failed: the code of an error."""

    @classmethod
    def _of(cls, told: Mapping[str, Any]) -> CheckoutState:
        at = told["at"]
        return cls(
            told["state"],
            told["open"],
            told["paid"],
            None if at is None else datetime.fromisoformat(at),
            told["reason"],
        )

    @classmethod
    def _or_none(cls, told: Mapping[str, Any] | None) -> CheckoutState | None:
        return None if told is None else cls._of(told)

    @classmethod
    def _changed(cls, told: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, CheckoutState]:
        return {id: cls._of(state) for id, state in told}


@dataclass(frozen=True, slots=True)
class Books:
    """What a Registry has issued, without persons and codes. Each voucher is one minute."""

    generated: int
    """In every request that was ever made and not forgotten, verified or not."""
    issued: int
    """What somebody can redeem or has redeemed."""
    redeemed: int
    """Handed to a wallet."""
    spent: int
    """Used in a payment."""

    @classmethod
    def _of(cls, told: Mapping[str, Any]) -> Books:
        return cls(**told)


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a code brought."""

    source: str
    source_name: str
    vouchers: int

    @classmethod
    def _of(cls, told: Mapping[str, Any]) -> Redeemed:
        return cls(**told)


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment that was made."""

    amount: int
    pos_name: str
    ack_url: str | None
    """Where the shop wants the person to go now. It proves nothing to anybody."""

    @classmethod
    def _of(cls, told: Mapping[str, Any]) -> Paid:
        return cls(**told)
