"""One plain recipe for each kind of task, used by ``transfer_proof.py`` and ``adapters.py``: encode and train; ``scoring.py`` scores.

Training: AdamW with warm-up and linear decay, no dropout, batches of similar length, bfloat16 where the processor has it;
if told to, with smoothed labels (Szegedy et al. 2016) and the mean of the weights of the second half (Izmailov et al. 2018).
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch
from guided_reader import GuidedReader
from siamese import Siamese
from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)

from helpers import course, device, tasks
from helpers.padding import pad
from helpers.sources import DataSource

MODELS = {
    "pairs": Siamese,
    "classes": AutoModelForSequenceClassification,
    "tags": AutoModelForTokenClassification,
    "answers": AutoModelForQuestionAnswering,
    "guided": GuidedReader,
}
READERS = ("answers", "guided")  # kinds that find a stretch of a passage
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
WINDOW, STRIDE = 320, 96
SAVE_EVERY = 240  # seconds: what a killed run loses at most


@dataclass
class Encoded:
    """Token ids a row; ``types`` tells a second text within it; ``targets`` a class, labels a token, or (start, end)."""

    ids: list[list[int]]
    types: list[list[int]]
    targets: list
    extra: dict = field(default_factory=dict)


def load(
    kind: str, names: Sequence[str], checkpoint: str | Path | None = None, pooler: float = 0.0, **settings: object
) -> torch.nn.Module:
    """A model with a new head for ``kind``: classes, pairs, tags, answers or guided; ``names`` are its labels.

    ``pooler``: the new pooler starts as the identity times this; 0: at random.
    """
    if kind not in READERS:
        settings |= {"id2label": dict(enumerate(names)), "label2id": {n: i for i, n in enumerate(names)}}
    # Quickest on a CPU: eager for sentences, sdpa for passages (questions with LoRA: 2,900 tokens/s against 2,000).
    settings["attn_implementation"] = "sdpa" if kind in READERS else "eager"
    model = MODELS[kind].from_pretrained(checkpoint or course.checkpoint("bert"), **NO_DROPOUT, **settings)
    if pooler:
        start_pooler(model, pooler)
    return model.float()


def start_pooler(model: torch.nn.Module, scale: float) -> None:
    """Let the new pooler begin as the identity times ``scale``, so that the head sees what [CLS] holds from the first step.

    A random one hides it: of three seeds of nli, one then came off its plateau late and ended three points below the others.
    """
    dense = model.base_model.pooler.dense
    with torch.no_grad():
        dense.weight.copy_(scale * torch.eye(*dense.weight.shape))
        dense.bias.zero_()


def tokenizer() -> object:
    """The tokenizer of bert-mini."""
    return AutoTokenizer.from_pretrained(course.checkpoint("bert"))


def rows_of(frame: pd.DataFrame, source: DataSource, text: tuple[str, ...]) -> dict[str, list]:
    """A table's columns as ``encode`` wants them; ``text`` names the one or two columns to classify."""
    if "label" not in source.columns:
        return {column: frame[column].tolist() for column in source.columns if column in frame}
    columns = dict(zip(("text", "pair"), text, strict=False))
    return {name: frame[column].tolist() for name, column in columns.items()} | {"label": frame.label.tolist()}


def split_by_premise(frame: pd.DataFrame, share: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """For a set with one split only: the rows of a share of its premises, and the others; seed 20."""
    premises = sorted(set(frame.premise))
    random.Random(20).shuffle(premises)
    first = frame.premise.isin(set(premises[: int(len(premises) * share)]))
    return frame[first], frame[~first]


def encode(
    kind: str, rows: dict[str, list], tokenizer: object, max_length: int = 256, training: bool = True
) -> Encoded:
    """Rows (column -> values) as model input.

    classes and pairs: columns ``text``, ``label`` and for two texts ``pair``; tags: ``tokens``, ``ner_tags``; answers and guided: SQuAD's.
    """
    if kind == "pairs":
        first, second = (tokenizer(rows[c], truncation=True, max_length=max_length).input_ids for c in ("text", "pair"))
        return Encoded(first, [[0] * len(ids) for ids in first], list(rows["label"]), {"second": second})
    if kind == "classes":
        out = tokenizer(rows["text"], rows.get("pair"), truncation=True, max_length=max_length)
        return Encoded(out["input_ids"], out["token_type_ids"], list(rows["label"]))
    if kind == "tags":
        aligned = tasks.align_labels(tokenizer, rows["tokens"], rows["ner_tags"], max_length)
        zeros = [[0] * len(ids) for ids in aligned.input_ids]
        return Encoded(aligned.input_ids, zeros, aligned.labels, {"word_ids": aligned.word_ids})
    windows = tasks.question_windows(tokenizer, rows["question"], rows["context"], WINDOW, STRIDE)
    targets = tasks.answer_positions(windows, rows["context"], rows["answers"])
    if training:  # a window without the answer teaches nothing about where it is
        kept = [place for place, (_, last) in enumerate(targets) if last]
        windows, targets = [windows[i] for i in kept], [targets[i] for i in kept]
    return Encoded([w.input_ids for w in windows], [w.token_type_ids for w in windows], targets, {"windows": windows})


def batches_of(lengths: Sequence[int], size: int, generator: random.Random) -> list[list[int]]:
    """Shuffled batches of ``size`` rows of similar length: shuffle, sort stretches of 50 batches by length, shuffle batches."""
    order = list(range(len(lengths)))
    generator.shuffle(order)
    batches = []
    for begin in range(0, len(order), 50 * size):
        stretch = sorted(order[begin : begin + 50 * size], key=lambda i: lengths[i])
        batches += [stretch[i : i + size] for i in range(0, len(stretch), size)]
    generator.shuffle(batches)
    return batches


def _loss(
    kind: str, model: torch.nn.Module, batch: dict, targets: list, where: torch.device, smoothing: float
) -> torch.Tensor:
    cross_entropy = torch.nn.functional.cross_entropy
    with torch.autocast(where.type, torch.bfloat16, enabled=device.number_format(where) == torch.bfloat16):
        output = model(**batch)
    if kind in ("classes", "pairs"):
        return cross_entropy(output.logits.float(), torch.tensor(targets, device=where), label_smoothing=smoothing)
    if kind == "tags":
        width = output.logits.shape[1]
        padded = torch.tensor([row + [tasks.IGNORE] * (width - len(row)) for row in targets], device=where)
        return cross_entropy(output.logits.float().flatten(0, 1), padded.flatten(), ignore_index=tasks.IGNORE)
    first, last = torch.tensor(targets, device=where).T
    hidden = -1e4 * (1 - batch["attention_mask"])
    return (
        cross_entropy(output.start_logits.float() + hidden, first)
        + cross_entropy(output.end_logits.float() + hidden, last)
    ) / 2


def batch_of(data: Encoded, rows: list[int], where: torch.device) -> dict[str, torch.Tensor]:
    ids, types = [data.ids[i] for i in rows], [data.types[i] for i in rows]
    if second := data.extra.get("second"):
        ids, types = ids + [second[i] for i in rows], types + [[0] * len(second[i]) for i in rows]
    input_ids, mask = pad(ids)
    types, _ = pad(types)
    return {"input_ids": input_ids.to(where), "attention_mask": mask.to(where), "token_type_ids": types.to(where)}


def clock(where: torch.device) -> float:
    """Seconds: this process's own on a CPU, which others may share; the wall's on a GPU, whose work is no process's."""
    return time.process_time() if where.type == "cpu" else time.perf_counter()


def train(
    kind: str,
    model: torch.nn.Module,
    data: Encoded,
    epochs: float,
    rate: float,
    size: int = 16,
    seed: int = 1,
    state: Path | None = None,
    smoothing: float = 0.0,
    average: bool = False,
) -> float:
    """Train every parameter that requires a gradient; returns the seconds that it took, as ``clock`` counts them.

    ``state`` is a file to go on from after a kill. ``smoothing`` is the share of a class's target that is spread over all classes.
    With ``average``, the weights at the end are the mean of those of every tenth step of the second half.
    """
    where = device.best()
    model.to(where).train()
    torch.manual_seed(seed)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0.01, fused=True)
    lengths = [len(ids) for ids in data.ids]
    plan = [b for e in range(math.ceil(epochs)) for b in batches_of(lengths, size, random.Random(f"{seed}-{e}"))]
    steps = int(epochs * math.ceil(len(lengths) / size))
    done, seconds, means, counted = 0, 0.0, [p.detach().clone() for p in trained] if average else [], 0
    if state and state.exists():
        held = torch.load(state, map_location=where, weights_only=True)
        done, seconds, means, counted = held["step"], held["seconds"], held["means"], held["counted"]
        optimizer.load_state_dict(held["optimizer"])
        with torch.no_grad():
            for parameter, value in zip(trained, held["trained"], strict=True):
                parameter.copy_(value)
    began, saved = clock(where), time.perf_counter()
    for step in range(done, steps):
        share = min((step + 1) / max(1.0, 0.1 * steps), (steps - step) / (0.9 * steps))
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, share)
        rows = plan[step]
        loss = _loss(kind, model, batch_of(data, rows, where), [data.targets[i] for i in rows], where, smoothing)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if average and step >= steps / 2 and step % 10 == 0:
            counted += 1
            for mean, parameter in zip(means, trained, strict=True):
                mean.lerp_(parameter.detach(), 1 / counted)
        if state and (time.perf_counter() - saved > SAVE_EVERY or step + 1 == steps):
            saved = time.perf_counter()
            values = {"step": step + 1, "seconds": seconds + clock(where) - began, "counted": counted}
            tensors = {"trained": [p.detach() for p in trained], "optimizer": optimizer.state_dict(), "means": means}
            torch.save(values | tensors, state.with_suffix(".tmp"))
            state.with_suffix(".tmp").replace(state)
            print(f"{state.stem}: step {step + 1} of {steps}, {values['seconds']:.0f} s, loss {loss:.3f}", flush=True)
    if counted:
        with torch.no_grad():
            for mean, parameter in zip(means, trained, strict=True):
                parameter.copy_(mean)
    model.eval()
    return seconds + clock(where) - began
