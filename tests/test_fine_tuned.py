"""The fine-tuned models: bert-mini with its adapters answers offline and quickly; the full profile gives the same names."""

import json
import sys
import time

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

from helpers import bundle, course, metrics, tasks
from helpers.errors import CourseError
from helpers.sources import DATASETS, FINE_TUNED
from tests.hub import Hub
from tests.test_course import run_python
from tests.test_hub import full

sys.path.insert(0, str(bundle.DATA / "build"))
import adapters
from card import time_taken

ADAPTERS = bundle.DATA / "models" / "adapters"
TRAINED = [task for task in FINE_TUNED if (ADAPTERS / task / "adapter_model.safetensors").exists()]


def of(task: str):
    """A test's parameter for a task, skipped while its adapter is still being trained."""
    absent = pytest.mark.skipif(task not in TRAINED, reason=f"data/build/adapters.py {task} has not run yet")
    return pytest.param(task, marks=absent)


each = pytest.mark.parametrize("task", [of(task) for task in FINE_TUNED])


@pytest.fixture(scope="module")
def models():
    return {task: course.fine_tuned(task) for task in TRAINED}


def predict(models, task: str, texts: list, pairs: list | None = None) -> list[str]:
    model, tokenizer = models[task]
    found = []
    for i in range(0, len(texts), 32):
        batch = tokenizer(texts[i : i + 32], pairs and pairs[i : i + 32], padding=True, return_tensors="pt")
        with torch.inference_mode():
            found += [model.config.id2label[int(best)] for best in model(**batch).logits.argmax(-1)]
    return found


def test_all_load_and_answer_offline_in_ten_seconds():
    code = f"""
import time; began = time.perf_counter()
import torch
from helpers import course
for task in {TRAINED!r}:
    model, tokenizer = course.fine_tuned(task)
    batch = tokenizer("Who wrote it?", "Maria Kelly wrote the song in Dublin.", return_tensors="pt")
    with torch.inference_mode():
        model(**batch)
print(time.perf_counter() - began)
"""
    began = time.perf_counter()
    done = run_python(code, HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 10
    assert time.perf_counter() - began < 15


@each
def test_an_adapter_is_small_safe_and_described(task):
    folder = ADAPTERS / task
    files = sorted(path.name for path in folder.iterdir())
    assert files == ["README.md", "adapter_config.json", "adapter_model.safetensors", "training.json"]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 6 * 2**20
    assert json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"] == "bert-mini"


def test_a_record_says_where_its_time_was_spent():
    on_cpu = adapters.time_of(61.4, torch.device("cpu"))
    on_gpu = {"gpu_seconds": 60, "gpu": "H100"}
    assert on_cpu == {"cpu_seconds": 61}
    assert time_taken([on_cpu, on_cpu]) == "2 minutes of one processor core"
    assert time_taken([on_cpu, on_gpu]) == "2 minutes of one processor core, 1 minute of wall time on an H100"
    assert time_taken([]) == "not run yet"


@each
def test_the_record_is_of_todays_settings_and_the_card_tells_it(task):
    """A card may not speak of runs that other settings made."""
    runs = adapters.finished(task, ADAPTERS / task / "training.json")
    assert ("lora", adapters.BUNDLED_SEED) in {(run["how"], run["seed"]) for run in runs}
    card = adapters.card(task, adapters.TASKS[task], runs)
    assert (ADAPTERS / task / "README.md").read_text(encoding="utf8") == card


def test_a_run_with_other_settings_stays_in_the_record_and_does_not_count(tmp_path):
    settings, record = adapters.settings_of("sentiment"), tmp_path / "training.json"
    assert adapters.known(record) == adapters.finished("sentiment", record) == []
    runs = [{"seed": 1, "settings": settings | {"rate": 1.0}}, {"seed": 2, "settings": settings}]
    older = {name: value for name, value in settings.items() if name != "pooler"}  # of before the recipe had one
    runs.append({"seed": 3, "settings": older})
    record.write_text(json.dumps({"runs": runs}), encoding="utf8")
    assert adapters.known(record) == runs
    assert [run["seed"] for run in adapters.finished("sentiment", record)] == [2, 3]


@each
def test_names_are_those_of_the_data_and_the_model_is_ready(models, task):
    model, _ = models[task]
    names = DATASETS[FINE_TUNED[task].dataset].names
    if names:
        assert model.config.id2label == dict(enumerate(names))
        assert model.config.label2id == {name: i for i, name in enumerate(names)}
    assert not model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert not [name for name, _ in model.named_parameters() if "lora" in name]  # merged


@each
def test_nothing_of_a_model_is_left_to_chance(models, task):
    torch.manual_seed(1234)  # a layer that the adapter forgot would be drawn anew
    again, _ = course.fine_tuned(task)
    for (name, one), (_, other) in zip(models[task][0].named_parameters(), again.named_parameters(), strict=True):
        assert torch.equal(one, other), name


FLOORS = {"sentiment": 0.80, "topics": 0.80, "nli": 0.50}  # one class: 0.50, 0.25, 0.33


@pytest.mark.parametrize("task", [of(task) for task in FLOORS])
def test_classifiers_know_the_bundled_validation_rows(models, task):
    rows = course.dataset(task)["validation"]
    columns = [column for column, kind in DATASETS[task].columns.items() if kind.kind == "text"]
    names = rows.features["label"].names
    found = predict(models, task, *[list(rows[column]) for column in columns])
    assert np.mean([name == names[label] for name, label in zip(found, rows["label"])]) >= FLOORS[task]


@pytest.mark.parametrize("task", [of("entities")])
def test_entities_are_found(models, task):
    model, tokenizer = models[task]
    rows = course.dataset("entities")["validation"]
    names = rows.features["ner_tags"].feature.names
    aligned = tasks.align_labels(tokenizer, list(rows["tokens"]), list(rows["ner_tags"]))
    own = []
    for ids, labels in zip(aligned.input_ids, aligned.labels):
        with torch.inference_mode():
            best = model(torch.tensor([ids])).logits[0].argmax(-1).tolist()
        own.append([model.config.id2label[b] for b, label in zip(best, labels) if label != tasks.IGNORE])
    true = [[names[label] for label in labels if label != tasks.IGNORE] for labels in aligned.labels]
    assert metrics.entity_f1(own, true) >= 0.70


@pytest.mark.parametrize("task", [of("questions")])
def test_questions_are_answered(models, task):
    model, tokenizer = models[task]
    context = (
        "The bridge was designed by Ellen Park and opened in 1932. It is 410 metres long and crosses the river Tamar."
    )
    asked = {
        "Who designed the bridge?": "Ellen Park",
        "When was it opened?": "1932",
        "Which river does it cross?": "Tamar",
    }
    windows = tasks.question_windows(tokenizer, list(asked), [context] * 3)
    starts, ends = [], []
    for window in windows:
        with torch.inference_mode():
            out = model(torch.tensor([window.input_ids]), token_type_ids=torch.tensor([window.token_type_ids]))
        starts.append(out.start_logits[0])
        ends.append(out.end_logits[0])
    found = [best[0].text for best in tasks.best_answers(windows, starts, ends, [context] * 3)]
    assert sum(wanted in text for wanted, text in zip(asked.values(), found)) >= 2, found


@each
def test_settings_reach_the_model(task):
    model, tokenizer = course.fine_tuned(task, attn_implementation="eager")
    with torch.inference_mode():
        assert len(model(**tokenizer("Good.", return_tensors="pt"), output_attentions=True).attentions) == 6


def test_an_unknown_task_is_one_sentence():
    with pytest.raises(
        CourseError, match=r"no fine-tuned model named 'humour'.*sentiment, topics, nli, entities, questions"
    ):
        course.fine_tuned("humour")


# The full profile: public models with their own spelling of the labels

PUBLIC = {
    "sentiment": ["NEGATIVE", "POSITIVE"],
    "topics": ["LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3"],
    "nli": ["contradiction", "entailment", "neutral"],
    "entities": ["O", "B-MISC", "I-MISC", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"],
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """Small models with random weights under the public names."""
    repositories = {}
    for task, labels in PUBLIC.items():
        folder = tmp_path_factory.mktemp(task)
        AutoTokenizer.from_pretrained(course.checkpoint("bert")).save_pretrained(folder)
        config = AutoConfig.from_pretrained(course.checkpoint("bert"))
        config.update({"num_hidden_layers": 1, "hidden_size": 24, "intermediate_size": 24})
        config.update({"id2label": dict(enumerate(labels)), "label2id": {n: i for i, n in enumerate(labels)}})
        kind = AutoModelForTokenClassification if task == "entities" else AutoModelForSequenceClassification
        kind.from_config(config).save_pretrained(folder)
        source = FINE_TUNED[task]
        repositories["models", source.hub_id, source.revision] = {p.name: p.read_bytes() for p in folder.iterdir()}
    with Hub(repositories) as running:
        yield running


SHOW = """
from helpers import course
model, _ = course.fine_tuned({task!r})
print(model.training, list(model.config.id2label.values()), model.config.label2id)
"""


@pytest.mark.parametrize("task", PUBLIC)
def test_a_public_model_has_the_courses_names_in_its_own_order(task, hub, tmp_path):
    said = full(SHOW.format(task=task), hub, tmp_path)
    spelt = {"NEGATIVE": "negative", "POSITIVE": "positive"}
    spelt |= {f"LABEL_{i}": name for i, name in enumerate(["World", "Sports", "Business", "Sci/Tech"])}
    names = [spelt.get(name, name) for name in PUBLIC[task]]
    assert said.strip() == f"False {names} { {name: i for i, name in enumerate(names)} }"


def test_a_public_model_with_other_labels_is_one_sentence(hub, tmp_path, monkeypatch):
    key = ("models", FINE_TUNED["nli"].hub_id, FINE_TUNED["nli"].revision)
    files = dict(hub.repositories[key])
    files["config.json"] = files["config.json"].replace(b"contradiction", b"denial")
    monkeypatch.setitem(hub.repositories, key, files)
    wanted = {"COURSE_PROFILE": "full", "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_XET": "1"}
    last = run_python(SHOW.format(task="nli"), **wanted).stderr.strip().splitlines()[-1]
    assert last.startswith("helpers.errors.CourseError: cross-encoder/nli-MiniLM2-L6-H768 has the labels denial,"), last
