"""A PostgreSQL server for the tests, where there is one."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

SEED = os.environ.setdefault("SEED", str(random.randrange(2**32)))


def pytest_report_header() -> str:
    """Says how to repeat this run."""
    return f"SEED={SEED}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Random tests draw from the seed."""
    for item in items:
        if isinstance(item, pytest.Function) and hypothesis.is_hypothesis_test(item.obj):
            hypothesis.seed(int(SEED))(item.obj)


hypothesis.settings.register_profile("ours", database=None, print_blob=True)
hypothesis.settings.load_profile("ours")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a server of our own, or of the one that `WOM_POSTGRES` names, up to the data base."""
    named = os.environ.get("WOM_POSTGRES")
    if named is not None:
        yield named.rsplit("/", 1)[0]
        return
    programs = find_programs()
    if programs is None:
        assert "CI" not in os.environ, "there is no PostgreSQL here: install the package postgresql"
        pytest.skip("LEFT OUT: there is no PostgreSQL here: install the package postgresql")
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="wom-postgres-") as folder:
        if user is not None:
            shutil.chown(folder, user, user)
        data = os.path.join(folder, "data")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port: int = free.getsockname()[1]

        def run(program: str, *words: str) -> None:
            command = [str(programs / program), "-D", data, *words]
            # A server that was started keeps pipes open, so there are none.
            subprocess.run(command, user=user, check=True, cwd=folder, stdout=subprocess.DEVNULL)

        run("initdb", "-U", "wom", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder}"
        log = os.path.join(folder, "log")
        run("pg_ctl", "-w", "-s", "-l", log, "-o", options, "start")
        try:
            yield f"postgres://wom@127.0.0.1:{port}"
        finally:
            run("pg_ctl", "-w", "-s", "-m", "immediate", "stop")


def find_programs() -> Path | None:
    """The folder of `initdb`, `pg_ctl` and `postgres`."""
    folders = [Path(os.environ.get("WOM_POSTGRES_BIN", "/none"))]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)
