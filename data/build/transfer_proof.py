"""The proof that bundled data is no toy: train on it, or on as many random rows of the real data; test both on the real data.

    python data/build/transfer_proof.py [reviews ...]

For each data set: the score on the *real* validation split after fine-tuning bert-mini on the bundled training split, after
the same recipe on as many random rows of the real training split, and of the best trivial baseline; means of 3 seeds.
Needs ``../shared/benchmarks`` (the real data may not be redistributed), and says so where it is absent.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging as hf_logging

from helpers import course, device
from helpers.bundle import DATA, ROOT
from helpers.padding import length_batches, pad

BENCHMARKS = ROOT.parent / "shared" / "benchmarks"
SEEDS = (1, 2, 3)
EPOCHS, RATE, BATCH = 4, 1e-4, 16


@dataclass(frozen=True)
class Task:
    """A bundled folder, the real data set that it stands for, and the share of the real result that it must reach."""

    folder: str
    real: str
    text: str
    names: tuple[str, ...]
    required: float


TASKS = {"reviews": Task("reviews", "glue-sst2", "sentence", ("negative", "positive"), 0.95)}


def fine_tune(texts: Sequence[str], labels: Sequence[int], classes: int, seed: int) -> tuple:
    """The recipe, the same for both sides: 4 epochs, batches of 16, AdamW at 1e-4 with warm-up and linear decay, no dropout."""
    torch.manual_seed(seed)
    checkpoint, where = course.checkpoint("bert"), device.best()
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForSequenceClassification.from_pretrained(
        checkpoint,
        num_labels=classes,
        attn_implementation="eager",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    ).to(where)
    ids = tokenizer(list(texts), truncation=True, max_length=128)["input_ids"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01, fused=True)
    steps = EPOCHS * -(-len(ids) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min((s + 1) / (0.1 * steps), 1 - s / steps))
    target = torch.tensor(labels)
    model.train()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(ids)).split(BATCH):
            input_ids, mask = pad([ids[i] for i in rows.tolist()])
            with torch.autocast(where.type, torch.bfloat16, enabled=device.number_format(where) == torch.bfloat16):
                logits = model(input_ids.to(where), attention_mask=mask.to(where)).logits
            torch.nn.functional.cross_entropy(logits.float(), target[rows].to(where)).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            schedule.step()
    return model.eval(), tokenizer


def accuracy(model: torch.nn.Module, tokenizer: object, texts: Sequence[str], labels: Sequence[int]) -> float:
    """Share of texts whose most probable class is the label."""
    ids, right = tokenizer(list(texts), truncation=True, max_length=512)["input_ids"], 0
    for rows in length_batches([len(row) for row in ids]):
        input_ids, mask = pad([ids[i] for i in rows])
        with torch.inference_mode():
            logits = model(input_ids.to(model.device), attention_mask=mask.to(model.device)).logits.cpu()
        right += int((logits.argmax(-1) == torch.tensor([labels[i] for i in rows])).sum())
    return right / len(ids)


def prove(task: Task) -> bool:
    """Run all seeds for one data set, print its table, and say whether the bundled data holds its promise."""
    bundled = pd.read_csv(DATA / task.folder / "train.csv", keep_default_na=False)
    bundled["label"] = [task.names.index(name) for name in bundled.label]
    real = {split: pd.read_parquet(BENCHMARKS / task.real / f"{split}.parquet") for split in ("train", "validation")}
    test = real["validation"]
    scores: dict[str, list[float]] = {"bundled": [], "real": []}
    for seed in SEEDS:
        samples = {"bundled": bundled, "real": real["train"].sample(len(bundled), random_state=seed)}
        for side, rows in samples.items():
            model, tokenizer = fine_tune(rows[task.text].tolist(), rows.label.tolist(), len(task.names), seed)
            scores[side].append(accuracy(model, tokenizer, test[task.text].tolist(), test.label.tolist()))
            print(f"  seed {seed}, trained on {side}: {scores[side][-1]:.1%}", flush=True)
    means = {side: statistics.mean(values) for side, values in scores.items()}
    trivial = test.label.value_counts(normalize=True).max()
    share = means["bundled"] / means["real"]
    holds = share >= task.required and means["bundled"] > trivial + 0.05
    print(
        f"{task.folder} ({len(bundled)} rows) -> {task.real} validation ({len(test)} rows), mean of {len(SEEDS)} seeds"
    )
    for side in scores:
        print(f"  trained on {side:<8} {means[side]:.1%} (spread {min(scores[side]):.1%} to {max(scores[side]):.1%})")
    print(f"  always one class    {trivial:.1%}")
    print(f"  bundled / real      {share:.1%}, required {task.required:.0%}: {'holds' if holds else 'FALLS SHORT'}")
    return holds


def main() -> int:
    """Exit status 0 if every promise holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="folder", help=f"of {', '.join(TASKS)}; all unless told")
    arguments = parser.parse_args()
    unknown = set(arguments.tasks) - set(TASKS)
    if unknown:
        parser.error(f"no transfer proof for {', '.join(sorted(unknown))}; there are {', '.join(TASKS)}")
    if not BENCHMARKS.is_dir():
        print(f"Skipped: the real data sets are not at {BENCHMARKS}.")
        return 0
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    return 0 if all([prove(TASKS[name]) for name in arguments.tasks or TASKS]) else 1


if __name__ == "__main__":
    sys.exit(main())
