"""Figures with words and numbers: every plot prints what it shows, so that it can be read without the picture.

JupyterLab stores no alternative text for a picture, and a comparison of outputs does not look into one. So each function
draws, prints one sentence, and prints the numbers behind the picture. Colours are cividis, or blue and orange for signed
values; nothing is told by colour alone.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from helpers.errors import CourseError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREY = "#2a6fb0", "#d9772b", "#8a8a8a"
MARKS = "os^Dv*PX"


def _finish(sentence: str, lines: Sequence[str]) -> None:
    import matplotlib.pyplot as plt

    plt.show()
    print(f"Figure: {sentence}")
    for line in lines:
        print(f"  {line}")


def _legend(axes: Axes) -> None:
    """Above the picture, where it hides nothing."""
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2)


def _name_ticks(axes: Axes, places: Sequence[float], names: Sequence[str]) -> None:
    """Ticks of the x axis with these names, but without those that would run into the name on their left."""
    axes.set_xticks(places, names)
    renderer, free, kept = axes.figure.canvas.get_renderer(), -np.inf, []
    for label in axes.get_xticklabels():
        box = label.get_window_extent(renderer)
        fits = box.x0 > free + 2  # pixels between two names
        kept.append(label.get_text() if fits else "")
        free = box.x1 if fits else free
    axes.set_xticks(places, kept)


def bars(
    values: Mapping[str, float], sentence: str, xlabel: str = "", digits: int = 2, baseline: float | None = None
) -> None:
    """Horizontal bars, the value written at each.

    Args:
        values: a name -> its value, drawn from top to bottom.
        sentence: what the figure shows, in one sentence; printed below it.
        xlabel: the quantity and its unit.
        digits: decimals of the printed values; as few as hold on any machine.
        baseline: a dashed line to compare with, such as chance.
    """
    import matplotlib.pyplot as plt

    names, numbers = list(values), [float(v) for v in values.values()]
    _, axes = plt.subplots(figsize=(7, 0.6 + 0.35 * len(names)))
    drawn = axes.barh(names[::-1], numbers[::-1], color=BLUE)
    axes.bar_label(drawn, fmt=f"%.{digits}f", padding=3)
    axes.margins(x=0.12)
    if baseline is not None:
        axes.axvline(baseline, color=ORANGE, linestyle="--", label=f"baseline {baseline:.{digits}f}")
        _legend(axes)
    axes.set(xlabel=xlabel)
    width = max(map(len, names))
    rows = [f"{name:<{width}} {number:.{digits}f}" for name, number in zip(names, numbers, strict=True)]
    if baseline is not None:
        rows.append(f"{'(dashed line)':<{width}} {baseline:.{digits}f}")
    _finish(sentence, rows)


def lines(
    series: Mapping[str, Sequence[float]],
    x: Sequence[float],
    sentence: str,
    xlabel: str = "",
    ylabel: str = "",
    digits: int = 2,
    log_x: bool = False,
) -> None:
    """Lines over a common ``x``, told apart by marker as well as by colour, with the numbers printed as a table."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots()
    colours = [BLUE, ORANGE, GREY, "#1b1b1b"]
    for place, (name, values) in enumerate(series.items()):
        mark, colour = MARKS[place % len(MARKS)], colours[place % len(colours)]
        axes.plot(x, values, marker=mark, markersize=5, color=colour, label=name)
    if log_x:
        axes.set_xscale("log")
        axes.minorticks_off()
    _name_ticks(axes, list(x), [f"{v:g}" for v in x])
    axes.set(xlabel=xlabel, ylabel=ylabel)
    if len(series) > 1:
        _legend(axes)
    width = max(len(xlabel), *(len(name) for name in series))
    rows = [f"{xlabel:<{width}} " + " ".join(f"{v:>7g}" for v in x)]
    rows += [f"{name:<{width}} " + " ".join(f"{v:>7.{digits}f}" for v in values) for name, values in series.items()]
    _finish(sentence, rows)


def heatmap(
    matrix: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    sentence: str,
    digits: int = 2,
    signed: bool = False,
    axes: Axes | None = None,
) -> None:
    """A matrix as coloured cells with their numbers written in, and printed as a table.

    Args:
        matrix: ``(rows, columns)`` of numbers.
        rows: names of the rows.
        columns: names of the columns.
        sentence: what the figure shows.
        digits: decimals written and printed.
        signed: blue for negative, orange for positive values, white at zero.
        axes: draw there and print nothing (for a figure of several panels).

    Raises:
        CourseError: the names do not fit the matrix.
    """
    import matplotlib.pyplot as plt
    from matplotlib.colors import LinearSegmentedColormap

    matrix = np.asarray(matrix, dtype=float)
    if matrix.shape != (len(rows), len(columns)):
        raise CourseError(
            f"A matrix of shape {matrix.shape} cannot carry {len(rows)} row and {len(columns)} column names."
        )
    matrix = np.round(matrix, digits) + 0.0  # no "-0.0"
    own = axes is None
    if own:
        _, axes = plt.subplots(figsize=(1.6 + 0.55 * len(columns), 1.0 + 0.4 * len(rows)))
    top = float(np.abs(matrix).max()) or 1.0
    colours = LinearSegmentedColormap.from_list("signed", [BLUE, "white", ORANGE]) if signed else "cividis"
    image = axes.imshow(
        matrix, cmap=colours, vmin=-top if signed else None, vmax=top if signed else None, aspect="auto"
    )
    axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    axes.set_yticks(range(len(rows)), rows)
    if matrix.size <= 200:
        for (i, j), value in np.ndenumerate(matrix):
            dark = signed or image.norm(value) > 0.5
            axes.text(
                j, i, f"{value:.{digits}f}", ha="center", va="center", fontsize=8, color="black" if dark else "white"
            )
    if own:
        width = max(map(len, rows))
        cell = max(max(map(len, columns)), digits + 3)
        table = [" " * width + " " + " ".join(f"{c:>{cell}}" for c in columns)]
        table += [
            f"{n:<{width}} " + " ".join(f"{v:>{cell}.{digits}f}" for v in r) for n, r in zip(rows, matrix, strict=True)
        ]
        _finish(sentence, table)


def scatter(points: np.ndarray, groups: Sequence[str], sentence: str, names: Sequence[str] | None = None) -> None:
    """Points in the plane ``(n, 2)``, a marker and a colour a group; prints the centre and the spread of each group."""
    import matplotlib.pyplot as plt

    points = np.asarray(points, dtype=float)
    _, axes = plt.subplots(figsize=(6, 4.5))
    rows = []
    for place, group in enumerate(dict.fromkeys(groups)):
        own = points[[g == group for g in groups]]
        colour = [BLUE, ORANGE, GREY, "#1b1b1b"][place % 4]
        axes.scatter(*own.T, marker=MARKS[place % len(MARKS)], s=28, alpha=0.75, color=colour, label=group)
        x, y = own.mean(axis=0)
        spread = float(np.linalg.norm(own - own.mean(axis=0), axis=1).mean())
        rows.append(
            f"{group}: {len(own)} points around ({x:+.1f}, {y:+.1f}), {spread:.1f} from their centre on average"
        )
    for (x, y), name in zip(points, names or [], strict=bool(names)):
        axes.annotate(name, (x, y), textcoords="offset points", xytext=(5, 3), fontsize=8)
    axes.set(xlabel="first component", ylabel="second component")
    _legend(axes)
    _finish(sentence, rows)


def flow(steps: Sequence[tuple[str, str]], sentence: str) -> None:
    """Boxes from left to right, each a step and the shape that leaves it: ``[("tokenize", "(8, 17)"), ...]``."""
    import matplotlib.pyplot as plt

    _, axes = plt.subplots(figsize=(max(7.0, 1.75 * len(steps)), 1.3))
    style = {"boxstyle": "round,pad=0.5", "facecolor": "#eef3f8", "edgecolor": BLUE}
    for place, (name, shape) in enumerate(steps):
        axes.text(place, 0.62, name, ha="center", va="center", bbox=style, fontsize=9)
        axes.text(place, 0.08, shape, ha="center", va="center", fontsize=9, family="monospace")
        if place:
            axes.annotate(
                "", (place - 0.36, 0.62), (place - 0.64, 0.62), arrowprops={"arrowstyle": "->", "color": GREY}
            )
    axes.set(xlim=(-0.6, len(steps) - 0.4), ylim=(-0.15, 1.05))
    axes.axis("off")
    _finish(sentence, [f"{name} -> {shape}" for name, shape in steps])


class Tokens:
    """Word pieces in boxes, for a notebook's last line; ``values`` in -1..1 colour them and are written below.

    The text form (printed by tools without HTML) carries the same pieces and numbers.
    """

    def __init__(self, tokens: Sequence[str], values: Sequence[float] | None = None, digits: int = 2) -> None:
        """Raises ``CourseError`` if there is not one value a token."""
        if values is not None and len(values) != len(tokens):
            raise CourseError(f"{len(tokens)} tokens cannot be coloured by {len(values)} values.")
        self.tokens = list(tokens)
        self.values = None if values is None else [float(v) for v in values]
        self.digits = digits

    def __repr__(self) -> str:
        if self.values is None:
            return " | ".join(self.tokens)
        return " | ".join(f"{t} {v:+.{self.digits}f}" for t, v in zip(self.tokens, self.values, strict=True))

    def _repr_html_(self) -> str:
        boxes = []
        for place, token in enumerate(self.tokens):
            value = 0.0 if self.values is None else max(-1.0, min(1.0, self.values[place]))
            rgb = "217,119,43" if value > 0 else "42,111,176"
            below = "" if self.values is None else f"<br><small>{self.values[place]:+.{self.digits}f}</small>"
            boxes.append(
                f'<span style="display:inline-block;margin:2px;padding:2px 6px;border:1px solid #8a8a8a;border-radius:4px;'
                f'text-align:center;background:rgba({rgb},{abs(value):.2f})">{html.escape(token)}{below}</span>'
            )
        return "<div>" + "".join(boxes) + "</div>"
