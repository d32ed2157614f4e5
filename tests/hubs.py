"""A Hugging Face hub for tests: a real HTTP server on loopback with the addresses that `huggingface_hub` asks when it
makes a repository and commits to it, so that the library's own code runs."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

TOKEN = "hf_a_token_for_tests"
NAME = r"([\w.-]+/[\w.-]+)"


@dataclass
class Repository:
    """A repository: who sees it, its files as they are now, and the message of each commit."""

    private: bool
    files: dict[str, bytes] = field(default_factory=lambda: {".gitattributes": b"*.safetensors filter=lfs"})
    commits: list[str] = field(default_factory=lambda: ["initial commit"])

    @property
    def head(self) -> str:
        return hashlib.sha1("\n".join(self.commits).encode(), usedforsecurity=False).hexdigest()


@dataclass
class Hub:
    """The server: its repositories, whose owners the token may write for, what it was asked, and how it misbehaves.

    `faults` gives the status that a request is answered with, by a part of its path. `before_upload` is called while a
    large file arrives.
    """

    url: str = ""
    owners: tuple[str, ...] = ("me",)
    repositories: dict[str, Repository] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    says: str = ""
    before_upload: Callable[[], object] = lambda: None
    lock: Lock = field(default_factory=Lock)


class RefusalError(Exception):
    def __init__(self, status: int, says: str, **more: str) -> None:
        self.status, self.body = status, {"error": says, **more}


@contextmanager
def hub() -> Iterator[Hub]:
    """A hub on a free port of 127.0.0.1."""
    made = Hub()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.partition("?")[0]
            with made.lock:
                made.asked.append(f"{self.command} {path}")
            if self.command == "PUT":
                made.before_upload()
            try:
                with made.lock:
                    status, told = 200, answered(made, self.command, path, self.headers.get("Authorization"), body)
            except RefusalError as refusal:
                status, told = refusal.status, refusal.body
            said = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_PUT = answer  # noqa: N815 -- the server's own names

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


def answered(hub: Hub, method: str, path: str, authorization: str | None, body: bytes) -> Any:
    """What the hub says to a request. Raises `RefusalError`."""
    for part, status in hub.faults.items():
        if part in path:
            raise RefusalError(status, hub.says or "It is so.")
    if found := re.fullmatch(r"/lfs/([0-9a-f]{64})", path):  # signed addresses of a store: no token is sent there
        assert authorization is None
        assert hashlib.sha256(body).hexdigest() == found[1]
        hub.blobs[found[1]] = body
        return {}
    if authorization != f"Bearer {TOKEN}":
        raise RefusalError(401, "Invalid user token.")
    if path == "/api/repos/create":
        return _created(hub, json.loads(body))
    if path == "/api/validate-yaml":
        return {"errors": [], "warnings": []}
    for address, answer in ADDRESSES.items():
        if found := re.fullmatch(f"{method} {NAME.join(address.split('NAME'))}", f"{method} {path}"):
            if found[1] not in hub.repositories:
                raise RefusalError(404, "Repository not found")
            return answer(hub, found[1], body)
    raise AssertionError(f"{method} {path} is not one of this hub's addresses")


def _created(hub: Hub, asked: dict[str, Any]) -> Any:
    name = f"{asked['organization']}/{asked['name']}"
    if asked["organization"] not in hub.owners:
        raise RefusalError(
            403, f"You don't have the rights to create a model under the namespace {asked['organization']}"
        )
    if name in hub.repositories:
        raise RefusalError(409, "You already created this model repo", url=f"{hub.url}/{name}")
    hub.repositories[name] = Repository(private=asked["visibility"] == "private")
    return {"url": f"{hub.url}/{name}"}


def _model(hub: Hub, name: str, body: bytes) -> Any:
    there = hub.repositories[name]
    names = [{"rfilename": path} for path in there.files]
    return {"id": name, "sha": there.head, "private": there.private, "siblings": names, "tags": [], "downloads": 0}


def _preupload(hub: Hub, name: str, body: bytes) -> Any:
    there = hub.repositories[name].files
    return {
        "files": [
            {
                "path": path,
                "uploadMode": "lfs" if _is_large(path) else "regular",
                "shouldIgnore": False,
                "oid": _oid(path, there[path]) if path in there else None,
            }
            for path in (one["path"] for one in json.loads(body)["files"])
        ]
    }


def _batch(hub: Hub, name: str, body: bytes) -> Any:
    objects = [{"oid": one["oid"], "size": one["size"]} for one in json.loads(body)["objects"]]
    for one in objects:
        if one["oid"] not in hub.blobs:
            one["actions"] = {"upload": {"href": f"{hub.url}/lfs/{one['oid']}"}}
    return {"transfer": "basic", "objects": objects}


def _commit(hub: Hub, name: str, body: bytes) -> Any:
    there = hub.repositories[name]
    lines = [json.loads(line) for line in body.splitlines()]
    header = lines[0]["value"]
    if header.get("parentCommit") not in (None, there.head):
        raise RefusalError(412, "A commit has happened since. Please refresh and try again.")
    for line in lines[1:]:
        value = line["value"]
        match line["key"]:
            case "file":
                there.files[value["path"]] = base64.b64decode(value["content"])
            case "lfsFile":
                there.files[value["path"]] = hub.blobs[value["oid"]]
            case "deletedFile":
                del there.files[value["path"]]
            case other:
                raise AssertionError(other)
    there.commits.append(header["summary"])
    return {"commitUrl": f"{hub.url}/{name}/commit/{there.head}", "commitOid": there.head}


ADDRESSES: dict[str, Callable[[Hub, str, bytes], Any]] = {
    "/api/models/NAME": _model,
    "/api/models/NAME/revision/main": _model,
    "/api/models/NAME/preupload/main": _preupload,
    "/NAME.git/info/lfs/objects/batch": _batch,
    "/api/models/NAME/commit/main": _commit,
}


def _is_large(path: str) -> bool:
    return path.endswith((".safetensors", ".webp"))


def _oid(path: str, content: bytes) -> str:
    """A large file's SHA-256, and of any other git's name for its blob."""
    if _is_large(path):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
