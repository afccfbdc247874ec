"""How the face waits for the native half: by blocking, or by asyncio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ._native import Call

T = TypeVar("T")


def wait(call: Call, make: Callable[[Any], T]) -> T:
    """Waits for the answer while other threads run. Ctrl-C ends the waiting."""
    return make(call.wait())


async def bridge(call: Call, make: Callable[[Any], T]) -> T:
    """Waits for the answer while the event loop runs. No thread waits meanwhile.

    Cancelling gives the call up. An answer that comes after the loop has ended is heard by nobody.
    """
    import asyncio  # whoever awaits has it; whoever blocks never loads it

    loop = asyncio.get_running_loop()
    over = loop.create_future()

    def end() -> None:
        if not over.done():
            over.set_result(None)

    def heard() -> None:
        try:
            loop.call_soon_threadsafe(end)
        except RuntimeError:
            # The loop is closed: whoever waited has been cancelled.
            pass

    call.then(heard)
    try:
        await over
    except asyncio.CancelledError:
        call.cancel()
        raise
    return make(call.result())


def nothing(_: object) -> None:
    """The answer of calls that have none."""
