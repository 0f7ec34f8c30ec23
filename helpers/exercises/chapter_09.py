"""The checks of chapter 09, question answering."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import torch

from helpers import metrics
from helpers.exercises.answer_slips import EXACT, F1, best_pair, wrong_spans
from helpers.exercises.checking import Nothing, call, example, exercise

Offsets = list[tuple[int, int] | None]


def _two(got: Any, kind: type = int) -> tuple | None:
    """``got`` as two numbers, or ``None`` if it is something else."""
    try:
        first, last = (kind(value) for value in got)
    except (TypeError, ValueError, RuntimeError):
        return None
    return first, last


def _window(context: str, begin: int, stop: int, question: int = 4) -> Offsets:
    """[CLS], a question, [SEP], the words and marks ``begin`` to ``stop`` of the context, [SEP]."""
    places = [match.span() for match in re.finditer(r"\w+|[^\w\s]", context)]
    return [None] * (question + 2) + places[begin:stop] + [None]


@exercise("9.1")
def answer_place(answer: Callable) -> str | None:
    """``answer(offsets, start, end)``: first and last token of the characters ``start`` to ``end``, or (0, 0) if cut off."""
    context = "Ada Lovelace wrote the first program (1843) for a machine that was never built in her time"
    whole, early, late = _window(context, 0, 19), _window(context, 0, 5), _window(context, 4, 19)

    def ask(offsets: Offsets, text: str) -> tuple[tuple[int, int] | None, tuple[int, int], int]:
        start = context.index(text)
        end = start + len(text)
        inside = [i for i, offset in enumerate(offsets) if offset and offset[0] < end and offset[1] > start]
        right = (inside[0], inside[-1]) if inside else (0, 0)
        if inside and (offsets[inside[0]][0] > start or offsets[inside[-1]][1] < end):
            right = 0, 0
        held = "in this window" if right != (0, 0) else "cut off from this window"
        with example(f"{text!r}, characters {start} to {end}, {held}"):
            return _two(call(answer, list(offsets), start, end)), right, start

    for text in ("first program", "time", "Ada Lovelace", "in her", "1843"):
        got, right, start = ask(whole, text)
        case = f"the answer {text!r} from {start} to {start + len(text)}: "
        if got is None:
            return "two numbers are needed: the first and the last token."
        if got == right:
            continue
        if text == "1843" and got[0] in (right[0] - 1, right[0]) and got[1] in (right[1], right[1] + 1):
            return f"{case}{got} takes in a bracket that only touches it: `end` is the place *after* the last character; use < and >."
        if got == (start, start + len(text)):
            return f"{case}those are the characters again; look for the tokens whose offsets hold them."
        if got == (right[0], right[1] + 1):
            return f"{case}{got} is one token too far: the last token belongs to the answer, it is not where the answer stops."
        if got == (right[0], 0):
            return f"{case}the first token is right, but no last one is found: the last character of the answer is end - 1."
        if got == (right[0] - 6, right[1] - 6):
            return f"{case}you count tokens of the context, but the model counts from [CLS]: keep the question's places in."
        if got[0] == got[1] == right[0]:
            return f"{case}only one token came back; the last one is where the answer's last character lies."
        if got == (0, 0):
            return f"{case}(0, 0) says that the window lacks the answer, but it holds it: compare each end with the right side of an offset."
        if got == right[::-1]:
            return f"{case}first and last are swapped."
        return f"{case}the tokens are {right}, but yours are {got}."
    got, right, _ = ask(whole, "gram (18")
    if got != right:
        return (
            f"an answer that begins and ends inside words, 'gram (18', needs the whole words, {right}; yours is {got}."
        )
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
    ("denver broncos", ["Denver Broncos"]),
    ("the Denver Broncos!", ["Denver Broncos"]),
    ("in the year 1889", ["1889"]),
    ("Paris", ["London"]),
    ("new york new york", ["new york"]),
    ("york new", ["new york"]),
    ("red rose", ["rose", "red rose bush", "a green tree"]),
    ("rose", ["red rose", "The rose", "a green tree"]),
    ("rose", ["rose", "red rose"]),
    ("rose", ["red rose", "rose"]),
    ("the", ["a"]),
    ("", ["Denver"]),
]


@exercise("9.2")
def exact_and_f1(answer: Callable) -> str | None:
    """``answer(prediction, answers)``: exact match and F1 as SQuAD v1.1 defines them, each the best over the accepted answers."""
    found, right = [], []
    for prediction, accepted in F1_CASES:
        with example(f"{prediction!r} against {accepted}"):
            got = _two(call(answer, prediction, list(accepted)), float)
        if got is None:
            return "two numbers are needed: exact match and F1."
        found.append(got)
        right.append(metrics.answer_scores(prediction, accepted))

    def same(got: Iterable[float], wanted: Iterable[float]) -> bool:
        return all(abs(a - b) < 1e-6 for a, b in zip(got, wanted, strict=True))

    exacts, f1s = zip(*found, strict=True)
    right_exacts, right_f1s = zip(*right, strict=True)
    if same(exacts, right_exacts) and same(f1s, right_f1s):
        return None
    if same(exacts, [100 * value for value in right_exacts]) and same(f1s, [100 * value for value in right_f1s]):
        return "those are per cent; return shares between 0 and 1."
    if same(exacts, right_f1s) and same(f1s, right_exacts):
        return "exact match comes first, F1 second."
    for got, wanted, mistakes, name in ((exacts, right_exacts, EXACT, "exact match"), (f1s, right_f1s, F1, "F1")):
        if same(got, wanted):
            continue
        place = next(k for k, pair in enumerate(zip(got, wanted, strict=True)) if not same(*zip(pair, strict=True)))
        case = "{!r} against {}: ".format(*F1_CASES[place])
        for message, mistake in mistakes.items():
            if same(got, [mistake(*example) for example in F1_CASES]):
                return case + message
        return f"{case}{name} should be {wanted[place]:.2f}, but yours is {got[place]:.2f}."
    return None


@exercise("9.3")
def best_span(answer: Callable) -> str | None:
    """``answer(start, end, first, last, most)``: the pair of places with the largest sum of logits that is a valid answer."""
    found, first, last = [], 8, 28
    for number in range(27):
        start, end = 2 * torch.randn(32), 2 * torch.randn(32)
        most = (4, 1, 7)[number % 3]
        for i, j in {0: [(3, 5)], 1: [(20, 12)], 2: [(9, 26)], 3: [(10, 10 + most)], 4: [(28, 28)], 6: [(27, 29)]}.get(
            number // 3, []
        ):
            start[i], end[j] = 9.0, 9.0  # question, backwards, too long, one too long, the last token, behind it
        if number // 3 == 5:
            start, end = start - 20, end - 20
        try:
            own = call(answer, start, end, first, last, most)
        except Nothing:
            if not found:
                raise
            own = 0, 0  # for the others there was a pair: the search found none here
        got = _two(own)
        if got is None:
            return "two places are needed: the first and the last token of the answer."
        allowed = [(i, j) for i in range(first, last + 1) for j in range(i, min(last, i + most - 1) + 1)]
        found.append((got, best_pair(start, end, allowed), most, wrong_spans(start, end, first, last, most)))
    if all(got == right for got, right, _, _ in found):
        return None
    for message in found[0][3]:
        if all(got == wrong[message] for got, _, _, wrong in found):
            return message
    if [number // 3 for number, (got, right, _, _) in enumerate(found) if got != right] == [5, 5, 5]:
        return "where all sums are far below 0, yours finds no valid answer: what it starts from, or fills in, is larger. Take minus infinity."
    got, right, most, _ = next(case for case in found if case[0] != case[1])
    return f"context from {first} to {last}, at most {most} tokens: the best valid pair is {right}, but yours is {got}."
