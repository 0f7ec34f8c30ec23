"""``python -m tests.bench training``: the recipe of the tutorials, Trainer's defaults, and ``helpers.training.fine_tune``, side by side.

The same rows, epochs, batches and rate; each run in a process of its own, the recipes taking turns, so that a busy minute of the
machine hits all of them. Tokens are the real ones, without padding. ``--rows`` and ``--epochs`` change the size.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

RECIPES = ("tutorial", "dynamic", "fine_tune", "fine_tune float32", "fine_tune dropout")
NAMES = {
    "tutorial": "the tutorials' recipe: padded to 128, Trainer's defaults",
    "dynamic": "padded to the longest of the batch, Trainer's defaults",
    "fine_tune": "helpers.training.fine_tune",
    "fine_tune float32": "fine_tune in float32",
    "fine_tune dropout": "fine_tune with the checkpoint's dropout",
}
RATE, BATCH = 1e-4, 32


def one(recipe: str, seed: int, rows: int, epochs: int) -> dict[str, float]:
    """Train and evaluate once, in this process."""
    import torch
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    from helpers import course, device, metrics
    from helpers.measure import measure
    from helpers.training import fine_tune

    course.start(seed)
    checkpoint, data = course.checkpoint("bert"), course.dataset("sentiment")
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    padding = {"padding": "max_length", "max_length": 128} if recipe == "tutorial" else {}
    data = data.map(lambda batch: tokenizer(batch["sentence"], truncation=True, **padding), batched=True)
    train, validation = data["train"], data["validation"]
    train = train.select(range(min(rows, len(train))))
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint, num_labels=2, dtype=torch.float32)
    if recipe == "fine_tune float32":
        device.number_format = lambda _: torch.float32
    with tempfile.TemporaryDirectory() as folder:
        if recipe.startswith("fine_tune"):
            dropout = None if recipe == "fine_tune dropout" else 0.0
            settings = {"epochs": epochs, "rate": RATE, "batch_size": BATCH, "seed": seed, "dropout": dropout}
            with measure() as cost:
                history = fine_tune(model, tokenizer, train, validation, folder, evaluations=1, **settings)
            accuracy = history.evaluations[-1]["accuracy"]
        else:
            arguments = TrainingArguments(
                folder,
                num_train_epochs=epochs,
                learning_rate=RATE,
                per_device_train_batch_size=BATCH,
                per_device_eval_batch_size=2 * BATCH,
                warmup_steps=0.1,
                seed=seed,
                disable_tqdm=True,
                report_to="none",
            )
            trainer = Trainer(model, arguments, DataCollatorWithPadding(tokenizer), train, validation)
            with measure() as cost:
                trainer.train()
                found = trainer.predict(validation)
            accuracy = metrics.accuracy(found.predictions.argmax(-1), found.label_ids)
    tokens = epochs * sum(sum(mask) for mask in train["attention_mask"])
    return {"seconds": cost.seconds, "tokens": tokens, "megabytes": cost.megabytes, "accuracy": 100 * accuracy}


def main(arguments: list[str]) -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench training", description=__doc__)
    parser.add_argument("--rows", type=int, default=900)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=RECIPES)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    wanted = parser.parse_args(arguments)
    if wanted.one:
        print(json.dumps(one(wanted.one[0], int(wanted.one[1]), wanted.rows, wanted.epochs)))
        return
    environment = {**os.environ, "COURSE_PROGRESS": "0"}
    runs: dict[str, list[dict[str, float]]] = {recipe: [] for recipe in wanted.recipes}
    size = ["--rows", str(wanted.rows), "--epochs", str(wanted.epochs)]
    for seed in range(1, wanted.seeds + 1):
        for recipe in wanted.recipes:
            command = [sys.executable, "-m", "tests.bench", "training", "--one", recipe, str(seed), *size]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            runs[recipe].append(json.loads(done.stdout.splitlines()[-1]))
            print(f"  seed {seed}, {recipe}: {runs[recipe][-1]}", flush=True)
    report(runs, wanted.rows, wanted.epochs)


def report(runs: dict[str, list[dict[str, float]]], rows: int, epochs: int) -> None:
    """The table, in Markdown."""
    import torch
    import transformers

    from helpers import device

    seconds = {recipe: statistics.median(run["seconds"] for run in found) for recipe, found in runs.items()}
    print(
        f"\n{rows} rows of data/reviews, {epochs} epochs, batches of {BATCH}; {device.describe(device.best())}, "
        f"{device.number_format(device.best())}; torch {torch.__version__}, transformers {transformers.__version__}\n"
    )
    print(
        "| recipe | seconds | tokens/s | peak memory | validation accuracy | times fine_tune |\n|---|---|---|---|---|---|"
    )
    for recipe, found in runs.items():
        scores = [run["accuracy"] for run in found]
        memory = max(run["megabytes"] for run in found)
        times = f"{seconds[recipe] / seconds['fine_tune']:.1f}" if "fine_tune" in seconds else ""
        print(
            f"| {NAMES[recipe]} | {seconds[recipe]:.0f} | {found[0]['tokens'] / seconds[recipe]:,.0f} | {memory:,.0f} MB "
            f"| {statistics.mean(scores):.1f} ({min(scores):.1f} to {max(scores):.1f}) | {times} |"
        )
