"""bertviz without a network: drawn lines are counted in a real JupyterLab and in the exported HTML, and everything else is looked at."""

import json
import os
import re
import shutil
from pathlib import Path

import nbformat
import pytest
import torch

from helpers import bertviz_offline
from helpers.errors import CourseError
from tests.test_browser import BROWSER, FINISHED, NAMES, RUN_ALL, browser, jupyterlab, opened  # noqa: F401

LAYERS, HEADS, TOKENS = 2, 3, 6
MAKE = f"""import torch
from helpers.bertviz_offline import head_view, model_view
torch.manual_seed(3)
attention = torch.randn({LAYERS}, {HEADS}, {TOKENS}, {TOKENS}).mul(2).softmax(-1)
tokens = ["[CLS]", "a", "</script>", "film", "'\\"<b>", "[SEP]"]
"""
scope = {}
exec(MAKE, scope)
ATTENTION, WORDS = scope["attention"], scope["tokens"]
VIEWS = {"head": bertviz_offline.head_view, "model": bertviz_offline.model_view}
both = pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
in_a_browser = pytest.mark.skipif(
    BROWSER is None, reason=f"no browser found (looked for {', '.join(NAMES)}; COURSE_BROWSER names one)"
)

LINES = """() => [...document.querySelectorAll('[data-bertviz]')].map((box) => ({
    lines: [...box.querySelectorAll('svg line')].map((line) => Number(line.getAttribute('stroke-opacity'))),
    words: [...box.querySelectorAll('svg text')].map((text) => text.textContent),
    seen: box.querySelector('svg')?.getBoundingClientRect().height ?? 0,
    whole: [...box.querySelectorAll('svg')].every((svg) => {
        const {width, height, right} = svg.getBoundingClientRect(), given = svg.getAttribute('width');
        const scale = given.endsWith('%') ? 1 : width / parseFloat(given);
        return Math.abs(height - scale * parseFloat(svg.getAttribute('height'))) < 1
            && right <= box.getBoundingClientRect().right;
    }),
    left: box.querySelector('p')?.textContent ?? '',
}))"""


def wait_for_views(page, count):
    page.wait_for_function(f"() => ({LINES})().filter((view) => view.seen > 20).length === {count}", timeout=30_000)
    views = page.evaluate(LINES)
    assert [view["left"] for view in views] == [""] * count
    assert all(view["whole"] for view in views), "a stylesheet cuts a view off"
    return views


def check_views(page, name):
    """The four views: head, model, and each once more, every line as strong as its attention."""
    shots = os.environ.get("COURSE_SCREENSHOTS")
    views = wait_for_views(page, 4)
    if shots:
        page.screenshot(path=str(Path(shots) / f"bertviz_{name}.png"), full_page=True)
    rounded = ATTENTION.double().round(decimals=3)
    for view, layer, heads in ((views[0], 0, [0, 1, 2]), (views[2], 1, [2])):
        wanted = [
            v / len(heads) if h in heads else 0.0 for h in range(HEADS) for v in rounded[layer, h].flatten().tolist()
        ]
        assert view["lines"] == pytest.approx(wanted, abs=1e-9)
        assert view["words"] == [*WORDS, *WORDS]
    for view in (views[1], views[3]):
        assert view["lines"] == pytest.approx(rounded.flatten().tolist(), abs=1e-9)
        assert view["words"][0] == "Heads"
    page.select_option("[data-bertviz] select >> nth=0", "1")  # the menu works, and only on its own view
    again = page.evaluate(LINES)
    assert again[0]["lines"] == pytest.approx((rounded[1] / HEADS).flatten().tolist(), abs=1e-9)
    assert again[2]["lines"] == views[2]["lines"] and again[0]["whole"]
    page.locator("[data-bertviz] >> nth=1").locator("svg rect").nth(3).click()  # a click makes a head large
    assert len(page.evaluate(LINES)[1]["lines"]) > len(views[1]["lines"])


@pytest.fixture(scope="module")
def ran(tmp_path_factory, browser):  # noqa: F811
    """The small notebook, run for the first time in a JupyterLab with its own settings; the page and the notebook."""
    folder = tmp_path_factory.mktemp("bertviz")
    sources = [MAKE + "head_view(attention, tokens)", "model_view(attention, tokens)"]
    sources += ["head_view(attention, tokens, layer=1, heads=[2])", "model_view(attention, tokens)"]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "views.ipynb")
    with jupyterlab(folder) as lab:
        page = opened(browser, lab, "views.ipynb", height=2400)
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.evaluate(RUN_ALL)
        page.wait_for_function(FINISHED, polling=200)
        notebook = page.evaluate("() => window.jupyterapp.shell.currentWidget.content.model.toJSON()")
        yield page, notebook, [url for url in asked if not url.startswith((lab, "data:", "blob:"))]
        page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        page.close()
    shutil.rmtree(folder)


@in_a_browser
def test_jupyterlab_draws_on_the_first_run(ran):
    page, notebook, elsewhere = ran
    errors = [o for cell in notebook["cells"] for o in cell["outputs"] if o["output_type"] in ("error", "stream")]
    assert not errors
    check_views(page, "lab")
    assert not elsewhere, f"the views asked the network: {elsewhere}"


@in_a_browser
def test_exported_html_draws(ran, browser, tmp_path):  # noqa: F811
    from nbconvert import HTMLExporter

    notebook = nbformat.from_dict(ran[1])
    file = tmp_path / "views.html"
    file.write_text(HTMLExporter().from_notebook_node(notebook)[0], encoding="utf8")
    page = browser.new_page(viewport={"width": 1280, "height": 2400})
    local = ("file:", "data:", "blob:")
    page.route("**/*", lambda route: route.continue_() if route.request.url.startswith(local) else route.abort())
    page.goto(file.as_uri(), wait_until="domcontentloaded")
    check_views(page, "html")
    page.close()


@both
def test_a_view_says_what_it_is_and_asks_nobody(view):
    made = view(ATTENTION, WORDS)
    assert re.fullmatch(r"bertviz \w+ view: 6 tokens, 2 layers of 3 heads; .+", repr(made))
    page = made._repr_html_()
    assert repr(made) in page, "who sees no scripts reads a sentence"
    assert "http" not in page and " src=" not in page
    assert page.count("<script>") == page.count("</script>") == 1
    assert page == view(ATTENTION, WORDS)._repr_html_()


@both
def test_a_view_of_twenty_tokens_fits_in_a_cell(view):
    torch.manual_seed(0)
    attention = torch.randn(6, 12, 20, 20).softmax(-1)
    assert len(json.dumps(view(attention, ["token"] * 20)._repr_html_())) < 260_000


@both
def test_nbval_forgives_rounding_and_sees_another_text(view):
    from nbval.plugin import get_sanitize_patterns

    patterns = get_sanitize_patterns((Path(__file__).parent / "sanitize.cfg").read_text())

    def compared(attention, words):
        page = view(attention, words)._repr_html_()
        for pattern, replacement in patterns:
            page = re.sub(pattern, replacement, page)
        assert len(page) < 4_000
        return page

    assert view(ATTENTION + 1e-3, WORDS)._repr_html_() != view(ATTENTION, WORDS)._repr_html_()
    assert compared(ATTENTION + 1e-3, WORDS) == compared(ATTENTION, WORDS)
    assert compared(ATTENTION, ["other", *WORDS[1:]]) != compared(ATTENTION, WORDS)


@both
def test_bad_input_is_one_sentence(view):
    with pytest.raises(CourseError, match="do not fit 5 tokens"):
        view(ATTENTION, WORDS[1:])
    with pytest.raises(CourseError, match="do not fit 6 tokens"):
        view(ATTENTION[0], WORDS)
    with pytest.raises(CourseError, match="has 21 tokens, and the view draws 441 lines"):
        view(torch.ones(1, 1, 21, 21), ["a"] * 21)


def test_layers_and_heads_must_exist():
    for settings in ({"layer": 2}, {"layer": -1}, {"heads": [3]}):
        with pytest.raises(CourseError, match="among 2 layers of 3 heads"):
            bertviz_offline.head_view(ATTENTION, WORDS, **settings)


@pytest.mark.parametrize(
    ("module", "file"), [("no_such_package", "a.js"), ("mpld3", "no/such.js"), ("xstatic.none", "b")]
)
def test_a_missing_library_is_one_sentence(module, file, monkeypatch):
    monkeypatch.setitem(bertviz_offline.LIBRARIES, "d3", (module, file, "mpld3"))
    bertviz_offline._library.cache_clear()
    with pytest.raises(CourseError, match=r"needs d3, and .+ of the package mpld3 is not there"):
        bertviz_offline.model_view(ATTENTION, WORDS)
    bertviz_offline._library.cache_clear()


def test_another_bertviz_is_one_sentence(monkeypatch):
    import bertviz
    from IPython.display import HTML

    monkeypatch.setattr(bertviz, "model_view", lambda *a, **k: HTML("<div>something new</div>"))
    with pytest.raises(CourseError, match=r"pip install bertviz==1\.4\.1"):
        bertviz_offline.model_view(ATTENTION, WORDS)
