"""What a model gets from half of the input: the hypothesis without the premise, the paragraph without the question.

    python data/build/shortcuts.py [nli] [questions] [--seeds 3]

bert-mini is fine-tuned on the bundled training split with the other half taken away, and scored on the bundled validation
split; a data set whose answers can be had that way teaches shortcuts (Gururangan et al. 2018; Kaushik & Lipton 2018).
"""

from __future__ import annotations

import argparse
import statistics

import recipes
import scoring
import torch
from transformers.utils import logging as hf_logging

from helpers.bundle import DATA
from helpers.reading import read_folder
from helpers.sources import DATASETS

LIMITS = {"nli": ("accuracy", 45.0), "questions": ("exact_match", 10.0)}


def half(name: str, rows: dict[str, list]) -> dict[str, list]:
    """The rows without their other half: the hypothesis alone, or the same empty question everywhere."""
    if name == "nli":
        return {"text": rows["hypothesis"], "label": rows["label"]}
    return rows | {"question": ["?"] * len(rows["question"])}


def run(name: str, seed: int) -> dict[str, float]:
    """Train and score one seed."""
    source = DATASETS[name]
    splits = read_folder(DATA / source.folder, source)
    train, test = (half(name, {c: list(splits[s][c]) for c in source.columns}) for s in ("train", "validation"))
    names = source.names
    kind = "classes" if name == "nli" else "answers"
    torch.manual_seed(seed)
    tokenizer, model = recipes.tokenizer(), recipes.load(kind, names)
    data = recipes.encode(kind, train, tokenizer, 128)
    recipes.train(kind, model, data, 6, 1e-4 if name == "nli" else 2e-4, 16, seed)
    return scoring.score(kind, model, recipes.encode(kind, test, tokenizer, 256, training=False), test, names)


def main() -> int:
    """Exit status 0 if every figure is within its limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(LIMITS), metavar="name", help=f"of {', '.join(LIMITS)}")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    holds = []
    for name in arguments.names:
        metric, limit = LIMITS[name]
        values = [run(name, seed)[metric] for seed in range(1, arguments.seeds + 1)]
        holds.append(statistics.mean(values) <= limit)
        shown = ", ".join(f"{value:.1f}" for value in values)
        print(
            f"{name} from half of the input: {metric} {statistics.mean(values):.1f} ({shown}), at most {limit:g}",
            flush=True,
        )
    return 0 if all(holds) else 1


if __name__ == "__main__":
    raise SystemExit(main())
