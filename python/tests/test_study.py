"""Study as Python sees it, judged by the same rules as what the SDK's own adapters see."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from wom_sdk import Campaign, Client, Instrument, Line, Observation, Source, errors
from wom_sdk.instrument import Found, Input
from wom_sdk.study import Counted, Film, Mark, Reached, Studied, Study, Trace

URBINO = (43.7263, 12.6366)
NOON = datetime.now(timezone.utc).replace(hour=12, minute=0, microsecond=0) - timedelta(days=3)
STUDY = Campaign(
    name="study", lines=[Line(name="study", aim="E")], place=URBINO, rules="study-minutes/1"
)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


class Lms(Instrument):
    name = "town.lms"
    summary = "Study on the town's platform"
    rules = "study-minutes/1"

    def __init__(self, found: Sequence[Study]) -> None:
        self.found = found

    def read(self, input: Input, now: datetime) -> Iterable[Found]:
        return [Observation("sara", f"trace {n}", body) for n, body in enumerate(self.found)]


def waiting(source: Source, found: Sequence[Study], campaign: Campaign = STUDY) -> int:
    with Client(source, campaign=campaign) as client:
        taken = client.submit(Lms(found), b"")
        assert (taken.observations, taken.refused) == (len(found), 0)
        return client.waiting("sara")


def of(trace: Trace, **more: str) -> Study:
    return Study(item="algebra 1", trace=trace, **more)  # type: ignore[arg-type]


def test_each_kind_of_trace_is_worth_what_the_rules_say(wom_source: Source) -> None:
    studied = of(Studied(NOON, NOON + minutes(30)))
    assert waiting(wom_source, [studied]) == 30
    # The same half hour, reported twice, counts once.
    assert waiting(wom_source, [studied, of(Studied(NOON + minutes(10), NOON + minutes(30)))]) == 30
    assert waiting(wom_source, [of(Counted(NOON, NOON + minutes(60), minutes(20)))]) == 20
    film = [
        of(Film(at=NOON, step="play", position=minutes(0), length=minutes(10))),
        of(Film(at=NOON + minutes(4), step="seek", position=minutes(4), to=minutes(2))),
        of(Film(at=NOON + minutes(6), step="speed", speed_percent=150)),
        of(Film(at=NOON + minutes(8), step="halt", position=minutes(7))),
    ]
    assert 0 < waiting(wom_source, film) <= 8
    clicks = [of(Mark(NOON + minutes(n)), session="s") for n in range(6)]
    assert 0 < waiting(wom_source, clicks) <= 6


def test_a_milestone_is_worth_what_its_item_takes_less_what_time_earned(wom_source: Source) -> None:
    campaign = replace(STUDY, rule_settings={"passed_minutes": 60})
    time = Studied(NOON, NOON + minutes(10))
    studied = Study(item="algebra 1", trace=time, nominal=minutes(45), toward="both")
    passed = Study(item="algebra 1", trace=Reached(NOON, "passed"), toward="milestones")
    assert waiting(wom_source, [studied, passed], campaign) == 10 + (45 - 10)
    # By default only time counts.
    assert waiting(wom_source, [studied, passed]) == 10


@pytest.mark.parametrize(
    "wrong",
    [
        Study(item="a", trace=Mark(NOON), nominal=timedelta(0)),
        Study(item="a", trace=Counted(NOON, NOON + minutes(5), -minutes(1))),
        Study(item="a", trace=Studied(NOON, NOON + timedelta(days=2))),
        Study(item="a", trace=Studied(NOON, NOON - minutes(1))),
        Study(item="a", trace=Film(at=NOON, step="play", speed_percent=0)),
        Study(item="a", trace=Film(at=NOON, step="play", position=timedelta(days=99))),
    ],
)
def test_what_no_rule_can_judge_is_refused_by_the_boundary(
    wom_source: Source, wrong: Study
) -> None:
    with Client(wom_source, campaign=STUDY) as client, pytest.raises(errors.InputInvalid):
        client.submit(Lms([wrong]), b"")


def test_names_are_not_kept(wom_source: Source) -> None:
    secret = Study(item="sara's own", trace=Studied(NOON, NOON + minutes(9)), session="visit of sara")
    assert "sara" not in repr(secret)
    with Client(wom_source, campaign=STUDY) as client:
        client.submit(Lms([secret]), b"")
        assert "sara" not in json.dumps(client.export("sara"))


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(errors.InputInvalid, match="zone"):
        of(Mark(NOON.replace(tzinfo=None)))._wire()
