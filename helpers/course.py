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
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.bundle import verified
from helpers.errors import CourseError
from helpers.reading import read_folder, read_splits
from helpers.sources import CHECKPOINTS, DATASETS, Checkpoint, DataSource

if TYPE_CHECKING:
    from datasets import DatasetDict

PROFILES = ("mini", "full")
SPLITS = ("train", "validation")


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

    Column and label names are the same in every profile; ``helpers.sources.DATASETS`` lists them.

    Args:
        name: "sentiment", "long_reviews", "topics", "paraphrase", "nli", "entities", "questions" or "corpus".

    Raises:
        CourseError: the name is unknown, a file is missing or damaged or lacks a column, or (full) the download failed.
    """
    source = _named(DATASETS, name, "data set")
    local = os.environ.get("COURSE_DATASETS", "").strip()
    if local:
        return read_splits(_local_files(Path(local), source), source)
    if profile() == "mini":
        return read_folder(verified(source.folder), source)
    folder = Path(_download(source, list(source.files), "dataset"))
    return read_splits(
        {split: sorted(folder.glob(files)) for split, files in zip(SPLITS, source.files, strict=True)}, source
    )


def _local_files(root: Path, source: DataSource) -> dict[str, list[Path]]:
    """Files of a mirror below ``root``: ``<folder>/<split>.parquet``, the folder by any of the source's names."""
    folder = next((root / name for name in source.local if (root / name).is_dir()), root / source.local[0])
    files = {split: [folder / f"{split}.parquet"] for split in SPLITS}
    if source.split_off and not files["validation"][0].exists():
        del files["validation"]
    return files


def _named(known: dict, name: str, kind: str) -> Checkpoint | DataSource:
    if name not in known:
        raise CourseError(f"There is no {kind} named {name!r} in this course; the names are {', '.join(known)}.")
    return known[name]


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
