"""Profiles, bundled files and data sets: what users get, and one clear sentence where something is wrong."""

import importlib.metadata
import os
import random
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoTokenizer

from helpers import bundle, course, downloads
from helpers.errors import CourseError

SENTIMENT = course.DATASETS["sentiment"]


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess:
    """A fresh process in another folder; its network log is its own, so that a refused attempt does not fail the suite."""
    env = {**os.environ, "COURSE_NETWORK_LOG": "", **environment}
    return subprocess.run([sys.executable, "-c", code], env=env, cwd="/", capture_output=True, text=True, timeout=120)


@pytest.fixture
def own_data(tmp_path, monkeypatch):
    """A copy of the bundled data that a test may damage."""
    shutil.copytree(bundle.DATA / "reviews", tmp_path / "reviews")
    shutil.copy(bundle.DATA / "MANIFEST.json", tmp_path)
    monkeypatch.setattr(bundle, "DATA", tmp_path)
    bundle.verified.cache_clear()
    yield tmp_path
    bundle.verified.cache_clear()


def one_sentence(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 400
    return text


def test_import_is_light():
    code = (
        "import time; t = time.perf_counter(); import helpers; s = time.perf_counter() - t; import sys;"
        "print(s < 0.5, sorted({'torch', 'transformers', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    assert run_python(code).stdout.strip() == "True []"


def test_profile_defaults_to_mini_and_refuses_nonsense(monkeypatch):
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    assert course.profile() == "mini"
    monkeypatch.setenv("COURSE_PROFILE", " Full ")
    assert course.profile() == "full"
    monkeypatch.setenv("COURSE_PROFILE", "nonsense")
    for call in (course.start, lambda: course.checkpoint("bert"), lambda: course.dataset("sentiment")):
        with pytest.raises(CourseError, match=r"COURSE_PROFILE is 'nonsense', but it must be mini .* or full") as error:
            call()
        one_sentence(error)


def test_start_seeds_everything_and_says_where_it_runs(capsys):
    draws = []
    for _ in range(2):
        course.start(seed=3)
        draws.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert draws[0] == draws[1]
    assert capsys.readouterr().out.startswith("profile mini · cpu (")


@pytest.mark.parametrize("release", course.LOSING_WINDOWS)
def test_a_tokenizers_that_loses_windows_is_refused(release, monkeypatch):
    known = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: release if name == "tokenizers" else known(name))
    with pytest.raises(CourseError, match=f"tokenizers {release} silently drops most windows") as error:
        course.start()
    one_sentence(error)


def test_the_tokenizers_of_today_loses_no_window():
    """A passage of 100 words in windows of 10 that share 4: the last must end where the passage ends."""
    tokenizer = AutoTokenizer.from_pretrained(course.checkpoint("bert"))
    settings = {"truncation": True, "max_length": 12, "stride": 4, "return_overflowing_tokens": True}
    windows = tokenizer(" ".join(["word"] * 99 + ["end"]), **settings)["input_ids"]
    assert len(windows) == 16
    assert tokenizer.decode(windows[-1]).endswith("word end [SEP]")


@pytest.mark.parametrize("call", [course.checkpoint, course.dataset])
def test_unknown_names_are_refused_with_the_known_ones(call):
    with pytest.raises(CourseError, match=r"There is no .* named 'robert' in this course; the names are ") as error:
        call("robert")
    one_sentence(error)


def test_full_profile_without_a_network_is_one_sentence():
    code = "from helpers import course; course.{}"
    for wanted, hub in (
        ("checkpoint('bert')", "google-bert/bert-base-uncased"),
        ("dataset('sentiment')", "stanfordnlp/sst2"),
    ):
        done = run_python(code.format(wanted), COURSE_PROFILE="full", HF_HOME="/nonexistent", HF_HUB_ETAG_TIMEOUT="2")
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith(f"helpers.errors.CourseError: Could not download {hub} (revision "), last
        assert last.endswith("COURSE_PROFILE=mini works without a network."), last


def test_full_profile_uses_a_complete_cache_without_a_network(monkeypatch, tmp_path):
    """After one download the full profile works on the train, too; half a download does not count."""
    import huggingface_hub

    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "vocab.txt").write_text("")

    def snapshot(local_files_only=False, **wanted):
        assert wanted["revision"] == course.CHECKPOINTS["bert"].revision
        if not local_files_only:
            raise OSError("no network")
        return str(tmp_path)

    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    monkeypatch.setattr(huggingface_hub.HfApi, "repo_info", lambda self, **wanted: snapshot(**wanted))
    with pytest.raises(CourseError, match=r"Could not download google-bert/bert-base-uncased .*: no network"):
        course.checkpoint("bert")
    (tmp_path / "model.safetensors").write_text("")
    assert course.checkpoint("bert") == str(tmp_path)
    downloads.download.cache_clear()


def test_every_hub_source_is_pinned():
    for source in (*course.CHECKPOINTS.values(), *course.DATASETS.values()):
        assert len(source.revision) == 40
        assert int(source.revision, 16)


def reviews_are_said_to_be_damaged():
    bundle.verified.cache_clear()
    with pytest.raises(
        CourseError, match=r"data/reviews/train\.csv is damaged .*; restore it with 'git checkout"
    ) as error:
        course.dataset("sentiment")
    one_sentence(error)


def test_damaged_and_missing_files_are_named(own_data):
    assert len(course.dataset("sentiment")["train"]) == 900
    path = own_data / "reviews" / "train.csv"
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    reviews_are_said_to_be_damaged()
    path.unlink()
    with pytest.raises(CourseError, match=r"data/reviews/train\.csv is missing") as error:
        course.dataset("sentiment")
    one_sentence(error)
    with pytest.raises(CourseError, match="data/models/bert-mini/"):
        course.checkpoint("bert")
    (own_data / "MANIFEST.json").write_text("{")
    with pytest.raises(CourseError, match=r"MANIFEST\.json, is missing or damaged") as error:
        course.dataset("sentiment")
    one_sentence(error)


def test_a_truncated_file_is_named(own_data):
    path = own_data / "reviews" / "train.csv"
    whole = path.read_bytes()
    for kept in (
        0,
        1,
        len(whole) // 2,
        whole.rindex(b"\n", 0, -1) + 1,
    ):  # the last: cut between two rows, still good CSV
        path.write_bytes(whole[:kept])
        reviews_are_said_to_be_damaged()
    path.write_bytes(whole)
    bundle.verified.cache_clear()
    assert len(course.dataset("sentiment")["train"]) == 900


def write_parquet(folder, **columns):
    (folder / "glue-sst2").mkdir(exist_ok=True)
    for split in ("train", "validation"):
        pd.DataFrame(columns).to_parquet(folder / "glue-sst2" / f"{split}.parquet")


def test_a_local_folder_gives_the_same_columns_and_names(tmp_path, monkeypatch):
    bundled = course.dataset("sentiment")
    write_parquet(tmp_path, idx=[0, 1], sentence=["fine", "awful"], label=[1, 0])
    monkeypatch.setenv("COURSE_DATASETS", str(tmp_path))
    local = course.dataset("sentiment")
    assert local["train"].features == bundled["train"].features
    assert local["train"][1] == {"sentence": "awful", "label": 0}


def test_a_missing_column_a_wrong_label_and_a_broken_file_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATASETS", str(tmp_path))
    with pytest.raises(CourseError, match=r"Could not read .*train\.parquet \(.+\); is it there") as error:
        course.dataset("sentiment")
    one_sentence(error)
    write_parquet(tmp_path, text=["fine"], label=[1])
    with pytest.raises(CourseError, match=r"train\.parquet has no column 'sentence': it has 'text', 'label'") as error:
        course.dataset("sentiment")
    one_sentence(error)
    write_parquet(tmp_path, sentence=["fine"], label=[7])
    with pytest.raises(
        CourseError, match=r"train\.parquet, row 1: 7 is no label; known are negative, positive"
    ) as error:
        course.dataset("sentiment")
    one_sentence(error)
    (tmp_path / "glue-sst2" / "train.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(CourseError, match=r"Could not read .*train\.parquet"):
        course.dataset("sentiment")


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_truncated_local_file_is_named(kept, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATASETS", str(tmp_path))
    write_parquet(tmp_path, sentence=["fine", "awful"], label=[1, 0])
    path = tmp_path / "glue-sst2" / "validation.parquet"
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(
        CourseError, match=r"Could not read .*validation\.parquet \(.+\); is it there, and is it whole"
    ) as error:
        course.dataset("sentiment")
    one_sentence(error)


def test_a_course_error_shows_one_line_in_a_notebook():
    assert CourseError("What to do.")._render_traceback_() == ["CourseError: What to do."]
