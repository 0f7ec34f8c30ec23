"""What goes wrong with a pair by hand (exercise 8.1) and with zero-shot scores (8.4), so that a check can name it."""

from __future__ import annotations

from typing import Any

import torch

from helpers.exercises.checking import close


def not_two_lists(own: object) -> str | None:
    """What keeps ``own`` from being two lists of numbers."""
    if not isinstance(own, (tuple, list)) or len(own) != 2 or not all(hasattr(part, "__iter__") for part in own):
        return "two lists are needed: the token ids, and a token type for each of them."
    values = [value for part in own for value in part]
    if any(isinstance(value, (list, tuple)) for value in values):
        return (
            "there is a list inside your list: append puts a list in as one thing; extend, or a star, adds its members."
        )
    if any(isinstance(value, str) for value in values):
        return "there is a string where a number is needed; the id of [CLS] is 101, and that of [SEP] is 102."
    return None


def scores(logits: torch.Tensor, label2id: dict[str, int], multi_label: bool) -> torch.Tensor:
    """The right scores, ``(texts, labels)``, from logits ``(texts, labels, 3)``."""
    entailed = logits[..., label2id["entailment"]]
    if multi_label:
        return (entailed - logits[..., label2id["contradiction"]]).sigmoid()
    return entailed.softmax(dim=-1)


def one_label_slip(got: Any, logits: torch.Tensor, own: dict[str, int]) -> str | None:
    """Name what is wrong with scores for ``multi_label=False``; ``None`` if it is nothing known."""
    column = logits[..., own["entailment"]]
    if isinstance(got, torch.Tensor) and got.shape == column.shape[:1]:
        return "this is one number a text; a score for each of its labels is wanted."
    if isinstance(got, torch.Tensor) and got.shape == logits[:, 0].shape and got.shape != column.shape:
        return "there is a row of three for each text: you picked one of the labels. The three logits lie on the last axis, logits[..., k]."
    if close(got, column):
        return "the column is right, but these are logits; a softmax over the labels makes scores of them."
    for name in ("contradiction", "neutral"):
        if close(got, logits[..., own[name]].softmax(-1)):
            return f"this is a softmax over the logits of '{name}': the place of entailment stands in label2id, and is not always {own[name]}."
    if close(got, column.softmax(0)):
        return "this softmax runs over the texts; the labels of one text compete, so it belongs on the last axis."
    if close(got, column.flatten().softmax(0).view(column.shape)):
        return "this softmax runs over all texts and labels together; the labels of one text compete, so take the last axis."
    if close(got, column.log_softmax(-1)):
        return "these are logarithms of the scores; a softmax gives the scores themselves."
    if close(got, column / column.sum(-1, keepdim=True)):
        return "logits may be negative, and divided by their sum they are no shares; take the softmax."
    inside = logits.softmax(-1)[..., own["entailment"]]
    if close(got, inside):
        return "this is each pair's own probability of entailment, and the scores of a text do not add up to 1: let the labels compete."
    if close(got, inside.softmax(-1)):
        return "here is a softmax of a softmax, which makes everything nearly equal; take the logits of entailment."
    if close(got, inside / inside.sum(-1, keepdim=True)):
        return "you normalise probabilities that the other two classes have already shaped; take the softmax of the entailment logits."
    if close(got, scores(logits, own, True)):
        return "with multi_label=False these are the scores that belong to multi_label=True; does your function ask which of the two it is?"
    if close(got, (column - logits[..., own["contradiction"]]).softmax(-1)):
        return "with multi_label=False the labels compete by their entailment logits alone; leave contradiction out."
    return None


def many_labels_slip(got: Any, logits: torch.Tensor, own: dict[str, int]) -> str | None:
    """The same for ``multi_label=True``."""
    expected, column = scores(logits, own, True), logits[..., own["entailment"]]
    if isinstance(got, torch.Tensor) and got.shape == (*column.shape, 2):
        return "with multi_label=True both shares come back, a pair for each label; keep the one of entailment."
    if close(got, column.softmax(-1)):
        return "with multi_label=True the labels still compete; then each is judged alone, entailment against contradiction."
    if close(got, column.sigmoid()):
        return "with multi_label=True you look at entailment alone; a logit means something only against another: contradiction's."
    if close(got, column - logits[..., own["contradiction"]]):
        return "with multi_label=True these are differences of logits, not yet between 0 and 1: the sigmoid is missing."
    if close(got, column / (column + logits[..., own["contradiction"]])):
        return "with multi_label=True you divide logits, which may be negative; take the softmax over the two, or exp first."
    if close(got, logits.softmax(-1)[..., own["entailment"]]):
        return "with multi_label=True neutral still has a part; leave it out, and take the softmax over the other two."
    if close(got, 1 - logits.softmax(-1)[..., own["contradiction"]]):
        return "with multi_label=True this is all that is not contradiction, so neutral counts as yes; leave it out."
    if close(got, (column - logits[..., own["neutral"]]).sigmoid()):
        return "with multi_label=True you compare entailment with neutral; its opponent is contradiction."
    if close(got, 1 - expected):
        return "with multi_label=True this is the share of contradiction; the other one is wanted."
    if close(got, expected / expected.sum(-1, keepdim=True)):
        return "with multi_label=True the scores of a text need not add up to 1: do not divide by their sum."
    return None
