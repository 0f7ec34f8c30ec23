"""The same script in one process and in two (gloo, CPU): the same rows in every step, the same losses, one result."""

import json
import os
import subprocess
import sys

import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM

from helpers import course
from helpers.bundle import ROOT
from helpers.errors import CourseError
from helpers.preflight import first_process, share_of
from helpers.train_reviews import classifier, main

MODULE = ["-m", "helpers.train_reviews"]
LAUNCHERS = {
    "accelerate": ["accelerate.commands.launch", "--num_processes", "2", "--cpu", "--main_process_port", "0", *MODULE],
    "torchrun": ["torch.distributed.run", "--standalone", "--nproc_per_node", "2", *MODULE],
}
SETTINGS = ["--rows", "96", "--epochs", "2", "--batch_size", "16", "--rate", "2e-4"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A narrow random BERT with the real vocabulary, saved like any checkpoint."""
    folder = tmp_path_factory.mktemp("small")
    torch.manual_seed(1)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertForMaskedLM(BertConfig(**sizes, initializer_range=0.2)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(course.checkpoint("bert")).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def float32(monkeypatch):
    """bfloat16 has three digits; in float32 two processes can be compared with one."""
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")


def launched(launcher, folder, *settings):
    """Run the script in two processes; its result, and what was printed."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    environment |= {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *LAUNCHERS[launcher], "--folder", str(folder), *settings]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "result.json").read_text(encoding="utf8")), done.stdout


def alone(folder, *settings):
    main(["--folder", str(folder), *settings])
    return json.loads((folder / "result.json").read_text(encoding="utf8"))


def same(one, two, within=1e-3):
    assert len(one["losses"]) == len(two["losses"]) > 4
    assert two["losses"] == pytest.approx(one["losses"], abs=within)
    assert two["evaluation"]["loss"] == pytest.approx(one["evaluation"]["loss"], abs=within)
    assert two["evaluation"]["step"] == one["evaluation"]["step"]


def test_two_processes_of_accelerate_reach_the_loss_of_one(tmp_path, float32):
    """With the real bert-mini, at the same number of rows a step."""
    one = alone(tmp_path / "one", *SETTINGS)
    two, said = launched("accelerate", tmp_path / "two", *SETTINGS)
    same(one, two)
    assert said.count("see result.json") == 1, "only one process reports"


def test_torchrun_does_the_same(small, tmp_path, float32):
    settings = [*SETTINGS, "--checkpoint", small, "--rate", "2e-3"]
    one = alone(tmp_path / "one", *settings)
    two, _ = launched("torchrun", tmp_path / "two", *settings)
    same(one, two)
    assert one["losses"][0] > one["losses"][-1] + 0.01, "nothing was learnt: equal losses would prove nothing"


def test_dropout_does_not_part_the_processes(small, tmp_path, float32):
    """Each draws dropout of its own; the order of the rows must stay common: no row twice, none left out."""
    code = """
import sys, torch
from helpers import training
from helpers.train_reviews import main
step, seen = training._InOrder.training_step, []
def spy(self, model, inputs, *args, **more):
    seen.extend(map(tuple, inputs["input_ids"].tolist()))
    return step(self, model, inputs, *args, **more)
training._InOrder.training_step = spy
main(sys.argv[1:])
rows = [None, None]
torch.distributed.all_gather_object(rows, [tuple(x for x in row if x) for row in seen])
if training.processes() == 2 and torch.distributed.get_rank() == 0:
    half = len(rows[0]) // 2
    for epoch in (slice(0, half), slice(half, None)):
        print("DIFFERENT", len(set(rows[0][epoch]) | set(rows[1][epoch])))
"""
    script = tmp_path / "spy.py"
    script.write_text(code, encoding="utf8")
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-m", *LAUNCHERS["torchrun"][:-2], str(script), "--folder", str(tmp_path / "run")]
    command += [*SETTINGS, "--checkpoint", small, "--dropout", "0.3"]
    done = subprocess.run(
        command, env=environment | {"GLOO_SOCKET_IFNAME": "lo"}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split().count("96") == 2 and done.stdout.count("DIFFERENT 96") == 2, done.stdout


def test_a_batch_is_divided_evenly_or_not_at_all(monkeypatch):
    assert share_of(16) == 16 and first_process()
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "3")
    assert share_of(16) == 4 and not first_process()
    with pytest.raises(CourseError, match="A batch of 10 rows cannot be divided evenly among 4 processes"):
        share_of(10)


def test_bad_settings_are_one_sentence(tmp_path):
    with pytest.raises(CourseError, match="--rows is 5000, but there are 900 reviews"):
        main(["--folder", str(tmp_path), "--rows", "5000"])
    with pytest.raises(CourseError, match="at least two labels, not 1"):
        classifier(course.checkpoint("bert"), ["good"])
    assert not list(tmp_path.iterdir())


def test_a_pooler_that_is_missing_starts_as_the_identity_and_the_head_follows_the_seed(small):
    one, other, again = (classifier(course.checkpoint("bert"), ["bad", "good"], seed) for seed in (1, 2, 1))
    assert torch.equal(one.bert.pooler.dense.weight, torch.eye(one.config.hidden_size))
    assert torch.equal(one.classifier.weight, again.classifier.weight)
    assert not torch.equal(one.classifier.weight, other.classifier.weight)
    assert one.config.id2label == {0: "bad", 1: "good"}
