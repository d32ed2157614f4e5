"""A checkpoint's files: the adapter in the three forms that others read, each as one file."""

import zipfile
from io import BytesIO

from app.models.base import Json
from worker.d3po import Adapter
from worker.d3po.lora_files import DIFFUSERS_NAME, LoraInfo, write_diffusers, write_kohya, write_peft
from worker.files import OwnFiles

EARLIEST = (1980, 1, 1, 0, 0, 0)  # a zip of the same files is the same bytes whenever it is written


def store(files: OwnFiles, adapter: bytes, info: LoraInfo) -> Json:
    """Write them; returns name, key, size and SHA-256 of each by its format."""
    own = Adapter.from_bytes(adapter)
    slug = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in info.title.lower()).split()) or "lora"
    contents = {
        "peft": (f"{slug}-peft.zip", _zipped(write_peft(own, info))),
        "diffusers": (DIFFUSERS_NAME, write_diffusers(own, info)),
        "kohya": (f"{slug}.safetensors", write_kohya(own, info)),
    }
    return {format_: _stored(files, format_, name, data) for format_, (name, data) in contents.items()}


def _stored(files: OwnFiles, format_: str, name: str, data: bytes) -> Json:
    ending = name.rpartition(".")[2]
    stored = files.put(f"{format_}.{ending}", data)
    return {"name": name, "key": stored.key, "size": stored.size, "sha256": stored.sha256}


def _zipped(members: dict[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in members.items():
            file.writestr(zipfile.ZipInfo(name, EARLIEST), data)
    return buffer.getvalue()
