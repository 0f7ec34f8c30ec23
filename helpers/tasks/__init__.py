"""What a task needs around the model, a file a task: named entities, inference, and question answering."""

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
from helpers.tasks.entities import (
    IGNORE,
    AlignedWords,
    Entity,
    Span,
    align_labels,
    entities_in,
    find_entities,
    spans_of,
    tags_of,
    words_in,
)
from helpers.tasks.inference import encode_pairs, label_ids, pair_logits, zero_shot

__all__ = [
    "IGNORE",
    "AlignedWords",
    "Answer",
    "Entity",
    "Span",
    "Window",
    "align_labels",
    "answer_positions",
    "answer_tokens",
    "best_answers",
    "encode_pairs",
    "entities_in",
    "find_entities",
    "label_ids",
    "null_scores",
    "pair_logits",
    "question_windows",
    "spans_of",
    "tags_of",
    "window_logits",
    "words_in",
    "zero_shot",
]
