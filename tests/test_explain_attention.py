"""Attention: what is read, rolled out, rewritten and switched off, on small random models and on the bundled one."""

import numpy as np
import pytest
import torch
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
)

from helpers import course
from helpers.errors import CourseError
from helpers.explain import attention as explain
from helpers.explain.words import words_of

TOKENIZER = AutoTokenizer.from_pretrained(course.checkpoint("bert"))
TEXT = "An embarrassingly good film, and a good one!"
SIZES = {"vocab_size": len(TOKENIZER), "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3}
NAMES = {"id2label": {0: "negative", 1: "positive"}, "label2id": {"negative": 0, "positive": 1}}


def small(way="eager", **settings):
    torch.manual_seed(1)
    config = BertConfig(**SIZES, intermediate_size=16, initializer_range=0.5, **{**NAMES, **settings})
    return BertForSequenceClassification._from_config(config, attn_implementation=way).eval()


def distil():
    torch.manual_seed(1)
    config = DistilBertConfig(
        vocab_size=len(TOKENIZER), dim=12, n_layers=2, n_heads=3, hidden_dim=16, initializer_range=0.5, **NAMES
    )
    return DistilBertForSequenceClassification._from_config(config, attn_implementation="eager").eval()


def inputs(model, text=TEXT):
    found = TOKENIZER(text, return_tensors="pt")
    return {name: found[name] for name in ("input_ids", "attention_mask")}


def logits(model, text=TEXT):
    with torch.inference_mode():
        return model(**inputs(model, text)).logits


def random_maps(layers=3, heads=2, tokens=5, seed=0):
    torch.manual_seed(seed)
    return torch.randn(layers, heads, tokens, tokens).mul(2).softmax(-1)


def test_attentions():
    pieces, found = explain.attentions(small(), TOKENIZER, TEXT)
    assert pieces == tuple(TOKENIZER.convert_ids_to_tokens(TOKENIZER(TEXT)["input_ids"]))
    assert found.shape == (2, 3, len(pieces), len(pieces))
    assert torch.allclose(found.sum(-1), torch.ones(1), atol=1e-6)


@pytest.mark.parametrize("function", ["attentions", "attention_scores", "rollout_scores"])
def test_a_model_that_keeps_no_attentions_is_one_sentence(function):
    with pytest.raises(CourseError, match=r"by 'sdpa'.*attn_implementation='eager'"):
        getattr(explain, function)(small("sdpa"), TOKENIZER, TEXT)


@pytest.mark.parametrize("function", ["attentions", "attention_scores", "rollout_scores"])
@pytest.mark.parametrize(("text", "sentence"), [("", "no word to explain"), ("word " * 598, "has 600 tokens")])
def test_bad_texts(function, text, sentence):
    with pytest.raises(CourseError, match=sentence):
        getattr(explain, function)(small(), TOKENIZER, text)


@pytest.mark.parametrize("function", [explain.attention_scores, explain.rollout_scores])
def test_bad_classes(function):
    with pytest.raises(CourseError, match="no class 2; its classes are"):
        function(small(), TOKENIZER, TEXT, 2)
    with pytest.raises(CourseError, match="has 1 output to choose from"):
        function(small(id2label={0: "score"}, label2id={"score": 0}), TOKENIZER, TEXT)


@pytest.mark.parametrize("make", [small, distil])
def test_scores_by_word(make):
    model = make()
    pieces, found = explain.attentions(model, TOKENIZER, TEXT)
    for function, row, method in (
        (explain.attention_scores, found[-1].mean(0)[0], "attention"),
        (explain.rollout_scores, explain.rollout(found)[-1, 0], "rollout"),
    ):
        scores = function(model, TOKENIZER, TEXT, "negative")
        assert scores.words == tuple(words_of(TEXT)) and (scores.label, scores.method) == ("negative", method)
        outside = sum(v.item() for p, v in zip(pieces, row) if p in ("[CLS]", "[SEP]", ",", "!"))
        assert sum(scores.scores) == pytest.approx(1 - outside, abs=1e-5)
        assert scores.scores == function(model, TOKENIZER, TEXT, 1).scores, "attention knows no class"
        assert function(model, TOKENIZER, TEXT).label == NAMES["id2label"][int(logits(model).argmax())]


def test_share():
    maps = torch.zeros(1, 2, 3, 3)
    maps[0, 0] = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 1, 0]])  # looks at the token before
    maps[0, 1] = torch.eye(3)
    before = torch.ones(2, dtype=torch.bool).diag(-1)
    assert explain.share(maps, before).tolist() == [[1.0, 0.0]]
    assert explain.share(maps, torch.eye(3, dtype=torch.bool))[0].tolist() == pytest.approx([1 / 3, 1])
    with pytest.raises(CourseError, match="no cell to measure"):
        explain.share(maps, torch.zeros(3, 3, dtype=torch.bool))
    with pytest.raises(CourseError, match="do not fit"):
        explain.share(maps, torch.eye(4, dtype=torch.bool))


def test_rollout_keeps_shares_and_multiplies_in_order():
    maps = random_maps()
    found = explain.rollout(maps)
    assert found.shape == (3, 5, 5)
    assert torch.allclose(found.sum(-1), torch.ones(1), atol=1e-6)
    mixed = 0.5 * maps.mean(1) + 0.5 * torch.eye(5)
    assert torch.allclose(found[2], mixed[2] @ mixed[1] @ mixed[0], atol=1e-6)
    assert not torch.allclose(found[2], mixed[0] @ mixed[1] @ mixed[2], atol=1e-3)
    with pytest.raises(CourseError, match=r"\(layers, heads, tokens, tokens\) are needed"):
        explain.rollout(maps[0])


def test_flow_against_networkx_and_by_hand():
    networkx = pytest.importorskip("networkx")
    maps = random_maps(layers=2, tokens=4)
    mixed = (0.5 * maps.mean(1) + 0.5 * torch.eye(4)).double().numpy()
    graph = networkx.DiGraph()
    for (layer, i, j), value in np.ndenumerate(mixed):
        graph.add_edge((layer + 1, i), (layer, j), capacity=value)
    for source in (0, 2):
        wanted = [networkx.maximum_flow_value(graph, (2, source), (0, token)) for token in range(4)]
        assert explain.flow(maps, source) == pytest.approx(wanted, abs=1e-5)
    one = explain.flow(maps[:1])  # with one layer the flow is the attention
    assert one == pytest.approx(mixed[0, 0], abs=1e-5)


@pytest.mark.parametrize("make", [small, distil])
def test_ablation_is_what_zeroed_weights_do(make):
    model = make()
    before = logits(model)
    with explain.ablate(model, {1: [0, 2]}):
        during = logits(model)
    assert torch.equal(logits(model), before), "the hook must be gone"
    assert (during - before).abs().max() > 1e-3, "an ablation must change the answer"
    with torch.inference_mode():  # the columns of the output matrix that read these heads
        for columns in (slice(0, 4), slice(8, 12)):
            explain._outputs(model)[1].weight[:, columns] = 0
    assert torch.allclose(logits(model), during, atol=1e-6)


def test_head_mask_does_nothing_which_is_why_there_is_ablate():
    model = small()
    with torch.inference_mode():
        masked = model(**inputs(model), head_mask=torch.zeros(2, 3)).logits
    assert torch.equal(masked, logits(model))


def test_hooks_go_even_after_an_error_and_bad_heads_are_one_sentence():
    model = small()
    before = logits(model)
    with pytest.raises(ZeroDivisionError), explain.ablate(model, {0: [0]}):
        raise ZeroDivisionError
    assert torch.equal(logits(model), before)
    for heads in ({2: [0]}, {0: [3]}, {-1: [0]}):
        with (
            pytest.raises(CourseError, match="has the layers 0 to 1 and in each the heads 0 to 2"),
            explain.ablate(model, heads),
        ):
            pass


@pytest.mark.parametrize("make", [small, distil])
def test_rewrite(make):
    model = make()
    before, seen = logits(model), []

    def look(weights, layer):
        seen.append((layer, weights))
        return weights

    with explain.rewrite(model, look):
        same = logits(model)
    assert torch.allclose(same, before, atol=1e-5)
    assert [layer for layer, _ in seen] == [0, 1]
    own = explain.attentions(model, TOKENIZER, TEXT)[1]
    assert torch.allclose(torch.cat([weights for _, weights in seen]), own, atol=1e-6)
    with explain.rewrite(model, lambda weights, layer: weights.flip(-1) if layer == 1 else weights):
        assert (logits(model) - before).abs().max() > 1e-3
    assert torch.equal(logits(model), before)
    model.set_attn_implementation("sdpa")
    with pytest.raises(CourseError, match="'sdpa'"), explain.rewrite(model, look):
        pass


def test_rewrite_respects_padding():
    model = small()
    batch = TOKENIZER([TEXT, "short"], padding=True, return_tensors="pt")
    with torch.inference_mode(), explain.rewrite(model, lambda weights, layer: weights):
        found = model(**batch).logits
    assert torch.allclose(found[1], logits(model, "short")[0], atol=1e-5)


def test_the_bundled_model():
    model, tokenizer = course.fine_tuned("sentiment", attn_implementation="eager")
    pieces, found = explain.attentions(model, tokenizer, TEXT)
    layers, heads = model.config.num_hidden_layers, model.config.num_attention_heads
    assert found.shape == (layers, heads, len(pieces), len(pieces))
    with explain.ablate(model, {layer: list(range(heads)) for layer in range(layers)}):
        silent = logits(model)
    assert (silent - logits(model)).abs().max() > 0.5
