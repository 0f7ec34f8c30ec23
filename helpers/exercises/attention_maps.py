"""Maps of attention for the checks of chapter 12, and what goes wrong in a first rollout (exercise 12.3)."""

from __future__ import annotations

import torch
from torch import Tensor


def with_pattern(offset: int, layer: int, head: int, layers: int = 3, heads: int = 4, tokens: int = 6) -> Tensor:
    """Broad heads, and one that looks ``offset`` tokens further; where there is none, at [CLS]."""
    found = torch.full((layers, heads, tokens, tokens), 1 / tokens)
    found[layer, head] = 0.02
    for row in range(tokens):
        found[layer, head, row, row + offset if 0 <= row + offset < tokens else 0] = 1 - 0.02 * (tokens - 1)
    return found


def pair(first: list[float], second: list[float]) -> Tensor:
    """Two heads ``(1, 2, tokens, tokens)`` with these shares on the token before, from row 1 on; the rest is spread evenly."""
    tokens = len(first) + 1
    found = torch.full((1, 2, tokens, tokens), 1 / tokens)
    for head, shares in enumerate((first, second)):
        for row, share in enumerate(shares, start=1):
            found[0, head, row] = (1 - share) / (tokens - 1)
            found[0, head, row, row - 1] = share
    return found


def _earlier() -> Tensor:
    """Head 0 looks at the token before, head 1 at all of those before."""
    found = pair([0.5] * 5, [0.5] * 5)
    for row in range(2, 6):
        found[0, 1, row] = 0.0
        found[0, 1, row, :row] = 1 / row
    return found


def _wrapped() -> Tensor:
    """Head 0 looks at the token before; head 1 does a little less, but in row 0 at the last token."""
    found = with_pattern(-1, 0, 0, layers=1, heads=2)
    found[0, 0, 0] = torch.tensor([1.0, 0, 0, 0, 0, 0])
    found[0, 1] = 0.9 * found[0, 0] + 0.1 / 6
    found[0, 1, 0] = torch.tensor([0.0, 0, 0, 0, 0, 1])
    return found


# What is wrong with an answer that does not find head 0 here
HEAD_0_WINS = {
    "the first token has no token before it, and the last one is not its neighbour: leave row 0 out.": _wrapped(),
    "a head that does it once, at a single token, wins; take the mean over the tokens, not the best of them.": pair(
        [0.6] * 5, [1.0, 0.1, 0.1, 0.1, 0.1]
    ),
    "all the tokens that come before are added up; the card asks for the one just before.": _earlier(),
    "one weak token must not decide (a minimum, a product, a median); the mean over the tokens counts.": pair(
        [1, 1, 0.18, 0.18, 0.18], [0.38] * 5
    ),
    "a row is left out at the start; only row 0 has no token before it, row 1 has one.": pair(
        [1, 0.5, 0.5, 0.5, 0.5], [0.55] * 5
    ),
    "a row is left out at the end; the last token has one before it, too.": pair([0.5, 0.5, 0.5, 0.5, 1], [0.55] * 5),
    "you count the tokens whose favourite is the token before; how much attention it gets is what counts, in the mean.": pair(
        [0.9, 0.9, 0.9, 0.9, 0.1], [0.5] * 5
    ),
}


def rollout(maps: Tensor, **wrong: bool | float) -> Tensor:
    """Rollout as exercise 12.3 wants it, or with one of the misconceptions that ``SLIPS`` names."""
    layers = maps
    if wrong.get("swapped"):
        layers = maps.transpose(0, 1)
    if wrong.get("beside"):
        layers = maps.flatten(0, 1)[:, None]
    pooled = layers.amax(1) if wrong.get("strongest") else layers.sum(1) if wrong.get("added") else layers.mean(1)
    identity = torch.ones_like(pooled[0]) if wrong.get("ones") else torch.eye(maps.shape[-1])
    keep = wrong.get("residual", 0.5)
    mixed = wrong.get("share", 1 - keep) * pooled + keep * identity
    if wrong.get("last") or wrong.get("first"):
        return mixed[-1] if wrong.get("last") else mixed[0]
    if wrong.get("mean") or wrong.get("cells"):
        return mixed.mean(0) if wrong.get("mean") else mixed.prod(0)
    found = torch.eye(maps.shape[-1])
    for layer, plain in zip(mixed, pooled, strict=True):
        if wrong.get("starred"):
            found = layer * found
        elif wrong.get("late"):
            found = 0.5 * plain @ found + 0.5 * torch.eye(maps.shape[-1])
        else:
            found = found @ layer if wrong.get("turned") else layer @ found
    return found.T if wrong.get("transposed") else found


SLIPS = (
    (
        "the layers are multiplied in the wrong order: the new layer looks at the places of the one below, so it stands on the left.",
        {"turned": True},
    ),
    ("the residual connection is missing: mix each layer half and half with the identity.", {"residual": 0.0}),
    ("the residual connection is missing, and the layers stand in the wrong order.", {"residual": 0.0, "turned": True}),
    ("the rows add up to more than 1: after adding the identity, halve.", {"share": 1.0, "residual": 1.0}),
    ("only the attention is halved, not the identity; each has half a share.", {"residual": 1.0, "share": 0.5}),
    ("the residual is the identity (torch.eye): a place keeps itself, and not a bit of every place.", {"ones": True}),
    ("the identity comes after the multiplication; mix each layer with it first, and multiply the mixture.", {"late": True}),
    ("this is the last layer only; multiply it with all those below.", {"last": True}),
    ("this is the first layer only; is the return inside the loop?", {"first": True}),
    ("the heads are added up, so they count more than the residual; take their mean.", {"added": True}),
    ("the mean is over the layers, and the heads are multiplied; it is the other way round.", {"swapped": True}),
    ("rows and columns are exchanged in the end; row i stands for place i of the last layer.", {"transposed": True}),
    ("the heads of a layer are multiplied one after the other; they work side by side, so take their mean.", {"beside": True}),
    ("this is the mean of the layers; they work one after the other, so multiply.", {"mean": True}),
    ("you multiply cell by cell; matrices are multiplied with @, which adds up all ways from one token to another.", {"cells": True}),
    ("you multiply cell by cell (*), which leaves the diagonal alone; matrices are multiplied with @.", {"starred": True}),
    ("this takes the strongest head in each cell; take the mean of the heads.", {"strongest": True}),
)  # fmt: skip
