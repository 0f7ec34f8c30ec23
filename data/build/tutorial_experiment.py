"""The well-known tutorial's own experiment, repeated with several seeds and with the baselines that it leaves out.

    python data/build/tutorial_experiment.py [--rows 2000] [--seeds 10]

The tutorial (Jay Alammar, "A Visual Guide to Using BERT for the First Time", 2019) takes the first 2,000 rows of a file of
SST-2 sentences, the [CLS] vector of DistilBERT's last layer, one split of three quarters to one quarter without a seed, and
a plain logistic regression, and reports "around 81%". Here the same is done with ``course.checkpoint("distilbert")``
(bert-mini in profile mini, DistilBERT in profile full) over several ``random_state`` seeds. Beside it, on the same splits:
mean pooling, the layer and pooling chosen by cross-validation *on the training part of each split*, a bag of words, and the
dummy baseline. Needs ``../shared/benchmarks`` (SST may not be redistributed), and says so where it is absent.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging as hf_logging

from helpers import course
from helpers.bundle import ROOT
from helpers.embeddings import embed
from helpers.errors import CourseError

FILE = ROOT.parent / "shared" / "benchmarks" / "sst2-sentences" / "train.parquet"
POOLINGS = ("cls", "mean", "max")
PUBLISHED = 81.0  # "around 81%", one split, no seed


@dataclass
class Row:
    """A line of the table: what was scored, and its accuracy in per cent on each split."""

    name: str
    scores: list[float]

    def __str__(self) -> str:
        spread = f"{min(self.scores):.1f} to {max(self.scores):.1f}"
        deviation = statistics.stdev(self.scores) if len(self.scores) > 1 else 0.0
        return f"{self.name:<44} {statistics.mean(self.scores):5.1f} ± {deviation:3.1f}   {spread}"


def read(rows: int) -> tuple[list[str], np.ndarray]:
    """The first ``rows`` sentences and labels of the tutorial's file.

    Raises:
        CourseError: the file has fewer rows.
    """
    frame = pd.read_parquet(FILE)
    if not 100 <= rows <= len(frame):
        raise CourseError(f"--rows is {rows}, but it must be from 100 to {len(frame)}, the rows of the file.")
    return frame.sentence.head(rows).tolist(), frame.label.head(rows).to_numpy()


def careful() -> Pipeline:
    """The chapter's classifier: one scale for all columns, and weights held back."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=5000))


def best_on(train: Sequence[int], features: dict[str, np.ndarray], labels: np.ndarray) -> tuple[str, int]:
    """Pooling and layer with the best mean accuracy over 5 folds of the training rows alone."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    places = [(how, layer) for how in POOLINGS for layer in range(features[how].shape[1])]
    scores = [cross_val_score(careful(), features[h][train][:, k], labels[train], cv=folds).mean() for h, k in places]
    return places[int(np.argmax(scores))]


def experiment(rows: int, seeds: int) -> tuple[list[Row], list[str]]:
    """Score everything on the same splits.

    Returns:
        The table, and which pooling and layer each split chose.
    """
    texts, labels = read(rows)
    checkpoint = course.checkpoint("distilbert")
    tokenizer, model = AutoTokenizer.from_pretrained(checkpoint), AutoModel.from_pretrained(checkpoint)
    features = {how: embed(texts, model, tokenizer, layer="all", pooling=how).double().numpy() for how in POOLINGS}
    plain = LogisticRegression(max_iter=5000)
    words = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10, max_iter=5000))
    table = {
        "tutorial: [CLS], last layer, plain": (plain, features["cls"][:, -1]),
        "mean of the last layer, plain": (plain, features["mean"][:, -1]),
        "[CLS], last layer, scaled, C = 0.01": (careful(), features["cls"][:, -1]),
        "mean of the last layer, scaled, C = 0.01": (careful(), features["mean"][:, -1]),
        "bag of words (TF-IDF, C = 10)": (words, np.array(texts, dtype=object)),
        "dummy: the most frequent label": (DummyClassifier(), features["cls"][:, -1]),
    }
    scores: dict[str, list[float]] = {name: [] for name in table}
    chosen, chosen_scores = [], []
    for seed in range(seeds):
        # As the tutorial: unstratified.
        train, test = train_test_split(np.arange(rows), test_size=0.25, random_state=seed)
        for name, (estimator, data) in table.items():
            scores[name].append(100 * estimator.fit(data[train], labels[train]).score(data[test], labels[test]))
        how, layer = best_on(train, features, labels)
        picked = features[how][:, layer]
        chosen_scores.append(100 * careful().fit(picked[train], labels[train]).score(picked[test], labels[test]))
        chosen.append(f"{how} of layer {layer}")
    result = [Row(name, values) for name, values in scores.items()]
    result.insert(4, Row("chosen by cross-validation, scaled, C = 0.01", chosen_scores))
    return result, chosen


def main() -> int:
    """Print the table; exit status 0 (also where the data is absent, which is said), or 2 with one sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2000, help="how many of the first rows (the tutorial: 2000)")
    parser.add_argument("--seeds", type=int, default=10, help="splits, random_state 0, 1, ...")
    arguments = parser.parse_args()
    if arguments.seeds < 1:
        parser.error("--seeds must be at least 1")
    if not FILE.is_file():
        print(f"Skipped: the tutorial's sentences are not at {FILE}.")
        return 0
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    try:
        table, chosen = experiment(arguments.rows, arguments.seeds)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2
    print(
        f"profile {course.profile()}: first {arguments.rows:,} sentences, 75/25, {arguments.seeds} seeds; accuracy in %"
    )
    print(f"{'':<44} {'mean ± sd':<12}  lowest to highest")
    print(f"{'published by the tutorial (DistilBERT)':<44} {PUBLISHED:5.1f}         one split, no seed")
    print(*table, sep="\n")
    print("chosen: " + ", ".join(f"{name} ({chosen.count(name)}x)" for name in sorted(set(chosen))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
