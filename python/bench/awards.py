"""Awards through this package, for the benchmark `tests/benches/awards`.

The first line of the standard input: {"domain", "sourceId", "sourceKey"}. Each further line,
"AWARDS IN_FLIGHT", is answered by "done SECONDS CPU_SECONDS". Each run has a store of its own in a
SQLite file, as our Rust client has there; an asyncio task for each award waits for its turn.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from wom_sdk import AsyncClient, Source


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def run(source: Source, folder: Path, awards: int, in_flight: int) -> str:
    turns = asyncio.Semaphore(in_flight)
    client = AsyncClient(source, store=folder / "awards.db", keys=folder / "keys.json")

    async def award(key: str) -> None:
        async with turns:
            await client.award(key, aim="H", minutes=30, place=(43.72, 12.63))

    async with client:
        await award("warm")
        began, used = time.monotonic(), cpu()
        await asyncio.gather(*(award(f"activity {n}") for n in range(awards)))
        return f"done {time.monotonic() - began} {cpu() - used}"


def main() -> None:
    given: dict[str, Any] = json.loads(sys.stdin.readline())
    pem: str = given["sourceKey"]
    source = Source(registry=f"http://{given['domain']}", id=given["sourceId"], key=lambda: pem)
    for line in sys.stdin:
        awards, in_flight = map(int, line.split())
        with tempfile.TemporaryDirectory() as folder:
            print(asyncio.run(run(source, Path(folder), awards, in_flight)), flush=True)


if __name__ == "__main__":
    main()
