"""The checks of chapter 14, LIME and explanations on trial."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch

from helpers.exercises.checking import call, close, difference, exercise


def _kernel(kept: torch.Tensor, width: float) -> torch.Tensor:
    distance = 100 * (1 - kept.float().mean(dim=1).sqrt())
    return torch.exp(-(distance**2) / (2 * width**2))


@exercise("14.1")
def kernel(answer: Callable) -> str | None:
    """``answer(kept, width)``: 0/1 rows ``(samples, words)`` -> LIME's weight of each sample ``(samples,)``."""
    kept = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [0, 1, 0, 1, 0], [0, 0, 0, 0, 1]])
    width = 30.0
    got, expected = call(answer, kept, width), _kernel(kept, width)
    share = kept.float().mean(dim=1)
    if isinstance(got, torch.Tensor) and got.shape != expected.shape:
        return f"one weight a sample is needed, {len(kept)} here, but your tensor has the shape {tuple(got.shape)}."
    distance = 100 * (1 - share.sqrt())
    if close(got, distance) or close(got, distance / 100):
        return "this is the distance: it is largest for the samples that should count least. The kernel turns it round."
    if close(got, torch.exp(-((distance / 100) ** 2) / (2 * width**2))):
        return (
            "all weights are nearly 1: LIME multiplies the cosine distance by 100 before it compares it with the width."
        )
    if close(got, torch.exp(-(distance**2) / width**2)):
        return "your weights are the squares of LIME's: a square root is missing around the exponential function."
    if close(got, torch.exp(-((100 * (1 - share)) ** 2) / (2 * width**2))):
        return "this takes the share of words kept; the cosine with the whole text is the square root of that share."
    if close(got, _kernel(1 - kept, width)):
        return "here the samples with most words hidden count most: a 1 in `kept` means that the word is still there."
    if close(got, torch.exp(-distance / (2 * width))) or close(got, torch.exp(-distance / width)):
        return "the distance is not squared."
    if close(got, torch.exp(distance**2 / (2 * width**2))):
        return "the weights grow with the distance: the minus sign is missing."
    if close(got, expected / expected.sum()):
        return "you made the weights add up to 1; the whole text has the weight 1, and the others less."
    if close(got, _kernel(kept, 25.0)):
        return "the width is an argument; you always use 25, the library's default."
    if (message := difference(got, expected)) is not None:
        return message
    nothing = call(answer, torch.tensor([[1, 1, 1], [0, 0, 0]]), width)
    if not close(nothing, _kernel(torch.tensor([[1, 1, 1], [0, 0, 0]]), width)):
        return f"where every word is hidden, your weight is {nothing[1].item():.3f}; take 0 for the cosine there, as LIME does."
    return None


def _stability(runs: torch.Tensor, k: int) -> torch.Tensor:
    tops = [set(run.argsort(descending=True)[:k].tolist()) for run in runs]
    pairs = [len(a & b) / k for a, b in itertools.combinations(tops, 2)]
    return torch.tensor(sum(pairs) / len(pairs))


@exercise("14.2")
def stability(answer: Callable) -> str | None:
    """``answer(runs, k)``: scores ``(runs, words)`` -> the mean share of the top k words that two runs have in common."""
    runs = torch.tensor(
        [
            [0.6, 0.0, 0.3, -0.7, 0.8, -0.5, 0.1],
            [-0.5, -0.7, 0.2, -0.8, -0.4, -0.9, 0.0],
            [0.4, 0.5, -0.1, 0.8, 0.9, -0.2, 0.3],
            [0.7, 0.1, -0.9, 0.6, 0.5, -0.2, -0.8],
            [0.4, 0.8, 0.0, 0.9, 0.5, 0.2, 0.6],
        ]
    )
    k = 3  # with these runs no two of the mistakes below give the same number
    got = call(answer, runs, k)
    if isinstance(got, torch.Tensor) and got.numel() != 1:
        return "one number is needed: the mean over all pairs of runs."
    got = torch.as_tensor(float(got))
    tops = [run.argsort(descending=True)[:k].tolist() for run in runs]
    sets = [set(top) for top in tops]
    pairs = list(itertools.combinations(range(len(runs)), 2))

    def mean(values: list[float]) -> torch.Tensor:
        return torch.tensor(sum(values) / len(values))

    if close(got, mean([len(sets[0] & other) / k for other in sets[1:]])):
        return "you compare every run with the first one only; take all pairs."
    if close(got, mean([len(a & b) / k for a in sets for b in sets])):
        return "a run is compared with itself, too, and agrees: that flatters. Take pairs of different runs."
    if close(got, mean([len(sets[i] & sets[j]) / len(sets[i] | sets[j]) for i, j in pairs])):
        return "you divide by all words of both lists; asked is the share of k."
    if close(got, mean([len(sets[i] & sets[j]) for i, j in pairs])):
        return "these are counts of common words; divide by k."
    if close(got, mean([sum(a == b for a, b in zip(tops[i], tops[j], strict=True)) / k for i, j in pairs])):
        return "the words may stand in another order and still be the same: compare them as sets."
    if close(got, 2 * _stability(runs, k)):
        return "this is twice too much: each pair was counted in both directions, but divided by the number of pairs."
    if close(got, mean([len(a & b) / k for a, b in itertools.pairwise(sets)])):
        return "you compare each run with the next one only; take all pairs."
    if close(got, torch.tensor(len(set.intersection(*sets)) / k)):
        return "this is what all runs have in common; compare two at a time, and take the mean."
    if close(got, _stability(runs.abs(), k)):
        return "you rank by size without the sign: a word that speaks against the class is not among its reasons."
    if close(got, _stability(-runs, k)):
        return "these are the lowest scores; the k highest are wanted."
    if not close(got, _stability(runs, k)):
        return f"for five runs and k = 3 it should be {_stability(runs, k):.3f}, but yours is {got:.3f}."
    for other in (1, 2):
        if not close(torch.as_tensor(float(call(answer, runs, other))), _stability(runs, other)):
            return f"k = 3 works, but k = {other} does not."
    return None


def _toy(kept: torch.Tensor) -> torch.Tensor:
    """A model with an interaction: probabilities of 0/1 rows ``(versions, 5)``."""
    x = kept.double()
    return torch.sigmoid(2.5 * x[:, 0] + 1.5 * x[:, 2] * x[:, 4] - 1.2 * x[:, 1] + 0.4 * x[:, 3] - 1.0)


def _falls(scores: torch.Tensor) -> torch.Tensor:
    """The fall of the probability after 1, 2, ... words have been hidden: ``(words,)``."""
    kept, rows = torch.ones(len(scores)), []
    for place in scores.argsort(descending=True):
        kept[place] = 0
        rows.append(kept.clone())
    return _toy(torch.ones(1, len(scores))) - _toy(torch.stack(rows))


@exercise("14.3")
def average_fall(answer: Callable) -> str | None:
    """``answer(predict, scores)``: hide the words one after the other, the highest score first -> the mean fall of the probability."""
    scores = torch.tensor([0.3, -0.8, 0.6, 0.1, 0.2])
    got = call(answer, _toy, scores)
    if isinstance(got, torch.Tensor) and got.numel() != 1:
        return f"one number is needed, the mean of all {len(scores)} falls, but your tensor has the shape {tuple(got.shape)}."
    got, falls, whole = torch.as_tensor(float(got)).double(), _falls(scores), _toy(torch.ones(1, len(scores)))[0]
    if close(got, falls.mean()):
        other = torch.tensor([-0.1, 0.9, 0.2, 0.4, 0.5])
        right = close(torch.as_tensor(float(call(answer, _toy, other))).double(), _falls(other).mean())
        return None if right else "for other scores it is wrong; take the order from `scores`."
    alone = whole - _toy(1 - torch.eye(len(scores)))
    known = {
        "this is the mean probability; the fall is what is missing from the probability of the whole text.": (
            whole - falls
        ).mean(),
        "the sign is wrong: a fall is the whole text's probability minus the one with words hidden.": -falls.mean(),
        "you hide the lowest scores first; the words that matter most, says the method, must go first.": _falls(
            -scores
        ).mean(),
        "you order by size without the sign: a word that speaks against the class goes first.": _falls(
            scores.abs()
        ).mean(),
        "each word is hidden alone; a word that has been hidden stays hidden.": alone.mean(),
        "this is the sum of the falls; divide by their number, or long texts look better explained.": falls.sum(),
        "the whole text itself counts as a step with no fall; begin with one word hidden.": falls.sum()
        / (len(falls) + 1),
        "only the end is measured: with all words hidden, every order gives the same. Take all steps.": falls[-1],
        "only the first word is hidden; go on until all are.": falls[0],
        "you divide the fall by the whole text's probability; it is asked in probability, as it is.": falls.mean()
        / whole,
        "each version is compared with the one before it; compare all with the whole text.": falls[-1] / len(falls),
        "words go in the order of the text; the order is that of the scores.": _falls(-torch.arange(5.0)).mean(),
    }
    for message, value in known.items():
        if close(got, value):
            return message
    return f"the mean fall should be {falls.mean():.3f}, but yours is {got:.3f}."


@exercise("14.4")
def bootstrap_interval(answer: Callable) -> str | None:
    """``answer(values, rows)``: 95 % bootstrap interval of the mean; ``rows`` ``(draws, n)`` are the drawn indices."""
    values = torch.tensor([0.9, 0.1, 0.3, 0.25, -0.1, 0.6, 0.05, 0.4])
    rows = torch.randint(len(values), (400, len(values)))
    got = call(answer, values, rows)
    if isinstance(got, torch.Tensor):
        got = got.tolist()
    try:
        low, high = (float(x) for x in got)
    except (TypeError, ValueError):
        return "two numbers are needed: the lower and the upper end."
    pair, means = torch.tensor([low, high]), values[rows].mean(dim=1)

    def ends(of: torch.Tensor, *at: float) -> torch.Tensor:
        return of.float().quantile(torch.tensor(at))

    expected = ends(means, 0.025, 0.975)
    if close(pair, expected, atol=1e-4):
        return None
    if close(pair, expected.flip(0), atol=1e-4):
        return "the two ends have changed places: the lower one comes first."
    if close(pair, ends(values, 0.025, 0.975), atol=1e-4) or close(
        pair, ends(values[rows].flatten(), 0.025, 0.975), atol=1e-4
    ):
        return "this is where single values lie; an interval for the *mean* takes the mean of every draw first."
    if close(pair, ends(means, 0.05, 0.95), atol=1e-4):
        return "five per cent are cut off at each end; for 95 % it is 2.5 at each."
    if close(pair, torch.stack([means.min(), means.max()]), atol=1e-4):
        return "the extremes grow with the number of draws; leave out 2.5 % at each end."
    if close(pair, ends(rows.float().mean(dim=1), 0.025, 0.975), atol=1e-4):
        return "`rows` are places, not values: look up values[rows]."
    if close(pair, ends(values[rows].mean(dim=0), 0.025, 0.975), atol=1e-4):
        return "you averaged over the draws; average within each draw, over its last axis."
    if close(pair, ends(values[rows].median(dim=1).values, 0.025, 0.975), atol=1e-4):
        return "these are medians of the draws; the card asks for means."
    middle, spread = means.mean(), 1.96 * means.std()
    if close(pair, torch.stack([middle - spread, middle + spread]), atol=1e-3):
        return "this is the mean give or take 1.96 standard deviations, as if the means lay on a bell curve; cut off 2.5 % at each end instead."
    return f"it should be about {expected[0]:.3f} to {expected[1]:.3f}, but yours is {low:.3f} to {high:.3f}."
