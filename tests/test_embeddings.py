"""An embedding depends on its text alone: not on padding, batch size, order or neighbours."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers import embeddings
from helpers.embeddings import embed, nearest, word_vectors
from helpers.errors import CourseError

TEXTS = [
    "Bright.",
    "The river rose above the bank in spring.",
    "She paid the cheque into the bank",
    "a visually stunning rumination on love",
    "Nobody who saw the first film will be surprised that the second one is longer, louder and, on the whole, worse.",
    "Ça alors! Ω≈ç√∫ 東京 🙂",
    "x",
]
ATOL = 2e-5


@pytest.fixture(scope="module")
def alone(bert):
    """Each text embedded by itself, straight from the model, for every layer."""
    model, tokenizer = bert
    vectors = []
    for text in TEXTS:
        with torch.no_grad():
            states = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states
        vectors.append(torch.stack([state[0].mean(dim=0) for state in states]))
    return torch.stack(vectors)  # (texts, layers, hidden)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(TEXTS))), max_tokens=st.integers(1, 300))
def test_order_batch_size_and_neighbours_do_not_matter(bert, alone, order, max_tokens):
    vectors = embed([TEXTS[i] for i in order], *bert, layer="all", max_tokens=max_tokens)
    assert torch.allclose(vectors, alone[list(order)], atol=ATOL)


def test_one_layer_and_several(bert, alone):
    assert torch.allclose(embed(TEXTS, *bert), alone[:, -1], atol=ATOL)
    assert torch.allclose(embed(TEXTS, *bert, layer=0), alone[:, 0], atol=ATOL)
    assert torch.allclose(embed(TEXTS, *bert, layer=[2, -1]), alone[:, [2, -1]], atol=ATOL)
    assert embed(TEXTS[:1], *bert, layer=[3]).shape == (1, 1, bert[0].config.hidden_size)


def test_cls_and_max_ignore_padding(bert):
    for pooling in ("cls", "max"):
        together = embed(TEXTS, *bert, pooling=pooling)
        single = torch.cat([embed([text], *bert, pooling=pooling) for text in TEXTS])
        assert torch.allclose(together, single, atol=ATOL)


def test_the_model_comes_back_as_it_was(bert):
    model, tokenizer = bert
    model.train()
    try:
        first, second = (embed(TEXTS[:3], model, tokenizer) for _ in range(2))
        assert model.training
        assert torch.equal(first, second)  # dropout was off
    finally:
        model.eval()


def test_a_text_of_ten_thousand_words_is_cut_and_said(bert):
    long = "word " * 10_000
    with pytest.warns(
        UserWarning, match=r"1 of 2 texts have more than 512 tokens and were cut there \(text 1 has 10002\)"
    ):
        vectors = embed(["short", long], *bert)
    assert torch.allclose(vectors[1], embed(["word " * 510], *bert)[0], atol=ATOL)  # 510 words, [CLS] and [SEP]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "list of texts is empty"),
        ("one string", r"write \[text\] instead of text"),
        (["fine", None], "Text 1 is None, not a string"),
        (["fine", float("nan")], "Text 1 is nan, not a string"),
        (["fine", "  "], "Text 1 is empty"),
    ],
)
def test_bad_texts_are_one_sentence(bert, texts, message):
    with pytest.raises(CourseError, match=message):
        embed(texts, *bert)


def test_bad_layers_poolings_and_tokenizers_are_one_sentence(bert):
    model, tokenizer = bert
    with pytest.raises(CourseError, match="There is no layer 7: this model has 7 hidden states, 0 to 6"):
        embed(["a"], *bert, layer=7)
    with pytest.raises(CourseError, match="layer='last' is none"):
        embed(["a"], *bert, layer="last")
    with pytest.raises(CourseError, match="no pooling 'sum'"):
        embed(["a"], *bert, pooling="sum")
    import copy

    other = copy.deepcopy(tokenizer)
    other.add_tokens(["bertology"])
    with pytest.raises(CourseError, match="30,523 entries, the model only 30,522"):
        embed(["a"], model, other)


def test_words_are_rebuilt_from_their_pieces(bert):
    model, tokenizer = bert
    text = "Ruminations, naïvely."
    words = word_vectors(text, model, tokenizer)
    assert [word for word, _ in words] == ["Ruminations", ",", "naïvely", "."]
    inputs = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**inputs).last_hidden_state[0]
    rumination = [place for place, word in enumerate(inputs.word_ids(0)) if word == 0]
    assert len(rumination) > 1
    assert torch.allclose(words[0][1], hidden[rumination].mean(dim=0), atol=ATOL)


def test_nearest_finds_itself_first(bert):
    vectors = embed(TEXTS, *bert)
    rows = nearest(vectors[2], vectors, k=3)
    assert rows[0][0] == 2
    assert rows[0][1] == pytest.approx(1.0, abs=1e-5)
    assert rows == sorted(rows, key=lambda pair: -pair[1])
    for k in (0, 8):
        with pytest.raises(CourseError, match=f"k is {k}, but there are 7 vectors"):
            nearest(vectors[2], vectors, k=k)
    with pytest.raises(CourseError, match="cannot be compared"):
        nearest(torch.zeros(3), vectors)


def test_words_have_a_vector_for_each_layer_asked_for(bert):
    model, tokenizer = bert
    text = "Marzipan, unstoppable."
    every = word_vectors(text, model, tokenizer, layer="all")
    assert every[0][1].shape == (model.config.num_hidden_layers + 1, model.config.hidden_size)
    for layer in (0, -1):
        one = word_vectors(text, model, tokenizer, layer=layer)
        assert [word for word, _ in one] == [word for word, _ in every]
        assert all(torch.equal(a, b[layer]) for (_, a), (_, b) in zip(one, every, strict=True))


def test_bfloat16_turns_a_vector_by_less_than_is_said(bert):
    for layer in (-1, [2, -1]):
        exact = embed(TEXTS, *bert, layer=layer)
        quick = embed(TEXTS, *bert, layer=layer, dtype=torch.bfloat16)
        assert quick.dtype == torch.float32
        assert not torch.equal(exact, quick), "another format gives other roundings"
        assert (1 - torch.cosine_similarity(exact, quick, dim=-1)).max() < 1e-3


def test_more_texts_than_are_read_at_once(bert, alone, monkeypatch):
    monkeypatch.setattr(embeddings, "CHUNK", 3)
    assert torch.allclose(embed(TEXTS, *bert, layer="all"), alone, atol=ATOL)
    with pytest.warns(UserWarning, match=r"1 of 7 texts have more than 24 tokens and were cut there \(text 4 has 27\)"):
        embed(TEXTS, *bert, max_length=24)
