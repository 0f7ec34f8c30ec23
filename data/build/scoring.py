"""What a trained model of ``recipes.py`` is worth on rows that it has not seen."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import torch
from recipes import READERS, Encoded, batch_of

from helpers import device, metrics, tasks
from helpers.padding import length_batches


def spread(values: Sequence[float]) -> str:
    """The mean over the seeds and, where there are several, lowest to highest."""
    ends = f" ({min(values):.1f} to {max(values):.1f})" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{ends}"


def outputs(kind: str, model: torch.nn.Module, data: Encoded) -> list[tuple[torch.Tensor, ...]]:
    """The logits of every row, padding cut off, in the order of the rows."""
    where, found = next(model.parameters()).device, [()] * len(data.ids)
    model.eval()
    for rows in length_batches([len(ids) for ids in data.ids]):
        with (
            torch.inference_mode(),
            torch.autocast(where.type, torch.bfloat16, enabled=device.number_format(where) == torch.bfloat16),
        ):
            out = model(**batch_of(data, rows, where))
        parts = [out.logits] if "logits" in out else [out.start_logits, out.end_logits]
        for place, row in enumerate(rows):
            width = len(data.ids[row]) if kind in ("tags", *READERS) else None
            found[row] = tuple(part[place][:width].float().cpu() for part in parts)
    return found


def score(
    kind: str, model: torch.nn.Module, data: Encoded, rows: dict[str, list], names: Sequence[str]
) -> dict[str, float]:
    """Per cent: accuracy and macro F1 for classes and pairs, entity F1 for tags, exact match and F1 for answers and guided."""
    found = outputs(kind, model, data)
    if kind in ("classes", "pairs"):
        own = [int(logits.argmax()) for (logits,) in found]
        return {
            "accuracy": 100 * metrics.accuracy(own, data.targets),
            "macro_f1": 100 * metrics.macro_f1(own, data.targets),
        }
    if kind == "tags":
        own, true = [], []
        sentences = zip(found, data.targets, data.extra["word_ids"], rows["ner_tags"], strict=True)
        for (logits,), labels, words, tags in sentences:
            own.append(["O"] * len(tags))  # what a word without a piece of its own keeps
            for best, label, word in zip(logits.argmax(-1).tolist(), labels, words, strict=True):
                if label != tasks.IGNORE:
                    own[-1][word] = names[best]
            true.append([names[tag] for tag in tags])
        return {"f1": 100 * metrics.entity_f1(own, true)}
    starts, ends = zip(*found, strict=True)
    answers = tasks.best_answers(data.extra["windows"], starts, ends, rows["context"])
    own = [best[0].text if best else "" for best in answers]
    return metrics.squad_scores(own, [list(a["text"]) for a in rows["answers"]])  # Parquet gives arrays
