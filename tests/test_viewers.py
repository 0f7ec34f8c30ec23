"""Figures tell in words and numbers what they draw."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers import viewers
from helpers.errors import CourseError


@pytest.fixture(autouse=True)
def no_window(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: None)
    yield
    plt.close("all")


def printed(capsys):
    return capsys.readouterr().out.splitlines()


def test_bars_print_sentence_numbers_and_baseline(capsys):
    viewers.bars({"mean": 0.756, "cls": 0.5}, "Mean beats [CLS].", "accuracy", baseline=0.5)
    assert printed(capsys) == ["Figure: Mean beats [CLS].", "  mean 0.76", "  cls  0.50", "  (dashed line) 0.50"]
    assert [bar.get_width() for bar in plt.gca().patches] == [0.5, 0.756]


def test_lines_print_a_table(capsys):
    viewers.lines({"train": [1, 2], "test": [0.5, 0.25]}, [10, 20], "Both.", "rows", "accuracy")
    assert printed(capsys) == [
        "Figure: Both.",
        "  rows       10      20",
        "  train    1.00    2.00",
        "  test     0.50    0.25",
    ]
    assert len({line.get_marker() for line in plt.gca().lines}) == 2  # never colour alone


def test_lines_leave_out_names_of_ticks_that_would_run_into_each_other(capsys):
    crowded = [0, 0.05, 0.1, 0.15, 0.2, 0.3, 1]
    viewers.lines({"team": crowded}, crowded, "Names too close.", "share")
    axes = plt.gca()
    names = [label for label in axes.get_xticklabels() if label.get_text()]
    boxes = [label.get_window_extent() for label in names]
    assert len(axes.get_xticks()) == len(crowded) > len(names)
    assert all(left.x1 < right.x0 for left, right in itertools.pairwise(boxes))
    assert [label.get_text() for label in names][::-1][:2] == ["1", "0.3"]
    assert "0.15" in printed(capsys)[1]  # the table has them all
    viewers.lines({"loss": [3, 2, 1]}, [1, 10, 100], "Room enough.", log_x=True)
    assert [label.get_text() for label in plt.gca().get_xticklabels()] == ["1", "10", "100"]


def test_heatmap_prints_the_matrix_and_checks_its_names(capsys):
    viewers.heatmap(np.array([[0.0, -1.0]]), ["row"], ["a", "b"], "A row.", signed=True)
    out = printed(capsys)
    assert out[0] == "Figure: A row."
    assert out[2].split() == ["row", "0.00", "-1.00"]
    with pytest.raises(CourseError, match=r"shape \(1, 2\) cannot carry 1 row and 3 column names"):
        viewers.heatmap(np.zeros((1, 2)), ["row"], list("abc"), "")


def test_scatter_prints_centres_and_marks_groups_differently(capsys):
    viewers.scatter(np.array([[0, 0], [2, 0], [5, 5]]), ["x", "x", "y"], "Two groups.", names=list("abc"))
    assert printed(capsys)[1] == "  x: 2 points around (+1.0, +0.0), 1.0 from their centre on average"
    with pytest.raises(ValueError, match="zip"):
        viewers.scatter(np.zeros((2, 2)), ["x", "x"], "", names=["only one"])


def test_flow_prints_its_steps(capsys):
    viewers.flow([("tokenize", "(2, 5)"), ("encode", "(2, 5, 384)")], "Two steps.")
    assert printed(capsys) == ["Figure: Two steps.", "  tokenize -> (2, 5)", "  encode -> (2, 5, 384)"]


def test_tokens_escape_and_have_a_text_form():
    tokens = viewers.Tokens(["<b>", "##ly"], [0.5, -0.25])
    assert repr(tokens) == "<b> +0.50 | ##ly -0.25"
    assert "&lt;b&gt;" in tokens._repr_html_()
    assert "<b>" not in tokens._repr_html_()
    assert repr(viewers.Tokens(["a", "b"])) == "a | b"
    with pytest.raises(CourseError, match="2 tokens cannot be coloured by 1 values"):
        viewers.Tokens(["a", "b"], [1.0])
