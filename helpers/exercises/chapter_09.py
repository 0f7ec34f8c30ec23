"""The checks of chapter 09, question answering."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

import torch

from helpers import metrics
from helpers.exercises.checking import call, exercise
from helpers.metrics import normalise_answer

Offsets = list[tuple[int, int] | None]


def _two(got: Any, kind: type = int) -> tuple | None:
    """``got`` as two numbers, or ``None`` if it is something else."""
    try:
        first, last = (kind(value) for value in got)
    except (TypeError, ValueError, RuntimeError):
        return None
    return first, last


def _window(context: str, begin: int, stop: int, question: int = 4) -> Offsets:
    """[CLS], a question, [SEP], the words ``begin`` to ``stop`` of the context, [SEP]."""
    places, at = [], 0
    for word in context.split(" "):
        places.append((at, at + len(word)))
        at += len(word) + 1
    return [None] * (question + 2) + places[begin:stop] + [None]


@exercise("9.1")
def answer_place(answer: Callable) -> str | None:
    """``answer(offsets, start, end)``: first and last token of the characters ``start`` to ``end``, or (0, 0) if cut off."""
    context = "Ada Lovelace wrote the first program in 1843 for a machine that was never built in her time"
    whole, early, late = _window(context, 0, 18), _window(context, 0, 5), _window(context, 4, 18)

    def ask(offsets: Offsets, text: str) -> tuple[tuple[int, int] | None, tuple[int, int], int]:
        start = context.index(text)
        end = start + len(text)
        inside = [i for i, offset in enumerate(offsets) if offset and offset[0] < end and offset[1] > start]
        right = (inside[0], inside[-1]) if inside else (0, 0)
        if inside and (offsets[inside[0]][0] > start or offsets[inside[-1]][1] < end):
            right = 0, 0
        return _two(call(answer, list(offsets), start, end)), right, start

    for text in ("first program", "1843", "time", "Ada Lovelace", "in her"):
        got, right, start = ask(whole, text)
        case = f"the answer {text!r} from {start} to {start + len(text)}: "
        if got is None:
            return "two numbers are needed: the first and the last token."
        if got == right:
            continue
        if got == (start, start + len(text)):
            return f"{case}those are the characters again; look for the tokens whose offsets hold them."
        if got == (right[0], right[1] + 1):
            return f"{case}{got} is one token too far: the last token belongs to the answer, it is not where the answer stops."
        if got == (right[0] - 6, right[1] - 6):
            return f"{case}you count tokens of the context, but the model counts from [CLS]: keep the question's places in."
        if got[0] == got[1] == right[0]:
            return f"{case}only one token came back; the last one is where the answer's last character lies."
        if got == (0, 0):
            return f"{case}(0, 0) says that the window lacks the answer, but it holds it: compare each end with the right side of an offset."
        if got == right[::-1]:
            return f"{case}first and last are swapped."
        return f"{case}the tokens are {right}, but yours are {got}."
    got, right, _ = ask(whole, "gram in 18")
    if got != right:
        return f"an answer that begins and ends inside words, 'gram in 18', needs the whole words, {right}; yours is {got}."
    got, _, _ = ask(late, "Ada")
    if got != (0, 0):
        return f"this window begins after the answer, so [CLS] is its place, (0, 0); yours is {got}."
    got, _, _ = ask(early, "machine")
    if got != (0, 0):
        return f"this window stops before the answer, so [CLS] is its place, (0, 0); yours is {got}."
    for offsets, text, side in ((early, "first program", "end"), (late, "the first program", "beginning")):
        got, _, _ = ask(offsets, text)
        if got != (0, 0):
            return f"this window cuts off the {side} of the answer {text!r}: half an answer is none, (0, 0); yours is {got}."
    return None


F1_CASES = [
    ("Denver Broncos", ["Denver Broncos"]),
    ("the Denver Broncos!", ["Denver Broncos"]),
    ("in the year 1889", ["1889"]),
    ("Paris", ["London"]),
    ("new york new york", ["new york"]),
    ("york new", ["new york"]),
    ("red rose", ["rose", "a green tree", "red rose bush"]),
    ("the", ["a"]),
    ("", ["Denver"]),
]


def _shared(own: list[str], true: list[str]) -> int:
    return sum((collections.Counter(own) & collections.Counter(true)).values())


def _f1(own: list[str], true: list[str], shared: int | None = None) -> float:
    shared = _shared(own, true) if shared is None else shared
    return 2 * shared / (len(own) + len(true)) if shared else 0.0


@exercise("9.2")
def exact_and_f1(answer: Callable) -> str | None:
    """``answer(prediction, answers)``: exact match and F1 as SQuAD v1.1 defines them, each the best over the accepted answers."""
    for prediction, accepted in F1_CASES:
        got = _two(call(answer, prediction, list(accepted)), float)
        if got is None:
            return "two numbers are needed: exact match and F1."
        exact, f1 = metrics.answer_scores(prediction, accepted)
        case = f"{prediction!r} against {accepted}: "
        if abs(got[0] - exact) < 1e-6 and abs(got[1] - f1) < 1e-6:
            continue
        if abs(got[0] - 100 * exact) < 1e-6 and abs(got[1] - 100 * f1) < 1e-6:
            return "those are per cent; return shares between 0 and 1."
        if abs(got[0] - f1) < 1e-6 and abs(got[1] - exact) < 1e-6:
            return "exact match comes first, F1 second."
        own, true = normalise_answer(prediction).split(), [normalise_answer(text).split() for text in accepted]
        plain = metrics_without_normal_form(prediction, accepted)
        if abs(got[0] - plain[0]) < 1e-6 and abs(got[1] - plain[1]) < 1e-6 and plain != (exact, f1):
            return f"{case}case, punctuation and articles still count; bring both into their normal form first."
        if abs(got[0] - exact) > 1e-6:
            return f"{case}exact match should be {exact:.0f}, but yours is {got[0]:g}. Compare the normal forms, with any accepted answer."

        def is_(values: list[float], got: float = got[1]) -> bool:
            return abs(got - max(values)) < 1e-6

        if not any(own) and abs(got[1] - 1) < 1e-6:
            return f"{case}nothing is left of either. SQuAD v1.1 gives F1 0 where no word is shared, though they match exactly."
        if is_([len(set(own) & set(t)) * 2 / max(1, len(set(own)) + len(set(t))) for t in true]):
            return (
                f"{case}a word that is said twice counts twice: compare bags of words (collections.Counter), not sets."
            )
        if is_([sum(word in t for word in own) * 2 / max(1, len(own) + len(t)) for t in true]):
            return (
                f"{case}a word is shared as often as *both* have it, so a repeated one must not count again and again."
            )
        if is_([_shared(own, t) / max(1, len(own)) for t in true]):
            return f"{case}that is precision, the share of your words that are right; F1 also asks how much of the answer you have."
        if is_([_shared(own, t) / max(1, len(t)) for t in true]):
            return f"{case}that is recall, the share of the answer's words that you have; F1 also asks how much of yours is right."
        if is_([exact]):
            return f"{case}F1 counts shared words, so a partly right answer gets a part."
        if len(true) > 1 and is_([_f1(own, true[0])]):
            return f"{case}only the first accepted answer was looked at; the best of all counts."
        if len(true) > 1 and is_([sum(_f1(own, t) for t in true) / len(true)]):
            return f"{case}that is the mean over the accepted answers; SQuAD takes the maximum."
        return f"{case}F1 should be {f1:.2f}, but yours is {got[1]:.2f}."
    return None


def metrics_without_normal_form(prediction: str, accepted: list[str]) -> tuple[float, float]:
    """Exact match and F1 of the texts as they are."""
    exact = max(float(prediction == text) for text in accepted)
    return exact, max(_f1(prediction.split(), text.split()) for text in accepted)


Pair = tuple[int, int]


def _best(start: torch.Tensor, end: torch.Tensor, pairs: list[Pair], product: bool = False) -> Pair:
    return max(pairs, key=lambda p: float(start[p[0]] * end[p[1]] if product else start[p[0]] + end[p[1]]))


def _mistakes(start: torch.Tensor, end: torch.Tensor, first: int, last: int, most: int) -> dict[str, Pair]:
    """What goes wrong with the search for the best span -> what comes out of it then."""

    def pairs(low: int = first, high: int = last, least: int = 0, most: int = most) -> list[Pair]:
        return [(i, j) for i in range(low, high + 1) for j in range(low, high + 1) if least <= j - i < most] or [(0, 0)]

    begin, right = first + int(start[first : last + 1].argmax()), _best(start, end, pairs())
    return {
        "those are the two largest logits, each on its own; together they are often no valid answer.": (
            int(start.argmax()),
            int(end.argmax()),
        ),
        "those are the context's two largest logits, each on its own; look at *pairs* that are valid.": (
            begin,
            first + int(end[first : last + 1].argmax()),
        ),
        "some of yours end before they start.": _best(start, end, pairs(least=-len(start))),
        "you count from the first token of the context; count from [CLS].": (right[0] - first, right[1] - first),
        "some of yours leave the context: [CLS], [SEP] and the question's words are no answers.": _best(
            start, end, pairs(0, len(start) - 1)
        ),
        "some of yours are one token too long: the first token counts, too.": _best(start, end, pairs(most=most + 1)),
        "some of yours are much longer than `most` tokens.": _best(start, end, pairs(most=len(start))),
        "the token `last` belongs to the context, and yours never reach it.": _best(start, end, pairs(high=last - 1)),
        "an answer may start and end at the same token; yours never do.": _best(start, end, pairs(least=1)),
        "an answer of exactly `most` tokens is allowed; yours are always shorter.": _best(
            start, end, pairs(most=most - 1)
        ),
        "you take the largest *product*, and two negative logits make a large one. Add them.": _best(
            start, end, pairs(), product=True
        ),
        "you fix the best start and then look for an end; another start may give a larger sum.": _best(
            start, end, [(begin, j) for j in range(begin, min(last, begin + most - 1) + 1)]
        ),
    }


@exercise("9.3")
def best_span(answer: Callable) -> str | None:
    """``answer(start, end, first, last, most)``: the pair of places with the largest sum of logits that is a valid answer."""
    found, first, last = [], 8, 28
    for number in range(24):
        start, end = 2 * torch.randn(32), 2 * torch.randn(32)
        most = (4, 1, 7)[number % 3]
        for i, j in {0: [(3, 5)], 1: [(20, 12)], 2: [(9, 26)], 3: [(10, 10 + most)], 4: [(28, 28)]}.get(
            number // 3, []
        ):
            start[i], end[j] = 9.0, 9.0  # question, backwards, too long, one too long, the last token
        if number // 3 == 5:
            start, end = start - 20, end - 20
        got = _two(call(answer, start, end, first, last, most))
        if got is None:
            return "two places are needed: the first and the last token of the answer."
        allowed = [(i, j) for i in range(first, last + 1) for j in range(i, min(last, i + most - 1) + 1)]
        found.append((got, _best(start, end, allowed), most, _mistakes(start, end, first, last, most)))
    if all(got == right for got, right, _, _ in found):
        return None
    for message in found[0][3]:
        if all(got == wrong[message] for got, _, _, wrong in found):
            return message
    got, right, most, _ = next(case for case in found if case[0] != case[1])
    return f"context from {first} to {last}, at most {most} tokens: the best valid pair is {right}, but yours is {got}."
