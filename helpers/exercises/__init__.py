"""``check("3.1", answer)``: one check an exercise, which never raises and names the misconception.

The checks of a chapter are in ``chapter_NN.py``. Each is a function that takes the student's answer and returns ``None`` if it
is right, or one sentence that says what is still wrong and where to look.
"""

from helpers.exercises.checking import check

__all__ = ["check"]
