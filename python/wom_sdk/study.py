"""What a learning platform sees of somebody's study: bodies of observations for `study-minutes/1`.

Names of items, sessions and courses are texts of your own; only digests of them are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from ._values import instant

Goal = Literal["badge", "completed", "course", "mastered", "passed"]
"""What was reached; of a `course` the item is the course."""


def _span(start: datetime, end: datetime) -> list[str]:
    return [instant(start, "start"), instant(end, "end")]


def _millis(length: timedelta | None) -> int | None:
    return None if length is None else length // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Studied:
    """Somebody says that study went on all the time, a day at most."""

    start: datetime
    end: datetime
    stored: datetime | None = None
    """When the platform's server took it in, where it says so: an honest end is not later."""
    closes: bool = False
    """Whether the session, or its player, ended with it."""

    def _wire(self) -> dict[str, Any]:
        return {
            "kind": "interval",
            "span": _span(self.start, self.end),
            "stored": None if self.stored is None else instant(self.stored, "stored"),
            "closes": self.closes,
        }


@dataclass(frozen=True, slots=True)
class Reached:
    """A milestone was reached. It tells no time of study."""

    at: datetime
    goal: Goal

    def _wire(self) -> dict[str, Any]:
        return {"kind": "milestone", "at": instant(self.at, "at"), "goal": self.goal}


@dataclass(frozen=True, slots=True)
class Mark:
    """Something was done at an instant."""

    at: datetime
    what: Literal["seen", "opened", "closed", "browsed"] = "seen"
    """`seen` is a page, an answer, a click; `browsed`: nothing of the session is to count."""

    def _wire(self) -> dict[str, Any]:
        return {"kind": "point", "at": instant(self.at, "at"), "mark": {"mark": self.what}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A film's player was used."""

    at: datetime
    step: Literal["play", "halt", "seek", "speed"]
    """It began or went on to play; it stopped; it jumped; its speed changed."""
    position: timedelta | None = None
    """Where in the film. Of a seek: from where."""
    to: timedelta | None = None
    """Where it jumped to."""
    length: timedelta | None = None
    """How long the film is."""
    speed_percent: int | None = None
    """The speed from now on; never 0."""

    def _wire(self) -> dict[str, Any]:
        step = {"seek": _millis(self.to)} if self.step == "seek" else self.step
        video = {
            "mark": "video",
            "step": step,
            "position_ms": _millis(self.position),
            "length_ms": _millis(self.length),
            "speed_percent": self.speed_percent,
        }
        return {"kind": "point", "at": instant(self.at, "at"), "mark": video}


@dataclass(frozen=True, slots=True)
class Counted:
    """A counter of study time grew by so much, somewhere between `start` and `end`."""

    start: datetime
    end: datetime
    length: timedelta

    def _wire(self) -> dict[str, Any]:
        return {
            "kind": "seconds",
            "within": _span(self.start, self.end),
            "millis": _millis(self.length),
        }


Trace = Studied | Reached | Mark | Film | Counted
"""What was seen of study."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One trace of somebody's study: the body of an `Observation`."""

    item: str = field(repr=False)
    """What was studied: a module, a film, a page. The same for everybody."""
    trace: Trace
    session: str | None = field(default=None, repr=False)
    """The visit, launch or player that it belongs to, where the platform tells them apart."""
    course: str | None = field(default=None, repr=False)
    """The course or registration that the item is a part of."""
    nominal: timedelta | None = None
    """How long the item is meant to take, a second or more, where that is known."""
    toward: Literal["days", "milestones", "both"] = "days"
    """What it counts toward: `both` where milestones of the item may be paid."""

    def _wire(self) -> dict[str, Any]:
        nominal = self.nominal
        return {
            "body": "study",
            "item": self.item,
            "session": self.session,
            "course": self.course,
            "nominal_s": None if nominal is None else nominal // timedelta(seconds=1),
            "toward": self.toward,
            "trace": self.trace._wire(),
        }
