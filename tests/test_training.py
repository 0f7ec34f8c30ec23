"""fine_tune: learns, keeps the best, goes on after a kill; every bad input is one sentence."""

import json
import math
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from datasets import Dataset, concatenate_datasets
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    TrainerCallback,
)

from helpers import course
from helpers.errors import CourseError
from helpers.training import _InOrder, fine_tune

try:
    import resource
except ImportError:  # Windows
    resource = None

WORDS = ("bad", "good")


def small(kind=BertForSequenceClassification, labels: int = 2, dropout: float = 0.1):
    """One narrow layer with random weights: quick, and enough to tell good from bad."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    return kind(BertConfig(**sizes, num_labels=labels, hidden_dropout_prob=dropout))


@pytest.fixture(scope="module")
def rows(tokenizer):
    """Sentences of very different lengths, half of them good."""
    texts = [" ".join(["a", *[WORDS[i % 2]] * (1 + i * 7 % 43), "film"]) for i in range(120)]
    return Dataset.from_dict({**tokenizer(texts), "label": [i % 2 for i in range(120)]})


@pytest.fixture
def split(rows):
    return rows.select(range(90)), rows.select(range(90, 120))


def run(tokenizer, split, folder, model=None, **settings):
    settings = {"epochs": 3, "rate": 3e-3, "batch_size": 10} | settings
    return fine_tune(model or small(), tokenizer, *split, folder, **settings)


def test_it_learns_and_ends_ready_to_predict(tokenizer, split, tmp_path):
    model = small()
    history = run(tokenizer, split, tmp_path / "new" / "folder", model, epochs=4)
    assert history.best["accuracy"] == 1.0
    assert [row["step"] for row in history.evaluations] == [9, 18, 27, 36]
    assert not model.training
    batch = tokenizer(["a good film", "a bad film"], return_tensors="pt")
    with torch.inference_mode():
        assert model(**batch).logits.argmax(-1).tolist() == [1, 0]


def test_there_are_few_widths(tokenizer, split, tmp_path):
    """A CPU keeps prepared kernels for every shape; with one a width, bert-mini's training took half a gigabyte more."""
    model, widths = small(), set()
    model.register_forward_pre_hook(lambda _, __, named: widths.add(named["input_ids"].shape[1]), with_kwargs=True)
    run(tokenizer, split, tmp_path, model, epochs=1)
    assert widths and all(width % 8 == 0 for width in widths)


def test_predictions_stay_with_their_rows(tokenizer, split, tmp_path):
    """Trainer alone returns them in another order when it groups by length."""
    model = small()
    run(tokenizer, split, tmp_path, model)
    seen = {}

    def score(found):
        seen["labels"] = found.label_ids.tolist()
        return {}

    run(tokenizer, split, tmp_path / "again", model, score=score, epochs=1)
    assert seen["labels"] == split[1]["label"]
    assert _InOrder._get_eval_sampler is not _InOrder.__mro__[1]._get_eval_sampler


def test_batches_hold_rows_of_similar_length(tokenizer, rows, tmp_path, monkeypatch):
    widths, tokens = [], []
    original = _InOrder.training_step

    def spy(self, model, inputs, *args, **more):
        widths.append(inputs["attention_mask"].numel())
        tokens.append(int(inputs["attention_mask"].sum()))
        return original(self, model, inputs, *args, **more)

    monkeypatch.setattr(_InOrder, "training_step", spy)
    run(tokenizer, (concatenate_datasets([rows] * 4), rows), tmp_path, epochs=1)
    assert sum(tokens) / sum(widths) > 0.8  # of these rows in any order: about 0.55


def test_the_best_evaluation_is_kept_not_the_last(tokenizer, split, tmp_path):
    """A score that falls: the first checkpoint must come back."""
    falling = iter(range(100, 0, -1))
    weights = []

    def score(found):
        weights.append(float(found.predictions.sum()))
        return {"falling": next(falling)}

    model = small()
    history = run(tokenizer, split, tmp_path, model, score=score, best_by="falling")
    assert history.best["step"] == 9
    with torch.inference_mode():
        total = sum(float(model(input_ids=torch.tensor([ids])).logits.float().sum()) for ids in split[1]["input_ids"])
    assert abs(total - weights[0]) < abs(total - weights[-1])


def test_patience_stops_early(tokenizer, split, tmp_path):
    falling = iter(range(100, 0, -1))
    history = run(tokenizer, split, tmp_path, score=lambda _: {"s": next(falling)}, best_by="s", patience=2, epochs=9)
    assert [row["step"] for row in history.evaluations] == [9, 18, 27]


@pytest.mark.parametrize(("asked", "found"), [(0.0, 0.0), (0.3, 0.3), (None, 0.1)])
def test_dropout_is_what_was_asked_for(asked, found, tokenizer, split, tmp_path):
    model = small()
    run(tokenizer, split, tmp_path, model, dropout=asked, epochs=1)
    assert {layer.p for layer in model.modules() if isinstance(layer, torch.nn.Dropout)} == {found}


def test_the_same_seed_gives_the_same_numbers(tokenizer, split, tmp_path):
    one, other = (run(tokenizer, split, tmp_path / name).evaluations for name in "ab")
    assert one == other


def test_the_rate_rises_and_falls(tokenizer, split, tmp_path):
    rates = [rate for _, _, rate in run(tokenizer, split, tmp_path, warmup=1 / 3).losses]
    peak = rates.index(max(rates))
    assert 0 < peak < len(rates) - 1
    assert rates == sorted(rates[:peak]) + sorted(rates[peak:], reverse=True)
    assert max(rates) == pytest.approx(3e-3, rel=0.2)


def test_tokens_and_answers_train_too(tokenizer, split, tmp_path):
    first = split[0]["input_ids"][1][2]  # "good" is tag 1, "bad" tag 2, anything else tag 0
    tag = {first: 1, split[0]["input_ids"][0][2]: 2}
    tags = [
        part.remove_columns("label").map(lambda row: {"labels": [-100, *[tag.get(x, 0) for x in row["input_ids"][1:]]]})
        for part in split
    ]
    assert run(tokenizer, tags, tmp_path / "tags", small(BertForTokenClassification, 3)).best["loss"] < 0.5
    one = [part.map(lambda row: {"labels": [-100, *[1] * (len(row["labels"]) - 1)]}) for part in tags]
    with pytest.raises(CourseError, match="Every row of the training split has the label 1"):
        run(tokenizer, one, tmp_path / "one", small(BertForTokenClassification, 3))
    spans = [part.remove_columns("label").map(lambda row: {"start_positions": 1, "end_positions": 2}) for part in split]
    assert run(tokenizer, spans, tmp_path / "spans", small(BertForQuestionAnswering), epochs=6).best["loss"] < 1.0


def test_the_history_prints_and_draws_itself(tokenizer, split, tmp_path, capsys):
    history = run(tokenizer, split, tmp_path)
    history.show()
    said = capsys.readouterr().out
    assert "Figure: training and validation loss" in said
    assert said.count("epochs: accuracy") == 3 and said.count("(best)") == 1
    assert list(history.table().index) == [9, 18, 27]
    assert "fine-tuning" not in said


class Stop(TrainerCallback):
    """Counts its steps, and ends the run at one of them as a crash would."""

    def __init__(self, at=None):
        self.at, self.steps = at, []

    def on_step_end(self, args, state, control, **_):
        self.steps.append(state.global_step)
        if state.global_step == self.at:
            raise InterruptedError


def test_a_run_that_raised_goes_on_in_the_same_process(tokenizer, split, tmp_path):
    whole = run(tokenizer, split, tmp_path / "whole").evaluations
    with pytest.raises(InterruptedError):
        run(tokenizer, split, tmp_path / "cut", callbacks=[Stop(at=14)])
    again = Stop()
    history = run(tokenizer, split, tmp_path / "cut", callbacks=[again])
    assert again.steps == list(range(10, 28))  # the checkpoint was of step 9
    for one, other in zip(history.evaluations, whole, strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_a_lora_run_goes_on_from_its_adapter(tokenizer, split, tmp_path):
    """A checkpoint of peft holds no model.safetensors; it is whole all the same, and the frozen weights stay as they were."""
    from peft import LoraConfig, TaskType, get_peft_model

    def adapted():
        config = LoraConfig(task_type=TaskType.SEQ_CLS, r=4, target_modules=["query", "value"])
        torch.manual_seed(1)  # A
        return get_peft_model(small(), config)

    whole = run(tokenizer, split, tmp_path / "whole", adapted()).evaluations
    with pytest.raises(InterruptedError):
        run(tokenizer, split, tmp_path / "cut", adapted(), callbacks=[Stop(at=14)])
    again, model = Stop(), adapted()
    history = run(tokenizer, split, tmp_path / "cut", model, callbacks=[again])
    assert again.steps[0] == 10
    for one, other in zip(history.evaluations, whole, strict=True):
        assert one == pytest.approx(other, abs=1e-4)
    frozen, old = model.get_base_model().bert.embeddings.word_embeddings.weight, small().bert.embeddings
    assert torch.equal(frozen, old.word_embeddings.weight)


@pytest.mark.parametrize(("keep", "left"), [(1, [9]), (2, [9, 27]), (3, [9, 18, 27])])
def test_as_many_checkpoints_as_asked_for_are_left(keep, left, tokenizer, split, tmp_path):
    falling = iter(range(100, 0, -1))
    run(tokenizer, split, tmp_path, score=lambda _: {"s": next(falling)}, best_by="s", keep=keep)
    assert sorted(int(path.name[11:]) for path in tmp_path.glob("checkpoint-*")) == left


# Killed and run again

KILLED = """
import sys
sys.path.insert(0, {root!r})
import torch
from tests.test_training import small
from datasets import load_from_disk
from transformers import AutoTokenizer
from helpers import course
from helpers.training import _InOrder, fine_tune
step = _InOrder.training_step
def slow(self, *args, **more):
    import time; time.sleep(0.1)
    return step(self, *args, **more)
_InOrder.training_step = slow
rows = load_from_disk({rows!r})
tokenizer = AutoTokenizer.from_pretrained(course.checkpoint("bert"))
fine_tune(small(), tokenizer, rows.select(range(90)), rows.select(range(90, 120)), {folder!r}, epochs=6, rate=3e-3, batch_size=10)
"""


def test_a_killed_run_goes_on_and_ends_with_the_same_numbers(tokenizer, rows, split, tmp_path):
    whole = run(tokenizer, split, tmp_path / "whole", epochs=6)
    rows.save_to_disk(tmp_path / "rows")
    root, folder = str(course.Path(__file__).resolve().parents[1]), tmp_path / "killed"
    code = KILLED.format(root=root, rows=str(tmp_path / "rows"), folder=str(folder))
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ}, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (folder / "checkpoint-18" / "trainer_state.json").exists() and time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    model = small()
    history = run(tokenizer, split, folder, model, epochs=6)
    assert [row["step"] for row in history.evaluations] == [row["step"] for row in whole.evaluations]
    for one, other in zip(history.evaluations, whole.evaluations):
        assert one == pytest.approx(other, abs=1e-4)
    model.save_pretrained(tmp_path / "saved")
    again = BertForSequenceClassification.from_pretrained(tmp_path / "saved", attn_implementation="eager").eval()
    batch = tokenizer(["a good film"], return_tensors="pt")
    with torch.inference_mode():
        assert torch.equal(again(**batch).logits, model(**batch).logits)


def damage(file, how):
    """As a disk that was full leaves a file, or one whose power failed: of the right length, but all zeros."""
    content = file.read_bytes()
    file.write_bytes(content[:-100] if how == "cut off" else bytes(len(content)))


@pytest.mark.parametrize("how", ["cut off", "zeros"])
@pytest.mark.parametrize("name", ["trainer_state.json", "model.safetensors", "optimizer.pt"])
def test_a_damaged_checkpoint_is_passed_over(name, how, tokenizer, split, tmp_path):
    whole = run(tokenizer, split, tmp_path, keep=3)
    damage(tmp_path / "checkpoint-27" / name, how)
    again = Stop()
    history = run(tokenizer, split, tmp_path, keep=3, callbacks=[again])
    assert again.steps == list(range(19, 28))
    assert history.evaluations[-1] == pytest.approx(whole.evaluations[-1], abs=1e-4)


def test_if_all_checkpoints_are_damaged_training_begins_again(tokenizer, split, tmp_path):
    whole = run(tokenizer, split, tmp_path, keep=3)
    for folder in tmp_path.glob("checkpoint-*"):
        damage(folder / "model.safetensors", "zeros")
    again = Stop()
    history = run(tokenizer, split, tmp_path, keep=3, callbacks=[again])
    assert again.steps == list(range(1, 28))
    assert history.evaluations[-1] == pytest.approx(whole.evaluations[-1], abs=1e-4)


def test_two_trainings_at_once_in_one_folder_are_refused(tokenizer, split, tmp_path):
    class Second(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            if state.global_step == 5:
                with pytest.raises(CourseError, match="Another training is writing to") as self.error:
                    run(tokenizer, split, tmp_path)

    second = Second()
    history = run(tokenizer, split, tmp_path, callbacks=[second])
    assert "\n" not in str(second.error.value)
    assert history.evaluations[-1]["step"] == 27
    assert run(tokenizer, split, tmp_path).evaluations[-1]["step"] == 27, "afterwards the folder is free again"


class FullDisk(TrainerCallback):
    """From step 14 on, no file may grow beyond so many bytes: what a full disk does to whoever writes."""

    def __init__(self, most):
        self.most = most

    def on_step_end(self, args, state, control, **_):
        if state.global_step == 14:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.most, resource.RLIM_INFINITY))


@pytest.mark.skipif(resource is None, reason="this system has no limit on the size of a file")
@pytest.mark.parametrize("most", [500, 1_000_000, 5_000_000])  # ends in the settings, the weights, the optimizer
def test_a_full_disk_is_one_sentence_and_costs_one_checkpoint(most, tokenizer, split, tmp_path):
    whole = run(tokenizer, split, tmp_path / "whole").evaluations
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(
            CourseError, match=r"Could not save the checkpoint of step 18 in .*make room there"
        ) as error:
            run(tokenizer, split, tmp_path / "full", callbacks=[FullDisk(most)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "\n" not in str(error.value)
    assert [path.name for path in (tmp_path / "full").glob("checkpoint-*")] == ["checkpoint-9"]
    again = Stop()
    history = run(tokenizer, split, tmp_path / "full", callbacks=[again])
    assert again.steps[0] == 10
    for one, other in zip(history.evaluations, whole, strict=True):
        assert one == pytest.approx(other, abs=1e-4)


# Bad input


def refused(message: str, *args, **settings) -> None:
    with pytest.raises(CourseError, match=message) as error:
        run(*args, **settings)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


def test_bad_rows_are_one_sentence_each(tokenizer, split, tmp_path):
    train, validation = split
    refused("training split has no column labels", tokenizer, (train.remove_columns("label"), validation), tmp_path)
    wrong = train.map(lambda row, i: {"label": 7 if i == 3 else row["label"]}, with_indices=True)
    refused("Row 4 of the training split has the label 7, but .* from 0 to 1", tokenizer, (wrong, validation), tmp_path)
    wrong = validation.map(lambda row, i: {"label": -1 if i == 0 else row["label"]}, with_indices=True)
    refused("Row 1 of the validation split has the label -1", tokenizer, (train, wrong), tmp_path)
    words = train.remove_columns("label").add_column("label", ["good"] * len(train))
    refused("has the label 'good', but the model's labels are whole numbers", tokenizer, (words, validation), tmp_path)
    one = train.filter(lambda row: row["label"] == 1)
    refused("Every row of the training split has the label 1", tokenizer, (one, validation), tmp_path)
    refused("The training split is empty", tokenizer, (train.select([]), validation), tmp_path)
    refused("The validation split is empty", tokenizer, (train, validation.select([])), tmp_path)
    refused("has 5 rows, fewer than a batch of 10", tokenizer, (train.select(range(5)), validation), tmp_path)
    refused("no column input_ids", tokenizer, (train.remove_columns("input_ids"), validation), tmp_path)
    refused(
        "no column end_positions",
        tokenizer,
        (train.add_column("start_positions", [1] * 90), validation),
        tmp_path,
        model=small(BertForQuestionAnswering),
    )
    assert not list(tmp_path.iterdir())


def test_a_loss_that_is_no_number_ends_at_once_and_saves_nothing(tokenizer, split, tmp_path):
    model = small()
    with torch.no_grad():
        model.classifier.weight[0, 0] = math.nan
    refused("is no number any more at step 1: try a smaller rate than 0.003", tokenizer, split, tmp_path, model=model)
    assert not list(tmp_path.glob("checkpoint-*"))


def test_an_unknown_score_is_one_sentence(tokenizer, split, tmp_path):
    refused("no score 'f7'", tokenizer, split, tmp_path, best_by="f7")


def test_a_folder_of_another_run_is_refused_untouched(tokenizer, split, tmp_path):
    run(tokenizer, split, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    refused("checkpoints of another model .*choose another folder", tokenizer, split, tmp_path, model=small(labels=3))
    refused("another run .epochs 3, not 5", tokenizer, split, tmp_path, epochs=5)
    (tmp_path / "fine_tune.json").rename(tmp_path / "kept")
    refused("not made by fine_tune", tokenizer, split, tmp_path)
    (tmp_path / "kept").rename(tmp_path / "fine_tune.json")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert json.loads((tmp_path / "fine_tune.json").read_text())["settings"]["epochs"] == 3
