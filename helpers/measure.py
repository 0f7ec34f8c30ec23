"""What a piece of work costs: seconds, and the most memory it held at one moment on top of what was there before."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Cost:
    """Filled in when the ``with`` block of ``measure`` ends."""

    seconds: float = 0.0
    megabytes: float = 0.0


@contextmanager
def measure(every: float = 0.002, device: str | None = None) -> Iterator[Cost]:
    """Measure a ``with`` block: ``with measure() as cost: ...`` and then ``cost.seconds``, ``cost.megabytes``.

    Memory is this process's resident memory, looked at every ``every`` seconds by a thread, less what was there at the
    start (on CUDA: torch's own peak counter). Memory that torch keeps for reuse counts where it was first taken, so measure
    the thriftier way first.

    Args:
        every: seconds between two looks.
        device: where the work happens, "cpu" or "cuda"; ``None`` for CUDA where this process uses it already.
    """
    import gc

    import psutil
    import torch

    gc.collect()
    cuda = device != "cpu" and torch.cuda.is_available() and torch.cuda.is_initialized()
    if cuda:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        held = torch.cuda.memory_allocated()
    process, stop, cost = psutil.Process(), threading.Event(), Cost()
    before = peak = process.memory_info().rss

    def watch() -> None:
        nonlocal peak
        while not stop.wait(every):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    began = time.perf_counter()
    try:
        yield cost
    finally:
        if cuda:
            torch.cuda.synchronize()
        cost.seconds = time.perf_counter() - began
        stop.set()
        watcher.join()
        peak = max(peak, process.memory_info().rss)
        cost.megabytes = ((torch.cuda.max_memory_allocated() - held) if cuda else (peak - before)) / 1e6
