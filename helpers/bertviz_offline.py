"""bertviz's head view and model view (Vig 2019) without a network: in JupyterLab, on the first run, and in a notebook exported to HTML.

bertviz asks a content delivery network for require.js, jQuery and d3 when its output is shown. Here they come from installed
packages: jQuery from XStatic-jQuery, d3 5 from mpld3, the drawing scripts from bertviz itself. Everything travels inside the output,
compressed, so each view stands alone; what one view has unpacked, the next one finds on ``window``.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch

from helpers.errors import CourseError

LONGEST = 20  # tokens: the lines are as many as tokens x tokens x heads x layers
# bertviz's own colours have red beside green; there are ten of them, a layer or a head each, and each has its number or place as well.
COLOURS = ["#2a6fb0", "#d9772b", "#1b1b1b", "#8fbbe0", "#8a8a8a", "#f2b98a", "#5b3f8c", "#c9a400", "#0f4c81", "#9c4a00"]
LIBRARIES = {
    "jQuery": ("xstatic.pkg.jquery", "data/jquery.min.js", "XStatic-jQuery"),
    "d3": ("mpld3", "js/d3.v5.min.js", "mpld3"),
}

# What the browser runs. A page may show the same view twice, so each place gets its own id when it draws, and it draws only when it
# is in the page: JupyterLab runs the script before that. Without scripts the sentence in the box stays.
DRAW = """(async () => {
const unpack = (packed) => new Response(new Blob([Uint8Array.from(atob(packed), (c) => c.charCodeAt(0))]).stream()
    .pipeThrough(new DecompressionStream("gzip"))).text();
const library = async (packed) => {
    const module = {exports: {}};
    new Function("module", "exports", "define", await unpack(packed))(module, module.exports, undefined);
    return module.exports;
};
const name = "NAME";
let box;
while (!(box = document.querySelector(`[data-bertviz="${name}"]:not([data-drawn])`))) {
    await new Promise((wake) => setTimeout(wake, 100));
}
box.dataset.drawn = "";
try {
    window.bertvizLibraries ??= Promise.all([library("JQUERY"), library("D3")]);
    const [jQuery, d3] = await window.bertvizLibraries;
    new MutationObserver(() => box.querySelectorAll("svg").forEach((svg) => {  // JupyterLab's style sheet would cut it off
        const [width, height] = ["width", "height"].map((side) => svg.getAttribute(side));
        const fixed = !width.endsWith("%");  // then a narrow cell shows all of it, only smaller
        if (fixed) svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
        svg.style.height = fixed ? "auto" : `${parseFloat(height)}px`;
        svg.style.maxWidth = "100%";
    })).observe(box, {childList: true, subtree: true});
    window.bertvizViews = (window.bertvizViews ?? 0) + 1;
    const root = box.querySelector(`[id="${name}"]`);
    root.id = `${name}-${window.bertvizViews}`;
    const script = (await unpack("SCRIPT")).replaceAll(name, root.id);
    const require = Object.assign((names, then) => then(jQuery, {...d3, schemeCategory10: COLOURS}), {config() {}});
    new Function("require", "requirejs", script)(require, require);
    box.querySelector("p").remove();
} catch (error) {
    box.querySelector("p").textContent = `This browser cannot draw the view: ${error}`;
}
})();"""


class View:
    """What a notebook shows as a drawing, and a tool without HTML as a sentence."""

    def __init__(self, sentence: str, html: str) -> None:
        """``html`` has all that it needs inside."""
        self.sentence, self.html = sentence, html

    def __repr__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        return self.html


def head_view(
    attention: torch.Tensor, tokens: Sequence[str], layer: int = 0, heads: Sequence[int] | None = None
) -> View:
    """One layer at a time, a colour a head: lines from each token to what it looks at.

    Args:
        attention: ``(layers, heads, tokens, tokens)`` of one text, at most 20 tokens.
        tokens: its word pieces.
        layer: the layer that is shown first; the others are in the menu.
        heads: the heads that are switched on first, all unless told.

    Raises:
        CourseError: the tokens are too many or do not fit, there is no such layer or head, or a package lacks its script.
    """
    from bertviz import head_view

    own = list(range(attention.shape[1])) if heads is None else list(heads)
    _check(attention, tokens, layer, own)
    page = head_view(_rounded(attention), list(tokens), layer=layer, heads=own, html_action="return")
    return _view("head view", page.data, attention, tokens, f"layer {layer}, heads {', '.join(map(str, own))}")


def model_view(attention: torch.Tensor, tokens: Sequence[str]) -> View:
    """All heads of all layers at a glance; a click on one makes it large. Arguments and errors as for ``head_view``."""
    from bertviz import model_view

    _check(attention, tokens, 0, [])
    page = model_view(_rounded(attention), list(tokens), display_mode="light", html_action="return")
    return _view("model view", page.data, attention, tokens, "all layers and heads")


def _check(attention: torch.Tensor, tokens: Sequence[str], layer: int, heads: Sequence[int]) -> None:
    if attention.ndim != 4 or attention.shape[-2:] != (len(tokens), len(tokens)):
        raise CourseError(
            f"Attentions of shape {tuple(attention.shape)} do not fit {len(tokens)} tokens: they should be (layers, heads, tokens, tokens)."
        )
    if len(tokens) > LONGEST:
        raise CourseError(
            f"The text has {len(tokens)} tokens, and the view draws {attention.numel():,} lines for them: take a text of at most "
            f"{LONGEST}, or viewers.heatmap for a single head."
        )
    if not 0 <= layer < attention.shape[0] or not all(0 <= head < attention.shape[1] for head in heads):
        raise CourseError(
            f"There is no layer {layer} with heads {list(heads)} among {attention.shape[0]} layers of {attention.shape[1]} heads; "
            "both count from 0."
        )


def _rounded(attention: torch.Tensor) -> list[torch.Tensor]:
    """bertviz's form, a tensor ``(1, heads, tokens, tokens)`` a layer, with three decimals: a third of the size."""
    return list(attention.detach().cpu().double().round(decimals=3)[:, None])


def _view(kind: str, page: str, attention: torch.Tensor, tokens: Sequence[str], shown: str) -> View:
    page = re.sub(r'<script src="https?://[^"]*"></script>', "", page)
    found = re.fullmatch(r'(.*?)<script type="text/javascript">(.*)</script>\s*', page, flags=re.S)
    names = set(re.findall(r"bertviz-[0-9a-f]{32}", page))
    if not found or len(names) != 1 or "require" not in found[2] or "//cdnjs" in found[1]:
        raise CourseError(
            "This version of bertviz writes its page in another way than 1.4: pip install bertviz==1.4.1 brings back the one that works here."
        )
    layers, heads = attention.shape[:2]
    sentence = f"bertviz {kind}: {len(tokens)} tokens, {layers} layers of {heads} heads; {shown}"
    name = "bertviz-" + hashlib.sha256(f"{sentence} {' '.join(tokens)}".encode()).hexdigest()[:12]
    (random,) = names
    body, script = (part.replace(random, name) for part in found.groups())
    draw = DRAW.replace("COLOURS", json.dumps(COLOURS))
    for place, packed in {
        "JQUERY": _library("jQuery"),
        "D3": _library("d3"),
        "SCRIPT": _packed(script),
        "NAME": name,
    }.items():
        draw = draw.replace(f'"{place}"', f'"{packed}"')
    box = f'<div data-bertviz="{name}" style="background:white;color:black;padding:8px;overflow-x:auto">'
    note = f"<p>{sentence}. It is drawn when the cell runs, and in the notebook exported to HTML.</p>"
    return View(sentence, f"{box}{note}{body.strip()}</div>\n<script>{draw}</script>")


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


@functools.cache
def _library(name: str) -> str:
    """A packed script of an installed package.

    Raises:
        CourseError: the package or the script in it is missing.
    """
    module, file, package = LIBRARIES[name]
    try:
        (folder,) = find_spec(module).submodule_search_locations
        return _packed((Path(folder) / file).read_text(encoding="utf8"))
    except (AttributeError, ImportError, OSError, ValueError) as error:
        raise CourseError(
            f"bertviz needs {name}, and {file} of the package {package} is not there: pip install --force-reinstall {package} brings it."
        ) from error
