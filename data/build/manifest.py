"""Write ``data/MANIFEST.json``: the SHA-256 of every bundled file. Run it after any change in ``data/``, and say why in the commit.

python data/build/manifest.py
"""

from __future__ import annotations

import json
from pathlib import Path

from helpers.bundle import DATA, sha256


def bundled(data: Path = DATA) -> list[str]:
    """Every file below ``data/`` but the manifest itself, the build scripts and what tools leave behind, sorted."""
    files = (path.relative_to(data) for path in data.rglob("*") if path.is_file())
    skipped = {"build", "__pycache__", ".ipynb_checkpoints"}
    return sorted(f.as_posix() for f in files if f.name != "MANIFEST.json" and not skipped & set(f.parts))


if __name__ == "__main__":
    digests = {name: sha256(DATA / name) for name in bundled()}
    (DATA / "MANIFEST.json").write_bytes((json.dumps({"sha256": digests}, indent=1) + "\n").encode())
    print(f"{len(digests)} files in data/MANIFEST.json")
