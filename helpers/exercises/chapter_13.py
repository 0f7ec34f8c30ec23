"""The checks of chapter 13, gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from helpers.exercises.checking import Nothing, call, close, difference, exercise, kind
from helpers.exercises.gradient_slips import STOPS, other_logits, other_shares, stop


@exercise("13.1")
def input_gradient(answer: Callable) -> str | None:
    """``answer(classify, vectors, targets)``: gradients ``(texts, tokens, hidden)``, for each text of the logit of its own target."""
    vectors = torch.randn(3, 4, 5)
    first, second = torch.randn(5, 6, requires_grad=True), torch.randn(6, 4, requires_grad=True)

    def classify(points: torch.Tensor) -> torch.Tensor:
        """Logits (texts, classes)."""
        return (points @ first).tanh().mean(dim=1) @ second

    targets = (classify(vectors).argmax(dim=1) + torch.tensor([1, 2, 3])) % 4  # nowhere the class that wins

    def of(scalar: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        points = vectors.clone().requires_grad_()
        return torch.autograd.grad(scalar(classify(points)), points)[0]

    rows = torch.arange(3)
    expected = of(lambda z: z[rows, targets].sum())
    try:
        got = call(answer, classify, vectors, targets)
    except Nothing:
        if "grad" not in getattr(getattr(answer, "__code__", None), "co_names", ()):
            raise
        return (
            "your function returns None: is the return missing, or did you read the .grad of a tensor that has none? "
            "It is at the tensor that went into classify."
        )
    if isinstance(got, torch.Tensor) and got.shape == (3, 4):
        return "this is one number a token; return the whole gradient, which is as large as the vectors."
    if isinstance(got, (tuple, list)) and len(got) == 1:
        return "torch.autograd.grad returns a tuple, one gradient an input; take the only one out of it."
    if close(got, expected * vectors):
        return "this is gradient x input; the gradient alone is asked for."
    if close(got, expected.abs()):
        return "the signs are lost: a gradient says in which direction the logit grows, so take no absolute value."
    for message, scalar in other_logits(targets).items():
        if close(got, of(scalar)):
            return message
    if (message := difference(got, expected)) is not None:
        return message
    if first.grad is not None or second.grad is not None:
        return (
            "right values, but backward() has also left gradients in the model's weights; torch.autograd.grad does not."
        )
    two = call(answer, classify, vectors[:2], targets[:2])
    if not close(two, expected[:2]):
        return "three texts work, two do not; take their number from the arguments."
    return None


@exercise("13.2")
def occlusion(answer: Callable) -> str | None:
    """``answer(score, ids, owners, mask_id)``: for each word, by how much the score falls when all its pieces are masked: ``(words,)``."""
    table, weights = torch.linspace(-1, 1, 300), torch.rand(9) + 1
    owners: list[int | None] = [None, 0, 1, 1, 1, None, 2, 2, None]
    ids, mask = torch.tensor([1, 290, 60, 12, 5, 150, 210, 170, 2]), 140

    def score(rows: torch.Tensor) -> torch.Tensor:
        """Logits (texts,) of ids (texts, tokens)."""
        rows = torch.as_tensor(rows)
        if rows.ndim != 2:
            raise ValueError(f"score wants ids (texts, tokens), and got {tuple(rows.shape)}; ids[None] is one text")
        values = table[rows] * weights[: rows.shape[-1]]
        return values.sum(dim=-1) + values.sum(dim=-1) ** 2 / 10 + (rows == mask).sum(dim=-1) ** 2 * 0.1

    def falls(covered: Callable[[int], Sequence[bool]], sign: int = 1, with_mask: int = mask) -> torch.Tensor:
        hidden = torch.stack([torch.where(torch.tensor(covered(word)), with_mask, ids) for word in range(3)])
        return sign * (score(ids[None]) - score(hidden))

    def own(word: int) -> list[bool]:
        return [owner == word for owner in owners]

    expected = falls(own)
    got = call(answer, score, ids, list(owners), mask)
    if isinstance(got, (list, tuple, np.ndarray)) and all(
        isinstance(value, (int, float, np.number, torch.Tensor)) for value in got
    ):
        got = torch.tensor([float(value) for value in got])
    if isinstance(got, torch.Tensor) and got.shape == (9,):
        return "this is one number a token; a word has one, with all of its pieces masked at once."
    if isinstance(got, torch.Tensor) and got.shape == (6,):
        return "there are six numbers for three words: each word once, although it stands in owners once a piece."
    if close(got, expected[1:]):
        return "word 0 is missing: 0 counts as false; ask whether the owner `is not None`."
    if close(got, expected[:2]):
        return "the last word is missing: words count from 0, so there is one more than the highest number."
    if isinstance(got, torch.Tensor) and got.shape == (4,):
        return "there are four numbers for three words: `None` in owners is no word."
    if close(got, torch.zeros(3)):
        return "all falls are 0: `ids` itself was changed, so the text that you compare with is masked, too; work on a clone."
    if close(got, -expected):
        return "the sign is the wrong way round: a word that speaks for the class has a score that falls, and a number above 0."
    if close(got, expected.abs()):
        return "the sign is lost: a word that speaks against the class makes the score rise, and gets a number below 0."
    if close(got, expected / score(ids[None])):
        return "this is the fall as a share of the score; the fall itself is wanted."
    if close(got, score(ids[None]) - expected):
        return "these are the scores without each word; subtract them from the score of the whole text."
    if close(got, falls(lambda word: [o == word and (i == 0 or owners[i - 1] != word) for i, o in enumerate(owners)])):
        return "only the first piece of each word is masked; its other pieces still give it away."
    last = falls(lambda word: [o == word and owners[i + 1] != word for i, o in enumerate(owners)])
    if close(got, last):
        return "only the last piece of each word is masked; its other pieces still give it away."
    alone = [[score(ids[None])[0] - score(_at(ids, i, mask))[0] for i in range(9) if owners[i] == w] for w in range(3)]
    if close(got, torch.stack([sum(parts) for parts in alone])) or close(
        got, torch.stack([sum(parts) / len(parts) for parts in alone])
    ):
        return "the pieces were masked one at a time, and the falls put together; mask all pieces of a word at once."
    if close(got, falls(lambda word: [o is not None and o <= word for o in owners])):
        return "the masks pile up: each word was masked on top of the ones before it; start from a fresh copy of ids."
    if close(got, falls(lambda word: [o is not None and o != word for o in owners])):
        return "you masked all the other words and kept this one; it should be the other way round."
    if close(got, falls(lambda word: [o in (word, None) for o in owners])):
        return "special tokens and punctuation are masked as well; `None` belongs to no word and stays."
    if close(got, falls(own, with_mask=0)):
        return "you put a 0, which is [PAD], where mask_id was asked for."
    if close(got, falls(own, with_mask=103)):
        return "103 is [MASK] in one vocabulary; take the argument, mask_id."
    for pieces, message in (
        (0, "the word was cut out, which moves all the words behind it; put mask_id in its place."),
        (
            1,
            "one mask stands for the whole word, which moves all the words behind it; put one in the place of each piece.",
        ),
    ):
        short = [[i for i, o in enumerate(owners) if o != word or i - owners.index(word) < pieces] for word in range(3)]
        rows = [_at(ids, owners.index(word), mask)[0, own] for word, own in enumerate(short)]
        if close(got, torch.stack([score(ids[None])[0] - score(row[None])[0] for row in rows])):
            return message
    if (message := difference(got, expected)) is not None:
        return message
    ids, owners = ids[1:6], [0, None, 1, 2, 3]
    more = call(answer, score, ids, list(owners), mask)
    if len(more) != 4:
        return "three words work, four do not; take the words from `owners`."
    return None


def _at(ids: torch.Tensor, place: int, token: int) -> torch.Tensor:
    """One text ``(1, tokens)`` with another token in one place."""
    changed = ids.clone()
    changed[place] = token
    return changed[None]


@exercise("13.3")
def integrated(answer: Callable) -> str | None:
    """``answer(score, start, end, steps)``: integrated gradients by the rule of midpoints, ``(tokens, hidden)``."""
    weights, calls = torch.randn(4, 5), []

    def score(points: torch.Tensor) -> torch.Tensor:
        """One number a point: (points, tokens, hidden) -> (points,)."""
        calls.append(len(points))
        return (points * weights).sum(dim=(-2, -1)).sin() + (points**3).mean(dim=(-2, -1))

    start, end, steps = torch.randn(4, 5), torch.randn(4, 5), 6

    def mean(shares: torch.Tensor) -> torch.Tensor:
        points = (start + shares[:, None, None] * (end - start)).requires_grad_()
        return torch.autograd.grad(score(points).sum(), points)[0].mean(dim=0)

    middles = (torch.arange(steps) + 0.5) / steps
    average = mean(middles)
    calls.clear()
    got, expected = call(answer, score, start, end, steps), (end - start) * average
    times = len(calls)
    if isinstance(got, torch.Tensor) and got.shape == (4,):
        return "this is summed over the hidden dimensions already; return one number each: (tokens, hidden)."
    if isinstance(got, torch.Tensor) and got.ndim == 3:
        return "there is one gradient for each step; average them over the steps."
    if close(got, average):
        return "the average gradient is right; multiply it by what changed, end - start."
    if close(got, steps * expected):
        return "you added the gradients up; divide by the number of steps, or more steps will mean higher scores."
    if close(got, expected / steps):
        return "this is divided by the number of steps twice: score(points).mean() does it, and the mean of the gradients again."
    if close(got, end * average):
        return "you multiplied by the end alone; the way that was walked is end - start."
    if close(got, -expected):
        return "the sign is the wrong way round: multiply by end - start, not by start - end."
    if close(got, (end - start).abs() * average) or close(got, expected.abs()):
        return "the sign is lost: what speaks against is negative, so take no absolute value."
    for message, shares in other_shares(steps).items():
        if close(got, (end - start) * mean(shares)):
            return message

    def along(begin: torch.Tensor, way: torch.Tensor, first: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        points = (begin + middles[:, None, None] * way).requires_grad_()
        values = score(points)
        return points.detach(), torch.autograd.grad(values[0] if first else values.sum(), points)[0]

    nowhere = torch.zeros_like(start)
    if close(got, (end - start) * along(nowhere, end - start)[1].mean(0)) or close(
        got, end * along(nowhere, end)[1].mean(0)
    ):
        return "the way begins at zero here; it should begin at start."
    if close(got, (end - start) * along(start, end)[1].mean(0)):
        return "the points are start plus a share of end, so the last ones lie beyond it; a share of the way, end - start, is added."
    if close(got, (end - start) * along(start, end - start, first=True)[1].mean(0)):
        return "the gradient of the first point only; add up the scores of all points before you differentiate."
    if close(got, torch.stack(along(start, end - start)).prod(0).mean(0)):
        return "each gradient is multiplied with its own point; take the mean of the gradients, times end - start."
    if (message := difference(got, expected)) is not None:
        return message
    if times > 1:
        return f"right values, but score was called {times} times; hand it all the points at once, (steps, tokens, hidden)."
    if not close(call(answer, score, start, end, 1), (end - start) * mean(torch.tensor([0.5]))):
        return "six steps are right, but one step is not: its middle is half-way."
    return None


@exercise("13.4")
def enough_steps(answer: Callable) -> str | None:
    """``answer(integrated, score, start, end, tolerance)``: the first of 1, 2, 4, 8 ... steps with a gap below the tolerance."""
    got, asked = stop(answer, 0.05)
    if got == math.inf:
        return "it does not stop, although 64 steps are enough here: do the steps double, and is the sum compared with score(end) - score(start)?"
    if isinstance(got, bool) or not isinstance(got, int):
        return f"a whole number of steps (int) is needed, but your function returned {kind(got)}."
    if got == 2 and asked == 1:
        return "you stop after the first round: is the return inside the loop?"
    if got == 1:
        if stop(answer, 0.05, sign=-1)[0] == 1:
            return "you stop at 1 step, where the gap is 3.4: go on as long as the gap is *not* below the tolerance."
        return "a gap of -3.4 was taken for a small one; it may be missed on either side, so take its absolute value."
    if got != 64:
        return STOPS.get(got, f"64 steps are the first that are enough here, but yours are {got}.")
    wide = stop(answer, 5.0)[0]
    if wide == 64:
        return "with a tolerance of 5 it should stop earlier than with 0.05: `tolerance` is an argument."
    return None if wide == 1 else f"with a tolerance of 5, 1 step is enough, but yours are {wide}: begin at 1."
