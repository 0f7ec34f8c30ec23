"""The bundled data: complete, as the manifest says, balanced, without duplicates or leaks, and not decided by its surface."""

import collections
import re
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from helpers import bundle

sys.path.insert(0, str(bundle.DATA / "build"))
ROWS = {"train": 900, "validation": 300}


@pytest.fixture(scope="module")
def reviews():
    frames = {split: pd.read_csv(bundle.DATA / "reviews" / f"{split}.csv", keep_default_na=False) for split in ROWS}
    return pd.concat([frame.assign(split=split) for split, frame in frames.items()], ignore_index=True)


def plain(text: str) -> str:
    return " ".join(re.sub(r"[^a-z0-9 ]", " ", text.lower()).split())


def near_duplicates(texts: list[str], threshold: float) -> list[tuple[str, str]]:
    """Pairs of texts whose character n-grams (3 to 5) have a TF-IDF cosine above ``threshold``."""
    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5)).fit_transform(map(plain, texts))
    similar = np.triu((grams @ grams.T).toarray(), k=1)
    return [(texts[i], texts[j]) for i, j in zip(*np.where(similar > threshold), strict=True)]


def test_every_bundled_file_is_in_the_manifest_and_whole():
    from manifest import bundled

    assert bundled() == sorted(bundle.manifest())
    assert bundle.verify() == len(bundled())


def test_schema_rows_and_balance(reviews):
    for split, count in ROWS.items():
        own = reviews[reviews.split == split]
        assert list(own.columns[:2]) == ["sentence", "label"]
        assert own.label.value_counts().to_dict() == {"negative": count // 2, "positive": count // 2}


def test_sentences_are_clean_text(reviews):
    for row, sentence in enumerate(reviews.sentence):
        assert re.fullmatch(r"[ -~]+", sentence), f"row {row}: {sentence!r} has something else than printable ASCII"
        assert sentence == sentence.strip(), f"row {row}: {sentence!r} has spaces at its ends"
        assert "  " not in sentence, f"row {row}: {sentence!r} has two spaces in a row"
        assert 2 <= len(sentence.split()) <= 45, f"row {row}: {sentence!r} is too short or too long"
        assert not re.search(r"@\w|https?:|www\.|\d{5}", sentence), f"row {row}: {sentence!r} looks like private data"


def test_no_duplicates_and_no_leak_between_the_splits(reviews):
    counts = collections.Counter(map(plain, reviews.sentence))
    assert [text for text, count in counts.items() if count > 1] == []
    assert near_duplicates(reviews.sentence.tolist(), 0.66) == []


def test_near_duplicates_are_found():
    first = "The script wanders, but the two leads never put a foot wrong."
    second = "The script wanders, but the two leads hardly put a foot wrong."
    assert near_duplicates([first, "Nothing here is worth your evening.", second], 0.66) == [(first, second)]


def test_no_template_shows(reviews):
    """Sentences written one by one share few openings and use many words."""
    openings = collections.Counter(" ".join(plain(s).split()[:4]) for s in reviews.sentence)
    assert openings.most_common(1)[0][1] <= 3, openings.most_common(3)
    words = [word for s in reviews.sentence for word in plain(s).split()]
    assert len(set(words)) / len(words) > 0.18
    pairs = [pair for s in reviews.sentence for pair in zip(plain(s).split(), plain(s).split()[1:], strict=False)]
    assert len(set(pairs)) / len(pairs) > 0.68


def test_the_surface_does_not_give_the_label_away(reviews):
    """Length, punctuation and the first two words are worth little; the words themselves some; a model has to read."""
    by_label = reviews.groupby("label").sentence.apply(lambda s: s.str.split().str.len().mean())
    assert abs(by_label["positive"] - by_label["negative"]) < 1.5
    stops = reviews.groupby("label").sentence.apply(lambda s: s.str.endswith(".").mean())
    assert abs(stops["positive"] - stops["negative"]) < 0.1

    def score(vectorizer):
        pipeline = make_pipeline(vectorizer, LogisticRegression(C=10, max_iter=1000))
        return cross_val_score(pipeline, reviews.sentence.map(plain), reviews.label, cv=5).mean()

    assert cross_val_score(DummyClassifier(), reviews[["sentence"]], reviews.label, cv=5).mean() <= 0.5
    assert score(TfidfVectorizer(analyzer=lambda text: [text.split()[0], " ".join(text.split()[:2])])) < 0.66
    assert 0.62 < score(TfidfVectorizer(ngram_range=(1, 2))) < 0.82
