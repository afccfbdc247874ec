"""Plain minutes of somebody, for many at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple


class Record(NamedTuple):
    """`user` was active from `start` until `end`: see `Client.record`, which takes the same.

    The native half reads its members in this order.
    """

    user: str
    start: datetime
    end: datetime
    key: str
    activity: str | None = None
    """`exercise` where it is `None`."""
    seconds: int | None = None
    """How much of the time, where it was not all."""
    steps: int | None = None
    revision: int | None = None
    recording: Literal["measured", "attested", "manual", "unknown"] | None = None
    device: Literal["watch", "phone", "app", "unknown"] | None = None
    stream: str | None = None

    def __repr__(self) -> str:
        """Without the person, and without what names the record."""
        return f"Record({self.start.isoformat()}, {self.end.isoformat()}, {self.activity})"
