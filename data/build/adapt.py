"""Before the labels: low-rank updates that have read unlabelled text of the task's field (masked language modelling).

Gururangan et al. 2020 (arXiv:2004.10964) call it domain-adaptive pre-training. bert-mini knows encyclopaedias; film reviews are
another language to it. Only the LoRA weights learn here, and ``adapters.py`` starts from them when it trains on labels. Like its
runs, this one goes on after a kill, and is made once for all seeds.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import recipes
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

ROWS = 14_976  # windows of 128 tokens: 1.9 million
RATE, SIZE, SEED = 1e-3, 32, 1


def reading_of(texts: pd.Series) -> recipes.Encoded:
    """The texts, in an order drawn with the seed, cut into at most ``ROWS`` whole windows."""
    shuffled = texts.str.replace("<br />", " ").sample(frac=1, random_state=SEED)
    data = recipes.encode("words", {"text": shuffled.tolist()[: ROWS // 2]}, recipes.tokenizer(), recipes.READ)
    return recipes.Encoded(data.ids[:ROWS], data.types[:ROWS], data.targets[:ROWS])


def read_first(model: PeftModel, fresh: Callable[[], PeftModel], like: str, texts: pd.Series, work: Path) -> None:
    """Give ``model`` LoRA weights that have read the texts.

    Args:
        model: with LoRA at the encoder, as ``adapters.with_lora`` makes it; its LoRA weights are overwritten.
        fresh: makes the masked language model with the same LoRA; called if there is anything to read still.
        like: a name for the task and its rank, for the files in ``work``.
        texts: unlabelled.
        work: a folder for the result, and for the state of a run that was killed.
    """
    held = work / f"{like}-{zlib.crc32(repr((ROWS, RATE, SIZE, SEED, len(texts))).encode()):08x}.safetensors"
    if not held.exists():
        torch.manual_seed(SEED)
        reader = fresh()
        recipes.train("words", reader, reading_of(texts), 1, RATE, SIZE, SEED, held.with_suffix(".pt"))
        save_file({n: p.detach().contiguous() for n, p in reader.named_parameters() if p.requires_grad}, held)
        held.with_suffix(".pt").unlink()
    own = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in load_file(held).items():
            own[name].copy_(value)
