"""Awards through the published Python connector (PyPI wom-connector 1.1.0), for the benchmark.

The first line of the standard input: {"domain", "sourceId", "sourceKey"}. Each further line,
"AWARDS IN_FLIGHT", is answered by "done SECONDS CPU_SECONDS".
"""

import contextlib
import json
import logging
import os
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import requests

# The connector fetches the key over https and posts over http, both from one host and port. A
# Registry on the loopback speaks http only: this is the one thing that is changed about it.
_get = requests.get
requests.get = lambda url, **rest: _get(url.replace("https://", "http://", 1), timeout=30, **rest)

from wom_connector.instrument import Instrument
from wom_connector.voucher import Voucher

# What it prints of every request would cost it time and mix with our answers.
logging.disable(logging.CRITICAL)
answers = os.fdopen(os.dup(1), "w", buffering=1)
silent = open(os.devnull, "w")


def award(instrument):
    instrument.request_vouchers([Voucher.create("H", 43.72, 12.63, datetime.now(timezone.utc), 30)])


def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


with contextlib.redirect_stdout(silent):
    given = json.loads(sys.stdin.readline())
    instrument = Instrument(given["domain"], given["sourceId"], given["sourceKey"].encode())
    award(instrument)
    for line in sys.stdin:
        awards, in_flight = map(int, line.split())
        began, used = time.monotonic(), cpu()
        with ThreadPoolExecutor(in_flight) as pool:
            for done in [pool.submit(award, instrument) for _ in range(awards)]:
                done.result()
        answers.write(f"done {time.monotonic() - began} {cpu() - used}\n")
