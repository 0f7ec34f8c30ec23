"""What goes wrong with scores of answers (exercise 9.2) and with the best span (9.3): computed, so that a check can name it."""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence

import torch

from helpers.metrics import normalise_answer

Pair = tuple[int, int]


def _shared(own: Sequence, true: Sequence) -> int:
    return sum((collections.Counter(own) & collections.Counter(true)).values())


def _f1(own: Sequence, true: Sequence) -> float:
    shared = _shared(own, true)
    return 2 * shared / (len(own) + len(true)) if shared else 0.0


def _exact(own: object, true: object) -> float:
    return float(own == true)


def _best_of(score: Callable, form: Callable = normalise_answer, other: Callable | None = None) -> Callable:
    """A score of two texts -> the best over the accepted answers, after ``form`` (of these: after ``other``)."""
    return lambda own, accepted: max(score(form(own), (other or form)(text)) for text in accepted)


def _words(text: str) -> list[str]:
    return normalise_answer(text).split()


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _each(score: Callable, accepted: list[str], own: str) -> list[float]:
    return [score(_words(own), _words(text)) for text in accepted]


def _jaccard(own: list[str], true: list[str]) -> float:
    return len(set(own) & set(true)) / max(1, len(set(own) | set(true)))


# message -> what comes out of the mistake: (prediction, accepted answers) -> exact match
EXACT = {
    "case, punctuation and articles still count in your exact match; bring both into their normal form first.": _best_of(
        _exact, str
    ),
    "only upper and lower case are alike in your exact match; normalise_answer also takes punctuation and articles out.": _best_of(
        _exact, str.lower
    ),
    "only one of the two is in its normal form in your exact match; the accepted answers need it as well.": _best_of(
        _exact, normalise_answer, str
    ),
    "for your exact match it is enough that one contains the other; the two must be equal.": _best_of(
        lambda own, true: float(true in own)
    ),
    "your exact match knows no order or number of words; the texts must be equal, not the sets of their words.": _best_of(
        lambda own, true: float(set(own) == set(true)), _words
    ),
    "your exact match looks at the first accepted answer only; it is enough that one of them matches.": lambda own, accepted: (
        _each(_exact, accepted, own)[0]
    ),
    "your exact match is that of the last accepted answer: does the loop overwrite it? Keep the best.": lambda own, accepted: (
        _each(_exact, accepted, own)[-1]
    ),
    "your exact match wants all accepted answers to match; one of them is enough.": lambda own, accepted: min(
        _each(_exact, accepted, own)
    ),
    "your exact match is the mean over the accepted answers; SQuAD takes the best.": lambda own, accepted: _mean(
        _each(_exact, accepted, own)
    ),
}

# the same for F1
F1 = {
    "F1 still counts case, punctuation and articles; bring both into their normal form, as for exact match.": _best_of(
        _f1, str.split
    ),
    "F1 counts shared *letters* in yours: split the normal forms into words first.": _best_of(_f1),
    "a word that is said twice counts twice: compare bags of words (collections.Counter), not sets.": _best_of(
        lambda own, true: _f1(list(set(own)), list(set(true))), _words
    ),
    "a word is shared as often as *both* have it, so a repeated one must not count again and again.": _best_of(
        lambda own, true: 2 * sum(word in true for word in own) / max(1, len(own) + len(true)), _words
    ),
    "your F1 is shared words over all different words; with the sizes of both texts below, the shared ones stand twice above.": _best_of(
        _jaccard, _words
    ),
    "that is precision, the share of your words that are right; F1 also asks how much of the answer you have.": _best_of(
        lambda own, true: _shared(own, true) / max(1, len(own)), _words
    ),
    "that is recall, the share of the answer's words that you have; F1 also asks how much of yours is right.": _best_of(
        lambda own, true: _shared(own, true) / max(1, len(true)), _words
    ),
    "that is the plain mean of precision and recall; F1 is their harmonic mean.": _best_of(
        lambda own, true: _shared(own, true) * (1 / max(1, len(own)) + 1 / max(1, len(true))) / 2, _words
    ),
    "half of F1: the shared words stand twice above the line, or a perfect answer gets 0.5.": _best_of(
        lambda own, true: _f1(own, true) / 2, _words
    ),
    "F1 counts shared words, so a partly right answer gets a part.": _best_of(_exact, _words),
    "only the first accepted answer was looked at; the best of all counts.": lambda own, accepted: _each(
        _f1, accepted, own
    )[0],
    "F1 is that of the last accepted answer: does the loop overwrite it? Keep the best.": lambda own, accepted: _each(
        _f1, accepted, own
    )[-1],
    "that is the mean over the accepted answers; SQuAD takes the maximum.": lambda own, accepted: _mean(
        _each(_f1, accepted, own)
    ),
    "nothing is left of either 'the' or 'a'. SQuAD v1.1 gives F1 0 where no word is shared, though they match exactly.": lambda own, accepted: (
        max(_f1(_words(own), _words(text)) or float(_words(own) == _words(text)) for text in accepted)
    ),
}


def best_pair(start: torch.Tensor, end: torch.Tensor, pairs: list[Pair], product: bool = False) -> Pair:
    """The pair of places with the largest sum of logits (or product)."""
    return max(pairs, key=lambda p: float(start[p[0]] * end[p[1]] if product else start[p[0]] + end[p[1]]))


def wrong_spans(start: torch.Tensor, end: torch.Tensor, first: int, last: int, most: int) -> dict[str, Pair]:
    """What goes wrong with the search for the best span -> what comes out of it then; (0, 0) where it finds nothing."""

    def pairs(low: int = first, high: int = last, least: int = 0, most: int = most) -> list[Pair]:
        return [(i, j) for i in range(low, high + 1) for j in range(low, high + 1) if least <= j - i < most] or [(0, 0)]

    right = best_pair(start, end, pairs())
    begin, stop = (first + int(logits[first : last + 1].argmax()) for logits in (start, end))
    early = [(i, j) for i in range(first, last + 1) for j in range(i, min(last, i + most - 1))] or [(0, 0)]
    beyond = [(i, j) for i in range(first, last + 1) for j in range(i, min(len(end), i + most))]
    return {
        "those are the two largest logits, each on its own; together they are often no valid answer.": (
            int(start.argmax()),
            int(end.argmax()),
        ),
        "those are the context's two largest logits, each on its own; look at *pairs* that are valid.": (begin, stop),
        "some of yours end before they start.": best_pair(start, end, pairs(least=-len(start))),
        "you count from the first token of the context; count from [CLS].": (right[0] - first, right[1] - first),
        "the start is counted from [CLS], but the end from the first token of the context.": (
            right[0],
            right[1] - first,
        ),
        "your end is the place after the last token; the last token itself is asked for.": (right[0], right[1] + 1),
        "some of yours leave the context: [CLS], [SEP] and the question's words are no answers.": best_pair(
            start, end, pairs(0, len(start) - 1)
        ),
        "some of yours begin in the context and end behind it; the end, too, must not come after `last`.": best_pair(
            start, end, beyond
        ),
        "some of yours are one token too long: the first token counts, too.": best_pair(
            start, end, pairs(most=most + 1)
        ),
        "some of yours are much longer than `most` tokens.": best_pair(start, end, pairs(most=len(start))),
        "your ends stop one too early, at `last` and at `most` tokens: a range leaves out its own end, so add 1.": best_pair(
            start, end, early
        ),
        "the token `last` belongs to the context, and yours never reach it.": best_pair(
            start, end, pairs(high=last - 1)
        ),
        "an answer may start and end at the same token; yours never do.": best_pair(start, end, pairs(least=1)),
        "an answer of exactly `most` tokens is allowed; yours are always shorter.": best_pair(
            start, end, pairs(most=most - 1)
        ),
        "you take the largest *product*, and two negative logits make a large one. Add them.": best_pair(
            start, end, pairs(), product=True
        ),
        "you fix the best start and then look for an end; another start may give a larger sum.": best_pair(
            start, end, [(begin, j) for j in range(begin, min(last, begin + most - 1) + 1)]
        ),
        "you fix the best end and then look for a start; another end may give a larger sum.": best_pair(
            start, end, [(i, stop) for i in range(max(first, stop - most + 1), stop + 1)]
        ),
    }
