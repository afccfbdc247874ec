"""A process that awards is killed with -9, again and again: nothing is lost and nothing doubled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from wom_sdk import Client, Pocket, Registry

AWARDS = 60
KILLS = 8
# A fast worker may come through before it is killed: it is then given this many more.
MORE = 50
MOST = 2_000
PLACE = (43.7, 12.6)

WORKER = """
import asyncio, datetime, os, sys, wom_sdk

registry, id, key_file, folder, face, awards = sys.argv[1:]
source = wom_sdk.Source(registry=registry, id=id, key_file=key_file)
# A faithful Registry does not say whether it verified a code: that takes its time to find out.
patience = datetime.timedelta(minutes=5)
where = {"patience": patience, "store": folder + "/awards.db", "keys": folder + "/keys.json"}
handed = os.open(folder + "/handed", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def hand_over(number, ticket):
    # The till's own journal: written and synced before the person is shown anything.
    os.write(handed, f"{number} {ticket.link} {ticket.pin}\\n".encode())
    os.fsync(handed)

def blocking():
    with wom_sdk.Client(source, **where) as client:
        for number in range(int(awards)):
            hand_over(number, client.award(f"walk {number}", aim="H", minutes=1, place=(43.7, 12.6)))

async def waiting():
    async with wom_sdk.AsyncClient(source, **where) as client:
        async def award(number):
            ticket = await client.award(f"walk {number}", aim="H", minutes=1, place=(43.7, 12.6))
            hand_over(number, ticket)
        await asyncio.gather(*(award(number) for number in range(int(awards))))

asyncio.run(waiting()) if face == "async" else blocking()
"""


def lines_of(folder: Path) -> int:
    """How many codes were handed over."""
    journal = folder / "handed"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def play(folder: Path, face: str, seed: int, faithful: bool) -> int:
    """Kills the worker at random instants until it has come through; gives how many awards it made."""
    chance = random.Random(seed)
    awards, killed = AWARDS, 0
    with Registry(faithful=faithful) as registry:
        source = registry.add_instrument("Mortal", ["H"])
        args = [source.registry, source.id, str(source.key_file), str(folder), face]
        while True:
            worker = subprocess.Popen([sys.executable, "-c", WORKER, *args, str(awards)])
            # At some instant of an award, from none to a few after the last time.
            enough, ends = lines_of(folder) + chance.randrange(14), time.monotonic() + 2
            while killed < KILLS and worker.poll() is None and time.monotonic() < ends:
                if lines_of(folder) >= enough:
                    break
                time.sleep(0.001)
            time.sleep(chance.choice([0, 0, 0.003, 0.01, 0.1]))
            if killed < KILLS and worker.poll() is None:
                worker.send_signal(signal.SIGKILL)
                killed += 1
            if worker.wait(330) == 0:
                if killed == KILLS:
                    break
                awards += MORE
                assert awards <= MOST, f"came through {awards} awards, killed {killed} times"
                continue
            assert worker.returncode == -signal.SIGKILL
        handed: dict[str, set[tuple[str, str]]] = {}
        for line in (folder / "handed").read_text().splitlines():
            number, link, pin = line.split(" ")
            handed.setdefault(number, set()).add((link, pin))
        # Lost: keys without a code. Doubled: keys with two, or more issued than asked for.
        assert len(handed) == awards
        assert all(len(codes) == 1 for codes in handed.values())
        with Pocket(registry) as pocket:
            for codes in handed.values():
                for link, pin in codes:
                    assert pocket.redeem_link(link, pin).vouchers == 1
            assert pocket.balance() == {"H": awards}
        books = registry.books()
        assert (books.issued, books.redeemed) == (awards, awards)
        with Client(source, store=folder / "awards.db", keys=folder / "keys.json") as client:
            client.award("walk 0", aim="H", minutes=1, place=PLACE)
        assert registry.books().issued == awards
    return awards


def test_nothing_is_lost_and_nothing_doubled(tmp_path: Path) -> None:
    seed = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
    print(f"SEED={seed}")
    # A faithful Registry remembers nothing: what our store does not know is made twice there. What it
    # leaves open takes half a minute, in which many may wait at a time.
    for face, faithful in (("blocking", False), ("async", True)):
        folder = tmp_path / face
        folder.mkdir()
        awards = play(folder, face, seed, faithful)
        print(f"{face}: killed {KILLS} times, {awards} awards, lost 0, doubled 0")
