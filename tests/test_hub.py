"""The full profile's downloads, run for real against a stand-in for the Hub on this machine."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from helpers import course
from helpers.bundle import ROOT
from helpers.errors import CourseError
from helpers.sources import CHECKPOINTS, DATASETS, FINE_TUNED
from tests.full_profile import as_parquet, label_names, small_model
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


# What goes wrong on the way: one sentence, and the next try goes on where this one stopped.

TOPICS = DATASETS["topics"]
FILE = TOPICS.files[1].replace("*", "00000-of-00001")
CHUNK = 500  # what a download writes at once; the library's ten megabytes are more than these files have
TRY = f"from huggingface_hub import constants; constants.DOWNLOAD_CHUNK_SIZE = {CHUNK}\n" + SHOW.format(name="topics")


@pytest.fixture
def troubled(hub):
    """The same Hub, in good health again afterwards."""
    hub.begun.clear()
    yield hub
    for trouble in (hub.break_off, hub.stall, hub.damage, hub.refuse):
        trouble.clear()


def environment(hub, cache, **more: str) -> dict[str, str]:
    quick = {"HF_HUB_ETAG_TIMEOUT": "1", "HF_HUB_DOWNLOAD_TIMEOUT": "1", "HF_HUB_DISABLE_XET": "1"}
    return {"COURSE_PROFILE": "full", "HF_ENDPOINT": hub.address, "HF_HOME": str(cache), **quick, **more}


def sentence(hub, cache, name: str = "topics", before: str = "") -> str:
    """What a reader is told when a data set cannot be had."""
    failed = run_python(before + TRY.replace("topics", name), **environment(hub, cache))
    last = failed.stderr.strip().splitlines()[-1]
    source = DATASETS[name]
    begins = f"helpers.errors.CourseError: Could not download {source.hub_id} (revision {source.revision[:8]}) from "
    assert last.startswith(begins), last
    assert last.endswith(" - COURSE_PROFILE=mini works without a network."), last
    return last


def half(hub) -> int:
    """What is on the disk of a file that ended in the middle."""
    return len(hub.repositories["datasets", TOPICS.hub_id, TOPICS.revision][FILE]) // 2 // CHUNK * CHUNK


def comes_whole(hub, cache) -> None:
    assert json.loads(full(SHOW.format(name="topics"), hub, cache))["rows"] == [9, 6]


@pytest.mark.parametrize("trouble", ["break_off", "stall"])
def test_a_short_trouble_is_nobodys_business(trouble, troubled, tmp_path):
    getattr(troubled, trouble)[FILE] = 1
    done = run_python(TRY, **environment(troubled, tmp_path))
    assert json.loads(done.stdout)["rows"] == [9, 6], done.stderr
    assert troubled.begun[FILE] == [0, half(troubled)], "the second half alone is asked for again"


@pytest.mark.parametrize(
    ("trouble", "words"), [("break_off", "connection broke off"), ("stall", "took too long to answer")]
)
def test_a_download_that_breaks_off_or_stalls_goes_on_where_it_stopped(trouble, words, troubled, tmp_path):
    getattr(troubled, trouble)[FILE] = 100
    assert f"{words}; run the cell again, and it goes on where it stopped" in sentence(troubled, tmp_path)
    getattr(troubled, trouble).clear()
    troubled.begun.clear()
    comes_whole(troubled, tmp_path)
    assert troubled.begun[FILE] == [half(troubled)]
    assert not [path for path in troubled.begun if path.startswith("data/train")], "what is whole is not fetched again"


def test_a_download_whose_kernel_was_killed_goes_on_where_it_stopped(troubled, tmp_path, monkeypatch):
    monkeypatch.setattr(troubled, "pause", 30.0)
    troubled.stall[FILE] = 1
    env = {**os.environ, **environment(troubled, tmp_path, HF_HUB_DOWNLOAD_TIMEOUT="60"), "COURSE_NETWORK_LOG": ""}
    process = subprocess.Popen([sys.executable, "-c", TRY], env=env, cwd="/")
    deadline = time.monotonic() + 60
    while not (parts := [path for path in tmp_path.rglob("*.part") if path.stat().st_size]):
        assert process.poll() is None and time.monotonic() < deadline, "nothing has arrived that could be kept"
        time.sleep(0.05)
    process.kill()
    process.wait()
    kept = parts[0].stat().st_size
    troubled.begun.clear()
    comes_whole(troubled, tmp_path)
    assert troubled.begun[FILE] == [kept] and kept == half(troubled)
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("again", [1, 2])
def test_a_damaged_file_is_found_thrown_away_and_fetched_anew(again, troubled, tmp_path):
    """The Hub's own library looks at the length only; one byte that is another goes unseen."""
    troubled.damage[FILE] = again
    for _ in range(again):
        assert f"{FILE} arrived damaged and was thrown away" in sentence(troubled, tmp_path)
    comes_whole(troubled, tmp_path)
    assert troubled.begun[FILE] == [0] * (again + 1)


def test_a_small_damaged_file_is_found_too(troubled, tmp_path):
    troubled.damage["config.json"] = 1
    code = "from helpers import course; print(course.checkpoint('bert'))"
    last = run_python(code, **environment(troubled, tmp_path)).stderr.strip().splitlines()[-1]
    assert "config.json arrived damaged and was thrown away; run the cell again" in last
    assert run_python(code, **environment(troubled, tmp_path)).returncode == 0


def test_a_server_that_does_not_answer(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        there = SimpleNamespace(address=f"http://127.0.0.1:{deaf.getsockname()[1]}")
        assert "the server took too long to answer" in sentence(there, tmp_path)
    assert f"no connection to {there.address}" in sentence(there, tmp_path)  # nobody listens there now


def test_terms_that_nobody_has_accepted(troubled, tmp_path):
    troubled.refuse.add(TOPICS.hub_id)
    assert (
        "its owners want you to accept their terms at https://huggingface.co/datasets/fancyzhx/ag_news first, "
        "and then to log in with 'hf auth login'"
    ) in sentence(troubled, tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no limit on the size of a file")
def test_a_full_disk(troubled, tmp_path):
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({half(troubled)},) * 2)\n"
    assert "the disk is full; make room there, then run the cell again" in sentence(troubled, tmp_path, before=limit)
    comes_whole(troubled, tmp_path)


def test_a_repository_or_file_that_is_gone(troubled, tmp_path, monkeypatch):
    gone = {key: files for key, files in troubled.repositories.items() if "squad" not in key[1]}
    key = ("datasets", TOPICS.hub_id, TOPICS.revision)
    gone[key] = {path: content for path, content in gone[key].items() if path != FILE}
    monkeypatch.setattr(troubled, "repositories", gone)
    assert "rajpurkar/squad does not exist any more, or is private" in sentence(troubled, tmp_path, "questions")
    assert f"there is no file {TOPICS.files[1]} at this revision" in sentence(troubled, tmp_path)


def test_what_is_in_the_cache_works_on_the_train(troubled, tmp_path):
    code = "from helpers import course; print(course.dataset('topics')['train'].num_rows)"
    assert full(code, troubled, tmp_path) == "9\n"
    away = SimpleNamespace(address="http://127.0.0.1:9")
    assert full(code, away, tmp_path) == "9\n"


def test_a_model_without_a_vocabulary_file_works_on_the_train_too(tmp_path):
    """RoBERTa's family has other files than BERT's."""
    source = FINE_TUNED["nli"]
    files = small_model(source.hub_id, source.kind, label_names("nli"))
    assert "vocab.txt" not in files
    code = "from helpers import course; print(course.fine_tuned('nli')[0].config.model_type)"
    with Hub({("models", source.hub_id, source.revision): files}) as hub:
        assert full(code, hub, tmp_path) == "roberta\n"
    assert full(code, SimpleNamespace(address="http://127.0.0.1:9"), tmp_path) == "roberta\n"
