"""``python -m tests.bench``: what the course costs, measured, in one table. ``index`` writes the index of myths and exercises.

``python -m tests.bench chapters``, ``training`` or ``lime`` measures one thing more closely; ``--help``, also after the name, says more.
"""

import sys

from tests.bench import chapters, index, lime, table, training

BENCHES = {"chapters": chapters.main, "training": training.main, "lime": lime.main, "index": index.main}

if __name__ == "__main__":
    name, *others = sys.argv[1:] or [""]
    if name in BENCHES:
        BENCHES[name](others)
    elif name and not name.startswith("-"):
        raise SystemExit(f"{__doc__}\nThere are: {', '.join(BENCHES)}.")
    else:
        table.main(sys.argv[1:])
