"""A stand-in for the Hugging Face Hub on this machine: the part of its protocol that a download uses, over made files."""

import hashlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FILE = re.compile(r"/(?:(datasets)/)?([^/]+/[^/]+)/resolve/([0-9a-f]{40})/(.+)")
INFO = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)/(revision|tree)/([0-9a-f]{40})/?")


LARGE = (".parquet", ".safetensors", ".bin")  # in Git LFS on the Hub, so their checksum is SHA-256 there


def git_checksum(content: bytes) -> str:
    """What Git calls a small file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def checksum(path: str, content: bytes) -> str:
    """A file's tag on the Hub, and its name in the cache."""
    return hashlib.sha256(content).hexdigest() if path.endswith(LARGE) else git_checksum(content)


class Hub:
    """Serves ``repositories``: (kind, id, revision) -> {path: bytes}, with kind "models" or "datasets".

    ``asked`` lists the requests as they came, ``begun`` from which byte on a path's content was sent. Per path, ``break_off`` says
    how many times its content ends in the middle, ``stall`` how many times it stops there for ``pause`` seconds, ``damage`` how many
    times a byte of it is another. ``refuse`` holds the ids that are behind terms which nobody has accepted.
    """

    def __init__(self, repositories: dict[tuple[str, str, str], dict[str, bytes]]) -> None:
        self.repositories = repositories
        self.asked: list[str] = []
        self.begun: dict[str, list[int]] = {}
        self.break_off: dict[str, int] = {}
        self.stall: dict[str, int] = {}
        self.damage: dict[str, int] = {}
        self.refuse: set[str] = set()
        self.pause = 2.0
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.answer(self)

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "Hub":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """One request: what a repository holds, the list of its files, or a file."""
        path = request.path.split("?")[0]
        self.asked.append(f"{request.command} {path}")
        if match := INFO.fullmatch(path):
            kind, name, what, revision = match.groups()
            files = self.repositories.get((kind, name, revision))
            if files is not None:
                if name in self.refuse:
                    return self.send(request, 403, b"{}", {"X-Error-Code": "GatedRepo"})
                listing = [self.entry(path, content, "path", "oid", "oid") for path, content in files.items()]
                siblings = [
                    self.entry(path, content, "rfilename", "blobId", "sha256") for path, content in files.items()
                ]
                info = {"id": name, "sha": revision, "siblings": siblings, "tags": []}
                return self.send(request, 200, json.dumps(info if what == "revision" else listing).encode())
        if match := FILE.fullmatch(path):
            kind, name, revision, file = match.groups()
            content = self.repositories.get((kind or "models", name, revision), {}).get(file)
            if content is not None:
                tag = {"ETag": f'"{checksum(file, content)}"', "X-Repo-Commit": revision}
                return self.send(request, 200, content, tag, file)
        return self.send(request, 404, b"{}", {"X-Error-Code": "RepoNotFound"})

    @staticmethod
    def entry(path: str, content: bytes, name: str, blob: str, sum_of_large: str) -> dict[str, object]:
        """A file in one of the Hub's two kinds of list, which differ in their names."""
        row = {"type": "file", name: path, "size": len(content), blob: git_checksum(content)}
        if path.endswith(LARGE):
            row["lfs"] = {"size": len(content), sum_of_large: hashlib.sha256(content).hexdigest(), "pointerSize": 1}
        return row

    def send(
        self, request: BaseHTTPRequestHandler, status: int, content: bytes, headers: dict | None = None, file: str = ""
    ) -> None:
        """The answer's head, and for GET its content: from where the client asks, or only half if it is to break off."""
        begin = 0
        if asked := re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", "")):
            begin, status = int(asked[1]), 206
        request.send_response(status)
        for name, value in (headers or {}).items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(content) - begin))
        request.end_headers()
        request.close_connection = True
        if request.command != "GET":
            return
        self.begun.setdefault(file, []).append(begin)
        end = len(content)
        if self.damage.get(file):
            self.damage[file] -= 1
            content = content[:-1] + bytes([content[-1] ^ 1])
        if self.break_off.get(file):
            self.break_off[file] -= 1
            end //= 2
        elif self.stall.get(file):
            self.stall[file] -= 1
            request.wfile.write(content[begin : end // 2])
            request.wfile.flush()
            time.sleep(self.pause)
            return
        request.wfile.write(content[begin:end])
