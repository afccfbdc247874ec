"""The asynchronous face: many calls on one thread, cancellation, and the end of a loop."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone

import pytest
from wom_sdk import AsyncClient, AsyncPocket, AsyncRegistry, Campaign, Line, Registry, Source, errors

URBINO = (43.7263, 12.6366)


async def test_ten_lines() -> None:
    async with AsyncRegistry() as registry:
        source = await registry.add_instrument("My app", ["H"])
        health = Campaign(name="walks", lines=[Line(name="health", aim="H")], place=URBINO)
        async with AsyncClient(source, campaign=health) as client, AsyncPocket(registry) as pocket:
            start = datetime.now(timezone.utc).replace(hour=12) - timedelta(days=3)
            await client.record("sara", start, start + timedelta(minutes=30), "walk 42")
            [claim] = await client.claims("sara")
            assert (await pocket.redeem(claim)).vouchers == 30
            await client.acknowledge(claim)
        assert (await registry.books()).redeemed == 30


async def test_many_at_a_time_need_no_thread_each(wom_registry: Registry, wom_source: Source) -> None:
    before = wom_registry.books()
    async with AsyncClient(wom_source) as client:
        await client.award("first", aim="H", minutes=1, place=URBINO)
        threads = threading.active_count()
        tickets = await asyncio.gather(
            *(client.award(f"walk {n % 20}", aim="H", minutes=1, place=URBINO) for n in range(40))
        )
        assert threading.active_count() == threads
        assert len({ticket.id for ticket in tickets}) == 20
    assert wom_registry.books().issued - before.issued == 21


async def test_the_loop_runs_while_an_award_is_waited_for(wom_source: Source) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with AsyncClient(wom_source) as client:
        turning = asyncio.create_task(turn())
        await client.award("walk", aim="H", minutes=1, place=URBINO)
        turning.cancel()
    assert turns > 10


async def test_who_gives_up_can_ask_again() -> None:
    async with AsyncRegistry() as registry:
        source = await registry.add_instrument("Away", ["H"])
        async with AsyncClient(source) as client:
            await registry.down()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.award("w", aim="H", minutes=2, place=URBINO), 0.3)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await client.award("w", aim="H", minutes=2, place=URBINO)
            await registry.up()
            ticket = await client.award("w", aim="H", minutes=2, place=URBINO)
            assert ticket.minutes == 2
        assert (await registry.books()).issued == 2


async def test_background_work_ends_when_the_client_is_closed(wom_source: Source) -> None:
    client = AsyncClient(wom_source)
    running = asyncio.create_task(client.run())
    await client.accept("walk", aim="H", minutes=2, place=URBINO)
    for _ in range(200):
        await asyncio.sleep(0.05)
        if (await client.work()).awards == 0:
            break
    await client.award("walk", aim="H", minutes=2, place=URBINO)
    await client.close()
    await asyncio.wait_for(running, 10)
    with pytest.raises(errors.InputInvalid, match="closed"):
        await client.award("walk", aim="H", minutes=2, place=URBINO)


LEFT_OPEN = """
import asyncio, sys, wom_sdk

async def main():
    registry = wom_sdk.AsyncRegistry()
    source = await registry.add_instrument("Left", ["H"])
    client = wom_sdk.AsyncClient(source)
    await client.award("first", aim="H", minutes=1, place=(43.7, 12.6))
    await registry.down()
    # Nobody waits for these, and nobody closes anything.
    for n in range(20):
        asyncio.create_task(client.award(f"walk {n}", aim="H", minutes=1, place=(43.7, 12.6)))
    asyncio.create_task(client.run())
    await asyncio.sleep(0.2)

asyncio.run(main())
asyncio.run(main())
print("ended")
"""


def test_a_loop_and_a_process_that_end_in_the_middle_neither_hang_nor_complain() -> None:
    run = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", LEFT_OPEN],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.stdout, run.stderr, run.returncode) == ("ended\n", "", 0)


LAZY = """
import sys
import wom_sdk
with wom_sdk.Registry() as registry:
    with wom_sdk.Client(registry.add_instrument("a", ["H"])) as client:
        client.award("walk", aim="H", minutes=1, place=(43.7, 12.6))
assert "asyncio" not in sys.modules, "it is loaded"
assert set(wom_sdk.__all__) >= {"AsyncClient", "AsyncShop"}
from wom_sdk import *
assert AsyncShop is wom_sdk.AsyncShop and AsyncClient.__name__ == "AsyncClient"
assert not hasattr(wom_sdk, "AsyncNothing")
print("asyncio" in sys.modules)
"""


def test_who_blocks_never_loads_asyncio() -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", LAZY], capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.stdout, run.stderr) == ("True\n", "")
