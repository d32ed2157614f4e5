import base64
import hashlib

import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from app.artifacts import Artifacts
from app.web.downloads import download

CONTENT = bytes(range(256)) * 10
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def client(tmp_path):
    artifacts = Artifacts(str(tmp_path))
    artifacts.put_bytes("a/file-1", CONTENT)
    app = FastAPI()

    @app.get("/file")
    def file(request: Request):
        return download(request, artifacts, key="a/file-1", size=len(CONTENT), sha256=SHA256, name="lora 1.safetensors")

    return TestClient(app)


def test_the_whole_file_comes_with_its_size_its_name_and_its_hash(client):
    whole = client.get("/file")
    assert (whole.status_code, whole.content) == (200, CONTENT)
    assert whole.headers["etag"] == f'"{SHA256}"'
    digest = base64.b64encode(bytes.fromhex(SHA256)).decode()
    assert whole.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert whole.headers["content-length"] == str(len(CONTENT))
    assert whole.headers["content-disposition"] == 'attachment; filename="lora 1.safetensors"'


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-99", 0, 100), ("bytes=2500-", 2500, 2560), ("bytes=-60", 2500, 2560), ("bytes=2500-9999", 2500, 2560)],
)
def test_a_part_is_served(client, asked, start, end):
    part = client.get("/file", headers={"Range": asked})
    assert (part.status_code, part.content) == (206, CONTENT[start:end])
    assert part.headers["content-range"] == f"bytes {start}-{end - 1}/2560"


def test_a_part_outside_the_file_is_refused(client):
    refused = client.get("/file", headers={"Range": "bytes=9000-"})
    assert refused.status_code == 416
    assert refused.headers["content-range"] == "bytes */2560"


@pytest.mark.parametrize("asked", ["bytes=-", "pages=1-2", "bytes=0-1,5-6", "bytes=0-2559"])
def test_what_is_no_single_part_gets_the_whole_file(client, asked):
    whole = client.get("/file", headers={"Range": asked})
    assert (whole.status_code, whole.content) == (200, CONTENT)


def test_who_has_the_file_is_told_so(client):
    known = client.get("/file", headers={"If-None-Match": f'"other", "{SHA256}"'})
    assert (known.status_code, known.content) == (304, b"")


def test_a_download_goes_on_only_while_the_file_is_the_same(client):
    part = client.get("/file", headers={"Range": "bytes=0-9", "If-Range": f'"{SHA256}"'})
    assert part.status_code == 206
    whole = client.get("/file", headers={"Range": "bytes=0-9", "If-Range": '"another"'})
    assert (whole.status_code, whole.content) == (200, CONTENT)
