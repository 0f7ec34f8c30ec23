"""The checks of chapter 12, attention."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from helpers.exercises.checking import call, close, difference, exercise


def _maps(layers: int = 3, heads: int = 4, tokens: int = 6) -> torch.Tensor:
    return torch.randn(layers, heads, tokens, tokens).mul(2).softmax(dim=-1)


def _with_pattern(offset: int, layer: int, head: int, layers: int = 3, heads: int = 4, tokens: int = 6) -> torch.Tensor:
    """Broad heads, and one that looks ``offset`` tokens further; where there is none, at [CLS]."""
    found = torch.full((layers, heads, tokens, tokens), 1 / tokens)
    found[layer, head] = 0.02
    for row in range(tokens):
        found[layer, head, row, row + offset if 0 <= row + offset < tokens else 0] = 1 - 0.02 * (tokens - 1)
    return found


@exercise("12.1")
def previous_token_head(answer: Callable) -> str | None:
    """``answer(attention)``: the (layer, head) that puts the largest share on the token before."""
    maps = _with_pattern(-1, 2, 1)
    maps[0, 3] = _with_pattern(1, 0, 3)[0, 3]
    got = call(answer, maps)
    if isinstance(got, (int, float)) or (isinstance(got, torch.Tensor) and got.ndim == 0):
        if int(got) == 9:
            return "9 is the place among all heads in a row; layer and head are its quotient and remainder by the number of heads."
        return "two numbers are needed: the layer, and the head in it."
    try:
        layer, head = (int(value) for value in got)
    except (TypeError, ValueError):
        return "two numbers are needed: the layer, and the head in it."
    if (layer, head) == (0, 3):
        return (
            "this head looks at the token *after*: in row i the token before stands in column i - 1, below the diagonal. "
            "(Or did you take the mean of whole maps? That is the same for every head, as each row adds up to 1.)"
        )
    if (layer, head) == (1, 2):
        return "layer and head have changed places; the layer comes first."
    if (layer, head) == (3, 2):
        return "layers and heads count from 0, as the tensor does."
    if (layer, head) != (2, 1):
        return f"head 1 of layer 2 looks at the token before with nine tenths of its attention, but you found head {head} of layer {layer}."
    few = _with_pattern(-1, 1, 1, layers=2, heads=5, tokens=4)
    if tuple(map(int, call(answer, few))) != (1, 1):
        return "for another number of layers, heads and tokens it finds another head; take the sizes from the tensor."
    wrap = torch.full((1, 2, 6, 6), 1 / 6)
    wrap[0, 0] = _with_pattern(-1, 0, 0, 1, 1)[0, 0]
    wrap[0, 0, 0] = torch.tensor([1.0, 0, 0, 0, 0, 0])
    wrap[0, 1] = 0.9 * wrap[0, 0] + 0.1 / 6
    wrap[0, 1, 0] = torch.tensor([0.0, 0, 0, 0, 0, 1])
    if tuple(map(int, call(answer, wrap))) != (0, 0):
        return "the first token has no token before it, and the last one is not its neighbour: leave row 0 out."
    top = torch.full((1, 2, 6, 6), 1 / 6)
    top[0, 0] = _with_pattern(-1, 0, 0, 1, 1)[0, 0] * 0.7 + 0.3 / 6
    top[0, 1, 1] = torch.tensor([1.0, 0, 0, 0, 0, 0])
    if tuple(map(int, call(answer, top))) != (0, 0):
        return "a head that does it once, at a single token, wins; take the mean over the tokens, not the best of them."
    often = torch.full((1, 2, 6, 6), 0.1)  # head 0: a little ahead at every token; head 1: far ahead at most of them
    for row in range(1, 6):
        often[0, 0, row, row - 1] = 0.5
        often[0, 1, row] = 0.02
        often[0, 1, row, row - 1] = 0.9 if row < 5 else 0.4
        often[0, 1, row, 0 if row == 5 else row] += 0.5 if row == 5 else 0.0
    if tuple(map(int, call(answer, often))) != (0, 1):
        return "you count the tokens whose favourite is the token before; how much attention it gets is what counts, in the mean."
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
    if close(got, expected / math.log(maps.shape[-1])):
        return "this is divided by the largest possible entropy; the card asks for nats as they are."
    if close(got, torch.special.entr(maps).mean(dim=(-1, -2))):
        return "this is the mean over all cells; along a row the terms are added up, and only rows are averaged."
    if close(got, torch.special.entr(maps.mean(dim=-2)).sum(-1)):
        return "you average the rows before you take the entropy: then narrow rows that look at different places seem broad."
    columns = maps / maps.sum(dim=-2, keepdim=True)
    if close(got, torch.special.entr(columns).sum(-2).mean(-1)):
        return "these are the columns; a row adds up to 1, and is what a token looks at."
    if (message := difference(got, expected)) is not None:
        return message
    sharp = torch.eye(4).expand(2, 3, 4, 4)
    got = call(answer, sharp)
    if torch.isnan(got).any():
        return "a share of exactly 0 gives nan: 0 · log 0 counts as 0 (clamp the shares, or torch.special.entr)."
    if not close(got, torch.zeros(2, 3), atol=1e-3):
        return "a head that always looks at a single token should have the entropy 0, and has not."
    return None


def _rollout(maps: torch.Tensor, residual: float = 0.5, turn: bool = False) -> torch.Tensor:
    mixed = (1 - residual) * maps.mean(dim=1) + residual * torch.eye(maps.shape[-1])
    found = mixed[0]
    for layer in mixed[1:]:
        found = found @ layer if turn else layer @ found
    return found


@exercise("12.3")
def rollout(answer: Callable) -> str | None:
    """``answer(attention)``: the rollout up to the last layer, ``(tokens, tokens)``."""
    maps = _maps()
    got, expected = call(answer, maps), _rollout(maps)
    tokens = maps.shape[-1]
    if isinstance(got, torch.Tensor) and got.shape == (len(maps), tokens, tokens):
        return "this is one matrix a layer; return the last one, which has all layers in it."
    if isinstance(got, torch.Tensor) and got.shape == (tokens,):
        return "this is one row; return the whole matrix (tokens, tokens), a row for every token of the last layer."
    if isinstance(got, torch.Tensor) and got.shape == (maps.shape[1], tokens, tokens):
        return "the heads are still apart; take their mean before you multiply."
    if close(got, _rollout(maps, turn=True)):
        return "the layers are multiplied in the wrong order: the new layer looks at the places of the one below, so it stands on the left."
    if close(got, _rollout(maps, residual=0)):
        return "the residual connection is missing: mix each layer half and half with the identity."
    if close(got, _rollout(maps, residual=0.5) * 2 ** len(maps)):
        return "the rows add up to more than 1: after adding the identity, halve."
    if close(got, _rollout(maps[1:])) or close(got, _rollout(maps[:-1])):
        return "one of the layers is missing, the first or the last; all of them are multiplied."
    if close(got, _rollout(maps.flatten(0, 1)[:, None])):
        return "the heads of a layer are multiplied one after the other; they work side by side, so take their mean."
    if close(got, (0.5 * maps.mean(1) + 0.5 * torch.eye(tokens)).mean(0)):
        return "this is the mean of the layers; they work one after the other, so multiply."
    if close(got, (0.5 * maps.mean(1) + 0.5 * torch.eye(tokens)).prod(0)):
        return "you multiply cell by cell; matrices are multiplied with @, which adds up all ways from one token to another."
    if close(got, _rollout(maps.amax(1, keepdim=True))):
        return "this takes the strongest head in each cell; take the mean of the heads."
    if (message := difference(got, expected)) is not None:
        return message
    if not close(call(answer, maps[:1]), _rollout(maps[:1])):
        return "with several layers it is right, with a single one it is not."
    return None


def _silent(context: torch.Tensor, own: list[int], heads: int) -> torch.Tensor:
    parts = context.unflatten(-1, (heads, -1)).clone()
    parts[..., own, :] = 0
    return parts.flatten(-2)


@exercise("12.4")
def silence(answer: Callable) -> str | None:
    """``answer(context, silent, heads)``: ``(batch, tokens, hidden)`` with the parts of some heads at zero."""
    context, heads = torch.randn(2, 5, 12) + 3, 3
    got, expected = call(answer, context, [1], heads), _silent(context, [1], heads)
    if close(got, context):
        return "nothing has changed; return the new tensor with zeros in it."
    if close(got, context - expected):
        return "the other way round: you silence all heads but the ones named."
    strided = context.clone()
    strided[..., 1::heads] = 0
    if close(got, strided):
        return "you empty every third number; a head's numbers stand side by side: hidden / heads of them, one head after the other."
    shifted = context.clone()
    shifted[..., 1:5] = 0
    if close(got, shifted):
        return "the right number of places, but they begin at 1: head 1 begins where head 0 ends, at 1 · hidden / heads (here 4)."
    single = context.clone()
    single[..., 1] = 0
    if close(got, single):
        return "only one number is zero; a head has hidden / heads of them (here 4)."
    token = context.clone()
    token[:, 1] = 0
    if close(got, token):
        return "you empty a token; a head has a part in every token, on the last axis."
    if isinstance(got, torch.Tensor) and got.shape == (2, 5, 8):
        return "the head is cut out, and the next matrix no longer fits; set it to zero and keep the shape."
    if isinstance(got, torch.Tensor) and got.shape == (2, 5, 3, 4):
        return "the heads are still on an axis of their own; flatten the last two axes again."
    if close(got, expected * heads / (heads - 1)):
        return "the other heads are scaled up, as dropout would do it; leave them as they are."
    if (message := difference(got, expected)) is not None:
        return message
    if not close(call(answer, context, [0, 2], heads), _silent(context, [0, 2], heads)):
        return "one head works, two do not; `silent` is a list of any length."
    if not close(call(answer, context, [], heads), context):
        return "with no head to silence, everything should stay as it is."
    if not close(call(answer, context[:1], [5], 6), _silent(context[:1], [5], 6)):
        return "three heads work, six do not; take their number from `heads`."
    kept = context.clone()
    answer(kept, [1], heads)
    if not torch.equal(kept, context):
        return "your function changes the tensor that it is given; others still read it. Work on a clone."
    return None
