"""Adapters of your own: what brings activity in, in the same pipeline as the ones of the SDK.

An adapter yields observations, never conclusions: what counts is for the rule set to judge.

    class Library(Instrument):
        name = "town.library"
        summary = "Reading hours of the town's library"
        rules = "active-minutes/1"

        def read(self, input, now):
            for line, row in enumerate(csv.DictReader(input.text()), start=2):
                try:
                    yield Observation(row["card"], row["id"], Interval(..., activity="studying"))
                except ValueError:
                    yield Refusal("bad_time", "is not a time; write it as RFC 3339", at={"line": line})
"""

from __future__ import annotations

import inspect
import io
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

from ._values import Person, instant, person_of
from .errors import InputInvalid, Unsupported
from .study import Study

Device = Literal["watch", "phone", "app", "unknown"]
Recording = Literal["measured", "attested", "manual", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """What to read from: `data` or a file at `path`; a webhook's `hint`; or everything since a cursor."""

    data: bytes | None = field(default=None, repr=False)
    path: str | None = None
    hint: str | None = field(default=None, repr=False)
    """What a webhook told to fetch, in the adapter's own words."""
    pull: bool = False
    """Whether everything since `cursor` is asked for; from the beginning where there is none."""
    cursor: str | None = field(default=None, repr=False)

    def open(self) -> io.BufferedReader | io.BytesIO:
        """The bytes, to be read from the beginning."""
        if self.path is not None:
            return open(self.path, "rb")
        if self.data is not None:
            return io.BytesIO(self.data)
        raise Unsupported("there is no file to read", hint="look at hint or cursor")

    def text(self, encoding: str = "utf-8") -> Iterator[str]:
        """The text, line by line with their ends, as `csv` takes it too.

        A line that is no text ends the reading with an error: its characters could be a person's.
        """
        with self.open() as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield line.decode(encoding)
                except UnicodeDecodeError:
                    raise InputInvalid(
                        f"the line is no text in {encoding}", fields={"line": str(number)}
                    ) from None


@dataclass(frozen=True, slots=True)
class Interval:
    """Something went on all the time."""

    start: datetime
    end: datetime
    activity: str = "exercise"
    steps: int | None = None

    def _wire(self) -> dict[str, Any]:
        return {
            "body": "interval",
            "span": span(self.start, self.end),
            "activity": self.activity,
            "steps": self.steps,
        }


@dataclass(frozen=True, slots=True)
class Seconds:
    """Something went on for some of the time: `seconds` somewhere between `start` and `end`."""

    start: datetime
    end: datetime
    seconds: int
    activity: str = "exercise"

    def _wire(self) -> dict[str, Any]:
        return {
            "body": "seconds",
            "within": span(self.start, self.end),
            "seconds": self.seconds,
            "activity": self.activity,
        }


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps counted in an interval, not strides."""

    start: datetime
    end: datetime
    steps: int

    def _wire(self) -> dict[str, Any]:
        return {"body": "steps", "span": span(self.start, self.end), "steps": self.steps}


@dataclass(frozen=True, slots=True)
class Milestone:
    """Something was reached that is worth so many minutes, once per name."""

    at: datetime
    name: str
    minutes: int

    def _wire(self) -> dict[str, Any]:
        return {
            "body": "milestone",
            "at": instant(self.at, "at"),
            "name": self.name,
            "minutes": self.minutes,
        }


@dataclass(frozen=True, slots=True)
class Point:
    """Something was seen at an instant."""

    at: datetime
    activity: str = "exercise"

    def _wire(self) -> dict[str, Any]:
        return {"body": "point", "at": instant(self.at, "at"), "activity": self.activity}


@dataclass(frozen=True, slots=True)
class Tally:
    """A total of minutes that somebody else made over a stretch of time, such as a day."""

    start: datetime
    end: datetime
    minutes: int
    activity: str = "exercise"

    def _wire(self) -> dict[str, Any]:
        return {
            "body": "tally",
            "within": span(self.start, self.end),
            "minutes": self.minutes,
            "activity": self.activity,
        }


@dataclass(frozen=True, slots=True)
class Scan:
    """A ticket was scanned at an entry or an exit."""

    at: datetime
    entry: bool = True
    automatic: bool = False
    """Whether a machine made it, not a person at the door."""

    def _wire(self) -> dict[str, Any]:
        return {"at": instant(self.at, "at"), "entry": self.entry, "automatic": self.automatic}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendance:
    """A ticketing system knows of somebody's taking part in a session."""

    ticket: str
    """The ticket's id; only a digest is kept."""
    session: str
    """The session's id; only a digest is kept."""
    slots: Sequence[tuple[datetime, datetime]]
    """The planned time, in order."""
    scans: Sequence[Scan] = ()
    activity: str = "attending"
    policy: Literal["overlap", "measured", "scheduled"] = "overlap"
    standing: Literal[
        "valid", "no_admission", "excluded", "test", "unpaid", "blocked", "refunded", "cancelled"
    ] = "valid"

    def _wire(self) -> dict[str, Any]:
        return {
            "body": "attendance",
            "ticket": self.ticket,
            "session": self.session,
            "activity": self.activity,
            "slots": [span(start, end) for start, end in self.slots],
            "policy": self.policy,
            "standing": self.standing,
            "scans": [scan._wire() for scan in self.scans],
        }


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The record with this key is taken back."""

    def _wire(self) -> dict[str, Any]:
        return {"body": "withdrawn"}


@dataclass(frozen=True, slots=True)
class RangeReplaced:
    """Everything that the stream yielded in this range with a lower revision is taken back."""

    start: datetime
    end: datetime

    def _wire(self) -> dict[str, Any]:
        return {"body": "range_replaced", "range": span(self.start, self.end)}


Body = (
    Interval
    | Seconds
    | Steps
    | Milestone
    | Attendance
    | Study
    | Point
    | Tally
    | Withdrawn
    | RangeReplaced
)
"""What was observed. No rule set uses `Point` and `Tally` yet: they are kept."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing that an adapter saw.

    `key` names the record within its adapter for ever; of one key the highest `revision` holds.
    """

    user: str | Person = field(repr=False)
    key: str = field(repr=False)
    body: Body
    revision: int = 0
    device: Device = "unknown"
    recording: Recording = "attested"
    """How the values came about; the default rules refuse `manual`."""
    stream: str = field(default="", repr=False)
    """The recording device or program; only a digest is kept."""

    def _wire(self) -> tuple[str, dict[str, Any]]:
        return "observation", {
            "person": person_of(self.user),
            "key": self.key,
            "revision": self.revision,
            "device": self.device,
            "recording": self.recording,
            "stream": self.stream,
            "body": self.body._wire(),
        }


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that cannot be used. Reading goes on. Never put a value of the record into it."""

    code: str
    """A stable name, such as `bad_time`."""
    message: str
    """What is wrong, and what to do."""
    at: Mapping[str, int] = field(default_factory=dict[str, int])
    """Where: names such as `line`, with their numbers."""
    field: str | None = None
    """Which field."""

    def _wire(self) -> tuple[str, dict[str, Any]]:
        return "refusal", {
            "code": self.code,
            "message": self.message,
            "at": [[name, number] for name, number in self.at.items()],
            "field": self.field,
        }


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where to go on next time; remembered once everything before it is safe."""

    text: str = field(repr=False)

    def _wire(self) -> tuple[str, str]:
        return "cursor", self.text


Found = Observation | Refusal | Cursor
"""What reading yields."""


@dataclass(frozen=True, slots=True)
class Request:
    """A webhook call, as it arrived."""

    method: str
    query: str
    headers: Sequence[tuple[str, bytes]]
    body: bytes = field(repr=False)
    received_at: datetime

    def header(self, name: str) -> bytes | None:
        """The value of a header, whatever the case of its name; the first one counts."""
        found = (value for other, value in self.headers if other.lower() == name.lower())
        return next(found, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What to answer a webhook call with, and what it tells to read.

    With a `hint` something is to be read; with an `id` beside it the message is known by that, and
    read once. Without either only the answer matters.
    """

    status: int = 200
    body: bytes = b""
    hint: str | None = field(default=None, repr=False)
    id: str | None = None
    refused: bool = False
    """Whether the call is not to be believed."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A stretch of time of somebody, to ask the system about again."""

    person: Person
    start: datetime
    end: datetime


class Instrument(ABC):
    """A system that activity comes from. Derive from it, and say what it is."""

    name: ClassVar[str]
    """The name, such as `town.library`. It never changes."""
    summary: ClassVar[str]
    """One sentence for people."""
    rules: ClassVar[str] = "active-minutes/1"
    """The rule set that its observations are made for."""
    proven: ClassVar[bool] = False
    """Whether its tests ran against the real system, or real files of it."""
    reads_files: ClassVar[bool] = True
    """Whether it reads files and bytes."""
    pulls: ClassVar[bool] = False
    """Whether it pulls since a cursor."""
    withdraws: ClassVar[bool] = False
    """Whether it withdraws what was taken back."""

    @abstractmethod
    def read(self, input: Input, now: datetime) -> Iterable[Found]:
        """Yields what it finds, in order, with flat memory at any size of input.

        A record that cannot be used is a `Refusal`, and reading goes on. An exception is for what
        makes the rest unreadable; what was yielded before it stays good.
        """

    def receive(self, request: Request) -> Received:
        """Verifies a webhook's raw bytes, and says what to read because of it. No I/O."""
        del request
        raise Unsupported("this adapter takes no webhooks")

    def refresh(self, units: Sequence[Unit], now: datetime) -> Iterable[Found]:
        """Asks the system for what may have changed silently in these stretches of time."""
        del units, now
        raise Unsupported("this adapter has nothing to refresh")

    def _info(self) -> dict[str, Any]:
        refuse_async(self, "read", "receive", "refresh")
        kind = type(self)
        return {
            "name": self.name,
            "summary": self.summary,
            "rules": self.rules,
            "proven": self.proven,
            "read_file": self.reads_files,
            "pull": self.pulls,
            "webhook": kind.receive is not Instrument.receive,
            "refresh": kind.refresh is not Instrument.refresh,
            "withdraws": self.withdraws,
        }

    def _read(self, told: Mapping[str, Any], now: str) -> Iterator[Found]:
        return iter(self.read(Input(**told), datetime.fromisoformat(now)))

    def _next(self, found: Iterator[Found], at_most: int) -> list[tuple[str, Any]]:
        return [one._wire() for one in itertools.islice(found, at_most)]

    def _refresh(self, units: Sequence[tuple[str, str, str, str]], now: str) -> Iterator[Found]:
        asked = [
            Unit(Person(namespace, id), datetime.fromisoformat(start), datetime.fromisoformat(end))
            for namespace, id, start, end in units
        ]
        return iter(self.refresh(asked, datetime.fromisoformat(now)))

    def _receive(
        self, method: str, query: str, headers: Sequence[tuple[str, bytes]], body: bytes, at: str
    ) -> tuple[int, bytes, str, str | None, str | None]:
        request = Request(method, query, headers, body, datetime.fromisoformat(at))
        return received(self.receive(request))


def refuse_async(adapter: object, *methods: str) -> None:
    """Refuses methods that answer with something to be awaited: nobody would."""
    for name in methods:
        method = getattr(type(adapter), name)
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
            raise InputInvalid(
                "the methods of an adapter are called on threads, and may block",
                hint="write def in place of async def",
                fields={"method": name},
            )


def received(told: Received) -> tuple[int, bytes, str, str | None, str | None]:
    """What to answer a webhook call with, as the native half reads it."""
    if told.refused:
        verdict = "refused"
    elif told.hint is None:
        verdict = "answered"
    else:
        verdict = "read" if told.id is None else "once"
    return told.status, told.body, verdict, told.id, told.hint


def span(start: datetime, end: datetime) -> list[str]:
    """A stretch of time as the native half reads it."""
    return [instant(start, "start"), instant(end, "end")]
