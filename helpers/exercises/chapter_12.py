"""The checks of chapter 12, attention."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from helpers.exercises.attention_maps import HEAD_0_WINS, SLIPS, rollout, with_pattern
from helpers.exercises.checking import call, close, difference, exercise, slip


def _maps(layers: int = 3, heads: int = 4, tokens: int = 6) -> torch.Tensor:
    return torch.randn(layers, heads, tokens, tokens).mul(2).softmax(dim=-1)


@exercise("12.1")
def previous_token_head(answer: Callable) -> str | None:
    """``answer(attention)``: the (layer, head) that puts the largest share on the token before."""
    maps = with_pattern(-1, 2, 1)
    maps[0, 3] = with_pattern(1, 0, 3)[0, 3]
    maps[2, 3] = with_pattern(0, 2, 3)[2, 3]
    maps[1, 0] = torch.tensor([0.85, 0.03, 0.03, 0.03, 0.03, 0.03])

    def found(among: torch.Tensor) -> tuple[int, int]:
        first, second = (int(value) for value in call(answer, among))
        return first, second

    got = call(answer, maps)
    if isinstance(got, (int, float)) or (isinstance(got, torch.Tensor) and got.ndim == 0):
        if int(got) == 9:
            return "9 is the place among all heads in a row; layer and head are its quotient and remainder by the number of heads."
        return "two numbers are needed: the layer, and the head in it."
    try:
        layer, head = (int(value) for value in got)
    except (TypeError, ValueError):
        return "two numbers are needed: the layer, and the head in it."
    known = {
        (
            0,
            3,
        ): "this head looks at the token *after*: in row i the token before stands in column i - 1, below the diagonal.",
        (2, 3): "this head looks at the token itself, on the diagonal; the token before stands one column to the left.",
        (1, 0): "this head looks at [CLS], in column 0; in row i the token before stands in column i - 1.",
        (1, 2): "layer and head have changed places; the layer comes first.",
        (3, 2): "layers and heads count from 0, as the tensor does.",
    }
    aside = "(Did you take the mean of whole maps? It is the same for every head, as each row adds up to 1.)"
    if (layer, head) in known:  # of such a mean, rounding errors choose the head
        whole = divmod(int(maps.mean(dim=(-1, -2)).argmax()), 4)
        return f"{known[layer, head]} {aside}" if whole == (layer, head) == (0, 3) else known[layer, head]
    if not (0 <= layer < 3 and 0 <= head < 4):
        return (
            f"there is no head {head} in layer {layer} here: the map has 3 layers of 4 heads. "
            "Take the sizes from `attention`, not from the notebook, and divide by the number of heads."
        )
    if (layer, head) != (2, 1):
        return f"head 1 of layer 2 looks at the token before with nine tenths of its attention, but you found head {head} of layer {layer}. {aside}"
    if found(with_pattern(-1, 1, 1, layers=2, heads=5, tokens=4)) != (1, 1):
        return "for another number of layers, heads and tokens it finds another head; take the sizes from the tensor."
    for message, heads in HEAD_0_WINS.items():
        if found(heads) != (0, 0):
            return message
    return None


def _entropy(maps: torch.Tensor) -> torch.Tensor:
    return torch.special.entr(maps).sum(dim=-1).mean(dim=-1)


@exercise("12.2")
def entropy(answer: Callable) -> str | None:
    """``answer(attention)``: the mean entropy of the rows of each head, in nats, ``(layers, heads)``."""
    maps = _maps()
    got, expected = call(answer, maps), _entropy(maps)
    rows = torch.special.entr(maps).sum(dim=-1)
    if isinstance(got, torch.Tensor) and got.shape == maps.shape:
        return "this is one number a cell; add up along each row, and take the mean of the rows."
    if close(got, rows):
        return "this is one number a row; take the mean over the rows, so that each head has one."
    if close(got, -expected):
        return "right, but for the sign: logarithms of shares are negative, an entropy is not."
    if close(got, expected / math.log(2)):
        return "these are bits (logarithms to the base 2); the card asks for nats, the natural logarithm."
    if close(got, expected.exp()) or close(got, rows.exp().mean(-1)):
        return "this is exp(entropy), the number of tokens that would be as broad; leave the exp to the reader."
    if close(got, rows.sum(-1)):
        return "you add the rows up; then long texts have broader heads. Take their mean."
    if close(got, expected / math.log(10)):
        return "this is the logarithm to the base 10; the card asks for the natural one, torch.log."
    if close(got, expected / math.log(maps.shape[-1])):
        return "this is divided by the largest possible entropy; the card asks for nats as they are."
    if close(got, torch.special.entr(maps).mean(dim=(-1, -2))):
        return "this is the mean over all cells; along a row the terms are added up, and only rows are averaged."
    if close(got, torch.special.entr(maps.mean(dim=-2)).sum(-1)):
        return "you average the rows before you take the entropy: then narrow rows that look at different places seem broad."
    columns = maps / maps.sum(dim=-2, keepdim=True)
    if close(got, torch.special.entr(columns).sum(-2).mean(-1)):
        return "these are the columns; a row adds up to 1, and is what a token looks at."
    if close(got, _entropy(maps.softmax(dim=-1))):
        return "the rows are shares already; a second softmax makes them broader."
    if close(got, -maps.log().sum(-1).mean(-1)):
        return "the logarithms are added up as they are; each is weighed by its share, a · ln a."
    if close(got, rows[..., 0]):
        return "this is the first row of each head, [CLS]; take the mean over all rows."
    for tiny in (0.1, 0.01, 1e-3, 1e-4):
        wide = maps.clamp_min(tiny)
        ways = (maps * (maps + tiny).log(), maps * wide.log(), wide * wide.log(), (maps + tiny) * (maps + tiny).log())
        if any(close(got, -way.sum(-1).mean(-1)) for way in ways) and not close(got, expected):
            return f"{tiny:g} is too large a number to keep 0 away from the logarithm: it moves the result. 1e-12 is enough."
    if (message := difference(got, expected)) is not None:
        if isinstance(got, torch.Tensor) and got.shape == expected.shape:
            factor = got / expected
            if close(factor, factor[0, 0].expand_as(factor)):
                return f"each number is {factor[0, 0]:.2f} times what it should be: what do you divide by? The mean is over the rows."
        return message
    sharp = torch.eye(4).expand(2, 3, 4, 4)
    got = call(answer, sharp)
    if torch.isnan(got).any():
        return "a share of exactly 0 gives nan: 0 · log 0 counts as 0 (clamp the shares, or torch.special.entr)."
    if not close(got, torch.zeros(2, 3), atol=1e-3):
        return "a head that always looks at a single token should have the entropy 0, and has not."
    return None


@exercise("12.3")
def my_rollout(answer: Callable) -> str | None:
    """``answer(attention)``: the rollout up to the last layer, ``(tokens, tokens)``."""
    maps = _maps()
    got, expected = call(answer, maps), rollout(maps)
    tokens = maps.shape[-1]
    if isinstance(got, torch.Tensor) and got.shape == (len(maps), tokens, tokens):
        return "this is one matrix a layer; return the last one, which has all layers in it."
    if isinstance(got, torch.Tensor) and got.shape == (tokens,):
        return "this is one row; return the whole matrix (tokens, tokens), a row for every token of the last layer."
    if isinstance(got, torch.Tensor) and got.shape == (maps.shape[1], tokens, tokens):
        return "the heads are still apart; take their mean before you multiply."
    for message, wrong in SLIPS:
        if close(got, rollout(maps, **wrong)):
            return message
    if close(got, rollout(maps[1:])) or close(got, rollout(maps[:-1])):
        return "one of the layers is missing, the first or the last; all of them are multiplied."
    if close(got, torch.stack([rollout(maps[:, head, None]) for head in range(maps.shape[1])]).mean(0)):
        return "each head is followed on its own, and the mean comes last; take the mean of the heads in every layer."
    if (message := difference(got, expected)) is not None:
        return message
    if not close(call(answer, maps[:1]), rollout(maps[:1])):
        return "with several layers it is right, with a single one it is not."
    return None


def _silent(context: torch.Tensor, own: list[int], heads: int) -> torch.Tensor:
    parts = context.unflatten(-1, (heads, -1)).clone()
    parts[..., own, :] = 0
    return parts.flatten(-2)


@exercise("12.4")
def silence(answer: Callable) -> str | None:
    """``answer(context, silent, heads)``: ``(batch, tokens, hidden)`` with the parts of some heads at zero."""
    context, heads, size = torch.randn(2, 5, 24) + 3, 3, 8
    got, expected = call(answer, context, [1], heads), _silent(context, [1], heads)

    def without(*places: object) -> torch.Tensor:
        out = context.clone()
        out[places] = 0
        return out

    if close(got, context):
        return "nothing has changed; return the new tensor with zeros in it. A head has hidden / heads numbers, here 8."
    if close(got, context - expected):
        return "the other way round: you silence all heads but the ones named."
    parts = context.unflatten(-1, (heads, size)).clone()
    parts[..., 1] = 0
    wrong = {
        "you empty every third number; a head's numbers stand side by side: hidden / heads of them, one head after the other.": without(
            ..., slice(1, None, heads)
        ),
        "the right number of places, but they begin at 1: head 1 begins where head 0 ends, at 1 · hidden / heads (here 8).": without(
            ..., slice(1, 1 + size)
        ),
        "only one number is zero; a head has hidden / heads of them (here 8).": without(..., 1),
        "you empty a token; a head has a part in every token, on the last axis.": without(slice(None), 1),
        "one number of every head is zero; with (heads, size) at the end, the heads are on the last axis but one.": parts.flatten(
            -2
        ),
        "the part is as long as there are heads; it is the other way round: `heads` parts of hidden / heads numbers (here 8).": without(
            ..., slice(heads, 2 * heads)
        ),
        "this is head 1 of twelve, as in the notebook's model; here are three, so take their number from the argument `heads`.": without(
            ..., slice(2, 4)
        ),
        "the last number of the part is left; a slice stops before its end, so the end is (head + 1) · size.": without(
            ..., slice(size, 2 * size - 1)
        ),
        "head 0 is silent, though head 1 was named: heads count from 0.": without(..., slice(0, size)),
    }
    if message := slip(got, wrong):
        return message
    if isinstance(got, torch.Tensor) and torch.isinf(got).any():
        return "minus infinity is for scores before a softmax; these are the heads' results, and silence is 0."
    if isinstance(got, torch.Tensor) and got.shape == (2, 5, 16):
        return "the head is cut out, and the next matrix no longer fits; set it to zero and keep the shape."
    if isinstance(got, torch.Tensor) and got.shape == (2, 5, 3, 8):
        return "the heads are still on an axis of their own; flatten the last two axes again."
    if close(got, expected * heads / (heads - 1)):
        return "the other heads are scaled up, as dropout would do it; leave them as they are."
    if close(got, expected.unflatten(-1, (heads, size)).transpose(1, 2).reshape(2, 5, 24)):
        return "the axes of heads and tokens were exchanged and not put back: every number is now in another place."
    if (message := difference(got, expected)) is not None:
        return message
    named = [0, 2]
    if not close(call(answer, context, named, heads), _silent(context, [0, 2], heads)):
        return "one head works, two do not; `silent` is a list of any length."
    if named != [0, 2]:
        return "your function changes the list `silent`; whoever gave it to you still needs it."
    if not close(call(answer, context, [], heads), context):
        return "with no head to silence, everything should stay as it is."
    if not close(call(answer, context[:1], [5], 6), _silent(context[:1], [5], 6)):
        return "three heads work, six do not; take their number from `heads`."
    kept = context.clone()
    answer(kept, [1], heads)
    if not torch.equal(kept, context):
        return "your function changes the tensor that it is given; others still read it. Work on a clone."
    return None
