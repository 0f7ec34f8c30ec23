"""``python -m tests.bench chapters [NN ...]``: execute notebooks in place, and put what they cost into the tables.

Each notebook (all, or those whose numbers are given) runs in a kernel of its own, in a folder that is not the project's. Its outputs are
saved. ``--measure`` also writes the seconds and the peak memory of its kernel into its "Needs" line, into the chapter
table of README.md and into the map of chapter 00; do that on an idle machine with two cores.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient

from helpers.bundle import ROOT

NOTEBOOKS, README = ROOT / "notebooks", ROOT / "README.md"
NEEDS = re.compile(r"^(\*\*Needs\*\* .+) · (\d+) s · (\d+\.\d) GB$", flags=re.M)
BLOCK = re.compile(r"(<!-- chapters -->\n).*?(<!-- /chapters -->)", flags=re.S)


def execute(path: Path) -> tuple[float, float]:
    """Run a notebook, save its outputs, and return its seconds and its kernel's peak memory in GB."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=900, record_timing=False, resources={"metadata": {"path": tempfile.gettempdir()}}
    )
    peak, done, began = 0, threading.Event(), time.perf_counter()

    def watch() -> None:
        nonlocal peak
        me = psutil.Process()
        while not done.wait(0.05):
            for child in me.children(recursive=True):
                try:
                    peak = max(peak, child.memory_info().rss)
                except psutil.NoSuchProcess:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        client.execute()
    finally:
        done.set()
        watcher.join()
    seconds = time.perf_counter() - began
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata.language_info = {"name": "python"}  # the kernel adds its version, which is nobody's business
    nbformat.write(notebook, path)
    return seconds, peak / 1e9


def costs() -> dict[str, tuple[str, int, float]]:
    """A notebook's name -> title, seconds, GB, as its first cell states them."""
    found = {}
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        first = nbformat.read(path, as_version=4).cells[0].source
        needs = NEEDS.search(first)
        title = first.splitlines()[0].removeprefix("# ").split(":")[0]
        found[path.stem] = (title, int(needs[2]), float(needs[3]))
    return found


def table(prefix: str) -> str:
    """The chapter table in Markdown, linking to ``prefix`` + file name."""
    rows = ["| chapter | runs in | peak memory |", "|---|---|---|"]
    for name, (title, seconds, gigabytes) in costs().items():
        rows.append(f"| [{title}]({prefix}{name}.ipynb) | {seconds} s | {gigabytes:.1f} GB |")
    return "\n".join(rows) + "\n"


def state(path: Path, seconds: float, gigabytes: float) -> None:
    """Write the cost of a notebook into its first cell: seconds rounded up to fives, memory to tenths of a GB."""
    notebook = nbformat.read(path, as_version=4)
    rounded = f" · {5 * math.ceil(seconds / 5)} s · {math.ceil(gigabytes * 10) / 10:.1f} GB"
    notebook.cells[0].source = NEEDS.sub(lambda found: found[1] + rounded, notebook.cells[0].source)
    nbformat.write(notebook, path)


def fill(block: re.Pattern, made: Callable[[str], str]) -> None:
    """Put text between the marks of ``block`` in README.md and in chapter 00; ``made`` gets what a link to a notebook begins with."""

    def filled(text: str, prefix: str) -> str:
        return block.sub(lambda found: f"{found[1]}\n{made(prefix)}\n{found[2]}", text)

    README.write_text(filled(README.read_text(encoding="utf8"), "notebooks/"), encoding="utf8")
    (start,) = NOTEBOOKS.glob("00_*.ipynb")
    notebook = nbformat.read(start, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = filled(cell.source, "")
    nbformat.write(notebook, start)


def update_tables() -> None:
    """Put the chapter table into README.md and into the map of chapter 00."""
    fill(BLOCK, table)


def main(arguments: list[str]) -> None:
    """See the module's docstring."""
    os.environ["COURSE_PROGRESS"] = "0"  # no bars in stored outputs
    parser = argparse.ArgumentParser(prog="python -m tests.bench chapters", description=__doc__)
    parser.add_argument("numbers", nargs="*", help="two digits each; all chapters unless told")
    parser.add_argument("--measure", action="store_true", help="update the tables")
    wanted = parser.parse_args(arguments)
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        if wanted.numbers and path.stem[:2] not in wanted.numbers:
            continue
        seconds, gigabytes = execute(path)
        print(f"{path.stem}: {seconds:.1f} s, {gigabytes:.2f} GB", flush=True)
        if wanted.measure:
            state(path, seconds, gigabytes)
    if wanted.measure:
        update_tables()
