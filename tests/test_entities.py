"""Named entities: any Unicode text keeps its offsets, tags and spans are inverse, and scores are seqeval's."""

import itertools
import unicodedata
from types import SimpleNamespace

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from helpers import metrics
from helpers.errors import CourseError
from helpers.tasks import Entity, Span, align_labels, entities_in, find_entities, spans_of, tags_of, words_in

KINDS = ["PER", "ORG", "LOC", "MISC"]
TAGS = ["O", *(f"{prefix}-{kind}" for kind in KINDS for prefix in "BI")]
AWKWARD = [
    "Zoe\u0308 met Jose\u0301 in I\u0307stanbul",
    "İstanbul, ISPARTA and Diyarbakır",
    "👩‍🚀 👍🏽 🏳️‍🌈 Anna❤️Ben",
    "东京Tokyo市长 visited Zürich",
    "ﬁnance in U.S. and J.P. O'Neil's Pia-Maria",
    "\u0301 begins with a mark \u0301",
    "ஸ்ரீ नमस्ते 한국어 שָׁלוֹם",
    "\x00 \u200b\ufeff\u00a0 x\u00ady",
]
TEXTS = st.one_of(
    st.text(max_size=60),
    st.sampled_from(AWKWARD),
    st.lists(st.sampled_from([*"aéİı京👩🏽🚀\u0301\u200d\ufe0f .,'’-", "Anna", "U.S."]), max_size=30).map("".join),
)


def is_mark(char):
    return unicodedata.category(char)[0] == "M" or char == "\u200d" or 0x1F3FB <= ord(char) <= 0x1F3FF


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_words_follow_each_other_and_leave_out_nothing_but_spaces(text):
    words = words_in(text)
    assert all(0 <= start < end <= len(text) for start, end in words)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(words))
    covered, before = {place for start, end in words for place in range(start, end)}, " "
    for place, char in enumerate(text):
        belongs = place > 0 and (is_mark(char) or (text[place - 1] == "\u200d" and not char.isspace()))
        before = before if belongs else char
        assert (place in covered) != before.isspace()
    for start, end in words:
        assert start == 0 or not is_mark(text[start]), "a word begins with a mark that belongs to the one before"
        assert end == len(text) or not is_mark(text[end]), "a word ends between a letter and its mark"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Anna's U.S. visit, 3:01.22!", "Anna|'s|U.S.|visit|,|3:01.22|!"),
        ("J. O'Neil (Pia-Maria) paid $2,012.", "J.|O'Neil|(|Pia-Maria|)|paid|$|2,012|."),
        ("Zoe\u0308s cafe\u0301.", "Zoe\u0308s|cafe\u0301|."),
        ("东京Tokyo", "东|京|Tokyo"),
        ("👩‍🚀👍🏽 ok...", "👩‍🚀|👍🏽|ok|..."),
        ("Paris, London", "Paris|,|London"),
        ("İstanbul’s", "İstanbul|’s"),
        ("", ""),
    ],
)
def test_words_are_those_of_annotated_news(text, words):
    assert "|".join(text[start:end] for start, end in words_in(text)) == words


@given(data=st.data(), text=TEXTS)
@settings(max_examples=300, deadline=None)
def test_entities_slice_the_text_exactly(data, text):
    words = words_in(text)
    tags = data.draw(st.lists(st.sampled_from(TAGS), min_size=len(words), max_size=len(words)))
    found = entities_in(text, words, tags)
    assert [(own.kind, own.text) for own in found] == [
        (span.kind, text[words[span.start][0] : words[span.end - 1][1]]) for span in spans_of(tags)
    ]
    for own in found:
        assert text[own.start : own.end] == own.text != ""


class Tagger(torch.nn.Module):
    """Stands for a model: every piece gets the tag that ``rule`` gives to its id."""

    def __init__(self, rule, names=TAGS, positions=512):
        super().__init__()
        self.rule, self.device, self.widest = rule, torch.device("cpu"), 0
        self.config = SimpleNamespace(
            id2label=dict(enumerate(names)), num_labels=len(names), max_position_embeddings=positions, model_type="bert"
        )

    def forward(self, input_ids, attention_mask):
        self.widest = max(self.widest, input_ids.shape[1])
        best = torch.tensor([[self.rule(i) for i in row] for row in input_ids.tolist()])
        return SimpleNamespace(logits=9.0 * torch.nn.functional.one_hot(best, self.config.num_labels))


@given(text=TEXTS.filter(str.strip), seed=st.integers(0, 9))
@example(text=AWKWARD[0], seed=0)
@settings(max_examples=150, deadline=None)
def test_any_tokenisation_of_any_text_keeps_its_offsets(tokenizer, text, seed):
    (found,) = find_entities([text], Tagger(lambda i: (i * (seed + 7)) % len(TAGS)), tokenizer)
    before = 0
    for own in found:
        assert own.start >= before
        assert text[own.start : own.end] == own.text != ""
        assert own.start == 0 or not is_mark(text[own.start])
        assert own.end == len(text) or not is_mark(text[own.end])
        assert 0 < own.score <= 1
        before = own.end


def test_a_word_has_the_tag_of_its_first_piece(tokenizer):
    first = tokenizer.convert_tokens_to_ids(tokenizer.tokenize("Koprivnik"))[0]
    text = "In Koprivnik, Koprivnik's U.S. friend slept."
    (found,) = find_entities([text], Tagger(lambda i: TAGS.index("B-LOC") if i == first else 0), tokenizer)
    assert [own[:4] for own in found] == [Entity("LOC", 3, 12, "Koprivnik", 1)[:4], ("LOC", 14, 23, "Koprivnik")]


@pytest.mark.parametrize("limit", [16, 32, 512])
def test_long_texts_are_read_in_windows_without_losing_or_doubling(tokenizer, limit):
    names = {"Berlin": "B-LOC", "Anna": "B-PER", "Schmidt": "I-PER"}
    ids = {tokenizer.convert_tokens_to_ids(word.lower()): TAGS.index(tag) for word, tag in names.items()}
    text = "Anna Schmidt flew to Berlin and back . " * 80
    model = Tagger(lambda i: ids.get(i, 0))
    short, (found,) = find_entities(["Berlin"], model, tokenizer), find_entities([text], model, tokenizer, limit)
    assert [own.kind for own in found] == ["PER", "LOC"] * 80
    assert {own.text for own in found} == {"Anna Schmidt", "Berlin"}
    assert len({own.start for own in found}) == 160
    assert model.widest <= limit
    assert short[0][0].text == "Berlin"


@given(st.lists(st.sampled_from(TAGS), max_size=20))
def test_tags_to_spans_and_back(tags):
    spans = spans_of(tags)
    again = tags_of(spans, len(tags))
    assert spans_of(again) == spans
    proper = all(tag[0] != "I" or (place and tags[place - 1] in (f"B{tag[1:]}", tag)) for place, tag in enumerate(tags))
    assert (again == tags) == proper, "valid IOB2 comes back as it was, and only that"


@given(st.lists(st.integers(0, 12), min_size=1, max_size=8), st.randoms())
@settings(max_examples=150, deadline=None)
def test_entity_scores_are_those_of_the_definition_and_of_seqeval(lengths, draw):
    from seqeval.metrics import f1_score

    true, said = ([[draw.choice(TAGS) for _ in range(n)] for n in lengths] for _ in range(2))
    said = [[t if draw.random() < 0.6 else s for t, s in zip(*rows)] for rows in zip(true, said)]
    wanted, own = (
        {(row, *span) for row, tags in enumerate(sentences) for span in spans_of(tags)} for sentences in (true, said)
    )
    shared = len(wanted & own)
    by_hand = 2 * shared / (len(wanted) + len(own)) if shared else 0.0
    assert metrics.entity_f1(said, true) == pytest.approx(by_hand)
    assert metrics.entity_f1(said, true) == pytest.approx(float(f1_score(true, said, zero_division=0)))
    if wanted or own:
        scores = metrics.entity_scores(said, true)
        assert scores["all"]["f1"] == pytest.approx(by_hand)
        assert scores["all"]["entities"] == len(wanted)
        for kind in {span[1] for span in wanted | own}:
            hits = sum(span[1] == kind for span in wanted & own)
            assert scores[kind]["precision"] == pytest.approx(hits / max(1, sum(s[1] == kind for s in own)))
            assert scores[kind]["recall"] == pytest.approx(hits / max(1, sum(s[1] == kind for s in wanted)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: find_entities(["Anna", "  \n"], None, t), "Text 2 is empty: there is nothing in it to find"),
        (lambda t: find_entities(["Anna"], Tagger(lambda i: 0, ["LABEL_0"]), t), "'LABEL_0' is no IOB2 tag"),
        (lambda t: entities_in("Anna left", [(0, 4), (5, 9)], ["O"]), "The text has 2 words, but 1 tags"),
        (lambda t: entities_in("Anna", [(0, 4)], ["PER"]), "'PER' is no IOB2 tag"),
        (
            lambda t: align_labels(t, [["Anna"]], [["B-PER"]]),
            "Sentence 1 has the tag 'B-PER'; a model learns its number",
        ),
        (lambda t: align_labels(t, [["Anna", "left"]], [[1]]), "Sentence 1 has 2 words, but 1 tags"),
        (lambda t: spans_of(["B"]), "'B' is no IOB2 tag"),
        (lambda t: tags_of([Span("PER", 1, 1)], 3), "overlaps another or leaves the 3 words"),
        (lambda t: metrics.entity_scores([["O"]], [["O", "O"]]), "Sentence 1 has 1 predicted tags, but 2 true ones."),
        (lambda t: metrics.entity_scores([], []), "There is nothing to score"),
    ],
)
def test_bad_input_is_one_clear_sentence(tokenizer, call, message):
    with pytest.raises(CourseError) as error:
        call(tokenizer)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
