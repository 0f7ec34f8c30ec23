"""Around the model: labels on word pieces, entities and tags, question windows and the answers cut from them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import course
from helpers.errors import CourseError
from helpers.tasks import (
    IGNORE,
    Span,
    align_labels,
    answer_tokens,
    best_answers,
    question_windows,
    spans_of,
    tags_of,
)

WORDS = st.lists(st.text(min_size=1, max_size=12).filter(lambda word: not word.isspace()), min_size=1, max_size=12)


@given(words=WORDS)
@settings(max_examples=150, deadline=None)
def test_the_first_piece_of_each_word_carries_its_label_and_nothing_else_does(tokenizer, words):
    labels = list(range(len(words)))
    aligned = align_labels(tokenizer, [words], [labels])
    (ids,), (own,), (given_,) = aligned
    assert len(ids) == len(own) == len(given_)
    for word in set(own) - {None}:
        places = [place for place, there in enumerate(own) if there == word]
        assert given_[places[0]] == word
        assert all(given_[place] == IGNORE for place in places[1:])
    assert all(label == IGNORE for label, word in zip(given_, own) if word is None)


@pytest.mark.parametrize(
    ("words", "tags", "message"),
    [
        ([["Anna", "left"]], [[1]], "Sentence 1 has 2 words, but 1 tags; each word needs one."),
        ([["Anna"], []], [[1], []], "Sentence 2 has no words; leave it out."),
    ],
)
def test_words_without_their_tags_are_refused(tokenizer, words, tags, message):
    with pytest.raises(CourseError) as error:
        align_labels(tokenizer, words, tags)
    assert str(error.value) == message


@st.composite
def sentences_with_spans(draw):
    words, spans, place = draw(st.integers(1, 20)), [], 0
    while place < words:
        if draw(st.booleans()):
            end = draw(st.integers(place + 1, min(words, place + 4)))
            spans.append(Span(draw(st.sampled_from(["PER", "ORG", "LOC", "MISC"])), place, end))
            place = end
        else:
            place += 1
    return words, spans


@given(sentences_with_spans())
def test_spans_to_tags_and_back(case):
    words, spans = case
    assert spans_of(tags_of(spans, words)) == spans


def test_an_inside_tag_that_continues_nothing_begins_an_entity():
    assert spans_of(["I-PER", "I-PER", "O", "I-LOC", "B-LOC", "I-ORG"]) == [
        Span("PER", 0, 2),
        Span("LOC", 3, 4),
        Span("LOC", 4, 5),
        Span("ORG", 5, 6),
    ]


def test_unknown_tags_and_overlapping_spans_are_refused():
    with pytest.raises(CourseError, match="'X-PER' is no IOB2 tag: it must be O, or B- or I- and a type"):
        spans_of(["O", "X-PER"])
    with pytest.raises(CourseError, match="overlaps another or leaves the 4 words"):
        tags_of([Span("PER", 0, 2), Span("LOC", 1, 3)], 4)
    with pytest.raises(CourseError, match="overlaps another or leaves the 4 words"):
        tags_of([Span("PER", 3, 5)], 4)


def gold_logits(window, start, end):
    """Logits of a model that is sure of the characters ``start`` to ``end``, where this window has them."""
    first, last = torch.zeros(len(window.input_ids)), torch.zeros(len(window.input_ids))
    place = answer_tokens(window, start, end)
    if place:
        first[place[0]] = last[place[1]] = 10
    return first, last


@pytest.mark.parametrize(("max_length", "stride"), [(384, 128), (64, 20), (48, 12)])
def test_gold_positions_give_the_gold_answers_through_windows_of_any_size(tokenizer, max_length, stride):
    rows = course.dataset("questions")["validation"]
    windows = question_windows(tokenizer, rows["question"], rows["context"], max_length, stride)
    assert len(windows) >= len(rows)
    assert all(len(window.input_ids) <= max_length for window in windows)
    gold = [(a["answer_start"][0], a["answer_start"][0] + len(a["text"][0])) for a in rows["answers"]]
    firsts, lasts = zip(*(gold_logits(window, *gold[window.example]) for window in windows))
    found = best_answers(windows, firsts, lasts, rows["context"])
    assert [own[0].text for own in found] == [answers["text"][0] for answers in rows["answers"]]
    assert [(own[0].start, own[0].end) for own in found] == gold


def test_answers_stay_in_their_window_and_within_their_length(tokenizer):
    context = "one two three four five six seven eight nine ten " * 12
    windows = question_windows(tokenizer, ["How many?"], [context], max_length=40, stride=10)
    generator = torch.Generator().manual_seed(0)
    logits = [(torch.randn(40, generator=generator), torch.randn(40, generator=generator)) for _ in windows]
    (found,) = best_answers(windows, *zip(*logits), [context], n_best=50, max_tokens=5)
    assert len(found) == 50
    assert [answer.score for answer in found] == sorted((answer.score for answer in found), reverse=True)
    for answer in found:
        assert context[answer.start : answer.end] == answer.text
        assert 1 <= len(answer.text.split()) <= 5
        assert any(answer_tokens(window, answer.start, answer.end) for window in windows)


def test_a_window_marks_the_context_with_token_type_one(tokenizer):
    (window,) = question_windows(tokenizer, ["Who left?"], ["Anna left."])
    expected = tokenizer("Who left?", "Anna left.")
    assert window.input_ids == expected["input_ids"]
    assert window.token_type_ids == expected["token_type_ids"]


@pytest.mark.parametrize(
    ("question", "context", "message"),
    [
        ("Who?", "  ", "The context in row 1 is empty; an answer needs both question and context."),
        ("", "Anna left.", "The question in row 1 is empty; an answer needs both question and context."),
        (
            "Who " * 300,
            "Anna left.",
            "A question of 300 tokens leaves 81 of 384 for the context, no more than the overlap of 128",
        ),
    ],
)
def test_questions_that_cannot_be_answered_are_refused(tokenizer, question, context, message):
    with pytest.raises(CourseError) as error:
        question_windows(tokenizer, [question], [context])
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_an_answer_that_the_window_cuts_has_no_tokens(tokenizer):
    context = "Anna left the house at ten and came back at noon."
    windows = question_windows(tokenizer, ["When?"], [context], max_length=14, stride=3)
    places = [answer_tokens(window, context.index("at noon"), len(context) - 1) for window in windows]
    assert places[0] is None
    assert places[-1] is not None
