"""Award and accept WOM: one anonymous voucher for each minute given to something useful to others.

`Client` and `AsyncClient` award minutes, take activity in and hand codes out; `CashDesk` asks for
payments; `Registry` is one of your own for trying out, and `Pocket` a wallet. Every method of an
`Async…` class has the name and the arguments of its blocking twin.

Open clients after a fork, not before it: threads are not forked along. Whatever goes wrong is a
`WomError`; see `wom_sdk.errors`.
"""

import logging

from . import errors, webhook
from ._async import AsyncCashDesk, AsyncClient, AsyncPocket, AsyncRegistry
from ._native import VERSION as __version__
from ._sync import CashDesk, Client, Pocket, Registry
from ._values import (
    Books,
    Campaign,
    CheckoutState,
    Claim,
    FileKeys,
    Given,
    Line,
    Paid,
    Person,
    Pos,
    PostgresKeys,
    PostgresStore,
    Reason,
    Redeemed,
    Refused,
    Reply,
    Source,
    SqliteStore,
    Submission,
    Ticket,
    Use,
    Worked,
)
from .catalogue import AIMS, Adapter, Aim, RuleSet, Setting, adapters, rule_sets
from .errors import WomError
from .instrument import Instrument, Observation, Refusal

# Who listens says so; a library by itself is silent.
logging.getLogger("wom_sdk").addHandler(logging.NullHandler())

__all__ = [
    "AIMS",
    "Adapter",
    "Aim",
    "AsyncCashDesk",
    "AsyncClient",
    "AsyncPocket",
    "AsyncRegistry",
    "Books",
    "Campaign",
    "CashDesk",
    "CheckoutState",
    "Claim",
    "Client",
    "FileKeys",
    "Given",
    "Instrument",
    "Line",
    "Observation",
    "Paid",
    "Person",
    "Pocket",
    "Pos",
    "PostgresKeys",
    "PostgresStore",
    "Reason",
    "Redeemed",
    "Refusal",
    "Refused",
    "Registry",
    "Reply",
    "RuleSet",
    "Setting",
    "Source",
    "SqliteStore",
    "Submission",
    "Ticket",
    "Use",
    "WomError",
    "Worked",
    "__version__",
    "adapters",
    "errors",
    "rule_sets",
    "webhook",
]
