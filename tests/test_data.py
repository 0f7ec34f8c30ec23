"""The bundled data: complete, clean, balanced, varied as real data, without copies or leaks, and not decided by its surface."""

import collections
import csv
import json
import re
import shutil
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from helpers import bundle, course
from helpers.sources import DATASETS
from tests.data_checks import SPECS, components, label_shares, near_duplicates, plain, problems, rows_of, source_of

sys.path.insert(0, str(bundle.DATA / "build"))
from real_figures import bundled_frame, figures, text_columns

BENCHMARKS = bundle.ROOT.parent / "shared" / "benchmarks"
FOLDERS = sorted(SPECS)
FIGURES = json.loads((bundle.ROOT / "tests" / "real_figures.json").read_text(encoding="utf8"))


def cross_validated(texts, labels, groups=None, vectorizer=None):
    """Mean accuracy of a logistic regression on words and word pairs, five folds; ``groups`` stay in one fold."""
    pipeline = make_pipeline(vectorizer or TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10, max_iter=1000))
    folds = 5 if groups is None else GroupKFold(5)
    return cross_val_score(pipeline, texts, labels, cv=folds, groups=groups).mean()


def test_every_bundled_file_is_in_the_manifest_and_whole():
    from manifest import bundled

    assert bundled() == sorted(bundle.manifest())
    assert bundle.verify() == len(bundled())


def test_every_data_set_of_the_course_has_its_checks():
    assert sorted(source.folder for source in DATASETS.values()) == FOLDERS


@pytest.mark.parametrize("folder", FOLDERS)
def test_rows_are_clean_and_unlike_each_other(folder):
    assert list(problems(bundle.DATA, folder)) == []


@pytest.mark.parametrize("name", DATASETS)
def test_columns_and_label_names_are_those_of_the_real_set(name):
    """The course reads the same types from the bundled files as from the real ones; names as the Hub has them."""
    source = DATASETS[name]
    found = course.dataset(name)
    assert set(found) == {"train", "validation"}
    assert list(found["train"].features) == list(source.columns)
    present = [BENCHMARKS / local / "train.parquet" for local in source.local]
    present = [path for path in present if path.exists()]
    if not present:
        pytest.skip(f"no real {name} in {BENCHMARKS}")
    schema = pq.read_schema(present[0])
    assert set(source.columns) <= set(schema.names)
    stored = json.loads((schema.metadata or {}).get(b"huggingface", b'{"info": {"features": {}}}'))["info"]["features"]
    for column, kind in source.columns.items():
        if kind.names and column in stored:
            label = stored[column].get("feature", stored[column])
            assert tuple(label["names"]) == kind.names


@pytest.mark.parametrize("folder", ["reviews", "reviews_long", "topics", "nli"])
def test_labels_are_balanced_in_both_splits(folder):
    for shares in label_shares(rows_of(bundle.DATA, folder)).values():
        assert set(shares) == set(source_of(folder).columns["label"].names)
        assert max(shares.values()) - min(shares.values()) < 1e-9, shares


def test_paraphrases_are_more_often_equivalent_in_both_splits_as_in_mrpc():
    for shares in label_shares(rows_of(bundle.DATA, "paraphrases")).values():
        assert 0.6 <= shares["equivalent"] <= 0.65


def test_entities_of_all_types_in_both_splits_and_rows_without_any():
    for split in ("train", "validation"):
        rows = [row.values["ner_tags"] for row in rows_of(bundle.DATA, "entities") if row.split == split]
        begun = collections.Counter(tag[2:] for tags in rows for tag in tags if tag.startswith("B-"))
        assert set(begun) == {"PER", "ORG", "LOC", "MISC"}
        assert all(count > 0.1 * begun.total() for count in begun.values()), begun
        assert 0.1 < np.mean([set(tags) == {"O"} for tags in rows]) < 0.25


@pytest.mark.parametrize("folder", FOLDERS)
def test_length_and_diversity_are_those_of_real_data(folder):
    source = source_of(folder)
    own = figures(bundled_frame(source), text_columns(source))
    for name, real in FIGURES[folder].items():
        if name.startswith("words of") and folder != "corpus":  # its paragraphs stand for whole articles
            assert 0.6 * real < own[name] < 1.7 * real, (name, own[name], real)
        if name.startswith("distinct-"):
            assert own[name] > 0.85 * real, (name, own[name], real)


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_template_shows(folder):
    """Texts written one by one share few openings."""
    column = text_columns(source_of(folder))[0]
    values = [row.values[column] for row in rows_of(bundle.DATA, folder)]
    texts = {plain(" ".join(value) if isinstance(value, list) else value) for value in values}
    openings = collections.Counter(" ".join(text.split()[:4]) for text in texts if len(text.split()) > 6)
    limit = 6 if folder == "nli" else 3  # captions: there is a man
    assert openings.most_common(1)[0][1] <= limit, openings.most_common(3)


def test_corpus_has_its_thirty_thousand_words():
    words = {
        split: sum(len(row.values["text"].split()) for row in rows_of(bundle.DATA, "corpus") if row.split == split)
        for split in ("train", "validation")
    }
    assert sum(words.values()) >= 30_000
    assert words["validation"] > 0.05 * words["train"]


def test_questions_come_five_a_paragraph_and_ask_for_different_things():
    by_context = collections.defaultdict(list)
    for row in rows_of(bundle.DATA, "questions"):
        by_context[row.values["context"]].append(row.values)
    assert {len(own) for own in by_context.values()} == {5}
    for own in by_context.values():  # so nobody who has not read the question is right more than once in five
        assert len({plain(values["answers"]["text"][0]) for values in own}) == 5, own[0]["title"]
    assert len({values["id"] for own in by_context.values() for values in own}) == 400


@pytest.mark.parametrize("name", [name for name in DATASETS if name != "corpus"])
def test_no_row_repeats_twelve_words_of_a_real_one(name):
    """Written for this course: what real sets hold may be alike in subject, not in its wording."""
    source = DATASETS[name]
    columns = text_columns(source)
    folders = {"nli": ["sick", "xnli-en"], "questions": ["squad", "tydiqa-en"]}.get(name, source.local)
    paths = [path for folder in folders for path in sorted((BENCHMARKS / folder).glob("*.parquet"))]
    if not paths:
        pytest.skip(f"no real {name} in {BENCHMARKS}")

    def runs(value):
        words = plain(value if isinstance(value, str) else " ".join(value)).split()
        return {" ".join(words[i : i + 12]) for i in range(len(words) - 11)}

    own: dict[str, str] = {}
    for row in rows_of(bundle.DATA, source.folder):
        for column in columns:
            own |= dict.fromkeys(runs(row.values[column]), row.where)
    for path in paths:
        for column in columns:
            for value in (
                pq.read_table(path, columns=[column])[column].unique().to_pylist()
                if column != "tokens"
                else pq.read_table(path, columns=[column])[column].to_pylist()
            ):
                shared = runs(value) & own.keys()
                assert not shared, f"{own[min(shared)]} shares with {path.parent.name}: {min(shared)!r}"


# What the surface must not give away


def test_reviews_are_not_decided_by_length_punctuation_or_opening():
    rows = rows_of(bundle.DATA, "reviews")
    texts, labels = [row.values["sentence"] for row in rows], np.array([row.values["label"] for row in rows])
    words = np.array([len(text.split()) for text in texts])
    assert abs(words[labels == "positive"].mean() - words[labels == "negative"].mean()) < 1.5
    stops = np.array([text.endswith(".") for text in texts])
    assert abs(stops[labels == "positive"].mean() - stops[labels == "negative"].mean()) < 0.1
    first = TfidfVectorizer(analyzer=lambda text: [text.split()[0], " ".join(text.split()[:2])])
    assert cross_validated(list(map(plain, texts)), labels, vectorizer=first) < 0.66
    assert 0.62 < cross_validated(list(map(plain, texts)), labels) < 0.82


def test_nli_is_not_decided_by_the_hypothesis():
    rows = rows_of(bundle.DATA, "nli")
    # Rows that share a text stay in one fold, or the fold would learn the label that the other row has.
    groups = components(rows, ("premise", "hypothesis"))
    labels = [row.values["label"] for row in rows]
    assert cross_validated([row.values["hypothesis"] for row in rows], labels, groups) <= 0.45
    negated = collections.defaultdict(list)
    for row in rows:
        negated[row.values["label"]].append(
            bool(re.search(r"\b(no|not|never|nobody|none|nothing)\b|n't", row.values["hypothesis"].lower()))
        )
    shares = {label: np.mean(values) for label, values in negated.items()}
    assert max(shares.values()) - min(shares.values()) < 0.2, shares


def test_paraphrases_are_not_decided_by_word_overlap_or_length():
    rows = rows_of(bundle.DATA, "paraphrases")
    same = np.array([row.values["label"] == "equivalent" for row in rows])
    bags = [[set(plain(row.values[c]).split()) for c in ("sentence1", "sentence2")] for row in rows]
    overlap = np.array([len(a & b) / len(a | b) for a, b in bags])
    assert max(((overlap >= cut) == same).mean() for cut in np.unique(overlap)) <= 0.70
    gap = np.array([abs(len(row.values["sentence1"].split()) - len(row.values["sentence2"].split())) for row in rows])
    assert abs(gap[same].mean() - gap[~same].mean()) < 1.5


@pytest.mark.parametrize(("folder", "column"), [("topics", "text"), ("reviews_long", "text")])
def test_length_does_not_tell_the_label(folder, column):
    lengths = collections.defaultdict(list)
    for row in rows_of(bundle.DATA, folder):
        lengths[row.values["label"]].append(len(row.values[column].split()))
    means = [np.mean(values) for values in lengths.values()]
    assert max(means) < 1.15 * min(means), means


# The checks themselves: each damage is found, and the message names file and row


@pytest.fixture
def own(tmp_path):
    """Copies of the data sets that a test may damage: ``own("topics")`` returns the folder's root."""

    def copy(folder):
        shutil.copytree(bundle.DATA / folder, tmp_path / folder)
        return tmp_path

    return copy


def edit_csv(path, row, column, value):
    with path.open(newline="", encoding="utf8") as file:
        rows = list(csv.DictReader(file))
    rows[row - 2][column] = value
    with path.open("w", newline="", encoding="utf8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def edit_jsonl(path, row, change):
    lines = path.read_text(encoding="utf8").splitlines()
    values = json.loads(lines[row - 1])
    change(values)
    lines[row - 1] = json.dumps(values)
    path.write_text("\n".join(lines) + "\n", encoding="utf8")


def test_a_wrong_label_name_is_named(own):
    root = own("topics")
    edit_csv(root / "topics" / "train.csv", 17, "label", "Sport")
    assert list(problems(root, "topics")) == [
        "topics/train.csv, row 17: 'Sport' is no label; known are World, Sports, Business, Sci/Tech"
    ]


def test_a_damaged_row_is_named(own):
    root = own("nli")
    edit_csv(root / "nli" / "validation.csv", 5, "hypothesis", "A man is\x00 sleeping.")
    assert any(p.startswith("nli/validation.csv, row 5: hypothesis holds '\\x00'") for p in problems(root, "nli"))
    edit_csv(root / "nli" / "validation.csv", 5, "hypothesis", "")
    assert "nli/validation.csv, row 5: hypothesis is empty" in list(problems(root, "nli"))
    root = own("reviews")
    path = root / "reviews" / "train.csv"
    lines = path.read_text(encoding="utf8").splitlines()
    path.write_text("\n".join([*lines[:40], "a line without a label", *lines[41:]]) + "\n", encoding="utf8")
    assert any(p.startswith("reviews/train.csv, row 41: None is no label") for p in problems(root, "reviews"))
    path.write_text("\n".join(lines[:-1]) + "\n", encoding="utf8")
    assert "reviews: 899 train rows, 900 promised" in list(problems(root, "reviews"))


def test_an_offset_off_by_one_is_named(own):
    root = own("questions")

    def shift(values):
        values["answers"]["answer_start"][0] += 1

    edit_jsonl(root / "questions" / "train.jsonl", 12, shift)
    (found,) = problems(root, "questions")
    assert re.match(r"questions/train\.jsonl, row 12: the context has '.+' at \d+, not the answer '.+'", found)


def test_tags_that_are_no_iob2_are_named(own):
    root = own("entities")
    path = root / "entities" / "validation.jsonl"

    def orphan(values):
        values["ner_tags"] = ["O"] * (len(values["tokens"]) - 1) + ["I-LOC"]

    edit_jsonl(path, 3, orphan)
    edit_jsonl(path, 4, lambda values: values["ner_tags"].append("O"))
    edit_jsonl(path, 5, lambda values: values["ner_tags"].__setitem__(0, "B-PLACE"))
    found = list(problems(root, "entities"))
    assert any(
        re.match(r"entities/validation\.jsonl, row 3: I-LOC at .+ follows O: no entity of its type is open", p)
        for p in found
    )
    assert any(re.match(r"entities/validation\.jsonl, row 4: \d+ tokens, but \d+ tags", p) for p in found)
    assert any(p.startswith("entities/validation.jsonl, row 5: 'B-PLACE' is no tag; known are O, B-PER") for p in found)


@pytest.mark.parametrize("folder", [f for f in FOLDERS if source_of(f).columns and f != "entities"])
def test_a_copy_across_the_splits_is_named(own, folder):
    root = own(folder)
    train, validation = (next((root / folder).glob(f"{split}.*")) for split in ("train", "validation"))
    header = 1 if train.suffix == ".csv" else 0
    lines = validation.read_text(encoding="utf8").splitlines()
    lines[8 + header - 1] = train.read_text(encoding="utf8").splitlines()[3 + header - 1]
    validation.write_text("\n".join(lines) + "\n", encoding="utf8")
    there, here = f"{folder}/{train.name}, row {3 + header}", f"{folder}/{validation.name}, row {8 + header}"
    assert f"{here}: the same as {there}" in list(problems(root, folder))


def test_a_paragraph_in_both_splits_is_named(own):
    root = own("questions")
    context = rows_of(root, "questions")[0].values["context"]
    edit_jsonl(root / "questions" / "validation.jsonl", 2, lambda values: values.update(context=context))
    assert any(
        "validation.jsonl, row 2: its context is in questions/train.jsonl, row 1, too, across the splits" in p
        for p in problems(root, "questions")
    )


def test_near_duplicates_are_found():
    first = "the script wanders but the two leads never put a foot wrong"
    second = "the script wanders but the two leads hardly put a foot wrong"
    (found,) = near_duplicates([first, "nothing here is worth your evening", second], 0.66)
    assert found[:2] == (first, second)
    assert 0.66 < found[2] < 1
