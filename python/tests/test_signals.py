"""Ctrl-C ends the waiting, and other threads run meanwhile."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from wom_sdk import CashDesk, Client, Pos, Registry, Source

WAITING = """
import signal, sys, wom_sdk

# Whoever runs the tests in the background may have had it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
registry = wom_sdk.Registry()
client = wom_sdk.Client(registry.add_instrument("Away", ["H"]))
registry.down()
print("waiting", flush=True)
try:
    client.award("walk", aim="H", minutes=1, place=(43.7, 12.6))
except KeyboardInterrupt:
    registry.up()
    # The award was written down before: the same key goes on with it.
    print(client.award("walk", aim="H", minutes=1, place=(43.7, 12.6)).minutes, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_ctrl_c_ends_the_waiting() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        rest, _ = process.communicate(timeout=60)
        assert (rest, process.returncode) == ("1\n", 0)
        assert time.monotonic() - began < 20


def test_other_threads_run_while_one_waits(wom_pos: Pos) -> None:
    turns = 0
    over = threading.Event()

    def turn() -> None:
        nonlocal turns
        while not over.is_set():
            turns += 1
            time.sleep(0.001)

    with CashDesk(wom_pos) as desk:
        desk.charge("order 1", 1)
        thread = threading.Thread(target=turn)
        thread.start()
        desk.wait("order 1", timedelta(seconds=0.5))
        over.set()
        thread.join()
    assert turns > 50


def test_many_threads_share_a_client(wom_registry: Registry, wom_source: Source) -> None:
    before = wom_registry.books().issued
    links: list[set[str]] = [set() for _ in range(5)]
    with Client(wom_source) as client:

        def award(number: int) -> None:
            ticket = client.award(f"walk {number}", aim="H", minutes=1, place=(43.7, 12.6))
            links[number].add(ticket.link)

        threads = [threading.Thread(target=award, args=(n % 5,)) for n in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert [len(of_one) for of_one in links] == [1] * 5
    assert wom_registry.books().issued - before == 5
