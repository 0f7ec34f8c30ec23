"""The trials judge rightly: a good explanation wins, a random one does not, and forgetting is what it says."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.errors import CourseError
from helpers.explain import trials
from helpers.explain.lime import Predictor, leave_one_out, without
from helpers.explain.words import Attribution
from tests.test_explain_lime import MODEL, TOKENIZER, Marks, small

TEXT = "not a good film at all, if you ask me"


def explained(scores, text="a b c d"):
    return Attribution(text, tuple(text.split()), tuple(scores), "positive", "test")


def test_versions_lose_or_get_back_their_words_in_order():
    order = [2, 0, 1, 3]
    lost = trials.versions("a b c d", order, "_", "deletion", steps=4)
    assert lost == ["a b c d", "a b _ d", "_ b _ d", "_ _ _ d", "_ _ _ _"]
    back = trials.versions("a b c d", order, "_", "insertion", steps=4)
    assert back == ["_ _ _ _", "_ _ c _", "a _ c _", "a b c _", "a b c d"]
    assert len(trials.versions("a b c d", order, "_", steps=10)) == 11
    with pytest.raises(CourseError, match="no curve 'erase'"):
        trials.versions("a b", [0, 1], "_", "erase")


def test_a_right_explanation_beats_random_orders_and_a_wrong_one_loses():
    predictor = Predictor(Marks("good"), TOKENIZER)
    right = leave_one_out(predictor.model, TOKENIZER, TEXT, target="positive")
    wrong = Attribution(right.text, right.words, tuple(-s for s in right.scores), "positive", "wrong")
    orders = trials.random_orders(len(right.words), 30, seed=1)
    for kind, sign in (("deletion", -1), ("insertion", 1)):
        best, worst = (trials.area(trials.curves(predictor, [one], kind))[0] for one in (right, wrong))
        chance = trials.area(trials.curves(predictor, [right] * 30, kind, orders)).mean()
        assert sign * (best - chance) > 0.1
        assert sign * (worst - chance) < -0.1


def test_a_curve_begins_and_ends_where_it_must():
    predictor = Predictor(MODEL, TOKENIZER)
    found = leave_one_out(MODEL, TOKENIZER, TEXT)
    number = MODEL.config.label2id[found.label]
    hidden = without(TEXT, range(len(found.words)), "[MASK]")
    whole, nothing = predictor.predict_proba([TEXT, hidden])[:, number]
    deletion = trials.curves(predictor, [found])[0]
    insertion = trials.curves(predictor, [found], "insertion")[0]
    assert deletion[0] == pytest.approx(whole, abs=1e-6) == insertion[-1]
    assert deletion[-1] == pytest.approx(nothing, abs=1e-6) == insertion[0]
    deleted = trials.curves(predictor, [found], mask="")[0]
    assert deleted[0] == pytest.approx(whole, abs=1e-6) and deleted[-1] != pytest.approx(deletion[-1], abs=1e-6)


def test_curves_refuse_what_does_not_fit():
    predictor = Predictor(MODEL, TOKENIZER)
    with pytest.raises(CourseError, match="2 orders do not fit 1 explanations"):
        trials.curves(predictor, [explained([1, 2, 3, 4])], orders=[[0], [1]])
    with pytest.raises(CourseError, match="no class 'World'; its classes are negative, positive"):
        trials.curves(predictor, [Attribution("a", ("a",), (1.0,), "World", "test")])


def test_area():
    assert trials.area(np.array([1.0, 1.0, 1.0])) == 1
    assert trials.area(np.array([[1.0, 0.0], [1.0, 0.5]])).tolist() == [0.5, 0.75]


def test_orders():
    assert trials.order_of([0.1, -3, 0.1, 5]) == [3, 0, 2, 1]
    drawn = trials.random_orders(6, 4, seed=3)
    assert drawn.shape == (4, 6) and (np.sort(drawn, axis=1) == np.arange(6)).all()
    assert (drawn == trials.random_orders(6, 4, seed=3)).all()


def test_the_interval_covers_the_mean_as_often_as_it_says():
    draw = np.random.default_rng(0)
    hits = sum(low <= 0 <= high for low, high in (trials.interval(draw.normal(size=30), draws=400) for _ in range(300)))
    assert 0.88 < hits / 300 < 0.98
    assert trials.interval([0.5, 0.5, 0.5]) == (0.5, 0.5)
    with pytest.raises(CourseError, match="two values at least, not 1"):
        trials.interval([1.0])


def test_precision():
    found = explained([0.9, 0.1, 0.5, -2])
    assert [trials.precision_at(found, [0, 3], k) for k in (1, 2, 4)] == [1, 0.5, 0.5]
    for k in (0, 5):
        with pytest.raises(CourseError, match=f"k is {k}, but the text has 4 words"):
            trials.precision_at(found, [0], k)
    with pytest.raises(CourseError, match="not all in the text of 4 words"):
        trials.precision_at(found, [4], 1)


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=12), st.lists(st.integers(-5, 5), min_size=2, max_size=12))
def test_rank_agreement_is_spearmans(left, right):
    from scipy.stats import spearmanr

    size = min(len(left), len(right))
    left, right = left[:size], right[:size]
    found = trials.rank_agreement(left, right)
    if len(set(left)) > 1 and len(set(right)) > 1:
        assert found == pytest.approx(spearmanr(left, right).statistic, abs=1e-9)
    else:
        assert found == 0


def changed(model, other):
    """Names of the parts whose weights differ."""
    pairs = zip(model.state_dict().items(), other.state_dict().values(), strict=True)
    return {name for (name, own), new in pairs if not torch.equal(own, new)}


def test_randomised_forgets_from_the_top_and_leaves_the_model_alone():
    model = small()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    head = changed(model, trials.randomised(model))
    assert head == {name for name in before if name.startswith(("classifier", "bert.pooler"))}
    one = changed(model, trials.randomised(model, 1))
    assert one == head | {name for name in before if ".layer.1." in name}
    assert changed(model, trials.randomised(model, 2, embeddings=True)) == set(before)
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())


def test_randomised_is_repeatable_and_speaks():
    assert not changed(trials.randomised(MODEL, 1, seed=5), trials.randomised(MODEL, 1, seed=5))
    assert changed(trials.randomised(MODEL, 1, seed=5), trials.randomised(MODEL, 1, seed=6))
    with pytest.raises(CourseError, match="The model has 2 layers; 3 of them"):
        trials.randomised(MODEL, 3)
