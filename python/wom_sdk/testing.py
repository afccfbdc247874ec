"""What holds adapters of your own to what the SDK's own are held to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from . import _native
from ._values import instant
from .instrument import Instrument
from .merchant import Merchant


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
    _passed(_native.check_instrument(make, sample, at).wait())


def check_merchant(open: Callable[[], Merchant], order: Callable[[], str]) -> None:
    """Runs the conformance suite that every shop and till of the SDK passes.

    `open` makes one more adapter of the same shop, as another process has it; `order` makes a new
    order there that is open to a discount, with a total of more than 10.00, and gives its id. A key
    has to give one discount, whoever asks and however often; what is taken back has to be gone; and
    so on.

    Raises `AssertionError` with every topic that failed.
    """
    _passed(_native.check_merchant(open, order).wait())


def _passed(results: list[tuple[str, str | None]]) -> None:
    failed = [f"{topic}: {message}" for topic, message in results if message is not None]
    if failed:
        raise AssertionError("\n".join(failed))
