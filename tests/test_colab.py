"""Colab, as far as it can be had elsewhere: its package versions, and the first cell of every notebook beside a stand-in for its module."""

import json
import os
import shutil
import subprocess
import sys
import tomllib

import nbformat
import pytest
from packaging.requirements import Requirement

from helpers.bundle import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]
# The image of August 2026, as far as its versions are known; its Python is 3.13.
IMAGE = {
    "torch": "2.11",
    "transformers": "5.15",
    "datasets": "4.0",
    "pandas": "2.2.3",
    "scikit-learn": "1.6.1",
    "matplotlib": "3.10",
    "ipython": "7.34",
    "ipywidgets": "7.7",
}
SCHEDULED = pytest.mark.skipif(
    "COURSE_COLAB" not in os.environ, reason="asks the package index: COURSE_COLAB=1 runs it"
)


def test_the_ranges_admit_what_colab_has():
    wanted = [Requirement(text) for text in PROJECT["dependencies"]]
    assert {"torch", "transformers", "datasets", "pandas", "scikit-learn"} <= {
        requirement.name for requirement in wanted
    }
    for requirement in wanted:
        if requirement.name in IMAGE:
            assert requirement.specifier.contains(f"{IMAGE[requirement.name]}"), requirement
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains("3.13")


@SCHEDULED
def test_installing_the_course_changes_nothing_that_colab_has(tmp_path):
    """What pip would install beside exactly these versions; if it had to change one of them, it would find no solution."""
    constraints = tmp_path / "image.txt"
    constraints.write_text("".join(f"{name}=={version}.*\n" for name, version in IMAGE.items()))
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "COURSE_NETWORK_LOG")}
    shutil.copytree(ROOT / "helpers", tmp_path / "course" / "helpers")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "course")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-cache-dir"]
    command += [
        "--report",
        str(tmp_path / "report.json"),
        "-c",
        str(constraints),
        "ipython",
        "-e",
        str(tmp_path / "course"),
    ]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads((tmp_path / "report.json").read_text())
    found = {item["metadata"]["name"].lower(): item["metadata"]["version"] for item in report["install"]}
    print(f"Python {report['environment']['python_version']}: {json.dumps(found)}")
    for name, version in IMAGE.items():
        assert found[name].startswith(version), f"{name} {found[name]}"
    assert "sentence-transformers" not in found, "only the benches need it"


FIRST = """
import json, os, sys, types
if {colab}:
    sys.modules["google.colab"] = types.ModuleType("google.colab")
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
result = shell.run_cell({cell!r})
result.raise_error()
found = shell.run_cell("import helpers; from helpers import course; rows = len(course.dataset('sentiment')['train'])")
found.raise_error()
print(json.dumps(dict(helpers=shell.user_ns["helpers"].__file__, rows=shell.user_ns["rows"])))
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A repository on this machine that stands in for the published one: the package and one data set."""
    folder = tmp_path_factory.mktemp("published") / "hands-on-bertology"
    shutil.copytree(ROOT / "helpers", folder / "helpers", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "data" / "reviews", folder / "data" / "reviews")
    shutil.copy(ROOT / "data" / "MANIFEST.json", folder / "data")
    shutil.copy(ROOT / "pyproject.toml", folder)
    author = ["-c", "user.name=course", "-c", "user.email=course@example.org", "-c", "core.autocrlf=false"]
    for step in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
        subprocess.run(["git", *author, *step], cwd=folder, check=True, capture_output=True)
    return folder


def first_cell() -> str:
    """Of the first notebook: ``test_notebooks`` sees to it that it is the same in all."""
    notebook = nbformat.read(min((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")), as_version=4)
    return next(cell.source for cell in notebook.cells if cell.cell_type == "code")


def run_first_cell(cell: str, folder, source, colab: bool) -> dict:
    """Run it in an empty folder, with a pip that only writes down what it was told, and Git's own redirection."""
    tools = folder / "tools"
    tools.mkdir()
    (tools / "pip").write_text(f"#!/bin/sh\necho \"$@\" >> '{folder}/pip.txt'\n")
    (tools / "pip").chmod(0o755)
    work = folder / "content"
    work.mkdir()
    env = {
        **os.environ,
        "PATH": os.pathsep.join([str(tools), os.environ["PATH"]]),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{source}.insteadOf",
        "GIT_CONFIG_VALUE_0": PROJECT["urls"]["Repository"],
        "IPYTHONDIR": str(folder / "ipython"),
    }
    code = FIRST.format(cell=cell, colab=colab)
    done = subprocess.run([sys.executable, "-c", code], cwd=work, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(
    shutil.which("git") is None or os.name != "posix", reason="Colab has git and a POSIX shell; this machine lacks one"
)
def test_the_first_cell_fetches_the_course_on_colab(source, tmp_path):
    found = run_first_cell(first_cell(), tmp_path, source, colab=True)
    assert found["helpers"] == str(tmp_path / "content" / "hands-on-bertology" / "helpers" / "__init__.py")
    assert found["rows"] == 900
    assert (tmp_path / "pip.txt").read_text() == "install --quiet -e hands-on-bertology\n"


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for pip is a shell script")
def test_the_first_cell_does_nothing_elsewhere(tmp_path):
    run_first_cell(first_cell(), tmp_path, "/nowhere", colab=False)
    assert not list((tmp_path / "content").iterdir()) and not (tmp_path / "pip.txt").exists()
