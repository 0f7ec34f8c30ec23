"""The reader's own CSV or JSON lines: read, checked row by row, and split without a leak; every slip is one sentence.

Rows are counted from 1, without the header, so that the number leads to the place in a spreadsheet (plus one there).
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

from helpers.errors import CourseError
from helpers.tasks import spans_of

SPELLINGS = {
    "negative": ("negative", "neg", "bad", "0", "-", "-1"),
    "positive": ("positive", "pos", "good", "1", "+", "+1"),
}
Row = dict[str, Any]


def read_own(path: str | Path, columns: Mapping[str, str], optional: Sequence[str] = ()) -> list[Row]:
    """The rows of a file, with the columns that are wanted under the names that the code uses.

    Args:
        path: ``.csv`` (UTF-8; comma, semicolon or tab) or ``.jsonl`` (an object a line).
        columns: name in the code -> name in the file.
        optional: names in the code whose column may be missing.

    Raises:
        CourseError: the file is missing, empty, of another kind or damaged, or lacks a column.
    """
    path = Path(path)
    if not path.is_file():
        raise CourseError(
            f"There is no file {path.name} in {path.parent.resolve().name or '/'}; check name and folder."
        )
    readers = {".csv": _csv, ".jsonl": _json_lines}
    if path.suffix.lower() not in readers:
        raise CourseError(f"{path.name} is no .csv and no .jsonl file; save it as one of the two.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CourseError(f"{path.name} is not in UTF-8; in a spreadsheet, save it as 'CSV UTF-8'.") from error
    if not text.strip():
        raise CourseError(f"{path.name} is empty.")
    needed = {name: own for name, own in columns.items() if name not in optional}
    rows = readers[path.suffix.lower()](text, path.name, set(needed.values()))
    if not rows:
        raise CourseError(f"{path.name} has a header, but no row below it.")
    for own in needed.values():
        if lacking := [number for number, row in enumerate(rows, 1) if own not in row]:
            where = "" if len(lacking) == len(rows) else f" in row {lacking[0]}"
            has = ", ".join(repr(name) for name in rows[lacking[0] - 1])
            raise CourseError(f"{path.name} has no column {own!r}{where}: it has {has}.")
    return [{name: row[own] for name, own in columns.items() if own in row} for row in rows]


def _csv(text: str, name: str, wanted: set[str]) -> list[Row]:
    import csv
    import io

    header = text.lstrip().splitlines()[0]
    comma = next((sign for sign in ",;\t" if wanted <= set(next(csv.reader([header], delimiter=sign)))), ",")
    try:
        read = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=comma, strict=True))
    except csv.Error as error:
        raise CourseError(f"{name} is no whole CSV ({error}); is a quotation mark never closed?") from error
    for number, row in enumerate(read, 1):
        if None in row or None in row.values():
            raise CourseError(
                f"Row {number} of {name} has {'more' if None in row else 'fewer'} cells than the header; put quotation marks "
                "around a text that holds a comma."
            )
    return read


def _json_lines(text: str, name: str, wanted: set[str]) -> list[Row]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise CourseError(f"Line {number} of {name} is no JSON ({error}); each line is one object.") from error
            if not isinstance(rows[-1], dict):
                raise CourseError(f"Line {number} of {name} is no object in braces, such as {{'text': '...'}}.")
    return rows


def texts_in(rows: Sequence[Row], *names: str) -> None:
    """Every text is one, and has something in it.

    Raises:
        CourseError: a text is empty or no string.
    """
    for name in names:
        for number, row in enumerate(rows, 1):
            if not isinstance(row[name], str):
                raise CourseError(f"The {name} in row {number} is {row[name]!r}, not a text.")
            if not row[name].strip():
                raise CourseError(f"The {name} in row {number} is empty; fill it in or delete the row.")


def labelled(rows: Sequence[Row], least: int = 5) -> tuple[list[Row], list[str], int]:
    """Rows of ``text`` and ``label`` without repetitions, the label names, and how many repetitions were left out.

    Args:
        rows: from ``read_own``.
        least: how many rows of each label are needed.

    Raises:
        CourseError: a text or label is empty, a text has two labels, there is one class only, or a class is too small.
    """
    rows = [
        row | {"label": str(row["label"]) if isinstance(row["label"], (int, bool)) else row["label"]} for row in rows
    ]
    texts_in(rows, "text", "label")
    first: dict[str, tuple[int, str]] = {}
    kept = []
    for number, row in enumerate(rows, 1):
        text, label = row["text"].strip(), row["label"].strip()
        before = first.setdefault(text, (number, label))
        if before[1] != label:
            raise CourseError(
                f"Rows {before[0]} and {number} hold the same text, once as {before[1]!r} and once as {label!r}; decide."
            )
        if before[0] == number:
            kept.append({"text": text, "label": label})
    counts = Counter(row["label"] for row in kept)
    if len(counts) == 1:
        raise CourseError(
            f"Every row has the label {next(iter(counts))!r}; to learn a difference, two classes are needed."
        )
    rarest = min(sorted(counts), key=counts.get)
    if counts[rarest] < least:
        slip = " (a misspelt label?)" if counts[rarest] == 1 else ""
        raise CourseError(f"The label {rarest!r} has {counts[rarest]} of {least} rows that are needed at least{slip}.")
    return kept, sorted(counts), len(rows) - len(kept)


def polarity(value: Any, number: int) -> str:
    """``negative`` or ``positive`` for one of their spellings.

    Raises:
        CourseError: it is none of them.
    """
    for name, spellings in SPELLINGS.items():
        if str(value).strip().lower() in spellings:
            return name
    known = "; ".join(f"{name}: {', '.join(spellings)}" for name, spellings in SPELLINGS.items())
    raise CourseError(f"The label in row {number} is {value!r}, which is none of the known spellings ({known}).")


def tagged(rows: Sequence[Row]) -> tuple[list[list[str]], list[list[str]], list[str]]:
    """Words and IOB2 tags of each sentence, and the entity types: lists in JSON lines, separated by spaces in a CSV.

    Raises:
        CourseError: a sentence has no words, or not a tag a word, a tag is none, or there is no entity at all.
    """
    sentences, tags = [], []
    for number, row in enumerate(rows, 1):
        words, own = (row[name].split() if isinstance(row[name], str) else row[name] for name in ("tokens", "tags"))
        for name, value in (("tokens", words), ("tags", own)):
            if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
                raise CourseError(f"The {name} in row {number} are no list of words, or one of them is empty.")
        if not words:
            raise CourseError(f"Row {number} has no words; delete it.")
        if len(words) != len(own):
            raise CourseError(f"Row {number} has {len(words)} tokens, but {len(own)} tags; each token needs one.")
        try:
            spans_of(own)
        except CourseError as error:
            raise CourseError(f"Row {number}: {error}") from None
        sentences.append(words)
        tags.append(own)
    kinds = sorted({tag[2:] for own in tags for tag in own if tag != "O"})
    if not kinds:
        raise CourseError("Every tag is O: there is no entity to learn from.")
    return sentences, tags, kinds


def answered(rows: Sequence[Row]) -> tuple[list[Row], int]:
    """Rows of ``question``, ``context``, ``answer`` and ``start``, and for how many the first of several places was taken.

    Without a column for ``start`` the answer is looked for in the context.

    Raises:
        CourseError: a text is empty, or the answer is not in the context, or not where it is said to be.
    """
    texts_in(rows, "question", "context", "answer")
    found, unsure = [], 0
    for number, row in enumerate(rows, 1):
        answer, context, start = row["answer"], row["context"], row.get("start", "")
        place = context.find(answer)
        if place < 0:
            raise CourseError(f"The answer {answer!r} in row {number} is not in its context, letter by letter.")
        if str(start).strip():
            try:
                place = int(start)
            except ValueError as error:
                raise CourseError(f"The start in row {number} is {start!r}, not a whole number.") from error
            if place < 0 or context[place : place + len(answer)] != answer:
                raise CourseError(
                    f"The answer {answer!r} in row {number} does not stand at character {place}, but at {context.find(answer)}."
                )
        elif context.count(answer) > 1:
            unsure += 1
        found.append({"question": row["question"], "context": context, "answer": answer, "start": place})
    return found, unsure


def split_off(
    groups: Sequence[Hashable], strata: Sequence[Hashable] | None = None, seed: int = 42
) -> tuple[list, list]:
    """Row numbers to learn from and to judge by, about four to one; rows of one group stay together.

    Args:
        groups: one a row: rows that must not be torn apart (the same context) share it.
        strata: one a row: each gives its share (the labels), so that none is missing on one side.
        seed: of the draw.

    Raises:
        CourseError: there are fewer than five groups.
    """
    strata = strata or [None] * len(groups)
    if len(set(groups)) < 5:
        raise CourseError(
            f"There are {len(set(groups))} different texts; at least 5 are needed, to learn and to judge."
        )
    judged: set = set()
    for stratum in sorted(set(strata), key=str):
        own = list(dict.fromkeys(group for group, other in zip(groups, strata, strict=True) if other == stratum))
        random.Random(seed).shuffle(own)
        judged |= set(own[: max(1, round(len(own) / 5))])
    sides: tuple[list, list] = [], []
    for row, group in enumerate(groups):
        sides[group in judged].append(row)
    return sides
