"""The proof that bundled data is no toy: train on it, or on as many random rows of the real data; test both on the real data.

    python data/build/transfer_proof.py [reviews topics ...] [--seeds 3]

For each data set: the score on the *real* validation split after fine-tuning bert-mini on the bundled training split, after
the same recipe on as many random rows of the real training split, and of the best trivial baseline; means over the seeds.
Needs ``../shared/benchmarks`` (the real data may not be redistributed), and says so where it is absent.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import recipes
import scoring
import torch
from transformers.utils import logging as hf_logging

from helpers import metrics
from helpers.bundle import DATA, ROOT
from helpers.reading import read_folder
from helpers.sources import DATASETS

BENCHMARKS = ROOT.parent / "shared" / "benchmarks"
Rows = dict[str, list]


@dataclass(frozen=True)
class Task:
    """A bundled set, the real one that it stands for, the recipe (the same for both) and the share that it must reach."""

    source: str
    real: str
    kind: str
    epochs: int
    rate: float
    required: float
    metric: str = "accuracy"
    text: tuple[str, ...] = ("text",)
    longest: int = 128
    pooler: float = 0.0  # the new pooler starts as the identity times this; 0: at random
    average: bool = False  # the weights' mean over the second half


TASKS = {
    "reviews": Task("sentiment", "glue-sst2", "classes", 4, 1e-4, 0.95, text=("sentence",)),
    "reviews_long": Task("long_reviews", "imdb", "classes", 10, 3e-4, 0.95, longest=256, pooler=2.0),
    "topics": Task("topics", "ag_news", "classes", 4, 1e-4, 0.95),
    "paraphrases": Task("paraphrase", "glue-mrpc", "pairs", 4, 1e-4, 0.90, text=("sentence1", "sentence2")),
    "nli-sick": Task("nli", "sick", "classes", 6, 1e-4, 0.90, text=("premise", "hypothesis"), pooler=2.0),
    "nli-xnli": Task("nli", "xnli-en", "classes", 6, 1e-4, 0.90, text=("premise", "hypothesis"), pooler=2.0),
    "entities": Task("entities", "conll2003", "tags", 10, 2e-4, 0.95, "f1"),
    "questions": Task("questions", "squad", "guided", 8, 3e-4, 0.90, "f1", average=True),
}


def real_frames(task: Task) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Real training and validation rows; xnli-en has one split only, so two thirds of its premises are kept for testing."""
    train = pd.read_parquet(BENCHMARKS / task.real / "train.parquet")
    path = BENCHMARKS / task.real / "validation.parquet"
    if path.exists():
        return train, pd.read_parquet(path)
    return recipes.split_by_premise(train, 1 / 3)


def overlap(row: tuple[str, str]) -> float:
    """Share of the words of two texts that both have."""
    first, second = (set(re.findall(r"\w+", text.lower())) for text in row)
    return len(first & second) / max(1, len(first | second))


def trivial(task: Task, train: Rows, test: Rows, names: tuple[str, ...]) -> tuple[str, float]:
    """The best of the baselines that need no model: its name and its score on the real validation split."""
    if task.kind in ("classes", "pairs"):
        scorer: Callable = {"accuracy": metrics.accuracy, "macro_f1": metrics.macro_f1}[task.metric]
        found = {"always one class": max(scorer([c] * len(test["label"]), test["label"]) for c in range(len(names)))}
        if task.source == "paraphrase":  # a threshold on word overlap, chosen on the training rows
            own = np.array([overlap(pair) for pair in zip(train["text"], train["pair"], strict=True)])
            label = np.array(train["label"])
            cut = max(np.unique(own), key=lambda t: scorer((own >= t).astype(int).tolist(), label.tolist()))
            there = [int(overlap(pair) >= cut) for pair in zip(test["text"], test["pair"], strict=True)]
            found["word overlap"] = scorer(there, test["label"])
    elif task.kind == "tags":  # each word's most frequent tag in the training rows
        seen: dict[str, Counter] = {}
        for words, tags in zip(train["tokens"], train["ner_tags"], strict=True):
            for word, tag in zip(words, tags, strict=True):
                seen.setdefault(word.lower(), Counter())[tag] += 1
        best = {word: counts.most_common(1)[0][0] for word, counts in seen.items()}
        own = [[names[best.get(word.lower(), 0)] for word in words] for words in test["tokens"]]
        found = {"dictionary": metrics.entity_f1(own, [[names[t] for t in tags] for tags in test["ner_tags"]])}
    else:  # the sentence that shares most words with the question
        own = []
        for question, context in zip(test["question"], test["context"], strict=True):
            own.append(max(re.split(r"(?<=[.!?])\s+", context), key=lambda sentence: overlap((question, sentence))))
        scores = metrics.squad_scores(own, [list(a["text"]) for a in test["answers"]])
        found = {"the most similar sentence": scores["f1"] / 100}
    name = max(found, key=found.__getitem__)
    return name, 100 * found[name]


def run(task: Task, train: Rows, test: Rows, names: tuple[str, ...], seed: int) -> float:
    """Fine-tune on ``train`` with the task's recipe, and score on ``test``, in per cent."""
    torch.manual_seed(seed)
    tokenizer = recipes.tokenizer()
    model = recipes.load(task.kind, names, pooler=task.pooler)
    data = recipes.encode(task.kind, train, tokenizer, task.longest)
    size = 16 if len(data.ids) > 200 else 8
    recipes.train(task.kind, model, data, task.epochs, task.rate, size, seed, average=task.average)
    held_out = recipes.encode(task.kind, test, tokenizer, max(256, task.longest), training=False)
    return scoring.score(task.kind, model, held_out, test, names)[task.metric]


@dataclass(frozen=True)
class Proof:
    """What came out for one data set, in per cent; a value a seed."""

    name: str
    task: Task
    rows: int
    bundled: list[float]
    real: list[float]
    baseline: str
    floor: float

    @property
    def share(self) -> float:
        """The score after the bundled rows, as a share of that after real ones."""
        return statistics.mean(self.bundled) / statistics.mean(self.real)

    @property
    def holds(self) -> bool:
        """Whether the share is as large as promised, and the score clearly above what needs no model."""
        return self.share >= self.task.required and statistics.mean(self.bundled) > self.floor + 3


def prove(name: str, seeds: int) -> Proof:
    """Run all seeds for one data set."""
    task = TASKS[name]
    source = DATASETS[task.source]
    names = source.names
    bundled = read_folder(DATA / source.folder, source)["train"].to_pandas()
    pool, test_frame = real_frames(task)
    test, own = (recipes.rows_of(frame, source, task.text) for frame in (test_frame, bundled))
    scores: dict[str, list[float]] = {"bundled": [], "real": []}
    for seed in range(1, seeds + 1):
        sample = pool if len(pool) <= len(bundled) else pool.sample(len(bundled), random_state=seed)
        for side, rows in {"bundled": own, "real": recipes.rows_of(sample, source, task.text)}.items():
            scores[side].append(run(task, rows, test, names, seed))
            print(f"  {name}, seed {seed}, trained on {side}: {scores[side][-1]:.1f}", flush=True)
    return Proof(name, task, len(bundled), scores["bundled"], scores["real"], *trivial(task, own, test, names))


def table(proofs: list[Proof]) -> str:
    """All proofs as a Markdown table."""
    lines = [
        "| trained on | rows | tested on, in per cent | bundled rows | as many real rows | best without a model | share | needed | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{p.name}` | {p.rows} | {p.task.real}, {p.task.metric} | {scoring.spread(p.bundled)} | {scoring.spread(p.real)} "
        f"| {p.floor:.1f} ({p.baseline}) | {p.share:.1%} | {p.task.required:.0%} | {'holds' if p.holds else 'FALLS SHORT'} |"
        for p in proofs
    ]
    return "\n".join(lines)


def main() -> int:
    """Exit status 0 if every promise holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", metavar="task", help=f"of {', '.join(TASKS)}; all unless told")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    unknown = set(arguments.tasks) - set(TASKS)
    if unknown:
        parser.error(f"no transfer proof for {', '.join(sorted(unknown))}; there are {', '.join(TASKS)}")
    if not BENCHMARKS.is_dir():
        print(f"Skipped: the real data sets are not at {BENCHMARKS}.")
        return 0
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    proofs = [prove(name, arguments.seeds) for name in arguments.tasks or TASKS]
    print(f"\nMeans of {arguments.seeds} seeds (lowest to highest):\n\n{table(proofs)}")
    return 0 if all(proof.holds for proof in proofs) else 1


if __name__ == "__main__":
    sys.exit(main())
