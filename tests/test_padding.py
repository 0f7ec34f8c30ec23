"""Padding, batches of similar length and pooling, on anything that hypothesis can think of."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.errors import CourseError
from helpers.padding import length_batches, longest_input, pad, pool, windows

ids = st.lists(st.lists(st.integers(1, 30521), min_size=1, max_size=40), min_size=1, max_size=12)


@given(ids, st.integers(0, 20))
def test_padding_keeps_every_token_and_marks_the_rest(sequences, extra):
    width = max(map(len, sequences)) + extra
    input_ids, mask = pad(sequences, pad_id=7, length=width if extra else None)
    assert input_ids.shape == mask.shape == (len(sequences), width)
    for row, sequence in enumerate(sequences):
        assert input_ids[row][mask[row].bool()].tolist() == sequence
        assert mask[row].tolist() == [1] * len(sequence) + [0] * (width - len(sequence))
        assert (input_ids[row][mask[row] == 0] == 7).all()


@given(st.lists(st.integers(1, 600), max_size=80), st.integers(1, 5000))
def test_batches_hold_every_text_once_within_the_limit(lengths, max_tokens):
    batches = length_batches(lengths, max_tokens)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        widths = [lengths[index] for index in batch]
        assert widths == sorted(widths, reverse=True)
        assert len(batch) == 1 or len(batch) * widths[0] <= max_tokens


def test_batches_of_similar_length_waste_little():
    lengths = np.random.default_rng(0).integers(5, 60, 500).tolist()
    computed = sum(len(batch) * max(lengths[i] for i in batch) for batch in length_batches(lengths, 2048))
    assert computed < 1.15 * sum(lengths)
    assert 500 * max(lengths) > 1.7 * sum(lengths)  # what one padded batch would compute


@given(st.integers(0, 90), st.integers(1, 30), st.integers(1, 30))
def test_windows_cover_everything_and_none_is_idle(length, size, step):
    if step > size:
        with pytest.raises(CourseError, match="does not suit windows"):
            windows(range(length), size, step)
        return
    cut = windows(range(length), size, step)
    assert {i for window in cut for i in window} == set(range(length))
    assert all(len(window) == min(size, length) for window in cut)
    assert all(window == list(range(window[0], window[0] + len(window))) for window in cut if window)
    starts = [window[0] for window in cut if window]
    assert starts == sorted(set(starts)), "no window twice"
    assert not length or cut[-1][-1] == length - 1
    assert all(b - a == step for a, b in itertools.pairwise(starts[:-1]))


@settings(max_examples=60)
@given(
    st.integers(1, 5),
    st.integers(1, 9),
    st.integers(0, 6),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["cls", "mean", "max"]),
)
def test_pooling_is_blind_to_padding(rows, tokens, extra, seed, how):
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, tokens + 1, rows)
    hidden = torch.from_numpy(generator.normal(size=(rows, tokens, 3)))
    mask = (torch.arange(tokens) < torch.from_numpy(lengths)[:, None]).long()
    pooled = pool(hidden, mask, how)
    alone = [pool(hidden[r : r + 1, :n], mask[r : r + 1, :n], how)[0] for r, n in enumerate(lengths)]
    assert torch.allclose(pooled, torch.stack(alone))
    junk = torch.full((rows, extra, 3), float("nan"), dtype=hidden.dtype)  # what stands at padding must never count
    wider = torch.cat([hidden.masked_fill(mask[..., None] == 0, float("inf")), junk], dim=1)
    assert torch.allclose(pool(wider, torch.cat([mask, torch.zeros(rows, extra).long()], dim=1), how), pooled)


def test_mean_and_max_by_hand():
    hidden = torch.tensor([[[1.0, -4.0], [3.0, -2.0], [100.0, 100.0]]])
    mask = torch.tensor([[1, 1, 0]])
    assert pool(hidden, mask, "mean").tolist() == [[2.0, -3.0]]
    assert pool(hidden, mask, "max").tolist() == [[3.0, -2.0]]
    assert pool(hidden, mask, "cls").tolist() == [[1.0, -4.0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pad([]), "nothing to pad"),
        (lambda: pad([[1, 2, 3]], length=2), "3 tokens does not fit into 2; truncate"),
        (
            lambda: pool(torch.zeros(1, 2, 3), torch.ones(1, 2), "median"),
            "no pooling 'median'; choose one of cls, mean, max",
        ),
        (lambda: pool(torch.zeros(1, 2, 3), torch.ones(1, 3)), r"mask \(1, 3\) does not fit the vectors \(1, 2, 3\)"),
        (lambda: pool(torch.zeros(1, 2, 3), torch.zeros(1, 2)), "all zeros"),
    ],
)
def test_bad_input_is_one_sentence(call, message):
    with pytest.raises(CourseError, match=message):
        call()


@pytest.mark.parametrize(("family", "longest"), [("Bert", 20), ("Roberta", 18), ("DistilBert", 20), ("Electra", 20)])
def test_the_longest_input_fits_and_one_more_does_not(family, longest):
    import transformers

    sizes = {
        "vocab_size": 30,
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 8,
    }
    config = getattr(transformers, f"{family}Config")(**sizes, max_position_embeddings=20)
    model = getattr(transformers, f"{family}Model")(config).eval()
    assert longest_input(config) == longest
    model(torch.full((1, longest), 5))
    with pytest.raises((IndexError, RuntimeError)):
        model(torch.full((1, longest + 1), 5))
