"""What strict nbval cannot see: cells that never ran, hidden errors, pictures without numbers, a broken contract."""

import itertools
import json
import re
import tomllib

import nbformat
import pytest

from helpers.bundle import ROOT
from tests import pictures

PATHS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
NOTEBOOKS = {path.stem: nbformat.read(path, as_version=4) for path in PATHS}
REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]["urls"]["Repository"]
LIBRARIES = "psutil torch transformers peft datasets sklearn pandas numpy matplotlib ipywidgets captum lime bertviz tokenizers helpers"
STANDARD = "sys platform math random time collections itertools functools inspect warnings copy contextlib json re pathlib subprocess tempfile"

each = pytest.mark.parametrize("name", NOTEBOOKS)


def code(name):
    return [cell for cell in NOTEBOOKS[name].cells if cell.cell_type == "code"]


def tags(cell):
    return set(cell.metadata.get("tags", []))


def markdown(name):
    return "\n".join(cell.source for cell in NOTEBOOKS[name].cells if cell.cell_type == "markdown")


def test_the_chapters_are_there():
    numbers = [name[:2] for name in NOTEBOOKS]
    assert numbers == sorted(set(numbers))
    assert {"00", "01", "02", "03", "04", "05", "06"} <= set(numbers)
    assert all(nbformat.validate(notebook) is None for notebook in NOTEBOOKS.values())


@each
def test_every_cell_ran_in_order(name):
    assert [cell.execution_count for cell in code(name)] == list(range(1, len(code(name)) + 1))
    assert NOTEBOOKS[name].metadata.kernelspec.name == "python3"


@each
def test_outputs_are_clean(name):
    for place, cell in enumerate(code(name), start=1):
        assert len(json.dumps(cell.outputs)) < 300_000, f"the output of [{place}] is too big"
        for output in cell.outputs:
            assert output.get("name") != "stderr", f"[{place}] stores stderr: {output.get('text')}"
            if output.output_type == "error":
                assert "raises-exception" in tags(cell), f"[{place}] stores an error: {output.ename}"
        if "raises-exception" in tags(cell):
            assert any(output.output_type == "error" for output in cell.outputs), f"[{place}] no longer raises"
        text = json.dumps([o for o in cell.outputs])
        assert not re.search(r"/home/|/root/|/work/|/tmp/|C:\\\\|site-packages", text), f"[{place}] shows a path"


@each
def test_few_outputs_are_exempt(name):
    exempt = [cell for cell in code(name) if "nbval-ignore-output" in tags(cell)]
    assert len(exempt) <= max(2, 0.05 * len(code(name)))
    skipped = {"nbval-skip", "skip-execution"} & set().union(*map(tags, code(name)))
    assert not skipped, "no cell may be skipped"
    source = "\n".join(cell.source for cell in code(name))
    assert "NBVAL" not in source, "use tags, not magic comments"


@each
def test_cells_are_small_and_explained(name):
    cells = NOTEBOOKS[name].cells
    for before, cell in itertools.pairwise(cells):
        if cell.cell_type == "code":
            assert before.cell_type == "markdown", f"no prose before:\n{cell.source}"
            assert len(cell.source.splitlines()) <= 25, f"more than 25 lines:\n{cell.source}"
            assert not cell.source.rstrip().endswith(";")
    lengths = sorted(len(cell.source.splitlines()) for cell in code(name))
    assert lengths[len(lengths) // 2] <= 8


@each
def test_pictures_come_with_words_and_numbers(name):
    for place, cell in enumerate(code(name), start=1):
        count = len(pictures.pngs(cell.outputs))
        text = "".join("".join(output.get("text", "")) for output in cell.outputs if output.output_type == "stream")
        assert text.count("Figure: ") >= count, f"[{place}] has a picture without a sentence"
        if count:
            described = text[text.index("Figure: ") :].splitlines()
            assert len(described) >= 2 * count, f"[{place}] has a picture without its numbers"


@each
def test_imports_are_few_and_safe(name):
    source = "\n".join(cell.source for cell in code(name))
    imported = set(re.findall(r"^\s*(?:from|import) (\w+)", source, flags=re.M))
    assert imported <= {*LIBRARIES.split(), *STANDARD.split()}
    assert "trust_remote_code" not in source
    assert "pickle" not in source


@each
def test_title_links_and_badge(name):
    first, last = NOTEBOOKS[name].cells[0].source, NOTEBOOKS[name].cells[-1].source
    assert re.match(rf"# {name[:2]} · ", first)
    assert (
        f"{REPOSITORY.replace('https://github.com', 'https://colab.research.google.com/github')}/blob/main/notebooks/{name}.ipynb"
        in first
    )
    assert re.search(r"^\*\*Needs\*\* .+ · \d+ s · \d+\.\d GB", first, flags=re.M)
    (colab,) = (cell for cell in code(name) if "colab" in tags(cell))
    assert f'"{REPOSITORY}"' in colab.source
    assert "course.start(" in code(name)[1].source
    for target in re.findall(r"\]\((\d\d_\w+\.ipynb)\)", markdown(name)):
        assert target.removesuffix(".ipynb") in NOTEBOOKS, f"{target} does not exist"
    names = list(NOTEBOOKS)
    place = names.index(name)
    for neighbour in names[max(0, place - 1) : place] + names[place + 1 : place + 2]:
        assert f"({neighbour}.ipynb)" in first
        assert f"({neighbour}.ipynb)" in last


def test_the_colab_cell_is_the_same_everywhere():
    assert len({cell.source for name in NOTEBOOKS for cell in code(name) if "colab" in tags(cell)}) == 1


@pytest.mark.parametrize("name", [name for name in NOTEBOOKS if name[:2] not in ("00", "15")])
def test_a_chapter_has_all_its_parts(name):
    text = markdown(name)
    assert "**You will be able to**" in text
    assert len(re.findall(r"^> \*\*Myth", text, flags=re.M)) >= 3
    assert 3 <= len(re.findall(r"^### Exercise", text, flags=re.M)) <= 6
    assert any("explorer" in tags(cell) for cell in code(name))
    for heading in ("## Check yourself", "## Summary", "## Further reading"):
        assert re.search(rf"^{heading}", text, flags=re.M), f"no {heading}"
    assert text.count("<details>") == text.count("</details>") >= 6
    assert not re.search(r"<summary>.*</summary>\n(?!\n)", text), (
        "a blank line is needed after <summary>, or its text is not rendered"
    )


def test_the_picture_comparison_sees_a_changed_bar_and_forgives_a_copy():
    """The comparison that tests/pictures.py adds to nbval, on two bar charts of which one bar differs."""
    import base64
    import io

    import matplotlib.figure

    def chart(*values):
        file, figure = io.BytesIO(), matplotlib.figure.Figure(figsize=(5, 3))
        figure.subplots().barh(["a", "b", "c"], values)
        figure.savefig(file, format="png", dpi=90)
        return base64.b64encode(file.getvalue()).decode()

    assert pictures.difference(chart(1, 2, 3), chart(1, 2, 3)) == 0
    assert pictures.difference(chart(1, 2, 3), chart(1, 2.3, 3)) > pictures.TOLERATED


def test_nbval_looks_at_pictures():
    from nbval.plugin import IPyNbCell

    assert IPyNbCell.looks_at_pictures
