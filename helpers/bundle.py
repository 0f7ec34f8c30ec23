"""The files that the course brings along in ``data/``, checked against ``data/MANIFEST.json`` before they are used."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from helpers.errors import CourseError

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
RESTORE = "restore it with 'git checkout -- data', or clone the course again"


def sha256(path: Path) -> str:
    """The SHA-256 checksum of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def manifest(data: Path | None = None) -> dict[str, str]:
    """``data/MANIFEST.json``: a file's path below ``data/`` -> its SHA-256.

    Raises:
        CourseError: the manifest is missing or no JSON.
    """
    path = (data or DATA) / "MANIFEST.json"
    try:
        return json.loads(path.read_text(encoding="utf8"))["sha256"]
    except (OSError, KeyError, ValueError) as error:
        raise CourseError(f"The list of bundled files, {path}, is missing or damaged; {RESTORE}.") from error


def verify(folder: str = "", data: Path | None = None) -> int:
    """Check every bundled file below ``folder`` (all of them for ``""``) and return how many there are.

    Raises:
        CourseError: a file is missing or differs from the manifest; the sentence names the first one.
    """
    data = data or DATA
    prefix = f"{folder}/" if folder else ""
    wanted = {name: digest for name, digest in manifest(data).items() if name.startswith(prefix)}
    if not wanted:
        raise CourseError(f"data/{folder} is not among the bundled files of data/MANIFEST.json; {RESTORE}.")
    for name, digest in wanted.items():
        path = data / name
        if not path.is_file():
            raise CourseError(f"The bundled file data/{name} is missing; {RESTORE}.")
        if sha256(path) != digest:
            raise CourseError(
                f"The bundled file data/{name} is damaged (its checksum is not the manifest's); {RESTORE}."
            )
    return len(wanted)


@cache
def verified(folder: str) -> Path:
    """``DATA / folder`` after ``verify``; the checksums are computed once a process."""
    verify(folder)
    return DATA / folder
