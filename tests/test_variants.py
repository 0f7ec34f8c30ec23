"""The family: exact sizes, small checkpoints of every architecture, and the chapter's own cell run on each of them."""

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from helpers import bundle, course
from helpers.errors import CourseError
from helpers.variants import VARIANTS, built, config_of, counted, forward_seconds, small_checkpoint, trained_tokenizer

# What the Hub's model pages and the papers say, in millions; exact where transformers counts them from the real checkpoint.
PUBLISHED = {"BERT": 110, "RoBERTa": 125, "DistilBERT": 66, "ALBERT": 12, "XLNet": 117, "ELECTRA": 110}
PUBLISHED |= {"DeBERTa-v3": 184, "ModernBERT": 149, "XLM-R": 278, "ERNIE (Baidu)": 100}


@pytest.fixture(scope="module")
def tokenizers():
    texts = list(course.dataset("corpus")["train"]["text"])[:150]
    return {kind: trained_tokenizer(kind, texts, size=800) for kind in {v.tokenizer for v in VARIANTS.values()}}


@pytest.fixture(scope="module")
def folders(tokenizers, tmp_path_factory):
    home = tmp_path_factory.mktemp("family")
    return {name: small_checkpoint(name, home / v.family, tokenizers[v.tokenizer]) for name, v in VARIANTS.items()}


@pytest.mark.parametrize("name", VARIANTS)
def test_the_size_is_that_of_the_public_checkpoint(name):
    assert counted(config_of(name)) / 1e6 == pytest.approx(PUBLISHED[name], abs=1.2)
    assert counted(config_of("BERT")) == 109_482_240


@pytest.mark.parametrize("name", VARIANTS)
def test_a_small_checkpoint_loads_as_what_it_is(name, folders):
    tokenizer = AutoTokenizer.from_pretrained(folders[name])
    model = AutoModelForSequenceClassification.from_pretrained(folders[name], num_labels=2).eval()
    assert type(model).__name__.startswith(VARIANTS[name].family)
    alone = tokenizer("A short film.", return_tensors="pt")
    both = tokenizer(
        ["A short film.", "And a much longer sentence about another one."], padding=True, return_tensors="pt"
    )
    with torch.inference_mode():  # padding must not change an answer
        torch.testing.assert_close(model(**alone).logits[0], model(**both).logits[0], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", VARIANTS)
def test_the_chapters_cell_trains_every_architecture_by_its_name(name, folders, monkeypatch):
    """The full-profile code: the very cell of chapter 10, with the name of a local checkpoint."""
    import nbformat

    monkeypatch.setenv("COURSE_PROGRESS", "0")
    (path,) = (bundle.ROOT / "notebooks").glob("10_*.ipynb")
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    (source,) = (cell for cell in cells if "def train_classifier(" in cell)
    (imports,) = (cell for cell in cells if "course.start(" in cell)
    space: dict = {}
    exec(imports.replace("course.start(seed=42)", ""), space)
    exec(source, space)
    reviews = course.dataset("sentiment")
    train = reviews["train"].select(range(64))
    model, history = space["train_classifier"](str(folders[name]), train, train, rate=3e-3, epochs=24)
    assert type(model).__name__ == f"{VARIANTS[name].family}ForSequenceClassification"
    losses = [loss for _, loss, _ in history.losses]
    assert sum(losses[-3:]) < 0.5 * sum(losses[:3])  # 64 rows, seen often enough to be learnt by heart
    encoded = AutoTokenizer.from_pretrained(folders[name])("A short film.", return_tensors="pt")
    assert model(**encoded).logits.shape == (1, 2)


def test_only_bytes_know_every_text(tokenizers):
    text = "Zürich 日本 🙂"
    for kind, own in tokenizers.items():
        ids = own(text, add_special_tokens=False)["input_ids"]
        assert (own.decode(ids) == text) == (kind == "byte-level BPE")
        assert (own.unk_token_id in ids) == (kind != "byte-level BPE")
        assert own("rain")["input_ids"][0] == own.cls_token_id


def test_a_built_model_is_random_and_timed():
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    model = built(config_of("BERT", **small))
    assert torch.equal(next(model.parameters()), next(built(config_of("BERT", **small)).parameters()))
    times = forward_seconds(model, rows=2, tokens=8, repeats=3)
    assert len(times) == 3
    assert 0 < times[0] <= times[-1]


def test_bad_input_is_one_sentence(tokenizers, tmp_path):
    with pytest.raises(CourseError, match="There is no variant 'GPT'"):
        config_of("GPT")
    with pytest.raises(CourseError, match="There is no variant 'GPT'"):
        small_checkpoint("GPT", tmp_path, tokenizers["WordPiece"])
    with pytest.raises(CourseError, match="and a kind"):
        trained_tokenizer("SentencePiece", ["a text"])
    with pytest.raises(CourseError, match="0 given"):
        trained_tokenizer("WordPiece", ["", " "])
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    with pytest.raises(CourseError, match="at most 512 tokens"):
        forward_seconds(built(config_of("BERT", **small)), tokens=600)
