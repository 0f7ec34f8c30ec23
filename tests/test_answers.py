"""Questions and answers: windows give every gold answer back, n-best stays inside them, and EM/F1 are SQuAD's."""

import functools
import types

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import bundle
from helpers.errors import CourseError
from helpers.metrics import answer_scores, squad_scores
from helpers.tasks import (
    Answer,
    answer_positions,
    answer_tokens,
    best_answers,
    null_scores,
    question_windows,
    window_logits,
)

BENCHMARKS = bundle.ROOT.parent / "shared" / "benchmarks"
THIRD = 2 / 3


# --- the real answers, there and back -------------------------------------------------------------------------------


@functools.cache
def squad():
    """The validation rows of SQuAD, each question once for every accepted answer that differs from the others."""
    path = BENCHMARKS / "squad" / "validation.parquet"
    if not path.exists():
        pytest.skip(f"no SQuAD in {BENCHMARKS}")
    import pandas as pd

    rows = []
    for row in pd.read_parquet(path).to_dict("records"):
        for text, start in dict.fromkeys(zip(row["answers"]["text"], map(int, row["answers"]["answer_start"]))):
            rows.append((row["question"], row["context"], {"text": [text], "answer_start": [start]}))
    return rows


def one_hot(windows, positions):
    """Logits of a model that is sure of these tokens in each window, and of nothing where they are (0, 0)."""
    starts = [torch.zeros(len(window.input_ids)) for window in windows]
    ends = [torch.zeros(len(window.input_ids)) for window in windows]
    for start, end, (first, last) in zip(starts, ends, positions):
        if last:
            start[first] = end[last] = 10
    return starts, ends


# Accepted answers of SQuAD that begin inside a word, by a slip of whoever marked them; a model that points to word pieces can
# but give the whole word.
SLIPS = {
    "h International Criminal Court trial dates in 2013 for both President Kenyatta and Deputy President William Ruto": "Wit",
    "ea, coffee, sisal, pyrethrum, corn, and wheat": "T",
    "e a third group of pigments found in cyanobacteria": "ar",
    "r 20% to 25%": "fo",
    "onomist": "ec",
}


# The overlap is longer than any answer (35 word pieces), so that each is whole in some window.
@pytest.mark.parametrize(("max_length", "stride"), [(384, 128), (256, 64), (128, 48), (100, 36)])
def test_gold_positions_give_back_every_gold_answer_of_squad(tokenizer, max_length, stride):
    questions, contexts, answers = map(list, zip(*squad()))
    windows = question_windows(tokenizer, questions, contexts, max_length, stride)
    assert max(len(window.input_ids) for window in windows) == max_length
    positions = answer_positions(windows, contexts, answers)
    found = best_answers(windows, *one_hot(windows, positions), contexts, max_tokens=60)
    for own, (best,) in zip(answers, found):
        (text,), (start,) = own["text"], own["answer_start"]
        missing = SLIPS.get(text, "")
        assert best.text == missing + text
        assert (best.start, best.end) == (start - len(missing), start + len(text))


@pytest.mark.parametrize("paragraphs", [5, 30, 120])
def test_gold_positions_give_back_answers_in_contexts_of_any_length(tokenizer, paragraphs):
    """Paragraphs of SQuAD put together, up to a context of some 17,000 word pieces."""
    rows = [row for row in squad() if row[2]["text"][0] not in SLIPS]
    distinct = list(dict.fromkeys(context for _, context, _ in rows))[:paragraphs]
    whole = " ".join(distinct)
    questions, answers = [], []
    for question, context, own in rows[:: len(rows) // 40]:
        if context in distinct:
            questions.append(question)
            start = sum(len(one) + 1 for one in distinct[: distinct.index(context)]) + own["answer_start"][0]
            answers.append({"text": own["text"], "answer_start": [start]})
    contexts = [whole] * len(questions)
    windows = question_windows(tokenizer, questions, contexts)
    positions = answer_positions(windows, contexts, answers)
    found = best_answers(windows, *one_hot(windows, positions), contexts, max_tokens=60)
    assert [(best.text, best.start) for (best,) in found] == [(a["text"][0], a["answer_start"][0]) for a in answers]


# --- EM and F1 --------------------------------------------------------------------------------------------------------

# Worked out by hand from the published definition (Rajpurkar et al. 2016, evaluate-v1.1): lower case; ASCII punctuation goes;
# a, an, the as whole words go; split at white space. EM: equal; F1: of the bags of words, 0 where no word is shared; each is
# the maximum over the accepted answers.
CASES = [
    # prediction, accepted answers, EM, F1
    ("Denver Broncos", ["Denver Broncos"], 1, 1),
    ("Carolina Panthers", ["Denver Broncos"], 0, 0),
    # articles
    ("the Denver Broncos", ["Denver Broncos"], 1, 1),
    ("an apple a day", ["apple day"], 1, 1),
    ("Vitamin A", ["vitamin"], 1, 1),  # the definition's price: A is an article
    ("theatre", ["atre"], 0, 0),  # whole words only
    ("Anna", ["na"], 0, 0),
    ("the", ["a"], 1, 0),  # nothing is left of either: equal, but no word is shared
    ("a-team", ["team"], 0, 0),  # the hyphen goes first, and ateam has no article
    ("the cat the dog", ["cat dog"], 1, 1),
    # punctuation
    ("U.S.A.", ["USA"], 1, 1),
    ("twenty-one", ["twenty one"], 0, 0),  # twentyone
    ("$5", ["5%"], 1, 1),
    ("1,000", ["1000"], 1, 1),
    ("3.5", ["35"], 1, 1),  # the definition's price
    ("rock & roll", ["rock roll"], 1, 1),
    ("and/or", ["and or"], 0, 0),
    ("O'Neill", ["ONeill"], 1, 1),
    ("snake_case", ["snakecase"], 1, 1),
    ("The.", ["!"], 1, 0),
    ("1914–1918", ["1914-1918"], 0, 0),  # an en dash is no ASCII: 1914–1918 against 19141918
    ("“quoted”", ["quoted"], 0, 0),  # nor are curly quotes
    ("“The End”", ["The End"], 0, 0),  # “ and end” against end
    ("9 a.m.", ["9 am"], 1, 1),
    # case and white space
    ("NASA", ["nasa"], 1, 1),
    ("in\t 1889\n", ["in 1889"], 1, 1),
    ("an\u00a0apple", ["apple"], 1, 1),  # a no-break space is white space
    ("10 km", ["10km"], 0, 0),
    # Unicode
    ("ÉCOLE", ["école"], 1, 1),
    ("école", ["ecole"], 0, 0),  # accents stay
    ("caf\u00e9", ["cafe\u0301"], 0, 0),  # no normal form: é in one and in two code points
    ("STRASSE", ["Straße"], 0, 0),
    ("İstanbul", ["istanbul"], 0, 0),  # lower case of İ is i and a combining dot
    ("ΟΔΟΣ", ["οδος"], 1, 1),  # the final sigma
    ("東京 都", ["東京都"], 0, 0),
    ("👍 yes", ["yes"], 0, THIRD),
    ("the\u0301", ["\u0301"], 1, 1),  # a combining accent is no letter: the is a whole word
    ("Ａ", ["A"], 0, 0),  # a full-width letter is no article, and of A nothing is left
    # empty
    ("", ["Denver"], 0, 0),
    ("", [""], 1, 0),
    ("", ["the"], 1, 0),
    ("  ", ["Denver", "..."], 1, 0),
    # repeated words: shared as often as in both
    ("new york new york", ["new york"], 0, THIRD),
    ("new york", ["new york new york"], 0, THIRD),
    ("york new", ["new york"], 0, 1),  # the order counts for EM only
    ("one one one", ["one two"], 0, 0.4),
    # parts
    ("the United States of America", ["United States"], 0, THIRD),
    ("Dec. 25", ["December 25"], 0, 0.5),
    ("in the year 1889", ["1889"], 0, 0.5),
    # several accepted answers: the best of each
    ("1889", ["in 1889", "1889"], 1, 1),
    ("in 1889", ["year 1889", "1889 May 5"], 0, 0.5),
    ("red blue", ["blue red", "red"], 0, 1),
    ("the", ["cat", "a"], 1, 0),
]


@pytest.mark.parametrize(("prediction", "accepted", "exact", "f1"), CASES)
def test_exact_match_and_f1_are_squads(prediction, accepted, exact, f1):
    assert answer_scores(prediction, accepted) == (exact, pytest.approx(f1, abs=1e-12))


def test_the_scores_of_a_set_are_means_in_per_cent():
    assert len(CASES) >= 30
    predictions, accepted, exact, f1 = map(list, zip(*CASES))
    found = squad_scores(predictions, accepted)
    assert found["exact_match"] == pytest.approx(100 * sum(exact) / len(CASES))
    assert found["f1"] == pytest.approx(100 * sum(f1) / len(CASES))


@given(st.text(max_size=30), st.lists(st.text(max_size=30), min_size=1, max_size=4))
def test_scores_are_between_0_and_1_and_exact_means_full_f1(prediction, accepted):
    exact, f1 = answer_scores(prediction, accepted)
    assert exact in (0, 1)
    assert 0 <= f1 <= 1
    assert answer_scores(prediction, [*accepted, prediction])[0] == 1
    assert answer_scores(prediction, accepted[::-1]) == (exact, f1)


# --- n-best -----------------------------------------------------------------------------------------------------------

TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=150).map(lambda text: f"word {text} end")
SOME = ["naïve café ½ İstanbul 東京 👩‍👩‍👧 e\u0301 end", "one two three " * 20, "A. B! (C)? «D» – E…"]


@given(
    contexts=st.lists(TEXTS | st.sampled_from(SOME), min_size=1, max_size=3),
    shape=st.sampled_from([(16, 2), (20, 6), (40, 12), (384, 128)]),
    n_best=st.integers(1, 25),
    max_tokens=st.integers(1, 12),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=150, deadline=None)
def test_n_best_answers_lie_in_one_window_and_in_the_context(tokenizer, contexts, shape, n_best, max_tokens, seed):
    windows = question_windows(tokenizer, ["Who is it?"] * len(contexts), contexts, *shape)
    generator = torch.Generator().manual_seed(seed)
    starts, ends = (
        [torch.randn(len(window.input_ids) + 3, generator=generator) * 50 for window in windows] for _ in range(2)
    )
    found = best_answers(windows, starts, ends, contexts, n_best, max_tokens)
    for row, (context, own) in enumerate(zip(contexts, found)):
        assert 1 <= len(own) <= n_best
        assert len({(answer.start, answer.end) for answer in own}) == len(own)
        assert [answer.score for answer in own] == sorted((answer.score for answer in own), reverse=True)
        for answer in own:
            assert 0 <= answer.start < answer.end <= len(context)
            assert answer.text == context[answer.start : answer.end]
            assert lies_in_a_window(windows, starts, ends, row, answer, max_tokens)
        best = max(every_score(windows, starts, ends, row, max_tokens))
        assert own[0].score == pytest.approx(best, rel=1e-5)


def pairs(window, max_tokens):
    places = [place for place, offset in enumerate(window.offsets) if offset]
    return [(i, j) for i in places for j in places if i <= j < i + max_tokens]


def every_score(windows, starts, ends, row, max_tokens):
    """Start plus end logit of all allowed pairs of a context, one by one."""
    return [
        float(start[i] + end[j])
        for window, start, end in zip(windows, starts, ends)
        if window.example == row
        for i, j in pairs(window, max_tokens)
    ]


def lies_in_a_window(windows, starts, ends, row, answer, max_tokens):
    return any(
        (window.offsets[i][0], window.offsets[j][1]) == (answer.start, answer.end)
        and float(start[i] + end[j]) == pytest.approx(answer.score, rel=1e-5, abs=1e-4)
        for window, start, end in zip(windows, starts, ends)
        if window.example == row
        for i, j in pairs(window, max_tokens)
    )


@given(context=TEXTS | st.sampled_from(SOME), shape=st.sampled_from([(16, 2), (20, 6), (40, 12)]))
@settings(max_examples=100, deadline=None)
def test_windows_together_hold_every_token_of_the_context(tokenizer, context, shape):
    windows = question_windows(tokenizer, ["Who is it?"], [context], *shape)
    seen = {offset for window in windows for offset in window.offsets if offset}
    assert seen == set(tokenizer(context, return_offsets_mapping=True, add_special_tokens=False)["offset_mapping"])
    assert all(len(window.input_ids) == len(window.offsets) == len(window.token_type_ids) for window in windows)
    assert all(window.input_ids[0] == tokenizer.cls_token_id for window in windows)


# --- no answer --------------------------------------------------------------------------------------------------------


def test_a_question_without_an_answer_points_to_cls(tokenizer):
    contexts = ["Anna left at noon."] * 2
    windows = question_windows(tokenizer, ["When?", "Why?"], contexts)
    answers = [{"text": ["noon"], "answer_start": [13]}, {"text": [], "answer_start": []}]
    when, why = answer_positions(windows, contexts, answers)
    assert when == answer_tokens(windows[0], 13, 17) != (0, 0)
    assert why == (0, 0)


def test_a_window_without_the_answer_points_to_cls(tokenizer):
    context = "Anna left the house at ten and came back at noon."
    windows = question_windows(tokenizer, ["When?"], [context], max_length=14, stride=3)
    positions = answer_positions(
        windows, [context], [{"text": ["at noon"], "answer_start": [context.index("at noon")]}]
    )
    assert positions[0] == (0, 0)
    assert positions[-1][0] > 0


def test_no_answer_comes_first_exactly_where_cls_scores_enough(tokenizer):
    context = "one two three four five six seven eight nine ten " * 3
    windows = question_windows(tokenizer, ["How many?"], [context], max_length=20, stride=4)
    assert len(windows) > 2
    starts, ends = ([torch.zeros(len(window.input_ids)) for window in windows] for _ in range(2))
    for place, (start, end) in enumerate(zip(starts, ends)):
        start[0], end[0] = 3.0 + place, 1.0
    starts[1][6] = 2.5
    assert null_scores(windows, starts, ends, 1) == [4.0]  # the window that says it least
    (always,) = best_answers(windows, starts, ends, [context])
    assert always[0].score == 2.5
    (none,) = best_answers(windows, starts, ends, [context], threshold=0.0)
    assert none == [Answer("", 0, 0, 4.0), *always]
    assert best_answers(windows, starts, ends, [context], threshold=-1.5)[0] == none  # a tie is no answer
    assert best_answers(windows, starts, ends, [context], threshold=-1.6)[0] == always


# --- the model --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reader(bert):
    from transformers import AutoModelForQuestionAnswering

    from helpers import course

    torch.manual_seed(0)
    return AutoModelForQuestionAnswering.from_pretrained(course.checkpoint("bert")).eval()


def test_logits_do_not_depend_on_the_batch(tokenizer, reader):
    contexts = ["Anna left at noon.", "one two three four five six seven eight nine ten " * 6]
    windows = question_windows(tokenizer, ["When did she leave?", "How many?"], contexts, max_length=40, stride=10)
    together, alone = window_logits(reader, windows), window_logits(reader, windows, max_tokens=1)
    for window, *vectors in zip(windows, *together, *alone):
        assert all(vector.shape == (len(window.input_ids),) for vector in vectors)
    for one, other in zip(together, alone):
        assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(one, other))
    ids, types = torch.tensor([windows[0].input_ids]), torch.tensor([windows[0].token_type_ids])
    with torch.inference_mode():
        own = reader(input_ids=ids, token_type_ids=types).start_logits[0]
    assert torch.allclose(own, together[0][0], atol=1e-4)


def test_a_model_without_segments_gets_none():
    seen = {}

    def model(**inputs):
        seen.update(inputs)
        return types.SimpleNamespace(start_logits=torch.zeros(1, 9), end_logits=torch.zeros(1, 9))

    model.config, model.device = types.SimpleNamespace(pad_token_id=None), "cpu"
    window = types.SimpleNamespace(input_ids=[0] * 9, token_type_ids=[0] * 9)
    window_logits(model, [window])
    assert set(seen) == {"input_ids", "attention_mask"}


# --- bad input --------------------------------------------------------------------------------------------------------


def refused(function, *arguments, **keywords):
    with pytest.raises(CourseError) as error:
        function(*arguments, **keywords)
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("questions", "contexts", "message"),
    [
        (["Who?"], [" \n"], "The context in row 1 is empty; an answer needs both question and context."),
        (["Who?", ""], ["A.", "B."], "The question in row 2 is empty; an answer needs both question and context."),
        (
            ["Who?", "Who?"],
            ["A.", "\x00\x01"],
            "The context in row 2 holds no token; an answer needs both question and context.",
        ),
        (["Who?"], [], "There are 1 questions and 0 contexts; each question needs its own."),
        (
            ["Who?", "Who " * 500],
            ["A.", "B."],
            "A question of 500 tokens leaves 0 of 384 for the context, no more than the overlap of 128; shorten the question or "
            "the overlap, or widen the window.",
        ),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_sentence(tokenizer, questions, contexts, message):
    assert refused(question_windows, tokenizer, questions, contexts) == message


@pytest.mark.parametrize(
    ("text", "start", "message"),
    [
        ("noon", 12, "The answer 'noon' in row 1 does not stand at character 12: it stands at 13."),
        (
            "midnight",
            13,
            "The answer 'midnight' in row 1 does not stand at character 13: it is not in the context at all.",
        ),
        ("noon.", -5, "The answer 'noon.' in row 1 does not stand at character -5: it stands at 13."),
        (" ", 4, "The answer ' ' in row 1 does not stand at character 4: it is not in the context at all."),
    ],
)
def test_an_answer_that_is_not_in_its_context_is_said_in_a_sentence(tokenizer, text, start, message):
    contexts = ["Anna left at noon."]
    windows = question_windows(tokenizer, ["When?"], contexts)
    assert refused(answer_positions, windows, contexts, [{"text": [text], "answer_start": [start]}]) == message


def test_logits_that_do_not_fit_are_said_in_a_sentence(tokenizer):
    contexts = ["Anna left at noon."]
    windows = question_windows(tokenizer, ["When?"], contexts)
    few = [torch.zeros(5)]
    assert refused(best_answers, windows, few, few, contexts).startswith(
        "Window 1 has 10 tokens, but 5 start and 5 end"
    )
    many = [torch.zeros(10)]
    assert refused(best_answers, windows, many, many, contexts, n_best=0).startswith("n_best is 0 and max_tokens is 30")
