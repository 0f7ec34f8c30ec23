"""A stand-in for the Hugging Face Hub on this machine: the part of its protocol that a download uses, over made files."""

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FILE = re.compile(r"/(?:(datasets)/)?([^/]+/[^/]+)/resolve/([0-9a-f]{40})/(.+)")
INFO = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)/(revision|tree)/([0-9a-f]{40})/?")


class Hub:
    """Serves ``repositories``: (kind, id, revision) -> {path: bytes}, with kind "models" or "datasets".

    ``asked`` lists the requests as they came; ``break_off`` says how many times a path's content ends in the middle.
    """

    def __init__(self, repositories: dict[tuple[str, str, str], dict[str, bytes]]) -> None:
        self.repositories = repositories
        self.asked: list[str] = []
        self.break_off: dict[str, int] = {}
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
                listing = [{"type": "file", "path": p, "size": len(c), "oid": "0" * 40} for p, c in files.items()]
                info = {"id": name, "sha": revision, "siblings": [{"rfilename": p} for p in files], "tags": []}
                return self.send(request, 200, json.dumps(info if what == "revision" else listing).encode())
        if match := FILE.fullmatch(path):
            kind, name, revision, file = match.groups()
            content = self.repositories.get((kind or "models", name, revision), {}).get(file)
            if content is not None:
                tag = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": revision}
                return self.send(request, 200, content, tag, file)
        return self.send(request, 404, b"{}", {"X-Error-Code": "RepoNotFound"})

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
        end = len(content)
        if self.break_off.get(file) and request.command == "GET":
            self.break_off[file] -= 1
            end //= 2
        if request.command == "GET":
            request.wfile.write(content[begin:end])
        request.close_connection = True
