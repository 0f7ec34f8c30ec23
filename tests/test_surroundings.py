"""The course in odd surroundings: locale, clock, folder names, a checkout that must not be written to, two at once."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.bundle import ROOT

CODE = """
import json, sys, tempfile
from pathlib import Path
import torch
from datasets import Dataset
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification
import helpers
from helpers import course
from helpers.embeddings import embed
from helpers.training import fine_tune

course.start(1)
tokenizer = AutoTokenizer.from_pretrained(course.checkpoint("bert"))
rows = course.dataset("sentiment")["train"].select(range(40))
rows = rows.map(lambda batch: tokenizer(batch["sentence"]), batched=True)
torch.manual_seed(0)
sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
model = BertForSequenceClassification(BertConfig(**sizes))
history = fine_tune(model, tokenizer, rows, rows, sys.argv[1], epochs=1, batch_size=10)
vectors = embed(["Größe, 大小, \\u0130stanbul"], model.bert, tokenizer)
print(json.dumps({"from": str(Path(helpers.__file__).parent), "loss": history.evaluations[-1]["loss"], "length": vectors.norm().item()}))
"""
SURROUNDINGS = {
    "plain": {},
    "C locale": {
        "LANG": "C",
        "LC_ALL": "C",
    },  # Python reads and writes UTF-8 then (PEP 540), whatever else the system does
    "far east, no DST": {"TZ": "Pacific/Kiritimati"},
    "a broken zone": {"TZ": "Nowhere/At_all"},
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the package and its data under a name with blanks and letters of three alphabets, not to be written to."""
    place = tmp_path_factory.mktemp("Kurs für alle, 课程 курс")
    shutil.copytree(ROOT / "helpers", place / "helpers", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "data", place / "data", ignore=shutil.ignore_patterns("build", "adapters"))
    files = [*place.rglob("*")]
    for path in files:
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield place
    for path in files:
        path.chmod(0o755 if path.is_dir() else 0o644)


def start(checkout: Path, folder: Path, **environment: str) -> subprocess.Popen:
    paths = [str(checkout), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    script = (
        folder.parent / f"{folder.name}.py"
    )  # not -c: under some locales Python cannot read such letters from there
    script.write_text(CODE, encoding="utf8")
    command = [sys.executable, str(script), str(folder)]
    return subprocess.Popen(command, env=env, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def result(process: subprocess.Popen) -> dict:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err.decode("utf8", "replace")
    return json.loads(out.decode("utf8").splitlines()[-1])


def written(place: Path) -> dict[str, float]:
    return {str(path): path.stat().st_mtime_ns for path in place.rglob("*")}


@pytest.fixture(scope="module")
def expected(checkout, tmp_path_factory):
    return result(start(checkout, tmp_path_factory.mktemp("plain")))


@pytest.mark.parametrize("name", [name for name in SURROUNDINGS if name != "plain"])
def test_nothing_depends_on_locale_clock_or_names(name, checkout, expected, tmp_path):
    before = written(checkout)
    found = result(start(checkout, tmp_path / "größer 大", **SURROUNDINGS[name]))
    assert Path(found["from"]) == checkout / "helpers", "the copy has to be what ran"
    assert found["loss"] == pytest.approx(expected["loss"], abs=1e-5)
    assert found["length"] == pytest.approx(expected["length"], abs=1e-3)
    assert written(checkout) == before, "something was written into the checkout"


def test_two_at_once_in_one_folder(checkout, expected, tmp_path):
    both = [start(checkout, tmp_path / str(number)) for number in range(2)]
    for process in both:
        assert result(process)["loss"] == pytest.approx(expected["loss"], abs=1e-5)


def test_two_trainings_into_one_folder_lose_nothing(checkout, expected, tmp_path):
    """Whoever comes second is refused, or goes on from what the first one has left; never both at once."""
    both = [start(checkout, tmp_path / "same") for _ in range(2)]
    ends = [process.communicate(timeout=300) for process in both]
    assert any(process.returncode == 0 for process in both), [err.decode("utf8", "replace")[-500:] for _, err in ends]
    for process, (_, err) in zip(both, ends):
        last = err.decode("utf8", "replace").strip().splitlines()[-1:] or [""]
        assert process.returncode == 0 or "Another training is writing to" in last[0], last
    assert result(start(checkout, tmp_path / "same"))["loss"] == pytest.approx(expected["loss"], abs=1e-5)
