"""Natural language inference: pairs of texts through a model, and zero-shot classification built on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from helpers.errors import CourseError
from helpers.padding import length_batches

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SLOT = "{}"
TEMPLATE = "This text is about {}."


def label_ids(model: PreTrainedModel, *needed: str) -> dict[str, int]:
    """Which logit belongs to which label, as the model's own configuration says it; names in lower case.

    Checkpoints number their labels differently, so the order is never assumed.

    Args:
        model: a sequence classifier.
        needed: names that must be among its labels.

    Raises:
        CourseError: a needed name is not among the labels, or two labels differ in upper and lower case only.
    """
    found = {name.lower(): int(place) for name, place in model.config.label2id.items()}
    own = ", ".join(model.config.label2id)
    if len(found) < len(model.config.label2id):
        raise CourseError(f"The model's labels ({own}) differ in upper and lower case only; give them other names.")
    for name in needed:
        if name not in found:
            raise CourseError(
                f"The model has no '{name}' label, only {own}: take a model that was trained on inference, "
                "and whose configuration names its labels."
            )
    return found


def encode_pairs(
    tokenizer: PreTrainedTokenizerBase,
    premises: Sequence[str],
    hypotheses: Sequence[str],
    max_length: int = 512,
) -> list[dict[str, list[int]]]:
    """Pairs as tokens, a dictionary each; a pair that is too long loses the end of its premise, never of its hypothesis.

    Args:
        tokenizer: of the model that will read the pairs.
        premises: what is taken for true.
        hypotheses: what is judged, one a premise.
        max_length: tokens a pair, [CLS] and both [SEP] included.

    Raises:
        CourseError: there is nothing to encode, not a hypothesis a premise, an empty text, or a hypothesis that leaves
            no room for its premise.
    """
    if isinstance(premises, str) or isinstance(hypotheses, str):
        raise CourseError("Premises and hypotheses are lists of texts; put a single text into a list of one.")
    if len(premises) != len(hypotheses):
        raise CourseError(f"There are {len(premises)} premises, but {len(hypotheses)} hypotheses; they go in pairs.")
    if not len(premises):
        raise CourseError("There is nothing to read: the list of premises is empty.")
    for kind, texts in (("premise", premises), ("hypothesis", hypotheses)):
        for row, text in enumerate(texts, 1):
            if not isinstance(text, str) or not text.strip():
                raise CourseError(f"The {kind} in row {row} is empty; inference needs both texts of a pair.")
    lengths = [len(ids) for ids in tokenizer(list(hypotheses), add_special_tokens=False, verbose=False)["input_ids"]]
    room = max_length - tokenizer.num_special_tokens_to_add(pair=True)
    if (longest := max(lengths)) >= room:
        raise CourseError(
            f"The hypothesis in row {lengths.index(longest) + 1} has {longest} tokens, of {room} that a pair may have: "
            "shorten it, or nothing is left of its premise."
        )
    encoded = tokenizer(list(premises), list(hypotheses), truncation="only_first", max_length=max_length)
    return [{name: encoded[name][row] for name in encoded} for row in range(len(premises))]


def pair_logits(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    premises: Sequence[str],
    hypotheses: Sequence[str],
    max_length: int = 512,
    max_tokens: int = 2048,
) -> torch.Tensor:
    """The logits of each pair, in the order of the pairs, in batches of similar length.

    Args:
        model: a classifier of pairs, in evaluation mode.
        tokenizer: the one that belongs to it.
        premises: what is taken for true.
        hypotheses: what is judged, one a premise.
        max_length: tokens a pair; see ``encode_pairs``.
        max_tokens: tokens a batch, padding included.

    Returns:
        ``(pairs, labels)`` of float32 on the CPU; ``label_ids`` says which column is which.

    Raises:
        CourseError: as ``encode_pairs``.
    """
    rows = encode_pairs(tokenizer, premises, hypotheses, max_length)
    logits = torch.empty(len(rows), model.config.num_labels)
    for places in length_batches([len(row["input_ids"]) for row in rows], max_tokens):
        batch = tokenizer.pad([rows[place] for place in places], return_tensors="pt").to(model.device)
        with torch.inference_mode():
            logits[places] = model(**batch).logits.float().cpu()  # (batch, labels)
    return logits


def zero_shot(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    labels: Sequence[str],
    template: str = TEMPLATE,
    multi_label: bool = False,
    max_length: int = 512,
) -> torch.Tensor:
    """Classify texts by labels that the model has never seen: does the text entail "This text is about sport."? (Yin et al. 2019).

    Each text is the premise of one pair a label; the hypothesis is the template with the label in its slot. For one
    label a text, a softmax over the labels' entailment logits: the scores of a text add up to 1. With ``multi_label`` each label is judged
    alone, entailment against contradiction: any number of scores may be high.

    Args:
        model: a model of inference; the place of its labels is read from its configuration.
        tokenizer: the one that belongs to it.
        texts: what to classify.
        labels: the candidates, in words that fit the template.
        template: a sentence with one ``{}``.
        multi_label: whether several labels, or none, may be right.
        max_length: tokens a pair; of a longer text the end is left out.

    Returns:
        ``(texts, labels)`` of probabilities, in the order given.

    Raises:
        CourseError: no texts, an empty one, no labels, an empty or repeated one, a template without exactly one slot, or a
            model without an "entailment" (with ``multi_label`` also a "contradiction") label.
    """
    if isinstance(texts, str) or isinstance(labels, str):
        raise CourseError("Texts and candidate labels are lists; put a single one into a list of one.")
    if not len(labels):
        raise CourseError("There are no candidate labels; give at least one, such as ['sport', 'politics'].")
    if template.count(SLOT) != 1:
        raise CourseError(f"The template '{template}' needs exactly one {SLOT}, where the label goes.")
    for label in labels:
        if not label.strip():
            raise CourseError("A candidate label is empty; each needs a name that fits the template.")
        if list(labels).count(label) > 1:
            raise CourseError(f"The candidate label '{label}' occurs twice; it would share its score with itself.")
    if not len(texts):
        raise CourseError("There is nothing to classify: the list of texts is empty.")
    for row, text in enumerate(texts, 1):
        if not text.strip():
            raise CourseError(f"The text in row {row} is empty; there is nothing to classify.")
    ids = label_ids(model, "entailment", *(["contradiction"] if multi_label else []))
    premises = [text for text in texts for _ in labels]
    hypotheses = [template.replace(SLOT, label) for _ in texts for label in labels]
    logits = pair_logits(model, tokenizer, premises, hypotheses, max_length)
    logits = logits.view(len(texts), len(labels), -1)  # (texts, labels, classes of inference)
    entailed = logits[..., ids["entailment"]]  # (texts, labels)
    if multi_label:
        return (entailed - logits[..., ids["contradiction"]]).sigmoid()  # the softmax over these two
    return entailed.softmax(dim=-1)
