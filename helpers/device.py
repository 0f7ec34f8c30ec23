"""Where the arithmetic runs: CUDA, then Apple's MPS, then Intel's XPU, then the CPU, each only if it really works.

A driver can be installed and still fail at the first kernel (a GPU that is too old for this torch, no memory left, a
container without access). So every candidate has to multiply two small matrices, forward and backward, before it is chosen.
``COURSE_DEVICE=cpu`` (or ``cuda``, ``cuda:1``, ``mps``, ``xpu``) overrides the choice.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from helpers.errors import CourseError

if TYPE_CHECKING:
    import torch

ORDER = ("cuda", "mps", "xpu", "cpu")


def failure(name: str) -> str | None:
    """Try a small operation on ``name`` ("cuda:0", "cpu", ...); return why it fails, or ``None`` if it works."""
    import torch

    try:
        a = torch.arange(4.0, device=name).reshape(2, 2).requires_grad_()
        (a @ a).sum().backward()
        works = a.grad is not None and a.grad.cpu().tolist() == [[3.0, 7.0], [5.0, 9.0]]
    except Exception as error:  # drivers raise what they like: RuntimeError, AssertionError, NotImplementedError
        return (str(error).strip().splitlines() or [type(error).__name__])[0]
    return None if works else "a small matrix product came out wrong"


def best(wanted: str | None = None) -> torch.device:
    """The device to use.

    Args:
        wanted: a device name, or ``None`` for ``COURSE_DEVICE`` and, where that is not set either, the first that works.

    Raises:
        CourseError: the name is no device, or the device does not work here.
    """
    launched = "cpu" if os.environ.get("ACCELERATE_USE_CPU", "").lower() == "true" else ""  # accelerate launch --cpu
    return _best((wanted or os.environ.get("COURSE_DEVICE") or launched).strip().lower())


@lru_cache
def _best(wanted: str) -> torch.device:
    import torch

    if wanted:
        if not re.fullmatch(rf"({'|'.join(ORDER)})(:\d+)?", wanted):
            raise CourseError(
                f"'{wanted}' is no device: COURSE_DEVICE takes one of {', '.join(ORDER)} (or cuda:1, ...)."
            )
        reason = failure(wanted)
        if reason:
            raise CourseError(
                f"The device '{wanted}' does not work here ({reason}); unset COURSE_DEVICE or set it to cpu."
            )
        return torch.device(wanted)
    return torch.device(next(name for name in ORDER if name == "cpu" or not failure(name)))


def number_format(device: torch.device) -> torch.dtype:
    """The quickest number format that this device has in hardware: bfloat16 where it exists, else float32.

    Bfloat16 without hardware support is slower than float32, so a CPU must name the instruction among its flags.
    """
    import torch

    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if device.type == "xpu":
        return torch.bfloat16
    if device.type == "cpu" and os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() not in {
        "AVX2",
        "SSE41",
        "AVX512_CORE",
    }:
        supports = (getattr(torch.cpu, name, bool) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
        return torch.bfloat16 if any(ask() for ask in supports) else torch.float32
    return torch.float32


def describe(device: torch.device) -> str:
    """A few words for people: ``cpu (2 threads)``, ``cuda:0 (NVIDIA H200, 139 GB)``."""
    import torch

    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return f"{device} ({properties.name}, {properties.total_memory / 2**30:.0f} GB)"
    if device.type == "cpu":
        count = torch.get_num_threads()
        return f"cpu ({count} thread{'s' * (count > 1)})"
    return str(device)


def release() -> None:
    """Give memory that nobody uses any more back to the system: after a training, several times the model's size.

    A ``Trainer`` and its parts point at each other, so only Python's collector finds them; then torch's cache on a GPU and, on
    Linux, the C library's heap still hold what was freed.
    """
    import torch

    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    with contextlib.suppress(AttributeError, OSError, TypeError):  # glibc only
        ctypes.CDLL(None).malloc_trim(0)
