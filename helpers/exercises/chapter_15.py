"""The checks of chapter 15, future directions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from helpers.exercises.checking import call, close, difference, exercise

PIECES = {
    "the": ["the"],
    "cat": ["cat"],
    "sleeps": ["sleep", "##s"],
    "unhappily": ["un", "##ha", "##pp", "##ily"],
    "ነገ": ["[UNK]"],
    "ቤት": ["[UNK]"],
}


@exercise("15.1")
def fertility(answer: Callable) -> str | None:
    """``answer(words, cut)``: pieces a word over the words that the vocabulary can spell, and the share that it cannot."""

    def got(words: list[str]) -> tuple[float, float]:
        own = call(answer, list(words), lambda word: list(PIECES[word]))
        pieces, unknown = own
        return float(pieces), float(unknown)

    words = ["the", "cat", "sleeps", "unhappily", "ነገ"]
    try:
        pieces, unknown = got(words)
    except (TypeError, ValueError) as error:
        if "unpack" in str(error) or "iterable" in str(error):
            return "two numbers are needed: pieces a word, and the share of words that became [UNK]."
        raise
    if math.isclose(pieces, 0.2) and math.isclose(unknown, 2):
        return "the two numbers are in the wrong order: first the pieces a word, then the share of unknown words."
    if math.isclose(pieces, 9 / 5):
        return "an unknown word counts as one piece here, and makes the tokenizer look good; leave such words out of the first number."
    if math.isclose(pieces, 8 / 5):
        return "the pieces of the known words are divided by the number of all words; divide by that of the known ones."
    if math.isclose(pieces, 4 / 8):
        return "these are words a piece; fertility is the other way round, pieces a word."
    if math.isclose(pieces, 8):
        return "this is the number of pieces; divide by the number of words that could be spelt."
    if math.isclose(pieces, 4 / 4) or math.isclose(pieces, 16 / 4):
        return "the number of pieces of each word is wanted: the length of the list that cut returns, with nothing added to it."
    if math.isclose(pieces, 21 / 4):
        return "these are letters a word; the length of what cut returns is wanted, and not that of the word."
    if not math.isclose(pieces, 2):
        return f"four known words with 8 pieces have a fertility of 2, but yours is {pieces:.2f}."
    if math.isclose(unknown, 1):
        return "this is how many words are unknown; a share divides by the number of all words."
    if math.isclose(unknown, 1 / 9):
        return "this is the share of [UNK] among the pieces; the share among the words is wanted."
    if math.isclose(unknown, 0.8):
        return "this is the share of words that are known; the others are wanted."
    if math.isclose(unknown, 1 / 4):
        return "the unknown words are divided by the known ones; a share divides by all words."
    if not math.isclose(unknown, 0.2):
        return f"one of five words became [UNK], a share of 0.2, but yours is {unknown:.2f}."
    try:
        pieces, unknown = got(["ነገ", "ቤት"])
    except ZeroDivisionError:
        return "where every word is unknown, your function divides by 0; return float('nan') for the pieces then."
    if not math.isnan(pieces) or not math.isclose(unknown, 1):
        return f"where every word is unknown, there are no pieces to count: (nan, 1), but yours is ({pieces:g}, {unknown:g})."
    return None


@exercise("15.2")
def local_mask(answer: Callable) -> str | None:
    """``answer(tokens, window)``: a boolean matrix, True where a token may look: half a window to each side, and itself."""
    tokens, window = 9, 4
    place = torch.arange(tokens)
    far = (place[:, None] - place[None, :]).abs()
    expected = far <= window // 2
    own = call(answer, tokens, window)
    if isinstance(own, torch.Tensor) and own.dtype != torch.bool:
        if own.is_floating_point() and torch.isinf(own).any():
            return "these are numbers to add to attention scores; here True and False are wanted."
        return (
            f"a mask of True and False is needed (torch.bool), but yours is of {str(own.dtype).removeprefix('torch.')}."
        )
    wrong = {
        "True and False have changed places: True is where a token may look.": ~expected,
        "a window of 4 reaches 2 to each side; yours reaches 4.": far <= window,
        "the window is too narrow by one on each side: the token that is exactly half a window away still counts.": far
        < window // 2,
        "your tokens look back only; a local window of an encoder reaches to both sides.": expected
        & (place[:, None] >= place[None, :]),
        "your tokens look ahead only; a local window of an encoder reaches to both sides.": expected
        & (place[:, None] <= place[None, :]),
        "a token does not see itself; its own place belongs to its window.": expected & (far > 0),
        "you cut the text into separate blocks; the window moves with the token.": (place[:, None] // window)
        == (place[None, :] // window),
    }
    for message, value in wrong.items():
        if isinstance(own, torch.Tensor) and own.shape == value.shape and torch.equal(own, value):
            return message
    if not isinstance(own, torch.Tensor) or own.shape != expected.shape:
        return difference(own, expected.float())
    if not torch.equal(own, expected):
        row = int((own != expected).any(dim=1).nonzero()[0])
        seen = expected[row].nonzero().flatten().tolist()
        return f"token {row} should see the tokens {seen}, but it sees {own[row].nonzero().flatten().tolist()}."
    if not torch.equal(call(answer, 5, 20), torch.ones(5, 5, dtype=torch.bool)):
        return "a window wider than the text lets every token see every other; yours does not."
    return None


def _ranks(scores: torch.Tensor) -> torch.Tensor:
    return 1 + scores.argsort(dim=1, descending=True).argsort(dim=1)


def _fused(scores: Sequence[torch.Tensor], constant: float) -> torch.Tensor:
    return sum(1 / (constant + _ranks(own)) for own in scores)


@exercise("15.3")
def fuse(answer: Callable) -> str | None:
    """``answer(scores, constant)``: several tensors (questions, passages) -> one, the sum of 1 / (constant + rank)."""
    words = torch.tensor([[9.0, 1.0, 4.0, 2.0], [0.5, 7.0, 3.0, 6.0], [5.0, 8.0, 2.0, 30.0]])
    vectors = torch.tensor([[0.2, 0.9, 0.5, 0.4], [0.8, 0.7, 0.1, 0.3], [0.3, 0.6, 0.4, 0.1]])

    def got() -> torch.Tensor:
        return call(answer, [words.clone(), vectors.clone()], 60)

    expected, own = _fused([words, vectors], 60), got()
    if isinstance(own, torch.Tensor) and own.shape == (3,):
        return "this is one number a question; every passage keeps a score, so that they can be ranked."
    if close(own, words + vectors) or close(own, (words + vectors) / 2):
        return "you add the scores themselves, and the larger numbers win; only the ranks count."
    wrong = {
        "the best passage has rank 1 here, not 0; argsort counts from 0.": lambda s: 1 / (60 + _ranks(s) - 1),
        "the worst passage gets rank 1; sort in descending order.": lambda s: 1 / (60 + 1 + s.argsort(1).argsort(1)),
        "one argsort says which passage stands where, not where each passage stands; do it twice.": lambda s: (
            1 / (60 + 1 + s.argsort(1, descending=True))
        ),
        "you rank the questions for a passage; rank the passages of each question, along the last axis.": lambda s: (
            1 / (60 + 1 + s.argsort(0, descending=True).argsort(0))
        ),
        "the constant is missing: without it the first places decide everything.": lambda s: 1 / _ranks(s),
        "these are ranks plus the constant, and the best passage has the smallest number; take 1 divided by them.": lambda s: (
            60 + _ranks(s)
        ),
    }
    for message, part in wrong.items():
        if close(own, sum(part(s) for s in (words, vectors)), atol=1e-6):
            return message
    if close(own, expected / 2, atol=1e-6):
        return "this is the mean over the methods; add their parts up."
    if close(own, torch.maximum(1 / (60 + _ranks(words)), 1 / (60 + _ranks(vectors))), atol=1e-6):
        return "only the better of the two ranks counts here; add up the parts of all methods."
    if close(own, 1 / (60 + _ranks(words)), atol=1e-6) or close(own, 1 / (60 + _ranks(vectors)), atol=1e-6):
        return "only one of the rankings is used; add up the parts of all."
    if (message := difference(own, expected, atol=1e-6)) is not None:
        return message
    three = [words, vectors, words.flip(1)]
    if not close(call(answer, [s.clone() for s in three], 5), _fused(three, 5), atol=1e-6):
        return "two rankings and a constant of 60 work, but three with another constant do not; take both from the arguments."
    return None


@exercise("15.4")
def team(answer: Callable) -> str | None:
    """``answer(confidence, right, person, share)``: how often model and person together are right."""
    draws = np.random.default_rng(2)
    confidence = draws.permutation(np.linspace(0.05, 0.97, 20) ** 0.7).round(3)
    right, person = draws.random(20) < 0.3 + 0.5 * confidence, draws.random(20) < 0.6
    order = np.argsort(confidence)
    share = 0.3
    handed, kept = order[:6], order[6:]
    own = float(call(answer, confidence.copy(), right.copy(), person.copy(), share))
    expected = (person[handed].sum() + right[kept].sum()) / 20
    sure = order[::-1]
    low = confidence < share
    wrong = {
        "this is the model's share over all rows; the rows that are handed over are the person's.": right.mean(),
        "these are the answers of the model alone, on the rows that it keeps; the person's belong to the team as well.": right[
            kept
        ].mean(),
        "you hand over the rows of which the model is surest; the least sure go to the person.": (
            person[sure[:6]].sum() + right[sure[6:]].sum()
        )
        / 20,
        "you count every row that is handed over as right; the person errs, too: look into `person`.": (
            6 + right[kept].sum()
        )
        / 20,
        "share is the part of the rows that is handed over, and no threshold for the confidence.": (
            person[low].sum() + right[~low].sum()
        )
        / 20,
        "a row counts as right where model or person is; but only one of them answers it.": (right | person).mean(),
        "the first rows are handed over; it should be those with the lowest confidence.": (
            person[:6].sum() + right[6:].sum()
        )
        / 20,
        "this is a number of rows; divide it by that of all rows.": expected * 20,
        "you give the person the share that the model should keep.": (
            person[order[:14]].sum() + right[order[14:]].sum()
        )
        / 20,
        "this is the person alone on what was handed over; the model's rows belong to the team as well.": person[
            handed
        ].mean(),
    }
    wrong[
        "the two are weighed alike, but the person has only a part of the rows; count right answers, and divide once."
    ] = (person[handed].mean() + right[kept].mean()) / 2
    wrong[
        "these are the two scores over all rows, weighed by the share; each answers certain rows, so count those."
    ] = share * person.mean() + (1 - share) * right.mean()
    for message, value in wrong.items():
        if math.isclose(own, float(value), abs_tol=1e-9) and not math.isclose(own, expected, abs_tol=1e-9):
            return message
    if not math.isclose(own, expected, abs_tol=1e-9):
        return f"the team is right in {expected:.2f} of these rows, but you say {own:.2f}."
    last = float(call(answer, confidence.copy(), right.copy(), person.copy(), 0.48))  # 9.6 rows
    if not math.isclose(last, (person[order[:10]].sum() + right[order[10:]].sum()) / 20, abs_tol=1e-9):
        return "0.48 of 20 rows are 9.6: round them to 10. (int() cuts off what stands behind the point.)"
    for part, value in ((0.0, right.mean()), (1.0, person.mean())):
        try:
            end = float(call(answer, confidence.copy(), right.copy(), person.copy(), part))
        except (ValueError, ZeroDivisionError):
            end = math.nan
        if not math.isclose(end, value, abs_tol=1e-9):
            who = "the person" if part else "the model"
            return f"with a share of {part:g}, {who} answers everything, which is right in {value:.2f}, not {end:.2f}."
    return None
