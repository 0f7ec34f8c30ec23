"""Explanations from gradients: saliency, gradient x input, integrated gradients, with scores by word.

A gradient needs something that can be changed a little. Token ids cannot (there is no token 2204.3), so everything here happens in the
model's word embeddings: ``vectors`` are ``(tokens, hidden)``, a row for each word piece, before positions are added.
The quantity explained is the logit of one class, not its probability, which hardly moves once the model is sure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from helpers.errors import CourseError
from helpers.explain.inputs import Prepared, check_classes, prepare, target_class
from helpers.explain.words import Attribution, sum_by_word

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BASELINES = ("pad", "mask", "zero")
TOKENS_AT_ONCE = 2048  # points of the path that go through the model together: their tokens, all in all


def word_vectors(model: PreTrainedModel, ids: torch.Tensor) -> torch.Tensor:
    """The rows of the model's embedding table for ids ``(tokens,)``: ``(tokens, hidden)``, cut off from the table's own gradient."""
    return model.get_input_embeddings()(ids).detach()


def baseline_vectors(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, ids: torch.Tensor, baseline: str = "pad"
) -> torch.Tensor:
    """The text without its content: where the path of integrated gradients begins.

    [CLS] and [SEP] stay as they are, so they get no score; every other token becomes [PAD], [MASK], or a vector of zeros.

    Args:
        model: whose embeddings to use.
        tokenizer: which tokens are special.
        ids: ``(tokens,)``.
        baseline: "pad", "mask" or "zero".

    Returns:
        ``(tokens, hidden)``.

    Raises:
        CourseError: there is no such baseline.
    """
    if baseline not in BASELINES:
        raise CourseError(f"There is no baseline {baseline!r}; choose one of {', '.join(BASELINES)}.")
    special = torch.isin(ids, torch.tensor([tokenizer.cls_token_id, tokenizer.sep_token_id], device=ids.device))
    if baseline == "zero":
        return word_vectors(model, ids) * special[:, None]
    empty = tokenizer.pad_token_id if baseline == "pad" else tokenizer.mask_token_id
    return word_vectors(model, torch.where(special, ids, empty))


def gradients_at(
    model: PreTrainedModel, batch: dict[str, torch.Tensor], points: torch.Tensor, target: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """How a class's logit changes with the word embeddings, at one or more points.

    Args:
        model: a classifier in evaluation mode; the gradients of its weights are not touched.
        batch: the model's other inputs, such as the mask, ``(1, tokens)`` each.
        points: ``(points, tokens, hidden)``, embeddings to start from.
        target: the class.

    Returns:
        Gradients ``(points, tokens, hidden)`` and logits ``(points,)``.
    """
    found, size = [], max(1, TOKENS_AT_ONCE // points.shape[1])
    others = {name: values for name, values in batch.items() if name != "input_ids"}
    with torch.enable_grad():
        for part in points.detach().split(size):
            part = part.clone().requires_grad_()
            expanded = {name: values.expand(len(part), -1) for name, values in others.items()}
            logits = model(inputs_embeds=part, **expanded).logits[:, target]
            (gradients,) = torch.autograd.grad(logits.sum(), part)  # a row's logit depends on that row alone
            found.append((gradients, logits.detach()))
    return torch.cat([g for g, _ in found]), torch.cat([f for _, f in found])


@dataclass(frozen=True)
class Integral:
    """Integrated gradients before they are summed by word.

    ``values`` is one number a word piece ``(tokens,)``; ``start`` and ``end`` are the logits of the class ``target`` at the baseline
    and at the text. Completeness: the values add up to ``end - start``; ``gap`` is by how much they miss it.
    """

    prepared: Prepared
    target: int
    values: torch.Tensor
    start: float
    end: float

    @property
    def gap(self) -> float:
        """What the values add up to, minus what they should add up to."""
        return float(self.values.double().sum()) - (self.end - self.start)


def integrate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    target: int | str | None = None,
    *,
    steps: int = 64,
    baseline: str = "pad",
) -> Integral:
    """Integrated gradients (Sundararajan, Taly and Yan 2017), by word piece, with both ends for the test of completeness.

    The way from the baseline to the text is cut into ``steps`` equal parts, and the gradient is taken in the middle of each
    (captum calls this ``riemann_middle``).

    Raises:
        CourseError: no step, an unknown baseline, or what ``saliency`` raises.
    """
    if steps < 1:
        raise CourseError(
            f"Integrated gradients with {steps} steps: at least 1 is needed, and 32 or more for a small gap."
        )
    prepared, chosen = _ready(model, tokenizer, text, target)
    ids = prepared.batch["input_ids"][0]
    end, start = word_vectors(model, ids), baseline_vectors(model, tokenizer, ids, baseline)
    middles = (torch.arange(steps, device=end.device) + 0.5) / steps  # (steps,)
    gradients, _ = gradients_at(
        model, prepared.batch, start + middles[:, None, None] * (end - start), chosen
    )  # (steps, tokens, hidden)
    values = ((end - start) * gradients.mean(dim=0)).sum(dim=-1)  # (tokens,)
    _, (low, high) = gradients_at(model, prepared.batch, torch.stack([start, end]), chosen)
    return Integral(prepared, chosen, values.cpu(), float(low), float(high))


def saliency(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str, target: int | str | None = None
) -> Attribution:
    """The length of the gradient at each word (Simonyan, Vedaldi and Zisserman 2014): how much it matters, but not which way.

    No score is below zero.

    Args:
        model: a classifier in evaluation mode.
        tokenizer: the one that belongs to it.
        text: what to explain.
        target: a class by number or name; ``None`` for the predicted one.

    Raises:
        CourseError: the text has no word or too many tokens, the model has one class or is in training mode,
            or it has no class ``target``.
    """
    prepared, chosen, _, gradient = _at_text(model, tokenizer, text, target)
    return _by_word(model, prepared, chosen, gradient.norm(dim=-1), "saliency")


def gradient_x_input(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str, target: int | str | None = None
) -> Attribution:
    """The gradient times the embedding (Shrikumar and others 2016), summed over the dimensions: signed, but local.

    Arguments and errors as for ``saliency``.
    """
    prepared, chosen, vectors, gradient = _at_text(model, tokenizer, text, target)
    return _by_word(model, prepared, chosen, (gradient * vectors).sum(dim=-1), "gradient x input")


def integrated_gradients(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    text: str,
    target: int | str | None = None,
    *,
    steps: int = 64,
    baseline: str = "pad",
) -> Attribution:
    """Integrated gradients by word; ``integrate`` gives them by word piece, with the gap. Arguments and errors as there."""
    found = integrate(model, tokenizer, text, target, steps=steps, baseline=baseline)
    return _by_word(model, found.prepared, found.target, found.values, "integrated gradients")


def _ready(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str, target: int | str | None
) -> tuple[Prepared, int]:
    """The text as input and the class to explain, or one sentence about what is wrong."""
    check_classes(model)
    if model.training:
        raise CourseError(
            "The model is in training mode, where dropout changes the answer each time: call model.eval() first."
        )
    prepared = prepare(model, tokenizer, text)
    with torch.no_grad():
        logits = model(**prepared.batch).logits  # (1, classes)
    return prepared, target_class(model, logits, target)


def _at_text(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str, target: int | str | None
) -> tuple[Prepared, int, torch.Tensor, torch.Tensor]:
    """The text, the class, the embeddings and the gradient there, both ``(tokens, hidden)``."""
    prepared, chosen = _ready(model, tokenizer, text, target)
    vectors = word_vectors(model, prepared.batch["input_ids"][0])
    gradients, _ = gradients_at(model, prepared.batch, vectors[None], chosen)
    return prepared, chosen, vectors, gradients[0]


def _by_word(model: PreTrainedModel, prepared: Prepared, target: int, values: torch.Tensor, method: str) -> Attribution:
    scores = sum_by_word(values.tolist(), prepared.owners, len(prepared.words))
    return Attribution(prepared.text, prepared.words, tuple(scores.tolist()), model.config.id2label[target], method)
