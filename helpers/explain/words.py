"""The one unit in which all explanations of the course speak: the words of a text, and a score for each.

Gradients belong to word pieces, LIME to words, people to words. So every method ends here: a word is a run of letters and digits,
punctuation is none, and what belongs to the pieces of a word is added up (a sum keeps integrated gradients complete).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from helpers.errors import CourseError

_WORD = re.compile(r"\w+")


def word_spans(text: str) -> list[tuple[int, int]]:
    """Start and end (exclusive) of every word, in characters.

    Raises:
        CourseError: the text has no word.
    """
    spans = [match.span() for match in _WORD.finditer(text)]
    if not spans:
        raise CourseError(f"There is no word to explain in {text!r}: give a text with letters.")
    return spans


def words_of(text: str) -> list[str]:
    """The words of a text in their order, as they are written there; ``CourseError`` if there is none."""
    return [text[start:end] for start, end in word_spans(text)]


def piece_words(offsets: Sequence[tuple[int, int]], spans: Sequence[tuple[int, int]]) -> list[int | None]:
    """The word that each word piece belongs to.

    Args:
        offsets: (start, end) of every piece in the text, as ``return_offsets_mapping`` gives them; (0, 0) for special tokens.
        spans: the words, from ``word_spans``.

    Returns:
        One index into ``spans`` a piece; ``None`` for special tokens and punctuation.
    """
    found: list[int | None] = []
    for start, end in offsets:
        own = [i for i, (begin, stop) in enumerate(spans) if max(start, begin) < min(end, stop)]
        found.append(own[0] if own else None)
    return found


def sum_by_word(values: Sequence[float], owners: Sequence[int | None], count: int) -> np.ndarray:
    """The values of pieces, added up by word: ``(count,)``; what belongs to no word is left out.

    Raises:
        CourseError: there is not one value a piece.
    """
    if len(values) != len(owners):
        raise CourseError(f"{len(values)} values do not fit {len(owners)} word pieces: there must be one each.")
    total = np.zeros(count)
    for value, owner in zip(values, owners, strict=True):
        if owner is not None:
            total[owner] += float(value)
    return total


def position(text: str, word: str) -> int:
    """The index of the first word of a text that is written like ``word``, capitals aside.

    Raises:
        CourseError: the text does not have that word.
    """
    words = words_of(text)
    for place, own in enumerate(words):
        if own.lower() == word.strip().lower():
            return place
    raise CourseError(f"The word {word!r} is not in the text; its words are: {', '.join(words)}.")


@dataclass(frozen=True)
class Attribution:
    """What a method says about a text: one score a word; above zero speaks for ``label``, below against it."""

    text: str
    words: tuple[str, ...]
    scores: tuple[float, ...]
    label: str
    method: str

    def ranked(self) -> list[tuple[str, float]]:
        """Words and scores, the most important for ``label`` first; equal scores in the order of the text."""
        order = sorted(range(len(self.words)), key=lambda i: -self.scores[i])
        return [(self.words[i], self.scores[i]) for i in order]

    def scaled(self) -> tuple[float, ...]:
        """The scores divided by the largest absolute one, for a picture: within -1 and 1."""
        top = max(map(abs, self.scores)) or 1.0
        return tuple(score / top for score in self.scores)
