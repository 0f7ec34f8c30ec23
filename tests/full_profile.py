"""The full profile without the real Hub: small random models and small data sets under the real ids, behind ``tests.hub``.

The models have the architecture, the tokenizer's kind and the label names of those that ``helpers.sources`` names, but no
knowledge and a few thousand weights: enough to run every line, and to find a cell that only works with bert-mini.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from helpers import bundle, course
from helpers.sources import CHECKPOINTS, DATASETS, FINE_TUNED, DataSource
from tests.data_checks import rows_of
from tests.hub import Hub

BERT = {
    "hidden_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "initializer_range": 0.2,  # larger than usual: the answers of random models should differ between inputs
}
DISTILBERT = {"dim": 48, "n_layers": 4, "n_heads": 4, "hidden_dim": 96, "initializer_range": 0.2}
ROBERTA = BERT | {"max_position_embeddings": 514, "type_vocab_size": 1, "pad_token_id": 1}


def environment(hub: Hub, cache: Path) -> dict[str, str]:
    """What a kernel needs to get everything from a Hub on this machine, into a cache of its own."""
    return {
        "COURSE_PROFILE": "full",
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(cache),
        "HF_HUB_DISABLE_XET": "1",
    }


def texts() -> Iterator[str]:
    """What the small tokenizers learn from."""
    return iter(course.dataset("corpus")["train"]["text"])


def uncased(folder: Path) -> transformers.PreTrainedTokenizerBase:
    """The real uncased vocabulary: the bundled model has it."""
    return transformers.AutoTokenizer.from_pretrained(bundle.verified("models/bert-mini"))


def cased(folder: Path) -> transformers.PreTrainedTokenizerBase:
    """A small cased WordPiece vocabulary."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    small = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    small.normalizer = normalizers.BertNormalizer(lowercase=False)
    small.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    small.train_from_iterator(texts(), trainers.WordPieceTrainer(vocab_size=3000, special_tokens=special))
    vocabulary = sorted(small.get_vocab(), key=small.get_vocab().get)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf8")
    return transformers.BertTokenizer.from_pretrained(folder, do_lower_case=False)


def byte_level(folder: Path) -> transformers.PreTrainedTokenizerBase:
    """A small byte-level BPE, as RoBERTa has it."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    small = Tokenizer(models.BPE())
    small.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    small.train_from_iterator(
        texts(), trainers.BpeTrainer(vocab_size=3000, special_tokens=special, initial_alphabet=alphabet)
    )
    small.model.save(str(folder))
    return transformers.RobertaTokenizer.from_pretrained(folder)


def small_model(hub_id: str, kind: str, names: tuple[str, ...]) -> dict[str, bytes]:
    """The files of a random model like the one of that id; ``kind`` is mlm, classes, tags or answers."""
    torch.manual_seed(1)
    labels = {"id2label": dict(enumerate(names)), "label2id": {n: i for i, n in enumerate(names)}} if names else {}
    family, make, sizes = "Bert", uncased, BERT
    if "distilbert" in hub_id:
        family, sizes = "DistilBert", DISTILBERT
    if "cross-encoder" in hub_id:
        family, make, sizes = "Roberta", byte_level, ROBERTA
    if "cased" in hub_id.replace("uncased", "") or hub_id.endswith("bert-base-NER"):
        make = cased
    heads = {
        "mlm": "MaskedLM",
        "classes": "SequenceClassification",
        "tags": "TokenClassification",
        "answers": "QuestionAnswering",
    }
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tokenizer = make(folder)
        config = getattr(transformers, f"{family}Config")(vocab_size=len(tokenizer), **sizes, **labels)
        model = getattr(transformers, f"{family}For{heads[kind]}")(config)
        for parameter in model.parameters():
            if parameter.ndim == 1:  # biases and layer norms begin as zeros and ones, which no trained model has
                parameter.data += 0.05 * torch.randn_like(parameter)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        if make is not byte_level:
            vocabulary = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
            (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf8")
        return {path.name: path.read_bytes() for path in folder.iterdir()}


def label_names(name: str) -> tuple[str, ...]:
    """The label names of a fine-tuned model as its authors spell them."""
    source = FINE_TUNED[name]
    names = DATASETS[source.dataset].names
    if source.numbered:
        return tuple(f"LABEL_{i}" for i in range(len(names)))
    if name == "nli":
        return ("contradiction", "entailment", "neutral")  # another order than the course's, as in the real one
    return tuple(n.upper() for n in names) if name == "sentiment" else names


def as_parquet(source: DataSource, split: str, count: int | None = None) -> bytes:
    """A split of a bundled set, or its first rows, as the Hub stores them: Parquet, numbers for labels, a column more than the course wants."""
    frame = pd.DataFrame([row.values for row in rows_of(bundle.DATA, source.folder) if row.split == split][:count])
    for name, column in source.columns.items():
        if column.kind == "label":
            frame[name] = [column.names.index(value) for value in frame[name]]
        if column.kind == "tags":
            frame[name] = [[column.names.index(tag) for tag in tags] for tags in frame[name]]
    frame["idx"] = range(len(frame))
    file = io.BytesIO()
    frame.to_parquet(file)
    return file.getvalue()


def repositories() -> dict[tuple[str, str, str], dict[str, bytes]]:
    """All models and data sets of the full profile, small, for ``tests.hub.Hub``."""
    made: dict = {}
    for source in CHECKPOINTS.values():
        made["models", source.hub_id, source.revision] = small_model(source.hub_id, "mlm", ())
    for name, source in FINE_TUNED.items():
        made["models", source.hub_id, source.revision] = small_model(source.hub_id, source.kind, label_names(name))
    for source in DATASETS.values():
        files = {
            pattern.replace("*", "00000-of-00001"): as_parquet(source, split)
            for split, pattern in zip(("train", "validation"), source.files, strict=True)
        }
        made.setdefault(("datasets", source.hub_id, source.revision), {}).update(files)
    return made
