"""Distillation: a shallow student learns to answer as a deep teacher does (Hinton et al. 2015, arXiv:1503.02531).

The student begins as every second layer of its teacher (DistilBERT: Sanh et al. 2019, arXiv:1910.01108). No labels are needed:
the teacher's logits on any texts are the targets. Logits are ``(texts, classes)``.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import log_softmax

from helpers import device
from helpers.errors import CourseError
from helpers.explain.trials import layers_of
from helpers.padding import length_batches

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def student_of(teacher: PreTrainedModel, layers: Sequence[int]) -> PreTrainedModel:
    """A copy of ``teacher`` with some of its layers only; everything but its word embeddings can be trained.

    Args:
        teacher: a BERT or DistilBERT with a head.
        layers: which layers to keep, from 0, in this order.

    Raises:
        CourseError: no layer is kept, one does not exist, or the model has no list of layers.
    """
    depth = teacher.config.num_hidden_layers
    if not layers or not all(0 <= layer < depth for layer in layers):
        raise CourseError(f"The layers {list(layers)} cannot be kept of {depth}: name some from 0 to {depth - 1}.")
    student = copy.deepcopy(teacher)
    stack = layers_of(student)
    kept = [stack[layer] for layer in layers]
    del stack[:]
    stack.extend(kept)
    student.config.num_hidden_layers = len(layers)
    student.requires_grad_(True)
    student.get_input_embeddings().requires_grad_(False)
    return student


def soft_loss(student: torch.Tensor, teacher: torch.Tensor, temperature: float = 2.0) -> torch.Tensor:
    """How far the student's distribution is from its teacher's, both softened: T² times the mean KL divergence, in nats.

    The factor T² keeps the gradients of one size when T changes (Hinton et al. 2015, section 2.1). Both are logits ``(texts, classes)``.

    Raises:
        CourseError: the shapes differ, there is one class only, or the temperature is not above 0.
    """
    if student.shape != teacher.shape or student.ndim != 2 or student.shape[-1] < 2:
        raise CourseError(
            f"Student {tuple(student.shape)} and teacher {tuple(teacher.shape)} must both be (texts, at least 2 classes)."
        )
    if temperature <= 0:
        raise CourseError(f"The temperature is {temperature}, but it must be above 0; 2 is a good start.")
    target, said = log_softmax(teacher / temperature, -1), log_softmax(student / temperature, -1)
    return temperature**2 * (target.exp() * (target - said)).sum(-1).mean()


def token_ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], longest: int = 64) -> list[list[int]]:
    """The texts' ids with special tokens, cut to ``longest``.

    Raises:
        CourseError: there is no text, or one is empty.
    """
    if not texts or not all(text.strip() for text in texts):
        raise CourseError("Every text needs a word: leave the empty ones out, and give at least one.")
    return tokenizer(list(texts), truncation=True, max_length=longest)["input_ids"]


def logits_of(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Sequence[int]], quick: bool = False
) -> torch.Tensor:
    """The logits of all rows in their order, on the CPU: ``(texts, classes)``.

    Args:
        model: a classifier, in evaluation mode.
        tokenizer: for padding.
        rows: token ids from ``token_ids``.
        quick: bfloat16 where this device has it: right to two digits.
    """
    logits = torch.empty(len(rows), model.config.num_labels)
    form = device.number_format(model.device)
    with torch.inference_mode(), torch.autocast(model.device.type, form, enabled=quick and form != torch.float32):
        for part in length_batches([len(row) for row in rows], max_tokens=1024):
            logits[part] = model(**_batch(model, tokenizer, rows, part)).logits.float().cpu()
    return logits


def distil(
    student: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Sequence[int]],
    targets: torch.Tensor,
    *,
    epochs: int = 2,
    rate: float = 5e-4,
    temperature: float = 2.0,
    batch_size: int = 32,
    seed: int = 42,
) -> list[float]:
    """Train ``student`` in place until it answers like the teacher whose logits are ``targets``; dropout is off.

    The rate rises for a tenth of the steps and falls to zero. The student is left in evaluation mode.

    Args:
        student: from ``student_of``.
        tokenizer: for padding.
        rows: token ids from ``token_ids``.
        targets: the teacher's logits of these rows, ``(texts, classes)``.
        epochs: passes over the rows.
        rate: the highest learning rate.
        temperature: of ``soft_loss``.
        batch_size: rows a step, of about one length.
        seed: of the order of the batches.

    Returns:
        The loss of each step, in nats.

    Raises:
        CourseError: there are fewer rows than a batch needs, or not one target a row.
    """
    if len(rows) < batch_size or len(rows) != len(targets):
        raise CourseError(
            f"{len(rows)} rows and {len(targets)} targets do not suit: one target a row, and at least {batch_size} rows."
        )
    where, draw = student.device, torch.Generator().manual_seed(seed)
    form = device.number_format(where)
    for layer in student.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
    optimizer = torch.optim.AdamW(
        [p for p in student.parameters() if p.requires_grad], lr=rate, weight_decay=0.01, fused=True
    )
    steps = epochs * math.ceil(len(rows) / batch_size)
    warm_up = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min((s + 1) / warm_up, (steps - s) / max(1, steps - warm_up))
    )
    lengths = torch.tensor([float(len(row)) for row in rows])
    losses: list[float] = []
    student.train()
    for _ in range(epochs):
        order = (lengths + 6 * torch.rand(len(rows), generator=draw)).argsort()  # neighbours are of similar length
        batches = order.split(batch_size)
        for place in torch.randperm(len(batches), generator=draw).tolist():
            part = batches[place]
            with torch.autocast(where.type, form, enabled=form != torch.float32):
                logits = student(**_batch(student, tokenizer, rows, part.tolist())).logits
            loss = soft_loss(logits.float(), targets[part].to(where), temperature)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
    student.eval()
    return losses


def times_faster(
    slow: PreTrainedModel,
    quick: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Sequence[int]],
    repeats: int = 7,
) -> list[float]:
    """Seconds of ``slow`` over seconds of ``quick`` on the same rows, one ratio a repetition, lowest first.

    Only the models' own work is timed: the rows are padded before. The two take turns, so that whatever else the machine does
    meets both.
    """
    parts = list(length_batches([len(row) for row in rows], max_tokens=1024))
    batches = {model: [_batch(model, tokenizer, rows, part) for part in parts] for model in (slow, quick)}

    @torch.inference_mode()
    def seconds(model: PreTrainedModel) -> float:
        began = time.perf_counter()
        for batch in batches[model]:
            logits = model(**batch).logits
        logits.cpu()  # a GPU's work is done when its last result is here
        return time.perf_counter() - began

    seconds(slow), seconds(quick)  # the first run of a shape prepares its kernels
    return sorted(seconds(slow) / seconds(quick) for _ in range(repeats))


def _batch(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Sequence[int]], part: Sequence[int]
) -> dict[str, torch.Tensor]:
    """Some rows, padded, on the model's device; token types are left to the model."""
    made = tokenizer.pad({"input_ids": [rows[i] for i in part]}, return_tensors="pt", pad_to_multiple_of=8)
    return {name: made[name].to(model.device) for name in ("input_ids", "attention_mask")}
