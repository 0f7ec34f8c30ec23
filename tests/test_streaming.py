"""A corpus that is too large for memory: its vectors are those of ``embed``, and a run that was stopped loses nothing."""

import contextlib
import itertools
import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
import torch
from datasets import Dataset, IterableDataset
from transformers import AutoTokenizer, BertConfig, BertModel

from helpers import course, streaming
from helpers.bundle import ROOT
from helpers.embeddings import embed
from helpers.errors import CourseError
from helpers.measure import measure
from helpers.streaming import embed_to_parquet
from tests.test_training import resource

TOKENIZER = AutoTokenizer.from_pretrained(course.checkpoint("bert"))


def small(seed=1):
    torch.manual_seed(seed)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    return BertModel(BertConfig(**sizes), add_pooling_layer=False).eval()


MODEL = small()
TEXTS = [f"Line {number} " + "and so on " * (number % 7) for number in range(25)]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    """Ten rows a chunk, so that few rows make several parts."""
    monkeypatch.setattr(streaming, "CHUNK", 10)


def rows(texts=TEXTS, **more):
    for number, text in enumerate(texts):
        yield {"id": number, "text": text, **more}


def stream(texts=TEXTS) -> IterableDataset:
    return Dataset.from_list(list(rows(texts))).to_iterable_dataset()


def names(folder) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


@pytest.mark.parametrize("settings", [{}, {"layer": 1, "pooling": "cls"}])
@pytest.mark.parametrize("make", [stream, rows])
def test_the_vectors_are_those_of_embed(make, settings, tmp_path):
    assert embed_to_parquet(make(), tmp_path / "new" / "out.parquet", MODEL, TOKENIZER, **settings) == 25
    assert names(tmp_path) == {"out.parquet"}
    path = str(tmp_path / "new" / "out.parquet")
    found = Dataset.from_parquet(path, cache_dir=str(tmp_path / "cache"))
    assert found.column_names == ["id", "text", "vector"]
    assert found["id"][:] == list(range(25)) and found["text"][:] == TEXTS
    torch.testing.assert_close(torch.tensor(found["vector"][:]), embed(TEXTS, MODEL, TOKENIZER, **settings))
    assert pq.ParquetFile(path).num_row_groups == 3


class Broken(Exception):
    pass


def interrupted(at=23):
    yield from itertools.islice(rows(), at)
    raise Broken


class Counting(torch.nn.Module):
    """A model that counts the texts which it reads."""

    def __init__(self, model):
        super().__init__()
        self.model, self.config, self.device, self.read = model, model.config, model.device, 0

    def forward(self, input_ids, **more):
        self.read += len(input_ids)
        return self.model(input_ids, **more)


def test_a_run_that_was_stopped_goes_on(tmp_path):
    path = tmp_path / "out.parquet"
    with pytest.raises(Broken):
        embed_to_parquet(interrupted(), path, MODEL, TOKENIZER)
    assert names(tmp_path) == {"000000.parquet", "000001.parquet"}, "nothing half-written, and not under the final name"
    model = Counting(MODEL)
    assert embed_to_parquet(rows(), path, model, TOKENIZER) == 25
    assert model.read == 2 + 5, "one text of each finished part, and the five that were missing"
    torch.testing.assert_close(torch.tensor(pq.read_table(path)["vector"].to_pylist()), embed(TEXTS, MODEL, TOKENIZER))


@pytest.mark.parametrize("change", ["model", "rows", "pooling", "max_length", "damage"])
def test_a_part_of_another_run_is_not_taken_over(change, tmp_path):
    path = tmp_path / "out.parquet"
    with pytest.raises(Broken):
        embed_to_parquet(interrupted(), path, MODEL, TOKENIZER)
    model, texts, settings = MODEL, TEXTS, {}
    if change == "model":
        model = small(2)
    if change == "rows":
        texts = ["Another line", *TEXTS[1:]]
    if change == "pooling":
        settings = {"pooling": "max"}
    if change == "max_length":
        settings = {"max_length": 8}
    if change == "damage":
        part = tmp_path / "out.parquet.parts" / "000000.parquet"
        part.write_bytes(part.read_bytes()[:-20])
    with pytest.warns(UserWarning, match="more than 8 tokens") if change == "max_length" else contextlib.nullcontext():
        embed_to_parquet(rows(texts), path, model, TOKENIZER, **settings)
        expected = embed(texts, model, TOKENIZER, **settings)
    torch.testing.assert_close(torch.tensor(pq.read_table(path)["vector"].to_pylist()), expected)


KILLED = """
from tests.test_streaming import MODEL, TOKENIZER, embed_to_parquet, rows, streaming
import os, signal
def stopping():
    for row in rows():
        if row["id"] == 17:
            os.kill(os.getpid(), signal.SIGKILL)
        yield row
streaming.CHUNK = 10
embed_to_parquet(stopping(), {path!r}, MODEL, TOKENIZER)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal there")
def test_a_killed_run_goes_on(tmp_path):
    path = tmp_path / "out.parquet"
    path.write_bytes(b"the older file")
    code = KILLED.format(path=str(path))
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**os.environ}).returncode == -9
    assert path.read_bytes() == b"the older file"
    model = Counting(MODEL)
    assert embed_to_parquet(rows(), path, model, TOKENIZER) == 25 and model.read == 1 + 15


def peak(count: int, folder) -> float:
    texts = (f"line {number}" for number in range(count))
    with measure() as cost:
        embed_to_parquet(({"text": text, "more": text * 1000} for text in texts), folder / f"{count}", MODEL, TOKENIZER)
    return cost.megabytes


def test_memory_does_not_grow_with_the_rows(tmp_path, monkeypatch):
    """8,000 rows are 80 MB of text; a way that keeps them takes that and more."""
    monkeypatch.setattr(streaming, "CHUNK", 200)
    peak(1000, tmp_path)  # what is loaded and set up once
    assert peak(8000, tmp_path) < 40


def test_cut_texts_are_said_once_for_all(tmp_path):
    with pytest.warns(UserWarning, match=r"17 of 25 texts have more than 8 tokens .*\(text 2 has 10\)") as said:
        embed_to_parquet(rows(), tmp_path / "out.parquet", MODEL, TOKENIZER, max_length=8)
    assert len(said) == 1


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([{"words": "a"}], "Row 0 has no column 'text'; it has 'words'"),
        ([*rows(), {"id": 25}], "Row 25 has no column 'text'; it has 'id'"),
        ([*rows(), {"id": 25, "text": " "}], "Row 25 has no text in 'text' but ' '; leave such rows out first"),
        ([*rows(), {"id": 25, "text": None}], "Row 25 has no text in 'text' but None"),
        ([{"text": "a", "vector": 1}], "Row 0 has a column 'vector' already"),
        ([*rows(), {"id": "x", "text": "a"}], "A row from 20 to 25 has other types than the rows before it"),
        ([], "There is nothing to embed: no row came"),
    ],
)
def test_bad_rows_are_one_sentence_and_leave_no_file(bad, message, tmp_path):
    with pytest.raises(CourseError, match=message) as error:
        embed_to_parquet(iter(bad), tmp_path / "out.parquet", MODEL, TOKENIZER)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out.parquet").exists()


def test_two_at_once_are_refused(tmp_path):
    def second():
        for row in rows():
            if row["id"] == 12:
                with pytest.raises(CourseError, match="is being written by another process now"):
                    embed_to_parquet(rows(), tmp_path / "out.parquet", MODEL, TOKENIZER)
            yield row

    assert embed_to_parquet(second(), tmp_path / "out.parquet", MODEL, TOKENIZER) == 25


@pytest.mark.skipif(resource is None, reason="this system has no limit on the size of a file")
def test_a_full_disk_is_one_sentence_and_keeps_what_is_done(tmp_path):
    path, before = tmp_path / "out.parquet", resource.getrlimit(resource.RLIMIT_FSIZE)

    def filling():
        for row in rows():
            if row["id"] == 20:
                resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
            yield row

    try:
        with pytest.raises(
            CourseError, match=r"Could not write .*make room there .*the first 20 rows are kept"
        ) as error:
            embed_to_parquet(filling(), path, MODEL, TOKENIZER)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(error.value)
    assert names(tmp_path) == {"000000.parquet", "000001.parquet"}
    assert embed_to_parquet(rows(), path, MODEL, TOKENIZER) == 25
