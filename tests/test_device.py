"""GPU selection: each candidate must really work, the variable overrides, an impossible wish is one sentence."""

import pytest
import torch

from helpers import device
from helpers.errors import CourseError


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.delenv("COURSE_DEVICE", raising=False)
    device._best.cache_clear()
    yield
    device._best.cache_clear()


@pytest.mark.parametrize(
    ("working", "expected"),
    [
        ({"cuda", "mps", "xpu", "cpu"}, "cuda"),
        ({"mps", "xpu", "cpu"}, "mps"),
        ({"xpu", "cpu"}, "xpu"),
        ({"cpu"}, "cpu"),
        (set(), "cpu"),
    ],
)
def test_order_falls_through_what_does_not_work(monkeypatch, working, expected):
    monkeypatch.setattr(device, "failure", lambda name: None if name in working else "broken driver")
    assert device.best().type == expected


def test_a_device_must_compute_rightly_and_not_just_exist():
    assert device.failure("cpu") is None
    assert device.failure("meta")  # exists in every torch, but holds no numbers


def test_variable_overrides(monkeypatch):
    monkeypatch.setattr(device, "failure", lambda name: None)
    monkeypatch.setenv("COURSE_DEVICE", " MPS ")
    assert device.best().type == "mps"
    assert device.best("cpu").type == "cpu"


def test_accelerate_launch_cpu_means_the_cpu(monkeypatch):
    monkeypatch.setattr(device, "failure", lambda name: None)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    assert device.best().type == "cpu"
    monkeypatch.setenv("COURSE_DEVICE", "cuda:1")
    assert str(device.best()) == "cuda:1"


@pytest.mark.parametrize("wish", ["gpu", "cuda:x", "tpu", "0"])
def test_an_unknown_device_is_one_sentence(monkeypatch, wish):
    monkeypatch.setenv("COURSE_DEVICE", wish)
    with pytest.raises(CourseError, match=f"'{wish}' is no device: COURSE_DEVICE takes one of cuda, mps, xpu, cpu"):
        device.best()


@pytest.mark.skipif(torch.cuda.device_count() > 99, reason="this machine really has a hundred GPUs")
def test_an_impossible_device_is_one_sentence(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cuda:99")
    with pytest.raises(
        CourseError, match=r"'cuda:99' does not work here \(.+\); unset COURSE_DEVICE or set it to cpu\.$"
    ) as caught:
        device.best()
    assert "\n" not in str(caught.value)


def test_number_format_follows_the_hardware(monkeypatch):
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    assert device.number_format(torch.device("cpu")) == torch.bfloat16
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert device.number_format(torch.device("cpu")) == torch.float32
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
    assert device.number_format(torch.device("cpu")) == torch.float32
    assert device.number_format(torch.device("mps")) == torch.float32


def test_describe_names_the_threads():
    count = torch.get_num_threads()
    assert device.describe(torch.device("cpu")) == f"cpu ({count} thread{'s' * (count > 1)})"


def test_release_frees_what_only_points_at_itself():
    """A Trainer is such a knot; elsewhere than on Linux the call is merely harmless."""
    import weakref

    class Knot:
        def __init__(self):
            self.me = self

    knot = Knot()
    gone = weakref.ref(knot)
    del knot
    device.release()
    assert gone() is None
