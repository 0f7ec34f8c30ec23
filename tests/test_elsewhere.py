"""The hand-written tests of chapter 15 are what they claim to be, and its toy pictures show what their captions say."""

import itertools
import re

import numpy as np
import pytest

from helpers import elsewhere, toy_images
from helpers.errors import CourseError


def test_entities_are_marked_right():
    for own in elsewhere.ENTITIES.values():
        assert len(own) == len(set(own)) == 16
        read = [elsewhere.unmarked(text) for text in own]
        assert {kind for _, gold in read for *_, kind in gold} == {"PER", "ORG", "LOC"}
        for text, gold in read:
            assert not re.search(r"[\[\]]", text)
            assert all(text[start:end].strip() == text[start:end] != "" for start, end, _ in gold)
    assert elsewhere.unmarked("[Ada Lin PER] left [Rome LOC].") == (
        "Ada Lin left Rome.",
        [(0, 7, "PER"), (13, 17, "LOC")],
    )
    with pytest.raises(CourseError, match="not whole"):
        elsewhere.unmarked("[Ada PER left.")


def test_entities_are_counted():
    gold = [[(0, 3, "PER")], [(5, 9, "LOC"), (0, 2, "ORG")]]
    assert elsewhere.entity_counts(gold, gold) == (3, 3, 3)
    assert elsewhere.entity_counts([[(0, 3, "ORG")], []], gold) == (0, 1, 3)
    with pytest.raises(CourseError, match="each needs its list"):
        elsewhere.entity_counts([[]], gold)


def test_news_and_classroom_are_balanced_and_different():
    for own in elsewhere.NEWS.values():
        assert len({text for text, _ in own}) == 20
        assert [label for _, label in own].count("positive") == 10
    assert sum(right for *_, right in elsewhere.CLASSROOM) * 2 == len(elsewhere.CLASSROOM)


def test_translations_come_in_eights():
    for text in elsewhere.TRANSLATIONS.values():
        own = text.split("|")
        assert len(own) == len(set(own)) == 8 and all(sentence.strip() for sentence in own)


@pytest.mark.parametrize("thing", list(itertools.product(toy_images.RADII, toy_images.COLOURS, toy_images.SHAPES)))
def test_a_picture_shows_its_caption(thing):
    size, colour, shape = thing
    image = toy_images.draw([thing], np.random.default_rng(1))
    assert image.shape == (3, 24, 24) and image.min() >= 0 and image.max() <= 1
    inside = np.abs(image - toy_images.GREY).max(axis=0) > 0.25
    assert 4 <= inside.sum() <= (60 if size == "small" else 200)
    assert np.abs(image[:, inside].mean(axis=1) - toy_images.COLOURS[colour]).max() < 0.05
    areas = [
        (np.abs(toy_images.draw([thing], np.random.default_rng(i)) - 0.55).max(axis=0) > 0.25).sum() for i in range(9)
    ]
    assert max(areas) < 1.7 * min(areas), f"a {shape} is cut at the edge"
    same = toy_images.draw([thing], np.random.default_rng(1))
    assert np.array_equal(image, same)


def test_two_shapes_stand_left_and_right():
    image = toy_images.draw([("large", "black", "circle"), ("small", "white", "cross")], np.random.default_rng(2))
    assert image[:, :, :12].min() < 0.2 and image[:, :, 12:].max() > 0.9
    assert image[:, :, 12:].min() > 0.3


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ([], "not 0"),
        ([("small", "blue", "circle")] * 3, "not 3"),
        ([("tiny", "blue", "circle")], "no size 'tiny'"),
        ([("small", "red", "circle")], "no colour 'red'"),
        ([("small", "blue", "star")], "no shape 'star'"),
    ],
)
def test_a_picture_that_cannot_be_drawn(parts, sentence):
    with pytest.raises(CourseError, match=sentence):
        toy_images.draw(parts, np.random.default_rng(0))


def test_pictures_are_shown_with_words(capsys):
    image = toy_images.draw([("small", "blue", "circle")], np.random.default_rng(0))
    toy_images.show([image], ["a small blue circle"], "One picture.")
    assert capsys.readouterr().out.endswith("Figure: One picture.\n  picture 1: a small blue circle\n")
    with pytest.raises(CourseError, match="each needs its own"):
        toy_images.show([image], [], "None.")
