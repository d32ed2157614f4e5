"""Stored files as downloads: whole or in ranges (RFC 9110, section 14), known by their SHA-256 as a strong ETag.

The same answer from a folder and from S3. What is asked for in an unknown unit or several ranges gets the whole file,
as the RFC allows.
"""

import re
from base64 import b64encode
from email.message import Message

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from app.artifacts import Artifacts
from app.services.checkpoint_views import CheckpointLine, StoredFile

MEDIA_TYPES = {"png": "image/png", "zip": "application/zip"}
ONE_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def download(request: Request, artifacts: Artifacts, *, key: str, size: int, sha256: str, name: str) -> Response:
    """The file `key`, offered under `name`; 304 where the caller has it, 206 or 416 where a range is asked for.

    Raises `NotFound` where the file is gone.
    """
    tag = f'"{sha256}"'
    headers = {
        "ETag": tag,
        "Repr-Digest": f"sha-256=:{b64encode(bytes.fromhex(sha256)).decode()}:",  # RFC 9530
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        **as_attachment(name),
    }
    if tag in [one.strip() for one in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    asked = request.headers.get("range") if request.headers.get("if-range", tag) == tag else None
    span = _span(asked, size)
    if span is None:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    start, end = span
    headers["Content-Length"] = str(end - start)
    partial = (start, end) != (0, size)
    if partial:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    media_type = MEDIA_TYPES.get(name.rpartition(".")[2], "application/octet-stream")
    return StreamingResponse(artifacts.open_stream(key, start, end), 206 if partial else 200, headers, media_type)


def checkpoint_file_name(line: CheckpointLine, file: StoredFile) -> str:
    """Under which name a checkpoint's file is saved, unlike any other's: `demo-emoji-3-diffusers.safetensors`."""
    return f"{plain_name(line.study_name)}-{line.number}-{file.format}.{file.name.rpartition('.')[2]}"


def plain_name(text: str) -> str:
    """A study's name as a file's name may hold it everywhere: `demo-emoji`."""
    return "-".join(re.findall(r"[a-z0-9]+", text.lower())) or "study"


def _span(asked: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the byte after the last: of the range asked for, else of all; none where it lies outside."""
    found = ONE_RANGE.fullmatch(asked.strip()) if asked else None
    if found is None or found.groups() == ("", ""):
        return 0, size
    first, last = found.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
    return (start, end) if start < end else None


def as_attachment(name: str) -> dict[str, str]:
    """The header that makes browsers save the answer as `name`."""
    header = Message()
    header.add_header("Content-Disposition", "attachment", filename=name)
    return {"Content-Disposition": str(header["Content-Disposition"])}
