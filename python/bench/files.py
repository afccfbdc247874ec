"""FIT and Apple Health files through this package, beside garmin-fit-sdk and lxml.

    pip install garmin-fit-sdk lxml
    python bench/files.py [ROUNDS]

The peers only read: garmin-fit-sdk decodes the file's messages; lxml goes through the XML and makes
out of every step record its instants and its count. This package does the same and then all that
follows: it checks, merges, settles and stores, in memory. Every round runs each of them once, one
after the other, and all of it is CPU time of the process with its threads.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from typing import Any

from wom_sdk import Campaign, Client, Line, Registry

# What only this benchmark uses, and no type checker has to find.
garmin_fit_sdk: Any = import_module("garmin_fit_sdk")
etree: Any = import_module("lxml.etree")

RECORDING = Path(__file__).parents[2] / "examples" / "data" / "triathlon.fit"
RECORDINGS = 20
DAYS = 200
FIRST = datetime(2026, 1, 1, 8, tzinfo=timezone.utc)
CAMPAIGN = Campaign(
    name="files",
    lines=[Line(name="sport", aim="H")],
    start=date(2018, 1, 1),
    lateness=timedelta(days=20_000),
    place=(43.72, 12.63),
)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    runs: dict[str, list[float]] = {}
    with Registry() as registry, tempfile.TemporaryDirectory() as folder:
        source = registry.add_instrument("bench", ["H"])
        export = Path(folder) / "export.xml"
        records = write(export)
        sizes = {"FIT": RECORDING.stat().st_size * RECORDINGS / 1e6, "Apple": export.stat().st_size / 1e6}
        for round in range(rounds):
            with Client(source, campaign=CAMPAIGN) as client:
                who = f"user {round}"

                def fit(client: Client = client, who: str = who) -> int:
                    return sum(
                        client.submit("steps.fit", RECORDING, subject=f"{who} {n}").observations
                        for n in range(RECORDINGS)
                    )

                def apple(client: Client = client, who: str = who) -> int:
                    return client.submit("steps.apple-health", export, subject=who).observations

                for name, work in {
                    "FIT: this package": fit,
                    "FIT: garmin-fit-sdk": garmin,
                    "Apple: this package": apple,
                    "Apple: lxml": lambda: lxml(export),
                }.items():
                    taken, seconds = timed(work)
                    assert taken == records if name.startswith("Apple") else taken > 0, (name, taken)
                    runs.setdefault(name, []).append(seconds)
    print(f"{rounds} rounds; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"FIT: {RECORDINGS} recordings, {sizes['FIT']:.1f} MB; Apple: {sizes['Apple']:.0f} MB, {records} step records")
    for name, of in runs.items():
        sort = name.partition(":")[0]
        ours = [other / one for one, other in zip(runs[f"{sort}: this package"], of, strict=True)]
        speeds = [sizes[sort] / seconds for seconds in of]
        print(f"{name}: {spread(speeds)} MB/s, {spread(ours)} times this package's CPU time")


def timed(work: Callable[[], int]) -> tuple[int, float]:
    used = time.process_time()
    taken = work()
    return taken, time.process_time() - used


def garmin() -> int:
    read = 0
    for _ in range(RECORDINGS):
        messages, errors = garmin_fit_sdk.Decoder(garmin_fit_sdk.Stream.from_file(str(RECORDING))).read()
        assert not errors
        read += sum(len(of) for of in messages.values())
    return read


def lxml(export: Path) -> int:
    read = 0
    for _, element in etree.iterparse(str(export), tag="Record"):
        if element.get("type") == "HKQuantityTypeIdentifierStepCount":
            start = datetime.strptime(element.get("startDate", ""), "%Y-%m-%d %H:%M:%S %z")
            end = datetime.strptime(element.get("endDate", ""), "%Y-%m-%d %H:%M:%S %z")
            read += start < end and int(element.get("value", "")) > 0
        element.clear(keep_tail=True)
        while (before := element.getprevious()) is not None:
            element.getparent().remove(before)
    return read


def write(export: Path) -> int:
    """An export of somebody who walks with a watch: step records, and twice as many of heart beats."""
    records = 0
    watch = (
        'sourceName="Watch" sourceVersion="9.3" device="&lt;&lt;HKDevice: 0x280000010&gt;, name:Apple Watch,'
        ' manufacturer:Apple Inc., model:Watch, hardware:Watch6,2, software:9.3&gt;"'
    )
    with export.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<HealthData locale="it_IT">\n')
        file.write(' <ExportDate value="2026-11-01 10:00:00 +0000"/>\n')
        for day in range(DAYS):
            for minute in range(0, 600, 4):
                start = FIRST + timedelta(days=day, minutes=minute)
                begun, ended = (f"{at:%Y-%m-%d %H:%M:%S} +0000" for at in (start, start + timedelta(minutes=3)))
                file.write(
                    f' <Record type="HKQuantityTypeIdentifierStepCount" {watch} unit="count" creationDate="{ended}"'
                    f' startDate="{begun}" endDate="{ended}" value="{300 + minute % 60}"/>\n'
                )
                records += 1
                for beats in (90 + minute % 30, 95 + minute % 30):
                    file.write(
                        f' <Record type="HKQuantityTypeIdentifierHeartRate" {watch} unit="count/min"'
                        f' creationDate="{begun}" startDate="{begun}" endDate="{begun}" value="{beats}">\n'
                        '  <MetadataEntry key="HKMetadataKeyHeartRateMotionContext" value="1"/>\n </Record>\n'
                    )
        file.write("</HealthData>\n")
    return records


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


if __name__ == "__main__":
    main()
