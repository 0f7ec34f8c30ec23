"""Make ``data/models/adapters/<task>``: LoRA adapters (Hu et al. 2021) that turn bert-mini into a competent model of one task.

    python data/build/adapters.py sentiment             # three seeds of LoRA, one of full fine-tuning
    python data/build/adapters.py topics --seeds 1      # one seed of LoRA and one of full fine-tuning; the others can follow
    python data/build/adapters.py topics --minilm FOLDER --seeds 1      # LoRA from the original MiniLM weights, to compare with

Every run can be killed and started again: it goes on from where it was at most four minutes before. What is finished stands in the
adapter's ``training.json`` and is not repeated, on another machine neither; runs with other settings stay in the record, but do not
count.
The adapter of seed 1 is the one that is bundled, whatever the others score; the card gives the mean and the spread.
Trained on public data in ``../shared/benchmarks``, which may not be redistributed; weights and figures may.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import zlib
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path

import pandas as pd
import recipes
import scoring
import torch
from card import BUNDLED_SEED, card
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from transformers.utils import logging as hf_logging

from helpers import course, device
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
    full_epochs: float
    full_rate: float
    size: int = 32
    rank: int = 32
    text: tuple[str, ...] = ("text",)
    longest: int = 256
    smoothing: float = 0.0
    average: bool = False  # the weights' mean over the second half
    pooler: float = 0.0  # the new pooler starts as the identity times this; 0: at random


TASKS = {
    "sentiment": Task(
        "sentiment", "classes", ("glue-sst2", "imdb"), "accuracy", 3, 1e-3, 2, 1e-4, 64, text=("sentence",), longest=128
    ),
    "topics": Task("topics", "classes", ("ag_news",), "accuracy", 4, 5e-4, 3, 1e-4, average=True, pooler=2.0),
    "entities": Task("entities", "tags", ("conll2003",), "f1", 8, 1e-3, 3, 2e-4, rank=64, average=True),
    "nli": Task(
        "nli",
        "classes",
        ("sick", "xnli-en"),
        "accuracy",
        6,
        7e-4,
        4,
        1e-4,
        text=("premise", "hypothesis"),
        smoothing=0.1,
        average=True,
        pooler=2.0,
    ),
    "questions": Task("questions", "answers", ("squad", "tydiqa-en"), "f1", 3, 1e-3, 3, 2e-4),
}
UNANSWERED = ("tydiqa-en",)  # all answers of its validation rows are empty: there is nothing to score
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
            held_out |= {} if name in UNANSWERED else {name: read(name, "validation")}
        elif "premise" in frame:
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


def folder_of(name: str) -> Path:
    """Where the adapter of a task lies, with its card and the record of its runs."""
    return DATA / "models" / "adapters" / name


def record_of(name: str) -> Path:
    """The file that holds the results of all finished runs of a task."""
    return folder_of(name) / "training.json"


def known(record: Path) -> list[dict]:
    """All runs of a record, whatever their settings."""
    return json.loads(record.read_text(encoding="utf8"))["runs"] if record.exists() else []


def finished(name: str, record: Path) -> list[dict]:
    """The runs of a task that were made with its settings of today."""
    unsaid = {own.name: own.default for own in fields(Task) if own.default is not MISSING}  # younger than the record
    unsaid = json.loads(json.dumps(unsaid))
    return [run for run in known(record) if unsaid | run["settings"] == settings_of(name)]


def time_of(seconds: float, where: torch.device) -> dict:
    """What a record says of a run's time, and where it was spent."""
    if where.type == "cpu":
        return {"cpu_seconds": round(seconds)}
    return {
        "gpu_seconds": round(seconds),
        "gpu": torch.cuda.get_device_name(where) if where.type == "cuda" else str(where),
    }


def settings_of(name: str) -> dict:
    """A task's settings as JSON gives them back."""
    return json.loads(json.dumps(asdict(TASKS[name])))


def one_run(name: str, how: str, seed: int, minilm: Path | None = None) -> None:
    """Train and score one seed and record the result, unless it is recorded.

    ``how`` is "lora", "full", or "minilm": LoRA on the weights in the folder ``minilm``, whose adapter is not kept.
    """
    task, record = TASKS[name], record_of(name)
    if any((run["how"], run["seed"]) == (how, seed) for run in finished(name, record)):
        return
    WORK.mkdir(parents=True, exist_ok=True)
    record.parent.mkdir(parents=True, exist_ok=True)
    where = device.best()
    tag = f"{name}-{how}-{seed}-{where.type}-{zlib.crc32(repr(task).encode()):08x}"
    train_frame, held_out = frames(task)
    source = DATASETS[task.source]
    tokenizer, names = recipes.tokenizer(), source.names
    torch.manual_seed(seed)  # the new head
    model = recipes.load(task.kind, names, minilm, task.pooler)
    rate, epochs = task.full_rate, task.full_epochs
    if how != "full":
        model, rate, epochs = with_lora(model, task), task.rate, task.epochs
    data = recipes.encode(task.kind, recipes.rows_of(train_frame, source, task.text), tokenizer, task.longest)
    seconds = recipes.train(
        task.kind, model, data, epochs, rate, task.size, seed, WORK / f"{tag}.pt", task.smoothing, task.average
    )
    scores = {}
    for real, frame in held_out.items():
        rows = recipes.rows_of(frame, source, task.text)
        encoded = recipes.encode(task.kind, rows, tokenizer, task.longest, training=False)
        scores[real] = scoring.score(task.kind, model, encoded, rows, names)
    if (how, seed) == ("lora", BUNDLED_SEED):
        export(model, name)
    run = {
        "how": how,
        "seed": seed,
        **time_of(seconds, where),
        "trained": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "rows": len(train_frame),
        "scores": {real: {metric: round(value, 2) for metric, value in own.items()} for real, own in scores.items()},
        "settings": settings_of(name),
    }
    runs = [run, *known(record)]  # read again: another seed may have ended meanwhile; the newest of a seed comes first
    whole = {"runs": sorted(runs, key=lambda r: (r["how"], r["seed"]))}
    record.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf8")
    (WORK / f"{tag}.pt").unlink()
    print(name, how, "seed", seed, f"{seconds:.0f} s", run["scores"], flush=True)


def export(model: PeftModel, name: str) -> None:
    """Write the adapter's weights, in half precision, and what a loader must know of it."""
    from safetensors.torch import load_file, save_file

    target = folder_of(name)
    with tempfile.TemporaryDirectory() as saved:
        model.save_pretrained(saved)
        tensors = load_file(Path(saved) / "adapter_model.safetensors")
        settings = json.loads((Path(saved) / "adapter_config.json").read_text(encoding="utf8"))
    save_file({k: v.half() for k, v in tensors.items()}, target / "adapter_model.safetensors", {"format": "pt"})
    config = {key: settings[key] for key in KEPT}  # what an older peft knows, too
    config["target_modules"] = sorted(config["target_modules"])  # a set: its order is by chance
    # helpers.course gives the folder; no path of the machine that made it
    config["base_model_name_or_path"] = "bert-mini"
    (target / "adapter_config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", encoding="utf8")
    print(f"{target.relative_to(ROOT)}: {sum(p.stat().st_size for p in target.iterdir()) / 2**20:.1f} MB")


def main() -> None:
    """One command a task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of LoRA")
    parser.add_argument("--full-seeds", type=int, nargs="+", default=[1], help="of full fine-tuning, for comparison")
    parser.add_argument("--how", nargs="+", default=["lora", "full"], choices=["lora", "full"])
    parser.add_argument(
        "--minilm", type=Path, help="only LoRA on this checkpoint, the original MiniLM, to compare with"
    )
    arguments = parser.parse_args()
    if not BENCHMARKS.is_dir():
        print(f"Skipped: the real data sets are not at {BENCHMARKS}.")
        return
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    course.checkpoint("bert")  # whole, as the manifest says
    seeds = {"lora": arguments.seeds, "full": arguments.full_seeds, "minilm": arguments.seeds}
    for how in ["minilm"] if arguments.minilm else arguments.how:
        for seed in seeds[how]:
            one_run(arguments.task, how, seed, arguments.minilm)
    runs = finished(arguments.task, record_of(arguments.task))
    for run in runs:
        print(arguments.task, run["how"], "seed", run["seed"], run["scores"])
    if any((run["how"], run["seed"]) == ("lora", BUNDLED_SEED) for run in runs):
        text = card(arguments.task, TASKS[arguments.task], runs)
        (folder_of(arguments.task) / "README.md").write_text(text, encoding="utf8")


if __name__ == "__main__":
    main()
