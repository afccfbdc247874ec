"""After a fork nothing hangs: what the parent opened says so, and what the child opens works."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable

import pytest
from wom_sdk import Client, Registry, Source, errors

URBINO = (43.7263, 12.6366)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def in_child(work: Callable[[], None]) -> int:
    """Runs something in a forked process, at most 30 seconds, and gives its exit code."""
    child = os.fork()
    if child == 0:
        # No traceback of pytest's own, and no clean-up of the parent's things.
        signal.alarm(30)
        code = 1
        try:
            work()
            code = 0
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def test_what_the_parent_opened_says_so(wom_source: Source) -> None:
    client = Client(wom_source)
    first = client.award("walk", aim="H", minutes=1, place=URBINO)

    def work() -> None:
        with pytest.raises(errors.Unsupported, match="after the fork"):
            client.award("walk", aim="H", minutes=1, place=URBINO)
        # Neither closing nor forgetting it waits for the parent's threads.
        client.close()

    assert in_child(work) == 0
    # The parent goes on.
    assert client.award("walk", aim="H", minutes=1, place=URBINO) == first
    client.close()


def test_a_child_has_a_runtime_of_its_own(wom_registry: Registry, wom_source: Source) -> None:
    before = wom_registry.books().issued

    def work() -> None:
        with Client(wom_source) as client:
            client.award(f"walk {os.getpid()}", aim="H", minutes=1, place=URBINO)

        async def award() -> None:
            from wom_sdk import AsyncClient

            async with AsyncClient(wom_source) as client:
                await client.award(f"ride {os.getpid()}", aim="H", minutes=1, place=URBINO)

        import asyncio

        asyncio.run(award())

    assert [in_child(work) for _ in range(3)] == [0, 0, 0]
    assert wom_registry.books().issued - before == 6


def award_in_pool(source: Source, number: int) -> int:
    with Client(source) as client:
        return client.award(f"walk {number}", aim="H", minutes=1, place=URBINO).minutes


def test_a_pool_of_forked_workers_ends(wom_source: Source) -> None:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        minutes = pool.starmap_async(award_in_pool, [(wom_source, n) for n in range(6)])
        assert sum(minutes.get(60)) == 6
        pool.close()
        pool.join()
