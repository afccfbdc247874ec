"""What it costs to hand 10,000 records over in one call, beside empty native calls.

    python bench/boundary.py [ROUNDS]

The boundary is what the caller's thread spends with Python's lock, in its own CPU time: `record_many`
reads every record before it gives its `Call` back. What follows (merging, settling, storing) runs without the lock; it is
told beside it. Every round measures all of it, one after the other.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from datetime import datetime, timedelta, timezone

from wom_sdk import Campaign, Client, Line, Record, Registry, _native

COUNT = 10_000


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    noon = datetime.now(timezone.utc).replace(hour=12, minute=0) - timedelta(days=3)
    campaign = Campaign(name="many", lines=[Line(name="h", aim="H")], place=(43.72, 12.63))
    ratios: list[float] = []
    each: list[float] = []
    singles: list[float] = []
    with Registry() as registry:
        source = registry.add_instrument("bench", ["H"])
        for round in range(rounds):
            records = [
                Record(
                    f"user {n % 500}",
                    noon + timedelta(seconds=n),
                    noon + timedelta(seconds=n + 600),
                    f"walk {n}",
                    "walking",
                    steps=900,
                    device="watch",
                )
                for n in range(COUNT)
            ]
            with Client(source, campaign=campaign) as client:
                native = client._open()
                used = time.thread_time()
                empty_calls()
                empty = (time.thread_time() - used) / COUNT
                began, used = time.perf_counter(), time.thread_time()
                call = native.record_many(records)
                crossed = (time.thread_time() - used) / COUNT
                taken = call.wait()
                whole = (time.perf_counter() - began) / COUNT
                assert taken["observations"] == COUNT
                began = time.perf_counter()
                for record in records[:500]:
                    client.record(*record[:4])
                singles.append((time.perf_counter() - began) / 500 * 1e6)
            ratios.append(crossed / empty)
            each.append(whole * 1e6)
            print(
                f"round {round + 1}: an empty call {empty * 1e9:.0f} ns; a record {crossed * 1e9:.0f} ns,"
                f" {crossed / empty:.1f} empty calls; with intake {whole * 1e6:.0f} us"
            )
    print(f"load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"a record of 10,000 in one call: {spread(ratios)} empty native calls")
    print(f"with intake: {spread(each)} us each; one by one: {spread(singles)} us each")


def empty_calls() -> None:
    nothing = _native.nothing
    for _ in range(COUNT):
        nothing()


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


if __name__ == "__main__":
    main()
