import hashlib
import re

import pytest

from app.paths import STATIC
from app.web.static import VersionedStatic, content_hash
from tests.app.web.conftest import Client

VENDOR = STATIC / "vendor"


@pytest.fixture
def bare(bare_app):
    return Client(bare_app)


def test_a_file_of_this_version_is_kept_for_good(bare_app, bare):
    answer = bare.get(bare_app.state.static.url("css/base.css"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_a_page_from_before_an_upgrade_gets_the_new_file_uncached(bare):
    answer = bare.get("/static/000000000000/css/base.css")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", ["/static/css", "/static/x/nothing.css", "/static/x/../../pyproject.toml", "/static/"])
def test_what_is_not_there_is_a_404(bare, path):
    assert bare.get(path).status_code == 404


def test_the_version_changes_with_any_byte_or_name(tmp_path):
    (tmp_path / "a.css").write_text("a")
    before = content_hash(tmp_path)
    (tmp_path / "a.css").write_text("b")
    changed = content_hash(tmp_path)
    (tmp_path / "a.css").rename(tmp_path / "b.css")
    assert len({before, changed, content_hash(tmp_path)}) == 3
    assert VersionedStatic(tmp_path).url("b.css") == f"/static/{content_hash(tmp_path)}/b.css"


def test_modules_import_each_other_by_relative_address():
    for path in (STATIC / "js").rglob("*.js"):
        for target in re.findall(r'from "([^"]+)"', path.read_text()):
            assert target.startswith("."), f"{path.name} imports {target}"
            assert (path.parent / target).is_file()


def test_vendored_files_are_the_ones_whose_checksums_are_kept():
    listed = dict(reversed(line.split()) for line in (VENDOR / "SHA256SUMS").read_text().splitlines())
    found = {p.relative_to(VENDOR).as_posix(): p for p in VENDOR.rglob("*.js")}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()} == listed
    assert (VENDOR / "htmx" / "LICENSE").is_file()
