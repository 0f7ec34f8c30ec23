"""The four templates: they learn, come back from a folder the same, and every slip in a file is one sentence."""

import json
import re

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertConfig, BertForMaskedLM, BertForQuestionAnswering, BertForSequenceClassification

from helpers import course, projects
from helpers.errors import CourseError
from helpers.projects import files

SIZES = {"hidden_size": 96, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
PLACES = ("Rome", "Oslo", "Paris", "Lima", "Cairo", "Delhi")
MEALS = ("soup", "bread", "rice", "cake", "fish", "beans")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, tokenizer):
    """A random BERT of one narrow layer."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bert")
    BertForMaskedLM(BertConfig(**SIZES)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(autouse=True)
def small(monkeypatch, checkpoint, tokenizer):
    """Random models in the place of the course's; what they learn here is easy."""

    def fine_tuned(task):
        torch.manual_seed(0)
        if task == "questions":
            return BertForQuestionAnswering(BertConfig(**SIZES)).eval().requires_grad_(False), tokenizer
        names = {"id2label": {0: "positive", 1: "negative"}, "label2id": {"positive": 0, "negative": 1}}
        return BertForSequenceClassification(BertConfig(**SIZES, **names)).eval().requires_grad_(False), tokenizer

    monkeypatch.setattr(course, "checkpoint", lambda name: checkpoint)
    monkeypatch.setattr(course, "fine_tuned", fine_tuned)


def opinions(labels=("bad", "good"), rows=40):
    return [{"text": f"{labels[i % 2]} {MEALS[i % 6]} number {i}", "label": labels[i % 2]} for i in range(rows)]


def sentences(rows=60):
    return [
        {
            "tokens": ["We", "ate", MEALS[i % 6], "in", PLACES[i * 7 % 6], str(i)],
            "tags": ["O", "O", "O", "O", "B-CITY", "O"],
        }
        for i in range(rows)
    ]


def asked(rows=30):
    context = "Guest {i} came from {place} and ate {meal}."
    return [
        {
            "question": "What did the guest eat?",
            "context": context.format(i=i, place=PLACES[i * 5 % 6], meal=MEALS[i % 6]),
            "answer": MEALS[i % 6],
        }
        for i in range(rows)
    ]


@pytest.fixture
def file(tmp_path):
    """Rows -> a JSON-lines or CSV file."""

    def write(rows, name="own.jsonl", **how):
        path = tmp_path / name
        if name.endswith(".csv"):
            pd.DataFrame(rows).to_csv(path, index=False, **how)
        else:
            path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf8")
        return path

    return write


def test_classification_learns_and_comes_back_the_same(file, tmp_path):
    project = projects.classify(file(opinions(("dull", "sharp")), "own.csv"), epochs=8)
    assert project.scores == {"accuracy": 1.0, "always the commonest label": 0.5}
    texts = ["sharp soup", "dull cake", "sharp " * 700]
    project.save(tmp_path / "kept")
    again = projects.load(tmp_path / "kept")
    assert again.predict(texts) == project.predict(texts)
    assert [p.label for p in again.predict(texts)] == ["sharp", "dull", "sharp"]
    assert all(0.5 <= p.confidence <= 1 for p in again.predict(texts))
    assert (again.kind, again.scores, again.remarks) == (project.kind, project.scores, project.remarks)
    assert again.model.config._attn_implementation == project.model.config._attn_implementation
    project.save(tmp_path / "kept")  # over an older save


def test_predictions_do_not_depend_on_what_else_is_asked(file):
    project = projects.classify(file(opinions()), epochs=2)
    texts = ["good soup", "bad " * 50, "cake"]
    one_by_one = [project.predict([text])[0] for text in texts]
    together = project.predict(texts)
    assert [p.label for p in together] == [p.label for p in one_by_one]
    assert [p.confidence for p in together] == pytest.approx([p.confidence for p in one_by_one], abs=1e-4)


def test_entities_learn_and_come_back_the_same(file, tmp_path):
    project = projects.entities(file(sentences()), epochs=10)
    assert project.scores["entity F1"] > 0.9
    text = ["We ate rice in Lima 7"]
    project.save(tmp_path / "kept")
    assert projects.load(tmp_path / "kept").predict(text) == project.predict(text)
    assert [(e.kind, e.text) for e in project.predict(text)[0]] == [("CITY", "Lima")]


def test_entities_may_stand_in_a_csv_with_spaces(file):
    rows = [{"words": " ".join(row["tokens"]), "iob": " ".join(row["tags"])} for row in sentences(30)]
    project = projects.entities(file(rows, "own.csv", sep=";"), tokens="words", tags="iob", epochs=1)
    assert list(project.model.config.id2label.values()) == ["O", "B-CITY", "I-CITY"]


def test_sentiment_starts_from_the_model_that_knows_it_and_keeps_its_order_of_labels(file, tmp_path):
    rows = [{"text": row["text"], "label": {"bad": "NEG", "good": 1}[row["label"]]} for row in opinions()]
    project = projects.sentiment(file(rows), epochs=8)
    assert set(project.scores) == {"accuracy", "accuracy before training", "always the commonest label"}
    assert project.scores["accuracy"] == 1.0
    assert project.model.config.id2label == {0: "positive", 1: "negative"}
    project.save(tmp_path / "kept")
    again = projects.load(tmp_path / "kept")
    assert [p.label for p in again.predict(["good soup", "bad soup"])] == ["positive", "negative"]


def test_questions_learn_and_come_back_the_same(file, tmp_path):
    project = projects.questions(file(asked()), epochs=12)
    assert project.scores["F1"] > max(0.8, project.scores["F1 before training"])
    own = ["What did the guest eat?"], ["Guest 99 came from Rome and ate cake."]
    project.save(tmp_path / "kept")
    assert projects.load(tmp_path / "kept").predict(*own) == project.predict(*own)
    assert project.predict(*own)[0].text == "cake"


def test_questions_may_begin_with_the_pre_trained_model(file):
    project = projects.questions(file(asked()), begin_with="bert", epochs=1)
    assert project.model.config.num_labels == 2
    with pytest.raises(CourseError, match="must be 'questions' or 'bert'"):
        projects.questions(file(asked()), begin_with="mine")


def test_what_is_noticed_is_remarked(file):
    rows = [*opinions(), opinions()[0], {"text": "good " * 600, "label": "good"}]
    remarks = projects.classify(file(rows), epochs=1).remarks
    assert "1 rows repeat another one" in remarks[1] and "1 texts have more than 512 tokens" in remarks[0]
    twice = [row | {"context": row["context"] + " " + row["context"]} for row in asked()]
    assert "stands several times" in projects.questions(file(twice), epochs=1).remarks[0]


SLIPS = {
    "no column": (projects.classify, [{"txt": "a", "label": "b"}], "has no column 'text': it has 'txt', 'label'"),
    "no column in one row": (projects.classify, [*opinions(), {"text": "x"}], "no column 'label' in row 41"),
    "an empty text": (projects.classify, [*opinions(), {"text": " ", "label": "bad"}], "text in row 41 is empty"),
    "no text": (projects.classify, [*opinions(), {"text": None, "label": "bad"}], "text in row 41 is None, not a text"),
    "an empty label": (projects.classify, [*opinions(), {"text": "x", "label": ""}], "label in row 41 is empty"),
    "one class": (projects.classify, [row | {"label": "a"} for row in opinions()], "two classes are needed"),
    "a rare label": (projects.classify, [*opinions(), {"text": "x", "label": "goood"}], "a misspelt label?"),
    "two labels": (projects.classify, [*opinions(), {"text": opinions()[0]["text"], "label": "good"}], "Rows 1 and 41"),
    "few rows": (projects.classify, opinions(rows=12), "at least 20"),
    "unknown polarity": (projects.sentiment, [*opinions(), {"text": "x", "label": "so-so"}], "row 41 is 'so-so'"),
    "one polarity": (projects.sentiment, [row | {"label": "good"} for row in opinions()], "two classes are needed"),
    "unequal": (
        projects.entities,
        [*sentences(), {"tokens": ["a"], "tags": ["O", "O"]}],
        "Row 61 has 1 tokens, but 2 tags",
    ),
    "no tag": (projects.entities, [*sentences(), {"tokens": ["a"], "tags": ["CITY"]}], "Row 61: 'CITY' is no IOB2 tag"),
    "no words": (projects.entities, [*sentences(), {"tokens": [], "tags": []}], "Row 61 has no words"),
    "numbers": (projects.entities, [{"tokens": [1], "tags": ["O"]}], "tokens in row 1 are no list of words"),
    "no entity": (projects.entities, [row | {"tags": ["O"] * 6} for row in sentences()], "Every tag is O"),
    "few sentences": (projects.entities, sentences(3), "3 different texts"),
    "no answer": (
        projects.questions,
        [*asked(), asked()[0] | {"answer": "ham"}],
        "'ham' in row 31 is not in its context",
    ),
    "an empty answer": (projects.questions, [asked()[0] | {"answer": ""}], "answer in row 1 is empty"),
    "a wrong place": (projects.questions, [asked()[0] | {"start": 0}], "does not stand at character 0, but at 31"),
    "no place": (projects.questions, [asked()[0] | {"start": "two"}], "not a whole number"),
    "one context": (projects.questions, [asked()[0] | {"question": f"Q {i}?"} for i in range(30)], "1 different texts"),
    "a long question": (
        projects.questions,
        [row | {"question": "why " * 300} for row in asked()],
        "shorten the question",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_every_slip_in_a_file_is_one_sentence(slip, file):
    kind, rows, sentence = SLIPS[slip]
    with pytest.raises(CourseError, match=re.escape(sentence)) as caught:
        kind(file(rows))
    assert "\n" not in str(caught.value) and str(caught.value).endswith((".", ")"))


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("own.xlsx", b"PK", "no .csv and no .jsonl"),
        ("own.csv", b"", "is empty"),
        ("own.csv", b"text,label\n", "no row below"),
        ("own.csv", "text,label\nschön,a\n".encode("latin-1"), "not in UTF-8"),
        ("own.csv", b"text,label\none, two,a\n", "Row 1 of own.csv has more cells"),
        ("own.csv", b"text,label\none\n", "Row 1 of own.csv has fewer cells"),
        ("own.csv", b'text,label\n"one,a\n', "quotation mark"),
        ("own.jsonl", b'{"text": "a"\n', "Line 1 of own.jsonl is no JSON"),
        ("own.jsonl", b'["a", "b"]\n', "no object in braces"),
    ],
)
def test_every_damaged_file_is_one_sentence(name, content, sentence, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CourseError, match=re.escape(sentence)):
        projects.classify(tmp_path / name)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(CourseError, match=r"There is no file own\.csv"):
        projects.classify(tmp_path / "own.csv")


def test_a_spreadsheet_s_csv_is_read(tmp_path):
    (tmp_path / "own.csv").write_bytes('\ufefftext;label\r\n"one; two\nthree";a\r\n'.encode())
    assert files.read_own(tmp_path / "own.csv", {"text": "text", "label": "label"}) == [
        {"text": "one; two\nthree", "label": "a"}
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("one text",), "One string was given"),
        (([],), "nothing to answer"),
        (([" "],), "text in row 1 is empty"),
        ((["a"], ["b"]), "takes texts only"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(arguments, sentence, file):
    project = projects.Project("classification", *course.fine_tuned("sentiment"))
    with pytest.raises(CourseError, match=sentence):
        project.predict(*arguments)


def test_a_question_needs_a_context():
    project = projects.Project("questions", *course.fine_tuned("questions"))
    for contexts, sentence in (
        (None, "needs a context"),
        (["a", "b"], "each question needs its own"),
        ([" "], "is empty"),
    ):
        with pytest.raises(CourseError, match=sentence):
            project.predict(["Who?"], contexts)


def test_folders_that_hold_no_project(tmp_path):
    project = projects.Project("classification", *course.fine_tuned("sentiment"))
    with pytest.raises(CourseError, match="There is no project in nowhere"):
        projects.load(tmp_path / "nowhere")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mum.txt").write_text("Dear Mum")
    with pytest.raises(CourseError, match="choose a new folder"):
        project.save(tmp_path / "letters")
    project.save(tmp_path / "kept")
    (tmp_path / "kept" / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(CourseError, match="damaged"):
        projects.load(tmp_path / "kept")
    (tmp_path / "kept" / "project.json").write_text("{")
    with pytest.raises(CourseError, match="damaged"):
        projects.load(tmp_path / "kept")


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from("ab")), min_size=1, max_size=80))
@settings(max_examples=200, deadline=None)
def test_a_split_tears_no_group_apart_and_loses_no_row(pairs):
    groups = [f"{group}{stratum}" for group, stratum in pairs]
    strata = [stratum for _, stratum in pairs]
    if len(set(groups)) < 5:
        with pytest.raises(CourseError, match="different texts"):
            files.split_off(groups, strata)
        return
    learn, judge = files.split_off(groups, strata)
    assert sorted([*learn, *judge]) == list(range(len(groups)))
    assert not {groups[i] for i in learn} & {groups[i] for i in judge}
    assert {strata[i] for i in judge} == set(strata)
