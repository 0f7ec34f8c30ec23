"""The checks of chapter 15, future directions."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from helpers.exercises.checking import call, close, difference, exercise, slip
from helpers.exercises.shared_work import fused, other_fusions, other_teams, ranks, rows_of_a_team
from helpers.exercises.shared_work import team as right_share

PIECES = {
    "the": ["the"],
    "cat": ["cat"],
    "sleeps": ["sleep", "##s"],
    "unhappily": ["un", "##ha", "##pp", "##ily"],
    "ነገ": ["[UNK]"],
    "ቤት": ["[UNK]"],
    "(ቤት)": ["(", "[UNK]", ")"],
}


def _cut(word: str) -> list[str]:
    if not isinstance(word, str) or word not in PIECES:
        raise ValueError(f"cut takes one word at a time, and got {word!r}")
    return list(PIECES[word])


def like(one: float, other: float) -> bool:
    """Equal but for single precision."""
    return math.isclose(one, other, abs_tol=1e-5)


@exercise("15.1")
def fertility(answer: Callable) -> str | None:
    """``answer(words, cut)``: pieces a word over the words that the vocabulary can spell, and the share that it cannot."""

    def got(words: list[str]) -> tuple[float, float]:
        pieces, unknown = call(answer, list(words), _cut)
        return float(pieces), float(unknown)

    def two(error: Exception) -> bool:
        return any(part in str(error) for part in ("unpack", "iterable", "to float", "float()"))

    words = ["the", "cat", "the", "sleeps", "unhappily", "ነገ"]  # 1 + 1 + 1 + 2 + 4 pieces, and one unknown word
    try:
        pieces, unknown = got(words)
    except (TypeError, ValueError) as error:
        if two(error):
            return "two numbers are needed: pieces a word, and the share of words that became [UNK]."
        raise
    if like(pieces, 1 / 6) and like(unknown, 9 / 5):
        return "the two numbers are in the wrong order: first the pieces a word, then the share of unknown words."
    if like(pieces, 10 / 6) and like(unknown, 0):
        return 'no word was found unknown: look for the string "[UNK]" among the pieces that cut returns, which are a list.'
    if like(pieces, 1) and not like(unknown, 1 / 6):
        return "only the first word is counted: is the return inside the loop?"
    known = {
        "an unknown word counts as one piece here, and makes the tokenizer look good; leave such words out of the first number.": 10
        / 6,
        "the pieces of the known words are divided by the number of all words; divide by that of the known ones.": 9
        / 6,
        "these are words a piece; fertility is the other way round, pieces a word.": 5 / 9,
        "this is the number of pieces; divide by the number of words that could be spelt.": 9.0,
        "the number of pieces of each word is wanted: the length of the list that cut returns, with nothing taken away.": 4
        / 5,
        "the number of pieces of each word is wanted: the length of the list that cut returns, with nothing added to it.": 19
        / 5,
        "these are letters a word; the length of what cut returns is wanted, and not that of the word.": 24 / 5,
        "this is the word with most pieces; the mean is wanted.": 4.0,
        "this is the median, or the smallest number of pieces; the mean is wanted.": 1.0,
        "each word counts once here, however often it stands in the text; count it every time, so take no set.": 8 / 4,
        "each piece counts once here, however often it occurs; count it every time, so take no set.": 8 / 5,
    }
    if message := slip(pieces, known, like):
        return message
    if not like(pieces, 9 / 5):
        return f"five known words with 9 pieces have a fertility of 1.8, but yours is {pieces:.2f}."
    shares = {
        "this is how many words are unknown; a share divides by the number of all words.": 1.0,
        "this is the share of [UNK] among the pieces; the share among the words is wanted.": 1 / 10,
        "this is the share of words that are known; the others are wanted.": 5 / 6,
        "the unknown words are divided by the known ones; a share divides by all words.": 1 / 5,
        "these are per cent of unknown words; a share lies between 0 and 1.": 100 / 6,
    }
    if message := slip(unknown, shares, like):
        return message
    if not like(unknown, 1 / 6):
        return f"one of six words became [UNK], a share of {1 / 6:.3f}, but yours is {unknown:.3f}."
    pieces, unknown = got(["the", "(ቤት)"])
    if not like(pieces, 1) or not like(unknown, 1 / 2):
        return "a word may have [UNK] beside other pieces, as (ቤት) has its brackets; it is unknown all the same."
    try:
        pieces, unknown = got(["ነገ", "ቤት"])
    except ZeroDivisionError:
        return "where every word is unknown, your function divides by 0; return float('nan') for the pieces then."
    except (TypeError, ValueError) as error:
        if two(error):
            return "where every word is unknown, there are two numbers as well: float('nan') and the share."
        raise
    if not math.isnan(pieces) or not like(unknown, 1):
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
    for tokens, window in ((6, 2), (9, 7)):
        far = (torch.arange(tokens)[:, None] - torch.arange(tokens)).abs()
        own = call(answer, tokens, window)
        if isinstance(own, torch.Tensor) and own.shape == far.shape and torch.equal(own, far <= window // 2):
            continue
        if window == 7:
            return "even windows are right, but one of 7 should reach 7 // 2 = 3 to each side."
        return "9 tokens and a window of 4 are right, 6 and 2 are not; take both from the arguments."
    if not torch.equal(call(answer, 5, 20), torch.ones(5, 5, dtype=torch.bool)):
        return "a window wider than the text lets every token see every other; yours does not."
    return None


@exercise("15.3")
def fuse(answer: Callable) -> str | None:
    """``answer(scores, constant)``: several tensors (questions, passages) -> one, the sum of 1 / (constant + rank)."""
    words = torch.tensor([[9.0, 1.0, 4.0, 2.0], [0.5, 7.0, 3.0, 6.0], [5.0, 8.0, 2.0, 30.0]])
    vectors = torch.tensor([[0.2, 0.9, 0.5, 0.4], [0.8, 0.7, 0.1, 0.3], [0.3, 0.6, 0.4, 0.1]])

    given = [words.clone(), vectors.clone()]
    expected, own = fused([words, vectors], 60), call(answer, given, 60)
    if not torch.equal(given[0], words) or not torch.equal(given[1], vectors):
        return (
            "your function changes the tensors that it is given, before it has ranked them all; begin with a new one."
        )
    if isinstance(own, torch.Tensor) and own.shape == (3,):
        return "this is one number a question; every passage keeps a score, so that they can be ranked."
    if (isinstance(own, torch.Tensor) and own.shape == (2, 3, 4)) or (isinstance(own, list) and len(own) == 2):
        return "the methods are still apart; add their parts up, so that one tensor (questions, passages) is left."
    if message := slip(own, other_fusions([words, vectors], 60), partial(close, atol=1e-6)):
        return message
    if (message := difference(own, expected, atol=1e-6)) is not None:
        if isinstance(own, torch.Tensor) and own.shape == expected.shape:
            row, column = ((own - expected).abs() > 1e-6).nonzero()[0].tolist()
            a, b = int(ranks(words)[row, column]), int(ranks(vectors)[row, column])
            return (
                f"right shape, but wrong values: in question {row}, passage {column} has the ranks {a} and {b}, "
                f"so its score is 1/{60 + a} + 1/{60 + b} = {expected[row, column]:.4f}, but yours is {own[row, column].item():.4f}."
            )
        return message
    three = [words, vectors, words.flip(1)]
    if not close(call(answer, [s.clone() for s in three], 60), fused(three, 60), atol=1e-6):
        return "two rankings work, but three do not; take all that `scores` holds."
    if not close(call(answer, [s.clone() for s in three], 5), fused(three, 5), atol=1e-6):
        return "a constant of 60 works, but another constant does not; take it from the argument."
    return None


@exercise("15.4")
def team(answer: Callable) -> str | None:
    """``answer(confidence, right, person, share)``: how often model and person together are right."""
    confidence, right, person = rows_of_a_team()

    def got(share: float) -> float:
        own = call(answer, confidence.copy(), right.copy(), person.copy(), share)
        return float(own) if np.ndim(own) == 0 else math.nan

    def wanted(count: int) -> float:
        return float(right_share(confidence, right, person, count))

    own, expected = got(0.3), wanted(6)
    if math.isnan(own):
        return "one number is needed: how often the team is right, as a share of all rows."
    if not like(own, expected):
        if message := slip(own, other_teams(confidence, right, person, 0.3), like):
            return message
        return f"the team is right in {expected:.2f} of these rows, but you say {own:.2f}."
    for share, count, amount in ((0.48, 10, "9.6"), (0.47, 9, "9.4")):
        last = got(share)
        if like(last, wanted(count)):
            continue
        if like(last, expected):
            return f"with a share of {share:g} you hand over as many rows as with 0.3: `share` is an argument."
        order = np.argsort(confidence)
        alike = share * person[order[:count]].mean() + (1 - share) * right[order[count:]].mean()
        if like(last, alike):
            return (
                f"{share:g} of 20 rows are {amount}, and {count} are handed over, so the means are not weighed with {share:g}; "
                "count right answers."
            )
        why = "int() cuts off what stands behind the point" if count == 10 else "math.ceil always goes up"
        return f"{share:g} of 20 rows are {amount}: round them to {count}; {why}."
    for part, value in ((0.0, right.mean()), (1.0, person.mean())):
        try:
            end = got(part)
        except (ValueError, ZeroDivisionError):
            end = math.nan
        if not like(end, value):
            who = "the person" if part else "the model"
            return f"with a share of {part:g}, {who} answers everything, which is right in {value:.2f}, not {end:.2f}."
    kept = right.copy(), person.copy()
    answer(confidence.copy(), *kept, 0.3)
    if not (np.array_equal(kept[0], right) and np.array_equal(kept[1], person)):
        return "your function changes the arrays that it is given; work on a copy, such as right.copy()."
    return None
