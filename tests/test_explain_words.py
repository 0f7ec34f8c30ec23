"""The unit of all explanations: words, and what belongs to their pieces."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from helpers import course
from helpers.errors import CourseError
from helpers.explain.words import Attribution, piece_words, position, sum_by_word, word_spans, words_of

TOKENIZER = AutoTokenizer.from_pretrained(course.checkpoint("bert"))
TEXT = "It isn't embarrassingly bad, is it?"


def test_words():
    assert words_of(TEXT) == ["It", "isn", "t", "embarrassingly", "bad", "is", "it"]
    assert [TEXT[a:b] for a, b in word_spans(TEXT)] == words_of(TEXT)


def test_pieces_find_their_words():
    encoded = TOKENIZER(TEXT, return_offsets_mapping=True)
    owners = piece_words(encoded["offset_mapping"], word_spans(TEXT))
    pieces = TOKENIZER.convert_ids_to_tokens(encoded["input_ids"])
    assert [p for p, owner in zip(pieces, owners, strict=True) if owner is None] == ["[CLS]", "'", ",", "?", "[SEP]"]
    rebuilt = "".join(p.removeprefix("##") for p, owner in zip(pieces, owners, strict=True) if owner == 3)
    assert rebuilt == "embarrassingly"
    ones = sum_by_word([1.0] * len(pieces), owners, 7)
    assert ones.tolist() == [1, 1, 1, owners.count(3), 1, 1, 1]
    assert owners.count(3) > 1, "the word must have more than one piece, or this test shows nothing"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40).filter(lambda text: re.search(r"[a-z]", text)))
def test_no_piece_belongs_to_two_words_and_sums_are_kept(text):
    encoded = TOKENIZER(text, return_offsets_mapping=True)
    spans = word_spans(text)
    owners = piece_words(encoded["offset_mapping"], spans)
    values = np.arange(1.0, len(owners) + 1)
    total = sum_by_word(values, owners, len(spans))
    assert total.sum() == pytest.approx(sum(v for v, o in zip(values, owners, strict=True) if o is not None))


def test_attribution():
    found = Attribution("good bad", ("good", "bad"), (0.5, -2.0), "positive", "none")
    assert found.ranked() == [("good", 0.5), ("bad", -2.0)]
    assert found.scaled() == (0.25, -1.0)
    assert Attribution("a", ("a",), (0.0,), "x", "none").scaled() == (0.0,)


def test_position():
    assert position(TEXT, "BAD") == 4
    with pytest.raises(CourseError, match=r"'good' is not in the text; its words are: It, isn"):
        position(TEXT, "good")


@pytest.mark.parametrize("text", ["", "  ", "?!"])
def test_a_text_without_words(text):
    with pytest.raises(CourseError, match="no word to explain"):
        word_spans(text)


def test_values_must_fit():
    with pytest.raises(CourseError, match="2 values do not fit 3 word pieces"):
        sum_by_word([1.0, 2.0], [0, 0, 1], 2)
