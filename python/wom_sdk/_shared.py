"""What the blocking and the asynchronous face share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol, cast

from . import _native
from ._values import AnyPath, Person, Place, Pos, Readable, Source, instant
from .errors import InputInvalid


def award_of(
    aim: str,
    minutes: int,
    place: Place,
    at: datetime | None,
    zone: str | None,
    exact: bool,
    handle: str | None,
) -> dict[str, Any]:
    """An award as the native half takes it."""
    return {
        "aim": aim,
        "minutes": minutes,
        "place": place,
        "at": None if at is None else instant(at, "at"),
        "zone": zone,
        "exact": exact,
        "handle": handle,
    }


def data_of(data: bytes | AnyPath | Readable | Iterable[Mapping[str, Any]]) -> object:
    """What the native half reads from: bytes, a path, or an open file."""
    if isinstance(data, (bytes, str, os.PathLike, Readable)):
        return data
    return lines_of(data)


class Connection(Protocol):
    """A connection of the caller's own: psycopg, psycopg2, Django, and what follows DB-API 2."""

    def cursor(self) -> Any:
        """A cursor, to be used in a `with` block."""
        ...


class AsyncConnection(Protocol):
    """An asynchronous connection of the caller's own: psycopg's `AsyncConnection`."""

    def cursor(self) -> Any:
        """A cursor, to be used in an `async with` block."""
        ...


def run_sql(connection: Connection, sql: str) -> tuple[Any, ...] | None:
    """Runs a statement without parameters, and gives its first row."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone()
    return None if row is None else values_of(row)


async def run_sql_waiting(connection: AsyncConnection, sql: str) -> tuple[Any, ...] | None:
    """As `run_sql`."""
    async with connection.cursor() as cursor:
        await cursor.execute(sql)
        row = await cursor.fetchone()
    return None if row is None else values_of(row)


def values_of(row: Any) -> tuple[Any, ...]:
    """The values of a row, whatever the connection makes of rows."""
    return tuple(cast("Mapping[str, Any]", row).values()) if isinstance(row, Mapping) else tuple(row)


def lines_of(records: Iterable[Mapping[str, Any]]) -> bytes:
    """Records as JSON lines, with times as they are written there."""

    def plain(value: object) -> str:
        if isinstance(value, datetime):
            return instant(value, "record")
        raise InputInvalid(
            "a record holds something that is no plain value",
            hint="use text, numbers, True and False, and datetime",
        )

    return "\n".join(json.dumps(dict(record), default=plain) for record in records).encode()


def directory_of(
    directory: Callable[[Person], str | tuple[str, str] | None],
) -> Callable[[str, str], tuple[str, str | None] | None]:
    """A directory as the native half asks it."""

    def person(namespace: str, id: str) -> tuple[str, str | None] | None:
        known = directory(Person(namespace, id))
        return (known, None) if isinstance(known, str) else known

    return person


def client_of(native: _native.Client) -> _native.Client:
    """The same, typed."""
    return native


def desk_of(native: _native.CashDesk) -> _native.CashDesk:
    """The same, typed."""
    return native


def pocket_of(native: _native.Pocket) -> _native.Pocket:
    """The same, typed."""
    return native


def shop_of(native: _native.Shop) -> _native.Shop:
    """The same, typed."""
    return native


def registry_of(native: _native.Registry) -> _native.Registry:
    """The same, typed."""
    return native


def source_of(told: Mapping[str, str]) -> Source:
    """An instrument that the embedded Registry has admitted."""
    return Source(registry=told["registry"], id=told["id"], key_file=told["key_file"])


def pos_of(told: Mapping[str, str]) -> Pos:
    """A POS that the embedded Registry has added."""
    return Pos(registry=told["registry"], id=told["id"], key_file=told["key_file"])
