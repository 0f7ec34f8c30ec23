"""A corpus that does not fit into memory: its rows come one after the other, and their vectors go to a Parquet file."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import filelock
import torch

from helpers.embeddings import CHUNK, checked_layers, embed_chunk, warn_of_cuts
from helpers.errors import CourseError
from helpers.padding import longest_input

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import IterableDataset
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

VECTOR = "vector"  # the column that is added


def embed_to_parquet(
    rows: IterableDataset | Iterable[dict[str, Any]],
    path: str | Path,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    column: str = "text",
    *,
    layer: int = -1,
    pooling: str = "mean",
    max_tokens: int | None = None,
    max_length: int = 512,
    dtype: torch.dtype | None = None,
) -> int:
    """Write all rows with their vectors to a Parquet file, in memory that does not grow with their number.

    The file appears under its name when it is complete. Until then finished parts lie in a folder beside it, and a run that was
    stopped goes on there: a part is taken over if it has the same rows and the model gives the vector of its longest text again.

    Args:
        rows: a ``datasets.IterableDataset``, or any iterable of dictionaries with the same keys.
        path: where to write; an older file is replaced at the end. ``datasets.Dataset.from_parquet(path)`` reads it.
        model: as for ``helpers.embeddings.embed``, as are the arguments that are not named here.
        tokenizer: the model's own.
        column: the one that holds the text.
        layer: one index into the hidden states.
        pooling: "cls", "mean" or "max".
        max_tokens: rows times width of a batch.
        max_length: longer texts are cut, with a warning.
        dtype: the number format of the products.

    Returns:
        How many rows were written.

    Raises:
        CourseError: there are no rows; one lacks the column, has no text there, has a vector already or other types than those before
            it; an unknown layer or pooling; the file cannot be written; another process writes it now.
    """
    path = Path(path)
    settings = (checked_layers(model, tokenizer, [layer], pooling), pooling, max_tokens)
    limit = min(max_length, longest_input(model.config))
    parts, schema, count, cut = path.with_name(f"{path.name}.parts"), None, 0, {}
    with _saving(path, count):
        parts.mkdir(parents=True, exist_ok=True)
    with _alone(path):
        for number, chunk in enumerate(_chunks(rows)):
            texts = [_text(row, column, count + place) for place, row in enumerate(chunk)]
            schema = schema or _schema(rows, chunk, model.config.hidden_size)
            part, table = parts / f"{number:06}.parquet", _table(chunk, schema, count)
            held, probe = _held(part, table), max(range(len(texts)), key=lambda place: len(texts[place]))
            if held is not None:  # same rows; the longest text shows whether the model and the settings are the same
                again, _ = embed_chunk([texts[probe]], model, tokenizer, *settings, limit, dtype)
            if held is None or not _alike(held[probe], again[0, 0]):
                vectors, long = embed_chunk(texts, model, tokenizer, *settings, limit, dtype)
                cut |= {count + place: length for place, length in long.items()}
                with _saving(path, count):
                    _write(part, [_with(table, vectors[:, 0], schema)])
            count += len(chunk)
        if not count:
            raise CourseError("There is nothing to embed: no row came.")
        with _saving(path, count):
            _write(path, map(_read, sorted(parts.glob("*.parquet"))[: number + 1]))
            shutil.rmtree(parts)
    warn_of_cuts(cut, count, limit)
    return count


@contextlib.contextmanager
def _saving(path: Path, count: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CourseError(
            f"Could not write {path} ({error.strerror or error}): make room there or choose another folder, then run it again; "
            f"the first {count:,} rows are kept."
        ) from error


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep a second process from writing the same file; a killed one lets go by itself."""
    try:
        with filelock.FileLock(path.with_name(f"{path.name}.lock"), timeout=0):
            yield
    except filelock.Timeout:
        raise CourseError(
            f"{path} is being written by another process now: wait for its end, or choose another name."
        ) from None


def _chunks(rows: Iterable[dict]) -> Iterator[list[dict]]:
    rows = iter(rows)
    while chunk := list(itertools.islice(rows, CHUNK)):
        yield chunk


def _text(row: dict, column: str, number: int) -> str:
    if column not in row:
        raise CourseError(f"Row {number} has no column {column!r}; it has {', '.join(map(repr, row))}.")
    if VECTOR in row:
        raise CourseError(f"Row {number} has a column {VECTOR!r} already; rename or remove it first.")
    text = row[column]
    if not isinstance(text, str) or not text.strip():
        raise CourseError(
            f"Row {number} has no text in {column!r} but {text!r}; leave such rows out first, as with filter."
        )
    return text


def _schema(rows: Iterable[dict], chunk: list[dict], width: int) -> pa.Schema:
    """The types of the columns as the data set states them, or else as the first rows show them; and the vector's."""
    import pyarrow as pa

    features = getattr(rows, "features", None)
    own = features.arrow_schema.remove_metadata() if features else pa.Table.from_pylist(chunk).schema
    return own.append(pa.field(VECTOR, pa.list_(pa.float32(), width)))


def _table(chunk: list[dict], schema: pa.Schema, begin: int) -> pa.Table:
    """The rows without their vectors."""
    import pyarrow as pa

    own = pa.schema([field for field in schema if field.name != VECTOR])
    try:
        return pa.Table.from_pylist(chunk, schema=own)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise CourseError(
            f"A row from {begin} to {begin + len(chunk) - 1} has other types than the rows before it ({error})."
        ) from error


def _with(table: pa.Table, vectors: torch.Tensor, schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    values = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1).numpy()), vectors.shape[1])
    return pa.Table.from_arrays([*table.columns, values], schema=schema)


def _read(path: Path) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path, memory_map=False).read()


def _held(part: Path, table: pa.Table) -> pa.ChunkedArray | None:
    """The vectors of a part from an earlier run, if it is whole and has the same rows."""
    import pyarrow as pa

    try:
        held = _read(part)
    except (OSError, pa.ArrowInvalid):  # not there, or cut off by a disk that failed
        return None
    if VECTOR not in held.column_names or not held.drop_columns(VECTOR).equals(table):
        return None
    return held[VECTOR]


def _alike(value: pa.Scalar, vector: torch.Tensor) -> bool:
    """Equal but for rounding."""
    held = torch.tensor(value.as_py())
    return held.shape == vector.shape and torch.cosine_similarity(held, vector, dim=0).item() > 0.9999


def _write(path: Path, tables: Iterable[pa.Table]) -> None:
    """Write a file, a row group a table, so that it is either complete or not there."""
    import pyarrow.parquet as pq

    tables = iter(tables)
    first = next(tables)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        with pq.ParquetWriter(unfinished, first.schema) as writer:
            for table in itertools.chain([first], tables):
                writer.write_table(table)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
