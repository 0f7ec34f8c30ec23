"""The machinery of ``check``: a register of exercises, and what to say when a student's function stops or returns nothing."""

from __future__ import annotations

import contextlib
import dis
import importlib
import textwrap
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from helpers.errors import CourseError

Check = Callable[[Any], str | None]
CHECKS: dict[str, Check] = {}
STUB = "your turn. Replace the ... in the cell above, run it, and then run this cell again."
NO_RETURN = (
    "your function ran, but returns nothing (None): is the return missing? A print does not hand the value over."
)
ONE_WAY = "for one of the examples your function returns nothing (None); every way through it needs a return."


class Unsolved(Exception):
    """The student's function still is the stub: it does nothing."""


class Nothing(Exception):
    """The student's function returned ``None`` though there is code in it: a return is missing, on one way or at all."""


_answered: list[bool] = []  # has an entry as soon as a call of the verdict under way has returned something


def exercise(number: str) -> Callable[[Check], Check]:
    """Register the check of exercise ``number`` ("3.1"), for use as a decorator."""

    def register(function: Check) -> Check:
        CHECKS[number] = function
        return function

    return register


def call(answer: Callable, *arguments: Any, **keywords: Any) -> Any:
    """Call the student's function; what it returns may not be ``None`` (a stub, or a return is missing) and tensors are handed over as copies.

    The copies keep a function that changes its input in place from changing what the check compares with.
    """
    result = answer(*[a.clone() if isinstance(a, torch.Tensor) else a for a in arguments], **keywords)
    if result is None:
        raise Unsolved if _does_nothing(answer) else Nothing
    _answered.append(True)
    return result


def _does_nothing(answer: Callable) -> bool:
    """Whether the function's code, compiled, is no more than ``return None``: a docstring and ``...`` leave no trace in it."""
    code = getattr(answer, "__code__", None)
    idle = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}
    return code is None or {step.opname for step in dis.get_instructions(code)} <= idle


@contextlib.contextmanager
def example(text: str) -> Iterator[None]:
    """If the student's function stops or returns ``None`` in here, the message also says for which example."""
    try:
        yield
    except Exception as error:
        error.add_note(f" (The example: {text}.)")
        raise


def kind(value: Any) -> str:
    """The type of a value with its article: "a list", "an ndarray"."""
    name = type(value).__name__
    return f"{'an' if name.startswith(('a', 'e', 'i', 'o', 'nd')) else 'a'} {name}"


def difference(got: Any, expected: torch.Tensor, atol: float = 1e-5) -> str | None:
    """Say how ``got`` differs from the tensor ``expected`` in kind, shape or value, or ``None`` if it does not."""
    if not isinstance(got, torch.Tensor):
        return f"a tensor is needed, but your function returned {kind(got)}."
    if got.shape != expected.shape:
        return f"the shape should be {tuple(expected.shape)}, but yours is {tuple(got.shape)}."
    if not close(got, expected, atol):
        return "right shape, but wrong values."
    return None


def close(got: Any, expected: torch.Tensor, atol: float = 1e-5) -> bool:
    """Whether ``got`` is a tensor of the shape and (to ``atol``) the values of ``expected``."""
    if not isinstance(got, torch.Tensor) or got.shape != expected.shape:
        return False
    return torch.allclose(got.double(), expected.double(), atol=atol, rtol=1e-4)


def slip(got: Any, known: Mapping[str, Any], alike: Callable[[Any, Any], bool] = close) -> str | None:
    """The message of the first known mistake that gives what the student got; ``None`` if it is none of them.

    Args:
        got: what the student's function returned.
        known: message -> what comes out of that mistake.
        alike: tells whether two results are the same.
    """
    return next((message for message, value in known.items() if alike(got, value)), None)


def check(number: str, answer: Any) -> None:
    """Check an answer and print one line: passed, not yet (and why), or the friendly line for an unsolved stub.

    Args:
        number: the exercise, as on its card ("3.1").
        answer: what the card asks for, mostly a function.

    Raises:
        CourseError: there is no exercise of that number. (Nothing that the *answer* does raises.)
    """
    chapter = str(number).split(".")[0]
    with contextlib.suppress(ValueError, ModuleNotFoundError):
        importlib.import_module(f"helpers.exercises.chapter_{int(chapter):02d}")
    if number not in CHECKS:
        raise CourseError(f"There is no exercise {number!r}; the number stands on the exercise's card, like '3.1'.")
    print(f"Exercise {number}: {verdict(number, answer)}")


def verdict(number: str, answer: Any) -> str:
    """What ``check`` prints after the number."""
    if answer is None or answer is ...:
        return STUB
    _answered.clear()
    state = torch.random.get_rng_state()
    torch.manual_seed(0)  # a check draws the same examples every time, and leaves the notebook's random numbers alone
    try:
        message = CHECKS[number](answer)
    except Unsolved:
        return STUB
    except Nothing as error:
        return f"not yet: {ONE_WAY + _notes(error) if _answered else NO_RETURN}"
    except Exception as error:
        return f"not yet: your code stopped with {_where(error, answer)}{_notes(error)}"
    finally:
        torch.random.set_rng_state(state)
    return "passed. ✓" if message is None else f"not yet: {message}"


def _notes(error: Exception) -> str:
    return "".join(getattr(error, "__notes__", ()))


def _where(error: Exception, answer: Any) -> str:
    """The exception in one line, with the line of the student's function that it came from."""
    text = textwrap.shorten((str(error).strip().splitlines() or [""])[0], 200, placeholder=" ...")
    code = getattr(answer, "__code__", None)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if code is not None and frame.filename == code.co_filename and frame.lineno >= code.co_firstlineno:
            return f"{type(error).__name__} in its line {frame.lineno - code.co_firstlineno + 1}: {text}"
    return f"{type(error).__name__}: {text}"
