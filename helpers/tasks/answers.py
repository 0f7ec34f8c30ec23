"""Question answering: windows of a long context, and the answers that start and end logits point to.

Offsets are in characters of the context, ends exclusive, as in Python slices. Where there is no answer, the place to point to is
[CLS], the first token of every window (Devlin et al. 2019, arXiv:1810.04805, section 4.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch

from helpers.errors import CourseError
from helpers.padding import length_batches, pad

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


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
        CourseError: there is not a context a question, a question or a context is empty, or a question leaves no room for more
            than ``stride`` tokens of context.
    """
    if len(questions) != len(contexts):
        raise CourseError(
            f"There are {len(questions)} questions and {len(contexts)} contexts; each question needs its own."
        )
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
        if 1 not in part:  # control characters only
            raise CourseError(
                f"The context in row {example + 1} holds no token; an answer needs both question and context."
            )
        types = [int(place >= part.index(1)) for place in range(len(part))]
        windows.append(Window(example, encoded["input_ids"][row], types, offsets))
    return windows


def answer_tokens(window: Window, start: int, end: int) -> tuple[int, int] | None:
    """First and last token of the window that hold the characters ``start`` to ``end`` of the context; ``None`` if cut off."""
    inside = [place for place, offset in enumerate(window.offsets) if offset and offset[0] < end and offset[1] > start]
    if not inside or window.offsets[inside[0]][0] > start or window.offsets[inside[-1]][1] < end:
        return None
    return inside[0], inside[-1]


def answer_positions(
    windows: Sequence[Window], contexts: Sequence[str], answers: Sequence[Mapping[str, Sequence]]
) -> list[tuple[int, int]]:
    """What to train on: the first and the last token of the answer in each window, or (0, 0), [CLS], where the window lacks it.

    Args:
        windows: of ``question_windows``.
        contexts: those that the windows were cut from.
        answers: SQuAD's column: ``text`` and ``answer_start``, a list each, of which the first entry counts; both empty for a
            question without an answer, as in SQuAD 2.0 (Rajpurkar et al. 2018, arXiv:1806.03822).

    Raises:
        CourseError: an answer does not stand in its context where ``answer_start`` says.
    """
    gold: list[tuple[int, int] | None] = []
    for row, (context, own) in enumerate(zip(contexts, answers, strict=True), 1):
        gold.append(None)
        if len(own["text"]):
            text, start = own["text"][0], int(own["answer_start"][0])
            if not text.strip() or start < 0 or context[start : start + len(text)] != text:
                elsewhere = context.find(text) if text.strip() else -1
                advice = f"it stands at {elsewhere}" if elsewhere >= 0 else "it is not in the context at all"
                raise CourseError(f"The answer {text!r} in row {row} does not stand at character {start}: {advice}.")
            gold[-1] = start, start + len(text)
    found = [gold[window.example] and answer_tokens(window, *gold[window.example]) for window in windows]
    return [place or (0, 0) for place in found]


def window_logits(
    model: PreTrainedModel, windows: Sequence[Window], max_tokens: int = 4096
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Start and end logits of every window, ``(tokens,)`` each, in the order of the windows and in bounded memory.

    Args:
        model: with a question-answering head.
        windows: of ``question_windows``, cut by this model's tokenizer.
        max_tokens: word pieces a batch, padding included.
    """
    starts: list = [None] * len(windows)
    ends: list = [None] * len(windows)
    for batch in length_batches([len(window.input_ids) for window in windows], max_tokens):
        own = [windows[row] for row in batch]
        input_ids, attention_mask = pad([w.input_ids for w in own], model.config.pad_token_id or 0)  # (batch, tokens)
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if getattr(model.config, "type_vocab_size", 0) > 1:  # RoBERTa and DistilBERT have no second segment
            inputs["token_type_ids"] = pad([w.token_type_ids for w in own])[0]
        with torch.inference_mode():
            output = model(**{name: tensor.to(model.device) for name, tensor in inputs.items()})
        for row, window, start, end in zip(batch, own, output.start_logits, output.end_logits, strict=True):
            starts[row] = start[: len(window.input_ids)].float().cpu()
            ends[row] = end[: len(window.input_ids)].float().cpu()
    return starts, ends


class Answer(NamedTuple):
    """A stretch of the context, and the sum of its start and end logits. "No answer" is the empty stretch from 0 to 0."""

    text: str
    start: int
    end: int
    score: float


def null_scores(
    windows: Sequence[Window], start_logits: Sequence[torch.Tensor], end_logits: Sequence[torch.Tensor], rows: int
) -> list[float]:
    """How much speaks for "no answer", a number a context: start plus end logit of [CLS], in the window where that is least.

    The least, because one window that does hold the answer is enough to have one (Devlin et al. 2019, section 4.3, and the script
    ``run_squad.py`` that came with it).

    Args:
        windows: of ``question_windows``.
        start_logits: a vector a window.
        end_logits: the same for the last token.
        rows: the number of contexts.
    """
    scores = [float("inf")] * rows
    for window, start, end in zip(windows, start_logits, end_logits, strict=True):
        scores[window.example] = min(scores[window.example], float(start[0]) + float(end[0]))
    return scores


def best_answers(
    windows: Sequence[Window],
    start_logits: Sequence[torch.Tensor],
    end_logits: Sequence[torch.Tensor],
    contexts: Sequence[str],
    n_best: int = 1,
    max_tokens: int = 30,
    threshold: float | None = None,
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
        threshold: ``None`` answers always. A number puts "no answer" in front where the best stretch does not score more than
            ``null_scores`` plus this; choose it on rows that are not reported on.

    Raises:
        CourseError: ``n_best`` or ``max_tokens`` is below 1, or a window has more tokens than logits.
    """
    if n_best < 1 or max_tokens < 1:
        raise CourseError(f"n_best is {n_best} and max_tokens is {max_tokens}; both must be at least 1.")
    found: list[dict[tuple[int, int], float]] = [{} for _ in contexts]
    for number, (window, begin, finish) in enumerate(zip(windows, start_logits, end_logits, strict=True), 1):
        if min(len(begin), len(finish)) < len(window.input_ids):
            raise CourseError(
                f"Window {number} has {len(window.input_ids)} tokens, but {len(begin)} start and {len(finish)} end logits; each "
                "token needs both."
            )
        places = [place for place, offset in enumerate(window.offsets) if offset]
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
    answers = [
        [Answer(context[s:e], s, e, score) for (s, e), score in own]
        for context, own in zip(contexts, ranked, strict=True)
    ]
    if threshold is not None:
        for own, null in zip(answers, null_scores(windows, start_logits, end_logits, len(contexts)), strict=True):
            if not own or own[0].score <= null + threshold:
                own.insert(0, Answer("", 0, 0, null))
    return answers
