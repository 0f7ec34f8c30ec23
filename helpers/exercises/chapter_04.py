"""The checks of chapter 04, a first classifier."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from helpers.exercises.checking import call, difference, exercise, kind


@exercise("4.1")
def pad_by_hand(answer: Callable) -> str | None:
    """``answer(sequences, pad_id)``: lists of ids -> ``(batch, tokens)`` of int64, filled on the right to the longest."""
    for sequences, pad_id in (([[101, 7, 8, 102], [101, 102], [101, 9, 102]], 0), ([[5, 6], [5, 4, 3, 2, 6]], 1)):
        given = copy.deepcopy(sequences)
        got = call(answer, given, pad_id)
        width = max(map(len, sequences))
        right = torch.tensor([row + [pad_id] * (width - len(row)) for row in sequences])
        left = torch.tensor([[pad_id] * (width - len(row)) + row for row in sequences])
        zeros = torch.tensor([row + [0] * (width - len(row)) for row in sequences])
        if isinstance(got, list) and got and all(isinstance(row, torch.Tensor) for row in got):
            return "a list of tensors came back, one a sequence; make one tensor of them: torch.stack."
        if not isinstance(got, torch.Tensor):
            return f"a tensor is needed, but your function returned {kind(got)}: wrap it in torch.tensor."
        if got.shape == right.T.shape and torch.equal(got.long(), right.T):
            return "each sequence has become a column; it should be a row, (batch, tokens). (pad_sequence: batch_first=True)"
        if got.ndim == 2 and got.shape[1] > width:
            return f"the tensor is {got.shape[1]} wide; the longest sequence, here {width}, is wide enough."
        if got.ndim == 2 and got.shape[1] < width:
            return f"the tensor is only {got.shape[1]} wide, so tokens were cut off; the longest sequence has {width}."
        if torch.equal(got.long(), left) and not torch.equal(left, right):
            return "the padding is on the left; BERT's positions count from the left, so fill on the right."
        if pad_id and torch.equal(got.long(), zeros):
            return "you fill with 0 whatever pad_id says; use the argument."
        if got.dtype != torch.int64:
            return f"the ids are {str(got.dtype).removeprefix('torch.')}; token ids are whole numbers, torch.int64."
        if given != sequences:
            return "your function changed the lists that it was given (append or += ?); build new lists."
        if (message := difference(got, right)) is not None:
            return f"{message} Row i is sequence i, followed by pad_id up to the width of the longest."
    return None


@exercise("4.2")
def make_mask(answer: Callable) -> str | None:
    """``answer(input_ids, pad_id)``: 1 at real tokens, 0 at padding, int64."""
    for ids, pad_id in (([[101, 7, 8, 102], [101, 102, 0, 0]], 0), ([[0, 50, 60, 2], [0, 2, 1, 1], [0, 9, 2, 1]], 1)):
        input_ids = torch.tensor(ids)
        expected = (input_ids != pad_id).long()
        got = call(answer, input_ids, pad_id)
        if not isinstance(got, torch.Tensor):
            return f"a tensor is needed, but your function returned {kind(got)}."
        if got.shape != expected.shape:
            return f"the mask has the shape {tuple(got.shape)}, but the ids have {tuple(expected.shape)}."
        if torch.equal(got != 0, expected == 0):
            return "it is the wrong way round: 1 stands for a real token, 0 for padding."
        if torch.equal(got.long(), torch.ones_like(expected)):
            return "every place is 1: so the model would read the padding as well."
        if torch.equal(got.long(), input_ids * expected) and not torch.equal(input_ids * expected, expected):
            return "these are the ids themselves; a mask holds only 1 and 0."
        special = expected.clone()
        special[:, 0] = 0
        special[torch.arange(len(ids)), expected.sum(dim=1) - 1] = 0
        if torch.equal(got.long(), special):
            return "[CLS] and [SEP] are masked out, but they are real tokens: the model needs them."
        if pad_id and torch.equal(got.long(), (input_ids != 0).long()):
            return "you compare with 0, but this tokenizer pads with 1 (and 0 is a real token); use pad_id."
        if pad_id and torch.equal(got.long(), (input_ids > pad_id).long()):
            return "ids below pad_id are real tokens, too: ask for 'not equal' instead of 'greater'."
        if got.dtype != torch.int64 and torch.equal(got.long(), expected):
            return f"right places, but the mask is {str(got.dtype).removeprefix('torch.')}; make it torch.int64."
        if (message := difference(got, expected)) is not None:
            return f"{message} A place is 1 if its id differs from pad_id."
    return None


def _cross_validate(features: np.ndarray, labels: np.ndarray, select: str = "inside") -> np.ndarray:
    """The recipe of exercise 4.3, with the columns chosen "inside" the folds or "never": the five accuracies."""
    from sklearn.feature_selection import SelectKBest, f_classif
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline

    model = LogisticRegression(max_iter=1000)
    if select == "inside":
        model = make_pipeline(SelectKBest(f_classif, k=20), model)
    return cross_val_score(model, features, labels, cv=5)


def _fit_and_score(features: np.ndarray, labels: np.ndarray) -> float:
    """What comes out if the rows that were learnt are the rows that are tested."""
    from sklearn.feature_selection import SelectKBest, f_classif
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(SelectKBest(f_classif, k=20), LogisticRegression(max_iter=1000))
    return model.fit(features, labels).score(features, labels)


@exercise("4.3")
def honest(answer: Callable) -> str | None:
    """``answer(features, labels)``: mean accuracy over 5 folds, the 20 best columns chosen inside each fold."""
    rng = np.random.default_rng(1)
    labels = np.arange(120) % 2
    noise = rng.normal(size=(120, 4000))
    signal = rng.normal(size=(120, 4000))
    signal[:, 700:706] += 1.3 * labels[:, None]  # six columns among 4,000 that do carry the label
    got = []
    for features in (noise, signal):
        value = call(answer, features.copy(), labels.copy())
        if np.ndim(value):
            return "one number is needed, the mean over the folds; yours has several."
        got.append(float(value))
    if not all(0 <= value <= 1 for value in got):
        return f"an accuracy lies between 0 and 1, but yours is {max(got, key=abs):.2f}."
    if abs(got[0] - _fit_and_score(noise, labels)) < 0.015:
        return f"{got[0]:.0%} on noise: the model was tested on the rows that it was trained on; use cross_val_score."
    if got[0] > 0.66:
        return f"{got[0]:.0%} on noise: the columns are still chosen with the labels of the rows that serve as test."
    if got[0] == got[1]:
        return "two sets of features gave the same number: does your function use its own arguments, and nothing else?"
    if np.allclose(got, [_cross_validate(features, labels).max() for features in (noise, signal)]):
        return "that is the best of the five folds, a lucky one; return their mean."
    expected = _cross_validate(signal, labels).mean()
    if abs(got[1] - _cross_validate(signal, labels, "never").mean()) < 0.04:
        return (
            f"no leak, but {got[1]:.0%} where {expected:.0%} is possible: all columns are used; keep the choice of 20."
        )
    if got[1] < expected - 0.1:
        return f"no leak, but columns that do carry the label are not found ({got[1]:.0%}, possible is {expected:.0%})."
    return None


SUBJECTS = "film plot cast score ending script pace camera"
UNSEEN = "dialogue music"


def _reviews(phrases: dict[str, int], subjects: str) -> tuple[list[str], list[int]]:
    pairs = [(f"the {subject} is {phrase}", label) for subject in subjects.split() for phrase, label in phrases.items()]
    return [text for text, _ in pairs], [label for _, label in pairs]


def _share(answer: Callable, phrases: dict[str, int]) -> tuple[Any, float]:
    """What the student's baseline returns for unseen subjects, and the share of right labels (-1: not labels at all)."""
    texts, labels = _reviews(phrases, SUBJECTS)
    tests, wanted = _reviews(phrases, UNSEEN)
    got = call(answer, texts, labels, tests)
    if np.shape(got) != (len(wanted),) or not set(np.asarray(got).tolist()) <= {0, 1}:
        return got, -1.0
    return got, float(np.mean(np.asarray(got) == wanted))


@exercise("4.4")
def baseline(answer: Callable) -> str | None:
    """``answer(train_texts, train_labels, test_texts)``: one label a test text, from words and pairs of words."""
    plain = {"great": 1, "lovely": 1, "moving": 1, "dull": 0, "weak": 0}
    got, share = _share(answer, plain)
    if hasattr(got, "predict"):
        return "the fitted classifier came back; let it predict the test texts, and return what it says."
    shape = np.shape(got)
    if share < 0:
        if not shape:
            return "one number came back (the accuracy?); return the predicted label of every test text."
        if len(shape) == 2:
            return "these look like probabilities, two a text; return labels: predict instead of predict_proba."
        wanted = len(plain) * len(UNSEEN.split())
        if shape[0] != wanted:
            return f"{shape[0]} answers for {wanted} test texts: predict the test texts, not the training texts."
        return "the labels are 0 and 1, but something else came back."
    if len(set(np.asarray(got).tolist())) == 1:
        return "every text gets the same label, as from the dummy. Is it train_texts that the classifier learns from, and by their words?"
    if share < 1:
        return (
            "plain words such as 'great' and 'dull' are not learnt yet; is the classifier fitted on the training texts?"
        )
    _, share = _share(answer, {"great": 1, "not great": 0, "moving": 1, "not moving": 0})
    if share < 1:
        return "'not great' is judged like 'great': the word 'not' got lost. Are stop words removed?"
    _, share = _share(answer, {"great": 1, "not great": 0, "dull": 0, "not dull": 1, "weak": 0, "not weak": 1})
    if share < 1:
        return (
            "'not' pulls 'dull' and 'great' the same way: single words are not enough. Count pairs, too (ngram_range)."
        )
    texts, labels = _reviews(plain, SUBJECTS)
    if list(call(answer, texts, labels, ["great", "dull"])) != [1, 0]:
        return "'great' and 'dull' alone, in no known pair, are not recognised: count single words as well as pairs."
    mixed = ["great but dull", "weak but moving"]
    beside_good = call(answer, texts, labels, mixed + ["great and moving"] * 60)
    beside_bad = call(answer, texts, labels, mixed + ["dull and weak"] * 60)
    if list(beside_good[:2]) != list(beside_bad[:2]):
        return "the label of a text changes with the other test texts: fit the counting of words on the training texts only."
    return None
