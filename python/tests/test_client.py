"""Awards, plain minutes, claims: against a real Registry on this machine."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from wom_sdk import (
    AsyncCashDesk,
    AsyncClient,
    AsyncPocket,
    AsyncRegistry,
    Campaign,
    CashDesk,
    Claim,
    Client,
    Line,
    Person,
    Pocket,
    Registry,
    Source,
    adapters,
    errors,
    rule_sets,
)

URBINO = (43.7263, 12.6366)
HEALTH = Campaign(name="walks", lines=[Line(name="health", aim="H")], place=URBINO)


def ago(days: int) -> datetime:
    """Noon, so that no day and no month ends meanwhile."""
    return datetime.now(timezone.utc).replace(hour=12) - timedelta(days=days)


def test_the_same_key_gives_the_same_code_and_another_award_is_refused(
    wom_registry: Registry, wom_source: Source, wom_pocket: Pocket
) -> None:
    before = wom_registry.books()
    with Client(wom_source) as client:
        ticket = client.award("walk 42", aim="H", minutes=30, place=URBINO)
        assert client.award("walk 42", aim="H", minutes=30, place=URBINO) == ticket
        with pytest.raises(errors.AwardKeyReused) as reused:
            client.award("walk 42", aim="H", minutes=31, place=URBINO)
        assert isinstance(reused.value, ValueError)
        assert wom_pocket.redeem(ticket).vouchers == 30
        client.acknowledge(ticket)
        client.acknowledge("walk 42")
        with pytest.raises(errors.AlreadyDelivered):
            client.award("walk 42", aim="H", minutes=30, place=URBINO)
    after = wom_registry.books()
    assert after.issued - before.issued == 30
    assert wom_pocket.balance() == {"H": 30}


def test_nothing_secret_is_printed(wom_source: Source) -> None:
    with Client(wom_source, campaign=HEALTH) as client:
        ticket = client.award("walk", aim="H", minutes=3, place=URBINO, handle="sara@example.org")
        claim = Claim(ticket, (), "sara@example.org")
        for shown in (repr(ticket), str(ticket), repr(claim), repr(client)):
            assert ticket.pin not in shown.replace(ticket.id, "")
            assert ticket.link not in shown
            assert "sara" not in shown
    assert "sara" not in repr(Person("lms", "sara"))
    assert "BEGIN" not in repr(Source(registry="x", id="y", key=lambda: "BEGIN"))


def test_plain_minutes_count_once_whoever_reports_them(
    wom_registry: Registry, wom_source: Source, wom_pocket: Pocket
) -> None:
    start = ago(days=3)
    with Client(wom_source, campaign=HEALTH) as client:
        half = client.record("sara", start, start + timedelta(minutes=30), "walk 42")
        assert (half.observations, half.waiting) == (1, 30)
        # The same again, and another device that saw the second half of it.
        client.record("sara", start, start + timedelta(minutes=30), "walk 42")
        later = start + timedelta(minutes=15)
        both = client.record("sara", later, start + timedelta(minutes=40), "watch 7")
        assert both.waiting == 40
        assert client.waiting("sara") == 40
        assert client.waiting("anna") == 0
        [claim] = client.claims("sara")
        assert claim.minutes == 40
        assert sum(reason.minutes for reason in claim.reasons) == 40
        assert {reason.aim for reason in claim.reasons} == {"H"}
        assert client.claims("sara") == [claim]
        assert wom_pocket.redeem(claim).vouchers == 40
        client.acknowledge(claim)
        assert client.claims("sara") == []
        given = client.history("sara")
        assert sum(one.awarded for one in given) == 40
        assert client.history("anna") == []
        assert client.export("sara")
        assert client.erase("sara") == 0


def test_a_record_can_be_corrected_and_taken_back(wom_source: Source) -> None:
    start = ago(days=3)
    with Client(wom_source, campaign=HEALTH) as client:
        client.record("sara", start, start + timedelta(minutes=30), "a")
        client.record("sara", start, start + timedelta(minutes=40), "a", revision=1)
        assert client.waiting("sara") == 40
        # Of one key the highest revision holds, in whatever order they come.
        client.record("sara", start, start + timedelta(minutes=50), "a")
        assert client.waiting("sara") == 40
        # What comes after it was taken back does not count.
        client.withdraw("anna", "b")
        client.record("anna", start, start + timedelta(minutes=30), "b", revision=7)
        assert client.waiting("anna") == 0


def test_bad_records_are_refused_by_name_and_lose_nothing(wom_source: Source) -> None:
    start = ago(days=3)
    with Client(wom_source, campaign=HEALTH) as client:
        with pytest.raises(errors.InputInvalid) as naive:
            client.record("sara", start.replace(tzinfo=None), start, "a")
        assert naive.value.fields == {"field": "start"}
        with pytest.raises(ValueError, match="before start") as turned:
            client.record("sara", start, start - timedelta(hours=1), "a")
        assert isinstance(turned.value, errors.InputInvalid)
        assert turned.value.fields["field"] == "end"
        assert "sara" not in str(turned.value)
        good = {
            "participant": "sara",
            "start": start,
            "end": start + timedelta(minutes=9),
            "key": "b",
        }
        mixed = client.submit("activity.json", [good, {**good, "key": "c", "end": "soon"}])
        assert (mixed.observations, mixed.refused) == (1, 1)
        assert (mixed.refusals[0].code, mixed.refusals[0].field) == ("bad_time", "end")
        assert client.waiting("sara") == 9


def test_without_a_campaign_there_are_awards_only(wom_source: Source) -> None:
    with Client(wom_source) as client, pytest.raises(errors.ConfigurationInvalid):
        client.claims("sara")


def test_files_come_in_by_bytes_by_path_and_as_open_files(
    wom_source: Source, tmp_path: Path
) -> None:
    start = ago(days=3).replace(microsecond=0)
    table = "participant,start,end,key\n" + "".join(
        f"p{n},{start.isoformat()},{(start + timedelta(minutes=10)).isoformat()},k{n}\n"
        for n in range(3)
    )
    file = tmp_path / "activity.csv"
    file.write_text(table)
    with Client(wom_source, campaign=HEALTH) as client:
        taken = client.submit("activity.csv", table.encode(), delivery="monday")
        assert (taken.observations, taken.waiting, taken.repeated) == (3, 30, False)
        assert client.submit("activity.csv", table.encode(), delivery="monday").repeated
        assert client.submit("activity.csv", file).waiting == 30
        assert client.submit("activity.csv", str(file)).waiting == 30
        with file.open("rb") as opened:
            assert client.submit("activity.csv", opened, zone="Europe/Rome").waiting == 30
        with pytest.raises(errors.ConfigurationInvalid, match="did you mean activity.csv"):
            client.submit("activity.cvs", b"")
        with pytest.raises(errors.ConfigurationInvalid, match="did you mean zone"):
            client.submit("activity.csv", b"", zona="Europe/Rome")


def test_a_campaign_has_lines_caps_zones_and_hours(wom_source: Source) -> None:
    campaign = Campaign(
        name="town",
        place=URBINO,
        zone="Europe/Rome",
        lines=[
            Line(
                name="mobility",
                aim="N",
                activities=["cycling"],
                exclude=["cycling.indoor"],
                hours=[("07:00", "09:30")],
                mode="instead",
            ),
            Line(name="health", aim="H", cap_minutes=45, round_to_minutes=5),
        ],
        settlement=timedelta(hours=1),
        rule_settings={"indoor": True},
    )
    day = ago(days=3).astimezone(timezone(timedelta(hours=1))).replace(microsecond=0)
    ride = day.replace(hour=11, minute=0, second=0)
    with Client(wom_source, campaign=campaign) as client:
        client.record("sara", ride, ride + timedelta(minutes=58), "a", activity="cycling")
        assert {(one.line, one.minutes) for one in client.history("sara")} == {("health", 45)}
    with pytest.raises(errors.InputInvalid):
        Client(wom_source, campaign=Campaign(name="x", place=URBINO, zone="Rome", lines=[]))


def test_a_store_on_disk_remembers_and_is_locked_to_one_process(
    wom_source: Source, tmp_path: Path
) -> None:
    store, keys = tmp_path / "awards.db", tmp_path / "keys.json"
    with Client(wom_source, store=store, keys=keys) as client:
        first = client.award("walk", aim="H", minutes=3, place=URBINO)
        opening = (
            "import sys, wom_sdk\n"
            "source = wom_sdk.Source(registry=sys.argv[1], id=sys.argv[2], key_file=sys.argv[3])\n"
            "try: wom_sdk.Client(source, store=sys.argv[4], keys=sys.argv[5])\n"
            "except wom_sdk.errors.StoreLocked as error: print(error.code)\n"
        )
        args = [wom_source.registry, wom_source.id, str(wom_source.key_file), str(store), str(keys)]
        run = subprocess.run(
            [sys.executable, "-c", opening, *args], capture_output=True, text=True, check=False
        )
        assert run.stdout.strip() == "store_locked", run.stderr
    with Client(wom_source, store=store, keys=keys) as client:
        assert client.award("walk", aim="H", minutes=3, place=URBINO) == first
    client.close()
    with pytest.raises(errors.InputInvalid, match="closed"):
        client.award("walk", aim="H", minutes=3, place=URBINO)


def test_others_registries_need_a_store_and_keys(wom_source: Source, tmp_path: Path) -> None:
    far = Source(registry="https://wom.example", id=wom_source.id, key_file=wom_source.key_file)
    with pytest.raises(errors.ConfigurationInvalid, match="remembered"):
        Client(far)
    with pytest.raises(errors.ConfigurationInvalid, match="remembered"):
        Client(far, keys=tmp_path / "keys.json")
    plain = Source(registry="http://wom.example", id=wom_source.id, key_file=wom_source.key_file)
    with pytest.raises(errors.InsecureTransport):
        Client(plain, store=tmp_path / "a.db", keys=tmp_path / "keys.json")


def test_keys_come_from_files_variables_and_callbacks(
    wom_source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = Path(os.fspath(wom_source.key_file or "")).read_text()
    monkeypatch.setenv("WOM_TEST_KEY", pem)
    registry, id = wom_source.registry, wom_source.id
    sources = [
        Source(registry=registry, id=id, key_variable="WOM_TEST_KEY"),
        Source(registry=registry, id=id, key=lambda: pem),
    ]
    for number, source in enumerate(sources):
        with Client(source) as client:
            award = client.award(f"walk {number}", aim="H", minutes=1, place=URBINO)
            assert award.minutes == 1
    with pytest.raises(errors.ConfigurationInvalid, match="exactly one key"):
        Client(Source(registry=registry, id=id, key_variable="A", key=lambda: pem))
    with pytest.raises(errors.KeyInvalid) as wrong:
        Client(Source(registry=registry, id=id, key=lambda: "canary"))
    assert "canary" not in str(wrong.value)


def test_accepted_awards_are_worked_off(wom_source: Source) -> None:
    with Client(wom_source) as client:
        id = client.accept("walk", aim="H", minutes=2, place=URBINO)
        assert client.work().awards == 1
        ticket = client.award("walk", aim="H", minutes=2, place=URBINO)
        assert (ticket.id, ticket.minutes) == (id, 2)


def test_the_catalogue_tells_what_there_is() -> None:
    found = adapters()
    assert {"activity.csv", "activity.json", "steps.fit", "elearning.xapi"} <= set(found)
    assert found["activity.csv"].rules in rule_sets()
    for adapter in found.values():
        assert adapter.summary
        for setting in adapter.settings:
            assert setting.meaning
            assert (setting.form == "one_of") == bool(setting.values)


def test_both_faces_have_the_same_methods_with_the_same_arguments() -> None:
    twins = [
        (Client, AsyncClient),
        (CashDesk, AsyncCashDesk),
        (Pocket, AsyncPocket),
        (Registry, AsyncRegistry),
    ]
    for blocking, waiting in twins:
        methods = {name for name in vars(blocking) if not name.startswith("_")}
        assert methods == {name for name in vars(waiting) if not name.startswith("_")}
        for name in methods - {"url"}:
            one, other = getattr(blocking, name), getattr(waiting, name)
            # A transaction is of the connection's own sort.
            of_other = str(inspect.signature(other)).replace("AsyncConnection", "Connection")
            assert str(inspect.signature(one)) == of_other, name
            assert one.__doc__
            assert inspect.iscoroutinefunction(other), name


def test_the_asynchronous_face_is_made_from_the_blocking_one() -> None:
    tool = Path(__file__).parent.parent / "tools" / "twin.py"
    subprocess.run([sys.executable, str(tool), "--check"], check=True)
