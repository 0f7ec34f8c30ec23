"""Data files of any of the course's kinds (CSV, JSON lines, Parquet) into a ``DatasetDict`` with typed columns and label names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.errors import CourseError
from helpers.sources import Column, DataSource

if TYPE_CHECKING:
    import pandas as pd
    from datasets import DatasetDict, Features

HELD_OUT_EVERY = 10  # where there is no validation file: every tenth row of the training file


def features(source: DataSource) -> Features:
    """The column types of a source, label names included."""
    from datasets import ClassLabel, Features, List, Value

    def feature(column: Column) -> Any:
        if column.kind in ("label", "tags"):
            label = ClassLabel(names=list(column.names))
            return label if column.kind == "label" else List(label)
        if column.kind == "words":
            return List(Value("string"))
        if column.kind == "answers":
            return {"text": List(Value("string")), "answer_start": List(Value("int32"))}
        return Value("string")

    return Features({name: feature(column) for name, column in source.columns.items()})


def read_splits(paths: dict[str, list[Path]], source: DataSource) -> DatasetDict:
    """Read the files of each split, keep the course's columns in the course's order, and give labels their names.

    Args:
        paths: split -> its files; several files of a split are joined. Without a "validation", every tenth row of
            "train" becomes it.
        source: what the columns are called and hold.

    Raises:
        CourseError: a file is missing or damaged, lacks a column, or holds a label or a text that cannot be; the sentence
            names file, row and value.
    """
    from datasets import Dataset, DatasetDict

    splits: dict[str, Dataset] = {}
    for split, files in paths.items():
        if not files:
            raise CourseError(
                f"There is no {split} file of {source.hub_id} ({source.folder}); was the download cut off?"
            )
        parts = [_columns(_frame(path), path, source) for path in files]
        joined = {name: [value for part in parts for value in part[name]] for name in source.columns}
        splits[split] = Dataset.from_dict(joined, features=features(source))
    if "validation" not in splits:
        rows = range(len(splits["train"]))
        splits["validation"] = splits["train"].select([row for row in rows if row % HELD_OUT_EVERY == 0])
        splits["train"] = splits["train"].select([row for row in rows if row % HELD_OUT_EVERY])
    return DatasetDict(splits)


def read_folder(folder: Path, source: DataSource) -> DatasetDict:
    """``read_splits`` of a bundled folder: its files ``train.*`` and ``validation.*``."""
    return read_splits({split: sorted(folder.glob(f"{split}.*")) for split in ("train", "validation")}, source)


def _frame(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        if path.suffix == ".csv":
            return pd.read_csv(path, keep_default_na=False)
        if path.suffix == ".jsonl":
            return pd.read_json(path, lines=True, dtype=False, encoding="utf8")
        return pd.read_parquet(path)
    except Exception as error:  # pandas and pyarrow raise many kinds for missing and for damaged files
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CourseError(f"Could not read {path} ({reason}); is it there, and is it whole?") from error


def _columns(frame: pd.DataFrame, path: Path, source: DataSource) -> dict[str, list]:
    missing = [column for column in source.columns if column not in frame.columns]
    if missing:
        raise CourseError(f"{path} has no column {missing[0]!r}: it has {', '.join(map(repr, frame.columns))}.")
    if source.min_words > 1:
        frame = frame[frame[next(iter(source.columns))].str.split().str.len() >= source.min_words]
    columns = {}
    for name, column in source.columns.items():
        reader = {"label": _label, "tags": _tags, "words": _words, "answers": _answers}.get(column.kind, _text)
        values = frame[name].tolist()
        columns[name] = [None] * len(values)
        for row, value in enumerate(values):
            try:
                columns[name][row] = reader(value, column)
            except (TypeError, ValueError, KeyError):
                shown = repr(value)[:60]
                known = f"; known are {', '.join(column.names)}" if column.names else ""
                raise CourseError(f"{path}, row {row + 1}: {shown} is no {name}{known}.") from None
    return columns


def _text(value: Any, column: Column) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _label(value: Any, column: Column) -> int:
    number = column.names.index(value) if isinstance(value, str) else int(value)
    if not 0 <= number < len(column.names):
        raise ValueError
    return number


def _tags(value: Any, column: Column) -> list[int]:
    return [_label(tag, column) for tag in value]


def _words(value: Any, column: Column) -> list[str]:
    return [_text(word, column) for word in value]


def _answers(value: Any, column: Column) -> dict[str, list]:
    starts = [int(start) for start in value["answer_start"]]
    texts = [_text(text, column) for text in value["text"]]
    if len(starts) != len(texts):
        raise ValueError
    return {"text": texts, "answer_start": starts}
