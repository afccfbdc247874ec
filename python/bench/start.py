"""Start-up until ready to award, and memory, beside an empty interpreter and the published connector.

    python bench/start.py [ROUNDS [PEER_PYTHON]]

Every round starts each of them once, one after the other, in a process of its own: an empty
interpreter, this package, and wom-connector 1.1.0 where PEER_PYTHON has it. The key has 4096 bits.
Start-up is from before the import until the key is loaded and the client is open. Memory is the most
that was resident, after 64 awards with 32 in flight; the Registry is in another process.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from typing import Any

EMPTY = """
import json, resource
print(json.dumps({"start": 0.0, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""

PACKAGE = """
import time
began = time.perf_counter()
import sys
from wom_sdk import Client, Source
url, id, key = sys.argv[1:]
client = Client(Source(registry=url, id=id, key_file=key))
start = time.perf_counter() - began
import json, resource
from concurrent.futures import ThreadPoolExecutor
def award(n):
    client.award(f"walk {n}", aim="H", minutes=30, place=(43.72, 12.63))
with ThreadPoolExecutor(32) as pool:
    list(pool.map(award, range(64)))
print(json.dumps({"start": start, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""

CONNECTOR = """
import time
began = time.perf_counter()
import contextlib, io, logging, sys
import requests
get = requests.get
requests.get = lambda url, **rest: get(url.replace("https://", "http://", 1), timeout=30, **rest)
from wom_connector.instrument import Instrument
from wom_connector.voucher import Voucher
logging.disable(logging.CRITICAL)
url, id, key = sys.argv[1:]
with open(key, "rb") as pem, contextlib.redirect_stdout(io.StringIO()):
    instrument = Instrument(url.removeprefix("http://"), id, pem.read())
start = time.perf_counter() - began
import json, resource
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
def award(n):
    vouchers = [Voucher.create("H", 43.72, 12.63, datetime.now(timezone.utc), 30)]
    instrument.request_vouchers(vouchers)
with contextlib.redirect_stdout(io.StringIO()), ThreadPoolExecutor(32) as pool:
    list(pool.map(award, range(64)))
print(json.dumps({"start": start, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""

REGISTRY = """
import sys
from wom_sdk import Registry
with Registry(key_bits=4096) as registry:
    source = registry.add_instrument("bench", ["H"])
    print(source.registry, source.id, source.key_file, flush=True)
    sys.stdin.read()
"""


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    peer = sys.argv[2] if len(sys.argv) > 2 else None
    clients = {"empty interpreter": (sys.executable, EMPTY), "this package": (sys.executable, PACKAGE)}
    if peer is not None:
        clients["wom-connector 1.1.0"] = (peer, CONNECTOR)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in clients}
    with subprocess.Popen(
        [sys.executable, "-c", REGISTRY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as registry:
        assert registry.stdout is not None
        place = registry.stdout.readline().split()
        for _ in range(rounds):
            for name, (python, program) in clients.items():
                told = subprocess.run(
                    [python, "-c", program, *place], check=True, capture_output=True, text=True
                )
                runs[name].append(json.loads(told.stdout.splitlines()[-1]))
        registry.communicate("")
    print(f"{rounds} rounds; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    empty = [run["memory"] for run in runs["empty interpreter"]]
    for name, of in runs.items():
        start = [run["start"] * 1e3 for run in of]
        above = [(run["memory"] - base) / 1024 for run, base in zip(of, empty, strict=True)]
        print(f"{name}: ready after {spread(start)} ms; {spread(above)} MiB above an empty interpreter")


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


if __name__ == "__main__":
    main()
