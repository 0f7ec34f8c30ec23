"""The model card of an adapter."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

from helpers.sources import DATASETS

if TYPE_CHECKING:
    from adapters import Task

BUNDLED_SEED = 1


def summary(runs: list[dict], real: str, metric: str) -> str:
    """Mean and spread over the seeds, in per cent."""
    values = [run["scores"][real][metric] for run in runs]
    if not values:
        return "not run yet"
    spread = f" ({min(values):.1f} to {max(values):.1f})" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread}"


def minutes(runs: list[dict]) -> str:
    """CPU time a run, rounded up."""
    return f"{math.ceil(statistics.mean(run['cpu_seconds'] for run in runs) / 60)} minutes" if runs else "not run yet"


def extras(task: Task) -> str:
    """What a recipe has beyond the common one, for the card."""
    parts = [f"labels smoothed by {task.smoothing:g}"] if task.smoothing else []
    parts += ["mean of the weights of the second half"] if task.average else []
    return "".join(f", {part}" for part in parts)


def card(name: str, task: Task, found: list[dict]) -> str:
    """The model card: data, settings, time, and the scores beside those of full fine-tuning."""
    runs = {how: [run for run in found if run["how"] == how] for how in ("lora", "full")}
    first, reals = runs["lora"][0], list(runs["lora"][0]["scores"])
    full = f"{runs['full'][0]['trained']:,}" if runs["full"] else "all"
    metric = {"accuracy": "accuracy", "f1": "F1"}[task.metric]
    kept_out = ", a third of the premises of xnli-en kept out" if "xnli-en" in task.train else ""
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
        f"| time | {minutes(runs['lora'])} a seed with LoRA, {minutes(runs['full'])} in full: time of one processor core |",
        "| weights | half precision, safetensors |",
        "| licence | Apache-2.0, as bert-mini |",
        "",
        f"{metric.capitalize()} on rows that were not trained on, in per cent: mean of {len(runs['lora'])} seed{'s' * (len(runs['lora']) > 1)} (lowest to highest) with LoRA, "
        f"{len(runs['full'])} in full:",
        "",
        "| | LoRA | full fine-tuning |",
        "|---|---|---|",
    ]
    lines += [
        f"| {real} | {summary(runs['lora'], real, task.metric)} | {summary(runs['full'], real, task.metric)} |"
        for real in reals
    ]
    return "\n".join(
        [
            *lines,
            "",
            "Known limits: it knows the text kinds of its training data; see there for what they leave out.",
            "",
        ]
    )
