"""Awards and charges through the published Python connector (PyPI wom-connector 1.1.0).

The Rust test `peers` of the crate wom-registry starts this with a Registry of its own:

    python3 -m venv peers && peers/bin/pip install wom-connector==1.1.0
    WOM_PEER_PYTHON=$PWD/peers/bin/python cargo test -p wom-registry --test registry peers -- --ignored

Standard input: {"domain", "sourceId", "sourceKey", "posId", "posKey"}. The last line of the standard
output: {"vouchers": [otc, pin], "located": [otc, pin], "payment": [otc, pin]}.
"""

import json
import sys
from datetime import datetime, timezone

import requests

# The connector fetches the key over https and posts over http, both from one host and port. A
# Registry on the loopback speaks http only: this is the one thing that is changed about it.
_get = requests.get
requests.get = lambda url, **rest: _get(url.replace("https://", "http://", 1), timeout=30, **rest)

from wom_connector.filter import Filter
from wom_connector.instrument import Instrument
from wom_connector.pointofsale import POS
from wom_connector.voucher import Voucher

given = json.load(sys.stdin)
now = datetime.now(timezone.utc)

instrument = Instrument(given["domain"], given["sourceId"], given["sourceKey"].encode())
# Many specifications, so that the payload takes several blocks.
vouchers = instrument.request_vouchers(
    [Voucher.create("H", 43.72, 12.63, now, count) for count in range(1, 11)]
)
located = instrument.request_vouchers([Voucher.createWithoutLocation("H", now, 3)], password="4821")

pos = POS(given["domain"], given["posId"], given["posKey"].encode())
payment = pos.request_payment(
    12,
    "https://shop.example/thanks",
    filter=Filter.create("H", [46.0, -17.0], [12.0, 160.0], 14),
)
print()
print(json.dumps({"vouchers": vouchers, "located": located, "payment": payment}))
