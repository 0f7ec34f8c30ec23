"""Figures of the real data sets that ``tests/test_data.py`` holds the bundled ones against: lengths, diversity, balance.

    python data/build/real_figures.py      # writes tests/real_figures.json

For each set: as many random rows as the bundled set has (seed 20), mean words of each text, and the share of different
words, pairs and triples of words (distinct-n, Li et al. 2016) in a stretch of 6,000 words. Only figures leave the real data.
Needs ``../shared/benchmarks``, and says so where it is absent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import pandas as pd

from helpers.bundle import DATA, ROOT
from helpers.reading import read_folder
from helpers.sources import DATASETS, DataSource

BENCHMARKS = ROOT.parent / "shared" / "benchmarks"
TARGET = ROOT / "tests" / "real_figures.json"
STRETCH = 6000  # words


def words_of(text: str | Iterable[str]) -> list[str]:
    """Words in lower case, without punctuation; a list of tokens is joined first."""
    return re.findall(r"[a-z0-9]+", (text if isinstance(text, str) else " ".join(text)).lower())


def figures(frame: pd.DataFrame, columns: list[str]) -> dict[str, float]:
    """Mean words of each column, and distinct-1 to -3 over a stretch of the first."""
    found = {f"words of {column}": round(float(frame[column].map(words_of).map(len).mean()), 2) for column in columns}
    first, budget, texts = frame[columns[0]].map(words_of), STRETCH, []
    for text in first[~first.map(" ".join).duplicated()].sample(frac=1.0, random_state=20):
        texts.append(text[:budget])
        budget -= len(texts[-1])
    for n in (1, 2, 3):
        grams = [gram for text in texts for gram in zip(*(text[i:] for i in range(n)), strict=False)]
        found[f"distinct-{n}"] = round(len(set(grams)) / len(grams), 3)
    return found


def text_columns(source: DataSource) -> list[str]:
    """The columns that hold language: text and tokens, not names and numbers."""
    return [c for c, kind in source.columns.items() if kind.kind in ("text", "words") and c not in ("id", "title")]


def bundled_frame(source: DataSource) -> pd.DataFrame:
    """Both splits of a bundled set as one table."""
    splits = read_folder(DATA / source.folder, source)
    return pd.concat([splits["train"].to_pandas(), splits["validation"].to_pandas()], ignore_index=True)


def main() -> None:
    """Write the figures, and print them beside the bundled ones."""
    if not BENCHMARKS.is_dir():
        print(f"Skipped: the real data sets are not at {BENCHMARKS}.")
        return
    found = {}
    for source in DATASETS.values():
        bundled, columns = bundled_frame(source), text_columns(source)
        for name in source.local:
            path = BENCHMARKS / name / "train.parquet"
            if path.exists():
                real = pd.read_parquet(path)
                found[source.folder] = {"real": name} | figures(
                    real.sample(min(len(real), len(bundled)), random_state=20), columns
                )
                print(source.folder, found[source.folder], "bundled:", figures(bundled, columns))
    TARGET.write_text(json.dumps(found, indent=1) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
