"""Fine-tune the course's BERT on the reviews, as a script: the same file for one process, two processors or eight graphics cards.

    python -m helpers.train_reviews --folder runs/reviews
    accelerate launch --num_processes 2 --cpu -m helpers.train_reviews --folder runs/reviews
    torchrun --nproc_per_node 2 -m helpers.train_reviews --folder runs/reviews

Nothing in it speaks of processes: ``helpers.training.fine_tune`` divides each batch among them, and the gradients are averaged
before each step. So ``--batch_size`` is the number of rows a step, however many processes share them. One thing has to be said
all the same: only the first process writes and prints the result. All of them have to see the same folder.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from helpers import course
from helpers.errors import CourseError
from helpers.history import History
from helpers.preflight import first_process
from helpers.training import fine_tune


def classifier(checkpoint: str, names: Sequence[str], seed: int = 42) -> PreTrainedModel:
    """The pre-trained encoder with a new head for these label names; a pooler that the checkpoint lacks starts as the identity.

    Args:
        checkpoint: as from ``course.checkpoint``.
        names: the labels, at least two.
        seed: of the new head.

    Raises:
        CourseError: there are fewer than two labels.
    """
    if len(names) < 2:
        raise CourseError(f"A classifier needs at least two labels, not {len(names)} ({', '.join(names) or 'none'}).")
    torch.manual_seed(seed)
    model, loaded = AutoModelForSequenceClassification.from_pretrained(
        checkpoint,
        id2label=dict(enumerate(names)),
        label2id={name: number for number, name in enumerate(names)},
        output_loading_info=True,
    )
    if any("pooler" in name for name in loaded["missing_keys"]):
        torch.nn.init.eye_(model.base_model.pooler.dense.weight)
    return model


def main(arguments: Sequence[str] | None = None) -> History:
    """Train as the command line says; the first process writes ``result.json``, its losses and its evaluation, into the folder.

    Raises:
        CourseError: more rows are wanted than there are, or as ``fine_tune``.
    """
    parser = argparse.ArgumentParser(
        prog="helpers.train_reviews", description="Fine-tune the course's BERT on reviews."
    )
    parser.add_argument("--folder", type=Path, required=True, help="for the checkpoints and the result")
    parser.add_argument("--checkpoint", help="a model's folder; the course's BERT unless given")
    parser.add_argument("--rows", type=int, default=900, help="reviews to train on")
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--batch_size", type=int, default=16, help="rows a step, of all processes together")
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=42)
    wanted = parser.parse_args(arguments)

    reviews = course.dataset("sentiment")
    if not 0 < wanted.rows <= len(reviews["train"]):
        raise CourseError(f"--rows is {wanted.rows}, but there are {len(reviews['train']):,} reviews to train on.")
    checkpoint = wanted.checkpoint or course.checkpoint("bert")
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)

    def tokenise(batch: dict) -> dict:
        return tokenizer(batch["sentence"], truncation=True, max_length=64)

    train = reviews["train"].shuffle(seed=wanted.seed).select(range(wanted.rows)).map(tokenise, batched=True)
    held_out = reviews["validation"].select(range(min(300, len(reviews["validation"])))).map(tokenise, batched=True)
    model = classifier(checkpoint, reviews["train"].features["label"].names, wanted.seed)
    settings = {name: getattr(wanted, name) for name in ("epochs", "batch_size", "rate", "dropout", "seed")}
    history = fine_tune(model, tokenizer, train, held_out, wanted.folder, evaluations=1, **settings)
    if first_process():
        result = {"losses": [loss for _, loss, _ in history.losses], "evaluation": history.best}
        (wanted.folder / "result.json").write_text(json.dumps(result, indent=1), encoding="utf8")
    return history


if __name__ == "__main__":
    course.start()
    history = main()
    if first_process():
        print(
            f"loss {history.best['loss']:.3f}, accuracy {history.best['accuracy']:.1%}: see result.json in the folder"
        )
