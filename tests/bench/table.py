"""``python -m tests.bench``: one table of what the course costs here, all rows measured side by side in one run.

Every row is measured in a process of its own; with ``--repeats`` the rows take turns, and the medians count. "times as fast" compares with the
first row of the same part. ``--only`` measures some parts, ``--large`` goes on to 100,000 texts (about ten minutes more).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench import chapters, embeddings, everyday, lime, training

SAMPLES, ROWS = 1000, 160
SIZES, LARGE = {"embed": (100, 1000, 10_000), "stream": (100, 1000, 10_000), "train": (100, 1000)}, 100_000


def explained(way: str) -> dict[str, Any]:
    """LIME's samples, read in one of the ways of ``tests.bench.lime``."""
    reader, hidden = way.split("/")
    found = lime.one(reader, hidden, SAMPLES)
    return {"seconds": found["seconds"], "megabytes": found["megabytes"], "count": SAMPLES, "unit": "samples"}


def learnt(way: str) -> dict[str, Any]:
    """One epoch in one of the ways of ``tests.bench.training``."""
    found = training.one(way, 1, ROWS, 1)
    return {"seconds": found["seconds"], "megabytes": found["megabytes"], "count": ROWS, "unit": "rows"}


def grown(way: str) -> dict[str, Any]:
    """One size of what grows."""
    what, count = way.split("/")
    return embeddings.growing(what, int(count))


# part -> what measures one of its ways, the ways and what they are called
PARTS: dict[str, tuple[Callable[[str], dict[str, Any]], dict[str, str]]] = {
    "embeddings": (embeddings.one, embeddings.WAYS),
    "training": (learnt, {way: training.NAMES[way] for way in ("tutorial", "dynamic", "fine_tune")}),
    "LIME, words deleted": (explained, {f"{way}/deleted": name for way, name in lime.WAYS.items()}),
    "LIME, [MASK]": (explained, {f"{way}/[MASK]": name for way, name in lime.WAYS.items()}),
    "question answering": (everyday.reading, everyday.READING),
    "start": (everyday.starting, everyday.STARTING),
    "growth": (
        grown,
        {
            f"{way}/{size}": embeddings.GROWING[way].format(size)
            for way, sizes in SIZES.items()
            for size in (*sizes, LARGE)
        },
    ),
}
COMPARED = set(PARTS) - {"start", "growth"}


def measured(part: str, way: str) -> dict[str, Any]:
    """One way, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench", "--one", part, way]
    done = subprocess.run(command, env={**os.environ, "COURSE_PROGRESS": "0"}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{part}, {way} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def machine() -> str:
    """Processor, threads, versions: what a figure means nothing without."""
    from importlib.metadata import PackageNotFoundError, version

    import torch

    from helpers import device

    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        name = names[0] if names else name
    found = []
    for package in ("torch", "transformers", "datasets", "sentence-transformers"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            found.append(f"{package} not installed")
    dtype = str(device.number_format(device.best())).removeprefix("torch.")
    return (
        f"{name}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, {device.describe(device.best())}, {dtype} in hardware; "
        f"Python {platform.python_version()}, {', '.join(found)}"
    )


def lines(part: str, runs: dict[str, list[dict[str, Any]]]) -> list[str]:
    """A part's rows of the table, from what its ways cost."""
    found, first = [], None
    for way, costs in runs.items():
        name = PARTS[part][1][way]
        if "missing" in costs[0]:
            found.append(f"| {part} | {name} | {costs[0]['missing']} | | | | |")
            continue
        seconds = statistics.median(cost["seconds"] for cost in costs)
        first = first or seconds
        memory = f"{max(cost['megabytes'] for cost in costs):,.0f} MB" if "megabytes" in costs[0] else ""
        rate = f"{costs[0]['count'] / seconds:,.0f} {costs[0]['unit']}" if "count" in costs[0] else ""
        times = f"{first / seconds:.1f}" if part in COMPARED else ""
        found.append(f"| {part} | {name} | {seconds:.1f} | {rate} | {memory} | {times} | {costs[0].get('note', '')} |")
    return found


def judged(runs: dict[str, list[dict[str, Any]]], bfloat16: bool) -> list[str]:
    """The figures that the course promises for embeddings, and whether they are met here."""
    seconds = {
        way: statistics.median(cost["seconds"] for cost in costs)
        for way, costs in runs.items()
        if "missing" not in costs[0]
    }
    quick = "bfloat16" if bfloat16 else "float32"
    promised = [(f"the tutorials' single batch, in {quick}", seconds["single"] / seconds[quick], 7.0)]
    if other := seconds.get("sentence-transformers"):
        promised.append(("sentence-transformers, in float32", other / seconds["float32"], 1.0))
        if bfloat16:
            promised.append(("sentence-transformers, in bfloat16", other / seconds["bfloat16"], 2.5))
    found = [
        f"{times:.1f} times as fast as {what}; promised {least}: {'yes' if times >= least else 'NO'}"
        for what, times, least in promised
    ]
    memory = max(cost["megabytes"] for way in ("float32", "bfloat16") for cost in runs[way])
    return [*found, f"{memory:.0f} MB on top; promised at most 300: {'yes' if memory <= 300 else 'NO'}"]


def main(arguments: list[str]) -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    wanted = parser.parse_args(arguments)
    if wanted.one:
        part, way = wanted.one
        print(json.dumps(PARTS[part][0](way)))
        return
    import torch

    from helpers import device

    runs: dict[str, dict[str, list]] = {
        part: {way: [] for way in PARTS[part][1] if wanted.large or not way.endswith(f"/{LARGE}")}
        for part in wanted.only
    }
    say = partial(print, file=sys.stderr, flush=True)
    for _ in range(wanted.repeats):
        for part, ways in runs.items():
            for way, costs in ways.items():
                costs.append(measured(part, way))
                say(f"  {part}, {way}: {costs[-1]}")
    print(f"{machine()}\n")
    print("| part | way | seconds | per second | memory on top | times as fast | |\n|---|---|---|---|---|---|---|")
    for part, ways in runs.items():
        print("\n".join(lines(part, ways)))
    for title, seconds, gigabytes in chapters.costs().values():
        print(
            f"| chapters | {title}: Run All, as `chapters --measure` found it | {seconds} | | {gigabytes} GB in all | | |"
        )
    if "embeddings" in runs:
        print("\n" + "\n".join(judged(runs["embeddings"], device.number_format(device.best()) == torch.bfloat16)))
