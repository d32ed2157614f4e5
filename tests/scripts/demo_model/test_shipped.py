"""The model that is shipped in demo/model."""

import hashlib
from pathlib import Path

DEMO = Path(__file__).parents[3] / "demo"


def test_every_file_of_the_shipped_model_is_the_one_that_the_checksums_name() -> None:
    lines = (DEMO / "SHA256SUMS").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    found = {
        path.relative_to(DEMO).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (DEMO / "model").rglob("*")
        if path.is_file()
    }
    assert found == listed


def test_every_licence_that_the_notice_names_is_there() -> None:
    notice = (DEMO / "NOTICE").read_text()
    licences = sorted((DEMO / "licenses").iterdir())
    assert licences
    assert all(f"licenses/{licence.name}" in notice for licence in licences)
