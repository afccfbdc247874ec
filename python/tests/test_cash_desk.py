"""A till and a wallet, against a real Registry on this machine."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from wom_sdk import AsyncCashDesk, CashDesk, Client, Pocket, Pos, Registry, Source, errors

URBINO = (43.7263, 12.6366)


@pytest.fixture
def full_pocket(wom_source: Source, wom_pocket: Pocket) -> Pocket:
    with Client(wom_source) as client:
        for aim in ("C", "H"):
            wom_pocket.redeem(client.award(f"gift {aim}", aim=aim, minutes=20, place=URBINO))
    return wom_pocket


def test_a_payment_is_heard_of_once(
    wom_registry: Registry, wom_pos: Pos, full_pocket: Pocket, tmp_path: Path
) -> None:
    before = wom_registry.books().spent
    where = {"store": tmp_path / "till.db", "keys": tmp_path / "keys.json"}
    with CashDesk(wom_pos, **where) as desk:
        assert desk.state("order 1") is None
        asked = desk.charge("order 1", 15, aim="C")
        assert desk.charge("order 1", 15, aim="C") == asked
        assert asked.pin not in repr(asked).replace(asked.id, "")
        with pytest.raises(errors.AwardKeyReused):
            desk.charge("order 1", 16, aim="C")
        state = desk.state("order 1")
        assert state is not None
        assert (state.state, state.open, state.paid) == ("shown", True, False)
        assert full_pocket.pay(asked).amount == 15
        paid = desk.wait("order 1", timedelta(seconds=20))
        assert (paid.state, paid.open, paid.paid) == ("paid", False, True)
        assert paid.at is not None
        assert paid.at.tzinfo is not None
    with CashDesk(wom_pos, **where) as desk:
        assert desk.state("order 1") == paid
        with pytest.raises(errors.AlreadyPerformed):
            desk.cancel("order 1")
    assert full_pocket.balance() == {"C": 5, "H": 20}
    assert wom_registry.books().spent - before == 15


def test_what_was_called_off_is_watched(wom_pos: Pos, full_pocket: Pocket) -> None:
    with CashDesk(wom_pos) as desk:
        asked = desk.charge("order 1", 5)
        assert desk.cancel("order 1").state == "cancelled"
        full_pocket.pay(asked)
        with pytest.raises(errors.InputInvalid, match="over"):
            desk.charge("order 1", 5)
        assert isinstance(desk.work(), dict)


def test_filters_keep_other_vouchers_out(wom_pos: Pos, full_pocket: Pocket) -> None:
    with CashDesk(wom_pos) as desk:
        far = desk.charge("order 1", 1, bounds=(10.0, 10.0, 9.0, 11.0))
        with pytest.raises(errors.VouchersInsufficient):
            full_pocket.pay(far)
        near = desk.charge("order 2", 1, bounds=(44.0, 12.0, 43.0, 13.0), max_age_days=30)
        assert full_pocket.pay(near).amount == 1
        with pytest.raises(ValueError, match="1,500"):
            desk.charge("order 3", 1501)


async def test_a_till_waits_without_a_thread(wom_pos: Pos, full_pocket: Pocket) -> None:
    async with AsyncCashDesk(wom_pos) as desk:
        asked = await desk.charge("order 1", 3, patience=timedelta(minutes=1))
        waiting = asyncio.create_task(desk.wait("order 1", timedelta(seconds=20)))
        await asyncio.to_thread(full_pocket.pay, asked)
        assert (await waiting).state == "paid"
