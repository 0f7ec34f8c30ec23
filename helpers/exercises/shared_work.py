"""What goes wrong in exercises 15.3 and 15.4: for each misconception what it gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def ranks(scores: Tensor, dim: int = 1) -> Tensor:
    """The place of each passage, from 1 for the highest score."""
    return 1 + scores.argsort(dim=dim, descending=True).argsort(dim=dim)


def fused(scores: Sequence[Tensor], constant: float) -> Tensor:
    """Reciprocal rank fusion, as exercise 15.3 wants it."""
    return sum(1 / (constant + ranks(own)) for own in scores)


def other_fusions(scores: Sequence[Tensor], constant: float) -> dict[str, Tensor]:
    """Misconception -> what it gives in place of ``fused(scores, constant)``."""
    c, right, shape = constant, fused(scores, constant), scores[0].shape
    parts = torch.stack([1 / (c + ranks(own)) for own in scores])

    def by(part: object) -> Tensor:
        return sum(part(own) for own in scores)

    once = "one argsort says which passage stands where, not where each passage stands; do it twice."
    one = "only one of the rankings is used; add up the parts of all."
    return {
        "you add the scores themselves, and the larger numbers win; only the ranks count.": by(lambda s: s),
        "this is the mean of the scores themselves, and the larger numbers win; only the ranks count.": by(lambda s: s) / len(scores),
        "the sum begins with the scores of the first method; begin with zeros.": scores[0] + right,
        "the best passage has rank 1 here, not 0; argsort counts from 0.": by(lambda s: 1 / (c + ranks(s) - 1)),
        "the worst passage gets rank 1; sort in descending order.": by(lambda s: 1 / (c + ranks(-s))),
        "the worst passage gets rank 0; sort in descending order, and count from 1.": by(lambda s: 1 / (c + ranks(-s) - 1)),
        "the second argsort is descending as well, which turns the ranks round; there it is ascending.": by(
            lambda s: 1 / (c + 1 + s.argsort(1, descending=True).argsort(1, descending=True))
        ),
        once: by(lambda s: 1 / (c + 1 + s.argsort(1, descending=True))),
        once + " And the best has rank 1, not 0.": by(lambda s: 1 / (c + s.argsort(1, descending=True))),
        once + " And sort in descending order.": by(lambda s: 1 / (c + 1 + s.argsort(1))),
        once + " Sort in descending order, and count from 1.": by(lambda s: 1 / (c + s.argsort(1))),
        "you rank the questions for a passage; rank the passages of each question, along the last axis.": by(lambda s: 1 / (c + ranks(s, 0))),
        "all questions are ranked together; rank the passages of each question, along the last axis.": by(
            lambda s: 1 / (c + ranks(s.reshape(1, -1)).reshape(shape))
        ),
        "the constant is missing: without it the first places decide everything.": by(lambda s: 1 / ranks(s)),
        "the rank is added to 1 / constant; brackets are missing in 1 / (constant + rank).": by(lambda s: 1 / c + ranks(s)),
        "the rank is multiplied by the constant; add the two.": by(lambda s: 1 / (c * ranks(s))),
        "the constant is above the line, too; it is 1 / (constant + rank).": c * right,
        "these are ranks plus the constant, and the best passage has the smallest number; take 1 divided by them.": by(lambda s: c + ranks(s)),
        "you add up the ranks and divide once; 1 / (constant + rank) is taken for each method, and then added.": 1 / (c + by(ranks)),
        "you add up what is below the line and divide once; take 1 / (constant + rank) for each method first.": 1 / by(lambda s: c + ranks(s)),
        "you multiply the parts of the methods; add them up.": parts.prod(0),
        "the scores of a question were made to add up to 1; leave the sums as they are.": right / right.sum(dim=1, keepdim=True),
        "this is the order in which the passages stand; return the score of each, in the place of the passage.": right.argsort(1, descending=True),
        "this is the new rank of each passage; return its score, the sum.": ranks(right),
        "this is the mean over the methods; add their parts up.": right / len(scores),
        "only the better of the two ranks counts here; add up the parts of all methods.": parts.amax(0),
        one: parts[0],
        one + " (Is the return inside the loop?)": parts[-1],
    }  # fmt: skip


def rows_of_a_team() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidence, and whether model and person are right; with a share of 0.3 no two of the slips give the same number."""
    draws = np.random.default_rng(374549)
    confidence = draws.permutation(np.linspace(0.05, 0.97, 20) ** 0.7).round(3)
    return confidence, draws.random(20) < 0.3 + 0.5 * confidence, draws.random(20) < 0.6


def team(confidence: np.ndarray, right: np.ndarray, person: np.ndarray, count: int) -> float:
    """How often the team is right if ``count`` rows go to the person."""
    order = np.argsort(confidence)
    return (person[order[:count]].sum() + right[order[count:]].sum()) / len(order)


def other_teams(confidence: np.ndarray, right: np.ndarray, person: np.ndarray, share: float) -> dict[str, float]:
    """Misconception -> what it gives in place of the right answer to exercise 15.4."""
    order, rows = np.argsort(confidence), len(right)
    count = round(share * rows)
    handed, kept, low = order[:count], order[count:], confidence < share
    found = team(confidence, right, person, count)
    return {
        "this is the model's share over all rows; the rows that are handed over are the person's.": right.mean(),
        "this is the person's share over all rows; most rows stay with the model.": person.mean(),
        "these are the answers of the model alone, on the rows that it keeps; the person's belong to the team as well.": right[kept].mean(),
        "this is the person alone on what was handed over; the model's rows belong to the team as well.": person[handed].mean(),
        "you hand over the rows of which the model is surest; the least sure go to the person.": team(-confidence, right, person, count),
        "model and person have changed places: the person answers the rows of low confidence.": team(confidence, person, right, count),
        "you count every row that is handed over as right; the person errs, too: look into `person`.": (count + right[kept].sum()) / rows,
        "share is the part of the rows that is handed over, and no threshold for the confidence.": np.where(low, person, right).mean(),
        "a row counts as right where model or person is; but only one of them answers it.": (right | person).mean(),
        "the first rows are handed over; it should be those with the lowest confidence.": (
            person[:count].sum() + right[count:].sum()
        ) / rows,
        "argsort gives the rows in order, not the rank of each row: take its first numbers as places.": np.where(
            order < count, person, right
        ).mean(),
        "one row too many or too few goes to the person: order[:count], and order[count:] stays.": team(confidence, right, person, count + 1),
        "this is a number of rows; divide it by that of all rows.": found * rows,
        "these are per cent; a share lies between 0 and 1.": found * 100,
        "this is how often the team is wrong.": 1 - found,
        "you give the person the share that the model should keep.": team(confidence, right, person, rows - count),
        "two means were added; count right answers, and divide once by the number of all rows.": person[handed].mean() + right[kept].mean(),
        "the two are weighed alike, but the person has only a part of the rows; count right answers, and divide once.": (
            person[handed].mean() + right[kept].mean()
        ) / 2,
        "these are the two scores over all rows, weighed by the share; each answers certain rows, so count those.": (
            share * person.mean() + (1 - share) * right.mean()
        ),
    }  # fmt: skip
