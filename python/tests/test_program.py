"""The `wom` program that comes along."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

WOM = Path(sysconfig.get_path("scripts")) / ("wom.exe" if sys.platform == "win32" else "wom")


@pytest.mark.parametrize("program", [(sys.executable, "-m", "wom_sdk"), (str(WOM),)], ids=["module", "script"])
def test_it_starts_itself_again_to_be_killed(program: tuple[str, ...], tmp_path: Path) -> None:
    run = subprocess.run(
        [*program, "--json", "selftest", "--kills", "2", "--seed", "7", "--dir", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    shown = json.loads(run.stdout.splitlines()[-1])["selftest"]
    assert (shown["kills"], shown["writerKills"], shown["lost"], shown["doubled"]) == (2, 1, 0, 0)
    assert shown["awards"] >= 60
    assert shown["minutes"] > shown["awards"]
    assert list(tmp_path.iterdir()) == []
