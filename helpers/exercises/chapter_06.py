"""The checks of chapter 06, a sentiment project from end to end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from helpers import metrics, padding
from helpers.exercises.checking import call, exercise, kind


def _number(got: Any) -> float | None:
    """``got`` as a plain number, or ``None`` if it is none."""
    try:
        return float(got)
    except (TypeError, ValueError, RuntimeError):
        return None


@exercise("6.1")
def calibration_error(answer: Callable) -> str | None:
    """``answer(confidence, right, bins)``: the expected calibration error over ``bins`` bins of equal width from 0 to 1."""
    rng = np.random.default_rng(6)
    for bins in (10, 5):
        said = np.concatenate([rng.uniform(0.5, 1, 90) ** 0.4, rng.uniform(0.2, 0.6, 25), np.ones(6)])
        right = rng.random(len(said)) < np.where(said < 0.6, said + 0.25, said - 0.2)
        right[said >= 0.8] = True  # too modest there, while the rows at 1 boast: so it matters which bin those are in
        right[-6:] = [True, False, False, True, False, False]
        place = np.minimum((said * bins).astype(int), bins - 1)
        groups = [place == b for b in range(bins) if (place == b).any()]
        gaps = np.array([said[g].mean() - right[g].mean() for g in groups])
        weights = np.array([g.mean() for g in groups])
        got = _number(call(answer, said.copy(), right.copy(), bins))
        if got is None:
            return "one number is needed; add up the gaps of the bins, each times its share of the rows."

        if np.isnan(got):
            return "nan came out: a bin that no row is in has no mean, so leave it out."

        def is_(value: float, got: float = got) -> bool:
            return abs(got - value) < 1e-6

        if is_(metrics.calibration_error(said, right, bins)):
            continue
        if is_(100 * metrics.calibration_error(said, right, bins)):
            return "that is in per cent; return a share between 0 and 1."
        if is_(len(said) * metrics.calibration_error(said, right, bins)):
            return "each gap is multiplied by its number of rows; now divide by the number of all rows."
        if is_(np.abs(gaps).mean()) or is_(np.abs(gaps).sum() / bins):
            return "every bin counts the same in yours, a bin of two rows as much as one of ninety: weigh each by its rows."
        if is_(gaps @ weights) or is_(-(gaps @ weights)):
            return "gaps above and below cancel each other: take the absolute value of each bin's gap *before* you add."
        if is_(np.abs(gaps).max()):
            return "that is the largest gap of any bin; the *expected* error is their mean, weighed by rows."
        if is_(gaps**2 @ weights):
            return "the gaps are squared; take their absolute values."
        if is_(((said - right) ** 2).mean()):
            return "that is the Brier score, row by row; first sort the rows into bins, then compare the means of each bin."
        if is_(np.abs(said - right).mean()):
            return (
                "each row was compared with its own 0 or 1; compare the *means* of confidence and of right in each bin."
            )
        rest = said < 1
        less = metrics.calibration_error(said[rest], right[rest], bins)
        if is_(less) or is_(less * rest.mean()):
            return "rows with a confidence of exactly 1 are left out; they belong to the last bin."
        if is_(less * rest.mean() + (1 - rest.mean()) * (1 - right[~rest].mean())):
            return "rows with a confidence of exactly 1 have a bin of their own, above the last; they belong to the last one."
        if bins != 10 and is_(metrics.calibration_error(said, right, 10)):
            return "ten bins whatever `bins` says; use the argument."
        expected = metrics.calibration_error(said, right, bins)
        return f"for one example it should be {expected:.3f}, but yours is {got:.3f}. Row i is in bin int(confidence[i] * bins)."
    return None


@exercise("6.2")
def worst_groups(answer: Callable) -> str | None:
    """``answer(wrong, groups, least)``: (group, rows, error rate) of each group of at least ``least`` rows, worst first."""
    counts = {"plain": (40, 6), "irony": (10, 7), "contrast": (16, 8), "negation": (25, 15), "question": (9, 9)}
    order = np.random.default_rng(2).permutation(sum(n for n, _ in counts.values()))
    names = np.array([name for name, (n, _) in counts.items() for _ in range(n)])[order].tolist()
    wrong = np.concatenate([np.arange(n) < k for n, k in counts.values()])[order]
    rates = {name: k / n for name, (n, k) in counts.items()}
    kept = [name for name, (n, _) in counts.items() if n >= 10]
    right = sorted(kept, key=lambda name: -rates[name])
    got = call(answer, wrong.copy(), list(names), 10)
    try:
        rows = [(str(name), int(n), float(rate)) for name, n, rate in got]
    except (TypeError, ValueError):
        return f"a list of tuples (group, rows, error rate) is needed; what your function returned ({kind(got)}) is not one."
    found = [name for name, _, _ in rows]
    if not found:
        return "your list is empty. If `groups == name` is in your code: a list is never equal to a name; take np.array(groups)."
    if sorted(found) == [name for name, (_, k) in counts.items() if k >= 10]:
        return "you compare the number of *errors* with `least`; it is the number of rows that must be large enough."
    if "question" in found:
        return "a group of nine rows is in your list, though at least ten are asked for: its rate is mostly luck."
    if sorted(found) == sorted(set(kept) - {"irony"}):
        return "the group with exactly `least` rows is missing; *at least* includes it."
    if sorted(found) != sorted(kept):
        return f"the groups should be {', '.join(sorted(kept))}, each once; yours are {', '.join(sorted(found)) or 'none'}."
    of = {name: rate for name, _, rate in rows}
    if any(n != counts[name][0] for name, n, _ in rows):
        return "the second entry of a tuple is the number of *rows* in the group, right and wrong ones."
    total = int(wrong.sum())
    if all(abs(of[name] - counts[name][1] / total) < 1e-6 for name in kept):
        return "that is each group's share of all errors, and large groups win there; divide by the rows of the group."
    if all(abs(of[name] - (1 - rates[name])) < 1e-6 for name in kept):
        return "that is the share that is right; the error rate is the share that is wrong."
    if all(abs(of[name] - 100 * rates[name]) < 1e-6 for name in kept):
        return "that is in per cent; return shares between 0 and 1."
    if all(of[name] == counts[name][1] for name in kept):
        return "that is the number of errors; divide it by the rows of the group."
    if any(abs(of[name] - rates[name]) > 1e-6 for name in kept):
        return f"the error rate of 'contrast' should be {rates['contrast']:.2f}, but yours is {of['contrast']:.2f}."
    if found == right[::-1]:
        return "the rates are right, but the best group comes first; sort downwards."
    if found != right:
        return f"the rates are right, but the order is not that of the rates: it should be {', '.join(right)}."
    return None


@exercise("6.3")
def choose_threshold(answer: Callable) -> str | None:
    """``answer(confidence, right, wanted)``: the lowest threshold at which the answered rows are right often enough."""
    said = np.array([0.99, 0.97, 0.95, 0.92, 0.88, 0.88, 0.88, 0.81, 0.77, 0.74, 0.70, 0.66, 0.61, 0.58, 0.58, 0.52])
    good = np.array([1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 0, 1, 0, 0], dtype=bool)
    order = np.array([13, 3, 8, 0, 15, 5, 10, 12, 1, 14, 6, 2, 9, 4, 11, 7])
    said, good = said[order], good[order]

    def share(threshold: float) -> float:
        return float(good[said >= threshold].mean())

    levels = sorted(set(said.tolist()))
    for wanted in (0.8, 0.7, 1.0):
        enough = [t for t in levels if share(t) >= wanted]
        got = _number(call(answer, said.copy(), good.copy(), wanted))
        if got is None:
            return "one number is needed: the threshold itself."
        if abs(got - enough[0]) < 1e-9:
            continue
        strict = [t for t in levels if (said > t).any() and good[said > t].mean() >= wanted]
        until = levels[-1:]  # downwards from the top, stopped at the first failure
        for t in levels[::-1]:
            if share(t) < wanted:
                break
            until = [t]
        if got == float("inf"):
            return f"'impossible' came back, but answering from {enough[0]} upwards is right in {share(enough[0]):.0%}, which is enough."
        if got > 1:
            return f"{got:g} is no confidence, but perhaps the place of one; return the confidence itself."
        if abs(got - share(enough[0])) < 1e-9:
            return "that is the share of right answers at the threshold; return the threshold."
        if abs(got - (said >= enough[0]).mean()) < 1e-9:
            return "that is the share of rows that get an answer; return the threshold."
        if abs(got - wanted) < 1e-9:
            return f"a confidence of {wanted} is no promise of being right in {wanted:.0%}: count on the rows that you were given."
        if len(enough) > 1 and abs(got - enough[-1]) < 1e-9:
            return "that is the highest threshold that will do, and it answers least; the lowest is asked for."
        if strict and abs(got - strict[0]) < 1e-9:
            return "rows with exactly the threshold's confidence are answered, too: compare with >=."
        if abs(got - until[0]) < 1e-9:
            return "you stop at the first failure, but accuracy goes up and down with the threshold: try all of them."
        if min(abs(got - t) for t in levels) > 1e-9:
            return (
                "a threshold between the confidences came back; the lowest one that will do is one of the confidences."
            )
        if share(got) >= wanted:
            return f"{got} will do, but so will a lower one, {enough[0]}, and it answers more."
        return f"from {got} upwards only {share(got):.0%} are right, and {wanted:.0%} were wanted: rows with one confidence stay together."
    got = _number(call(answer, np.array([0.9, 0.8]), np.array([False, False]), 0.5))
    if got != float("inf"):
        return "where no threshold will do, return float('inf'), so that nothing is answered."
    return None


@exercise("6.4")
def sliding(answer: Callable) -> str | None:
    """``answer(ids, size, step)``: windows of ``size`` ids, one every ``step``, the last one ending with the last id."""
    for length, size, step in ((23, 8, 5), (5, 8, 3), (24, 8, 8), (8, 8, 4), (19, 6, 6)):
        ids = list(range(100, 100 + length))
        got = call(answer, list(ids), size, step)
        case = f"{length} ids, size {size}, step {step}: "
        try:
            got = [[int(i) for i in window] for window in got]
        except (TypeError, ValueError):
            return f"{case}a list of lists of ids is needed, and something else came back. (Even a single window stands in a list.)"
        if got == padding.windows(ids, size, step):
            continue
        seen = {i for window in got for i in window}
        if length <= size:
            return f"{case}the text fits into one window; return exactly one, of {length} ids."
        if any(len(window) > size for window in got):
            return f"{case}a window of more than {size} ids came out."
        if seen < set(ids):
            what = "end" if ids[-1] not in seen else "beginning" if ids[0] not in seen else "middle"
            return f"{case}ids in the {what} of the text are in no window."
        starts = [window[0] for window in got if window]
        if len(set(starts)) < len(starts):
            return f"{case}one window came out twice; is a regular one already at the end?"
        if len(got[-1]) < size:
            return f"{case}the last window is short; move it back, so that it ends with the last id and is full."
        if starts[1] - starts[0] == size - step:
            return f"{case}`step` is how far a window starts from the one before, not how many ids they share."
        return f"{case}the windows should start at {[w[0] - 100 for w in padding.windows(ids, size, step)]}, counted from 0."
    return None
