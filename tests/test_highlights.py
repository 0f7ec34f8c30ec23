"""Marked stretches: the text stays whole, and what does not fit is said."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.errors import CourseError
from helpers.highlights import Highlighted


def test_both_forms_carry_the_same_stretches_and_names():
    shown = Highlighted("Ada <b> met Bo.", [(12, 14, "PER"), (0, 3, "PER & co")])
    assert repr(shown) == "[Ada PER & co] <b> met [Bo PER]."
    page = shown._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<b>PER &amp; co</b>" in page
    assert page.count("<mark") == 2


@given(st.text(max_size=30), st.lists(st.integers(0, 30), max_size=6))
def test_the_text_stays_whole(text, cuts):
    ends = sorted({min(cut, len(text)) for cut in cuts})
    stretches = [(a, b, "X") for a, b in zip(ends[::2], ends[1::2])]
    parts = Highlighted(text, stretches)._parts()
    assert "".join(piece for piece, _ in parts) == text
    assert [piece for piece, name in parts if name] == [text[a:b] for a, b, _ in stretches]


@pytest.mark.parametrize(
    ("stretches", "message"),
    [
        ([(2, 2, "X")], "does not lie in the text of 5"),
        ([(3, 6, "X")], "does not lie"),
        ([(0, 3, "X"), (2, 4, "Y")], "Y from 2 to 4 overlaps"),
    ],
)
def test_what_does_not_fit_is_said(stretches, message):
    with pytest.raises(CourseError, match=re.escape(message)):
        Highlighted("12345", stretches)
