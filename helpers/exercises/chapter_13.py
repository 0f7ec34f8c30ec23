"""The checks of chapter 13, gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from helpers.exercises.checking import call, close, difference, exercise


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
    got = call(answer, classify, vectors, targets)
    if isinstance(got, torch.Tensor) and got.shape == (3, 4):
        return "this is one number a token; return the whole gradient, which is as large as the vectors."
    if isinstance(got, (tuple, list)) and len(got) == 1:
        return "torch.autograd.grad returns a tuple, one gradient an input; take the only one out of it."
    if close(got, expected * vectors):
        return "this is gradient x input; the gradient alone is asked for."
    if close(got, of(lambda z: z.sum())):
        return "this is the gradient of all logits together; explain one class, the target of each text."
    if close(got, of(lambda z: z.max(dim=1).values.sum())):
        return "this explains the class that wins, not the one that was asked for; take the targets."
    if close(got, of(lambda z: z[:, targets].sum())):
        return "logits[:, targets] pairs every text with every target; row i belongs to targets[i] alone."
    if close(got, of(lambda z: z[:, targets[0]].sum())):
        return "all texts are explained with the first text's target; each has its own."
    if close(got, of(lambda z: z.softmax(1)[rows, targets].sum())):
        return "this is the gradient of the probability, which fades when the model is sure; take the logit."
    if close(got, of(lambda z: torch.nn.functional.cross_entropy(z, targets, reduction="sum"))):
        return "this is the gradient of the loss: it points away from the class, and fades when the model is right."
    if close(got, of(lambda z: torch.nn.functional.cross_entropy(z, targets))):
        return "this is the gradient of the mean loss; no loss is needed here, only the logit of the target."
    if close(got, of(lambda z: z[rows, targets].mean())):
        return "you averaged over the texts, so each gradient depends on how many texts there are; add the logits up."
    if (message := difference(got, expected)) is not None:
        return message
    if first.grad is not None or second.grad is not None:
        return (
            "right values, but backward() has also left gradients in the model's weights; torch.autograd.grad does not."
        )
    return None


@exercise("13.2")
def occlusion(answer: Callable) -> str | None:
    """``answer(score, ids, owners, mask_id)``: for each word, by how much the score falls when all its pieces are masked: ``(words,)``."""
    table, weights = torch.randn(20), torch.randn(9) + 2
    owners: list[int | None] = [None, 0, 1, 1, 1, None, 2, 2, None]
    ids, mask = torch.tensor([1, 7, 9, 11, 12, 5, 14, 15, 2]), 3

    def score(rows: torch.Tensor) -> torch.Tensor:
        """Logits (texts,) of ids (texts, tokens)."""
        rows = torch.as_tensor(rows)
        return (table[rows] * weights[: rows.shape[-1]]).sum(dim=-1).tanh() * 3 + (rows == mask).sum(dim=-1) * 0.1

    def falls(covered: Callable[[int], Sequence[bool]], sign: int = 1, with_mask: int = mask) -> torch.Tensor:
        hidden = torch.stack([torch.where(torch.tensor(covered(word)), with_mask, ids) for word in range(3)])
        return sign * (score(ids[None]) - score(hidden))

    def own(word: int) -> list[bool]:
        return [owner == word for owner in owners]

    expected = falls(own)
    got = call(answer, score, ids, list(owners), mask)
    if isinstance(got, (list, tuple)) and all(isinstance(value, (int, float, torch.Tensor)) for value in got):
        got = torch.tensor([float(value) for value in got])
    if isinstance(got, torch.Tensor) and got.shape == (9,):
        return "this is one number a token; a word has one, with all of its pieces masked at once."
    if isinstance(got, torch.Tensor) and got.shape == (4,):
        return "there are four numbers for three words: `None` in owners is no word."
    if close(got, torch.zeros(3)):
        return "all falls are 0: `ids` itself was changed, so the text that you compare with is masked, too; work on a clone."
    if close(got, -expected):
        return "the sign is the wrong way round: a word that speaks for the class has a score that falls, and a number above 0."
    if close(got, score(ids[None]) - expected):
        return "these are the scores without each word; subtract them from the score of the whole text."
    if close(got, falls(lambda word: [o == word and (i == 0 or owners[i - 1] != word) for i, o in enumerate(owners)])):
        return "only the first piece of each word is masked; its other pieces still give it away."
    if close(got, falls(lambda word: [o is not None and o <= word for o in owners])):
        return "the masks pile up: each word was masked on top of the ones before it; start from a fresh copy of ids."
    if close(got, falls(lambda word: [o is not None and o != word for o in owners])):
        return "you masked all the other words and kept this one; it should be the other way round."
    if close(got, falls(lambda word: [o in (word, None) for o in owners])):
        return "special tokens and punctuation are masked as well; `None` belongs to no word and stays."
    if close(got, falls(own, with_mask=0)):
        return "you put a 0, which is [PAD], where mask_id was asked for."
    short = torch.stack([score(ids[[o != word for o in owners]][None])[0] for word in range(3)])
    if close(got, score(ids[None]) - short):
        return "the word was cut out, which moves all the words behind it; put mask_id in its place."
    return difference(got, expected)


@exercise("13.3")
def integrated(answer: Callable) -> str | None:
    """``answer(score, start, end, steps)``: integrated gradients by the rule of midpoints, ``(tokens, hidden)``."""
    weights = torch.randn(4, 5)

    def score(points: torch.Tensor) -> torch.Tensor:
        """One number a point: (points, tokens, hidden) -> (points,)."""
        return (points * weights).sum(dim=(-2, -1)).sin() + (points**3).mean(dim=(-2, -1))

    start, end, steps = torch.randn(4, 5), torch.randn(4, 5), 5

    def mean(shares: torch.Tensor) -> torch.Tensor:
        points = (start + shares[:, None, None] * (end - start)).requires_grad_()
        return torch.autograd.grad(score(points).sum(), points)[0].mean(dim=0)

    places = torch.arange(steps) / steps
    average = mean(places + 0.5 / steps)
    got, expected = call(answer, score, start, end, steps), (end - start) * average
    if isinstance(got, torch.Tensor) and got.shape == (4,):
        return "this is summed over the hidden dimensions already; return one number each: (tokens, hidden)."
    if isinstance(got, torch.Tensor) and got.ndim == 3:
        return "there is one gradient for each step; average them over the steps."
    if close(got, average):
        return "the average gradient is right; multiply it by what changed, end - start."
    if close(got, steps * expected):
        return "you added the gradients up; divide by the number of steps, or more steps will mean higher scores."
    if close(got, end * average):
        return "you multiplied by the end alone; the way that was walked is end - start."
    if close(got, -expected):
        return "the sign is the wrong way round: multiply by end - start, not by start - end."
    if close(got, (end - start).abs() * average) or close(got, expected.abs()):
        return "the sign is lost: what speaks against is negative, so take no absolute value."
    ends = mean(torch.cat([places, places[1:], torch.ones(1)]).sort().values) if steps > 1 else average
    if close(got, (end - start) * ends):
        return "you average the two ends of each step (trapezoids); the card asks for its middle, (k + 0.5) / steps."
    if close(got, (end - start) * mean(torch.ones(1))):
        return "this takes the gradient at the end only; the point of the method is to average it over the way."
    if close(got, (end - start) * mean(places)):
        return "each step is measured at its beginning, and the end never is; take its middle, (k + 0.5) / steps."
    if close(got, (end - start) * mean(places + 1 / steps)):
        return "each step is measured at its end; take its middle, (k + 0.5) / steps."
    if close(got, (end - start) * mean(torch.linspace(0, 1, steps))):
        return "these points run from 0 to 1 with both ends, with unequal shares of the way; take the middles, (k + 0.5) / steps."
    shares = (places + 0.5 / steps)[:, None, None]
    points = (shares * (end - start)).requires_grad_()
    if close(got, (end - start) * torch.autograd.grad(score(points).sum(), points)[0].mean(dim=0)):
        return "the way begins at zero here; it should begin at start."
    if (message := difference(got, expected)) is not None:
        return message
    if not close(call(answer, score, start, end, 1), (end - start) * mean(torch.tensor([0.5]))):
        return "five steps are right, but one step is not: its middle is half-way."
    return None


@exercise("13.4")
def enough_steps(answer: Callable) -> str | None:
    """``answer(integrated, score, start, end, tolerance)``: the first of 1, 2, 4, 8 ... steps with a gap below the tolerance."""
    start, end = torch.zeros(2, 3), torch.ones(2, 3)
    totals = {1: -0.9, 2: 4.0, 4: 4.0, 8: -2.5, 16: 2.6, 32: 2.52, 64: 15.0}
    asked: list[int] = []

    def score(points: torch.Tensor) -> torch.Tensor:
        """1.5 at the start, 4.0 at the end, for one point or several."""
        return 1.5 + 2.5 * points.mean(dim=(-2, -1))

    def shares(_score: Callable, _start: torch.Tensor, _end: torch.Tensor, steps: int) -> torch.Tensor:
        asked.append(steps)
        if len(asked) > 40 or steps > 4096:
            raise OverflowError("it never stops")
        return torch.full((2, 3), totals.get(steps, 2.5) / 6)

    try:
        got = call(answer, shares, score, start, end, 0.05)
    except OverflowError:
        return "it does not stop, although 32 steps are enough here: compare the sum with score(end) - score(start)."
    if isinstance(got, bool) or not isinstance(got, int):
        return f"a number of steps is needed, but your function returned a {type(got).__name__}."
    return {
        32: None,
        1: "a gap of -3.4 was taken for a small one; it may be missed on either side, so take its absolute value.",
        2: "you compare with score(end) alone; the values add up to what changed, score(end) - score(start).",
        4: "you stop when the sum no longer changes, but it can stand still at a wrong value; compare it with the scores.",
        8: "start and end are swapped: the values add up to score(end) - score(start).",
        16: "this gap is relative; the tolerance is meant in logits, not as a share of the change.",
        64: "you average the values, or look at them one by one; completeness is about their sum.",
        3: "the steps should double (1, 2, 4, 8 ...), but yours grow by one.",
    }.get(got, f"32 steps are the first that are enough here, but yours are {got}.")
