"""README, requirements and notebooks agree with each other."""

import os
import re
import tomllib

import pytest
from packaging.requirements import Requirement

from helpers.bundle import ROOT
from helpers.course import LOSING_WINDOWS
from tests.bench.chapters import NOTEBOOKS, table

README = (ROOT / "README.md").read_text(encoding="utf8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]
REQUIREMENTS = (ROOT / "requirements.txt").read_text(encoding="utf8").splitlines()
PINS = [line for line in REQUIREMENTS if "==" in line]


def test_readme_gives_the_two_commands():
    assert "pip install -r requirements.txt && jupyter lab notebooks/00_start_here.ipynb" in README
    assert re.search(r"pip install -r requirements\.txt && pytest\b", README)
    assert '"$venv/bin/pytest"' in (ROOT / ".ci" / "run").read_text()


def test_every_pin_is_exact_explained_and_installed():
    from importlib.metadata import version

    if os.environ.get("COURSE_NEWEST"):
        pytest.skip("this run is on the newest versions on purpose")
    for line in PINS:
        name, pinned, why = re.fullmatch(r"([\w-]+)==(\S+)\s+# (.+)", line).groups()
        assert why
        if name != "torch":  # its builds carry a suffix such as +cpu
            assert version(name).split("+")[0] == pinned, f"{name} is not the pinned version here"
    assert REQUIREMENTS[-1] == "-e ."


def test_the_pins_lie_in_the_ranges_of_the_package():
    pinned = dict(line.split("#")[0].strip().split("==") for line in PINS)
    for requirement in map(Requirement, PROJECT["dependencies"]):
        assert requirement.specifier.contains(pinned[requirement.name]), requirement


def test_the_package_refuses_the_releases_that_the_course_refuses():
    (tokenizers,) = (r for r in map(Requirement, PROJECT["dependencies"]) if r.name == "tokenizers")
    assert [release for release in LOSING_WINDOWS if tokenizers.specifier.contains(release)] == []
    assert tokenizers.specifier.contains("0.22.2")  # the newest before them, which Colab's transformers wants


def test_the_chapter_tables_are_those_of_the_notebooks():
    assert table("notebooks/") in README
    (start,) = NOTEBOOKS.glob("00_*.ipynb")
    import nbformat

    text = "\n".join(cell.source for cell in nbformat.read(start, as_version=4).cells)
    assert table("") in text


def test_the_address_is_written_once():
    slug = PROJECT["urls"]["Repository"].removeprefix("https://github.com/")
    assert f"github.com/{slug}/actions" in README
    assert f"colab.research.google.com/github/{slug}/" in README


@pytest.mark.parametrize("path", sorted((ROOT / "helpers").rglob("*.py")), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_helpers_are_read_in_one_sitting(path):
    assert len(path.read_text(encoding="utf8").splitlines()) <= 250


def test_local_links_lead_somewhere():
    for file in (*ROOT.glob("*.md"), *ROOT.glob("data/**/*.md")):
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)\)", file.read_text(encoding="utf8")):
            assert (file.parent / target).exists(), f"{file.name} links to {target}"


def test_no_unsafe_loading_anywhere():
    for path in (*(ROOT / "helpers").rglob("*.py"), *(ROOT / "data" / "build").glob("*.py")):
        source = path.read_text(encoding="utf8")
        assert "trust_remote_code" not in source
        assert "import pickle" not in source
        assert "torch.load(" not in source or "weights_only=True" in source


def test_dependencies_between_helpers_point_one_way():
    order = [
        "errors",
        "padding",
        "device",
        "bundle",
        "sources",
        "reading",
        "claims",
        "downloads",
        "course",
        "measure",
        "metrics",
        "tasks",
        "embeddings",
        "streaming",
        "pretraining",
        "viewers",
        "highlights",
        "elsewhere",
        "toy_images",
        "bertviz_offline",
        "explain",
        "history",
        "preflight",
        "training",
        "train_reviews",
        "distillation",
        "variants",
        "projects",
        "parity",
        "exercises",
    ]
    for path in (ROOT / "helpers").rglob("*.py"):
        own = path.relative_to(ROOT / "helpers").parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        for used in re.findall(
            r"^\s*from helpers(?:\.(\w+)\S*)? import (\w+)", path.read_text(encoding="utf8"), flags=re.M
        ):
            name = used[0] or used[1]
            assert order.index(name) < order.index(own) or name == own in (
                "exercises",
                "explain",
                "projects",
                "tasks",
            ), f"{path.name} imports {name}"
