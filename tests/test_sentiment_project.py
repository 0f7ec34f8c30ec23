"""Chapter 06's own cells as a program: killed in the middle of its training and run again, it ends with the same numbers.

The cells tagged ``project`` are the five steps, from the CSV files to the exported folder that a fresh process loads. They run
here word for word, but for two things: the folder is one that outlives the process, and there are fewer rows.
"""

import json
import os
import subprocess
import sys
import time

import nbformat
import pytest

from helpers.bundle import ROOT

FOLDER = 'workshop = tempfile.TemporaryDirectory(prefix="sentiment_", ignore_cleanup_errors=True)'
FEWER = """
import json, sys, types
from helpers import course
whole = course.dataset
def dataset(name):
    splits = whole(name)
    return type(splits)({split: rows.shuffle(seed=1).select(range(n)) for (split, rows), n in zip(splits.items(), (128, 16))})
course.dataset = dataset
"""
COUNTED = """
import time
from helpers.training import _InOrder
step, counted = _InOrder.training_step, []
def training_step(self, *arguments, **more):
    counted.append(time.sleep(pause))
    return step(self, *arguments, **more)
_InOrder.training_step = training_step
"""
REPORT = """
kept = sorted(p.name for p in (project / "checkpoints").glob("checkpoint-*"))
print("REPORT " + json.dumps({
    "evaluations": history.evaluations, "best": history.best, "steps": len(counted), "test": logits["test"].tolist(),
    "temperature": temperature, "kept": kept, "csv": sorted(p.name for p in project.glob("*.csv"))}))
"""
FRESH = """
print("FRESH " + json.dumps({"here": here.tolist(), "there": fresh["logits"], "labels": fresh["labels"]}))
"""


def program(folder, pause: float = 0.0, fresh: bool = False) -> str:
    """The project's cells, as one script that works in ``folder``; the last one, which starts a process of its own, if ``fresh``."""
    (path,) = (ROOT / "notebooks").glob("06_*.ipynb")
    cells = [c.source for c in nbformat.read(path, as_version=4).cells if "project" in c.metadata.get("tags", [])]
    source = "\n\n".join(cells[:-1])
    assert source.count(FOLDER) == 1, "the cell that makes the folder has changed: adapt FOLDER"
    assert "subprocess.run(" in cells[-1] and "subprocess.run(" not in source
    source = source.replace(FOLDER, f"workshop = types.SimpleNamespace(name={str(folder)!r})")
    return "\n".join([FEWER, f"pause = {pause}", COUNTED, source, REPORT, *([cells[-1], FRESH] if fresh else [])])


def start(code, folder) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    script = folder.parent / f"{folder.name}.py"
    script.write_text(code, encoding="utf8")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(
        [sys.executable, str(script)], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def reports(process: subprocess.Popen) -> dict:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err[-2000:]
    lines = [line.partition(" ") for line in out.splitlines()]
    return {name: json.loads(rest) for name, _, rest in lines if name in ("REPORT", "FRESH")}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Reports of a run without an accident and of one killed and run again, the steps saved by then, and what a fresh process said."""
    base = tmp_path_factory.mktemp("project")
    whole = reports(start(program(base / "whole"), base / "whole"))
    folder = base / "killed"
    victim = start(program(folder, pause=0.3), folder)  # slowly, so that the signal comes between two checkpoints
    deadline = time.monotonic() + 240
    while len(list((folder / "checkpoints").glob("checkpoint-*/trainer_state.json"))) < 2:
        assert victim.poll() is None, f"it ended before it could be killed: {victim.communicate()[1][-2000:]}"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    victim.kill()  # SIGKILL where there are signals: nothing can catch it
    victim.communicate()
    saved = sorted(int(path.name.split("-")[1]) for path in (folder / "checkpoints").glob("checkpoint-*"))
    again = reports(start(program(folder, fresh=True), folder))
    return whole["REPORT"], again["REPORT"], saved, again["FRESH"]


def test_it_was_killed_in_the_middle_and_went_on_from_there(runs):
    whole, again, saved, _ = runs
    steps = [row["step"] for row in whole["evaluations"]]
    assert len(steps) >= 4
    assert steps[0] < max(saved) < steps[-1]
    assert whole["steps"] == steps[-1]
    assert again["steps"] == steps[-1] - max(saved)


def test_it_ends_with_the_same_metrics(runs):
    whole, again, *_ = runs
    assert len(again["evaluations"]) == len(whole["evaluations"])
    for one, other in zip(again["evaluations"], whole["evaluations"]):
        assert one == pytest.approx(other, abs=1e-4)
    assert again["best"] == pytest.approx(whole["best"], abs=1e-4)
    assert again["temperature"] == pytest.approx(whole["temperature"], abs=0.02)
    for one, other in zip(again["test"], whole["test"], strict=True):
        assert one == pytest.approx(other, abs=1e-3)


def test_it_keeps_checkpoints_and_files(runs):
    for run in runs[:2]:
        assert run["csv"] == ["development.csv", "reviews.csv", "test.csv", "train.csv"]
        assert len(run["kept"]) == 2
        assert f"checkpoint-{run['best']['step']}" in run["kept"]


def test_a_fresh_process_gives_equal_logits(runs):
    fresh = runs[3]
    assert fresh["there"] == fresh["here"]
    assert len(fresh["here"]) == len(fresh["labels"]) == 8
    assert set(fresh["labels"]) <= {"negative", "positive"}
