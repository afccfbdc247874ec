"""The `wom` program: `wom demo`, or `python -m wom_sdk demo`."""

from __future__ import annotations

import signal
import sys

from . import _native


def main() -> int:
    """Runs the program with this process's arguments, and gives its exit code."""
    # The program has its own way with Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.run_program([sys.executable, "-m", "wom_sdk"], ["wom", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
