"""The full profile's downloads: pinned, checked against the Hub's own checksums, and never begun again from the first byte.

Files end up in the usual cache of the Hugging Face libraries, so what is there already is not fetched twice. The large ones
are fetched here and not by ``snapshot_download``, which throws away what it has got of a file when the network fails.
"""

from __future__ import annotations

import errno
import hashlib
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import filelock

from helpers.bundle import sha256
from helpers.errors import CourseError

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling


OPTIONAL = {"vocab.*"}  # some checkpoints have tokenizer.json alone
FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
AGAIN = "run the cell again, and it goes on where it stopped"


class _Refused(Exception):
    """What the Hub gives is not what the course needs."""


@cache
def download(hub_id: str, revision: str, patterns: tuple[str, ...], kind: str) -> str:
    """The folder of a pinned revision: from the Hub, or from its cache on this machine if that is complete.

    A download that was broken off, even by a killed kernel, goes on where it stopped. What arrives damaged is thrown away.
    The Hub is asked, and checksums are computed, once a process.

    Args:
        hub_id: the repository, such as "google-bert/bert-base-uncased".
        revision: the full commit.
        patterns: which of its files are wanted.
        kind: "model" or "dataset".

    Raises:
        CourseError: no network, no such repository or revision, no right to read it, no answer in time, a damaged file, a full disk.
    """
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.utils import filter_repo_objects

    wanted = {"repo_id": hub_id, "revision": revision, "repo_type": kind}
    try:
        # One quick question: without a network a download tries for half a minute.
        info = HfApi().repo_info(**wanted, timeout=constants.HF_HUB_ETAG_TIMEOUT, files_metadata=True)
        files = list(filter_repo_objects(info.siblings, allow_patterns=patterns, key=lambda file: file.rfilename))
        for pattern in set(patterns) - OPTIONAL:
            if not any(fnmatch(file.rfilename, pattern) for file in files):
                raise _Refused(f"there is no file {pattern} at this revision")
        for file in files:
            if file.lfs:
                _fetch_large(file, **wanted)
        folder = snapshot_download(**wanted, allow_patterns=list(patterns))
        for file in files:
            _check(Path(folder) / file.rfilename, file)
        return folder
    except Exception as error:  # no network, a proxy, a full disk, a moved repository: one sentence for all
        if not isinstance(error, _Refused) and (cached := _cached(wanted, patterns)):
            return cached
        raise CourseError(
            f"Could not download {hub_id} (revision {revision[:8]}) from the Hugging Face Hub: {_reason(error, hub_id, kind)} "
            "- COURSE_PROFILE=mini works without a network."
        ) from error


def _cached(wanted: dict[str, str], patterns: tuple[str, ...]) -> str | None:
    """The folder in the cache, if every pattern finds a file there."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(**wanted, allow_patterns=list(patterns), local_files_only=True))
    except Exception:  # whatever is wrong with the cache: then there is none
        return None
    return str(folder) if all(any(folder.glob(pattern)) for pattern in set(patterns) - OPTIONAL) else None


def _fetch_large(file: RepoSibling, repo_id: str, revision: str, repo_type: str) -> None:
    """Put a large file where the Hub's cache keeps it, by its checksum; ``snapshot_download`` finds it there.

    The part that has arrived stays beside it until it is whole: the next call asks for the rest only.
    """
    from huggingface_hub import constants, hf_hub_url, try_to_load_from_cache
    from huggingface_hub.file_download import http_get, repo_folder_name
    from huggingface_hub.utils import build_hf_headers

    if isinstance(try_to_load_from_cache(repo_id, file.rfilename, revision=revision, repo_type=repo_type), str):
        return
    folder = Path(constants.HF_HUB_CACHE).expanduser() / repo_folder_name(repo_id=repo_id, repo_type=repo_type)
    whole = folder / "blobs" / file.lfs.sha256
    part = whole.with_suffix(".part")
    whole.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(whole.with_suffix(".part.lock")):  # two notebooks at once: the second waits, and finds it
        if whole.exists():
            return
        if part.exists() and part.stat().st_size > file.size:
            part.unlink()
        with part.open("ab", buffering=0) as to:  # what has arrived outlives a killed kernel
            url = hf_hub_url(repo_id, file.rfilename, revision=revision, repo_type=repo_type)
            have = to.tell()
            http_get(url, to, resume_size=have, expected_size=file.size, headers=build_hf_headers())
        _check(part, file)
        part.replace(whole)


def _check(path: Path, file: RepoSibling) -> None:
    """Compare a file with the checksum that the Hub's list of files gives; one that differs is removed.

    Raises:
        _Refused: it differs.
    """
    if file.lfs:
        right = sha256(path) == file.lfs.sha256
    elif file.blob_id:  # a small file's checksum is git's
        content = path.read_bytes()
        right = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == file.blob_id
    else:
        return
    if not right:
        path.resolve().unlink()  # the file in the cache, to which the snapshot only links
        path.unlink(missing_ok=True)
        raise _Refused(
            f"{file.rfilename} arrived damaged and was thrown away; run the cell again, and it alone is fetched anew"
        )


def _reason(error: Exception, hub_id: str, kind: str) -> str:
    """What went wrong, for someone who has not read the libraries: looked for in the error and in what it came from."""
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    address = f"https://huggingface.co/{'datasets/' if kind == 'dataset' else ''}{hub_id}"
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    for link in chain:
        if isinstance(link, _Refused):
            return str(link)
        if isinstance(link, GatedRepoError):
            return (
                f"its owners want you to accept their terms at {address} first, and then to log in with 'hf auth login'"
            )
        if isinstance(link, RevisionNotFoundError):
            return f"{address} has no such revision any more"
        if isinstance(link, RepositoryNotFoundError):
            return f"{address} does not exist any more, or is private"
        if isinstance(link, OSError) and link.errno in FULL:
            return f"the disk is full; make room there, then {AGAIN}"
    for link in chain:  # the libraries' own errors change their package with the version, so: by name
        names = {base.__name__ for base in type(link).__mro__}
        if "TimeoutException" in names:
            return f"the server took too long to answer; {AGAIN}"
        if "ConnectError" in names:
            return f"no connection to {constants.ENDPOINT}"
        if names & {"RemoteProtocolError", "ReadError"}:
            return f"the connection broke off; {AGAIN}"
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
