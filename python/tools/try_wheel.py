"""Installs a wheel into a fresh environment and uses it as its users do: `python tools/try_wheel.py WHEEL`.

Nothing else is installed and nothing is asked of the network. The README's first lines run, then the
`wom` program in both of its forms.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
TEN_LINES = re.compile(r"^30 WOM: http://127\.0\.0\.1:\d+/vouchers/[0-9a-f-]{36}  PIN \d{4}$", re.M)
# What a wheel holds, but for the sources of the package.
REST = re.compile(r"wom_sdk/(_native(\.abi3)?\.(so|pyd)|_native\.pyi|py\.typed)|wom_sdk-[^/]+\.dist-info/.+")
SOURCES = {file.name for file in (README.parent / "wom_sdk").glob("*.py")}


def main() -> int:
    wheel = Path(sys.argv[1]).resolve()
    name = wheel.name
    if "-abi3-" not in name:
        return failed(f"{name} serves one version of Python only")
    with zipfile.ZipFile(wheel) as files:
        held = set(files.namelist())
    sources = {path for path in held if not REST.fullmatch(path)}
    if sources != {f"wom_sdk/{source}" for source in SOURCES}:
        return failed(f"it holds other sources than the package: {sorted(sources)}")
    for needed in ("wom_sdk/py.typed", "wom_sdk/_native.pyi"):
        if needed not in held:
            return failed(f"it lacks {needed}")
    for needed in ("entry_points.txt", "licenses/LICENSE-MIT", "licenses/LICENSE-APACHE"):
        if not any(path.endswith(f".dist-info/{needed}") for path in held):
            return failed(f"it lacks {needed}")
    print(f"{name}: {wheel.stat().st_size / 2**20:.1f} MiB")
    with tempfile.TemporaryDirectory(prefix="wom-wheel-") as folder:
        return used(wheel, Path(folder))


def used(wheel: Path, folder: Path) -> int:
    """Installs it, and runs what people run first."""
    home = folder / "venv"
    venv.create(home, with_pip=True)
    programs = home / ("Scripts" if os.name == "nt" else "bin")
    python = str(programs / "python")

    def run(*command: str) -> str:
        # Neither this folder's package nor that of any other environment.
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL"))}
        done = subprocess.run(
            command, cwd=folder, env=clean, stdout=subprocess.PIPE, text=True, check=True, timeout=300
        )
        return done.stdout

    run(python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", str(wheel))
    where = run(python, "-c", "import wom_sdk; print(wom_sdk.__file__)").strip()
    if not Path(where).is_relative_to(home):
        return failed(f"another package was imported: {where}")
    first = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[0]
    printed = run(python, "-X", "dev", "-W", "error", "-c", first)
    if not TEN_LINES.search(printed):
        return failed(f"the README's first lines printed {printed!r}")
    print("the README's first lines: fine")
    for program in ((python, "-m", "wom_sdk"), (str(programs / "wom"),)):
        told = run(*program, "demo")
        if "WOM" not in told:
            return failed(f"{program[-1]} demo printed {told!r}")
        print(f"{' '.join(Path(part).name for part in program)} demo: fine")
    return 0


def failed(why: str) -> int:
    print(f"FAILED: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
