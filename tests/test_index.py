"""The index of myths and exercises: read rightly, and not stale."""

import importlib

import nbformat
import pytest

from helpers.bundle import ROOT
from helpers.exercises.checking import CHECKS
from tests.bench.chapters import NOTEBOOKS, README
from tests.bench.index import BLOCK, contents, exercises_in, index, myths_in

STALE = "the index is stale; run: python -m tests.bench index"


def test_readme_has_the_index_of_the_notebooks():
    (block,) = BLOCK.finditer(README.read_text(encoding="utf8"))
    assert index("notebooks/") in block[0], STALE


def test_chapter_00_has_the_index_of_the_notebooks():
    (start,) = NOTEBOOKS.glob("00_*.ipynb")
    cells = [cell.source for cell in nbformat.read(start, as_version=4).cells if cell.cell_type == "markdown"]
    (block,) = BLOCK.finditer("\n".join(cells))
    assert index("") in block[0], STALE


def test_the_exercises_are_those_that_can_be_checked():
    for path in (ROOT / "helpers" / "exercises").glob("chapter_*.py"):
        importlib.import_module(f"helpers.exercises.{path.stem}")
    numbers = [exercise.number for _, _, exercises in contents().values() for exercise in exercises]
    assert numbers == sorted(CHECKS, key=lambda number: [int(part) for part in number.split(".")])


def test_every_link_leads_to_a_cell():
    for name, (_, myths, exercises) in contents().items():
        ids = {cell.id for cell in nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells}
        assert {entry.place for entry in [*myths, *exercises]} <= {f"{name}.ipynb#cell-id={cell}" for cell in ids}


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ('> **Myth.** "All is well." It is not.', "All is well."),
        ('> **Myth.** *"All is well."* It is not.', "All is well."),
        ('> **Myth.** "Read `outputs["x"]`."', 'Read `outputs["x"]`.'),
        ('> **Myth.** "It goes\n> on." And on.', "It goes on."),
        ('> **Myth.** "One." "Two." Both "common".', "One. Two."),
    ],
)
def test_a_myth_is_what_its_box_quotes(box, said):
    assert myths_in(f"before\n\n{box}\n\nafter") == [said]


def test_what_cannot_be_listed_is_an_error():
    with pytest.raises(ValueError, match="quotation"):
        myths_in("> **Myth.** No quotation here.")
    with pytest.raises(ValueError, match="no card"):
        exercises_in("### Exercise 7.9 · Without a card\n\nText.")


def test_readme_says_how_long_the_exercises_take():
    minutes = [sum(e.minutes for e in exercises) for name, (_, _, exercises) in contents().items() if name[:2] != "00"]
    assert f"take {min(minutes)} to {max(minutes)} minutes by their cards" in README.read_text(encoding="utf8")
