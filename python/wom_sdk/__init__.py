"""Award and accept WOM: one anonymous voucher for each minute given to something useful to others.

`Client` and `AsyncClient` award minutes, take activity in and hand codes out; `CashDesk` asks for
payments, and `Shop` gives discounts for them; `Registry` is one of your own for trying out, and `Pocket` a wallet. Every method of an
`Async…` class has the name and the arguments of its blocking twin.

Open clients after a fork, not before it: threads are not forked along. Whatever goes wrong is a
`WomError`; see `wom_sdk.errors`.
"""

import logging
from typing import TYPE_CHECKING

from . import errors, webhook
from ._native import VERSION as __version__
from ._sync import CashDesk, Client, Pocket, Registry
from ._sync_shop import Shop
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
from .catalogue import (
    AIMS,
    Adapter,
    Aim,
    MerchantAdapter,
    RuleSet,
    Setting,
    adapters,
    merchants,
    rule_sets,
)
from .errors import WomError
from .instrument import Instrument, Observation, Refusal
from .merchant import Merchant, Order, OrderLine
from .record import Record
from .sale import Offer, Poster, Receipt, Report, Rules, Sale

if TYPE_CHECKING:
    from ._async import AsyncCashDesk, AsyncClient, AsyncPocket, AsyncRegistry
    from ._async_shop import AsyncShop
else:

    def __getattr__(name: str) -> object:
        """The asynchronous face, once somebody asks for it: asyncio alone takes 11 MB."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from . import _async, _async_shop

        found = getattr(_async_shop if name == "AsyncShop" else _async, name)
        globals()[name] = found
        return found


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
    "AsyncShop",
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
    "Merchant",
    "MerchantAdapter",
    "Observation",
    "Offer",
    "Order",
    "OrderLine",
    "Paid",
    "Person",
    "Pocket",
    "Pos",
    "Poster",
    "PostgresKeys",
    "PostgresStore",
    "Reason",
    "Receipt",
    "Record",
    "Redeemed",
    "Refusal",
    "Refused",
    "Registry",
    "Reply",
    "Report",
    "RuleSet",
    "Rules",
    "Sale",
    "Setting",
    "Shop",
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
    "merchants",
    "rule_sets",
    "webhook",
]
