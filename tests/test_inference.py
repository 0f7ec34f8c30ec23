"""Inference: pairs through a model, and zero-shot classification on top of it, whatever the order of the labels."""

import copy
import itertools
import warnings

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from helpers import course
from helpers.errors import CourseError
from helpers.tasks import encode_pairs, label_ids, pair_logits, zero_shot

NAMES = ("entailment", "neutral", "contradiction")
TEXTS = ["The match ended in a draw.", "Shares fell for a third day after the warning.", "It rained."]
LABELS = ["sport", "business", "the weather in the north"]


def named(model, names):
    model.config.id2label = dict(enumerate(names))
    model.config.label2id = {name: place for place, name in enumerate(names)}
    return model


@pytest.fixture(scope="module")
def small(tokenizer):
    """Two untrained layers: what is tested here is everything around the weights."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        num_labels=3,
        initializer_range=0.5,
    )
    return named(BertForSequenceClassification(config).eval(), NAMES)


def reordered(model, names):
    """The same model with its head's rows in another order, and the names beside them."""
    other = copy.deepcopy(model)
    rows = [NAMES.index(name.lower()) for name in names]
    other.classifier.weight.data = model.classifier.weight.data[rows]
    other.classifier.bias.data = model.classifier.bias.data[rows]
    return named(other, names)


def one_by_one(model, tokenizer, premise, hypothesis):
    with torch.inference_mode():
        return model(**tokenizer(premise, hypothesis, return_tensors="pt")).logits[0]


@pytest.mark.parametrize("max_tokens", [1, 40, 4096])
def test_logits_stand_in_the_order_of_the_pairs_whatever_the_batches(small, tokenizer, max_tokens):
    pairs = list(itertools.product(TEXTS, LABELS))
    got = pair_logits(small, tokenizer, *zip(*pairs), max_tokens=max_tokens)
    wanted = torch.stack([one_by_one(small, tokenizer, *pair) for pair in pairs])
    assert got.shape == (len(pairs), 3)
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-4)


def test_premise_and_hypothesis_are_told_apart(small, tokenizer):
    """Token types are passed on: the second text has type 1, as in the tokenizer's own pairs."""
    (pair,) = encode_pairs(tokenizer, ["It rained."], ["It was dry."])
    assert pair == dict(tokenizer("It rained.", "It was dry."))
    assert 1 in pair["token_type_ids"]
    without = one_by_one(small, tokenizer, "It rained.", "It was dry.")
    pair["token_type_ids"] = [0] * len(pair["input_ids"])
    with torch.inference_mode():
        blind = small(**tokenizer.pad([pair], return_tensors="pt")).logits[0]
    assert not torch.allclose(without, blind, atol=1e-3)


def test_a_long_premise_is_cut_and_the_hypothesis_never(tokenizer):
    (pair,) = encode_pairs(tokenizer, ["rain " * 100], ["it was a wet day in the north"], max_length=16)
    assert len(pair["input_ids"]) == 16
    assert tokenizer.decode(pair["input_ids"]).endswith("[SEP] it was a wet day in the north [SEP]")


@pytest.mark.parametrize("multi_label", [False, True])
def test_zero_shot_equals_its_definition(small, tokenizer, multi_label):
    got = zero_shot(small, tokenizer, TEXTS, LABELS, "It is about {}, they say.", multi_label)
    for text, scores in zip(TEXTS, got):
        logits = torch.stack([one_by_one(small, tokenizer, text, f"It is about {own}, they say.") for own in LABELS])
        wanted = logits[:, [0, 2]].softmax(dim=1)[:, 0] if multi_label else logits[:, 0].softmax(dim=0)
        torch.testing.assert_close(scores, wanted, atol=1e-5, rtol=1e-3)


def test_the_order_of_the_labels_in_the_checkpoint_changes_nothing(small, tokenizer):
    for multi_label in (False, True):
        wanted = zero_shot(small, tokenizer, TEXTS, LABELS, multi_label=multi_label)
        for names in itertools.permutations(["Entailment", "NEUTRAL", "contradiction"]):
            got = zero_shot(reordered(small, names), tokenizer, TEXTS, LABELS, multi_label=multi_label)
            torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-4)


def test_candidate_labels_do_not_disturb_each_other(small, tokenizer):
    single = zero_shot(small, tokenizer, TEXTS, LABELS)
    torch.testing.assert_close(single.sum(dim=1), torch.ones(3))
    torch.testing.assert_close(zero_shot(small, tokenizer, TEXTS, LABELS[::-1]), single.flip(1))
    judged = zero_shot(small, tokenizer, TEXTS, LABELS, multi_label=True)
    torch.testing.assert_close(zero_shot(small, tokenizer, TEXTS, LABELS[:1], multi_label=True), judged[:, :1])
    assert zero_shot(small, tokenizer, TEXTS, ["sport"]).tolist() == [[1.0], [1.0], [1.0]]


def test_two_labels_are_enough_for_one_label_a_text(small, tokenizer):
    """Models of entailment with two labels exist (RTE, HANS); they have no contradiction."""
    two = named(copy.deepcopy(small), ["entailment", "not_entailment", "unused"])
    assert zero_shot(two, tokenizer, TEXTS, LABELS).shape == (3, 3)
    with pytest.raises(CourseError, match="The model has no 'contradiction' label, only entailment, not_entailment"):
        zero_shot(two, tokenizer, TEXTS, LABELS, multi_label=True)


def test_labels_are_read_from_the_configuration(small):
    assert label_ids(reordered(small, ["NEUTRAL", "Contradiction", "entailment"])) == {
        "neutral": 0,
        "contradiction": 1,
        "entailment": 2,
    }
    unnamed = named(copy.deepcopy(small), ["LABEL_0", "LABEL_1", "LABEL_2"])
    with pytest.raises(CourseError, match="has no 'entailment' label, only LABEL_0, LABEL_1, LABEL_2: take a model"):
        label_ids(unnamed, "entailment")
    with pytest.raises(CourseError, match="differ in upper and lower case only"):
        label_ids(named(copy.deepcopy(small), ["Yes", "yes", "no"]))


@pytest.mark.parametrize(
    ("texts", "labels", "template", "message"),
    [
        (TEXTS, [], "{}", "There are no candidate labels; give at least one, such as ['sport', 'politics']."),
        (TEXTS, LABELS, "About sport.", "The template 'About sport.' needs exactly one {}, where the label goes."),
        (TEXTS, LABELS, "{} or {}", "The template '{} or {}' needs exactly one {}, where the label goes."),
        (["It rained.", " "], LABELS, "{}", "The text in row 2 is empty; there is nothing to classify."),
        ([], LABELS, "{}", "There is nothing to classify: the list of texts is empty."),
        (TEXTS, ["sport", ""], "{}", "A candidate label is empty; each needs a name that fits the template."),
        (TEXTS, ["a", "b", "a"], "{}", "The candidate label 'a' occurs twice; it would share its score with itself."),
        ("It rained.", LABELS, "{}", "Texts and candidate labels are lists; put a single one into a list of one."),
        (TEXTS, "sport", "{}", "Texts and candidate labels are lists; put a single one into a list of one."),
    ],
)
def test_what_zero_shot_cannot_use_is_one_sentence(small, tokenizer, texts, labels, template, message):
    with pytest.raises(CourseError) as error:
        zero_shot(small, tokenizer, texts, labels, template)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("premises", "hypotheses", "message"),
    [
        ([], [], "There is nothing to read: the list of premises is empty."),
        (["a", "b"], ["c"], "There are 2 premises, but 1 hypotheses; they go in pairs."),
        (["a", "\n"], ["c", "d"], "The premise in row 2 is empty; inference needs both texts of a pair."),
        (["a", "b"], ["c", ""], "The hypothesis in row 2 is empty; inference needs both texts of a pair."),
        (["a", None], ["c", "d"], "The premise in row 2 is empty; inference needs both texts of a pair."),
        ("a", "b", "Premises and hypotheses are lists of texts; put a single text into a list of one."),
        (
            ["a"],
            ["one two three four five"],
            "The hypothesis in row 1 has 5 tokens, of 5 that a pair may have: shorten",
        ),
    ],
)
def test_pairs_that_cannot_be_read_are_one_sentence(tokenizer, premises, hypotheses, message):
    with pytest.raises(CourseError) as error:
        encode_pairs(tokenizer, premises, hypotheses, max_length=8)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_the_bundled_adapter_beats_guessing_on_the_bundled_pairs():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a notebook would store it as stderr
        model, tokenizer = course.fine_tuned("nli")
    rows = course.dataset("nli")["validation"]
    logits = pair_logits(model, tokenizer, rows["premise"], rows["hypothesis"])
    names = rows.features["label"].names
    own = label_ids(model, *names)
    said = logits[:, [own[name] for name in names]].argmax(dim=1)
    assert (said == torch.tensor(rows["label"])).float().mean() > 0.45
