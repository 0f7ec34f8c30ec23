"""What every explanation does first: a text with its words, a class that exists."""

import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, BertForSequenceClassification

from helpers import course
from helpers.errors import CourseError
from helpers.explain.inputs import check_classes, prepare, target_class

TOKENIZER = AutoTokenizer.from_pretrained(course.checkpoint("bert"))
SMALL = {
    "vocab_size": len(TOKENIZER),
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 8,
}


def small(labels=("negative", "positive")):
    config = BertConfig(**SMALL, id2label=dict(enumerate(labels)), label2id={n: i for i, n in enumerate(labels)})
    return BertForSequenceClassification(config).eval()


def test_prepare():
    found = prepare(small(), TOKENIZER, "Embarrassingly good!")
    assert found.words == ("Embarrassingly", "good")
    assert found.pieces[0] == "[CLS]" and found.pieces[-2:] == ("!", "[SEP]")
    assert found.owners == (None, *[0] * (len(found.pieces) - 4), 1, None, None)
    assert set(found.batch) == {"input_ids", "token_type_ids", "attention_mask"}
    assert all(tensor.shape == (1, len(found.pieces)) for tensor in found.batch.values())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", "no word to explain"), ("word " * 598, "has 600 tokens and the model reads at most 512")],
)
def test_bad_texts(text, sentence):
    with pytest.raises(CourseError, match=sentence):
        prepare(small(), TOKENIZER, text)


def test_target():
    logits = torch.tensor([[0.1, 0.3]])
    assert [target_class(small(), logits, t) for t in (None, 0, 1, "negative")] == [1, 0, 1, 0]
    for wrong in (2, -1, "good"):
        with pytest.raises(CourseError, match=rf"no class {wrong!r}; its classes are 0 \(negative\), 1 \(positive\)"):
            target_class(small(), logits, wrong)


def test_a_model_without_a_choice():
    with pytest.raises(CourseError, match="has 1 output to choose from"):
        target_class(small(("score",)), torch.tensor([[0.1]]))
    with pytest.raises(CourseError, match="two classes or more"):
        check_classes(AutoModel.from_config(BertConfig(**SMALL)))
