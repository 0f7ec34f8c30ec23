"""The four templates: a file in, a trained and scored ``Project`` out.

Each reads a CSV or JSON lines file, checks it, holds about a fifth of it back, trains on the rest, and scores what was held back next
to something simple: the commonest label, or the model before the first step.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from helpers import course, device, metrics
from helpers.errors import CourseError
from helpers.padding import longest_input
from helpers.projects import files
from helpers.projects.project import HEADS, OVERLAP, WINDOW, Project, answers, logits
from helpers.tasks import IGNORE, align_labels, answer_positions, question_windows
from helpers.training import fine_tune

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

LEAST = 20  # rows: below that, what is held back says nothing


def classify(path: str | Path, text: str = "text", label: str = "label", epochs: float = 6, seed: int = 42) -> Project:
    """Texts with labels of your own, two or more; scored by accuracy, with the commonest label beside it.

    Args:
        path: the file.
        text: the name of its column of texts.
        label: the name of its column of labels.
        epochs: passes over the rows that are not held back.
        seed: of the split, the new head and the order of the rows.

    Raises:
        CourseError: see ``files.read_own`` and ``files.labelled``.
    """
    rows, names, repeated = files.labelled(files.read_own(path, {"text": text, "label": label}))
    project = Project("classification", *_start("classification", names, seed))
    return _classifier(project, rows, repeated, epochs, seed)


def sentiment(path: str | Path, text: str = "text", label: str = "label", epochs: float = 3, seed: int = 42) -> Project:
    """Texts that are negative or positive, from a model that knows film reviews; it is scored before the first step, too.

    Args:
        path: the file.
        text: the name of its column of texts.
        label: the name of its column of labels, in any spelling of ``files.SPELLINGS``.
        epochs: passes over the rows that are not held back.
        seed: of the split and the order of the rows.

    Raises:
        CourseError: see ``files.read_own``, ``files.polarity`` and ``files.labelled``.
    """
    read = files.read_own(path, {"text": text, "label": label})
    read = [row | {"label": files.polarity(row["label"], number)} for number, row in enumerate(read, 1)]
    rows, _, repeated = files.labelled(read)
    return _classifier(Project("sentiment", *_expert("sentiment")), rows, repeated, epochs, seed)


def entities(
    path: str | Path, tokens: str = "tokens", tags: str = "tags", epochs: float = 6, seed: int = 42
) -> Project:
    """Sentences cut into words, with IOB2 tags of your own types; scored by F1 over whole entities.

    Args:
        path: the file; lists in JSON lines, words separated by spaces in a CSV.
        tokens: the name of its column of words.
        tags: the name of its column of tags.
        epochs: passes over the rows that are not held back.
        seed: of the split, the new head and the order of the rows.

    Raises:
        CourseError: see ``files.read_own`` and ``files.tagged``.
    """
    sentences, own, kinds = files.tagged(files.read_own(path, {"tokens": tokens, "tags": tags}))
    names = ["O", *(f"{prefix}-{kind}" for kind in kinds for prefix in "BI")]
    project = Project("entities", *_start("entities", names, seed))
    aligned = align_labels(project.tokenizer, sentences, [[names.index(tag) for tag in row] for row in own])
    learn, judge = files.split_off([" ".join(words) for words in sentences])
    rows = [{"input_ids": i, "labels": t} for i, t in zip(aligned.input_ids, aligned.labels, strict=True)]
    _fit(project, rows, learn, judge, epochs, seed)
    said, true = [], []
    for place, own in zip(judge, logits(project.model, [rows[i]["input_ids"] for i in judge]), strict=True):
        at = [
            (best, label) for best, label in zip(own.argmax(-1), rows[place]["labels"], strict=True) if label != IGNORE
        ]
        said.append([names[best] for best, _ in at])
        true.append([names[label] for _, label in at])
    project.scores = {"entity F1": metrics.entity_f1(said, true), "always O": 0.0}
    return project


def questions(
    path: str | Path,
    question: str = "question",
    context: str = "context",
    answer: str = "answer",
    start: str = "start",
    begin_with: str = "questions",
    epochs: float = 2,
    seed: int = 42,
) -> Project:
    """Questions whose answers stand in a text; the model is scored before the first step, too.

    Args:
        path: the file.
        question: the name of its column of questions.
        context: the name of its column of texts.
        answer: the name of its column of answers, each letter by letter in its text.
        start: the name of a column with the answer's place in characters; without one the first place counts.
        begin_with: "questions", a model that knows how to point, or "bert", the pre-trained one with a new head.
        epochs: passes over the rows that are not held back.
        seed: of the split and the order of the rows.

    Raises:
        CourseError: see ``files.read_own`` and ``files.answered``.
    """
    if begin_with not in ("questions", "bert"):
        raise CourseError(f"begin_with is {begin_with!r}; it must be 'questions' or 'bert'.")
    columns = {"question": question, "context": context, "answer": answer, "start": start}
    rows, unsure = files.answered(files.read_own(path, columns, optional=["start"]))
    project = Project(
        "questions", *(_expert("questions") if begin_with == "questions" else _start("questions", [], seed))
    )
    if unsure:
        project.remarks.append(
            f"In {unsure} rows the answer stands several times in its context; the first place counts."
        )
    learn, judge = files.split_off([row["context"] for row in rows])  # by context: its other questions would leak
    held = [rows[i] for i in judge]

    def score() -> float:
        said = answers(project.model, project.tokenizer, [r["question"] for r in held], [r["context"] for r in held])
        return metrics.squad_scores([a.text for a in said], [[r["answer"]] for r in held])["f1"] / 100

    before = score()
    parts = [_windows(project.tokenizer, [rows[i] for i in side]) for side in (learn, judge)]
    order = range(len(parts[0])), range(len(parts[0]), len(parts[0]) + len(parts[1]))
    _fit(project, [*parts[0], *parts[1]], *order, epochs, seed)
    project.scores = {"F1": score(), "F1 before training": before}
    return project


def _start(kind: str, names: Sequence[str], seed: int) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The course's pre-trained model with a new head for these labels, and its tokenizer."""
    import transformers

    checkpoint = course.checkpoint("bert")
    tables = (
        {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}} if names else {}
    )
    torch.manual_seed(seed)
    model = getattr(transformers, HEADS[kind]).from_pretrained(checkpoint, **tables)
    return model.eval().to(device.best()), transformers.AutoTokenizer.from_pretrained(checkpoint)


def _expert(task: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The course's model that knows a task, with weights that may change again (a merged adapter leaves them frozen)."""
    model, tokenizer = course.fine_tuned(task)
    return model.requires_grad_(True).to(device.best()), tokenizer


def _classifier(project: Project, rows: list[files.Row], repeated: int, epochs: float, seed: int) -> Project:
    """Train and score a classifier of texts."""
    learn, judge = files.split_off([row["text"] for row in rows], [row["label"] for row in rows], seed)
    ids = project.model.config.label2id
    label = [ids[row["label"]] for row in rows]
    limit = longest_input(project.model.config)
    encoded = project.tokenizer([row["text"] for row in rows], verbose=False)["input_ids"]
    if long := sum(len(own) > limit for own in encoded):
        project.remarks.append(f"{long} texts have more than {limit} tokens; what comes after was not read.")
    encoded = [own if len(own) <= limit else [*own[: limit - 1], own[-1]] for own in encoded]
    if repeated:
        project.remarks.append(f"{repeated} rows repeat another one and were left out.")

    def score() -> float:
        said = torch.stack(logits(project.model, [encoded[i] for i in judge])).argmax(dim=1)
        return metrics.accuracy(said.tolist(), [label[i] for i in judge])

    commonest = Counter(label[i] for i in learn).most_common(1)[0][0]
    simple = {"always the commonest label": sum(label[i] == commonest for i in judge) / len(judge)}
    if project.kind == "sentiment":
        simple["accuracy before training"] = score()
    _fit(
        project, [{"input_ids": i, "label": n} for i, n in zip(encoded, label, strict=True)], learn, judge, epochs, seed
    )
    project.scores = {"accuracy": score(), **simple}
    return project


def _windows(tokenizer: PreTrainedTokenizerBase, rows: Sequence[files.Row]) -> list[dict]:
    """Questions with stretches of their contexts, and the answer's place, as ``fine_tune`` wants them."""
    contexts = [row["context"] for row in rows]
    windows = question_windows(tokenizer, [row["question"] for row in rows], contexts, WINDOW, OVERLAP)
    gold = [{"text": [row["answer"]], "answer_start": [row["start"]]} for row in rows]
    return [
        {"input_ids": w.input_ids, "token_type_ids": w.token_type_ids, "start_positions": first, "end_positions": last}
        for w, (first, last) in zip(windows, answer_positions(windows, contexts, gold), strict=True)
    ]


def _fit(project: Project, rows: list[dict], learn: list[int], judge: list[int], epochs: float, seed: int) -> None:
    """``fine_tune`` in a temporary folder, at the rate that chapter 05 recommends for the model's width."""
    from datasets import Dataset

    if len(rows) < LEAST:
        raise CourseError(f"There are {len(rows)} rows; at least {LEAST} are needed, to learn and to judge.")
    table = Dataset.from_list(rows)
    device.release()  # what an earlier project left behind
    # A few rows touch few of the word vectors; left as they are, they cost neither gradients nor the optimizer's averages.
    project.model.get_input_embeddings().requires_grad_(False)
    size = 4 if project.kind == "questions" else 16  # attention over long windows fills the memory
    rate = 5e-5 * (768 / project.model.config.hidden_size) ** 2
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        fine_tune(
            project.model,
            project.tokenizer,
            table.select(learn),
            table.select(judge),
            folder,
            epochs=epochs,
            rate=rate,
            batch_size=min(size, len(learn)),
            evaluations=1,
            seed=seed,
        )
