"""The two packages: that they are the pinned ones, and what is read out of them."""

import base64
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from scripts.demo_model.emoji import read_emoji
from scripts.demo_model.errors import DemoModelError
from scripts.demo_model.packages import Package, fetch

INDEX = [
    {
        "name": "RED APPLE",
        "short_name": "apple",
        "short_names": ["apple", "red-apple", "crisp_apple"],
        "image": "1f34e.png",
        "category": "Food & Drink",
        "subcategory": "food-fruit",
    },
    {
        "name": None,
        "short_name": "flag-de",
        "short_names": ["flag-de"],
        "image": "1f1e9.png",
        "category": "Flags",
        "subcategory": "country-flag",
    },
]


def picture(kind: str, size: tuple[int, int]) -> bytes:
    data = io.BytesIO()
    Image.new("RGBA", size, (200, 10, 10, 255)).save(data, kind)
    return data.getvalue()


def tarball(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def noto(tmp_path: Path) -> Path:
    files = {f"package/img/google/64/{entry['image']}": picture("PNG", (64, 32)) for entry in INDEX}
    return tarball(tmp_path / "noto.tgz", files | {"package/emoji.json": json.dumps(INDEX).encode()})


@pytest.fixture
def fluent(tmp_path: Path) -> Path:
    return tarball(tmp_path / "fluent.tgz", {"package/assets/1f34e.webp": picture("WEBP", (256, 256))})


def test_each_style_is_a_picture_with_the_same_names(noto: Path, fluent: Path) -> None:
    pictures = read_emoji(noto, fluent, 16)
    assert [row.style for row in pictures.rows] == ["flat", "3d"]
    assert {tuple(row.names) for row in pictures.rows} == {("red apple", "apple", "crisp apple")}
    assert {row.group for row in pictures.rows} == {"food fruit"}


def test_a_wide_picture_keeps_its_shape_on_transparent_ground(noto: Path, fluent: Path) -> None:
    flat, round_ = read_emoji(noto, fluent, 16).rgba
    assert flat.shape == (16, 16, 4)
    assert flat[:4, :, 3].max() == 0
    assert flat[4:12, :, 3].min() == 255
    assert round_[..., 3].min() == 255


def test_a_tarball_that_is_not_the_pinned_one_is_refused(noto: Path) -> None:
    with pytest.raises(DemoModelError, match="is not some-emoji"):
        fetch(pinned(noto, b"something else"), noto.parent)


def test_a_tarball_that_is_there_already_is_taken(noto: Path) -> None:
    package = pinned(noto, noto.read_bytes())
    assert fetch(package, noto.parent) == noto.parent / package.filename


def test_without_npm_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DemoModelError, match=r"Install Node\.js, or download"):
        fetch(Package("@some/emoji", "1.0.0", ""), tmp_path)


def test_npm_packs_a_tarball_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text('#!/bin/sh\n[ "$3" = @some/emoji@1.0.0 ] && printf packed > "$5/some-emoji-1.0.0.tgz"\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:/usr/bin:/bin")
    package = Package("@some/emoji", "1.0.0", integrity(b"packed"))
    assert fetch(package, tmp_path / "packages").read_bytes() == b"packed"


def pinned(tarball: Path, content: bytes) -> Package:
    """A package whose tarball lies beside `tarball` with the same bytes, pinned to the hash of `content`."""
    package = Package("some-emoji", "1.0.0", integrity(content))
    (tarball.parent / package.filename).write_bytes(tarball.read_bytes())
    return package


def integrity(content: bytes) -> str:
    return f"sha512-{base64.b64encode(hashlib.sha512(content).digest()).decode()}"
