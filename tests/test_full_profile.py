"""COURSE_PROFILE=full from top to bottom where there is no browser: every notebook, with small random models, from a local Hub."""

import os
import tempfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from helpers.bundle import ROOT
from tests import full_profile
from tests.hub import Hub
from tests.test_browser import BROWSER

PATHS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


@pytest.fixture(scope="module")
def profile(tmp_path_factory):
    """The environment of a kernel that gets everything from a Hub on this machine."""
    with Hub(full_profile.repositories()) as hub:
        yield full_profile.environment(hub, tmp_path_factory.mktemp("hub"))


@pytest.mark.skipif(BROWSER is not None, reason="tests/test_browser.py does the same in JupyterLab")
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_notebook_runs(path: Path, profile):
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tempfile.gettempdir()}})
    client.execute(env={**os.environ, **profile})
    said = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "profile full" in said
    for cell in notebook.cells:
        errors = [output.evalue for output in cell.get("outputs", []) if output.output_type == "error"]
        assert not errors or "raises-exception" in cell.metadata.get("tags", [])
