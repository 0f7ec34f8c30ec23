"""Wrong answers to the exercises of chapter 04, each with a distinctive part of the sentence it must get."""

import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline


def _pad(width=None, left=False, pad_id=None, dtype=torch.int64, plain=False, shortest=False):
    def answer(sequences, given):
        fill = given if pad_id is None else pad_id
        wide = width or (min if shortest else max)(map(len, sequences))
        rows = [row[:wide] + [fill] * (wide - len(row)) for row in sequences]
        if left:
            rows = [[fill] * (wide - len(row)) + row for row in sequences]
        return rows if plain else torch.tensor(rows, dtype=dtype)

    return answer


def _pad_in_place(sequences, pad_id):
    width = max(map(len, sequences))
    for row in sequences:
        row += [pad_id] * (width - len(row))
    return torch.tensor(sequences)


def _without_special(input_ids, pad_id):
    mask = (input_ids != pad_id).long()
    last = mask.sum(dim=1) - 1
    mask[:, 0] = 0
    mask[torch.arange(len(mask)), last] = 0
    return mask


def _leaky(features, labels):
    chosen = SelectKBest(f_classif, k=20).fit_transform(features, labels)
    return cross_val_score(LogisticRegression(max_iter=1000), chosen, labels, cv=5).mean()


def _selected():
    return make_pipeline(SelectKBest(f_classif, k=20), LogisticRegression(max_iter=1000))


def _first_columns(features, labels):
    return cross_val_score(LogisticRegression(max_iter=1000), features[:, :20], labels, cv=5).mean()


def _baseline(predict="predict", target="test", **options):
    def answer(texts, labels, tests):
        model = make_pipeline(TfidfVectorizer(**options), LogisticRegression(C=100, max_iter=1000)).fit(texts, labels)
        return getattr(model, predict)(texts if target == "train" else tests)

    return answer


def _accuracy(texts, labels, tests):
    return _selected_words().fit(texts, labels).score(texts, labels)


def _selected_words():
    return make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=100, max_iter=1000))


def _fitted_twice(texts, labels, tests):
    vectorizer = TfidfVectorizer(ngram_range=(1, 2))
    model = LogisticRegression(C=100).fit(vectorizer.fit_transform(texts), labels)
    return model.predict(vectorizer.fit_transform(tests))


def _fitted_on_all(texts, labels, tests):
    vectorizer = TfidfVectorizer(ngram_range=(1, 2)).fit([*texts, *tests])
    return LogisticRegression(C=100).fit(vectorizer.transform(texts), labels).predict(vectorizer.transform(tests))


WRONG = {
    "4.1": [
        (_pad(left=True), "on the left"),
        (_pad(width=512), "is wide enough"),
        (_pad(shortest=True), "tokens were cut off"),
        (_pad(pad_id=0), "whatever pad_id says"),
        (_pad(dtype=torch.float32), "whole numbers"),
        (_pad(plain=True), "wrap it in torch.tensor"),
        (_pad_in_place, "changed the lists"),
        (lambda sequences, pad_id: [torch.tensor(row) for row in _pad(plain=True)(sequences, pad_id)], "torch.stack"),
        (
            lambda sequences, pad_id: torch.nn.utils.rnn.pad_sequence(
                [torch.tensor(row) for row in sequences], padding_value=pad_id
            ),
            "has become a column",
        ),
    ],
    "4.2": [
        (lambda ids, pad_id: (ids == pad_id).float() * -10000, "wrong way round"),
        (lambda ids, pad_id: (ids != 0).long(), "you compare with 0"),
        (lambda ids, pad_id: (ids > pad_id).long(), "ids below pad_id"),
        (lambda ids, pad_id: ids != pad_id, "make it torch.int64"),
        (_without_special, "[CLS] and [SEP]"),
        (lambda ids, pad_id: ids * (ids != pad_id), "the ids themselves"),
        (lambda ids, pad_id: (ids != pad_id).sum(dim=1), "but the ids have"),
        (lambda ids, pad_id: torch.ones_like(ids), "every place is 1"),
        (lambda ids, pad_id: (ids < 50).float(), "A place is 1 if"),
    ],
    "4.3": [
        (_leaky, "still chosen with the labels"),
        (lambda x, y: _selected().fit(x, y).score(x, y), "tested on the rows that it was trained on"),
        (lambda x, y: cross_val_score(_selected(), x, y, cv=5), "the mean over the folds"),
        (lambda x, y: cross_val_score(LogisticRegression(max_iter=1000), x, y, cv=5).mean(), "all columns are used"),
        (_first_columns, "are not found"),
        (lambda x, y: cross_val_score(_selected(), x, y, cv=5).max(), "the best of the five folds"),
        (lambda x, y: 0.5, "the same number"),
        (lambda x, y: 100 * cross_val_score(_selected(), x, y, cv=5).mean(), "between 0 and 1"),
    ],
    "4.4": [
        (lambda texts, labels, tests: [max(set(labels), key=labels.count)] * len(tests), "as from the dummy"),
        (_baseline(ngram_range=(1, 1)), "single words are not enough"),
        (_baseline(ngram_range=(1, 2), stop_words="english"), "the word 'not' got lost"),
        (_baseline(predict="predict_proba", ngram_range=(1, 2)), "predict instead of predict_proba"),
        (_baseline(target="train", ngram_range=(1, 2)), "not the training texts"),
        (_accuracy, "one number came back"),
        (_fitted_twice, "ValueError"),
        (lambda texts, labels, tests: _selected_words().fit(texts, labels), "the fitted classifier came back"),
        (_baseline(ngram_range=(2, 2)), "single words as well as pairs"),
        (_fitted_on_all, "on the training texts only"),
    ],
}
