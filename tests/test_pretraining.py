"""Masking, its loss, next-sentence pairs and contrast: the ratios by statistics, the rest by hand computation."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from helpers import course
from helpers.errors import CourseError
from helpers.metrics import wilson
from helpers.pretraining import (
    IGNORED,
    info_nce,
    mask_tokens,
    masked_logits,
    masked_loss,
    masked_scores,
    next_sentence_pairs,
    pretrain,
    sentences,
    word_numbers,
)


@pytest.fixture(scope="module")
def batch(tokenizer):
    texts = list(course.dataset("corpus")["train"]["text"])[:60]
    return tokenizer(texts, padding=True, return_tensors="pt")


@pytest.fixture
def tiny(tokenizer):
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(1)
    return BertForMaskedLM(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    ).eval()


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def chi_square(counts, shares):
    total = sum(counts)
    return sum((c - total * s) ** 2 / (total * s) for c, s in zip(counts, shares, strict=True))


@pytest.mark.parametrize("share", [0.15, 0.4])
def test_the_ratios_pass_a_chi_square_test(tokenizer, share):
    ids = torch.randint(1000, 30000, (2000, 100), generator=seeded(0))
    corrupted, labels = mask_tokens(ids, tokenizer, share, generator=seeded(1))
    chosen = labels != IGNORED
    assert chi_square([int(chosen.sum()), int((~chosen).sum())], [share, 1 - share]) < 10.8  # p = 0.001, 1 degree
    masked = int((corrupted == tokenizer.mask_token_id).sum())
    kept = int((corrupted == ids)[chosen].sum())
    counts = [masked, kept, int(chosen.sum()) - masked - kept]
    assert chi_square(counts, [0.8, 0.1, 0.1]) < 13.8  # p = 0.001, 2 degrees
    by_column = chosen.sum(dim=0).tolist()
    assert chi_square(by_column, [1 / 100] * 100) < 149, "no place is preferred"  # p = 0.001, 99 degrees


def test_random_pieces_are_drawn_evenly(tokenizer):
    ids = torch.full((2000, 100), 2000)
    corrupted, _ = mask_tokens(ids, tokenizer, 0.5, generator=seeded(2))
    drawn = corrupted[(corrupted != 2000) & (corrupted != tokenizer.mask_token_id)]
    tenths = torch.histc(drawn.float(), 10, 0, len(tokenizer)).tolist()
    assert chi_square(tenths, [0.1] * 10) < 27.9  # p = 0.001, 9 degrees
    assert not set(drawn.tolist()) & set(tokenizer.all_special_ids)


def test_labels_are_the_truth_and_the_rest_is_untouched(tokenizer, batch):
    ids = batch["input_ids"].clone()
    corrupted, labels = mask_tokens(ids, tokenizer, generator=seeded(3))
    assert torch.equal(ids, batch["input_ids"]), "the input is changed in place"
    chosen = labels != IGNORED
    assert torch.equal(labels[chosen], ids[chosen])
    assert torch.equal(corrupted[~chosen], ids[~chosen])


@pytest.mark.parametrize("whole", [False, True])
def test_special_tokens_and_padding_are_never_chosen(tokenizer, batch, whole):
    words = word_numbers(batch) if whole else None
    special = torch.isin(batch["input_ids"], torch.tensor(tokenizer.all_special_ids))
    assert special.sum() > 120, "the batch has padding"
    for seed in range(20):
        corrupted, labels = mask_tokens(batch["input_ids"], tokenizer, 0.9, words, seeded(seed))
        assert (labels[special] == IGNORED).all()
        assert torch.equal(corrupted[special], batch["input_ids"][special])


def test_whole_words_are_chosen_whole_and_at_the_same_rate(tokenizer, batch):
    words = word_numbers(batch)
    many = 0
    shares = []
    for seed in range(5):
        chosen = mask_tokens(batch["input_ids"], tokenizer, words=words, generator=seeded(seed))[1] != IGNORED
        for own, row in zip(words, chosen, strict=True):
            for word in own[own >= 0].unique():
                pieces = row[own == word]
                assert pieces.all() or not pieces.any()
                many += len(pieces) > 1 and bool(pieces.any())
        shares.append(chosen[words >= 0].float().mean().item())
    assert many > 20
    assert abs(sum(shares) / 5 - 0.15) < 0.01


def test_word_numbers_stay_in_their_window(tokenizer):
    settings = {"truncation": True, "max_length": 8, "padding": True, "return_tensors": "pt"}
    cut = tokenizer(["an unstoppable gramophone " * 20], return_overflowing_tokens=True, **settings)
    numbers = word_numbers(cut)
    assert numbers.shape == cut["input_ids"].shape
    assert numbers.max() < 8
    with pytest.raises(CourseError, match="padding=True"):
        word_numbers(tokenizer(["short", "a longer one"]))


def test_masking_is_dynamic_and_repeatable(tokenizer, batch):
    first, again = (mask_tokens(batch["input_ids"], tokenizer, generator=seeded(5)) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    state = seeded(5)
    one, two = (mask_tokens(batch["input_ids"], tokenizer, generator=state)[1] for _ in range(2))
    assert not torch.equal(one, two)


def test_the_loss_ignores_padding_and_unmasked_places():
    torch.manual_seed(0)
    logits, labels = torch.randn(3, 7, 11), torch.full((3, 7), IGNORED)
    labels[0, 2], labels[1, 4], labels[2, 1] = 5, 0, 10
    loss = masked_loss(logits, labels)
    by_hand = -sum(logits[r, c].log_softmax(-1)[y] for r, c, y in ((0, 2, 5), (1, 4, 0), (2, 1, 10))) / 3
    assert torch.allclose(loss, by_hand)
    changed = torch.where((labels == IGNORED)[..., None], torch.randn(3, 7, 11) * 100, logits)
    assert torch.equal(masked_loss(changed, labels), loss)
    wider = torch.cat([logits, torch.randn(3, 9, 11)], dim=1), torch.nn.functional.pad(labels, (0, 9), value=IGNORED)
    assert torch.allclose(masked_loss(*wider), loss)
    assert not torch.allclose(masked_loss(logits + torch.randn(3, 7, 11), labels), loss)


def test_scores_do_not_depend_on_padding_or_batches(tokenizer, tiny):
    batch = tokenizer(
        ["A short one.", "A text of more than a few words stands here."], padding=True, return_tensors="pt"
    )
    ids, labels = mask_tokens(batch["input_ids"], tokenizer, 0.5, generator=seeded(1))
    plain = masked_scores(tiny, ids, batch["attention_mask"], labels)
    ones = masked_scores(tiny, ids, batch["attention_mask"], labels, rows=1)
    pad = [
        torch.nn.functional.pad(t, (0, 9), value=v)
        for t, v in ((ids, 0), (batch["attention_mask"], 0), (labels, IGNORED))
    ]
    wide = masked_scores(tiny, *pad)
    for other in (ones, wide):
        assert torch.allclose(plain[0], other[0], atol=1e-4)
        assert torch.equal(plain[1], other[1])
    full = tiny(input_ids=ids, attention_mask=batch["attention_mask"]).logits
    assert torch.allclose(plain[0].mean(), masked_loss(full, labels), atol=1e-5)
    logits, truth = masked_logits(tiny, ids, batch["attention_mask"], labels)
    assert torch.allclose(cross_entropy(logits, truth), plain[0].mean(), atol=1e-5)


def test_a_short_training_learns_and_repeats(tokenizer, tiny):
    import copy

    batch = tokenizer(["the cat sat on the mat and the dog sat on the rug"] * 8, return_tensors="pt")
    seen = []
    twin = copy.deepcopy(tiny)
    losses = pretrain(
        tiny,
        tokenizer,
        *(batch[k] for k in ("input_ids", "attention_mask")),
        30,
        3e-2,
        rows=8,
        every=10,
        watch=seen.append,
    )
    again = pretrain(twin, tokenizer, *(batch[k] for k in ("input_ids", "attention_mask")), 30, 3e-2, rows=8)
    assert losses == pytest.approx(again)
    assert seen == [10, 20, 30]
    assert not tiny.training
    assert losses[0] == pytest.approx(math.log(len(tokenizer)), abs=0.1)
    assert losses[-1] < losses[0] / 2


def test_sentences_are_cut_at_their_ends():
    assert sentences('It rained. "Stop!" she said. Was it 3.5 km? Yes.') == [
        "It rained.",
        '"Stop!" she said.',
        "Was it 3.5 km?",
        "Yes.",
    ]


def test_next_sentence_pairs_are_half_and_half_and_never_from_the_same_document():
    documents = [[f"{d}-{s}" for s in range(2 + d % 7)] for d in range(50)]
    pairs = next_sentence_pairs(documents, seeded(1))
    assert len(pairs) == sum(len(d) - 1 for d in documents)
    assert abs(sum(y for *_, y in pairs) - len(pairs) / 2) <= 0.5
    for first, second, label in pairs:
        (d, s), (e, t) = (map(int, x.split("-")) for x in (first, second))
        assert (e != d) if label else (e, t) == (d, s + 1)
    assert len({b for _, b, y in pairs if y}) > 50
    assert pairs == next_sentence_pairs(documents, seeded(1))
    assert pairs != next_sentence_pairs(documents, seeded(2))


def test_a_sentence_of_both_documents_is_no_wrong_answer():
    documents = [["a", "b", "c"], ["b", "d", "c"]]
    for seed in range(20):
        for first, second, label in next_sentence_pairs(documents, seeded(seed)):
            assert not label or second in ("a", "d"), (first, second)


def test_no_sentence_is_shared_across_splits():
    documents = [sentences(t) for t in course.dataset("corpus")["train"]["text"]]
    test, train = next_sentence_pairs(documents[:50], seeded(0)), next_sentence_pairs(documents[50:], seeded(0))
    assert not {s for a, b, _ in test for s in (a, b)} & {s for a, b, _ in train for s in (a, b)}


def test_info_nce_equals_a_hand_computation():
    first, second = torch.tensor([[2.0, 0.0], [0.0, 3.0]]), torch.tensor([[1.0, 1.0], [0.0, 0.5]])
    half = math.sqrt(0.5)
    rows = [math.log(math.exp(2 * half) + 1) - 2 * half, math.log(math.exp(2 * half) + math.exp(2)) - 2]
    assert info_nce(first, second, 0.5).item() == pytest.approx(sum(rows) / 2, abs=1e-6)
    same = torch.ones(8, 4)
    assert info_nce(same, same).item() == pytest.approx(math.log(8), abs=1e-5)
    assert info_nce(torch.eye(8), torch.eye(8)).item() == pytest.approx(0, abs=1e-5)


def test_wilson_is_the_textbook_interval():
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(50, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert wilson(10, 10)[1] == 1.0
    with pytest.raises(CourseError, match="no share"):
        wilson(3, 2)


def test_bad_input_is_one_sentence(tokenizer, batch, tiny):
    ids, seen = batch["input_ids"], batch["attention_mask"]
    nothing = torch.full_like(ids, IGNORED)
    for share in (0, 1, 15):
        with pytest.raises(CourseError, match="between 0 and 1"):
            mask_tokens(ids, tokenizer, share)
    with pytest.raises(CourseError, match="do not fit the ids"):
        mask_tokens(ids, tokenizer, words=torch.zeros(2, 2, dtype=torch.int64))
    for function in (masked_logits, masked_scores):
        with pytest.raises(CourseError, match="No place is masked"):
            function(tiny, ids[:2], seen[:2], nothing[:2])
    with pytest.raises(CourseError, match="No place is masked"):
        masked_loss(torch.zeros(1, 2, 3), torch.full((1, 2), IGNORED))
    with pytest.raises(CourseError, match="do not fit logits"):
        masked_loss(torch.zeros(1, 2, 3), torch.zeros(2, 2, dtype=torch.int64))
    with pytest.raises(CourseError, match="cannot be taken"):
        pretrain(tiny, tokenizer, ids[:2], seen[:2], 5, 1e-3, rows=16)
    with pytest.raises(CourseError, match="two documents"):
        next_sentence_pairs([["a", "b"]])
    with pytest.raises(CourseError, match="none can be the wrong one"):
        next_sentence_pairs([["a", "b", "c"], ["a"], ["b"]])
    with pytest.raises(CourseError, match="equal shapes"):
        info_nce(torch.zeros(1, 3), torch.zeros(1, 3))
    with pytest.raises(CourseError, match="above 0"):
        info_nce(torch.eye(3), torch.eye(3), 0)


def test_a_tokenizer_without_mask_is_one_sentence():
    from types import SimpleNamespace

    with pytest.raises(CourseError, match="no \\[MASK\\]"):
        mask_tokens(torch.ones(1, 3, dtype=torch.int64), SimpleNamespace(mask_token_id=None, all_special_ids=[0]))
