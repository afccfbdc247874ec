"""Makes `wom_sdk/_async.py` of `wom_sdk/_sync.py`: `python tools/twin.py`, or `--check`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "wom_sdk"
CLASSES = ("Client", "CashDesk", "Pocket", "Registry")


def twin(text: str) -> str:
    """The asynchronous face, from the blocking one."""
    text = text.replace(
        '"""The blocking face. `_async.py` is made from this file by `tools/twin.py`."""',
        '"""The asynchronous face, made from `_sync.py` by `tools/twin.py`: change that."""',
    )
    text = re.sub(r"\n        self\._open\(\)  # at once", "", text)
    text = re.sub(rf"^class ({'|'.join(CLASSES)}):", r"class Async\1:", text, flags=re.M)
    text = re.sub(r"(?<!@property\n)    def (?!__init__)(\w+)\(", r"    async def \1(", text)
    text = text.replace("__enter__", "__aenter__").replace("__exit__", "__aexit__")
    text = re.sub(r"(?<![.\w])wait\((?!self)", "await bridge(", text)
    text = text.replace("wait(self._native.close()", "await bridge(self._native.close()")
    text = text.replace("import nothing, wait", "import bridge, nothing")
    text = text.replace("self._open()", "await self._open()")
    text = re.sub(r"\brun_sql\(", "await run_sql_waiting(", text)
    text = text.replace("    run_sql,\n", "    run_sql_waiting,\n").replace("Connection,\n    award_of", "AsyncConnection,\n    award_of")
    text = text.replace("connection: Connection", "connection: AsyncConnection")
    text = text.replace("of psycopg,\n        psycopg2 or Django (`django.db.connection`)", "of psycopg\n        (an `AsyncConnection`)")
    text = re.sub(r"(?<!await )self\.close\(\)", "await self.close()", text)
    text = text.replace("with self._opening", "async with self._opening")
    text = text.replace("threading.Lock()", "asyncio.Lock()").replace("import threading\n", "")
    text = text.replace("import os\n", "import asyncio\nimport os\n", 1)
    text = text.replace("a `with` block", "an `async with` block").replace("a with block", "an async with block")
    text = text.replace("any number of threads\n    may use it", "any number of tasks\n    of one event loop may use it")
    return text


def main() -> int:
    """Writes the file, or says whether it is fresh."""
    made = twin((PACKAGE / "_sync.py").read_text())
    target = PACKAGE / "_async.py"
    if "--check" in sys.argv:
        return 0 if target.read_text() == made else 1
    target.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
