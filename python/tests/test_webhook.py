"""Webhooks of every scheme, by the vectors that Rust reads too."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from wom_sdk import errors, webhook

VECTORS = Path(__file__).parents[2] / "tests" / "vectors" / "webhook-vectors.json"
CASES: list[dict[str, Any]] = json.loads(VECTORS.read_text())["cases"]
NAMES = {"clover-token": "clover", "hub-sha256": "github"}


def name_of(case: dict[str, Any]) -> str:
    scheme: str = case["scheme"]
    return NAMES.get(scheme, scheme)


def decide(case: dict[str, Any]) -> str:
    try:
        verified = webhook.verify(
            name_of(case),
            case["headers"],
            base64.b64decode(case["body_base64"]),
            case["secrets"],
            url=case.get("notification_url") if case["scheme"] == "square" else None,
            now=datetime.fromtimestamp(case["now_unix"], timezone.utc),
        )
    except (errors.WebhookRefused, errors.KeyInvalid):
        return "invalid"
    match verified:
        case webhook.Message():
            return "valid"
        case webhook.Handshake(code=None):
            return "unsigned_ping"
        case webhook.Handshake():
            return "verification_request"


def test_every_vector_is_decided_as_it_should_be() -> None:
    wrong = [
        case["id"]
        for case in CASES
        if case["expect"] != "valid_or_invalid" and decide(case) != case["expect"]
    ]
    assert (wrong, len(CASES)) == ([], 234)
    tried = {name_of(case) for case in CASES}
    assert set(webhook.SCHEMES) == tried | {"hub"}


@pytest.mark.parametrize("scheme", webhook.SCHEMES)
def test_what_is_signed_here_holds_here(scheme: str) -> None:
    options: dict[str, Any] = {
        "header": "X-Till-Signature" if scheme == "hub" else None,
        "url": "https://till.example/hook" if scheme == "square" else None,
    }
    secret, body = "whsec_EQODq8WC8zc0aPhmVUvHPCI5KygXsRlY", b'{"id": "a"}'
    headers = webhook.sign(scheme, "message-1", body, secret, **options)
    assert isinstance(webhook.verify(scheme, headers, body, secret, **options), webhook.Message)
    pairs = [(name.upper(), value.encode()) for name, value in headers.items()]
    webhook.verify(scheme, pairs, body, ["whsec_" + "A" * 32, secret], **options)
    if scheme != "clover":
        with pytest.raises(PermissionError):
            webhook.verify(scheme, headers, body + b" ", secret, **options)


def test_an_old_message_is_refused() -> None:
    secret = "whsec_EQODq8WC8zc0aPhmVUvHPCI5KygXsRlY"
    headers = webhook.sign("standard-webhooks", "a", b"{}", secret)
    late = datetime.now(timezone.utc) + timedelta(minutes=6)
    with pytest.raises(errors.WebhookRefused):
        webhook.verify("standard-webhooks", headers, b"{}", secret, now=late)


@pytest.mark.parametrize("body", [{"id": 1}, "{}", None])
def test_a_body_that_was_parsed_is_refused_with_what_to_do(body: Any) -> None:
    with pytest.raises(errors.InputInvalid, match="raw body"):
        webhook.verify("stripe", {}, body, "secret")


def test_schemes_and_options_are_checked_by_name() -> None:
    for scheme, url, told in [
        ("strip", None, "there are"),
        ("square", None, "option url"),
        ("hub", None, "option header"),
        ("stripe", "x", "option url"),
    ]:
        with pytest.raises(errors.ConfigurationInvalid, match=told):
            webhook.verify(scheme, {}, b"", "secret", url=url)
