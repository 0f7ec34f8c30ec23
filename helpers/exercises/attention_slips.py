"""What goes wrong in a first attention (exercise 1.2): each misconception is computed, so that a check can name it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from helpers.exercises.checking import close, difference


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, **wrong: bool | float) -> Tensor:
    """Scaled dot-product attention as exercise 1.2 wants it, or with one of the misconceptions that ``SLIPS`` names."""
    scores = query @ key.transpose(-1, -2)
    if wrong.get("swapped"):
        scores = scores.transpose(-1, -2)
    scores = scores / wrong.get("divisor", query.shape[-1] ** 0.5)
    columns = mask[:, None, None, :] == 0
    if wrong.get("inverted"):
        columns = ~columns
    if wrong.get("rows"):
        columns = mask[:, None, :, None] == 0
    if not (wrong.get("unmasked") or wrong.get("after")):
        scores = scores.masked_fill(columns, wrong.get("fill", float("-inf")))
    weights = scores if wrong.get("raw") else scores.softmax(dim=wrong.get("dim", -1))
    if wrong.get("after"):
        weights = weights.masked_fill(columns, 0.0)
    return (weights.transpose(-1, -2) if wrong.get("turned") else weights) @ value


SLIPS = (
    ("padding still gets weight: the mask is not used.", {"unmasked": True}),
    ("the scores are not scaled: is the 1/sqrt(d) missing?", {"divisor": 1.0}),
    ("the scores are divided by d; divide by its root, math.sqrt(d).", {"divisor": 16.0}),
    ("the scores are divided by the root of the hidden size; d is one head's.", {"divisor": 48**0.5}),
    ("the scores are divided by the root of another size; d is query.shape[-1].", {"divisor": 7**0.5}),  # the tokens
    ("the scores are divided by a root that is fixed; take d from the query, query.shape[-1].", {"divisor": 32**0.5}),
    ("the scores are multiplied by the root of d; divide by it.", {"divisor": 0.25}),
    ("the softmax is missing: the scores themselves were used as weights.", {"raw": True}),
    ("the softmax runs over the rows; each row is to sum to 1, so use dim=-1.", {"dim": -2}),
    ("the softmax runs over the heads; each row is to sum to 1, so use dim=-1.", {"dim": 1}),
    ("rows and columns are exchanged: the score is query @ key.transpose(-1, -2).", {"swapped": True}),
    ("the weights were transposed before they met the values; it is weights @ value.", {"turned": True}),
    ("the mask comes after the softmax, so rows no longer sum to 1; apply it to the scores.", {"after": True}),
    ("padding has the score 0, and a softmax gives 0 some weight; fill in minus infinity.", {"fill": 0.0}),
    ("the mask forbids rows (who looks); it must forbid columns (who is looked at).", {"rows": True}),
    ("the mask is turned round: 1 is real and 0 is padding; fill where it is 0.", {"inverted": True}),
)


def misconception(got: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> str | None:
    """Name what is wrong with ``got``, which is not ``attention(query, key, value, mask)``; ``None`` if it is nothing known.

    Args:
        got: what the student's function returned.
        query: ``(batch, heads, tokens, size)``.
        key: the same.
        value: the same.
        mask: ``(batch, tokens)``, 1 at real tokens; at least one text has padding and one has none.
    """
    if isinstance(got, Tensor) and got.shape == (query @ key.mT).shape:
        return "these are scores or weights, (tokens, tokens) a head; the values still have to be weighted with them."
    if not isinstance(got, Tensor) or got.shape != value.shape:
        return difference(got, value)
    for message, wrong in SLIPS:
        for more in ({}, {"unmasked": True}):  # whoever has not come to the mask yet first hears of the other slip
            if close(torch.nan_to_num(got), torch.nan_to_num(attention(query, key, value, mask, **(wrong | more)))):
                return message
    if got.isnan().all():
        return "every value is nan: 0 times infinity is nan, so do not multiply by it; use masked_fill."
    if got.isnan().any():
        return "some rows are nan, as all their scores are forbidden; forbid padding's columns and not its rows."
    return None
