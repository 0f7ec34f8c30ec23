"""Write ``data/models/bert-mini`` from a checkpoint of its training: weights, tokenizer, measurements, card, loss curve.

    python data/build/bert_mini_export.py              # from the end of the training, bert_mini_keep.py
    python data/build/bert_mini_export.py --run anneal # from before that

The masked accuracy in the card is measured here, on every window of the held-out articles, with the weights as stored (fp16).
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import shutil
from pathlib import Path

import bert_mini_keep
import matplotlib
import numpy as np
import torch
from bert_mini import (
    BATCH_TOKENS,
    HELD_OUT,
    LENGTH,
    MASK_SHARE,
    RATE,
    ROOT,
    SEED,
    WORK,
    build_model,
    masked_accuracy,
    starting_weights,
    windows,
)
from transformers import AutoTokenizer, BertForMaskedLM, PreTrainedTokenizerBase
from transformers.utils import logging as hf_logging

matplotlib.use("Agg")
TARGET = ROOT / "data" / "models" / "bert-mini"
CLOZE = Path(__file__).with_name("cloze.csv")


def even_out(model: BertForMaskedLM, ids: torch.Tensor) -> int:
    """Make the last layer's vectors about as long as those of the layers before, without changing a prediction.

    MiniLM was trained on normalised vectors, so nothing kept its last layer's vectors from being short: a tenth of the
    others. A new head with small random weights then gets next to no gradient: 1 fine-tuning in 3 on data/reviews stayed at
    chance. The masked-LM head normalises what its first matrix gives it, so that matrix can take back what the last layer
    norm gains. A power of two is exact in any floating-point format.

    Args:
        model: changed in place.
        ids: windows ``(windows, tokens)`` to measure the lengths on.

    Returns:
        The factor.
    """
    with torch.no_grad():
        hidden = model.eval().bert(ids, output_hidden_states=True).hidden_states
        *before, last = (layer.norm(dim=-1).mean().item() for layer in hidden[1:])
        factor = 2 ** round(math.log2(sum(before) / len(before) / last))
        norm, first = model.bert.encoder.layer[-1].output.LayerNorm, model.cls.predictions.transform.dense
        norm.weight *= factor
        norm.bias *= factor
        first.weight /= factor
    return factor


def save(work: Path, run: str, target: Path) -> dict:
    """Save model and tokenizer as a plain ``from_pretrained`` folder; returns the run's state (steps, tokens, history)."""
    held = torch.load(work / f"{run}.pt", map_location="cpu", weights_only=True)
    model = build_model(work)
    model.load_state_dict(held["model"])
    held["state"].setdefault("kept", 0)
    held["state"].setdefault("anneal_from", held["state"]["step"])
    articles = np.load(work / "held_out.npz")
    held["state"]["last_layer_times"] = even_out(
        model, torch.cat([windows(articles[n], LENGTH)[:1] for n in articles.files])
    )
    config = model.config
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.1  # as BERT has it, for those who train on
    config.architectures = ["BertForMaskedLM"]
    model.half().save_pretrained(target)
    # Stored in 16 bits, loaded in 32: from_pretrained takes the number format from the configuration.
    values = json.loads((target / "config.json").read_text(encoding="utf8"))
    values = {k: v for k, v in values.items() if k not in {"_name_or_path", "torch_dtype", "gradient_checkpointing"}}
    values["dtype"] = "float32"
    (target / "config.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf8")
    tokenizer = AutoTokenizer.from_pretrained(starting_weights())
    tokenizer.backend_tokenizer.no_truncation()  # the package's tokenizer cuts and pads at 128
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = 512
    tokenizer.save_pretrained(target)
    return held["state"]


def cloze(model: BertForMaskedLM, tokenizer: PreTrainedTokenizerBase) -> tuple[int, int, int]:
    """Everyday sentences with a hole: how many have the expected word first, among the first five, and how many there are."""
    first = five = 0
    rows = list(csv.DictReader(CLOZE.open(encoding="utf8")))
    for row in rows:
        inputs = tokenizer(row["sentence"], return_tensors="pt")
        hole = (inputs.input_ids[0] == tokenizer.mask_token_id).nonzero()[0, 0]
        with torch.no_grad():
            guesses = model(**inputs).logits[0, hole].topk(5).indices.tolist()
        words = tokenizer.convert_ids_to_tokens(guesses)
        first, five = first + (words[0] == row["answer"]), five + (row["answer"] in words)
    return first, five, len(rows)


def draw(history: list[dict], target: Path) -> None:
    """The loss curve and the masked accuracy on held-out articles, as ``loss_curve.png``."""
    import matplotlib.pyplot as plt

    tokens = [point["tokens"] / 1e6 for point in history]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), constrained_layout=True)
    left.plot(tokens, [p["train_loss"] for p in history], color="#2a6fb0", label="training (last 100 steps)")
    left.plot(
        tokens, [p["held_out_loss"] for p in history], color="#d9772b", marker="o", ms=3, label="held-out articles"
    )
    left.set(xlabel="million word pieces seen", ylabel="loss (nats)")
    left.legend(frameon=False)
    right.plot(tokens, [p["masked_accuracy"] for p in history], color="#d9772b", marker="o", ms=3)
    right.set(xlabel="million word pieces seen", ylabel="masked accuracy, held-out articles")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target / "loss_curve.png", dpi=110, metadata={"Software": None})


CARD = """---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: fill-mask
---
# bert-mini

A small BERT for the course: `BertForMaskedLM`, {layers} layers, {heads} heads, hidden size {hidden}, {parameters:.1f} million
parameters, and the 30,522 word pieces of `bert-base-uncased`, so that its token ids are those of every BERT tutorial.

| question | answer |
|---|---|
| where it comes from | the encoder of `sentence-transformers/all-MiniLM-L6-v2` (Apache-2.0), SHA-256 `53aa5117...8d9db`, a distilled BERT fine-tuned for sentence similarity, without a masked-LM head |
| what was done to it | all layers and a new head trained by masked language modelling (15 % of the places; 80 % [MASK], 10 % another word piece, 10 % kept) |
| on what | English Wikipedia of 2015 (CC BY-SA 3.0), {articles} articles; no text of it is in this repository |
| how long | {tokens:,} word pieces in {steps:,} steps, {hours:.1f} hours of computing on {machine} |
| settings | AdamW, peak rate {rate:g} (a tenth of it for the word embeddings; matrices by Muon at 1e-3 for the first 5.7 M word pieces), rate to zero over {annealed:,} word pieces, {batch:,} word pieces a step, windows of 128 tokens and, every third step, whole sentences of up to 24 (every fourth and 40 for the first 11.5 M); no dropout; bf16 arithmetic; seed {seed} |
{then}| afterwards | the last layer norm times {times} and the head's first matrix divided by it: the same predictions, but token vectors as long as those of the other layers, so that new heads learn |
| scripts | `data/build/bert_mini.py`, `bert_mini_keep.py` and `bert_mini_export.py` |
| licence of the weights | Apache-2.0, as the weights it started from |

## What it can do

Measured by `data/build/bert_mini_export.py` with the weights as stored here:

* **masked accuracy {accuracy:.3f}** (the true word piece has the highest probability) and loss {loss:.3f} nats on {places:,} masked places in
  {held_out} held-out articles that were never trained on, in windows of 128 tokens, {share:.0%} masked as in training, seed {seed};
* {first} of {sentences} everyday sentences (`data/build/cloze.csv`) completed with the expected word, {five} with it among the first five;
* `The capital of France is [MASK].` -> {capital}.

![Training and held-out loss, and masked accuracy on held-out articles, against the number of word pieces seen](loss_curve.png)

`training.json` holds the points of this curve, the settings, and the titles of the held-out articles.

## What it is bad at

* It has about a fifth of the parameters of BERT-base and has seen a small fraction of its training data: it knows frequent facts, and makes up rare ones.
* In a short sentence it often puts a word of the sentence, or a near relative, into the hole. That is left over from its first life, in which all
  the tokens of a sentence were trained to say what the whole sentence is about.
* It saw windows of 128 tokens only. It accepts 512, but is unsure of places beyond the 128th.
* It was never trained on next-sentence prediction, so it has no pooler; `AutoModel` makes up a random one. Use the token vectors.
* It is uncased and English, and it has Wikipedia's view of the world of 2015, including its omissions and biases.
"""


THEN = (
    "| then | half-way back in weight space to the starting weights (Wortsman et al. 2022), and {kept:,} more word pieces at a peak rate of "
    "{rate:g} while a linear map of layers 2, 4 and 6 had to give MiniLM's hidden states (Jiao et al. 2020): masked-LM training alone had "
    "cost much of what fine-tuning starts from |\n"
    "{last}"
)
LAST = "| last | the average of these weights ({new:.0%}) and those before the half-way point ({old:.0%}) |\n"


def card(target: Path, model: BertForMaskedLM, state: dict, machine: str, measured: dict) -> None:
    """``README.md``: origin, data, settings, measurements, limits."""
    config, then = model.config, ""
    if state["kept"]:
        old = state.get("old_share")
        last = LAST.format(new=1 - old, old=old) if old else ""
        then = THEN.format(kept=state["kept"] * BATCH_TOKENS, rate=bert_mini_keep.RATE, last=last)
    text = CARD.format(
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        hidden=config.hidden_size,
        parameters=sum(p.numel() for p in model.parameters()) / 1e6,
        articles=f"{11_455 - HELD_OUT:,}",
        tokens=state["tokens"],
        steps=state["step"],
        hours=state["seconds"] / 3600,
        machine=machine,
        rate=RATE,
        annealed=(state["step"] - state["kept"] - state["anneal_from"]) * BATCH_TOKENS,
        then=then,
        batch=BATCH_TOKENS,
        times=state["last_layer_times"],
        seed=SEED,
        share=MASK_SHARE,
        held_out=HELD_OUT,
        **measured,
    )
    (target / "README.md").write_text(text, encoding="utf8")


def main() -> None:
    """Export, measure, describe; the old folder is replaced only when everything has worked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--run", choices=["final", "keep", "anneal", "constant"], default="final")
    parser.add_argument("--limit", type=int, help="held-out windows to measure on; all unless told")
    parser.add_argument("--machine", default="two cores of a server processor with bf16 instructions (AMD EPYC)")
    arguments = parser.parse_args()
    hf_logging.set_verbosity_error()
    hf_logging.disable_progress_bar()
    target = TARGET.with_name("bert-mini.new")
    shutil.rmtree(target, ignore_errors=True)
    state = save(arguments.work, arguments.run, target)
    model, tokenizer = BertForMaskedLM.from_pretrained(target).eval(), AutoTokenizer.from_pretrained(target)
    accuracy, loss, places = masked_accuracy(model, arguments.work, limit=arguments.limit)
    first, five, count = cloze(model, tokenizer)
    inputs = tokenizer("The capital of France is [MASK].", return_tensors="pt")
    with torch.no_grad():
        logits = model(**inputs).logits[0, 6]
    capital = ", ".join(
        f"{tokenizer.decode([i])} {p:.2f}"
        for p, i in zip(*(t.tolist() for t in logits.softmax(-1).topk(3)), strict=True)
    )
    measured = {"accuracy": accuracy, "loss": loss, "places": places, "capital": capital}
    measured |= {"first": first, "five": five, "sentences": count}
    draw(state["history"], target)
    card(target, model, state, arguments.machine, measured)
    titles = json.loads((arguments.work / "held_out_titles.json").read_text(encoding="utf8"))
    record = {"measured": measured, "state": state, "held_out_titles": titles}
    (target / "training.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf8")
    shutil.rmtree(TARGET, ignore_errors=True)
    target.rename(TARGET)
    print(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()
