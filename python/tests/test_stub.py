"""The stub of the native half says what is there, no more and no less."""

from __future__ import annotations

import subprocess
import sys


def test_the_stub_and_the_native_half_agree() -> None:
    command = [sys.executable, "-m", "mypy.stubtest", "wom_sdk._native", "--concise"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (run.stdout, run.returncode) == ("", 0), run.stdout + run.stderr
