"""What the README shows runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parent.parent / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_first_block_has_ten_lines() -> None:
    lines = [line for line in BLOCKS[0].splitlines() if line.strip()]
    work = [line for line in lines if not line.startswith(("from ", "import "))]
    assert len(work) <= 10


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_each_block_runs(number: int, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", BLOCKS[number]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    if number == 0:
        assert re.search(r"^30 WOM: http://127\.0\.0\.1:\d+/vouchers/[0-9a-f-]{36}  PIN \d{4}$", run.stdout)
