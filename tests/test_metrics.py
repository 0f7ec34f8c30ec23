"""Scores: equal to the libraries and to SQuAD's definition, and one sentence where there is nothing to score."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import f1_score

from helpers.errors import CourseError
from helpers.metrics import (
    accuracy,
    answer_scores,
    calibration_error,
    entity_f1,
    macro_f1,
    normalise_answer,
    squad_scores,
)

TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


@given(st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), min_size=1, max_size=30))
def test_entity_f1_is_seqevals(pairs):
    own, true = map(list, zip(*pairs))
    assert entity_f1([own], [true]) == pytest.approx(float(f1_score([true], [own], zero_division=0)))


def test_entity_f1_wants_whole_entities():
    true = [["B-PER", "I-PER", "O", "B-LOC"]]
    assert entity_f1(true, true) == 1
    assert entity_f1([["B-PER", "O", "O", "B-LOC"]], true) == pytest.approx(0.5)  # three of four tokens are right
    assert entity_f1([["O"] * 4], true) == 0


def test_classes():
    assert accuracy([1, 0, 1, 1], [1, 0, 0, 1]) == 0.75
    assert macro_f1([0, 0, 0, 0], [0, 0, 0, 1]) == pytest.approx((6 / 7) / 2)  # the class never named counts as 0


@pytest.mark.parametrize(
    ("answer", "normal"),
    [
        ("The Beatles", "beatles"),
        ("  an   apple. ", "apple"),
        ("A", ""),
        ("U.S.", "us"),
        ("twenty-one", "twentyone"),
        ("Theatre", "theatre"),
        ("“quoted”", "“quoted”"),
        ("é É", "é é"),
    ],
)
def test_normal_form(answer, normal):
    assert normalise_answer(answer) == normal


@pytest.mark.parametrize(
    ("own", "accepted", "exact", "f1"),
    [
        ("in 1889", ["1889", "in 1889"], 1, 1),
        ("the year 1889", ["1889"], 0, 2 / 3),
        ("Paris", ["London"], 0, 0),
        ("the the", ["a"], 1, 0),  # nothing is left of either: equal, but no word is shared
        ("new new york", ["new york"], 0, 0.8),
    ],
)
def test_answers(own, accepted, exact, f1):
    assert answer_scores(own, accepted) == (exact, pytest.approx(f1))


def test_squad_scores_are_means_in_per_cent():
    scores = squad_scores(["Paris", "in 1889"], [["London"], ["1889"]])
    assert scores == {"exact_match": 0, "f1": pytest.approx(100 / 3)}


@pytest.mark.parametrize(
    ("confidence", "right", "bins", "expected"),
    [
        ([0.9, 0.9, 0.6, 0.6], [1, 0, 1, 0], 10, 0.25),  # 0.4 and 0.1, two rows each
        ([0.9, 0.9, 0.9, 0.6], [1, 1, 1, 0], 10, (3 * 0.1 + 0.6) / 4),  # a bin counts by its rows
        ([1.0, 1.0], [1, 0], 5, 0.5),  # exactly 1 is not dropped
        ([0.95, 0.45], [0, 1], 2, 0.75),  # gaps of opposite sign do not cancel
        ([0.7] * 10, [1] * 7 + [0] * 3, 3, 0.0),
    ],
)
def test_calibration_error(confidence, right, bins, expected):
    assert calibration_error(confidence, right, bins) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: calibration_error([2.5], [1]),
            "A confidence is a probability, from 0 to 1; give the softmax of the logits.",
        ),
        (lambda: accuracy([], []), "There is nothing to score: the list of labels is empty."),
        (lambda: accuracy([1], [1, 0]), "There are 1 predictions for 2 labels; each needs its own."),
        (lambda: entity_f1([["O"]], [["O", "O"]]), "Sentence 1 has 1 predicted tags, but 2 true ones."),
        (
            lambda: answer_scores("x", []),
            "There is no accepted answer to compare with; SQuAD v1.1 has at least one a question.",
        ),
    ],
)
def test_nothing_to_score_is_one_sentence(call, message):
    with pytest.raises(CourseError) as error:
        call()
    assert str(error.value) == message
