"""The scripts in data/build: what they do to text, and that they say so where the real data is absent."""

import itertools
import sys

import numpy as np
import pytest
import torch

from helpers.bundle import DATA

sys.path.insert(0, str(DATA / "build"))
import bert_mini


@pytest.mark.parametrize(("module", "name"), [("transfer_proof", "BENCHMARKS"), ("tutorial_experiment", "FILE")])
def test_absent_benchmarks_are_said_and_skipped(module, name, monkeypatch, capsys, tmp_path):
    script = __import__(module)
    monkeypatch.setattr(script, name, tmp_path / "nowhere")
    monkeypatch.setattr(sys, "argv", [module])
    assert script.main() == 0
    assert capsys.readouterr().out.startswith("Skipped: ")


def test_masking_is_15_percent_80_10_10_and_spares_special_tokens():
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(2000, 30000, (200, 128), generator=generator)
    ids[:, 0], ids[:, -1], ids[:, 100:-1] = bert_mini.CLS, bert_mini.SEP, bert_mini.PAD
    corrupted, places = bert_mini.mask_tokens(ids, 0.15, generator)
    assert len(places) == int(0.15 * ids.numel()) == len(set(places.tolist()))
    before, after = ids.flatten()[places], corrupted.flatten()[places]
    assert before.min() >= 2000  # no [CLS], [SEP] or [PAD] among them
    assert (after == bert_mini.MASK).float().mean().item() == pytest.approx(0.8, abs=0.03)
    assert (after == before).float().mean().item() == pytest.approx(0.1, abs=0.03)
    untouched = torch.ones(ids.numel(), dtype=torch.bool)
    untouched[places] = False
    assert torch.equal(corrupted.flatten()[untouched], ids.flatten()[untouched])


def test_windows_and_sentences_are_framed_and_hold_the_stream():
    stream = np.arange(2000, 2100, dtype=np.uint16)
    cut = bert_mini.windows(stream, 12)
    assert cut.shape == (10, 12)
    assert cut[:, 1:-1].flatten().tolist() == stream.tolist()
    assert set(cut[:, 0].tolist()) == {bert_mini.CLS}
    assert set(cut[:, -1].tolist()) == {bert_mini.SEP}
    stream[[4, 14, 24, 70]] = bert_mini.FULL_STOP
    ends = np.flatnonzero(stream == bert_mini.FULL_STOP)
    (two, cut_off) = bert_mini.sentences(stream, ends, [0, 2])
    assert two[two != bert_mini.PAD].tolist() == [bert_mini.CLS, *stream[5:25].tolist(), bert_mini.SEP]
    assert (cut_off != bert_mini.PAD).sum() == bert_mini.SENTENCE_LENGTH  # a sentence longer than that is cut


def test_extraction_leftovers_are_removed():
    article = "Plzen (]; German: Pilsen) is a city in western Bohemia in the Czech Republic.\nShort line."
    assert bert_mini.clean(article) == "Plzen (German: Pilsen) is a city in western Bohemia in the Czech Republic."


def test_evening_out_the_last_layer_changes_its_length_and_no_prediction():
    from bert_mini_export import even_out
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}
    model = BertForMaskedLM(BertConfig(vocab_size=50, **size, attn_implementation="eager")).eval()
    with torch.no_grad():
        model.bert.encoder.layer[-1].output.LayerNorm.weight *= 0.06
        model.cls.predictions.transform.LayerNorm.eps = 0.0
    ids = torch.randint(0, 50, (4, 10))
    with torch.no_grad():
        before = model(ids).logits
        assert even_out(model, ids) == 16
        hidden = model.bert(ids, output_hidden_states=True).hidden_states
        after = model(ids).logits
    assert torch.allclose(before, after, atol=1e-5)
    lengths = [layer.norm(dim=-1).mean().item() for layer in hidden[1:]]
    assert 0.7 < lengths[-1] / lengths[-2] < 1.4


def test_half_way_back_is_the_mean_of_the_encoders_and_leaves_the_head(monkeypatch, tmp_path):
    import bert_mini_keep
    from transformers import BertConfig, BertForMaskedLM, BertModel

    size = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=50, **size)
    start, model = BertModel(config, add_pooling_layer=False), BertForMaskedLM(config)
    start.save_pretrained(tmp_path)
    monkeypatch.setattr(bert_mini_keep, "starting_weights", lambda: tmp_path)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    bert_mini_keep.half_way(model)
    then = dict(start.named_parameters())
    for name, parameter in model.named_parameters():
        if name.startswith("bert."):
            assert torch.allclose(parameter, (before[name] + then[name.removeprefix("bert.")]) / 2, atol=1e-6)
        else:
            assert torch.equal(parameter, before[name])


def test_batches_of_the_last_stretch_differ_from_the_clean_text_at_places_to_predict_only():
    import bert_mini_keep

    stream = np.arange(2000, 12_000, dtype=np.uint16)
    stream[::12] = bert_mini.FULL_STOP
    ends = np.flatnonzero(stream == bert_mini.FULL_STOP)
    short = np.arange(len(ends) - 1)
    for step in (0, 1):  # sentences, windows
        clean, corrupted, places = bert_mini_keep.batch_of(stream, ends, short, step)
        changed = torch.nonzero(clean.flatten() != corrupted.flatten()).squeeze(1)
        assert 0 < len(changed) < len(places)
        assert set(changed.tolist()) < set(places.tolist())
        again = bert_mini_keep.batch_of(stream, ends, short, step)
        assert all(torch.equal(one, two) for one, two in zip((clean, corrupted, places), again, strict=True))


def test_the_rate_of_the_last_stretch_warms_up_has_no_jump_and_ends_at_zero():
    import bert_mini_keep

    rates = [bert_mini_keep.rate_at(step) for step in range(bert_mini_keep.STEPS)]
    peak = max(rates)
    assert 0 < rates[0] < 0.05 * peak
    assert 0.9 * bert_mini_keep.RATE < peak <= bert_mini_keep.RATE
    assert rates[-1] < 0.01 * peak
    assert max(abs(a - b) for a, b in itertools.pairwise(rates)) < 0.04 * peak


def test_the_last_step_averages_two_checkpoints_and_keeps_the_curve(monkeypatch, tmp_path):
    import bert_mini_keep

    history = [{"tokens": 7, "train_loss": 1.0, "rate": 0.0, "held_out_loss": 2.0, "masked_accuracy": 0.1}]
    for name, value in (("anneal", 1.0), ("keep", 0.0)):
        state = {"kept": 3, "history": list(history)}
        torch.save({"model": {"weight": torch.full((2, 2), value)}, "state": state}, tmp_path / f"{name}.pt")
    monkeypatch.setattr(bert_mini_keep, "build_model", lambda work: torch.nn.Linear(2, 2, bias=False))
    monkeypatch.setattr(bert_mini_keep, "masked_accuracy", lambda model, work, limit: (0.5, 1.5, 9))
    bert_mini_keep.average(tmp_path)
    final = torch.load(tmp_path / "final.pt", weights_only=True)
    assert torch.allclose(final["model"]["weight"], torch.full((2, 2), bert_mini_keep.OLD_SHARE))
    assert final["state"]["history"] == [*history, history[0] | {"held_out_loss": 1.5, "masked_accuracy": 0.5}]
    assert final["state"]["old_share"] == bert_mini_keep.OLD_SHARE


def test_adapters_are_scored_on_rows_that_have_answers():
    """The public validation rows of TyDi QA come with empty answers: every model would score 0 on them."""
    import adapters

    task = adapters.TASKS["questions"]
    if not adapters.BENCHMARKS.is_dir():
        pytest.skip(f"no real data in {adapters.BENCHMARKS}")
    train, held_out = adapters.frames(task)
    assert list(held_out) == ["squad"]
    for frame in (train, *held_out.values()):
        assert all(answers["text"][0].strip() for answers in frame["answers"])


def small(kind: str):
    """A random BERT of one layer with the course's vocabulary."""
    import recipes
    from transformers import BertConfig

    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(**size, **recipes.NO_DROPOUT, num_labels=2, attn_implementation="eager")
    return recipes.MODELS[kind].from_config(config)


REVIEWS = {
    "text": [f"A {word} film of {n} reels." for n in range(40) for word in ("dull", "warm")],
    "label": [0, 1] * 40,
}


def test_a_training_that_was_killed_ends_with_the_same_mean_of_weights(monkeypatch, tmp_path):
    import recipes

    data = recipes.encode("classes", REVIEWS, recipes.tokenizer())

    def trained(state=None):
        model = small("classes")
        recipes.train("classes", model, data, 6, 1e-2, 2, 1, state, 0.1, True)
        return torch.nn.utils.parameters_to_vector(model.parameters())

    whole, save = trained(), torch.save
    assert torch.equal(whole, trained())

    def killed(values, path):
        save(values, path)
        if values["step"] == 160:
            path.replace(tmp_path / "state.pt")
            raise KeyboardInterrupt

    monkeypatch.setattr(recipes, "SAVE_EVERY", -1.0)
    monkeypatch.setattr(torch, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "state.pt")
    monkeypatch.setattr(torch, "save", save)
    assert torch.allclose(whole, trained(tmp_path / "state.pt"), atol=1e-6)


def test_the_mean_of_weights_is_of_the_second_half(monkeypatch):
    import recipes

    data, seen = recipes.encode("classes", REVIEWS, recipes.tokenizer()), []
    model = small("classes")
    step = torch.optim.AdamW.step

    def noted(self, *args, **settings):
        step(self, *args, **settings)
        seen.append(model.classifier.weight.detach().clone())

    monkeypatch.setattr(torch.optim.AdamW, "step", noted)
    recipes.train("classes", model, data, 2, 1e-2, 2, average=True)
    assert len(seen) == 80
    assert torch.allclose(model.classifier.weight, torch.stack(seen[40::10]).mean(dim=0), atol=1e-6)


def test_a_pooler_that_starts_as_the_identity_lets_cls_through():
    import recipes

    model = small("classes").eval()
    recipes.start_pooler(model, 2.0)
    with torch.no_grad():
        found = model.bert(torch.tensor([[101, 2307, 102]]))
    assert torch.allclose(found.pooler_output, torch.tanh(2 * found.last_hidden_state[:, 0]), atol=1e-6)


def test_a_proof_needs_its_share_and_a_lead_over_what_needs_no_model():
    import transfer_proof

    def proof(bundled, floor):
        task = transfer_proof.TASKS["topics"]  # at least 95 % of the real rows' score
        return transfer_proof.Proof("topics", task, 600, bundled, [80.0, 82.0, 84.0], "always one class", floor)

    assert proof([77.0, 78.0, 79.0], 25.0).holds
    assert not proof([76.0, 77.0, 78.0], 25.0).holds
    assert not proof([77.0, 78.0, 79.0], 76.0).holds
    shown = transfer_proof.table([proof([77.0, 78.0, 79.0], 25.0), proof([7.0, 8.0, 9.0], 25.0)]).splitlines()
    assert "| 78.0 (77.0 to 79.0) | 82.0 (80.0 to 84.0) | 25.0 (always one class) | 95.1% | 95% | holds |" in shown[2]
    assert shown[3].endswith("| FALLS SHORT |")


def test_the_guided_reader_points_at_the_sentence_like_the_question_and_never_outside_the_context():
    import recipes

    tokenizer, model = recipes.tokenizer(), recipes.load("guided", ()).eval()
    context = (
        "The bridge was finished in 1883. Its cook was famous for onion soup. Nobody painted the towers until the war."
    )
    batch = tokenizer(["What dish did they like?", "When was the building of it over?"], [context] * 2, padding=True)
    tensors = {name: torch.tensor(values) for name, values in batch.items()}
    with torch.inference_mode():
        found = model(**tensors)
    for row, wanted in enumerate(("soup", "1883")):
        inside = torch.tensor([sequence == 1 for sequence in batch.sequence_ids(row)])
        for logits in (found.start_logits[row], found.end_logits[row]):
            assert logits[~inside & (tensors["input_ids"][row] != tokenizer.sep_token_id)].max() < -1000
            first, last = batch.token_to_chars(row, int(logits.argmax()))
            end = context.index(wanted) + len(wanted)
            assert abs(first - end) < 25, context[first:last]


def test_the_guided_reader_smooths_within_the_context_only():
    from guided_reader import GuidedReader

    hidden = torch.arange(12.0).reshape(1, 12, 1)
    context = torch.tensor([[0.0] * 4 + [1.0] * 6 + [0.0] * 2])
    smooth = GuidedReader.smooth(GuidedReader, hidden, context)[0, 4:10, 0]
    wanted = [np.mean(range(max(4, i - 4), min(9, i + 4) + 1)) for i in range(4, 10)]
    assert smooth.tolist() == pytest.approx(wanted)


def test_the_guide_alone_points_near_half_of_real_answers():
    import pandas as pd
    import recipes
    import transfer_proof

    path = transfer_proof.BENCHMARKS / "squad" / "validation.parquet"
    if not path.exists():
        pytest.skip(f"no {path}")
    rows = pd.read_parquet(path).sample(100, random_state=20).to_dict("list")
    model = recipes.load("guided", ()).eval()
    data, near, chance = recipes.encode("guided", rows, recipes.tokenizer()), [], []
    for place, (first, last) in enumerate(data.targets):  # windows that hold the answer
        with torch.inference_mode():
            guide = model(**recipes.batch_of(data, [place], torch.device("cpu"))).start_logits[0]
        near.append(abs(int(guide.argmax()) - (first + last) / 2) <= 15)
        chance.append(min(1, 31 / sum(data.types[place])))
    assert np.mean(near) > 0.45 and np.mean(chance) < 0.25, (np.mean(near), np.mean(chance))
