"""What a task needs around the model, a file a task: named entities, and question answering."""

from helpers.tasks.answers import (
    Answer,
    Window,
    answer_positions,
    answer_tokens,
    best_answers,
    null_scores,
    question_windows,
    window_logits,
)
from helpers.tasks.entities import IGNORE, AlignedWords, Span, align_labels, spans_of, tags_of

__all__ = [
    "IGNORE",
    "AlignedWords",
    "Answer",
    "Span",
    "Window",
    "align_labels",
    "answer_positions",
    "answer_tokens",
    "best_answers",
    "null_scores",
    "question_windows",
    "spans_of",
    "tags_of",
    "window_logits",
]
