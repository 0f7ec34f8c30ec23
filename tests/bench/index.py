"""``python -m tests.bench index``: every myth and every exercise of the course, listed in README.md and in chapter 00.

Both lists are read from the notebooks: from the boxes that begin with ``> **Myth.**``, and from the cards of the exercises. A link
leads to the cell (JupyterLab scrolls to it; GitHub opens the notebook at its beginning). Run it after a change of either.
"""

from __future__ import annotations

import argparse
import re
from typing import NamedTuple

import nbformat

from tests.bench.chapters import NOTEBOOKS, fill

BOX = re.compile(r"^> \*\*Myth\.\*\* (.+(?:\n> .+)*)", flags=re.M)
QUOTE = r'\*?"((?:`[^`]+`|[^"`])+)"\*?'  # a quotation mark inside code does not end the quotation
CARD = re.compile(r"^### Exercise (\d+\.\d+) · (.+)\n+Difficulty ([●○]{5}) · (\d+) minutes$", flags=re.M)
BLOCK = re.compile(r"(<!-- index -->\n).*?(<!-- /index -->)", flags=re.S)


class Myth(NamedTuple):
    """What the box quotes, and the cell that it stands in."""

    place: str
    text: str


class Exercise(NamedTuple):
    """An exercise's card, and the cell that it stands in."""

    place: str
    number: str
    title: str
    dots: str
    minutes: int


def myths_in(text: str) -> list[str]:
    """The sayings that the myth boxes of a cell quote: one a box, and several quotations in a row are joined.

    Raises:
        ValueError: a box does not begin with a quotation.
    """
    found = []
    for box in BOX.findall(text):
        line = box.replace("\n> ", " ")
        quoted = re.match(rf"{QUOTE}(?: {QUOTE})*", line)
        if not quoted:
            raise ValueError(f"This myth does not begin with a quotation: {line[:80]}")
        found.append(" ".join(re.findall(QUOTE, quoted[0])))
    return found


def exercises_in(text: str) -> list[tuple[str, str, str, int]]:
    """Number, title, dots and minutes of every card in a cell.

    Raises:
        ValueError: a heading of an exercise is not followed by its difficulty and minutes.
    """
    cards = [(number, title, dots, int(minutes)) for number, title, dots, minutes in CARD.findall(text)]
    if len(cards) != len(re.findall(r"^### Exercise", text, flags=re.M)):
        raise ValueError(f"An exercise has no card: {text[:80]}")
    return cards


def contents() -> dict[str, tuple[str, list[Myth], list[Exercise]]]:
    """A notebook's name -> its title, myths and exercises, in the order of the course."""
    found = {}
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        title = cells[0].source.splitlines()[0].removeprefix("# ").split(":")[0]
        myths, exercises = [], []
        for cell in cells:
            if cell.cell_type == "markdown":
                place = f"{path.name}#cell-id={cell.id}"
                myths += [Myth(place, text) for text in myths_in(cell.source)]
                exercises += [Exercise(place, *card) for card in exercises_in(cell.source)]
        found[path.stem] = title, myths, exercises
    return found


def index(prefix: str) -> str:
    """Both lists in Markdown, folded, linking to ``prefix`` + file name + cell."""
    chapters = contents()
    myths = [(title[:2], myth) for title, own, _ in chapters.values() for myth in own]
    exercises = [exercise for _, _, own in chapters.values() for exercise in own]
    lines = ["<details>", f"<summary>The {len(myths)} myths</summary>", "", "| chapter | myth |", "|---|---|"]
    lines += [f"| {number} | [{_cell(myth.text)}]({prefix}{myth.place}) |" for number, myth in myths]
    lines += ["", "</details>", "", "<details>", f"<summary>The {len(exercises)} exercises</summary>", ""]
    lines += ["| exercise | difficulty | minutes |", "|---|---|---|"]
    lines += [f"| [{e.number} · {_cell(e.title)}]({prefix}{e.place}) | {e.dots} | {e.minutes} |" for e in exercises]
    return "\n".join([*lines, "", "</details>"]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def update() -> None:
    """Put the index into README.md and into chapter 00, where its markers stand."""
    fill(BLOCK, index)


def main(arguments: list[str]) -> None:
    """See the module's docstring."""
    argparse.ArgumentParser(prog="python -m tests.bench index", description=__doc__).parse_args(arguments)
    update()
