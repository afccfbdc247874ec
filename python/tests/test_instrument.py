"""Adapters written in Python, in the same pipeline as ours."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from wom_sdk import (
    Campaign,
    Client,
    Instrument,
    Line,
    Observation,
    Person,
    Refusal,
    Source,
    Use,
    errors,
    webhook,
)
from wom_sdk.instrument import (
    Attendance,
    Body,
    Cursor,
    Found,
    Input,
    Interval,
    Milestone,
    Point,
    RangeReplaced,
    Received,
    Request,
    Scan,
    Seconds,
    Steps,
    Tally,
    Unit,
    Withdrawn,
)
from wom_sdk.study import Studied, Study
from wom_sdk.testing import check_instrument

URBINO = (43.7263, 12.6366)
NOON = datetime.now(timezone.utc).replace(hour=12, minute=0, microsecond=0) - timedelta(days=3)
SECRET = "whsec_EQODq8WC8zc0aPhmVUvHPCI5KygXsRlY"


def campaign(**changes: Any) -> Campaign:
    return Campaign(
        name="town", lines=[Line(name="health", aim="H")], place=URBINO, **changes
    )


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


class Gym(Instrument):
    """JSON lines of visits; a webhook that names a visit; a pull with a cursor."""

    name = "town.gym"
    summary = "Visits of the town's gym"
    pulls = True
    withdraws = True

    def __init__(self) -> None:
        self.visits: list[dict[str, Any]] = []
        self.asked: list[Unit] = []
        self.cursors: list[str | None] = []

    def read(self, input: Input, now: datetime) -> Iterator[Found]:
        assert now.tzinfo is not None
        if input.hint is not None:
            yield from self.found([visit for visit in self.visits if visit["id"] == input.hint])
            return
        if input.pull:
            self.cursors.append(input.cursor)
            since = int(input.cursor or 0)
            yield from self.found(self.visits[since:])
            yield Cursor(str(len(self.visits)))
            return
        for number, line in enumerate(input.text(), start=1):
            try:
                yield from self.found([json.loads(line)])
            except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError):
                yield Refusal("bad_line", "is no visit", at={"line": number}, field="visit")

    def found(self, visits: Iterable[dict[str, Any]]) -> Iterator[Found]:
        for visit in visits:
            start = datetime.fromisoformat(visit["start"])
            body = Interval(start, start + minutes(visit["minutes"]))
            yield Observation(Person("gym", visit["who"]), visit["id"], body, stream="door")

    def receive(self, request: Request) -> Received:
        try:
            webhook.verify("standard-webhooks", request.headers, request.body, SECRET)
        except errors.WebhookRefused:
            return Received(status=401, refused=True)
        told = json.loads(request.body)
        if told["type"] == "ping":
            return Received(body=b"pong")
        return Received(status=202, hint=told["visit"])

    def refresh(self, units: Sequence[Unit], now: datetime) -> Iterator[Found]:
        self.asked.extend(units)
        yield from self.found(self.visits)


def visit(who: str, id: str, count: int) -> dict[str, Any]:
    return {"who": who, "id": id, "start": NOON.isoformat(), "minutes": count}


def test_a_file_is_read_and_refusals_are_told(wom_source: Source, tmp_path: Path) -> None:
    lines = [json.dumps(visit("sara", "1", 30)), "nonsense", json.dumps(visit("anna", "2", 20))]
    file = tmp_path / "visits.jsonl"
    file.write_text("\n".join(lines))
    with Client(wom_source, campaign=campaign()) as client:
        for data in (file, "\n".join(lines).encode()):
            taken = client.submit(Gym(), data)
            assert (taken.observations, taken.refused, taken.waiting) == (2, 1, 50)
            [refused] = taken.refusals
            assert (refused.code, refused.at, refused.field) == ("bad_line", {"line": 2}, "visit")
        with file.open("rb") as opened:
            assert client.submit(Gym(), opened).waiting == 50
        assert client.waiting(Person("gym", "sara")) == 30
        assert client.waiting("sara") == 0


def test_a_directory_makes_one_person_of_many_names(wom_source: Source) -> None:
    def directory(person: Person) -> tuple[str, str] | str | None:
        if person.namespace == "gym":
            return {"sara": ("user 7", "push token")}.get(person.id)
        return None

    with Client(wom_source, campaign=campaign(), directory=directory) as client:
        client.submit(Gym(), json.dumps(visit("sara", "1", 30)).encode())
        client.record("user 7", NOON + minutes(15), NOON + minutes(40), "walk")
        assert client.waiting("user 7") == 40
        [claim] = client.claims("user 7")
        assert (claim.minutes, claim.handle) == (40, "push token")


def test_a_webhook_is_answered_and_read_later(wom_source: Source) -> None:
    gym = Gym()
    gym.visits = [visit("sara", "v-1", 30), visit("sara", "v-2", 90)]
    with Client(wom_source, campaign=campaign(), sources={"gym": gym}) as client:

        def post(body: bytes, secret: str = SECRET) -> tuple[int, bytes]:
            headers = webhook.sign("standard-webhooks", "m-1", body, secret)
            reply = client.receive("gym", body, headers)
            return reply.status, reply.body

        assert post(b'{"type": "ping"}') == (200, b"pong")
        assert post(b'{"type": "visit", "visit": "v-1"}', "whsec_" + "A" * 32)[0] == 401
        assert client.work().read == 0
        assert post(b'{"type": "visit", "visit": "v-1"}')[0] == 202
        assert client.waiting(Person("gym", "sara")) == 0
        assert client.work().read == 1
        # The whole unit was asked for again before it was settled.
        assert {unit.person for unit in gym.asked} == {Person("gym", "sara")}
        assert client.waiting(Person("gym", "sara")) == 90
        with pytest.raises(errors.ConfigurationInvalid):
            client.receive("pool", b"")


class Shut(Gym):
    """A gym whose door lets nobody read, until somebody mends that."""

    shut = True

    def read(self, input: Input, now: datetime) -> Iterator[Found]:
        if self.shut:
            raise errors.AccessDenied("the door's token was revoked")
        return super().read(input, now)


def test_what_could_not_be_read_is_gone_on_with_once_its_cause_is_mended(wom_source: Source) -> None:
    gym = Shut()
    gym.visits = [visit("sara", "v-1", 30)]
    body = b'{"type": "visit", "visit": "v-1"}'
    with Client(wom_source, campaign=campaign(), sources={"gym": gym}) as client:
        headers = webhook.sign("standard-webhooks", "m-1", body, SECRET)
        assert client.receive("gym", body, headers).status == 202
        assert client.work().read == 0
        gym.shut = False
        assert client.work().read == 0
        assert client.retry_inbox("pool") == 0
        assert client.retry_inbox() == 1
        assert client.retry_inbox("gym") == 0
        assert client.work().read == 1
        assert client.waiting(Person("gym", "sara")) == 30


def test_a_pull_goes_on_where_it_ended(wom_source: Source) -> None:
    gym = Gym()
    gym.visits = [visit("sara", "v-1", 30)]
    with Client(wom_source, campaign=campaign(), sources={"gym": gym}) as client:
        assert client.pull("gym").observations == 1
        gym.visits.append(visit("sara", "v-2", 50))
        assert client.pull("gym").observations == 1
        assert gym.cursors == [None, "1"]
        assert client.waiting(Person("gym", "sara")) == 50


def test_adapters_of_the_catalogue_are_sources_too(
    wom_source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WOM_TEST_HOOK", SECRET)
    sources = {"app": Use("activity.webhook", {"secret_variables": ["WOM_TEST_HOOK"]})}
    record = {
        "participant": "sara",
        "start": NOON.isoformat(),
        "end": (NOON + minutes(25)).isoformat(),
        "key": "a",
    }
    with Client(wom_source, campaign=campaign(), sources=sources) as client:
        body = json.dumps({"activities": [record]}).encode()
        headers = webhook.sign("standard-webhooks", "m-1", body, SECRET)
        assert client.receive("app", body, headers).status < 300
        assert client.work().read == 1
        assert client.waiting("sara") == 25


class Bodies(Instrument):
    """Everything that can be seen."""

    name = "town.everything"
    summary = "One of each"

    def __init__(self, found: Sequence[Found]) -> None:
        self.found = found

    def read(self, input: Input, now: datetime) -> Iterable[Found]:
        return self.found


def test_every_body_comes_through(wom_source: Source) -> None:
    slot = (NOON, NOON + minutes(60))
    bodies: list[Body] = [
        Interval(*slot, activity="walking", steps=6000),
        Seconds(*slot, seconds=600, activity="cycling"),
        Steps(NOON, NOON + minutes(1), 120),
        Milestone(NOON, "first month", 10),
        Attendance(ticket="t", session="s", slots=[slot], scans=[Scan(NOON), Scan(slot[1], False)]),
        Withdrawn(),
        RangeReplaced(NOON - minutes(60), NOON - minutes(30)),
        Point(NOON, "walking"),
        Tally(*slot, minutes=40, activity="walking"),
        Study(item="algebra", trace=Studied(*slot)),
    ]
    found = [Observation("sara", f"k{n}", body) for n, body in enumerate(bodies)]
    with Client(wom_source, campaign=campaign()) as client:
        taken = client.submit(Bodies(found), b"")
        assert (taken.observations, taken.refused) == (len(bodies), 0)
        assert client.waiting("sara") == 60 + 10
        kept = client.export("sara")
        assert "sara" not in json.dumps(kept)


def test_many_are_read_in_chunks_with_flat_memory(wom_source: Source) -> None:
    alive = most = 0

    class Counted(Instrument):
        name = "town.many"
        summary = "Many"

        def read(self, input: Input, now: datetime) -> Iterator[Found]:
            nonlocal alive, most
            for n in range(2_500):
                alive += 1
                most = max(most, alive)
                yield Observation("sara", f"k{n}", Interval(NOON, NOON + minutes(1)))
                alive -= 1

    with Client(wom_source, campaign=campaign()) as client:
        assert client.submit(Counted(), b"").observations == 2_500
    assert most == 1


def test_what_an_adapter_raises_is_the_cause_and_what_came_before_stays(
    wom_source: Source,
) -> None:
    class Broken(Instrument):
        name = "town.broken"
        summary = "Breaks in the middle"

        def __init__(self, error: Exception) -> None:
            self.error = error

        def read(self, input: Input, now: datetime) -> Iterator[Found]:
            yield from [Observation("sara", f"k{n}", Interval(NOON, NOON + minutes(30))) for n in range(1_000)]
            raise self.error

    with Client(wom_source, campaign=campaign()) as client:
        with pytest.raises(errors.Internal, match="RuntimeError") as caught:
            client.submit(Broken(RuntimeError("sara was here")), b"")
        assert isinstance(caught.value.__cause__, RuntimeError)
        assert "sara" not in str(caught.value)
        # What may pass is tried again: a call that told to read this is not lost.
        assert caught.value.retry == "safe"
        with pytest.raises(errors.NetworkUnreachable):
            client.submit(Broken(ConnectionResetError("sara")), b"")
        with pytest.raises(errors.RateLimited) as limited:
            client.submit(Broken(errors.RateLimited("come later")), b"")
        assert limited.value.retry == "safe"
        assert client.waiting("sara") == 30


def visits(count: int) -> bytes:
    lines = [json.dumps(visit(f"sara.{n}@example.org", str(n), 30)) for n in range(count)]
    return "\n".join(lines).encode()


def test_an_adapter_passes_the_suite_that_ours_pass() -> None:
    check_instrument(Gym, visits(20))


class Careless(Gym):
    """Raises on what it does not know, and says too much."""

    def read(self, input: Input, now: datetime) -> Iterator[Found]:
        for line in input.text():
            yield from self.found([json.loads(line)])


class Chatty(Gym):
    """Quotes what it refuses."""

    def read(self, input: Input, now: datetime) -> Iterator[Found]:
        for line in input.open().read().decode("utf-8", "replace").splitlines():
            try:
                yield from self.found([json.loads(line)])
            except (ValueError, LookupError, TypeError, RecursionError):
                yield Refusal("bad_line", f"is no visit: {line}")


@pytest.mark.parametrize("adapter", [Careless, Chatty])
def test_the_suite_sees_what_it_is_for(adapter: type[Gym]) -> None:
    with pytest.raises(AssertionError, match="damage_is_refused_or_an_error"):
        check_instrument(adapter, visits(20))


def test_what_an_adapter_does_not_offer_is_unsupported(wom_source: Source) -> None:
    class Named(Bodies):
        name = "Sara Rossi!"

    with Client(wom_source, campaign=campaign(), sources={"all": Bodies([])}) as client:
        with pytest.raises(NotImplementedError):
            client.pull("all")
        assert client.receive("all", b"").status == 404
        with pytest.raises(errors.InputInvalid, match="not a name"):
            client.submit(Named([]), b"")
    with pytest.raises(errors.ConfigurationInvalid, match="no campaign"):
        Client(wom_source, sources={"all": Bodies([])})


def test_an_adapter_that_wants_to_be_awaited_is_refused_at_once(wom_source: Source) -> None:
    class Waiting(Bodies):
        async def read(self, input: Input, now: datetime) -> AsyncIterator[Found]:  # type: ignore[override]
            for one in self.found:
                yield one

    with (
        Client(wom_source, campaign=campaign()) as client,
        pytest.raises(errors.InputInvalid, match="in place of async def"),
    ):
        client.submit(Waiting([]), b"")
