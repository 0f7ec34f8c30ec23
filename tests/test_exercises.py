"""The checks are tested: every catalogued wrong answer fails with its own message, and nothing that a student does raises."""

import importlib
import inspect
import json
import random
import re

import pytest
import torch

from helpers.bundle import ROOT
from helpers.errors import CourseError
from helpers.exercises import check
from helpers.exercises.checking import CHECKS, NO_RETURN, ONE_WAY, STUB, verdict
from tests.other_ways import OTHER_WAYS

CHAPTERS = sorted((ROOT / "helpers" / "exercises").glob("chapter_*.py"))
for chapter in CHAPTERS:
    importlib.import_module(f"helpers.exercises.{chapter.stem}")
WRONG = {}
for chapter in CHAPTERS:
    WRONG |= importlib.import_module(f"tests.wrong_answers.{chapter.stem}").WRONG
CASES = [(number, place) for number, answers in sorted(WRONG.items()) for place in range(len(answers))]


def cells_of(chapter: int) -> list[dict]:
    (path,) = (ROOT / "notebooks").glob(f"{chapter:02d}_*.ipynb")
    return json.loads(path.read_text(encoding="utf8"))["cells"]


def tagged(chapter: int, tag: str) -> dict[str, dict]:
    """Exercise number -> its cell with this tag, found by the ``check("1.2", ...)`` in it."""
    found = {}
    for cell in cells_of(chapter):
        number = re.search(r'check\(\s*"([\d.]+)"', "".join(cell["source"]))
        if tag in cell["metadata"].get("tags", []) and number:
            found[number[1]] = cell
    return found


def printed(cell: dict) -> str:
    return "".join("".join(output.get("text", "")) for output in cell["outputs"])


def test_there_is_something_to_test():
    assert len(CHECKS) >= 12
    assert set(WRONG) == set(CHECKS)


@pytest.mark.parametrize("number", sorted(CHECKS))
def test_the_notebook_has_the_whole_exercise(number):
    """Card, stub, check and solution; the stored outputs, which nbval re-computes, are the kind line and a pass."""
    chapter = int(number.split(".")[0])
    text = "\n".join("".join(cell["source"]) for cell in cells_of(chapter) if cell["cell_type"] == "markdown")
    card = re.search(rf"### Exercise {re.escape(number)} · .+\n+Difficulty [●○]{{5}} · \d+ minutes", text)
    assert card, f"no card for exercise {number}"
    stub = tagged(chapter, "check")[number]
    assert printed(stub) == f"Exercise {number}: {STUB}\n"
    solution = tagged(chapter, "solution")[number]
    assert printed(solution).endswith(f"Exercise {number}: passed. ✓\n")
    assert solution["metadata"]["jupyter"] == {"source_hidden": True}
    assert solution["metadata"]["cellView"] == "form"


@pytest.mark.parametrize("number", sorted(CHECKS))
def test_each_wrong_answer_has_a_message_of_its_own(number):
    answers = WRONG[number]
    assert len(answers) >= 3
    messages = [verdict(number, answer) for answer, _ in answers]
    assert len(set(messages)) == len(messages), f"two wrong answers to {number} get the same message"
    assert len({fragment for _, fragment in answers}) == len(answers)


@pytest.mark.parametrize(("number", "place"), CASES)
def test_wrong_answers_fail_with_their_message(number, place):
    answer, fragment = WRONG[number][place]
    message = verdict(number, answer)
    assert message.startswith("not yet: "), message
    assert fragment in message, message
    assert message == verdict(number, answer), "a check must say the same every time"


@pytest.mark.parametrize("number", sorted(CHECKS))
@pytest.mark.parametrize("answer", [None, ..., lambda *a, **k: None], ids=["None", "...", "stub"])
def test_a_stub_is_met_kindly(number, answer, capsys):
    check(number, answer)
    assert capsys.readouterr().out == f"Exercise {number}: {STUB}\n"


@pytest.mark.parametrize("number", sorted(OTHER_WAYS))
def test_other_ways_to_the_right_answer_pass(number):
    random.seed(1)
    assert verdict(number, OTHER_WAYS[number]) == "passed. ✓"


@pytest.mark.parametrize("body", ["...", "pass", "return", "return None", '"""What to do."""\n    ...'])
def test_a_body_that_does_nothing_is_a_stub(body):
    names = {}
    exec(f"def stub(model, rate=0.1, *rest, **more):\n    {body}\n", names)
    assert {verdict(number, names["stub"]) for number in CHECKS} == {STUB}


def without_return(*arguments, **keywords):
    """The commonest slip of a beginner: a print for a return."""
    print(end="")


@pytest.mark.parametrize("number", sorted(CHECKS))
def test_a_forgotten_return_is_not_taken_for_the_stub(number):
    assert verdict(number, without_return) == f"not yet: {NO_RETURN}"


def test_a_return_that_is_missing_on_one_way_is_named():
    def one_way(sentence):
        if "and" not in sentence:
            return sentence.count("[MASK]")

    assert verdict("0.1", one_way) == f"not yet: {ONE_WAY}"


@pytest.mark.parametrize("number", sorted(CHECKS))
@pytest.mark.parametrize("answer", [42, "text", [], object()], ids=["number", "text", "list", "object"])
def test_nonsense_fails_without_raising(number, answer):
    assert verdict(number, answer).startswith("not yet: ")


def explode(*arguments, **keywords):
    values = {}
    return values["no such key"]


@pytest.mark.parametrize("number", sorted(CHECKS))
def test_an_error_in_the_answer_is_named_with_its_line(number):
    assert "KeyError in its line 3: 'no such key'" in verdict(number, explode)


def test_an_error_in_one_of_the_examples_comes_with_the_example():
    def first_and_last(offsets, start, end):
        inside = [i for i, place in enumerate(offsets) if place and place[0] < end and place[1] > start]
        return inside[0], inside[-1]

    message = verdict("9.1", first_and_last)
    assert (
        "IndexError in its line 3: list index out of range (The example: 'Ada', characters 0 to 3, cut off" in message
    )

    def with_a_gap(offsets, start, end):
        inside = [i for i, place in enumerate(offsets) if place and place[0] < end and place[1] > start]
        return (inside[0], inside[-1]) if inside else None

    assert verdict("9.1", with_a_gap).startswith(f"not yet: {ONE_WAY} (The example: 'Ada', characters")


def test_a_long_error_is_cut():
    def answer(*arguments, **keywords):
        raise ValueError("a library that explains itself at length. " * 20)

    message = verdict("3.1", answer)
    assert message.startswith("not yet: your code stopped with ValueError in its line 2: a library")
    assert message.endswith(" ...") and len(message) < 280


def test_a_check_leaves_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    for number in CHECKS:
        verdict(number, explode)
    assert torch.equal(torch.rand(3), expected)


def test_an_unknown_exercise_is_one_sentence():
    for number in ("99.1", "1.99", "one"):
        with pytest.raises(CourseError, match=f"There is no exercise '{number}'"):
            check(number, explode)


def test_checks_are_documented():
    assert all(inspect.getdoc(function) for function in CHECKS.values())
