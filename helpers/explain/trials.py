"""Explanations on trial: does the model agree with what a method says about it?

Three tests. Curves: hide (or show) the words in the order of their scores, and watch the probability (Samek and others 2017,
arXiv:1509.06321; Petsiuk and others 2018, arXiv:1806.07421). Random weights: a method that does not notice that the model has
forgotten everything does not explain it (Adebayo and others 2018, arXiv:1810.03292). A planted word: where the reason is known,
does a method find it?
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from helpers.errors import CourseError
from helpers.explain.lime import Predictor, without
from helpers.explain.words import Attribution

if TYPE_CHECKING:
    from transformers import PreTrainedModel

STEPS = 10
KINDS = ("deletion", "insertion")


def order_of(scores: Sequence[float]) -> list[int]:
    """Places of the words, the highest score first; equal scores in the order of the text."""
    return np.argsort(-np.asarray(scores, dtype=float), kind="stable").tolist()


def random_orders(count: int, draws: int, seed: int = 42) -> np.ndarray:
    """Orders that know nothing, to compare with: ``(draws, count)``."""
    draw = np.random.default_rng(seed)
    return np.stack([draw.permutation(count) for _ in range(draws)])


def versions(text: str, order: Sequence[int], mask: str, kind: str = "deletion", steps: int = STEPS) -> list[str]:
    """A text that loses its words in an order (deletion), or gets them back in that order (insertion), in equal steps.

    Args:
        text: the text.
        order: its words' places, the first to go (or to come) first.
        mask: what stands for a hidden word.
        kind: "deletion" or "insertion".
        steps: the curve has one point more; point ``s`` has moved ``s / steps`` of the words, rounded.

    Raises:
        CourseError: the kind is unknown.
    """
    if kind not in KINDS:
        raise CourseError(f"There is no curve {kind!r}; choose one of {', '.join(KINDS)}.")
    moved = [round(len(order) * step / steps) for step in range(steps + 1)]
    return [without(text, list(order[:n] if kind == "deletion" else order[n:]), mask) for n in moved]


def curves(
    predictor: Predictor,
    found: Sequence[Attribution],
    kind: str = "deletion",
    orders: Sequence[Sequence[int]] | None = None,
    steps: int = STEPS,
    mask: str | None = None,
) -> np.ndarray:
    """The probability of each explained class along the way: ``(explanations, steps + 1)``.

    A good explanation's deletion curve falls at once, its insertion curve rises at once.

    Args:
        predictor: of the explained model.
        found: explanations, of any texts.
        kind: "deletion" or "insertion".
        orders: one an explanation, in place of its own scores' order.
        steps: see ``versions``.
        mask: what stands for a hidden word; ``None`` for the tokenizer's ``[MASK]``, ``""`` for nothing.

    Raises:
        CourseError: the kind is unknown, an explanation's label is none of the model's, or there is not one order each.
    """
    orders = [order_of(one.scores) for one in found] if orders is None else list(orders)
    if len(orders) != len(found):
        raise CourseError(f"{len(orders)} orders do not fit {len(found)} explanations: there must be one each.")
    classes = {name: number for number, name in predictor.model.config.id2label.items()}
    if unknown := {one.label for one in found} - set(classes):
        raise CourseError(f"The model has no class {sorted(unknown)[0]!r}; its classes are {', '.join(classes)}.")
    mask = predictor.tokenizer.mask_token if mask is None else mask
    texts = [versions(one.text, order, mask, kind, steps) for one, order in zip(found, orders, strict=True)]
    answers = predictor.predict_proba([text for row in texts for text in row])
    answers = answers.reshape(len(found), steps + 1, -1)  # (explanations, points, classes)
    return np.stack([rows[:, classes[one.label]] for rows, one in zip(answers, found, strict=True)])


def area(curve: np.ndarray) -> np.ndarray:
    """The mean height of curves over their last axis, by the trapezium rule: between 0 and 1 for probabilities."""
    curve = np.asarray(curve, dtype=float)
    return (curve[..., 1:] + curve[..., :-1]).mean(axis=-1) / 2


def interval(values: Sequence[float], level: float = 0.95, draws: int = 2000, seed: int = 42) -> tuple[float, float]:
    """A bootstrap interval for the mean (Efron 1979): the middle ``level`` of the means of samples drawn from the values themselves.

    Raises:
        CourseError: there are fewer than two values.
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        raise CourseError(f"An interval needs two values at least, not {len(values)}.")
    rows = np.random.default_rng(seed).integers(len(values), size=(draws, len(values)))
    low, high = np.quantile(values[rows].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def precision_at(found: Attribution, truth: Sequence[int], k: int) -> float:
    """The share of the ``k`` highest scored words that are among the true ones.

    Raises:
        CourseError: ``k`` is not between 1 and the number of words, or a true place is no word of the text.
    """
    if not 1 <= k <= len(found.words):
        raise CourseError(f"k is {k}, but the text has {len(found.words)} words.")
    if not all(0 <= place < len(found.words) for place in truth):
        raise CourseError(f"The true words {list(truth)} are not all in the text of {len(found.words)} words.")
    return len(set(order_of(found.scores)[:k]) & set(truth)) / k


def rank_agreement(left: Sequence[float], right: Sequence[float]) -> float:
    """Spearman's rank correlation of two explanations of a text: 1 for the same order, 0 for none in common; 0 if one is constant."""
    from scipy.stats import rankdata

    a, b = (rankdata(values) - (len(values) + 1) / 2 for values in (left, right))
    norm = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / norm) if norm else 0.0


def layers_of(model: PreTrainedModel) -> torch.nn.ModuleList:
    """The encoder's layers, bottom first.

    Raises:
        CourseError: the model keeps them where we do not find them.
    """
    for module in model.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == model.config.num_hidden_layers:
            return module
    raise CourseError(
        f"{type(model).__name__} keeps its layers in another way; take a BERT, a RoBERTa or a DistilBERT."
    )


def randomised(model: PreTrainedModel, layers: int = 0, embeddings: bool = False, seed: int = 42) -> PreTrainedModel:
    """A copy of a model that has forgotten its head, its top ``layers`` layers and, if told, its embeddings: new random weights there.

    With 0, 1, 2, ... layers this is the cascade of Adebayo and others (2018), from the top down.

    Raises:
        CourseError: the model has fewer layers.
    """
    other = copy.deepcopy(model)
    stack = layers_of(other)
    if not 0 <= layers <= len(stack):
        raise CourseError(f"The model has {len(stack)} layers; {layers} of them cannot be randomised.")
    kept = {id(part) for layer in stack for part in layer.modules()}
    embedded = {id(part) for part in other.base_model.embeddings.modules()}
    forgotten = {id(part) for layer in list(stack)[len(stack) - layers :] for part in layer.modules()}
    draw = torch.Generator().manual_seed(seed)
    for part in other.modules():
        own = id(part) in forgotten or (embeddings and id(part) in embedded)
        if own or id(part) not in kept | embedded:
            _forget(part, model.config.initializer_range, draw)
    return other


@torch.no_grad()
def _forget(part: torch.nn.Module, spread: float, draw: torch.Generator) -> None:
    """New weights for one module alone, as BERT is initialised before its pre-training."""
    for name, weight in part.named_parameters(recurse=False):
        if isinstance(part, torch.nn.LayerNorm) or name == "bias":
            weight.fill_(1.0 if name == "weight" else 0.0)
        else:
            weight.copy_(torch.randn(weight.shape, generator=draw) * spread)
