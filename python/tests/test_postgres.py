"""The store in PostgreSQL, and awards within the application's own transaction."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row, tuple_row
from wom_sdk import AsyncClient, Client, PostgresKeys, PostgresStore, Registry, Source, errors

URBINO = (43.7263, 12.6366)


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """The URL of a new data base with a table of the application's."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"{postgres}/postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
    with psycopg.connect(f"{postgres}/{name}") as connection:
        connection.execute("CREATE TABLE run (id int PRIMARY KEY, minutes int)")
    yield f"{postgres}/{name}"


def stores(database: str, tmp_path: Path, source: Source) -> Client:
    file = tmp_path / "database-url"
    file.write_text(database)
    return Client(source, store=PostgresStore(url_file=file), keys=tmp_path / "keys.json")


def test_many_processes_share_a_store(
    database: str, wom_registry: Registry, wom_source: Source, tmp_path: Path
) -> None:
    before = wom_registry.books().issued
    awarding = (
        "import sys, wom_sdk\n"
        "registry, id, key_file, url, keys = sys.argv[1:]\n"
        "source = wom_sdk.Source(registry=registry, id=id, key_file=key_file)\n"
        "store = wom_sdk.PostgresStore(url=lambda: url)\n"
        "with wom_sdk.Client(source, store=store, keys=keys) as client:\n"
        "    for n in range(10):\n"
        "        ticket = client.award(f'walk {n}', aim='H', minutes=1, place=(43.7, 12.6))\n"
        "        print(ticket.link)\n"
    )
    args = [wom_source.registry, wom_source.id, str(wom_source.key_file), database]
    args.append(str(tmp_path / "keys.json"))
    workers = [
        subprocess.Popen([sys.executable, "-c", awarding, *args], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    links = [worker.communicate()[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert len(set(links)) == 1
    assert len(links[0].split()) == 10
    assert wom_registry.books().issued - before == 10


def test_the_applications_row_and_the_award_are_committed_together_or_not_at_all(
    database: str, wom_source: Source, tmp_path: Path
) -> None:
    with stores(database, tmp_path, wom_source) as client, psycopg.connect(database) as connection:

        def run(id: int, minutes: int) -> str:
            connection.execute("INSERT INTO run VALUES (%s, %s)", (id, minutes))
            return client.enqueue(
                connection, f"run {id}", aim="H", minutes=minutes, place=URBINO, handle="o'hara %s \\"
            )

        with connection.transaction():
            id = run(1, 30)
        with pytest.raises(ZeroDivisionError), connection.transaction():
            run(2, 20)
            _ = 1 / 0
        assert client.work().awards == 1
        ticket = client.award(
            "run 1", aim="H", minutes=30, place=URBINO, handle="o'hara %s \\"
        )
        assert (ticket.id, ticket.minutes) == (id, 30)
        # What was rolled back is not there: the key is free.
        assert client.award("run 2", aim="H", minutes=7, place=URBINO).minutes == 7


def test_the_same_key_is_the_same_award_and_a_refusal_leaves_the_transaction_whole(
    database: str, wom_source: Source, tmp_path: Path
) -> None:
    with stores(database, tmp_path, wom_source) as client:
        factories: list[Any] = [tuple_row, dict_row]
        for factory in factories:
            with psycopg.connect(database, row_factory=factory) as connection:
                first = client.enqueue(connection, "run 1", aim="H", minutes=3, place=URBINO)
                again = client.enqueue(connection, "run 1", aim="H", minutes=3, place=URBINO)
                assert first == again
                with pytest.raises(errors.AwardKeyReused):
                    client.enqueue(connection, "run 1", aim="H", minutes=4, place=URBINO)
                connection.execute("INSERT INTO run VALUES (1, 3) ON CONFLICT DO NOTHING")
        with psycopg.connect(database) as connection:
            row = connection.execute("SELECT count(*) FROM run").fetchone()
            assert row == (1,)


def test_another_data_base_or_store_is_refused(
    postgres: str, database: str, wom_registry: Registry, wom_source: Source, tmp_path: Path
) -> None:
    other = wom_registry.add_instrument("Another", ["H"])
    with stores(database, tmp_path, wom_source) as client:
        with psycopg.connect(f"{postgres}/postgres") as elsewhere, pytest.raises(psycopg.Error):
            client.enqueue(elsewhere, "run 1", aim="H", minutes=3, place=URBINO)
        with pytest.raises(errors.StoreMismatch):
            stores(database, tmp_path, other)
        with Client(wom_source) as memory, psycopg.connect(database) as connection:
            with pytest.raises(errors.Unsupported):
                memory.enqueue(connection, "run 1", aim="H", minutes=3, place=URBINO)


async def test_an_asynchronous_transaction_takes_awards_too(
    database: str, wom_source: Source, monkeypatch: pytest.MonkeyPatch, postgres: str
) -> None:
    monkeypatch.setenv("WOM_TEST_URL", database)
    keys = f"{postgres}/postgres"
    async with AsyncClient(
        wom_source,
        store=PostgresStore(url_variable="WOM_TEST_URL", schema="town", connections=4),
        keys=PostgresKeys(url=lambda: keys, schema=f"keys_{uuid.uuid4().hex}"),
    ) as client:
        async with await psycopg.AsyncConnection.connect(database) as connection:
            id = await client.enqueue(connection, "run 1", aim="H", minutes=3, place=URBINO)
            await connection.commit()
        ticket = await client.award("run 1", aim="H", minutes=3, place=URBINO)
        assert (ticket.id, ticket.minutes) == (id, 3)


def test_a_url_is_not_shown(wom_source: Source) -> None:
    store = PostgresStore(url=lambda: "postgres://wom:canary@127.0.0.1:9/none")
    assert "canary" not in repr(store)
    with pytest.raises(errors.WomError) as caught:
        Client(wom_source, store=store)
    assert "canary" not in str(caught.value)
