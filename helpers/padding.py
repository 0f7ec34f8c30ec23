"""Sequences of different lengths in one tensor: padding, attention masks, batches of similar length, masked pooling.

Shapes are written ``(batch, tokens, hidden)``; a mask is 1 at real tokens and 0 at padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from helpers.errors import CourseError

if TYPE_CHECKING:
    from transformers import PretrainedConfig

POOLINGS = ("cls", "mean", "max")


def longest_input(config: PretrainedConfig) -> int:
    """Tokens that a model can read at once, special ones included: the rows of its table of positions.

    RoBERTa's family counts positions from the row behind the padding's, so two of its 514 rows are never read.
    """
    unused = config.pad_token_id + 1 if config.model_type in ("roberta", "xlm-roberta", "camembert") else 0
    return config.max_position_embeddings - unused


def pad(
    sequences: Sequence[Sequence[int]], pad_id: int = 0, length: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad on the right to the longest sequence, or to ``length``.

    Args:
        sequences: token ids, a sequence a text.
        pad_id: what to fill with; 0 is [PAD] in BERT's vocabulary.
        length: the width to pad to, at least the longest sequence.

    Returns:
        ``input_ids`` and ``attention_mask``, both ``(batch, tokens)`` of int64.

    Raises:
        CourseError: there is no sequence, or one is longer than ``length``.
    """
    if not len(sequences):
        raise CourseError("There is nothing to pad: the list of sequences is empty.")
    longest = max(map(len, sequences))
    if length is not None and longest > length:
        raise CourseError(f"A sequence of {longest} tokens does not fit into {length}; truncate it first.")
    input_ids = torch.full((len(sequences), length or longest), pad_id, dtype=torch.int64)
    attention_mask = torch.zeros_like(input_ids)
    for row, sequence in enumerate(sequences):
        input_ids[row, : len(sequence)] = torch.as_tensor(sequence, dtype=torch.int64)
        attention_mask[row, : len(sequence)] = 1
    return input_ids, attention_mask


def length_batches(lengths: Sequence[int], max_tokens: int = 4096) -> list[list[int]]:
    """Group the indices of similarly long sequences, so that little of a batch is padding.

    Longest first: if a batch is too big for the memory, it fails at once and not after ten minutes.

    Args:
        lengths: tokens of each sequence.
        max_tokens: a batch's rows times its width stay within this (a single longer sequence is a batch of its own).

    Returns:
        Batches of indices into ``lengths``; each index occurs exactly once.
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    batches: list[list[int]] = []
    for index in order:
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= max_tokens:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def windows(ids: Sequence[int], size: int, step: int) -> list[list[int]]:
    """Cut a long sequence into pieces of ``size``, one every ``step``; the last one is moved back to end where the text ends.

    Args:
        ids: token ids without [CLS] and [SEP].
        size: ids a window; a text that fits is one window of its own length.
        step: from the start of one window to the start of the next; less than ``size`` makes neighbours overlap.

    Raises:
        CourseError: ``step`` is not between 1 and ``size`` (then nothing would move, or ids would be left out).
    """
    if not 1 <= step <= size:
        raise CourseError(f"A step of {step} does not suit windows of {size}: it must be between 1 and {size}.")
    last = max(0, len(ids) - size)
    return [list(ids[start : start + size]) for start in [*range(0, last, step), last]]


def pool(hidden: torch.Tensor, attention_mask: torch.Tensor, how: str = "mean") -> torch.Tensor:
    """One vector a text from the vectors of its tokens, blind to padding.

    Args:
        hidden: ``(batch, tokens, hidden)``.
        attention_mask: ``(batch, tokens)``.
        how: "cls" (the first token), "mean" or "max" over the real tokens.

    Returns:
        ``(batch, hidden)``.

    Raises:
        CourseError: ``how`` is unknown, the shapes do not fit, or a row of the mask is all padding.
    """
    if how not in POOLINGS:
        raise CourseError(f"There is no pooling {how!r}; choose one of {', '.join(POOLINGS)}.")
    if hidden.shape[:2] != attention_mask.shape:
        raise CourseError(f"The mask {tuple(attention_mask.shape)} does not fit the vectors {tuple(hidden.shape)}.")
    if not attention_mask.any(dim=1).all():
        raise CourseError("A row of the attention mask is all zeros: there is no token to pool.")
    if how == "cls":
        return hidden[:, 0]
    mask = attention_mask.unsqueeze(-1).bool()  # (batch, tokens, 1)
    if how == "max":
        return hidden.masked_fill(~mask, float("-inf")).amax(dim=1)
    total = hidden.masked_fill(~mask, 0.0).sum(dim=1)  # (batch, hidden)
    return total / mask.sum(dim=1)
