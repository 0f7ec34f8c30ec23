"""Profiles: the same notebook on the bundled model and data, or on the originals from the Hugging Face Hub.

``COURSE_PROFILE=mini`` (the default) uses what lies in ``data/`` and never touches the network.
``COURSE_PROFILE=full`` downloads ``bert-base-uncased`` and the public benchmarks, pinned by revision.
``COURSE_DATASETS=<folder>`` makes data set names resolve to Parquet files in a local folder instead of the Hub.
A notebook never asks which of these is on: it asks for things by name.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.bundle import verified
from helpers.errors import CourseError

if TYPE_CHECKING:
    from datasets import DatasetDict, Features

PROFILES = ("mini", "full")


@dataclass(frozen=True)
class Checkpoint:
    """A model by its name in the course: the bundled folder, and the original on the Hub at one revision."""

    folder: str
    hub_id: str
    revision: str


@dataclass(frozen=True)
class DataSource:
    """A data set by its name in the course; ``columns`` maps each to its label names, or to ``None`` for plain text."""

    folder: str
    hub_id: str
    revision: str
    local: str
    columns: dict[str, tuple[str, ...] | None]


CHECKPOINTS = {
    "bert": Checkpoint("models/bert-mini", "google-bert/bert-base-uncased", "86b5e0934494bd15c9632b12f734a8a67f723594"),
    "distilbert": Checkpoint(
        "models/bert-mini", "distilbert/distilbert-base-uncased", "12040accade4e8a0f71eabdb258fecc2e7e948be"
    ),
}
DATASETS = {
    "sentiment": DataSource(
        "reviews",
        "stanfordnlp/sst2",
        "8d51e7e4887a4caaa95b3fbebbf53c0490b58bbb",
        "glue-sst2",
        {"sentence": None, "label": ("negative", "positive")},
    ),
}


def profile() -> str:
    """The profile that is on, from ``COURSE_PROFILE``.

    Raises:
        CourseError: ``COURSE_PROFILE`` is neither mini nor full.
    """
    name = os.environ.get("COURSE_PROFILE", "").strip().lower() or "mini"
    if name not in PROFILES:
        raise CourseError(f"COURSE_PROFILE is '{name}', but it must be mini (the default, offline) or full.")
    return name


def start(seed: int = 42) -> None:
    """Begin a notebook: seed every random number generator, quiet the logs, set the plot style, say profile and device."""
    import datasets
    import matplotlib.pyplot as plt
    import numpy as np
    import torch
    import transformers

    from helpers import device

    name = profile()
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    plt.rcParams.update(
        {"figure.dpi": 90, "figure.figsize": (7, 3.5), "axes.spines.top": False, "axes.spines.right": False}
        | {
            "image.cmap": "cividis",
            "axes.titlelocation": "left",
            "font.size": 10,
            "figure.constrained_layout.use": True,
        }
    )
    print(f"profile {name} · {device.describe(device.best())} · seed {seed}")


def checkpoint(name: str) -> str:
    """The folder of a pre-trained model, for ``from_pretrained``.

    Args:
        name: "bert" or "distilbert".

    Raises:
        CourseError: the name is unknown, a bundled file is missing or damaged, or (full) the download failed.
    """
    source = _named(CHECKPOINTS, name, "checkpoint")
    if profile() == "mini":
        return str(verified(source.folder))
    return _download(source, ["*.json", "vocab.txt", "model.safetensors"], "model")


def dataset(name: str) -> DatasetDict:
    """A data set by name, as a ``DatasetDict`` with the splits ``train`` and ``validation``.

    Column and label names are the same in every profile.

    Args:
        name: "sentiment" (columns ``sentence`` and ``label``: negative, positive).

    Raises:
        CourseError: the name is unknown, a file is missing or damaged or lacks a column, or (full) the download failed.
    """
    source = _named(DATASETS, name, "data set")
    local = os.environ.get("COURSE_DATASETS", "").strip()
    if local:
        return _read({s: Path(local) / source.local / f"{s}.parquet" for s in ("train", "validation")}, source)
    if profile() == "mini":
        folder = verified(source.folder)
        return _read({split: folder / f"{split}.csv" for split in ("train", "validation")}, source)
    folder = Path(_download(source, ["data/train-*.parquet", "data/validation-*.parquet"], "dataset"))
    return _read({s: next(iter(sorted(folder.glob(f"data/{s}-*"))), folder) for s in ("train", "validation")}, source)


def _named(known: dict, name: str, kind: str) -> Checkpoint | DataSource:
    if name not in known:
        raise CourseError(f"There is no {kind} named {name!r} in this course; the names are {', '.join(known)}.")
    return known[name]


def _features(source: DataSource) -> Features:
    from datasets import ClassLabel, Features, Value

    return Features({c: ClassLabel(names=list(n)) if n else Value("string") for c, n in source.columns.items()})


def _read(paths: dict[str, Path], source: DataSource) -> DatasetDict:
    """Read a CSV or Parquet file a split, keep the course's columns in the course's order, and give labels their names."""
    import pandas as pd
    from datasets import Dataset, DatasetDict

    splits = {}
    for split, path in paths.items():
        try:
            frame = pd.read_csv(path, keep_default_na=False) if path.suffix == ".csv" else pd.read_parquet(path)
        except Exception as error:  # pandas and pyarrow raise many kinds for missing and for damaged files
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise CourseError(f"Could not read {path} ({reason}); is it there, and is it whole?") from error
        missing = [column for column in source.columns if column not in frame.columns]
        if missing:
            raise CourseError(f"{path} has no column {missing[0]!r}: it has {', '.join(map(repr, frame.columns))}.")
        columns = {}
        for column, names in source.columns.items():
            values = frame[column].tolist()
            wrong = [v for v in values if names and v not in names and v not in range(len(names))]
            if wrong:
                raise CourseError(f"{path}: {wrong[0]!r} is no {column}; known are {', '.join(names)}.")
            columns[column] = [names.index(v) if names and v in names else v for v in values]
        splits[split] = Dataset.from_dict(columns, features=_features(source))
    return DatasetDict(splits)


def _download(source: Checkpoint | DataSource, patterns: list[str], kind: str) -> str:
    """The folder of a pinned revision: from the Hub, or from its cache on this machine if that is complete."""
    from huggingface_hub import HfApi, snapshot_download

    wanted = {"repo_id": source.hub_id, "revision": source.revision, "repo_type": kind}
    try:
        HfApi().repo_info(
            **wanted, timeout=10
        )  # one quick question: without a network a download tries for half a minute
        return snapshot_download(**wanted, allow_patterns=patterns)
    except Exception as error:  # no network, a proxy, a full disk, a moved repository: one sentence for all
        with contextlib.suppress(Exception):
            folder = snapshot_download(**wanted, allow_patterns=patterns, local_files_only=True)
            if all(any(Path(folder).glob(pattern)) for pattern in patterns):
                return folder
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CourseError(
            f"Could not download {source.hub_id} (revision {source.revision[:8]}) from the Hugging Face Hub: {reason} "
            "- COURSE_PROFILE=mini works without a network."
        ) from error
