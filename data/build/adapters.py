"""Make ``data/models/adapters/<task>``: LoRA adapters (Hu et al. 2021) that turn bert-mini into a competent model of one task.

    python data/build/adapters.py sentiment             # three seeds of LoRA, one of full fine-tuning, then the folder
    python data/build/adapters.py topics --seeds 1      # a quick look: one seed; no folder is written

Every run can be killed and started again: it goes on from where it was at most four minutes before, and what is finished is not repeated.
The adapter of the first seed is the one that is bundled, whatever the others score; the card gives the mean and the spread.
Trained on public data in ``../shared/benchmarks``, which may not be redistributed; weights and figures may.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import recipes
import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from transformers.utils import logging as hf_logging

from helpers import course
from helpers.bundle import DATA, ROOT
from helpers.sources import DATASETS

BENCHMARKS = ROOT.parent / "shared" / "benchmarks"
WORK = Path.home() / ".cache" / "hands-on-bertology" / "adapters"
TARGETS = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]
KEPT = ("peft_type", "task_type", "r", "lora_alpha", "lora_dropout", "bias", "target_modules", "modules_to_save")
PEFT_TASKS = {"classes": TaskType.SEQ_CLS, "tags": TaskType.TOKEN_CLS, "answers": TaskType.QUESTION_ANS}


@dataclass(frozen=True)
class Task:
    """What to train on (folders of the benchmarks), how, and what counts."""

    source: str
    kind: str
    train: tuple[str, ...]
    metric: str
    epochs: float
    rate: float
    full_rate: float
    size: int = 32
    rank: int = 32
    text: tuple[str, ...] = ("text",)
    longest: int = 256


TASKS = {
    "sentiment": Task(
        "sentiment", "classes", ("glue-sst2", "imdb"), "accuracy", 3, 1e-3, 1e-4, 64, text=("sentence",), longest=128
    ),
    "topics": Task("topics", "classes", ("ag_news",), "accuracy", 4, 5e-4, 1e-4),
    "entities": Task("entities", "tags", ("conll2003",), "f1", 8, 1e-3, 2e-4, rank=64),
    "nli": Task("nli", "classes", ("sick", "xnli-en"), "accuracy", 6, 7e-4, 1e-4, text=("premise", "hypothesis")),
    "questions": Task("questions", "answers", ("squad", "tydiqa-en"), "f1", 4, 1e-3, 2e-4),
}
XNLI_KEPT_OUT = 1 / 3  # of its premises, for the report


def frames(task: Task) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """All training rows, and the sets to score on: the real validation splits, and xnli-en's premises kept out."""

    def read(name: str, split: str) -> pd.DataFrame:
        frame = pd.read_parquet(BENCHMARKS / name / f"{split}.parquet")
        return frame.rename(columns={"text": task.text[0]})  # imdb has "text" where glue-sst2 has "sentence"

    train, held_out = [], {}
    for name in task.train:
        frame = read(name, "train")
        if (BENCHMARKS / name / "validation.parquet").exists():
            held_out[name] = read(name, "validation")
        else:
            held_out[name], frame = recipes.split_by_premise(frame, XNLI_KEPT_OUT)
        train.append(frame)
    return pd.concat(train, ignore_index=True), held_out


def with_lora(model: torch.nn.Module, task: Task) -> PeftModel:
    """bert-mini with low-rank updates at every linear layer of the encoder, and its new head, trainable."""
    new = ["pooler", "classifier"] if task.kind == "classes" else None  # peft knows the classifier, not the new pooler
    config = LoraConfig(
        task_type=PEFT_TASKS[task.kind],
        r=task.rank,
        lora_alpha=task.rank,
        target_modules=TARGETS,
        modules_to_save=new,
        lora_dropout=0.0,
    )
    return get_peft_model(model, config)


def one_run(name: str, how: str, seed: int, checkpoint: str | None = None) -> dict:
    """Train and score one seed of ``how`` ("lora" or "full"), or read the result of a finished run."""
    task, tag = TASKS[name], f"{name}-{how}-{seed}" + ("-minilm" if checkpoint else "")
    result = WORK / f"{tag}.json"
    if result.exists():
        return json.loads(result.read_text())
    WORK.mkdir(parents=True, exist_ok=True)
    train_frame, held_out = frames(task)
    source = DATASETS[task.source]
    tokenizer, names = recipes.tokenizer(), source.names
    torch.manual_seed(seed)  # the new head
    model = recipes.load(task.kind, names, checkpoint)
    rate = task.full_rate
    if how == "lora":
        model, rate = with_lora(model, task), task.rate
    data = recipes.encode(task.kind, recipes.rows_of(train_frame, source, task.text), tokenizer, task.longest)
    seconds = recipes.train(task.kind, model, data, task.epochs, rate, task.size, seed, WORK / f"{tag}.pt")
    scores = {}
    for real, frame in held_out.items():
        rows = recipes.rows_of(frame, source, task.text)
        encoded = recipes.encode(task.kind, rows, tokenizer, task.longest, training=False)
        scores[real] = recipes.score(task.kind, model, encoded, rows, names)
    if how == "lora" and not checkpoint:
        model.save_pretrained(WORK / tag)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    found = {
        "seed": seed,
        "how": how,
        "cpu_seconds": round(seconds),
        "trained": trained,
        "rows": len(train_frame),
        "scores": scores,
    }
    result.write_text(json.dumps(found, indent=1))
    (WORK / f"{tag}.pt").unlink()
    print(name, how, "seed", seed, f"{seconds:.0f} s", scores, flush=True)
    return found


def export(name: str, runs: dict[str, list[dict]]) -> None:
    """Write the adapter of the first seed, in half precision, with its card."""
    from safetensors.torch import load_file, save_file

    task, target = TASKS[name], DATA / "models" / "adapters" / name
    source = WORK / f"{name}-lora-{runs['lora'][0]['seed']}"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    tensors = load_file(source / "adapter_model.safetensors")
    save_file({k: v.half() for k, v in tensors.items()}, target / "adapter_model.safetensors", {"format": "pt"})
    settings = json.loads((source / "adapter_config.json").read_text())
    config = {key: settings[key] for key in KEPT}  # what an older peft knows, too
    config["base_model_name_or_path"] = (
        "bert-mini"  # helpers.course gives the folder; no path of the machine that made it
    )
    (target / "adapter_config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf8")
    (target / "README.md").write_text(card(name, task, runs), encoding="utf8")
    size = sum(path.stat().st_size for path in target.iterdir())
    print(f"{target.relative_to(ROOT)}: {size / 2**20:.1f} MB")


def summary(runs: list[dict], real: str, metric: str) -> str:
    """Mean and spread over the seeds, in per cent."""
    values = [run["scores"][real][metric] for run in runs]
    spread = f" ({min(values):.1f} to {max(values):.1f})" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread}"


def minutes(runs: list[dict]) -> str:
    """CPU time a run, rounded up; the first runs did not record it."""
    known = [run["cpu_seconds"] for run in runs if "cpu_seconds" in run]
    return f"{math.ceil(statistics.mean(known) / 60)} minutes" if known else "not recorded"


def card(name: str, task: Task, runs: dict[str, list[dict]]) -> str:
    """The model card: data, settings, time, and the scores beside those of full fine-tuning."""
    first, reals = runs["lora"][0], list(runs["lora"][0]["scores"])
    metric = {"accuracy": "accuracy", "f1": "F1"}[task.metric]
    lines = [
        f"# bert-mini, {name}",
        "",
        f'A LoRA adapter (Hu et al. 2021) with its head for `data/models/bert-mini`. `helpers.course.fine_tuned("{name}")` puts the two together.',
        "",
        "| | |",
        "|---|---|",
        f"| task | {task.kind}: {', '.join(DATASETS[task.source].names) or 'first and last token of the answer'} |",
        f"| data | {', '.join(task.train)}: {first['rows']:,} rows of the public training splits (`nli`: a third of the premises of xnli-en kept out) |",
        "| script | `data/build/adapters.py` |",
        f"| settings | rank {task.rank} on every linear layer of the encoder, {task.epochs} epochs, batches of {task.size}, AdamW, peak rate {task.rate:g}, 10 % warm-up, linear decay, no dropout |",
        f"| trained parameters | {first['trained']:,} with LoRA, {runs['full'][0]['trained']:,} in full fine-tuning (rate {task.full_rate:g}) |",
        f"| seed | {first['seed']} is the one in this folder; {', '.join(str(run['seed']) for run in runs['lora'])} were run |",
        f"| time | {minutes(runs['lora'])} a seed with LoRA, {minutes(runs['full'])} in full: time of one processor core |",
        "| weights | half precision, safetensors |",
        "| licence | Apache-2.0, as bert-mini |",
        "",
        f"{metric.capitalize()} on rows that were not trained on, in per cent: mean of {len(runs['lora'])} seeds (lowest to highest) with LoRA, "
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


def main() -> None:
    """One command a task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of LoRA")
    parser.add_argument("--full-seeds", type=int, nargs="+", default=[1], help="of full fine-tuning, for comparison")
    parser.add_argument("--how", nargs="+", default=["lora", "full"], choices=["lora", "full"])
    parser.add_argument(
        "--minilm", type=Path, help="train this checkpoint (the original MiniLM) instead, for comparison"
    )
    arguments = parser.parse_args()
    if not BENCHMARKS.is_dir():
        print(f"Skipped: the real data sets are not at {BENCHMARKS}.")
        return
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    course.checkpoint("bert")  # whole, as the manifest says
    seeds = {"lora": arguments.seeds, "full": arguments.full_seeds}
    checkpoint = arguments.minilm and str(arguments.minilm)
    runs = {how: [one_run(arguments.task, how, seed, checkpoint) for seed in seeds[how]] for how in arguments.how}
    if len(arguments.seeds) >= 3 and len(runs) == 2 and not arguments.minilm:
        export(arguments.task, runs)


if __name__ == "__main__":
    main()
