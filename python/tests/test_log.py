"""Python's `logging` hears our events, under one logger."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

import pytest
from wom_sdk import Client, Registry, errors


def test_logging_hears_our_events_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    with Registry() as registry, caplog.at_level(logging.INFO, "wom_sdk"):
        source = registry.add_instrument("Away", ["H"])
        with Client(source, patience=timedelta(seconds=4)) as client:
            registry.down()
            with pytest.raises(errors.DeadlineExceeded):
                for n in range(6):
                    client.accept(f"walk of sara {n}", aim="H", minutes=1, place=(43.7, 12.6))
                client.work()
                client.award("walk", aim="H", minutes=1, place=(43.7, 12.6))
            registry.up()
        ends = time.monotonic() + 10
        while not caplog.records and time.monotonic() < ends:
            time.sleep(0.05)
    assert caplog.records
    assert all(record.name.startswith("wom_sdk.") for record in caplog.records)
    assert {record.levelno for record in caplog.records} & {logging.WARNING, logging.ERROR}
    assert "sara" not in caplog.text
