"""What holds adapters of your own to what the SDK's own are held to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from . import _native
from ._values import instant
from .instrument import Instrument


def check_instrument(
    make: Callable[[], Instrument], sample: bytes, *, now: datetime | None = None
) -> None:
    """Runs the conformance suite that every instrument of the SDK passes.

    `make` makes the adapter anew, as after a restart, and `sample` is a good file that it reads, read
    at the time `now`. The same file again has to yield the same; damage has to be refused without
    quoting anybody; a store that fails has to end the reading; and so on.

    Raises `AssertionError` with every topic that failed.
    """
    at = None if now is None else instant(now, "now")
    results: list[tuple[str, str | None]] = _native.check_instrument(make, sample, at).wait()
    failed = [f"{topic}: {message}" for topic, message in results if message is not None]
    if failed:
        raise AssertionError("\n".join(failed))
