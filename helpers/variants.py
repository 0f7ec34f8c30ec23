"""The family of BERT: real configurations, small checkpoints of each kind for work without a network, tokenizers, and what a model costs.

The configurations are those of the public base-size checkpoints, written down here so that nothing has to be downloaded to
count or to measure. Their weights would be another matter: what ``built`` returns has the right size and knows nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from helpers.errors import CourseError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

KINDS = ("WordPiece", "byte-level BPE", "Unigram")


@dataclass(frozen=True)
class Variant:
    """A member of the family: its public base checkpoint, its class of configuration, its tokenizer's kind, its paper.

    ``settings`` are where the checkpoint's configuration differs from the defaults of its class.
    """

    hub_id: str
    family: str
    tokenizer: str
    paper: str
    settings: dict = field(default_factory=dict)


BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
ROBERTA = {"max_position_embeddings": 514, "type_vocab_size": 1}
VARIANTS = {
    "BERT": Variant("google-bert/bert-base-uncased", "Bert", "WordPiece", "Devlin et al. 2019"),
    "RoBERTa": Variant(
        "FacebookAI/roberta-base", "Roberta", "byte-level BPE", "Liu et al. 2019", {"vocab_size": 50265} | ROBERTA
    ),
    "DistilBERT": Variant("distilbert/distilbert-base-uncased", "DistilBert", "WordPiece", "Sanh et al. 2019"),
    "ALBERT": Variant(
        "albert/albert-base-v2",
        "Albert",
        "Unigram",
        "Lan et al. 2020",
        BASE | {"vocab_size": 30000, "embedding_size": 128},
    ),
    "XLNet": Variant(
        "xlnet/xlnet-base-cased",
        "XLNet",
        "Unigram",
        "Yang et al. 2019",
        {"vocab_size": 32000, "d_model": 768, "n_layer": 12, "n_head": 12, "d_inner": 3072},
    ),
    "ERNIE (Baidu)": Variant(
        "nghuyong/ernie-1.0-base-zh",
        "Ernie",
        "WordPiece",
        "Sun et al. 2019",
        {"vocab_size": 18000, "max_position_embeddings": 513, "hidden_act": "relu"},
    ),
    "ELECTRA": Variant(
        "google/electra-base-discriminator", "Electra", "WordPiece", "Clark et al. 2020", BASE | {"embedding_size": 768}
    ),
    "DeBERTa-v3": Variant(
        "microsoft/deberta-v3-base",
        "DebertaV2",
        "Unigram",
        "He et al. 2021",
        BASE
        | {"vocab_size": 128100, "type_vocab_size": 0, "relative_attention": True, "position_buckets": 256}
        | {
            "pos_att_type": ["p2c", "c2p"],
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "position_biased_input": False,
        },
    ),
    "ModernBERT": Variant("answerdotai/ModernBERT-base", "ModernBert", "byte-level BPE", "Warner et al. 2024"),
    "XLM-R": Variant(
        "FacebookAI/xlm-roberta-base", "XLMRoberta", "Unigram", "Conneau et al. 2020", {"vocab_size": 250002} | ROBERTA
    ),
}
SMALL = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
SMALL_OF = {
    "DistilBert": {"dim": 48, "n_layers": 2, "n_heads": 4, "hidden_dim": 96},
    "XLNet": {"d_model": 48, "n_layer": 2, "n_head": 4, "d_inner": 96},
    "Albert": SMALL | {"embedding_size": 16},
    "Electra": SMALL | {"embedding_size": 48},
}


def config_of(name: str, **settings: object) -> PretrainedConfig:
    """The configuration of a variant's public base checkpoint; ``settings`` replace parts of it.

    Raises:
        CourseError: there is no such variant.
    """
    variant = _named(name)
    return getattr(transformers, f"{variant.family}Config")(**(variant.settings | settings))


def counted(config: PretrainedConfig) -> int:
    """The exact number of parameters of this configuration's encoder, without making any of them."""
    with torch.device("meta"):
        return transformers.AutoModel.from_config(config).num_parameters()


def built(config: PretrainedConfig, seed: int = 42) -> PreTrainedModel:
    """An encoder with random weights, in evaluation mode: as big and as quick as the real one."""
    torch.manual_seed(seed)
    return transformers.AutoModel.from_config(config).eval()


def forward_seconds(model: torch.nn.Module, rows: int = 4, tokens: int = 64, repeats: int = 3) -> list[float]:
    """Seconds of a forward pass over random ids ``(rows, tokens)``, one number a repetition, quickest first.

    Raises:
        CourseError: there are no rows, tokens or repeats, or more tokens than the model reads.
    """
    longest = getattr(getattr(model, "config", None), "max_position_embeddings", 0)
    longest = longest if longest > 0 else tokens  # XLNet counts distances and says -1: no limit
    if min(rows, tokens, repeats) < 1 or tokens > longest:
        raise CourseError(
            f"{rows} rows of {tokens} tokens, {repeats} times: at least 1 each, and at most {longest} tokens."
        )
    ids = torch.randint(1000, 2000, (rows, tokens), generator=torch.Generator().manual_seed(1))
    found = []
    with torch.inference_mode():
        model(ids)  # the first run prepares the kernels
        for _ in range(repeats):
            began = time.perf_counter()
            model(ids)
            found.append(time.perf_counter() - began)
    return sorted(found)


def trained_tokenizer(kind: str, texts: Iterable[str], size: int = 2000) -> PreTrainedTokenizerFast:
    """A tokenizer of this kind, trained on ``texts``, with the special tokens of the family that uses it.

    Args:
        kind: "WordPiece" (BERT), "byte-level BPE" (RoBERTa, ModernBERT) or "Unigram" (ALBERT, XLNet, DeBERTa).
        texts: what to learn from.
        size: the most entries of the vocabulary.

    Raises:
        CourseError: the kind is unknown, or there is no text.
    """
    texts = [text for text in texts if text.strip()]
    if kind not in KINDS or not texts:
        raise CourseError(f"A tokenizer needs texts ({len(texts)} given) and a kind: {', '.join(KINDS)}, not {kind!r}.")
    first, last, pad, unk, mask = ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")
    if kind == "byte-level BPE":
        first, last, pad, unk, mask = ("<s>", "</s>", "<pad>", "<unk>", "<mask>")
    special = [first, pad, last, unk, mask] if kind == "byte-level BPE" else [pad, unk, first, last, mask]
    if kind == "WordPiece":
        made = Tokenizer(models.WordPiece(unk_token=unk))
        made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
        made.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=special, show_progress=False)
    elif kind == "byte-level BPE":
        made = Tokenizer(models.BPE())
        made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=special,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
    else:
        made = Tokenizer(models.Unigram())
        made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=special, unk_token=unk, show_progress=False)
    made.train_from_iterator(texts, trainer)
    ids = [(token, made.token_to_id(token)) for token in (last, first)]
    made.post_processor = processors.BertProcessing(*ids)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        cls_token=first,
        sep_token=last,
        pad_token=pad,
        unk_token=unk,
        mask_token=mask,
        model_max_length=128,
        model_input_names=["input_ids", "attention_mask"],
    )


def small_checkpoint(name: str, folder: str | Path, tokenizer: PreTrainedTokenizerFast, seed: int = 42) -> Path:
    """Save a small random model of a variant's architecture with its tokenizer, as ``from_pretrained`` wants them.

    Args:
        name: one of ``VARIANTS``.
        folder: where to; it is made.
        tokenizer: from ``trained_tokenizer``, of the variant's kind.
        seed: of the weights.

    Returns:
        The folder.

    Raises:
        CourseError: there is no such variant.
    """
    family = _named(name).family
    small = SMALL_OF.get(family, SMALL) | {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    ends = {"bos_token_id": tokenizer.cls_token_id, "eos_token_id": tokenizer.sep_token_id}
    if family == "ModernBert":
        small |= {"cls_token_id": tokenizer.cls_token_id, "sep_token_id": tokenizer.sep_token_id}
    torch.manual_seed(seed)
    model = transformers.AutoModel.from_config(config_of(name, **(small | ends)))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if family == "XLNet":  # its classifier reads the last token, so padding stands on the left
        path = Path(folder) / "tokenizer_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"padding_side": "left"}, indent=2), encoding="utf8")
    return Path(folder)


def _named(name: str) -> Variant:
    if name not in VARIANTS:
        raise CourseError(f"There is no variant {name!r} here; the names are {', '.join(VARIANTS)}.")
    return VARIANTS[name]
