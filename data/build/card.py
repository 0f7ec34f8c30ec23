"""The model card of an adapter."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

from scoring import spread

from helpers.sources import DATASETS

if TYPE_CHECKING:
    from adapters import Task

BUNDLED_SEED = 1


def summary(runs: list[dict], real: str, metric: str) -> str:
    """Mean and spread over the seeds, in per cent."""
    values = [run["scores"][real][metric] for run in runs]
    return spread(values) if values else "not run yet"


def time_taken(runs: list[dict]) -> str:
    """Mean time a run, rounded up, by where the runs were made."""
    own: dict[str, list[int]] = {}
    for run in runs:
        place = f"of wall time on an {run['gpu']}" if "gpu" in run else "of one processor core"
        own.setdefault(place, []).append(run["gpu_seconds"] if "gpu" in run else run["cpu_seconds"])
    parts = []
    for place, seconds in own.items():
        count = math.ceil(statistics.mean(seconds) / 60)
        parts.append(f"{count} minute{'s' * (count > 1)} {place}")
    return ", ".join(parts) or "not run yet"


def extras(task: Task) -> str:
    """What a recipe has beyond the common one, for the card."""
    parts = [f"labels smoothed by {task.smoothing:g}"] if task.smoothing else []
    parts += [f"the pooler starts as {task.pooler:g} times the identity"] if task.pooler else []
    parts += ["mean of the weights of the second half"] if task.average else []
    return "".join(f", {part}" for part in parts)


# What was tried where a score stayed below the aim.
TRIED = {
    "sentiment": "The aim on glue-sst2 was 91. What was tried, with one seed each, scored on glue-sst2 and imdb: whole sentences of SST-2 added "
    "and imdb left out, rank 64, rate 0.0007, 2 epochs, labels smoothed: 89.9 and 80.5. The same with the mean of the second half's weights: "
    "89.6 on glue-sst2. Full fine-tuning for one epoch: 89.1; for three with dropout 0.1 at rate 0.00005: 88.3. "
    "Two million tokens of imdb read first as masked language modelling: the masked "
    "loss fell from 4.17 to 3.88, glue-sst2 did not move. The bundled recipe on the weights that bert-mini started from gives no more (last "
    "column). With 872 sentences, one standard error of such a score is 1.0."
}


def card(name: str, task: Task, found: list[dict]) -> str:
    """The model card: data, settings, time, and the scores beside those of full fine-tuning."""
    runs = {how: [run for run in found if run["how"] == how] for how in ("lora", "full", "minilm")}
    first, reals = runs["lora"][0], list(runs["lora"][0]["scores"])
    full = f"{runs['full'][0]['trained']:,}" if runs["full"] else "all"
    metric = {"accuracy": "accuracy", "f1": "F1"}[task.metric]
    kept_out = ", a third of the premises of xnli-en kept out" if "xnli-en" in task.train else ""
    columns = {"LoRA": runs["lora"], "full fine-tuning": runs["full"]}
    columns |= {"LoRA on the original MiniLM weights": runs["minilm"]} if runs["minilm"] else {}
    lines = [
        f"# bert-mini, {name}",
        "",
        f'A LoRA adapter (Hu et al. 2021) with its head for `data/models/bert-mini`. `helpers.course.fine_tuned("{name}")` puts the two together.',
        "",
        "| | |",
        "|---|---|",
        f"| task | {task.kind}: {', '.join(DATASETS[task.source].names) or 'first and last token of the answer'} |",
        f"| data | {', '.join(task.train)}: {first['rows']:,} rows of the public training splits{kept_out} |",
        "| script | `data/build/adapters.py` |",
        f"| settings | rank {task.rank} on every linear layer of the encoder, {task.epochs:g} epochs, batches of {task.size}, AdamW, peak rate {task.rate:g}, 10 % warm-up, linear decay, no dropout{extras(task)} |",
        f"| trained parameters | {first['trained']:,} with LoRA, {full} in full fine-tuning ({task.full_epochs:g} epochs, peak rate {task.full_rate:g}) |",
        f"| seed | {BUNDLED_SEED} is the one in this folder; run so far: {', '.join(str(run['seed']) for run in runs['lora'])} |",
        f"| time a seed | with LoRA {time_taken(runs['lora'])}; in full {time_taken(runs['full'])} |",
        "| weights | half precision, safetensors |",
        "| licence | Apache-2.0, as bert-mini |",
        "",
        f"{metric.capitalize()} on rows that were not trained on, in per cent: mean of {len(runs['lora'])} seed{'s' * (len(runs['lora']) > 1)} (lowest to highest) with LoRA, "
        f"{len(runs['full'])} in full:",
        "",
        "| | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    lines += [
        f"| {real} | " + " | ".join(summary(own, real, task.metric) for own in columns.values()) + " |"
        for real in reals
    ]
    return "\n".join(
        [
            *lines,
            "",
            *([TRIED[name], ""] if name in TRIED else []),
            "Known limits: it knows the text kinds of its training data; see there for what they leave out.",
            "",
        ]
    )
