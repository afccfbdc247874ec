"""Makes `wom_sdk/_async*.py` of `wom_sdk/_sync*.py`: `python tools/twin.py`, or `--check`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "wom_sdk"
CLASSES = ("Client", "CashDesk", "Pocket", "Registry", "Shop")
HEAD = re.compile(r'"""The blocking face( of \w+)?\. `(_async\w*\.py)` is made from this file by `tools/twin\.py`\."""')


def twin(text: str) -> str:
    """The asynchronous face, from the blocking one."""
    def head(found: re.Match[str]) -> str:
        made = found[2].replace("async", "sync")
        return f'"""The asynchronous face{found[1] or ""}, made from `{made}` by `tools/twin.py`: change that."""'

    text = HEAD.sub(head, text)
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
    first = "import os\n" if "import os\n" in text else "from collections.abc"
    text = text.replace(first, f"import asyncio\n{first}", 1)
    text = text.replace("a `with` block", "an `async with` block").replace("a with block", "an async with block")
    text = text.replace("any number of threads\n    may use it", "any number of tasks\n    of one event loop may use it")
    return text


def main() -> int:
    """Writes the files, or says whether they are fresh."""
    for source in sorted(PACKAGE.glob("_sync*.py")):
        made = twin(source.read_text())
        target = PACKAGE / source.name.replace("_sync", "_async")
        if "--check" not in sys.argv:
            target.write_text(made)
        elif not target.is_file() or target.read_text() != made:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
