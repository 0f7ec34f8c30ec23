"""Gradients by word: against captum and finite differences, complete, blind to the model's own gradients, and clear about bad input."""

import pytest
import torch
from captum.attr import IntegratedGradients, LayerIntegratedGradients
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from helpers import course
from helpers.errors import CourseError
from helpers.explain.gradients import (
    BASELINES,
    baseline_vectors,
    gradient_x_input,
    gradients_at,
    integrate,
    integrated_gradients,
    saliency,
    word_vectors,
)
from helpers.explain.inputs import prepare
from helpers.explain.words import sum_by_word

TOKENIZER = AutoTokenizer.from_pretrained(course.checkpoint("bert"))
TEXT = "The plot is dull, but the acting is embarrassingly good."
METHODS = [saliency, gradient_x_input, integrated_gradients]
by_method = pytest.mark.parametrize("method", METHODS)


def small(labels=("negative", "positive", "neither")):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(TOKENIZER),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_range=0.5,  # large enough for curved functions: straight ones would make every quadrature exact
        id2label=dict(enumerate(labels)),
        label2id={n: i for i, n in enumerate(labels)},
    )
    return BertForSequenceClassification(config).eval()


@pytest.fixture(scope="module")
def expert():
    return course.fine_tuned("sentiment", attn_implementation="eager")


def test_gradients_are_those_of_finite_differences():
    model = small().double()
    prepared = prepare(model, TOKENIZER, TEXT)
    vectors = word_vectors(model, prepared.batch["input_ids"][0])
    gradients, logits = gradients_at(model, prepared.batch, vectors[None], 2)
    step = torch.zeros_like(vectors)
    step[3, 5] = 1e-5
    _, (above, below) = gradients_at(model, prepared.batch, torch.stack([vectors + step, vectors - step]), 2)
    assert torch.isclose(gradients[0, 3, 5], (above - below) / 2e-5, rtol=1e-5)
    with torch.no_grad():
        assert torch.isclose(logits[0], model(**prepared.batch).logits[0, 2])


@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize("target", [0, 1])
def test_integrated_gradients_equal_captums(expert, baseline, target):
    """captum's IntegratedGradients over the embeddings, with the same rule of quadrature."""
    model, tokenizer = expert
    found = integrate(model, tokenizer, TEXT, target, steps=20, baseline=baseline)
    batch = found.prepared.batch
    ids = batch["input_ids"][0]

    def logits(vectors):
        mask, types = (batch[n].expand(len(vectors), -1) for n in ("attention_mask", "token_type_ids"))
        return model(inputs_embeds=vectors, attention_mask=mask, token_type_ids=types).logits

    theirs = IntegratedGradients(logits).attribute(
        word_vectors(model, ids)[None],
        baselines=baseline_vectors(model, tokenizer, ids, baseline)[None],
        target=target,
        n_steps=20,
        method="riemann_middle",
    )
    assert (found.values - theirs[0].sum(-1)).abs().max() < 1e-5


def test_integrated_gradients_equal_captums_of_the_layer(expert):
    """The same from ids to ids, through captum's LayerIntegratedGradients on the embedding table."""
    model, tokenizer = expert
    found = integrate(model, tokenizer, TEXT, 1, steps=20, baseline="mask")
    ids = found.prepared.batch["input_ids"]
    baseline = torch.full_like(ids, tokenizer.mask_token_id)
    baseline[0, 0], baseline[0, -1] = ids[0, 0], ids[0, -1]
    layer = LayerIntegratedGradients(lambda rows: model(input_ids=rows).logits, model.get_input_embeddings())
    theirs = layer.attribute(ids, baselines=baseline, target=1, n_steps=20, method="riemann_middle")
    assert (found.values - theirs[0].sum(-1)).abs().max() < 1e-5


@pytest.mark.parametrize("baseline", BASELINES)
def test_completeness(expert, baseline):
    gaps = [abs(integrate(*expert, TEXT, steps=steps, baseline=baseline).gap) for steps in (2, 16, 128)]
    assert gaps[2] < 1e-3
    assert gaps[2] < gaps[1] < gaps[0]


def test_what_lies_in_no_word_is_all_that_the_words_miss(expert):
    found = integrate(*expert, TEXT)
    by_word = integrated_gradients(*expert, TEXT)
    elsewhere = sum(v for v, owner in zip(found.values.tolist(), found.prepared.owners) if owner is None)
    assert sum(by_word.scores) + elsewhere == pytest.approx(float(found.values.sum()), abs=1e-4)
    assert found.values[0] == found.values[-1] == 0  # [CLS] and [SEP] are the same at both ends


def test_words_are_the_sums_of_their_pieces(expert):
    found, by_word = integrate(*expert, TEXT), integrated_gradients(*expert, TEXT)
    assert found.prepared.owners.count(by_word.words.index("embarrassingly")) > 1
    sums = sum_by_word(found.values.tolist(), found.prepared.owners, len(by_word.words))
    assert by_word.scores == pytest.approx(sums.tolist())


def test_baselines():
    model = small()
    ids = prepare(model, TOKENIZER, TEXT).batch["input_ids"][0]
    for name, wanted in (("pad", TOKENIZER.pad_token_id), ("mask", TOKENIZER.mask_token_id)):
        found = baseline_vectors(model, TOKENIZER, ids, name)
        assert torch.equal(found[1:-1], word_vectors(model, torch.full_like(ids[1:-1], wanted)))
        assert torch.equal(found[[0, -1]], word_vectors(model, ids[[0, -1]]))
    assert not baseline_vectors(model, TOKENIZER, ids, "zero")[1:-1].any()


def test_the_parts_of_a_path_do_not_change_the_result(monkeypatch):
    model = small()
    whole = integrate(model, TOKENIZER, TEXT, 2, steps=7).values
    monkeypatch.setattr("helpers.explain.gradients.TOKENS_AT_ONCE", 1)
    assert torch.allclose(integrate(model, TOKENIZER, TEXT, 2, steps=7).values, whole, atol=1e-6)


@by_method
def test_an_attribution_a_word(method):
    found = method(small(), TOKENIZER, "Embarrassingly good!", "neither")
    assert found.words == ("Embarrassingly", "good") and len(found.scores) == 2
    assert found.label == "neither" and found.method == method.__name__.replace("_", " ")
    assert method(small(), TOKENIZER, "Embarrassingly good!", 2) == found, "the same every time, by number or name"


@by_method
def test_the_target_matters_and_is_the_predicted_class_unless_told(method):
    model = small()
    with torch.no_grad():
        predicted = int(model(**TOKENIZER(TEXT, return_tensors="pt")).logits.argmax())
    found = method(model, TOKENIZER, TEXT)
    assert found == method(model, TOKENIZER, TEXT, predicted)
    assert found.scores != method(model, TOKENIZER, TEXT, (predicted + 1) % 3).scores


@by_method
def test_the_weights_gradients_are_left_alone(method):
    model = small()
    with torch.no_grad():  # also inside no_grad
        method(model, TOKENIZER, TEXT)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_saliency_has_no_sign():
    assert min(saliency(small(), TOKENIZER, TEXT).scores) > 0
    assert min(gradient_x_input(small(), TOKENIZER, TEXT).scores) < 0


@by_method
@pytest.mark.parametrize(
    ("text", "target", "sentence"),
    [
        ("", None, "no word to explain"),
        ("!?", None, "no word to explain"),
        ("word " * 598, None, "has 600 tokens and the model reads at most 512"),
        (TEXT, 3, r"no class 3; its classes are 0 \(negative\), 1 \(positive\), 2 \(neither\)"),
        (TEXT, "good", "no class 'good'"),
    ],
)
def test_bad_input(method, text, target, sentence):
    with pytest.raises(CourseError, match=sentence):
        method(small(), TOKENIZER, text, target)


@by_method
def test_bad_models(method):
    with pytest.raises(CourseError, match="has 1 output to choose from"):
        method(small(("score",)), TOKENIZER, TEXT)
    with pytest.raises(CourseError, match="in training mode"):
        method(small().train(), TOKENIZER, TEXT)


def test_bad_settings():
    with pytest.raises(CourseError, match="with 0 steps: at least 1"):
        integrated_gradients(small(), TOKENIZER, TEXT, steps=0)
    with pytest.raises(CourseError, match="no baseline 'black'; choose one of pad, mask, zero"):
        integrated_gradients(small(), TOKENIZER, TEXT, baseline="black")
