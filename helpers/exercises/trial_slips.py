"""What goes wrong in the exercises of chapter 14: for each misconception the number that it gives."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor


def stability(runs: Tensor, k: int, divisor: float | None = None) -> float:
    """The mean share of the top k words that two runs have in common (exercise 14.2)."""
    tops = [set(run.argsort(descending=True)[:k].tolist()) for run in runs]
    pairs = [len(a & b) / (divisor or k) for a, b in itertools.combinations(tops, 2)]
    return sum(pairs) / len(pairs)


def other_stabilities(runs: Tensor, k: int) -> dict[str, float]:
    """Misconception -> what it gives in place of ``stability(runs, k)``."""
    tops = [run.argsort(descending=True)[:k].tolist() for run in runs]
    sets, count, right = [set(top) for top in tops], len(runs), stability(runs, k)
    values = [set(run.topk(k).values.tolist()) for run in runs]

    def mean(share: Callable, pairs: object) -> float:
        found = [share(i, j) for i, j in pairs]
        return sum(found) / len(found)

    def common(i: int, j: int) -> float:
        return len(sets[i] & sets[j]) / k

    pairs, places = list(itertools.combinations(range(count), 2)), range(count)
    itself = "a run is compared with itself, too, and agrees: that flatters. Take pairs of different runs."
    return {
        "you compare every run with the first one only; take all pairs.": mean(common, [(0, j) for j in places[1:]]),
        itself: mean(common, itertools.product(places, places)),
        itself.replace("too,", "as well,"): mean(common, itertools.combinations_with_replacement(places, 2)),
        "you divide by all words of both lists; asked is the share of k.": mean(
            lambda i, j: len(sets[i] & sets[j]) / len(sets[i] | sets[j]), pairs
        ),
        "these are counts of common words; divide by k.": right * k,
        "the words may stand in another order and still be the same: compare them as sets.": mean(
            lambda i, j: sum(a == b for a, b in zip(tops[i], tops[j], strict=True)) / k, pairs
        ),
        "this is twice too much: each pair was counted in both directions, but divided by the number of pairs.": 2 * right,
        "you compare each run with the next one only; take all pairs.": mean(common, itertools.pairwise(places)),
        "this is what all runs have in common; compare two at a time, and take the mean.": len(set.intersection(*sets)) / k,
        "you rank by size without the sign: a word that speaks against the class is not among its reasons.": stability(runs.abs(), k),
        "these are the lowest scores; the k highest are wanted.": stability(-runs, k),
        "the last run is left out of the pairs.": stability(runs[:-1], k),
        "the first run is left out of the pairs.": stability(runs[1:], k),
        "you compare the scores; two runs agree on a word if they have its *place* in common.": mean(
            lambda i, j: len(values[i] & values[j]) / k, pairs
        ),
        "you count pairs whose lists are the same; take the share of words in common.": mean(lambda i, j: sets[i] == sets[j], pairs),
        "you divide by the number of words; asked is the share of the k highest.": right * k / runs.shape[1],
        "this is the sum over all pairs; divide by their number.": right * len(pairs),
        "you divide by the number of runs; divide by the number of pairs.": right * len(pairs) / count,
        "the zeros below the diagonal are averaged, too; divide by the number of pairs.": right * len(pairs) / count**2,
        "one word too many is taken from each run: [:k] are k words.": stability(runs, k + 1, k),
        "you rank the runs for a word; rank the words of each run, along the last axis.": stability(runs.T, k),
        "this is the first pair alone; is the return inside the loop?": common(0, 1),
        "0 would mean that no two runs share a word. Are there tensors in your sets? No two are alike there; use tolist().": 0.0,
        "these are per cent; a share lies between 0 and 1.": 100 * right,
    }  # fmt: skip


def toy(kept: Tensor) -> Tensor:
    """A model with an interaction: probabilities of 0/1 rows ``(versions, 5)``."""
    if kept.ndim != 2 or kept.shape[1] != 5:
        raise ValueError(f"predict wants (versions, words), with 5 words here, and got {tuple(kept.shape)}")
    x = kept.double()
    return torch.sigmoid(2.5 * x[:, 0] + 1.5 * x[:, 2] * x[:, 4] - 1.2 * x[:, 1] + 0.4 * x[:, 3] - 1.0)


def versions(scores: Tensor, order: Tensor | None = None) -> Tensor:
    """The words hidden one after the other, those with the highest scores first: 0/1 rows ``(words, words)``."""
    kept, rows = torch.ones(len(scores)), []
    for place in scores.argsort(descending=True) if order is None else order:
        kept[place] = 0
        rows.append(kept.clone())
    return torch.stack(rows)


def falls(scores: Tensor, order: Tensor | None = None) -> Tensor:
    """The fall of the toy's probability after 1, 2, ... words have been hidden: ``(words,)``."""
    return toy(torch.ones(1, len(scores))) - toy(versions(scores, order))


def other_falls(scores: Tensor) -> dict[str, Tensor]:
    """Misconception -> what it gives in place of ``falls(scores).mean()`` (exercise 14.3)."""
    own, count = falls(scores), len(scores)
    whole, left = toy(torch.ones(1, count))[0], versions(scores)
    forward, nothing = torch.arange(count), torch.zeros(1)
    with_whole = torch.cat([nothing, own])
    begun = scores.clone()[None].repeat(count, 1) * left
    return {
        "this is the mean probability; the fall is what is missing from the probability of the whole text.": (whole - own).mean(),
        "the fall is measured from 1; measure it from the probability of the whole text.": (1 - whole + own).mean(),
        "the sign is wrong: a fall is the whole text's probability minus the one with words hidden.": -own.mean(),
        "you hide the lowest scores first; the words that matter most, says the method, must go first.": falls(-scores).mean(),
        "you order by size without the sign: a word that speaks against the class goes first.": falls(scores.abs()).mean(),
        "these are the ranks of the words, not their order; one argsort gives the order.": falls(
            scores, scores.argsort(descending=True).argsort()
        ).mean(),
        "each word is hidden alone; a word that has been hidden stays hidden.": (whole - toy(1 - torch.eye(count))).mean(),
        "all words are hidden at the start, and shown one after the other; begin with all of them there.": (whole - toy(1 - left)).mean(),
        "this is the sum of the falls; divide by their number, or long texts look better explained.": own.sum(),
        "the whole text itself counts as a step with no fall; begin with one word hidden.": with_whole.mean(),
        "the last step is missing, and the whole text counts as the first; keep each version after its word is hidden.": with_whole[
            :-1
        ].mean(),
        "you stop with one word left; go on until none is.": own[:-1].mean(),
        "only the end is measured: with all words hidden, every order gives the same. Take all steps, and a clone of each.": own[-1],
        "only the first word is hidden; go on until all are.": own[0],
        "you divide the fall by the whole text's probability; it is asked in probability, as it is.": own.mean() / whole,
        "each version is compared with the one before it; compare all with the whole text.": own[-1] / count,
        "each version is compared with the next one; compare all with the whole text.": (own[-1] - own[0]) / (count - 1),
        "words go in the order of the text; the order is that of the scores.": falls(scores, forward).mean(),
        "words go from the end of the text; the order is that of the scores.": falls(scores, forward.flip(0)).mean(),
        "the versions hold scores; they are rows of ones, with zeros where a word is hidden.": (whole - toy(begun)).mean(),
        "you join the points by lines (trapezoids); the mean of the falls is wanted.": torch.trapezoid(own) / count,
        "steps at which the probability rises count as well, below 0; you leave them out.": own.clamp_min(0).mean(),
        "steps at which the probability rises count as well, below 0; take no absolute value.": own.abs().mean(),
    }  # fmt: skip


def other_ends(values: Tensor, rows: Tensor) -> dict[str, Tensor]:
    """Misconception -> the two ends that it gives in place of a bootstrap interval (exercise 14.4)."""
    means = values[rows].mean(dim=1)
    middle, spread, error = means.mean(), means.std(), values.std() / len(values) ** 0.5

    def ends(of: Tensor, *at: float) -> Tensor:
        return of.float().quantile(torch.tensor(at or (0.025, 0.975)))

    bell = "this is the mean give or take {}, as if the means lay on a bell curve; cut off 2.5 % at each end instead."
    return {
        "this is where single values lie; an interval for the *mean* takes the mean of every draw first.": ends(values),
        "this is where the drawn values lie; an interval for the *mean* takes the mean of every draw first.": ends(values[rows].flatten()),
        "five per cent are cut off at each end; for 95 % it is 2.5 at each.": ends(means, 0.05, 0.95),
        "all of the five per cent are cut off at the upper end; for the middle it is 2.5 at each.": ends(means, 0.0, 0.95),
        "all of the five per cent are cut off at the lower end; for the middle it is 2.5 at each.": ends(means, 0.05, 1.0),
        "this is the middle half; for 95 % cut off 2.5 at each end.": ends(means, 0.25, 0.75),
        "np.percentile counts in per cent: 2.5 and 97.5 (np.quantile takes 0.025 and 0.975).": ends(means, 0.00025, 0.00975),
        "the extremes grow with the number of draws; leave out 2.5 % at each end.": torch.stack([means.min(), means.max()]),
        "`rows` are places, not values: look up values[rows].": ends(rows.float().mean(dim=1)),
        "you averaged over the draws; average within each draw, over its last axis.": ends(values[rows].mean(dim=0)),
        "you averaged over everything, so both ends are the same; there is one mean for each draw.": torch.stack([middle, middle]),
        "these are medians of the draws; the card asks for means.": ends(values[rows].median(dim=1).values),
        "these are sums of the draws; the card asks for means.": ends(values[rows].sum(dim=1)),
        "you divide by 16, the number of sentences in the notebook; take it from `values`.": ends(values[rows].sum(dim=1) / 16),
        "the mean was subtracted, so the interval lies around 0; leave it in.": ends(means) - values.mean(),
        bell.format("1.96 standard deviations"): torch.stack([middle - 1.96 * spread, middle + 1.96 * spread]),
        bell.format("one standard deviation"): torch.stack([middle - spread, middle + spread]),
        bell.format("1.96 standard errors"): torch.stack([values.mean() - 1.96 * error, values.mean() + 1.96 * error]),
    }  # fmt: skip
