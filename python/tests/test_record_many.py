"""Many records in one call: the same as one by one, and nothing taken where one is no record."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wom_sdk import AsyncClient, Campaign, Client, Line, Record, Registry, Source, errors

URBINO = (43.7263, 12.6366)
NOON = datetime.now(timezone.utc).replace(hour=12, minute=0, microsecond=0) - timedelta(days=3)
CAMPAIGN = Campaign(name="many", lines=[Line(name="health", aim="H")], place=URBINO)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def test_many_are_taken_in_one_call(wom_source: Source) -> None:
    records = (
        Record(f"user {n % 50}", NOON + minutes(n), NOON + minutes(n + 1), f"walk {n}")
        for n in range(300)
    )
    with Client(wom_source, campaign=CAMPAIGN) as client:
        taken = client.record_many(records)
        assert (taken.observations, taken.refused, taken.waiting) == (300, 0, 300)
        assert client.waiting("user 7") == 6
        assert client.record_many([]).observations == 0


def test_one_that_cannot_be_used_is_told_and_the_others_count(wom_source: Source) -> None:
    good = Record("sara", NOON, NOON + minutes(30), "a")
    backwards = Record("sara", NOON, NOON - minutes(1), "b")
    odd = Record("sara", NOON, NOON + minutes(1), "c", device=cast("Any", "toaster"))
    again = Record("sara", NOON, NOON + minutes(40), "a", revision=2)
    with Client(wom_source, campaign=CAMPAIGN) as client:
        taken = client.record_many([good, backwards, odd, again])
        assert (taken.observations, taken.refused) == (2, 2)
        assert [refused.at["record"] for refused in taken.refusals] == [2, 3]
        assert taken.refusals[1].field == "device"
        assert client.waiting("sara") == 40


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (Record("sara", NOON.replace(tzinfo=None), NOON, "b"), errors.InputInvalid, "no instant"),
        (("sara", NOON, NOON, "b"), TypeError, "record 2: has other members"),
        ({"user": "sara"}, TypeError, "record 2: is no Record"),
        (Record(cast("Any", 7), NOON, NOON, "b"), TypeError, "record 2: user is no text"),
        (Record("sara", cast("Any", "noon"), NOON, "b"), TypeError, "start is no datetime"),
        (Record("sara", NOON, NOON, "b", steps=-1), TypeError, "record 2: steps"),
        (Record("sara", NOON, NOON, "b", seconds=2**40), TypeError, "record 2: seconds"),
        (Record("sa\ud800ra", NOON, NOON, "b"), TypeError, "record 2: user"),
    ],
)
def test_where_one_is_no_record_nothing_is_taken(
    wom_source: Source, wrong: Any, error: type[Exception], words: str
) -> None:
    with Client(wom_source, campaign=CAMPAIGN) as client:
        with pytest.raises(error, match=words) as caught:
            client.record_many([Record("sara", NOON, NOON + minutes(30), "a"), wrong])
        assert "sara" not in str(caught.value)
        assert client.waiting("sara") == 0


def test_a_record_prints_nobody() -> None:
    record = Record("sara", NOON, NOON, "sara's walk", stream="sara's watch")
    assert "sara" not in repr(record)


async def test_many_within_a_loop(wom_source: Source) -> None:
    async with AsyncClient(wom_source, campaign=CAMPAIGN) as client:
        taken = await client.record_many([Record("sara", NOON, NOON + minutes(30), "a")])
        assert taken.waiting == 30


@pytest.fixture(scope="module")
def known(wom_registry: Registry) -> Source:
    """One for all examples: each client has a store of its own in memory."""
    return wom_registry.add_instrument("Same", ["H"])


zones = st.sampled_from(
    [timezone.utc, ZoneInfo("Europe/Rome"), timezone(timedelta(hours=-9, minutes=-30))]
)


@settings(max_examples=40, deadline=None)
@given(
    starts=st.lists(
        st.tuples(
            st.integers(min_value=0, max_value=20 * 3_600_000_000),
            zones,
            st.integers(min_value=60_000, max_value=7_200_000),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_it_is_the_same_as_one_by_one(known: Source, starts: list[tuple[int, Any, int]]) -> None:
    day = NOON.replace(hour=0)
    records = [
        Record(
            "sara",
            (begin := day + timedelta(microseconds=micros)).astimezone(zone),
            (begin + timedelta(milliseconds=length)).astimezone(zone),
            f"walk {n}",
            "walking",
            steps=length // 1_000,
            device="watch",
        )
        for n, (micros, zone, length) in enumerate(starts)
    ]
    with Client(known, campaign=CAMPAIGN) as one, Client(known, campaign=CAMPAIGN) as other:
        other.record_many(records)
        for record in records:
            one.record(
                "sara",
                record.start,
                record.end,
                record.key,
                activity="walking",
                steps=record.steps,
                device="watch",
            )
        assert one.history("sara") == other.history("sara")
        assert observed(one) == observed(other)


def observed(client: Client) -> list[str]:
    """What is kept, but for names that differ between two clients."""
    return sorted(str(body) for body in bodies(client.export("sara")))


def bodies(kept: Any) -> list[Any]:
    if isinstance(kept, dict):
        members = cast("dict[str, Any]", kept)
        own = [members["record"]] if "record" in members else []
        return own + [body for member in members.values() for body in bodies(member)]
    if isinstance(kept, list):
        return [body for member in kept for body in bodies(member)]  # pyright: ignore[reportUnknownVariableType]
    return []
