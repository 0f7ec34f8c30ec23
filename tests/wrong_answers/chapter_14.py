"""Wrong answers to the exercises of chapter 14, each with a distinctive part of the sentence it must get."""

import itertools
import math

import numpy as np
import torch


def _kernel(distance=lambda kept: 100 * (1 - kept.float().mean(1).sqrt()), weight=None):
    def answer(kept, width):
        d = distance(kept)
        return weight(d, width) if weight else torch.exp(-(d**2) / (2 * width**2))

    return answer


def _cosine(kept, other):
    return torch.nn.functional.cosine_similarity(kept.float(), other.float())


def _normed(kept, width):
    d = 100 * (1 - kept.float().mean(1).sqrt())
    weight = torch.exp(-(d**2) / (2 * width**2))
    return weight / weight.sum()


def _undefined(kept, width):
    kept = kept.float()
    cosine = kept.sum(1) / (kept.norm(dim=1) * kept.shape[1] ** 0.5)
    return torch.exp(-((100 * (1 - cosine)) ** 2) / (2 * width**2))


def _stable(rank=lambda run: run, pairs=None, share=None):
    """The right answer, with the ranking, the pairs or the share replaced."""

    def answer(runs, k):
        tops = [rank(run).argsort(descending=True)[:k].tolist() for run in runs]
        chosen = pairs(tops) if pairs else list(itertools.combinations(tops, 2))
        own = share or (lambda a, b, k: len(set(a) & set(b)) / k)
        return sum(own(a, b, k) for a, b in chosen) / len(chosen)

    return answer


def _values(runs, k):
    tops = [set(run.topk(k).values.tolist()) for run in runs]
    pairs = list(itertools.combinations(tops, 2))
    return sum(len(a & b) for a, b in pairs) / (k * len(pairs))


def _tensors(runs, k):
    tops = [set(run.argsort(descending=True)[:k]) for run in runs]
    pairs = list(itertools.combinations(tops, 2))
    return sum(len(a & b) for a, b in pairs) / (k * len(pairs))


def _upper_half(runs, k):
    top = torch.zeros_like(runs).scatter(1, runs.topk(k).indices, 1.0)
    return (top @ top.T / k).triu(1).mean()


def _fall(order=lambda scores: scores.argsort(descending=True), end=lambda falls, whole: falls.mean(), alone=False):
    """The right answer, with the order of the words or what is made of the falls replaced."""

    def answer(predict, scores):
        kept, rows = torch.ones(len(scores)), []
        for place in order(scores):
            if alone:
                kept = torch.ones(len(scores))
            kept[place] = 0
            rows.append(kept.clone())
        whole = predict(torch.ones(1, len(scores)))[0]
        return end(whole - predict(torch.stack(rows)), whole)

    return answer


def _rows(scores, start, value):
    rows, kept = [], start.clone()
    for place in scores.argsort(descending=True):
        kept[place] = value
        rows.append(kept.clone())
    return torch.stack(rows)


def _shown(predict, scores):
    return (predict(torch.ones(1, len(scores))) - predict(_rows(scores, torch.zeros(len(scores)), 1.0))).mean()


def _kept_too_early(predict, scores):
    rows = torch.cat([torch.ones(1, len(scores)), _rows(scores, torch.ones(len(scores)), 0.0)[:-1]])
    return (predict(rows[:1]) - predict(rows)).mean()


def _scored(scores):
    return _rows(scores, scores, 0.0)


def _ends(of=lambda values, rows: values[rows].mean(1), low=0.025, high=0.975):
    return lambda values, rows: of(values, rows).quantile(torch.tensor([low, high])).tolist()


def _around(middle, spread):
    return middle - spread, middle + spread


def _own_draws(values, rows):
    rows = torch.randint(len(values), (300, len(values)))
    return _ends()(values, rows)


def _places(values, rows):
    means = values[rows].mean(1).sort().values
    return means[min(25, len(means) - 1)], means[min(974, len(means) - 1)]


def _in_all(runs, k):
    return len(set.intersection(*(set(run.argsort(descending=True)[:k].tolist()) for run in runs))) / k


def _bell(values, rows):
    means = values[rows].mean(1)
    return (means.mean() - 1.96 * means.std()).item(), (means.mean() + 1.96 * means.std()).item()


WRONG = {
    "14.1": [
        (_kernel(weight=lambda d, w: d), "this is the distance"),
        (_kernel(distance=lambda kept: 1 - kept.float().mean(1).sqrt()), "nearly 1"),
        (_kernel(weight=lambda d, w: torch.exp(-(d**2) / w**2)), "the squares of LIME's"),
        (_kernel(distance=lambda kept: 100 * (1 - kept.float().mean(1))), "the square root of that share"),
        (_kernel(distance=lambda kept: 100 * (1 - (1 - kept).float().mean(1).sqrt())), "most words hidden count most"),
        (_kernel(weight=lambda d, w: torch.exp(-d / w)), "is not squared"),
        (_kernel(weight=lambda d, w: torch.exp(d**2 / (2 * w**2))), "the minus sign is missing"),
        (_normed, "add up to 1"),
        (_kernel(weight=lambda d, w: torch.exp(-(d**2) / (2 * 25.0**2))), "always use 25"),
        (_undefined, "where every word is hidden"),
        (lambda kept, width: kept.float(), "one weight a sample"),
        (lambda kept, width: kept.float().mean(1).sqrt(), "how near a sample is"),
        (lambda kept, width: 1 - _kernel()(kept, width), "far away count most"),
        (lambda kept, width: _kernel()(kept, width).sqrt(), "is taken twice"),
        (_kernel(weight=lambda d, w: torch.exp(-(d**2) / (2 * w))), "the width is not squared"),
        (_kernel(weight=lambda d, w: torch.exp(-(d**2) / 2 * w**2)), "you multiply by the width"),
        (_kernel(distance=lambda kept: 1 - 100 * kept.float().mean(1).sqrt()), "brackets are missing"),
        (_kernel(distance=lambda kept: 100 * (1 - _cosine(kept, kept[:1]))), "with the first sample"),
        (lambda kept, width: torch.zeros(len(kept)), "right shape, but wrong values"),
    ],
    "14.2": [
        (_stable(pairs=lambda tops: [(tops[0], top) for top in tops[1:]]), "the first one only"),
        (_stable(pairs=lambda tops: list(itertools.product(tops, tops))), "with itself"),
        (_stable(share=lambda a, b, k: len(set(a) & set(b)) / len(set(a) | set(b))), "all words of both lists"),
        (_stable(share=lambda a, b, k: len(set(a) & set(b))), "these are counts"),
        (_stable(share=lambda a, b, k: sum(x == y for x, y in zip(a, b)) / k), "compare them as sets"),
        (_stable(rank=torch.abs), "without the sign: a word that speaks against the class is not"),
        (_stable(rank=torch.neg), "the lowest scores"),
        (lambda runs, k: _stable()(runs, 3), "k = 1 does not"),
        (lambda runs, k: 2 * _stable()(runs, k), "in both directions"),
        (_stable(pairs=lambda tops: list(itertools.pairwise(tops))), "with the next one only"),
        (_in_all, "all runs have in common"),
        (_stable(pairs=lambda tops: list(itertools.combinations_with_replacement(tops, 2))), "with itself, as well"),
        (lambda runs, k: _stable()(runs[:-1], k), "the last run is left out"),
        (lambda runs, k: _stable()(runs[1:], k), "the first run is left out"),
        (_values, "you compare the scores"),
        (_stable(share=lambda a, b, k: float(set(a) == set(b))), "pairs whose lists are the same"),
        (lambda runs, k: _stable()(runs, k) * k / runs.shape[1], "by the number of words"),
        (lambda runs, k: _stable()(runs, k) * math.comb(len(runs), 2), "the sum over all pairs"),
        (lambda runs, k: _stable()(runs, k) * (len(runs) - 1) / 2, "by the number of runs"),
        (_upper_half, "below the diagonal"),
        (lambda runs, k: _stable(share=lambda a, b, _: len(set(a) & set(b)) / k)(runs, k + 1), "one word too many"),
        (lambda runs, k: _stable()(runs.T, k), "rank the runs for a word"),
        (_stable(pairs=lambda tops: [tops[:2]]), "the first pair alone"),
        (_tensors, "use tolist()"),
        (lambda runs, k: 100 * _stable()(runs, k), "these are per cent"),
        (lambda runs, k: [0.5, 0.7], "the mean over all pairs of runs"),
        (lambda runs, k: 0.123, "but yours is 0.123"),
        (lambda runs, k: _stable()(runs, k) if len(runs) > 3 else 0.1, "six runs work, three do not"),
    ],
    "14.3": [
        (_fall(end=lambda falls, whole: (whole - falls).mean()), "this is the mean probability"),
        (_fall(end=lambda falls, whole: -falls.mean()), "the sign is wrong"),
        (_fall(order=lambda scores: scores.argsort()), "the lowest scores first"),
        (_fall(order=lambda scores: scores.abs().argsort(descending=True)), "goes first"),
        (_fall(alone=True), "hidden alone"),
        (_fall(end=lambda falls, whole: falls.sum()), "the sum of the falls"),
        (_fall(end=lambda falls, whole: falls.sum() / (len(falls) + 1)), "begin with one word hidden"),
        (_fall(end=lambda falls, whole: falls[-1]), "only the end"),
        (_fall(end=lambda falls, whole: falls[0]), "only the first word"),
        (_fall(end=lambda falls, whole: falls.mean() / whole), "in probability, as it is"),
        (_fall(end=lambda falls, whole: falls[-1] / len(falls)), "compare all with the whole text"),
        (_fall(order=lambda scores: range(len(scores))), "in the order of the text"),
        (_fall(end=lambda falls, whole: falls), "the mean of all 5 falls"),
        (_fall(order=lambda scores: [2, 0, 4, 3, 1]), "right for others"),
        (_fall(end=lambda falls, whole: (1 - whole + falls).mean()), "measured from 1"),
        (_fall(order=lambda scores: scores.argsort(descending=True).argsort()), "these are the ranks"),
        (_shown, "and shown one after the other"),
        (_kept_too_early, "after its word is hidden"),
        (_fall(end=lambda falls, whole: falls[:-1].mean()), "you stop with one word left"),
        (_fall(end=lambda falls, whole: falls.diff().mean()), "with the next one"),
        (_fall(order=lambda scores: reversed(range(len(scores)))), "from the end of the text"),
        (
            lambda predict, scores: predict(torch.ones(1, 5))[0] - predict(_scored(scores)).mean(),
            "the versions hold scores",
        ),
        (_fall(end=lambda falls, whole: torch.trapezoid(falls) / len(falls)), "you join the points"),
        (_fall(end=lambda falls, whole: falls.clamp_min(0).mean()), "you leave them out"),
        (_fall(end=lambda falls, whole: falls.abs().mean()), "take no absolute value"),
        (lambda predict, scores: predict(torch.ones(len(scores))), "predict wants (versions, words)"),
        (lambda predict, scores: 0.123, "but yours is 0.123."),
    ],
    "14.4": [
        (_ends(of=lambda values, rows: values), "where single values lie"),
        (_ends(low=0.05, high=0.95), "five per cent"),
        (_ends(low=0.0, high=1.0), "the extremes grow"),
        (_bell, "on a bell curve"),
        (_ends(of=lambda values, rows: rows.float().mean(1)), "places, not values"),
        (_ends(of=lambda values, rows: values[rows].mean(0)), "averaged over the draws"),
        (_ends(of=lambda values, rows: values[rows].median(1).values), "medians of the draws"),
        (_ends(low=0.975, high=0.025), "have changed places"),
        (lambda values, rows: values[rows].mean().item(), "two numbers are needed"),
        (_ends(of=lambda values, rows: values[rows].flatten()), "where the drawn values lie"),
        (_ends(low=0.0, high=0.95), "at the upper end"),
        (_ends(low=0.05, high=1.0), "at the lower end"),
        (_ends(low=0.25, high=0.75), "the middle half"),
        (lambda values, rows: np.percentile(values[rows].mean(1), [0.025, 0.975]), "counts in per cent"),
        (_ends(of=lambda values, rows: values[rows].mean().reshape(1)), "both ends are the same"),
        (_ends(of=lambda values, rows: values[rows].sum(1)), "these are sums"),
        (_ends(of=lambda values, rows: values[rows].sum(1) / 16), "you divide by 16"),
        (_ends(of=lambda values, rows: values[rows].mean(1) - values.mean()), "lies around 0"),
        (
            lambda values, rows: _around(values[rows].mean(1).mean(), values[rows].mean(1).std()),
            "one standard deviation",
        ),
        (lambda values, rows: _around(values.mean(), 1.96 * values.std() / 8**0.5), "1.96 standard errors"),
        (_own_draws, "Draw nothing yourself"),
        (lambda values, rows: _ends(low=0.1, high=0.9)(values, rows), "it should be about"),
        (_places, "200 of five do not"),
    ],
}
