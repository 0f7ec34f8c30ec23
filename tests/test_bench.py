"""The table of ``python -m tests.bench`` says what was measured, and NO where a promise is broken."""

import json
import subprocess
import sys

import pytest

from helpers.bundle import ROOT
from tests.bench import embeddings, table

COSTS = {"single": 14.0, "pipeline": 9.0, "sentence-transformers": 5.0, "float32": 4.0, "bfloat16": 2.0}


def runs(**changed: float) -> dict[str, list[dict]]:
    costs = COSTS | {way.replace("_", "-"): seconds for way, seconds in changed.items()}
    return {way: [{"seconds": s, "megabytes": 100.0, "count": 2000, "unit": "texts"}] for way, s in costs.items()}


def test_promises_that_are_kept_are_told_from_those_that_are_not():
    assert not [line for line in table.judged(runs(), bfloat16=True) if "NO" in line]
    for changed in ({"single": 13.9}, {"float32": 5.1}, {"bfloat16": 2.1, "single": 20.0}):
        assert len([line for line in table.judged(runs(**changed), bfloat16=True) if "NO" in line]) == 1
    hungry = runs()
    hungry["float32"][0]["megabytes"] = 301.0
    assert "NO" in table.judged(hungry, bfloat16=True)[-1]
    assert "3.5 times as fast as the tutorials' single batch, in float32" in table.judged(runs(), bfloat16=False)[0]


def test_a_package_that_is_missing_is_said_and_compared_with_by_nobody():
    found = runs()
    found["sentence-transformers"] = [{"missing": "not installed"}]
    rows = table.lines("embeddings", found)
    assert "not installed" in rows[2] and len(rows) == 5
    assert rows[4].split("|")[3:7] == [" 2.0 ", " 1,000 texts ", " 100 MB ", " 7.0 "]
    assert not [line for line in table.judged(found, bfloat16=True) if "sentence-transformers" in line]


def test_every_way_has_a_row_and_a_name():
    for part, (_, ways) in table.PARTS.items():
        costs = {way: [{"seconds": 1.0, "megabytes": 1.0, "count": 1, "unit": "texts"}] for way in ways}
        rows = table.lines(part, costs)
        assert len(set(rows)) == len(ways)
        assert {row.count("|") for row in rows} == {8}


def test_short_texts_are_all_different():
    texts = list(embeddings.short_texts(2000))
    assert len(set(texts)) == 2000 and max(len(text.split()) for text in texts) <= 9


@pytest.mark.parametrize("way", ["helpers", "course"])
def test_a_way_is_measured_in_a_process_of_its_own(way):
    command = [sys.executable, "-m", "tests.bench", "--one", "start", way]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert 0 <= json.loads(done.stdout.splitlines()[-1])["seconds"] < 60, done.stderr
