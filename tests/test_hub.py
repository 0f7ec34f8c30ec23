"""The full profile's downloads, run for real against a stand-in for the Hub on this machine."""

import json
import re

import pytest

from helpers import course
from helpers.bundle import ROOT
from helpers.errors import CourseError
from helpers.sources import CHECKPOINTS, DATASETS
from tests.full_profile import as_parquet
from tests.hub import Hub
from tests.test_course import run_python

SHOW = """
import json
from helpers import course
data = course.dataset({name!r})
print(json.dumps({{"features": str(data["train"].features), "rows": [len(data["train"]), len(data["validation"])], "first": data["train"][0]}}))
"""


def repository(source) -> dict[str, bytes]:
    """A data set's repository, the training rows in two files where the pattern allows it."""
    train, validation = source.files
    return {
        "README.md": b"made for a test",
        train.replace("*", "00000-of-00002"): as_parquet(source, "train", 6),
        train.replace("*", "00001-of-00002"): as_parquet(source, "train", 3),
        validation.replace("*", "00000-of-00001"): as_parquet(source, "validation", 6),
    }


@pytest.fixture(scope="module")
def hub():
    repositories: dict = {}
    for source in DATASETS.values():
        repositories.setdefault(("datasets", source.hub_id, source.revision), {}).update(repository(source))
    for source in CHECKPOINTS.values():
        files = {
            "config.json": b"{}",
            "vocab.txt": b"[PAD]\n",
            "model.safetensors": b"weights",
            "pytorch_model.bin": b"no",
        }
        repositories["models", source.hub_id, source.revision] = files
    with Hub(repositories) as running:
        yield running


def full(code: str, hub: Hub, cache) -> str:
    done = run_python(code, COURSE_PROFILE="full", HF_ENDPOINT=hub.address, HF_HOME=str(cache), HF_HUB_DISABLE_XET="1")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", DATASETS)
def test_a_download_gives_the_same_columns_and_names(name, hub, tmp_path):
    found = json.loads(full(SHOW.format(name=name), hub, tmp_path))
    bundled = course.dataset(name)
    assert found["features"] == str(bundled["train"].features)
    assert found["rows"] == [9, 6]
    assert found["first"] == bundled["train"][0]


@pytest.mark.parametrize("name", DATASETS)
def test_a_local_mirror_gives_the_same_columns_and_names(name, tmp_path, monkeypatch):
    source = DATASETS[name]
    for folder in source.local:
        (tmp_path / folder).mkdir()
        for split in ("train", "validation"):
            (tmp_path / folder / f"{split}.parquet").write_bytes(as_parquet(source, split, 6))
        bundled = course.dataset(name)
        monkeypatch.setenv("COURSE_DATASETS", str(tmp_path))
        local = course.dataset(name)
        monkeypatch.delenv("COURSE_DATASETS")
        assert local["train"].features == bundled["train"].features
        assert local["train"][0] == bundled["train"][0]
        assert len(local["validation"]) == 6
        (tmp_path / folder / "train.parquet").unlink()
        (tmp_path / folder / "validation.parquet").unlink()
        (tmp_path / folder).rmdir()


def test_the_readme_says_how_to_fill_a_mirror(tmp_path, monkeypatch):
    readme = (ROOT / "README.md").read_text(encoding="utf8")
    (code,) = re.findall(r"<!-- mirror -->\n```python\n(.*?)```", readme, flags=re.S)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    for name in DATASETS:
        bundled = course.dataset(name)
        monkeypatch.setenv("COURSE_DATASETS", "mirror")
        local = course.dataset(name)
        monkeypatch.delenv("COURSE_DATASETS")
        for split in bundled:
            assert local[split].features == bundled[split].features
            assert local[split].to_list() == bundled[split].to_list()


def test_a_mirror_without_a_validation_file_is_split_for_the_corpus_only(tmp_path, monkeypatch):
    for name in ("corpus", "topics"):
        folder = tmp_path / DATASETS[name].local[-1]
        folder.mkdir()
        (folder / "train.parquet").write_bytes(as_parquet(DATASETS[name], "train", 20))
    monkeypatch.setenv("COURSE_DATASETS", str(tmp_path))
    assert {split: len(rows) for split, rows in course.dataset("corpus").items()} == {"train": 18, "validation": 2}
    with pytest.raises(CourseError, match=r"Could not read .*ag_news.validation\.parquet"):
        course.dataset("topics")


def test_a_model_comes_without_pickles_and_is_not_asked_for_twice(hub, tmp_path):
    code = "from helpers import course; import os; print(sorted(os.listdir(course.checkpoint('bert'))))"
    assert full(code, hub, tmp_path) == "['config.json', 'model.safetensors', 'vocab.txt']\n"
    asked = len(hub.asked)
    full(code, hub, tmp_path)
    assert not [request for request in hub.asked[asked:] if request.startswith("GET") and "/resolve/" in request]


@pytest.mark.parametrize("vocabulary", ["vocab.txt", "vocab.json"])  # BERT's and RoBERTa's
def test_without_a_network_a_complete_cache_is_enough(vocabulary, hub, tmp_path, monkeypatch):
    source = CHECKPOINTS["bert"]
    files = {"config.json": b"{}", vocabulary: b"{}", "model.safetensors": b"weights"}
    monkeypatch.setitem(hub.repositories, ("models", source.hub_id, source.revision), files)
    code = "from helpers import course; print(len(course.dataset('topics')['train']), bool(course.checkpoint('bert')))"
    assert full(code, hub, tmp_path) == "9 True\n"
    asked = len(hub.asked)
    done = run_python(code, COURSE_PROFILE="full", HF_HOME=str(tmp_path), HF_HUB_OFFLINE="1")
    assert done.stdout == "9 True\n", done.stderr
    assert len(hub.asked) == asked


def test_a_download_that_breaks_off_is_one_sentence_and_the_next_try_ends_it(hub, tmp_path):
    source = DATASETS["topics"]
    hub.break_off[source.files[1].replace("*", "00000-of-00001")] = 100
    code = SHOW.format(name="topics")
    wanted = {"COURSE_PROFILE": "full", "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1"}
    failed = run_python(code, **wanted)
    last = failed.stderr.strip().splitlines()[-1]
    assert last.startswith("helpers.errors.CourseError: Could not download fancyzhx/ag_news (revision eb185aad)"), last
    hub.break_off.clear()
    assert json.loads(full(code, hub, tmp_path))["rows"] == [9, 6]


def test_a_repository_that_is_gone_is_one_sentence(hub, tmp_path, monkeypatch):
    gone = {key: files for key, files in hub.repositories.items() if "squad" not in key[1]}
    monkeypatch.setattr(hub, "repositories", gone)
    wanted = {"COURSE_PROFILE": "full", "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path)}
    last = run_python(SHOW.format(name="questions"), **wanted).stderr.strip().splitlines()[-1]
    assert last.startswith("helpers.errors.CourseError: Could not download rajpurkar/squad"), last
    assert last.endswith("COURSE_PROFILE=mini works without a network.")
