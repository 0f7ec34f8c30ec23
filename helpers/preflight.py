"""What ``fine_tune`` looks at before it starts: the rows, their labels, and the folder that it is to write to."""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from helpers.errors import CourseError
from helpers.tasks import IGNORE

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel

RECORD = "fine_tune.json"  # beside the checkpoints: what is being trained, and how


def head_of(model: PreTrainedModel) -> str:
    """What a model was given to do: SequenceClassification, TokenClassification, QuestionAnswering, ..."""
    return type(model).__name__.rpartition("For")[2]


def processes() -> int:
    """How many processes train together: what ``accelerate launch`` and ``torchrun`` say, 1 without them."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def first_process() -> bool:
    """Whether this process is the one that prints, and writes what all have made together."""
    return os.environ.get("RANK", "0") == "0"


def share_of(batch_size: int) -> int:
    """The rows of a batch that fall to each process, so that a step has ``batch_size`` rows however many they are.

    Raises:
        CourseError: the batch cannot be divided evenly.
    """
    if batch_size % processes():
        raise CourseError(
            f"A batch of {batch_size} rows cannot be divided evenly among {processes()} processes: choose a multiple of {processes()}."
        )
    return batch_size // processes()


def check_split(rows: Dataset, name: str, model: PreTrainedModel, least: int) -> None:
    """Refuse rows that ``model`` cannot be trained on.

    Args:
        rows: a tokenised split.
        name: what to call it.
        model: the one to train; its head says which columns it needs, its configuration how many labels there are.
        least: the smallest number of rows (a batch, for the training split).

    Raises:
        CourseError: see ``helpers.training.fine_tune``.
    """
    if not len(rows):
        raise CourseError(f"The {name} split is empty.")
    if len(rows) < least:
        raise CourseError(
            f"The {name} split has {len(rows)} rows, fewer than a batch of {least}: choose a smaller batch_size."
        )
    if "input_ids" not in rows.column_names:
        raise CourseError(f"The {name} split has no column input_ids: tokenise it first, as in dataset.map(...).")
    if head_of(model) == "QuestionAnswering":
        missing = {"start_positions", "end_positions"} - set(rows.column_names)
        if missing:
            raise CourseError(f"The {name} split has no column {' and no column '.join(sorted(missing))}.")
        return
    column = next((c for c in ("labels", "label") if c in rows.column_names), None)
    if column is None:
        raise CourseError(f"The {name} split has no column labels (or label); it has {', '.join(rows.column_names)}.")
    if head_of(model) in ("SequenceClassification", "TokenClassification"):
        _check_labels(rows, column, name, model)


def _check_labels(rows: Dataset, column: str, name: str, model: PreTrainedModel) -> None:
    count, seen = model.config.num_labels, set()
    for number, value in enumerate(rows[column], 1):
        own = value if isinstance(value, list) else [value]
        wrong = [x for x in own if not isinstance(x, int) or isinstance(x, bool) or not (0 <= x < count or x == IGNORE)]
        if wrong or (own is not value and value == IGNORE):
            raise CourseError(
                f"Row {number} of the {name} split has the label {(wrong or own)[0]!r}, but the model's labels are "
                f"whole numbers from 0 to {count - 1} ({', '.join(model.config.id2label.values())})."
            )
        seen |= set(own) - {IGNORE}
    if name == "training" and len(seen) < 2:
        raise CourseError(
            f"Every row of the training split has the label {min(seen, default='none')}: a model cannot learn a difference "
            "from one class only."
        )


def record_of(model: PreTrainedModel, train: Dataset, **settings: object) -> dict:
    """What makes a run the same run: the kind of model, the rows, the settings."""
    config = model.config
    size = [getattr(config, name, None) for name in ("num_hidden_layers", "hidden_size", "vocab_size")]
    labels = [config.id2label[i] for i in sorted(config.id2label)] if head_of(model) != "QuestionAnswering" else []
    tokens = sum(len(ids) for ids in train["input_ids"])
    return {
        "model": {"class": type(model).__name__, "size": size, "labels": labels},
        "settings": {"rows": len(train), "tokens": tokens, **settings},
    }


def last_checkpoint(folder: Path, record: dict) -> Path | None:
    """The last whole checkpoint of the same run in ``folder``, or ``None``. One that was cut off while it was written is passed over.

    Raises:
        CourseError: the folder holds checkpoints of another model, or of the same with other settings or rows.
    """
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: -int(path.name.rpartition("-")[2]))
    if not found:
        return None
    try:
        held = json.loads((folder / RECORD).read_text(encoding="utf8"))
    except (OSError, ValueError):
        held = {}
    advice = "choose another folder, or delete this one"
    if held.get("model") != record["model"]:
        raise CourseError(f"{folder} holds checkpoints of another model ({_said(held.get('model'))}): {advice}.")
    other = [
        f"{k} {held['settings'].get(k)}, not {v}" for k, v in record["settings"].items() if held["settings"].get(k) != v
    ]
    if other:
        raise CourseError(f"{folder} holds checkpoints of another run ({'; '.join(other)}): {advice}.")
    return next((path for path in found if _whole(path)), None)


@contextlib.contextmanager
def alone(folder: Path, record: dict) -> Iterator[None]:
    """Keep a second training out of ``folder`` while this one writes to it; a killed process lets go by itself.

    Of the processes that train together (``accelerate launch``), the first one holds the folder for all, and puts ``record`` there.

    Raises:
        CourseError: another training writes there now.
    """
    if not first_process():
        yield
        return
    lock = filelock.FileLock(folder / "fine_tune.lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise CourseError(
            f"Another training is writing to {folder} now, perhaps in another notebook: wait for its end, or choose another folder."
        ) from None
    except (OSError, NotImplementedError):  # some mounted drives know no locks; better unguarded than not at all
        pass
    try:
        (folder / RECORD).write_text(json.dumps(record, indent=1), encoding="utf8")
        yield
    finally:
        lock.release()


def _said(model: dict | None) -> str:
    return (
        f"{model['class']} with the labels {', '.join(model['labels']) or 'none'}" if model else "not made by fine_tune"
    )


def _whole(checkpoint: Path) -> bool:
    """``Trainer`` writes trainer_state.json last; and a disk that failed later may have cut off what was whole once."""
    from safetensors import SafetensorError, safe_open

    try:
        json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf8"))
        weights = checkpoint / "adapter_model.safetensors"  # of LoRA only the adapter is saved
        with safe_open(
            weights if weights.exists() else checkpoint / "model.safetensors", "pt"
        ):  # compares the file's length with its table of contents
            pass
    except (OSError, ValueError, SafetensorError):
        return False
    return all(map(zipfile.is_zipfile, checkpoint.glob("*.pt")))  # torch's files are zips, their contents at the end
