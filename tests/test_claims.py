"""Assertions of a notebook: an error in profile mini, a remark in full and on other data."""

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

CELLS = [
    "from helpers import course\ncourse.start()\ncourse.start()",
    "accuracy = 0.3\nassert 0.5 < accuracy < 0.9, 'too low'\nprint('on it goes')",
    "for value in (1, 3):\n    assert value < 2\nassert value == 3\nprint('end')",
]


def run(tmp_path, monkeypatch, profile):
    monkeypatch.setenv("COURSE_PROFILE", profile)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    return ["".join(output.get("text", "") for output in cell.outputs) for cell in notebook.cells]


def test_full_remarks_and_goes_on(tmp_path, monkeypatch):
    _, one, loop = run(tmp_path, monkeypatch, "full")
    assert one == "Other than in profile mini, this does not hold here: 0.5 < accuracy < 0.9\non it goes\n"
    assert loop == "Other than in profile mini, this does not hold here: value < 2\nend\n"


def test_mini_stops(tmp_path, monkeypatch):
    with pytest.raises(CellExecutionError, match="too low"):
        run(tmp_path, monkeypatch, "mini")


def test_mini_on_other_data_remarks_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATASETS", str(tmp_path))
    _, one, _ = run(tmp_path, monkeypatch, "mini")
    assert one == "Other than in profile mini, this does not hold here: 0.5 < accuracy < 0.9\non it goes\n"
