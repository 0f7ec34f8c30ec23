"""One exception for everything that a user of the course can put right."""

from __future__ import annotations


class CourseError(ValueError):
    """What was wrong and what to do about it, in one sentence.

    Jupyter shows only that sentence: the stack of our own functions would not help the reader.
    """

    def _render_traceback_(self) -> list[str]:
        """Replace IPython's traceback (IPython looks for a method of this name)."""
        return [f"CourseError: {self}"]
