"""What every method needs first: a text as model input with its words, and the class to explain; and every bad input said early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from helpers.errors import CourseError
from helpers.explain.words import piece_words, word_spans
from helpers.padding import longest_input

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Prepared:
    """One text, ready for the model.

    ``batch`` is what the model takes, ``(1, tokens)`` each, on the model's device; ``pieces`` the word pieces as text; ``words`` the
    words, ``owners`` the word of each piece (``None`` for special tokens and punctuation).
    """

    text: str
    batch: dict[str, torch.Tensor]
    pieces: tuple[str, ...]
    words: tuple[str, ...]
    owners: tuple[int | None, ...]


def prepare(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, text: str) -> Prepared:
    """Tokenize a text for an explanation.

    Raises:
        CourseError: the text has no word, or more tokens than the model has positions for.
    """
    spans = word_spans(text)
    encoded = tokenizer(text, return_offsets_mapping=True)
    longest = longest_input(model.config)
    if len(encoded["input_ids"]) > longest:
        raise CourseError(
            f"The text has {len(encoded['input_ids'])} tokens and the model reads at most {longest}: explain a part of it, "
            "since what is cut off would get no score."
        )
    offsets = encoded.pop("offset_mapping")
    batch = {name: torch.tensor([values], device=model.device) for name, values in encoded.items()}
    return Prepared(
        text,
        batch,
        tuple(tokenizer.convert_ids_to_tokens(encoded["input_ids"])),
        tuple(text[start:end] for start, end in spans),
        tuple(piece_words(offsets, spans)),
    )


def check_classes(model: PreTrainedModel) -> None:
    """Refuse a model that does not choose between classes.

    Raises:
        CourseError: the model has a single output, or none.
    """
    count = getattr(model.config, "num_labels", 0)
    if count < 2 or not hasattr(model, "classifier"):
        raise CourseError(
            f"This model has {count} output{'s' * (count != 1)} to choose from: an explanation says why one class and not another, "
            "so give a model with a classification head of two classes or more."
        )


def target_class(model: PreTrainedModel, logits: torch.Tensor, target: int | str | None = None) -> int:
    """The class to explain: ``target`` by number or by name, or the predicted one.

    Args:
        model: a classifier with label names in its configuration.
        logits: ``(1, classes)``, the model's answer for the text.
        target: a class number or a label name; ``None`` for the predicted class.

    Raises:
        CourseError: the model has no such class, or a single one.
    """
    check_classes(model)
    names = [model.config.id2label[i] for i in range(model.config.num_labels)]
    if target is None:
        return int(logits[0].argmax())
    if isinstance(target, str) and target in names:
        return names.index(target)
    if isinstance(target, str) or not 0 <= target < len(names):
        known = ", ".join(f"{i} ({name})" for i, name in enumerate(names))
        raise CourseError(f"The model has no class {target!r}; its classes are {known}.")
    return int(target)
