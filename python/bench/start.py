"""Start-up until ready to award, and memory, beside an empty interpreter and the published connector.

    python bench/start.py [ROUNDS [PEER_PYTHON]]

Every round starts each of them once, one after the other, in a process of its own: an empty
interpreter, this package, and wom-connector 1.1.0 where PEER_PYTHON has it. The key has 4096 bits.
Start-up is from before the import until the key is loaded and the client is open. Memory is the most
that was resident, after 64 awards with 32 in flight, and what of it is the process's own then: the
rest are pages of files, which processes share (Linux tells it). Connections are those that the
Registry sees for these awards; it is in another process.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import socketserver
import statistics
import subprocess
import sys
import threading
from typing import Any
from urllib.parse import urlsplit

TELL = """
import json, resource
with open("/proc/self/smaps_rollup") as pages:
    own = sum(int(line.split()[1]) for line in pages if line.startswith("Private_"))
print(json.dumps({"start": start, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, "own": own}))
"""

EMPTY = f"""
start = 0.0
{TELL}
"""

PACKAGE = f"""
import time
began = time.perf_counter()
import sys
from wom_sdk import Client, Source
url, id, key = sys.argv[1:]
client = Client(Source(registry=url, id=id, key_file=key))
start = time.perf_counter() - began
from concurrent.futures import ThreadPoolExecutor
def award(n):
    client.award(f"walk {{n}}", aim="H", minutes=30, place=(43.72, 12.63))
with ThreadPoolExecutor(32) as pool:
    list(pool.map(award, range(64)))
{TELL}
"""

CONNECTOR = f"""
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
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
def award(n):
    vouchers = [Voucher.create("H", 43.72, 12.63, datetime.now(timezone.utc), 30)]
    instrument.request_vouchers(vouchers)
with contextlib.redirect_stdout(io.StringIO()), ThreadPoolExecutor(32) as pool:
    list(pool.map(award, range(64)))
{TELL}
"""

REGISTRY = """
import sys
from wom_sdk import Registry
with Registry(key_bits=4096) as registry:
    source = registry.add_instrument("bench", ["H"])
    print(source.registry, source.id, source.key_file, flush=True)
    sys.stdin.read()
"""


class Counting(socketserver.ThreadingTCPServer):
    """Passes connections on to a Registry, and counts them."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, registry: str) -> None:
        self.registry = urlsplit(registry)
        self.connections = 0
        super().__init__(("127.0.0.1", 0), PassOn)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class PassOn(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Counting)
        self.server.connections += 1
        to = self.server.registry
        with socket.create_connection((to.hostname or "", to.port or 80)) as registry:
            threading.Thread(target=pump, args=(registry, self.request), daemon=True).start()
            pump(self.request, registry)


def pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


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
        url, id, key = registry.stdout.readline().split()
        counting = Counting(url)
        for _ in range(rounds):
            for name, (python, program) in clients.items():
                before = counting.connections
                told = subprocess.run(
                    [python, "-c", program, counting.url(), id, key], check=True, capture_output=True, text=True
                )
                run = json.loads(told.stdout.splitlines()[-1])
                runs[name].append(run | {"connections": counting.connections - before})
        registry.communicate("")
    print(f"{rounds} rounds; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    empty = runs["empty interpreter"]
    for name, of in runs.items():
        start = [run["start"] * 1e3 for run in of]
        memory, own = (
            [(run[sort] - base[sort]) / 1024 for run, base in zip(of, empty, strict=True)] for sort in ("memory", "own")
        )
        connections = [float(run["connections"]) for run in of]
        print(
            f"{name}: ready after {spread(start)} ms; {spread(memory)} MiB above an empty interpreter,"
            f" {spread(own)} of it its own; {spread(connections)} connections"
        )


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


if __name__ == "__main__":
    main()
