"""The stories of `examples/python` run as they stand, and end as their twins in Rust do."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

STORIES = Path(__file__).parent.parent.parent / "examples" / "python"

ENDS = {
    "fitness": r"2018-05-27: 60 minutes for H\n2018-05-27: 73 minutes for N\n"
    r"collected: \{'H': 60, 'N': 73\}\n$",
    "lms": r"2026-02-20: 8790 minutes for E\n(.*\n)*collected: \{'E': 13500\}\n$",
    "till": r"WOM discount, 15 minutes \(ref\. [0-9A-F]{4}\): -83 cents\n"
    r"to pay: 747 cents instead of 830\n$",
}


def test_every_story_is_known_and_has_a_twin_in_rust() -> None:
    assert {story.stem for story in STORIES.glob("*.py")} == set(ENDS)
    twins = {twin.stem for twin in (STORIES.parent / "examples").glob("*.rs")}
    assert set(ENDS) <= twins


@pytest.mark.parametrize("story", ENDS)
def test_a_story_ends_well(story: str, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", str(STORIES / f"{story}.py")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert re.search(ENDS[story], run.stdout), run.stdout
