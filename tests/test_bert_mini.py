"""The bundled model: a plain folder, small, safe, and a good masked language model for its size."""

import json
import sys

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertForMaskedLM

from helpers import bundle

FOLDER = bundle.DATA / "models" / "bert-mini"
sys.path.insert(0, str(bundle.DATA / "build"))
from bert_mini import WIKIPEDIA, clean, score_windows, windows  # noqa: E402


@pytest.fixture(scope="module")
def masked_lm():
    return BertForMaskedLM.from_pretrained(FOLDER).eval(), AutoTokenizer.from_pretrained(FOLDER)


def test_folder_is_small_and_safe():
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 50e6
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".txt", ".md", ".png"}


def test_architecture_is_what_the_design_says(masked_lm):
    model, tokenizer = masked_lm
    config = model.config
    assert (config.num_hidden_layers, config.num_attention_heads, config.hidden_size) == (6, 12, 384)
    assert config.vocab_size == len(tokenizer) == 30_522
    assert next(model.parameters()).dtype == torch.float32  # stored in 16 bits, used in 32
    assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight


def test_token_ids_are_those_of_every_bert_tutorial(masked_lm):
    _, tokenizer = masked_lm
    assert tokenizer("a visually stunning rumination on love")["input_ids"] == [
        *(101, 1037, 17453, 14726, 19379, 12758, 2006, 2293, 102)
    ]
    assert tokenizer.model_max_length == 512
    assert len(tokenizer("word " * 300)["input_ids"]) == 302  # no truncation unless asked for


def test_masked_accuracy_reaches_the_goal():
    record = json.loads((FOLDER / "training.json").read_text(encoding="utf8"))
    assert record["measured"]["accuracy"] >= 0.45


def test_paris_comes_first(masked_lm):
    model, tokenizer = masked_lm
    inputs = tokenizer("The capital of France is [MASK].", return_tensors="pt")
    hole = (inputs.input_ids[0] == tokenizer.mask_token_id).nonzero()[0, 0]
    with torch.no_grad():
        assert tokenizer.decode(model(**inputs).logits[0, hole].argmax()) == "paris"


def test_the_card_states_what_was_measured():
    record = json.loads((FOLDER / "training.json").read_text(encoding="utf8"))
    card = (FOLDER / "README.md").read_text(encoding="utf8")
    assert f"masked accuracy {record['measured']['accuracy']:.3f}" in card
    assert f"{record['state']['tokens']:,} word pieces" in card
    assert len(record["held_out_titles"]) >= 100


def test_masked_accuracy_on_held_out_articles(masked_lm):
    """Again on a sample, from the articles themselves: the card's figure is not just a line of text."""
    if not WIKIPEDIA.is_file():
        pytest.skip(f"the Wikipedia articles are not at {WIKIPEDIA}")
    import pandas as pd

    model, tokenizer = masked_lm
    record = json.loads((FOLDER / "training.json").read_text(encoding="utf8"))
    articles = pd.read_parquet(WIKIPEDIA).set_index("title").loc[record["held_out_titles"]]
    streams = tokenizer([clean(text)[:4000] for text in articles.text], add_special_tokens=False, verbose=False)[
        "input_ids"
    ]
    # From the middle of the text: the first lines of an article define its subject, and are easier than the rest.
    ids = torch.cat([windows(np.array(stream, dtype=np.uint16), 128)[2:4] for stream in streams])
    accuracy, _, places = score_windows(model, ids)
    assert places > 2000
    assert abs(accuracy - record["measured"]["accuracy"]) < 0.04


def test_token_vectors_are_as_long_as_those_of_the_layers_before(masked_lm):
    """Or a new head gets no gradient: see ``even_out`` in data/build/bert_mini_export.py."""
    model, tokenizer = masked_lm
    inputs = tokenizer("The river was quiet in the evening, and nobody crossed the bridge.", return_tensors="pt")
    with torch.no_grad():
        hidden = model.bert(**inputs, output_hidden_states=True).hidden_states
    *before, last = (layer.norm(dim=-1).mean().item() for layer in hidden[1:])
    assert 0.5 < last / (sum(before) / len(before)) < 2
