"""A small server on this machine that speaks the Hub's API as huggingface_hub needs it, its repositories in memory."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import yaml

TOKEN = "hf_" + "abcdefghijklmnop"
"""The one token that may write and see what is private."""
GUEST = "hf_" + "qrstuvwxyzabcdef"
"""A token without rights."""
LARGE = 1000
"""Bytes from which a file goes the way of large files."""


@dataclass
class Repository:
    """Files by commit, the newest last, and what was said of it."""

    private: bool
    commits: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)

    def commit(self, files: dict[str, bytes]) -> str:
        oid = hashlib.sha1(repr((len(self.commits), sorted(files))).encode(), usedforsecurity=False).hexdigest()
        self.commits.append((oid, files))
        return oid

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        if revision == "main":
            return self.commits[-1]
        return next((one for one in self.commits if one[0].startswith(revision)), None)


class HubServer(ThreadingHTTPServer):
    """The server's state.

    Attributes:
        repositories: by `user/name`.
        blobs: large files by SHA-256, before a commit names them.
        asked: methods and paths of all requests.
        fails: a pattern of `METHOD path`; what fits is answered by 503, or is cut off in the middle of a download.
        cut: bytes after which downloads that `fails` names end.
        waits: how often `fails` lets a request pass first.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, Repository] = {}
        self.blobs: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.fails, self.cut, self.waits = "", 0, 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def names(self, repository: str) -> set[str]:
        return {*self.repositories[repository].commits[-1][1]}

    def change(self, repository: str, **files: Any) -> None:
        """Make a commit by hand: names with `__` for `/`; None removes."""
        before = dict(self.repositories[repository].commits[-1][1])
        for name, content in files.items():
            before.pop(name, None)
            before |= {} if content is None else {name: content}
        self.repositories[repository].commit(before)


class _Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, status: int, body: Any = b"", headers: dict[str, str] | None = None) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._answer(status, {"error": message}, {"X-Error-Code": code, "X-Error-Message": message})

    def _handle(self) -> None:
        told = f"{self.command} {unquote(self.path)}"
        self.server.asked.append(told)
        length = int(self.headers.get("Content-Length") or 0)
        self._body = self.rfile.read(length) if length else b""
        if self._fails(told) and not self.server.cut:
            self._refuse(503, "", "the server rests")
            return
        for pattern, method in _ROUTES:
            if found := re.fullmatch(pattern, told):
                method(self, **found.groupdict())
                return
        self._refuse(404, "", f"nothing is here: {told}")

    def _fails(self, told: str) -> bool:
        if not self.server.fails or not re.search(self.server.fails, told):
            return False
        self.server.waits -= 1
        return self.server.waits < 0

    do_GET = do_HEAD = do_POST = do_PUT = _handle  # noqa: N815 - names that http.server calls

    @property
    def _may_write(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _repository(self, name: str, writes: bool = False) -> Repository | None:
        """Return a repository; None, and it is answered, where it is not there or may not be seen."""
        found = self.server.repositories.get(name)
        if found is None or (found.private and not self._may_write):
            self._refuse(404 if self._may_write else 401, "RepoNotFound", "Repository not found")
            return None
        if writes and not self._may_write:
            self._refuse(403, "", f"no right to write, {self.headers.get('Authorization')}")
            return None
        return found

    def create(self) -> None:
        asked = json.loads(self._body)
        name = f"{asked['organization']}/{asked['name']}"
        if not self._may_write:
            self._refuse(401, "", "Invalid username or password.")
        elif name in self.server.repositories:
            self._answer(409, {"error": "You already created this model repo", "url": f"{self.server.url}/{name}"})
        else:
            self.server.repositories[name] = made = Repository(asked.get("private") or asked.get("visibility") == "private")
            made.commit({".gitattributes": b"*.npz filter=lfs\n"})
            self._answer(200, {"url": f"{self.server.url}/{name}"})

    def info(self, name: str, revision: str | None = None) -> None:
        if (repository := self._repository(name)) is None:
            return
        found = repository.at(revision or "main")
        if found is None:
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return
        siblings = [{"rfilename": one} for one in sorted(found[1])]
        self._answer(200, {"id": name, "modelId": name, "sha": found[0], "private": repository.private, "siblings": siblings})

    def validate(self) -> None:
        front = re.match(r"---\n(.*?)\n---\n", json.loads(self._body)["content"], re.DOTALL)
        licence = yaml.safe_load(front[1]).get("license", "mit") if front else "mit"
        if licence in {"mit", "apache-2.0"}:
            self._answer(200, {"warnings": [], "errors": []})
        else:
            self._answer(400, {"warnings": [], "errors": [{"message": f'"license" {licence} is not one of those known'}]})

    def preupload(self, name: str) -> None:
        if (repository := self._repository(name, writes=True)) is None:
            return
        there = repository.commits[-1][1]
        files = json.loads(self._body)["files"]
        modes = [{"path": one["path"], "uploadMode": "lfs" if one["size"] > LARGE else "regular"} for one in files]
        self._answer(200, {"files": [{**one, "shouldIgnore": False, "oid": _oid(there.get(one["path"]))} for one in modes]})

    def batch(self, name: str) -> None:
        if self._repository(name, writes=True) is None:
            return
        objects = []
        for one in json.loads(self._body)["objects"]:
            actions = {"upload": {"href": f"{self.server.url}/blob/{one['oid']}", "header": {}}}
            objects.append({**one, **({} if one["oid"] in self.server.blobs else {"actions": actions})})
        self._answer(200, {"transfer": "basic", "objects": objects}, {"Content-Type": "application/vnd.git-lfs+json"})

    def blob(self, oid: str) -> None:
        if hashlib.sha256(self._body).hexdigest() != oid:
            self._refuse(400, "", "not what was announced")
            return
        self.server.blobs[oid] = self._body
        self._answer(200)

    def commit(self, name: str) -> None:
        if (repository := self._repository(name, writes=True)) is None:
            return
        files = dict(repository.commits[-1][1])
        for line in map(json.loads, self._body.splitlines()):
            value = line["value"]
            if line["key"] == "header" and value.get("parentCommit") not in {None, repository.commits[-1][0]}:
                self._refuse(412, "", "a commit has happened since")
                return
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.blobs[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        oid = repository.commit(files)
        self._answer(200, {"commitUrl": f"{self.server.url}/{name}/commit/{oid}", "commitOid": oid, "success": True})

    def resolve(self, name: str, revision: str, path: str) -> None:
        if (repository := self._repository(name)) is None:
            return
        found = repository.at(revision)
        if found is None or path not in found[1]:
            self._refuse(404, "EntryNotFound" if found else "RevisionNotFound", "Entry not found")
            return
        content = found[1][path]
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": found[0], "Accept-Ranges": "bytes"}
        if self.command == "GET" and self._fails(f"GET {path}"):
            self.send_response(200)
            for key, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(content[: self.server.cut])
            self.close_connection = True
            return
        start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if start:
            whole = f"bytes {start[1]}-{len(content) - 1}/{len(content)}"
            self._answer(206, content[int(start[1]) :], {**headers, "Content-Range": whole})
        else:
            self._answer(200, content, headers)


_NAME = r"(?P<name>[\w.-]+/[\w.-]+)"
_ROUTES = (
    (r"POST /api/repos/create", _Handler.create),
    (r"POST /api/validate-yaml", _Handler.validate),
    (rf"GET /api/models/{_NAME}", _Handler.info),
    (rf"GET /api/models/{_NAME}/revision/(?P<revision>[^?]+)", _Handler.info),
    (rf"POST /api/models/{_NAME}/preupload/main", _Handler.preupload),
    (rf"POST /{_NAME}\.git/info/lfs/objects/batch", _Handler.batch),
    (r"PUT /blob/(?P<oid>\w+)", _Handler.blob),
    (rf"POST /api/models/{_NAME}/commit/main", _Handler.commit),
    (rf"(?:GET|HEAD) /{_NAME}/resolve/(?P<revision>[^/]+)/(?P<path>[^?]+)", _Handler.resolve),
)


def _oid(content: bytes | None) -> str | None:
    """Return what git calls a file."""
    if content is None:
        return None
    if len(content) > LARGE:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()


@contextmanager
def hub_server() -> Iterator[HubServer]:
    """Give a server that answers on this machine, until the block ends."""
    with HubServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
