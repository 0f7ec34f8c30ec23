"""What every bundled data set must be; each complaint names file and row. Used by ``test_data.py``, on copies too.

A row's number is its line in the file: the first row of a CSV file is 2, of a JSON lines file 1.
"""

import collections
import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from helpers.sources import DATASETS, DataSource

PRIVATE = re.compile(r"\w@\w|https?:|www\.|\b\d{6,}\b|\b\d{3}[-. ]\d{3}[-. ]\d{4}\b")
PRINTABLE = re.compile(r"[ -~]+")


@dataclass(frozen=True)
class Spec:
    """The promise of one data set: rows of both splits, words a text may have, and how alike two rows may be."""

    rows: tuple[int, int]
    words: dict[str, tuple[int, int]]
    alike: float
    group: tuple[str, ...] = ()  # rows that share a text of these columns belong to one split
    ascii: bool = True


SPECS = {
    "reviews": Spec((900, 300), {"sentence": (2, 45)}, 0.66),
    "reviews_long": Spec((120, 60), {"text": (118, 310)}, 0.5),
    "topics": Spec((600, 200), {"text": (18, 65)}, 0.6),
    "paraphrases": Spec((450, 150), {"sentence1": (7, 40), "sentence2": (7, 40)}, 0.6),
    "nli": Spec((660, 240), {"premise": (4, 40), "hypothesis": (3, 25)}, 0.75, group=("premise", "hypothesis")),
    "entities": Spec((500, 200), {}, 0.8),
    "questions": Spec((300, 100), {"context": (75, 190), "question": (4, 30)}, 0.5, group=("context",), ascii=False),
    "corpus": Spec((0, 0), {"text": (50, 200)}, 0.5),
}


@dataclass(frozen=True)
class Row:
    """One row of a file: ``where`` is for people, ``split`` train or validation."""

    where: str
    split: str
    values: dict


def source_of(folder: str) -> DataSource:
    """The course's description of the bundled folder."""
    return next(source for source in DATASETS.values() if source.folder == folder)


def rows_of(root: Path, folder: str) -> list[Row]:
    """All rows of both splits, as they stand in the files."""
    rows = []
    for split in ("train", "validation"):
        (path,) = (root / folder).glob(f"{split}.*")
        with path.open(encoding="utf8", newline="") as file:
            if path.suffix == ".csv":
                values, first = list(csv.DictReader(file)), 2
            else:
                values, first = [json.loads(line) for line in file], 1
        rows += [Row(f"{folder}/{path.name}, row {n}", split, value) for n, value in enumerate(values, first)]
    return rows


def plain(text: str) -> str:
    """Lower case, letters and digits only: what two copies have in common however they are punctuated."""
    return " ".join(re.sub(r"[^a-z0-9 ]", " ", text.lower()).split())


def key(folder: str, row: Row) -> str:
    """What must not occur twice: the whole input of a row."""
    columns = {
        "entities": ["tokens"],
        "questions": ["context", "question"],
        "nli": ["premise", "hypothesis"],
        "paraphrases": ["sentence1", "sentence2"],
    }.get(folder, [next(iter(row.values))])
    parts = (row.values.get(column) for column in columns)
    return " | ".join(" ".join(part) if isinstance(part, list) else str(part) for part in parts)


def problems(root: Path, folder: str) -> Iterator[str]:
    """Everything that is wrong with a data set, a sentence each."""
    spec, source = SPECS[folder], source_of(folder)
    rows = rows_of(root, folder)
    for split, wanted in zip(("train", "validation"), spec.rows, strict=True):
        count = sum(row.split == split for row in rows)
        if wanted and count != wanted:
            yield f"{folder}: {count} {split} rows, {wanted} promised"
    for row in rows:
        if list(row.values) != list(source.columns):
            yield f"{row.where}: columns {list(row.values)}, not {list(source.columns)}"
            continue
        for name, column in source.columns.items():
            value = row.values[name]
            if column.kind == "label" and value not in column.names:
                yield f"{row.where}: {value!r} is no {name}; known are {', '.join(column.names)}"
            if column.kind == "text":
                yield from _text_problems(row, name, value, spec)
        if folder == "entities":
            yield from _tag_problems(row, source.columns["ner_tags"].names)
        if folder == "questions":
            yield from _answer_problems(row)
    yield from _copies(folder, rows, spec)
    if spec.group:
        home: dict[int, Row] = {}
        for row, place in zip(rows, components(rows, spec.group), strict=True):
            other = home.setdefault(place, row)
            if other.split != row.split:
                yield f"{row.where}: its {' or '.join(spec.group)} is in {other.where}, too, across the splits"


def components(rows: list[Row], columns: tuple[str, ...]) -> list[int]:
    """A number a row: rows that share a text in any of ``columns``, directly or through others, have the same one."""
    parent = list(range(len(rows)))

    def root(place: int) -> int:
        while parent[place] != place:
            place = parent[place]
        return place

    first: dict[str, int] = {}
    for place, row in enumerate(rows):
        for column in columns:
            parent[root(place)] = root(first.setdefault(plain(str(row.values.get(column))), place))
    return [root(place) for place in range(len(rows))]


def _text_problems(row: Row, name: str, text: object, spec: Spec) -> Iterator[str]:
    if not isinstance(text, str) or not text.strip():
        yield f"{row.where}: {name} is empty"
        return
    odd = [c for c in text if not (PRINTABLE.fullmatch(c) if spec.ascii else c.isprintable())]
    if odd:
        yield f"{row.where}: {name} holds {odd[0]!r}, which is not printable{' ASCII' if spec.ascii else ''}"
    if text != text.strip() or "  " in text:
        yield f"{row.where}: {name} has spaces at an end or two in a row"
    if PRIVATE.search(text):
        yield f"{row.where}: {name} looks like private data: {PRIVATE.search(text)[0]!r}"
    low, high = spec.words.get(name, (1, 10**6))
    if not low <= len(text.split()) <= high:
        yield f"{row.where}: {name} has {len(text.split())} words, not {low} to {high}"


def _tag_problems(row: Row, names: tuple[str, ...]) -> Iterator[str]:
    tokens, tags = row.values["tokens"], row.values["ner_tags"]
    if len(tokens) != len(tags) or not tokens:
        yield f"{row.where}: {len(tokens)} tokens, but {len(tags)} tags"
    for token in tokens:
        if not PRINTABLE.fullmatch(token) or " " in token:
            yield f"{row.where}: {token!r} is not one printable token"
    before = "O"
    for token, tag in zip(tokens, tags, strict=False):
        if tag not in names:
            yield f"{row.where}: {tag!r} is no tag; known are {', '.join(names)}"
        elif tag.startswith("I-") and before[2:] != tag[2:]:
            yield f"{row.where}: {tag} at {token!r} follows {before}: no entity of its type is open (IOB2)"
        before = tag


def _answer_problems(row: Row) -> Iterator[str]:
    context, answers = row.values["context"], row.values["answers"]
    if not answers["text"] or len(answers["text"]) != len(answers["answer_start"]):
        yield f"{row.where}: {len(answers['text'])} answers, but {len(answers['answer_start'])} offsets"
    for text, start in zip(answers["text"], answers["answer_start"], strict=False):
        found = context[start : start + len(text)]
        if found != text:
            yield f"{row.where}: the context has {found!r} at {start}, not the answer {text!r}"
        elif re.match(r"\w", context[start + len(text) :][:1]) or re.match(r"\w", context[:start][-1:]):
            yield f"{row.where}: the answer {text!r} cuts a word"
    if not row.values["question"].endswith("?"):
        yield f"{row.where}: the question does not end with a question mark"


def _copies(folder: str, rows: list[Row], spec: Spec) -> Iterator[str]:
    """Exact copies of a whole input, and texts too alike by the cosine of their character n-grams."""
    seen: dict[str, Row] = {}
    for row in rows:
        text = plain(key(folder, row))
        if folder == "entities" and len(text.split()) < 4:
            continue  # a score or a dateline: London 1996-08-30 may well come twice
        other = seen.setdefault(text, row)
        if other is not row:
            yield f"{row.where}: the same as {other.where}"
    column = next(iter(spec.group), next(iter(source_of(folder).columns)))
    places = components(rows, spec.group)
    texts: dict[str, tuple[Row, int]] = {}
    for row, place in zip(rows, places, strict=True):
        value = row.values.get(column)
        text = plain(" ".join(value) if isinstance(value, list) else str(value))
        if len(text.split()) >= 4:
            texts.setdefault(text, (row, place))
    for first, second, cosine in near_duplicates(list(texts), spec.alike):
        (there, home), (here, place) = texts[first], texts[second]
        if not spec.group or home != place:  # a denial is much like what it denies
            yield f"{here.where}: much like {there.where} (cosine {cosine:.2f}): {second[:60]!r}"


def near_duplicates(texts: list[str], threshold: float) -> list[tuple[str, str, float]]:
    """Pairs of plain texts whose character n-grams (3 to 5) have a TF-IDF cosine above ``threshold``."""
    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5)).fit_transform(texts)
    similar = np.triu((grams @ grams.T).toarray(), k=1)
    return [(texts[i], texts[j], similar[i, j]) for i, j in zip(*np.where(similar > threshold), strict=True)]


def label_shares(rows: list[Row], column: str = "label") -> dict[str, dict[str, float]]:
    """Split -> label -> share of the rows."""
    counts: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    for row in rows:
        counts[row.split][row.values[column]] += 1
    return {s: {label: n / sum(c.values()) for label, n in c.items()} for s, c in counts.items()}
