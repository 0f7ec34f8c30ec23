"""``python -m tests.bench chapters``, ``training`` or ``lime``: what the course costs, measured. ``index``: its myths and exercises.

``--help`` after the name says more.
"""

import sys

from tests.bench import chapters, index, lime, training

BENCHES = {"chapters": chapters.main, "training": training.main, "lime": lime.main, "index": index.main}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in BENCHES:
        raise SystemExit(f"{__doc__}\nThere are: {', '.join(BENCHES)}.")
    BENCHES[sys.argv[1]](sys.argv[2:])
