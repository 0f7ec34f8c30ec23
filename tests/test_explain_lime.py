"""LIME: a predictor that changes no answer, the same explanation for the same seed, and the library's own numbers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModel, AutoTokenizer, BertConfig, BertForSequenceClassification

from helpers import course
from helpers.errors import CourseError
from helpers.explain.lime import Predictor, leave_one_out, lime_scores, without
from helpers.explain.words import words_of

TOKENIZER = AutoTokenizer.from_pretrained(course.checkpoint("bert"))
SMALL = {
    "vocab_size": len(TOKENIZER),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "initializer_range": 0.5,
}
TEXT = "It isn't embarrassingly bad, is it?"


def small(labels=("negative", "positive")):
    torch.manual_seed(1)
    config = BertConfig(**SMALL, id2label=dict(enumerate(labels)), label2id={n: i for i, n in enumerate(labels)})
    return BertForSequenceClassification(config).eval()


MODEL = small()


class Marks(torch.nn.Module):
    """Stands in for a model: the logit of class 1 is the number of times that a word occurs."""

    def __init__(self, word):
        super().__init__()
        self.config, self.device, self.classifier = small().config, torch.device("cpu"), torch.nn.Identity()
        self.number = TOKENIZER.convert_tokens_to_ids(word)

    def forward(self, input_ids, attention_mask=None, **_):
        count = 3.0 * (input_ids == self.number).sum(dim=1)
        return type("Output", (), {"logits": torch.stack([1 - count, count - 1], dim=1)})


def test_one_row_a_text_in_the_order_of_the_texts():
    texts = ["good", TEXT, "good", "", "a much longer text than all of the others are " * 3]
    found = Predictor(MODEL, TOKENIZER, max_tokens=40).predict_proba(texts)
    assert found.shape == (5, 2)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert found[0].tolist() == found[2].tolist() != found[1].tolist()
    for row, text in zip(found, texts, strict=True):
        with torch.inference_mode():
            alone = MODEL(**TOKENIZER(text, return_tensors="pt")).logits.softmax(-1)[0]
        np.testing.assert_allclose(row, alone.numpy(), atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text("abc .", max_size=30), min_size=1, max_size=8), st.integers(10, 100), st.randoms())
def test_neither_order_nor_batches_change_an_answer(texts, room, chance):
    found = Predictor(MODEL, TOKENIZER).predict_proba(texts)
    order = list(range(len(texts)))
    chance.shuffle(order)
    other = Predictor(MODEL, TOKENIZER, max_tokens=room).predict_proba([texts[i] for i in order])
    np.testing.assert_allclose(other, found[order], atol=1e-5)


def test_texts_are_read_once_and_in_evaluation_mode():
    model = small().train()
    predictor = Predictor(model, TOKENIZER)
    first = predictor.predict_proba(["good", "good", "bad"])
    assert predictor.asked == 2
    assert predictor.predict_proba(["good"])[0] == pytest.approx(first[0], abs=1e-5)
    assert model.training, "the model is left as it was"


def test_without():
    assert words_of(TEXT)[:4] == ["It", "isn", "t", "embarrassingly"]
    assert without(TEXT, [0, 3], "[MASK]") == "[MASK] isn't [MASK] bad, is it?"
    assert without(TEXT, range(7), "") == " '  ,  ?"
    assert without(TEXT, [], "[MASK]") == TEXT
    for wrong in ([7], [-1]):
        with pytest.raises(CourseError, match="numbered from 0 to 6"):
            without(TEXT, wrong, "")


def test_the_same_seed_gives_the_same_explanation_and_another_seed_another():
    first, again, other = (lime_scores(MODEL, TOKENIZER, TEXT, samples=50, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.scores != other.scores
    assert first.words == tuple(words_of(TEXT))


def test_it_is_the_lines_slope_and_equals_a_fit_by_hand():
    from sklearn.linear_model import Ridge

    found = lime_scores(MODEL, TOKENIZER, TEXT, target="positive", samples=200, seed=3)
    draw, count = np.random.RandomState(3), len(found.words)
    kept = np.ones((200, count))
    for row, size in enumerate(draw.randint(1, count + 1, 199), start=1):
        kept[row, draw.choice(range(count), size, replace=False)] = 0
    texts = [without(TEXT, np.flatnonzero(row == 0).tolist(), "[MASK]") for row in kept]
    distance = 100 * (1 - np.sqrt(kept.mean(axis=1)))
    weights = np.exp(-(distance**2) / (2 * 25**2))
    answers = Predictor(MODEL, TOKENIZER).predict_proba(texts)[:, 1]
    line = Ridge(alpha=1.0).fit(kept, answers, sample_weight=weights)
    np.testing.assert_allclose(found.scores, line.coef_, atol=1e-6)


@pytest.mark.parametrize("method", [lime_scores, leave_one_out])
def test_the_word_that_decides_is_found_at_its_place(method):
    found = method(Marks("good"), TOKENIZER, "Not a good film, if a film is good at all", target=1)
    assert {found.ranked()[0][0], found.ranked()[1][0]} == {"good"}
    assert found.label == "positive"
    against = method(Marks("good"), TOKENIZER, "a good film", target="negative")
    assert min(zip(against.scores, against.words, strict=True))[1] == "good"


def test_leave_one_out_is_the_fall_of_the_probability():
    found = leave_one_out(MODEL, TOKENIZER, "good bad")
    whole, *others = Predictor(MODEL, TOKENIZER).predict_proba(["good bad", "[MASK] bad", "good [MASK]"])
    best = whole.argmax()
    assert found.scores == pytest.approx([whole[best] - row[best] for row in others])


@pytest.mark.parametrize("method", [lime_scores, leave_one_out])
def test_bad_input_is_one_sentence(method):
    with pytest.raises(CourseError, match="no word to explain"):
        method(MODEL, TOKENIZER, "?!")
    with pytest.raises(CourseError, match="has 600 tokens and the model reads at most 512"):
        method(MODEL, TOKENIZER, "word " * 598)
    for wrong in (2, "good"):
        with pytest.raises(CourseError, match=f"no class {wrong!r}"):
            method(MODEL, TOKENIZER, TEXT, wrong)
    with pytest.raises(CourseError, match="has 1 output to choose from"):
        method(small(("score",)), TOKENIZER, TEXT)


def test_bad_input_of_the_predictor_is_one_sentence():
    with pytest.raises(CourseError, match="two classes or more"):
        Predictor(AutoModel.from_config(BertConfig(**SMALL)), TOKENIZER)
    predictor = Predictor(MODEL, TOKENIZER)
    for wrong, sentence in (("a text", "takes a list of texts"), ([1], "takes a list"), ([], "list is empty")):
        with pytest.raises(CourseError, match=sentence):
            predictor.predict_proba(wrong)
    with pytest.raises(CourseError, match="has 602 tokens"):
        predictor.predict_proba(["word " * 600])
    with pytest.raises(CourseError, match="cannot fit a line to 1 samples"):
        lime_scores(MODEL, TOKENIZER, TEXT, samples=1)
