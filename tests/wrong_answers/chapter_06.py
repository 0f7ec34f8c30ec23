"""Wrong answers to the exercises of chapter 06, each with a distinctive part of the sentence it must get."""

import numpy as np


def _gaps(said, right, bins, clip=True):
    place = (said * bins).astype(int)
    if clip:
        place = np.minimum(place, bins - 1)
    groups = [place == b for b in range(bins) if (place == b).any()]
    return np.array([said[g].mean() - right[g].mean() for g in groups]), np.array([g.mean() for g in groups])


def _ece(combine, bins=None):
    def answer(said, right, given):
        return combine(*_gaps(said, right, bins or given))

    return answer


def _without_ones(said, right, bins):
    total = 0.0
    for b in range(bins):
        inside = (said >= b / bins) & (said < (b + 1) / bins)
        if inside.any():
            total += inside.mean() * abs(said[inside].mean() - right[inside].mean())
    return total


def _with_empty_bins(said, right, bins):
    place = np.minimum((said * bins).astype(int), bins - 1)
    inside = [place == b for b in range(bins)]
    with np.errstate(invalid="ignore"):
        return sum(i.mean() * abs(said @ i / i.sum() - right @ i / i.sum()) for i in inside)


def _ones_apart(said, right, bins):
    place = (said * bins).astype(int)
    groups = [place == b for b in set(place.tolist())]
    return sum(g.mean() * abs(said[g].mean() - right[g].mean()) for g in groups)


def _groups(
    rate=lambda wrong, inside: wrong[inside].mean(), key=lambda row: -row[2], enough=lambda n, least: n >= least
):
    def answer(wrong, groups, least):
        names, rows = np.array(groups), []
        for name in dict.fromkeys(groups):
            inside = names == name
            if enough(inside.sum(), least):
                rows.append((name, int(inside.sum()), float(rate(wrong, inside))))
        return sorted(rows, key=key)

    return answer


def _least_errors(wrong, groups, least):
    return [row for row in _groups()(wrong, groups, 0) if row[1] * row[2] >= least]


def _errors_as_rows(wrong, groups, least):
    return [(name, round(n * rate), rate) for name, n, rate in _groups()(wrong, groups, least)]


def _threshold(pick=0, compare=np.greater_equal, give=lambda t, said, right: t):
    def answer(said, right, wanted):
        fine = []
        for t in sorted(set(said.tolist())):
            inside = compare(said, t)
            if inside.any() and right[inside].mean() >= wanted:
                fine.append(t)
        return give(fine[pick], said, right) if fine else float("inf")

    return answer


def _stop_early(said, right, wanted):
    best = float("inf")
    for t in sorted(set(said.tolist()), reverse=True):
        if right[said >= t].mean() < wanted:
            break
        best = t
    return best


def _by_rows(said, right, wanted):
    order = np.argsort(-said, kind="stable")
    share = np.cumsum(right[order]) / np.arange(1, len(said) + 1)
    fine = np.flatnonzero(share >= wanted)
    return float(said[order][fine[-1]]) if len(fine) else float("inf")


def _one_if_impossible(said, right, wanted):
    found = _threshold()(said, right, wanted)
    return 1.0 if found == float("inf") else found


def _more_than_wanted(said, right, wanted):
    fine = [t for t in sorted(set(said.tolist())) if right[said >= t].mean() > wanted]
    return fine[0] if fine else float("inf")


def _one_early(ids, size, step):
    return [ids[s : s + size] for s in range(0, max(1, len(ids) - size + 1), step)]


def _short_last(ids, size, step):
    out = []
    for start in range(0, len(ids), step):
        out.append(ids[start : start + size])
        if start + size >= len(ids):
            return out
    return out


def _last_twice(ids, size, step):
    if len(ids) <= size:
        return [ids]
    return [*_one_early(ids, size, step), ids[-size:]]


def _overlap(ids, size, step):
    if len(ids) <= size or step >= size:
        return _good(ids, size, step)
    return _good(ids, size, size - step)


def _good(ids, size, step):
    last = max(0, len(ids) - size)
    return [ids[s : s + size] for s in [*range(0, last, step), last]]


WRONG = {
    "6.1": [
        (_ece(lambda gaps, weights: np.abs(gaps).mean()), "every bin counts the same"),
        (_ece(lambda gaps, weights: gaps @ weights), "cancel each other"),
        (_ece(lambda gaps, weights: np.abs(gaps).max()), "the largest gap"),
        (_ece(lambda gaps, weights: 100 * np.abs(gaps) @ weights), "in per cent"),
        (_ece(lambda gaps, weights: gaps**2 @ weights), "are squared"),
        (lambda said, right, bins: ((said - right) ** 2).mean(), "Brier score"),
        (lambda said, right, bins: np.abs(said - right).mean(), "its own 0 or 1"),
        (_without_ones, "exactly 1 are left out"),
        (_ece(lambda gaps, weights: np.abs(gaps) @ weights, bins=10), "ten bins whatever"),
        (lambda said, right, bins: _gaps(said, right, bins)[0], "one number is needed"),
        (lambda said, right, bins: len(said) * _ece(lambda g, w: np.abs(g) @ w)(said, right, bins), "all rows"),
        (_with_empty_bins, "nan came out"),
        (_ones_apart, "a bin of their own"),
    ],
    "6.2": [
        (_groups(rate=lambda wrong, inside: wrong[inside].sum() / wrong.sum()), "share of all errors"),
        (_groups(rate=lambda wrong, inside: 1 - wrong[inside].mean()), "the share that is right"),
        (_groups(rate=lambda wrong, inside: wrong[inside].sum()), "the number of errors"),
        (_groups(key=lambda row: row[2]), "the best group comes first"),
        (_groups(key=lambda row: -row[1]), "not that of the rates"),
        (_groups(enough=lambda n, least: True), "mostly luck"),
        (_groups(enough=lambda n, least: n > least), "*at least* includes it"),
        (_errors_as_rows, "right and wrong ones"),
        (lambda wrong, groups, least: {name: 0.5 for name in groups}, "a list of tuples"),
        (lambda wrong, groups, least: [(n, 0, 0.0) for n in set(groups) if np.sum(groups == n) >= least], "is empty"),
        (_least_errors, "the number of *errors*"),
        (_groups(rate=lambda wrong, inside: 100 * wrong[inside].mean()), "in per cent"),
    ],
    "6.3": [
        (_threshold(pick=-1), "the highest threshold"),
        (_threshold(compare=np.greater), "compare with >="),
        (_threshold(give=lambda t, said, right: right[said >= t].mean()), "the share of right answers"),
        (_threshold(give=lambda t, said, right: (said >= t).mean()), "the share of rows that get an answer"),
        (lambda said, right, wanted: wanted, "is no promise"),
        (_stop_early, "you stop at the first failure"),
        (_by_rows, "rows with one confidence stay together"),
        (_one_if_impossible, "nothing is answered"),
        (lambda said, right, wanted: sorted(said).index(_threshold()(said, right, wanted)), "the place of one"),
        (_more_than_wanted, "'impossible' came back"),
    ],
    "6.4": [
        (
            lambda ids, size, step: [ids[s : s + size] for s in range(0, len(ids) - size + 1, step)],
            "fits into one window",
        ),
        (_one_early, "end of the text are in no window"),
        (_short_last, "the last window is short"),
        (_last_twice, "came out twice"),
        (_overlap, "not how many ids they share"),
        (lambda ids, size, step: [ids], "a window of more than"),
        (lambda ids, size, step: len(ids) // step, "23 ids, size 8, step 5: a list of lists"),
        (lambda ids, size, step: _good(ids, size, step) if len(ids) > size else ids, "5 ids, size 8, step 3: a list"),
    ],
}
