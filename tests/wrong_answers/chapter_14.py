"""Wrong answers to the exercises of chapter 14, each with a distinctive part of the sentence it must get."""

import itertools

import torch


def _kernel(distance=lambda kept: 100 * (1 - kept.float().mean(1).sqrt()), weight=None):
    def answer(kept, width):
        d = distance(kept)
        return weight(d, width) if weight else torch.exp(-(d**2) / (2 * width**2))

    return answer


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


def _ends(of=lambda values, rows: values[rows].mean(1), low=0.025, high=0.975):
    return lambda values, rows: of(values, rows).quantile(torch.tensor([low, high])).tolist()


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
    ],
    "14.2": [
        (_stable(pairs=lambda tops: [(tops[0], top) for top in tops[1:]]), "the first one only"),
        (_stable(pairs=lambda tops: list(itertools.product(tops, tops))), "with itself"),
        (_stable(share=lambda a, b, k: len(set(a) & set(b)) / len(set(a) | set(b))), "all words of both lists"),
        (_stable(share=lambda a, b, k: len(set(a) & set(b))), "these are counts"),
        (_stable(share=lambda a, b, k: sum(x == y for x, y in zip(a, b)) / k), "compare them as sets"),
        (_stable(rank=torch.abs), "without the sign: a word that speaks against the class is not"),
        (_stable(rank=torch.neg), "the lowest scores"),
        (lambda runs, k: runs.mean(0), "one number is needed"),
        (lambda runs, k: _stable()(runs, 3), "k = 1 does not"),
        (lambda runs, k: 2 * _stable()(runs, k), "in both directions"),
        (_stable(pairs=lambda tops: list(itertools.pairwise(tops))), "with the next one only"),
        (_in_all, "all runs have in common"),
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
        (_fall(order=lambda scores: [2, 0, 4, 3, 1]), "for other scores"),
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
    ],
}
