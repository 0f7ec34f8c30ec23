"""A student learns from its teacher's answers; speed is compared in turns; bad input ends in one sentence."""

import pytest
import torch
from transformers import (
    AlbertForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
)

from helpers import course
from helpers.distillation import distil, logits_of, soft_loss, student_of, times_faster, token_ids
from helpers.errors import CourseError
from helpers.variants import config_of

SMALL = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 64}
TEXTS = [f"{word} {thing}." for word in ("good", "bad", "long", "short") for thing in ("film", "book", "play", "song")]


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(course.checkpoint("bert"))


def teacher(kind="bert"):
    torch.manual_seed(1)
    if kind == "bert":
        return BertForSequenceClassification(BertConfig(**SMALL, initializer_range=0.3)).eval()
    small = {"dim": 32, "n_layers": 4, "n_heads": 2, "hidden_dim": 64}
    return DistilBertForSequenceClassification(DistilBertConfig(**small)).eval()


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
def test_a_student_has_the_named_layers_and_its_teacher_keeps_all(kind, tokenizer):
    whole = teacher(kind)
    student = student_of(whole, [0, 2]).eval()
    assert (student.config.num_hidden_layers, whole.config.num_hidden_layers) == (2, 4)
    assert len([n for n, _ in student.named_parameters() if "layer.1." in n]) > 0
    assert not any("layer.2." in name for name, _ in student.named_parameters())
    assert any("layer.2." in name for name, _ in whole.named_parameters())
    assert not student.get_input_embeddings().weight.requires_grad
    rows = token_ids(tokenizer, TEXTS[:3])
    all_layers = student_of(whole, [0, 1, 2, 3]).eval()
    torch.testing.assert_close(logits_of(all_layers, tokenizer, rows), logits_of(whole, tokenizer, rows))


def test_a_student_learns_its_teachers_answers(tokenizer):
    whole = teacher()
    rows = token_ids(tokenizer, TEXTS)
    targets = logits_of(whole, tokenizer, rows)
    student = student_of(whole, [0, 2])
    before = student.get_input_embeddings().weight.clone()
    losses = distil(student, tokenizer, rows, targets, epochs=30, rate=2e-3, batch_size=8, seed=1)
    assert len(losses) == 60
    assert sum(losses[-6:]) < 0.3 * sum(losses[:6])
    assert torch.equal(before, student.get_input_embeddings().weight)
    again = student_of(whole, [0, 2])
    assert distil(again, tokenizer, rows, targets, epochs=1, rate=2e-3, batch_size=8, seed=1)[0] == losses[0]


def test_logits_do_not_depend_on_order_or_company(tokenizer):
    whole, rows = teacher(), token_ids(tokenizer, [*TEXTS, "A much longer sentence about nothing in particular."])
    together = logits_of(whole, tokenizer, rows)
    alone = torch.cat([logits_of(whole, tokenizer, [row]) for row in rows])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(logits_of(whole, tokenizer, rows[::-1]), together.flip(0), atol=1e-4, rtol=1e-4)


def test_the_loss_is_zero_for_a_perfect_student_and_knows_the_temperature():
    logits = torch.randn(5, 3)
    assert soft_loss(logits, logits + 7, 3.0).abs() < 1e-6
    student = torch.zeros(1, 2, requires_grad=True)
    sizes = []
    for temperature in (5.0, 50.0):  # with the factor T² the gradient keeps its size
        (grad,) = torch.autograd.grad(soft_loss(student, torch.tensor([[1.0, -1.0]]), temperature), student)
        sizes.append(grad.abs().max().item())
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)


def test_turns_are_sorted_ratios(tokenizer):
    whole, rows = teacher(), token_ids(tokenizer, TEXTS)
    ratios = times_faster(whole, student_of(whole, [0]).eval(), tokenizer, rows, repeats=3)
    assert len(ratios) == 3
    assert ratios == sorted(ratios)
    assert ratios[0] > 0


def test_bad_input_is_one_sentence(tokenizer):
    whole, rows = teacher(), token_ids(tokenizer, TEXTS)
    for layers in ([], [4], [-1]):
        with pytest.raises(CourseError, match="cannot be kept of 4"):
            student_of(whole, layers)
    small = {"num_attention_heads": 2, "hidden_size": 32, "intermediate_size": 64, "embedding_size": 16}
    with pytest.raises(CourseError, match="keeps its layers in another way"):
        student_of(AlbertForSequenceClassification(config_of("ALBERT", **small)), [0])
    with pytest.raises(CourseError, match="Every text needs a word"):
        token_ids(tokenizer, ["good", " "])
    with pytest.raises(CourseError, match="Every text needs a word"):
        token_ids(tokenizer, [])
    with pytest.raises(CourseError, match="at least 2 classes"):
        soft_loss(torch.zeros(3, 1), torch.zeros(3, 1))
    with pytest.raises(CourseError, match="must both be"):
        soft_loss(torch.zeros(3, 2), torch.zeros(4, 2))
    with pytest.raises(CourseError, match="must be above 0"):
        soft_loss(torch.zeros(3, 2), torch.zeros(3, 2), 0)
    with pytest.raises(CourseError, match="one target a row"):
        distil(whole, tokenizer, rows, torch.zeros(2, 2))
    with pytest.raises(CourseError, match="at least 32 rows"):
        distil(whole, tokenizer, rows, torch.zeros(len(rows), 2))
    assert len(token_ids(tokenizer, ["word " * 600])[0]) == 64
