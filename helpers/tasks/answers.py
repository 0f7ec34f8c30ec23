"""Question answering: windows of a long context, and the answers that start and end logits point to.

Offsets are in characters of the context, ends exclusive, as in Python slices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from helpers.errors import CourseError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Window:
    """A question and one stretch of its context: ``[CLS] question [SEP] stretch [SEP]``.

    ``offsets[i]`` is the (start, end) of token ``i`` in the context, and ``None`` for the question and special tokens.
    """

    example: int
    input_ids: list[int]
    token_type_ids: list[int]
    offsets: list[tuple[int, int] | None]


def question_windows(
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[str],
    contexts: Sequence[str],
    max_length: int = 384,
    stride: int = 128,
) -> list[Window]:
    """Cut every context into overlapping stretches that fit beside the question, in the order of the questions.

    Args:
        tokenizer: of the model that will read the windows.
        questions: a text each.
        contexts: the text that holds the answer, one a question.
        max_length: tokens a window, question and special tokens included.
        stride: tokens that neighbouring windows of a context share, so that no answer of up to that length is cut.

    Raises:
        CourseError: a question or a context is empty, or a question leaves no room for more than ``stride`` tokens of context.
    """
    for kind, texts in (("question", questions), ("context", contexts)):
        empty = [row for row, text in enumerate(texts, 1) if not text.strip()]
        if empty:
            raise CourseError(f"The {kind} in row {empty[0]} is empty; an answer needs both question and context.")
    lengths = [len(ids) for ids in tokenizer(list(questions), add_special_tokens=False)["input_ids"]]
    room = max_length - 3 - max(lengths, default=0)
    if room <= stride:
        raise CourseError(
            f"A question of {max(lengths)} tokens leaves {max(room, 0)} of {max_length} for the context, no more than the overlap of {stride}; "
            "shorten the question or the overlap, or widen the window."
        )
    encoded = tokenizer(
        list(questions),
        list(contexts),
        truncation="only_second",
        max_length=max_length,
        stride=stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    windows = []
    for row, example in enumerate(encoded["overflow_to_sample_mapping"]):
        part = encoded.sequence_ids(row)
        offsets = [tuple(o) if p == 1 else None for o, p in zip(encoded["offset_mapping"][row], part, strict=True)]
        types = [0 if place < part.index(1) else 1 for place in range(len(part))] if 1 in part else [0] * len(part)
        windows.append(Window(example, encoded["input_ids"][row], types, offsets))
    return windows


def answer_tokens(window: Window, start: int, end: int) -> tuple[int, int] | None:
    """First and last token of the window that hold the characters ``start`` to ``end`` of the context; ``None`` if cut off."""
    inside = [place for place, offset in enumerate(window.offsets) if offset and offset[0] < end and offset[1] > start]
    if not inside or window.offsets[inside[0]][0] > start or window.offsets[inside[-1]][1] < end:
        return None
    return inside[0], inside[-1]


class Answer(NamedTuple):
    """A stretch of the context, and the sum of its start and end logits."""

    text: str
    start: int
    end: int
    score: float


def best_answers(
    windows: Sequence[Window],
    start_logits: Sequence[torch.Tensor],
    end_logits: Sequence[torch.Tensor],
    contexts: Sequence[str],
    n_best: int = 1,
    max_tokens: int = 30,
) -> list[list[Answer]]:
    """The best stretches of every context by start plus end logit, over all its windows, best first.

    A stretch starts and ends in one window, ends no earlier than it starts, and has at most ``max_tokens`` tokens.

    Args:
        windows: of ``question_windows``.
        start_logits: a vector of logits a window, one a token (padding beyond the window's tokens is ignored).
        end_logits: the same for the last token of the answer.
        contexts: those that the windows were cut from.
        n_best: how many stretches of each context to return.
        max_tokens: the longest answer.
    """
    import torch

    found: list[dict[tuple[int, int], float]] = [{} for _ in contexts]
    for window, begin, finish in zip(windows, start_logits, end_logits, strict=True):
        places = [place for place, offset in enumerate(window.offsets) if offset]
        if not places:
            continue
        here = slice(places[0], places[-1] + 1)
        scores = begin[here].float()[:, None] + finish[here].float()[None, :]  # (tokens, tokens)
        allowed = torch.ones_like(scores, dtype=torch.bool).triu().tril(max_tokens - 1)
        scores = scores.masked_fill(~allowed, -torch.inf).flatten()
        top = scores.topk(min(n_best, int(allowed.sum())))
        for score, place in zip(top.values.tolist(), top.indices.tolist(), strict=True):
            first, last = (places[0] + p for p in divmod(place, len(places)))
            stretch = window.offsets[first][0], window.offsets[last][1]
            found[window.example][stretch] = max(score, found[window.example].get(stretch, -torch.inf))
    ranked = [sorted(own.items(), key=lambda item: (-item[1], item[0]))[:n_best] for own in found]
    return [
        [Answer(context[s:e], s, e, score) for (s, e), score in own]
        for context, own in zip(contexts, ranked, strict=True)
    ]
