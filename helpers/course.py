"""Profiles: the same notebook on the bundled model and data, or on the originals from the Hugging Face Hub.

``COURSE_PROFILE=mini`` (the default) uses what lies in ``data/`` and never touches the network.
``COURSE_PROFILE=full`` downloads ``bert-base-uncased`` and the public benchmarks, pinned by revision.
``COURSE_DATASETS=<folder>`` makes data set names resolve to Parquet files in a local folder instead of the Hub.
A notebook never asks which of these is on: it asks for things by name.
"""

from __future__ import annotations

import importlib.metadata
import io
import logging
import os
import random
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from helpers.bundle import verified
from helpers.errors import CourseError
from helpers.reading import read_folder, read_splits
from helpers.sources import CHECKPOINTS, DATASETS, FINE_TUNED, Checkpoint, DataSource, FineTuned

if TYPE_CHECKING:
    from datasets import DatasetDict
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

PROFILES = ("mini", "full")
SPLITS = ("train", "validation")
HEADS = {
    "classes": "AutoModelForSequenceClassification",
    "tags": "AutoModelForTokenClassification",
    "answers": "AutoModelForQuestionAnswering",
}
LOSING_WINDOWS = ("0.23.1", "0.23.2")  # of tokenizers: huggingface/tokenizers issue 2091
MODEL_FILES = ["*.json", "vocab.*", "model.safetensors"]  # weights as safetensors only: a pickle can run code


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
    """Begin a notebook: seed every random number generator, quiet the logs, set the plot style, say profile and device.

    In profile full, or with data from ``COURSE_DATASETS``, what a notebook asserts is only remarked if it fails
    (``helpers.claims``): it was measured on the bundled model and data.

    Raises:
        CourseError: ``COURSE_PROFILE`` is neither mini nor full, or this is a release of tokenizers that silently loses text.
    """
    import datasets
    import matplotlib.pyplot as plt
    import numpy as np
    import torch
    import transformers

    from helpers import claims, device

    name = profile()
    if (release := importlib.metadata.version("tokenizers")) in LOSING_WINDOWS:
        raise CourseError(
            f"tokenizers {release} silently drops most windows of a long text: run pip install 'tokenizers!={',!='.join(LOSING_WINDOWS)}' "
            "and restart the kernel."
        )
    if isinstance(
        sys.stdout, io.TextIOWrapper
    ):  # a script in a terminal that knows ASCII only: "?" is better than an error
        sys.stdout.reconfigure(errors="replace")
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
    if name == "full" or _mirror():
        from IPython import get_ipython

        claims.assertions_as_remarks(get_ipython())
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
    return _download(source, MODEL_FILES, "model")


def fine_tuned(task: str, **settings: object) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A model that already knows a task, in float32 and evaluation mode, and the tokenizer that belongs to it.

    In mini it is ``bert-mini`` with the bundled LoRA adapter (Hu et al. 2021) merged into its weights, in full a public checkpoint.
    ``model.config.id2label`` has the label names of ``dataset``; their order is the model's own, so read it from there.

    Args:
        task: "sentiment", "topics", "nli", "entities" or "questions".
        settings: for ``from_pretrained``, such as ``attn_implementation="eager"``.

    Raises:
        CourseError: the name is unknown, a bundled file is missing or damaged, the labels are not the course's,
            or (full) the download failed.
    """
    import transformers

    from helpers.padding import longest_input

    source = _named(FINE_TUNED, task, "fine-tuned model")
    names = DATASETS[source.dataset].names
    auto = getattr(transformers, HEADS[source.kind])
    if profile() == "mini":
        from peft import PeftModel

        folder, base = verified(source.folder), checkpoint("bert")
        model = auto.from_pretrained(base, **_labels(names), **settings).float()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft's call into transformers, nothing a reader can change
            model = PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
        model.requires_grad_(True)  # peft has frozen it; like any checkpoint, it can be trained further
        return model.eval(), transformers.AutoTokenizer.from_pretrained(base)
    folder = _download(source, MODEL_FILES, "model")
    model = auto.from_pretrained(folder, use_safetensors=True, **settings).float()
    if names:
        model.config.update(_labels(_course_names(source, model.config.id2label, names)))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    # An old checkpoint may not say how much it reads; then a pipeline would not cut, and the model would fail.
    tokenizer.model_max_length = min(tokenizer.model_max_length, longest_input(model.config))
    return model.eval(), tokenizer


def _labels(names: Sequence[str]) -> dict[str, dict]:
    """The two tables of a configuration; none for no names."""
    return {"id2label": dict(enumerate(names)), "label2id": {n: i for i, n in enumerate(names)}} if names else {}


def _course_names(source: FineTuned, own: dict[int, str], names: Sequence[str]) -> list[str]:
    """The course's spelling of a public model's label names, in the model's order."""
    spelt = {name.lower(): name for name in names}
    if source.numbered:
        spelt |= {f"label_{i}": name for i, name in enumerate(names)}
    found = [spelt.get(own[i].lower()) for i in sorted(own)]
    if sorted(map(str, found)) != sorted(names):
        raise CourseError(
            f"{source.hub_id} has the labels {', '.join(own.values())}, not the course's {', '.join(names)}: "
            "its revision is not the one that the course was written for."
        )
    return found


def dataset(name: str) -> DatasetDict:
    """A data set by name, as a ``DatasetDict`` with the splits ``train`` and ``validation``.

    Column and label names are the same in every profile; ``helpers.sources.DATASETS`` lists them.

    Args:
        name: "sentiment", "long_reviews", "topics", "paraphrase", "nli", "entities", "questions" or "corpus".

    Raises:
        CourseError: the name is unknown, a file is missing or damaged or lacks a column, or (full) the download failed.
    """
    source = _named(DATASETS, name, "data set")
    if _mirror():
        return read_splits(_local_files(Path(_mirror()), source), source)
    if profile() == "mini":
        return read_folder(verified(source.folder), source)
    folder = Path(_download(source, list(source.files), "dataset"))
    return read_splits(
        {split: sorted(folder.glob(files)) for split, files in zip(SPLITS, source.files, strict=True)}, source
    )


def _mirror() -> str:
    """The folder of local data sets, from ``COURSE_DATASETS``; empty if it is not set."""
    return os.environ.get("COURSE_DATASETS", "").strip()


def _local_files(root: Path, source: DataSource) -> dict[str, list[Path]]:
    """Files of a mirror below ``root``: ``<folder>/<split>.parquet``, the folder by any of the source's names."""
    folder = next((root / name for name in source.local if (root / name).is_dir()), root / source.local[0])
    files = {split: [folder / f"{split}.parquet"] for split in SPLITS}
    if source.split_off and not files["validation"][0].exists():
        del files["validation"]
    return files


def _named(known: dict, name: str, kind: str) -> Checkpoint | FineTuned | DataSource:
    if name not in known:
        raise CourseError(f"There is no {kind} named {name!r} in this course; the names are {', '.join(known)}.")
    return known[name]


def _download(source: Checkpoint | FineTuned | DataSource, patterns: list[str], kind: str) -> str:
    from helpers.downloads import download

    return download(source.hub_id, source.revision, tuple(patterns), kind)
