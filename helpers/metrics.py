"""Scores: thin over scikit-learn and seqeval, and the two of SQuAD as its official script defines them."""

from __future__ import annotations

import collections
import re
import string
from collections.abc import Sequence

from helpers.errors import CourseError


def accuracy(predictions: Sequence[int], labels: Sequence[int]) -> float:
    """Share of predictions that equal their label.

    Raises:
        CourseError: there is nothing to score, or not a prediction a label.
    """
    from sklearn.metrics import accuracy_score

    _same_length(predictions, labels)
    return float(accuracy_score(labels, predictions))


def wilson(hits: int, places: int, z: float = 1.96) -> tuple[float, float]:
    """The interval of a share, 95 % for ``z`` = 1.96 (Wilson 1927): unlike share ± error it stays within 0 and 1.

    Raises:
        CourseError: no places, or more hits than places.
    """
    if not 0 <= hits <= places or places < 1:
        raise CourseError(f"{hits} of {places} is no share: an interval needs at least one place, and no more hits.")
    share, n = hits / places, places
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def macro_f1(predictions: Sequence[int], labels: Sequence[int]) -> float:
    """Mean over the classes of the harmonic mean of precision and recall: each class counts the same.

    Raises:
        CourseError: there is nothing to score, or not a prediction a label.
    """
    from sklearn.metrics import f1_score

    _same_length(predictions, labels)
    return float(f1_score(labels, predictions, average="macro", zero_division=0))


def calibration_error(confidence: Sequence[float], right: Sequence[bool], bins: int = 10) -> float:
    """Expected calibration error: how far confidence and accuracy lie apart, on average over the rows (Naeini et al. 2015).

    The rows are sorted into ``bins`` intervals of equal width between 0 and 1 by their confidence; a bin counts by its rows.

    Args:
        confidence: the probability that each row's prediction was given, from 0 to 1.
        right: whether it was right.
        bins: how many intervals.

    Raises:
        CourseError: there is nothing to score, or not a confidence a row, or one that is no probability.
    """
    import numpy as np

    _same_length(confidence, right)
    said, true = np.asarray(confidence, dtype=float), np.asarray(right, dtype=float)
    if not ((said >= 0) & (said <= 1)).all():
        raise CourseError("A confidence is a probability, from 0 to 1; give the softmax of the logits.")
    place = np.minimum((said * bins).astype(int), bins - 1)  # a confidence of exactly 1 belongs to the last bin
    gaps = np.bincount(place, weights=said - true, minlength=bins)
    return float(np.abs(gaps).sum() / len(said))


def entity_f1(predictions: Sequence[Sequence[str]], tags: Sequence[Sequence[str]]) -> float:
    """F1 over whole entities, as CoNLL-2003 is scored: type, first and last word must all be right (seqeval).

    Args:
        predictions: IOB2 tags a sentence.
        tags: the true ones.

    Raises:
        CourseError: there is nothing to score, or a sentence has another number of predicted than of true tags.
    """
    from seqeval.metrics import f1_score

    _same_sentences(predictions, tags)
    return float(f1_score([list(t) for t in tags], [list(p) for p in predictions], zero_division=0))


def entity_scores(predictions: Sequence[Sequence[str]], tags: Sequence[Sequence[str]]) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of each entity type, and of "all" together (seqeval); ``entities`` is how many are true.

    Args:
        predictions: IOB2 tags a sentence.
        tags: the true ones.

    Raises:
        CourseError: as ``entity_f1``.
    """
    from seqeval.metrics import classification_report

    _same_sentences(predictions, tags)
    report = classification_report(
        [list(t) for t in tags], [list(p) for p in predictions], output_dict=True, zero_division=0
    )
    names = {"precision": "precision", "recall": "recall", "f1": "f1-score", "entities": "support"}
    kinds = {kind: kind for kind in sorted(report) if not kind.endswith(" avg")} | {"all": "micro avg"}
    return {kind: {name: float(report[key][theirs]) for name, theirs in names.items()} for kind, key in kinds.items()}


def normalise_answer(text: str) -> str:
    """SQuAD's normal form: lower case, without punctuation, without a, an, the, single spaces (Rajpurkar et al. 2016)."""
    kept = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


def answer_scores(prediction: str, answers: Sequence[str]) -> tuple[float, float]:
    """Exact match and word F1 of one answer, each the best over the accepted answers.

    Raises:
        CourseError: there is no accepted answer.
    """
    if not answers:
        raise CourseError("There is no accepted answer to compare with; SQuAD v1.1 has at least one a question.")
    own = normalise_answer(prediction)
    exact = max(float(own == normalise_answer(answer)) for answer in answers)
    return exact, max(_word_f1(own.split(), normalise_answer(answer).split()) for answer in answers)


def squad_scores(predictions: Sequence[str], answers: Sequence[Sequence[str]]) -> dict[str, float]:
    """Mean exact match and mean F1 over all questions, in per cent: ``{"exact_match": ..., "f1": ...}``.

    Raises:
        CourseError: there is nothing to score, or not a prediction a question.
    """
    _same_length(predictions, answers)
    pairs = [answer_scores(own, accepted) for own, accepted in zip(predictions, answers, strict=True)]
    exact, f1 = (100 * sum(values) / len(pairs) for values in zip(*pairs, strict=True))
    return {"exact_match": exact, "f1": f1}


def _word_f1(own: list[str], true: list[str]) -> float:
    shared = sum((collections.Counter(own) & collections.Counter(true)).values())
    return 2 * shared / (len(own) + len(true)) if shared else 0.0


def _same_sentences(predictions: Sequence[Sequence[str]], tags: Sequence[Sequence[str]]) -> None:
    _same_length(predictions, tags)
    for row, (own, true) in enumerate(zip(predictions, tags, strict=True), 1):
        if len(own) != len(true):
            raise CourseError(f"Sentence {row} has {len(own)} predicted tags, but {len(true)} true ones.")


def _same_length(predictions: Sequence, labels: Sequence) -> None:
    if len(predictions) != len(labels):
        raise CourseError(f"There are {len(predictions)} predictions for {len(labels)} labels; each needs its own.")
    if not len(labels):
        raise CourseError("There is nothing to score: the list of labels is empty.")
