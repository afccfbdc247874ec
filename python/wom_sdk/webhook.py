"""Webhooks: one `verify` and one `sign` for every sender that the SDK knows.

Give `verify` the body as it arrived, as bytes: a body that a framework has parsed and written again is
another text, and its signature does not hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from . import _native
from .errors import InputInvalid

SCHEMES: tuple[str, ...] = tuple(_native.SCHEMES)
"""The names of the schemes."""

Headers = Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]]
"""Headers as frameworks have them."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message whose signature holds."""

    id: str | None
    """The duplicate key, where the scheme has one: an id that was seen before is the same message."""
    at: datetime | None
    """When the sender sent it, where that is signed."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """A call that sets the webhook up and is signed by nobody: answer 200 and do nothing else."""

    code: str | None
    """What the person who sets it up has to copy into the sender's page."""


def verify(
    scheme: str,
    headers: Headers,
    body: bytes,
    secrets: str | Iterable[str],
    *,
    header: str | None = None,
    url: str | None = None,
    now: datetime | None = None,
) -> Message | Handshake:
    """Checks a message. Whatever does not hold is `WebhookRefused`.

    `scheme` is one of `SCHEMES`; `hub` needs the name of its `header`, and `square` the `url` as it
    was given to Square. While a secret changes, give both.
    """
    told = _native.verify_webhook(
        (scheme, header, url), _texts(secrets), header_pairs(headers), raw(body), _seconds(now)
    )
    if told.get("handshake"):
        return Handshake(told.get("code"))
    at = told["at"]
    return Message(told["id"], None if at is None else datetime.fromisoformat(at))


def sign(
    scheme: str,
    id: str,
    body: bytes,
    secrets: str | Iterable[str],
    *,
    header: str | None = None,
    url: str | None = None,
    now: datetime | None = None,
) -> dict[str, str]:
    """The headers of a message that is sent now: for tests of your own receiver."""
    return dict(
        _native.sign_webhook((scheme, header, url), _texts(secrets), id, raw(body), _seconds(now))
    )


def _texts(secrets: str | Iterable[str]) -> list[str]:
    return [secrets] if isinstance(secrets, str) else list(secrets)


def header_pairs(headers: Headers) -> list[tuple[str, bytes]]:
    """Headers as the native half reads them."""
    if isinstance(headers, Mapping):
        pairs: Iterable[tuple[str, str | bytes]] = cast("Mapping[str, str | bytes]", headers).items()
    else:
        pairs = headers
    return [
        (name, value.encode("latin-1", "replace") if isinstance(value, str) else value)
        for name, value in pairs
    ]


def raw(body: object) -> bytes:
    """A body as it arrived; one that a framework has parsed is refused."""
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(cast("bytes", body))
    kind = type(body).__name__
    raise InputInvalid(
        f"the body has to be bytes as they arrived, and is {kind}",
        hint="take the raw body: request.get_data() in Flask, request.body in Django, await request.body() in FastAPI",
        fields={"field": "body"},
    )


def _seconds(now: datetime | None) -> float | None:
    return None if now is None else now.timestamp()
