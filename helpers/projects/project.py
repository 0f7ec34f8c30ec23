"""A trained model that knows what it is for: it answers new texts, goes into a folder, and comes back from it the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from helpers import device
from helpers.errors import CourseError
from helpers.padding import length_batches, longest_input, pad
from helpers.projects.files import texts_in
from helpers.tasks import Answer, best_answers, find_entities, question_windows, window_logits

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

RECORD = "project.json"
HEADS = {
    "classification": "AutoModelForSequenceClassification",
    "sentiment": "AutoModelForSequenceClassification",
    "entities": "AutoModelForTokenClassification",
    "questions": "AutoModelForQuestionAnswering",
}
WINDOW, OVERLAP = 256, 64  # tokens of a question with its stretch of context, and of the overlap of two stretches


class Prediction(NamedTuple):
    """A label, and the probability that the model gives it (not calibrated: chapter 06)."""

    label: str
    confidence: float


@dataclass
class Project:
    """A trained model that knows what it is for.

    Attributes:
        kind: classification, sentiment, entities or questions.
        model: in evaluation mode.
        tokenizer: the model's own.
        scores: name -> share, on the rows that were held back.
        remarks: what was noticed in the file and is no error.
    """

    kind: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    scores: dict[str, float] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def predict(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> list:
        """Answers to new texts, one each: a ``Prediction``; the list of its entities; or an ``Answer`` from its context.

        Args:
            texts: what to judge, or the questions.
            contexts: for questions: where to look, a text each.

        Raises:
            CourseError: the list is a single string or empty, a text is empty, or questions come without contexts.
        """
        if isinstance(texts, str) or isinstance(contexts, str):
            raise CourseError("One string was given where a list of texts is needed; write [text] instead of text.")
        if not len(texts):
            raise CourseError("There is nothing to answer: the list of texts is empty.")
        texts_in([{"text": text} for text in texts], "text")
        if self.kind == "questions":
            if contexts is None:
                raise CourseError("A question needs a context to find its answer in: predict(questions, contexts).")
            return answers(self.model, self.tokenizer, list(texts), list(contexts))
        if contexts is not None:
            raise CourseError(f"A project of the kind {self.kind!r} takes texts only, no contexts.")
        if self.kind == "entities":
            return find_entities(texts, self.model, self.tokenizer)
        ids = self.tokenizer(list(texts), truncation=True, max_length=longest_input(self.model.config))["input_ids"]
        sure, best = torch.stack(logits(self.model, ids)).softmax(dim=1).max(dim=1)
        names = self.model.config.id2label
        return [Prediction(names[i], value) for i, value in zip(best.tolist(), sure.tolist(), strict=True)]

    def save(self, folder: str | Path) -> None:
        """Write weights, tokenizer, label names and scores into a folder that is new, empty or an older save of a project.

        Raises:
            CourseError: the folder holds something else.
        """
        folder = Path(folder)
        if folder.exists() and not (folder.is_dir() and ((folder / RECORD).exists() or not any(folder.iterdir()))):
            raise CourseError(f"{folder.name} is not empty and holds no project; choose a new folder.")
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        # Two ways of computing attention round differently, so the loaded model has to use the same.
        attention = self.model.config._attn_implementation
        record = {"kind": self.kind, "attention": attention, "scores": self.scores, "remarks": self.remarks}
        (folder / RECORD).write_text(json.dumps(record, indent=1), encoding="utf8")


def load(folder: str | Path) -> Project:
    """A project that ``save`` wrote: it answers as before.

    Raises:
        CourseError: there is none in the folder, or a file of it is missing or damaged.
    """
    import transformers

    folder = Path(folder)
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf8"))
        settings = {"attn_implementation": record["attention"], "local_files_only": True}
        model = getattr(transformers, HEADS[record["kind"]]).from_pretrained(folder, **settings)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except FileNotFoundError as error:
        raise CourseError(f"There is no project in {folder.name}: project.save(folder) makes one.") from error
    except Exception as error:  # json, safetensors and transformers each have their own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CourseError(f"The project in {folder.name} is damaged ({reason}); train and save it again.") from error
    return Project(record["kind"], model.eval().to(device.best()), tokenizer, record["scores"], record["remarks"])


def logits(model: PreTrainedModel, rows: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """What a classifier says about each row of token ids, in their order: ``(labels,)``, or ``(tokens, labels)`` for tags."""
    found: list = [None] * len(rows)
    for batch in length_batches([len(ids) for ids in rows]):
        input_ids, mask = pad([rows[place] for place in batch], model.config.pad_token_id or 0)  # (batch, tokens)
        with torch.inference_mode():
            said = model(input_ids.to(model.device), attention_mask=mask.to(model.device)).logits.float().cpu()
        for place, own in zip(batch, said, strict=True):
            found[place] = own[: len(rows[place])] if own.ndim == 2 else own
    return found


def answers(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, questions: Sequence[str], contexts: Sequence[str]
) -> list[Answer]:
    """The best stretch of each context."""
    windows = question_windows(tokenizer, questions, contexts, WINDOW, OVERLAP)
    return [own[0] for own in best_answers(windows, *window_logits(model, windows), contexts)]
