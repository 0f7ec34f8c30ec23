"""The parity debugger: silent on a right encoder, and on a wrong one it names the sub-layer that is wrong."""

import math

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertModel, DistilBertConfig, DistilBertModel

from helpers.errors import CourseError
from helpers.parity import STEPS, first_divergence, reference


class Encoder:
    """A right encoder in small methods; a sabotaged one overrides one of them. ``wrong_layer`` limits the damage."""

    first_wrong_layer = 1

    def __init__(self, model):
        self.weights, self.config = model.state_dict(), model.config

    def linear(self, x, name):
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, x, name, eps=None):
        shape, eps = x.shape[-1:], self.config.layer_norm_eps if eps is None else eps
        weight, bias = self.weights[f"{name}.LayerNorm.weight"], self.weights[f"{name}.LayerNorm.bias"]
        return torch.nn.functional.layer_norm(x, shape, weight, bias, eps)

    def split(self, x):
        return x.unflatten(-1, (self.config.num_attention_heads, -1)).transpose(1, 2)

    def embedding_sum(self, input_ids, token_type_ids):
        tables = ("word", "position", "token_type")
        word, position, kind = (self.weights[f"embeddings.{table}_embeddings.weight"] for table in tables)
        return word[input_ids] + position[: input_ids.shape[1]] + kind[token_type_ids]

    def embedding_norm(self, x):
        return self.norm(x, "embeddings")

    def project(self, x, name, step):
        return self.split(self.linear(x, f"{name}.attention.self.{step}"))

    def scores(self, query, key):
        return query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])

    def softmax(self, scores, mask):
        return scores.masked_fill(mask[:, None, None, :] == 0, float("-inf")).softmax(-1)

    def merge(self, x):
        return x.transpose(1, 2).flatten(-2)

    def residual(self, new, old):
        return new + old

    def activation(self, x):
        return torch.nn.functional.gelu(x)

    def output_sum(self, contraction, attended, x):
        return contraction + attended

    def layer(self, x, mask, name, record):
        query, key, value = (record(s, self.project(x, name, s)) for s in ("query", "key", "value"))
        weights = record("attention weights", self.softmax(record("attention scores", self.scores(query, key)), mask))
        context = record("context", self.merge(weights @ value))
        dense = record("attention dense", self.linear(context, f"{name}.attention.output.dense"))
        total = record("attention sum", self.residual(dense, x))
        attended = record("attention norm", self.norm(total, f"{name}.attention.output"))
        wide = record("expansion", self.activation(self.linear(attended, f"{name}.intermediate.dense")))
        narrow = record("contraction", self.linear(wide, f"{name}.output.dense"))
        return record("output", self.norm(record("output sum", self.output_sum(narrow, attended, x)), f"{name}.output"))

    def __call__(self, input_ids, attention_mask, token_type_ids, record):
        total = record("embedding sum", self.embedding_sum(input_ids, token_type_ids))
        x = record("embeddings", self.embedding_norm(total))
        right = Encoder(self)
        for number in range(self.config.num_hidden_layers):
            active = self if number + 1 >= self.first_wrong_layer else right
            x = active.layer(x, attention_mask, f"encoder.layer.{number}", record)
        return x

    def state_dict(self):
        return self.weights


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    sizes = {"vocab_size": 50, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4}
    config = BertConfig(**sizes, intermediate_size=48, initializer_range=0.4)
    model = BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias") or "LayerNorm" in name:
                parameter.add_(0.3 * torch.randn_like(parameter))
    return model


@pytest.fixture(scope="module")
def inputs():
    torch.manual_seed(1)
    return {
        "input_ids": torch.randint(1, 50, (3, 7)),
        "attention_mask": torch.tensor([[1] * 7, [1] * 5 + [0] * 2, [1] * 6 + [0]]),
        "token_type_ids": torch.tensor([[0] * 4 + [1] * 3, [0] * 7, [0] * 2 + [1] * 5]),
    }


def sabotaged(layer=1, **methods):
    return type("Sabotaged", (Encoder,), methods | {"first_wrong_layer": layer})


def interleaved(self, x):
    return x.unflatten(-1, (-1, self.config.num_attention_heads)).permute(0, 3, 1, 2)


def only_viewed(self, x):
    return x.reshape(x.shape[0], self.config.num_attention_heads, x.shape[1], -1)


def no_position(self, input_ids, token_type_ids):
    right = Encoder.embedding_sum(self, input_ids, token_type_ids)
    return right - self.weights["embeddings.position_embeddings.weight"][: input_ids.shape[1]]


def no_token_type(self, input_ids, token_type_ids):
    return Encoder.embedding_sum(self, input_ids, torch.zeros_like(token_type_ids))


def same_weights(self, x, name, step):
    return Encoder.project(self, x, name, "query")


def no_bias(self, x, name):
    right = Encoder.linear(self, x, name)
    return right - self.weights[f"{name}.bias"] if name.endswith("0.output.dense") else right


def no_attention_dense(self, x, name):
    return x if name.endswith("attention.output.dense") else Encoder.linear(self, x, name)


def gelu_by_tanh(self, x):
    return torch.nn.functional.gelu(x, approximate="tanh")


def no_norm(self, x, name, eps=None):
    return x if name.endswith("1.output") else Encoder.norm(self, x, name)


def no_attention_norm(self, x, name, eps=None):
    return x if name.endswith("attention.output") else Encoder.norm(self, x, name)


SABOTAGE = {
    "no positions": (sabotaged(embedding_sum=no_position), 0, "embedding sum", "position"),
    "no token types": (sabotaged(embedding_sum=no_token_type), 0, "embedding sum", "token type"),
    "another eps": (sabotaged(embedding_norm=lambda s, x: s.norm(x, "embeddings", 1e-2)), 0, "embeddings", "eps"),
    "heads interleaved": (sabotaged(split=interleaved), 1, "query", "then split"),
    "heads not transposed": (sabotaged(split=only_viewed), 1, "query", "wrong places"),
    "three times the query": (sabotaged(2, project=same_weights), 2, "key", "key's own"),
    "no 1/sqrt(d)": (sabotaged(2, scores=lambda s, q, k: q @ k.mT), 2, "attention scores", "1/sqrt(d)"),
    "divided by d": (sabotaged(3, scores=lambda s, q, k: q @ k.mT / q.shape[-1]), 3, "attention scores", "0.41 times"),
    "scores transposed": (
        sabotaged(scores=lambda s, q, k: Encoder.scores(s, k, q)),
        1,
        "attention scores",
        "wrong places",
    ),
    "no mask": (sabotaged(softmax=lambda s, x, m: x.softmax(-1)), 1, "attention weights", "mask applied before"),
    "mask by multiplying": (
        sabotaged(softmax=lambda s, x, m: x.softmax(-1) * m[:, None, None]),
        1,
        "attention weights",
        "mask",
    ),
    "softmax over queries": (
        sabotaged(softmax=lambda s, x, m: x.softmax(-2)),
        1,
        "attention weights",
        "over the last axis",
    ),
    "heads not merged": (sabotaged(merge=lambda s, x: x.flatten(1).view(3, 7, -1)), 1, "context", "side by side"),
    "no dense layer": (sabotaged(linear=no_attention_dense), 1, "attention dense", "attention.output.dense"),
    "no residual": (sabotaged(2, residual=lambda s, new, old: new), 2, "attention sum", "residual missing"),
    "no attention norm": (sabotaged(norm=no_attention_norm), 1, "attention norm", "attention.output.LayerNorm"),
    "GELU by tanh": (sabotaged(activation=gelu_by_tanh), 1, "expansion", "erf"),
    "ReLU": (sabotaged(3, activation=lambda s, x: x.relu()), 3, "expansion", "GELU"),
    "no bias": (sabotaged(linear=no_bias), 1, "contraction", "bias"),
    "wrong residual": (sabotaged(output_sum=lambda s, c, a, x: c + x), 1, "output sum", "attention's layer norm"),
    "no norm in layer 2": (sabotaged(norm=no_norm), 2, "output", "output.LayerNorm"),
}


def test_right_encoder(model, inputs):
    assert first_divergence(model, Encoder(model), **inputs) is None


@pytest.mark.parametrize("name", SABOTAGE)
def test_sabotage_is_named(name, model, inputs):
    encoder, layer, step, words = SABOTAGE[name]
    found = first_divergence(model, encoder(model), **inputs)
    assert found is not None
    assert (found.step, found.layer) == (step, layer)
    assert words in str(found)
    assert not layer or f"of layer {layer}:" in str(found)


def test_sabotage_covers_nearly_every_step():
    assert {step for _, _, step, _ in SABOTAGE.values()} >= set(STEPS) - {"value"}


def test_recorded_scores_are_the_models_own(model, inputs):
    steps = reference(model, **inputs)
    mask = inputs["attention_mask"][:, None, None, :] == 0
    for scores, weights in zip(steps["attention scores"], steps["attention weights"], strict=True):
        torch.testing.assert_close(scores.masked_fill(mask, float("-inf")).softmax(-1), weights)


def test_model_comes_back_as_it_was(model, inputs):
    before = model.config._attn_implementation
    model.train()
    first_divergence(model, Encoder(model), **inputs)
    assert model.training
    assert model.config._attn_implementation == before
    assert not any(module._forward_hooks for module in model.modules())
    model.eval()


def test_model_with_a_head(model, inputs):
    headed = BertForMaskedLM(model.config).eval()
    assert first_divergence(headed, Encoder(headed.bert), **inputs) is None


def test_exception_after_a_divergence_shows_the_divergence(model, inputs):
    class Stops(SABOTAGE["no 1/sqrt(d)"][0]):
        def merge(self, x):
            if self.first_wrong_layer == 2:
                raise RuntimeError("shapes do not fit")

    assert first_divergence(model, Stops(model), **inputs).step == "attention scores"


def test_exception_without_a_divergence_is_raised(model, inputs):
    def activation(self, x):
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="do not fit"):
        first_divergence(model, sabotaged(activation=activation)(model), **inputs)


def test_partial_records_are_compared(model, inputs):
    broken = SABOTAGE["no residual"][0](model)

    def student(record, **inputs):
        return broken(**inputs, record=lambda step, x: record(step, x) if step == "output" else x)

    found = first_divergence(model, student, **inputs)
    assert (found.step, found.layer, found.agreed) == ("output", 2, "the output of layer 1")


def test_infinite_scores_are_explained(model, inputs):
    def scores(self, query, key):
        return Encoder.scores(self, query, key) + torch.full((7,), float("-inf"))

    assert "before the mask" in str(first_divergence(model, sabotaged(scores=scores)(model), **inputs))


@pytest.mark.parametrize(
    ("student", "message"),
    [
        (lambda record, **inputs: None, "Nothing was recorded"),
        (lambda record, **inputs: record("score", inputs["input_ids"]), "no step 'score'"),
        (lambda record, **inputs: record("attention scores", torch.zeros(3, 4, 7, 7)), "once for each layer"),
    ],
)
def test_mistakes_in_recording(student, message, model, inputs):
    with pytest.raises(CourseError, match=message):
        first_divergence(model, student, **inputs)


def test_only_bert(inputs):
    model = DistilBertModel(DistilBertConfig(vocab_size=50, dim=8, hidden_dim=8, n_heads=2, n_layers=1))
    with pytest.raises(CourseError, match="not those of a DistilBertModel"):
        reference(model, **inputs)
