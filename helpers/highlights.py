"""Stretches of a text, marked in the text itself: entities, answers. Boxes and names carry the meaning, colour only helps."""

from __future__ import annotations

import html
from collections.abc import Sequence

from helpers.errors import CourseError

FILLS = ["#dfeaf5", "#fbe7d6", "#e9e9e9", "#f6f0c9"]  # light enough for black text on each


class Highlighted:
    """A text with marked stretches, for a notebook's last line: ``Highlighted("Ada lived here.", [(0, 3, "PER")])``.

    The text form (printed by tools without HTML) puts each stretch in brackets with its name: ``[Ada PER] lived here.``
    """

    def __init__(self, text: str, stretches: Sequence[tuple[int, int, str]]) -> None:
        """Args:
            text: what to show.
            stretches: (start, end, name) each, in characters, ends exclusive; the order does not matter.

        Raises:
            CourseError: a stretch is empty or leaves the text, or two of them overlap.
        """
        self.text = text
        self.stretches = sorted((int(start), int(end), name) for start, end, name in stretches)
        before = 0
        for start, end, name in self.stretches:
            if not 0 <= start < end <= len(text):
                raise CourseError(f"{name} from {start} to {end} does not lie in the text of {len(text)} characters.")
            if start < before:
                raise CourseError(
                    f"{name} from {start} to {end} overlaps the stretch before it, which ends at {before}."
                )
            before = end

    def _parts(self) -> list[tuple[str, str | None]]:
        """The text cut up: (piece, its name or None)."""
        parts: list[tuple[str, str | None]] = []
        place = 0
        for start, end, name in self.stretches:
            parts += [(self.text[place:start], None), (self.text[start:end], name)]
            place = end
        return [part for part in [*parts, (self.text[place:], None)] if part[0]]

    def __repr__(self) -> str:
        return "".join(piece if name is None else f"[{piece} {name}]" for piece, name in self._parts())

    def _repr_html_(self) -> str:
        fills = {name: FILLS[i % len(FILLS)] for i, name in enumerate(dict.fromkeys(n for _, _, n in self.stretches))}
        shown = [
            html.escape(piece)
            if name is None
            else f'<mark style="background:{fills[name]};color:#000;border:1px solid #555;border-radius:4px;padding:1px 4px">'
            f"{html.escape(piece)} <small><b>{html.escape(name)}</b></small></mark>"
            for piece, name in self._parts()
        ]
        return f'<div style="line-height:2;white-space:pre-wrap">{"".join(shown)}</div>'
