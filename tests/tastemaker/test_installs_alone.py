"""The client as a distribution of its own: built, installed where nothing else is, and used from there."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from app.models import Role
from app.paths import ROOT
from tests.browser.conftest import Site
from tests.tastemaker.conftest import token

PROGRAM = """
import importlib.metadata, importlib.util, json, pathlib, tastemaker.client
from tastemaker.client import Client, NotFound

with Client.from_environment() as client:
    try:
        client.studies.get(1)
    except NotFound as error:
        said = error.detail
    print(json.dumps({
        "name": client.me().name,
        "said": said,
        "where": tastemaker.client.__file__,
        "typed": (pathlib.Path(tastemaker.__file__).parent / "py.typed").exists(),
        "ours": [name for name in ("app", "worker", "bench") if importlib.util.find_spec(name)],
        "installed": sorted(found.metadata["Name"] for found in importlib.metadata.distributions()),
    }))
"""
BESIDE = {"anyio", "certifi", "h11", "httpcore", "httpx", "idna", "pip", "setuptools", "typing_extensions"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client's wheel, built of the sources as they are."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "tastemaker", folder / "source", ignore=shutil.ignore_patterns("build", "*.egg-info"))
    pip("wheel", "--no-deps", "--wheel-dir", folder, folder / "source")
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_client_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    sources = {f"tastemaker/{path.relative_to(ROOT / 'tastemaker')}" for path in (ROOT / "tastemaker").rglob("*.py")}
    sources = {name for name in sources if not name.startswith("tastemaker/build/")}  # of an install of it from here
    inside = {name for name in names if ".dist-info/" not in name}
    assert inside == sources | {"tastemaker/py.typed"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_it_works_where_only_httpx_is_installed(wheel: Path, site: Site, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip("install", "--constraint", ROOT / "constraints.txt", wheel, python=python)
    known = {"TASTE_SITE": site.url, "TASTE_TOKEN": token(site, Role.RESEARCHER)}
    ran = subprocess.run([python, "-c", PROGRAM], env=known, cwd=tmp_path, capture_output=True, text=True, check=True)
    told = json.loads(ran.stdout)
    assert told["name"].startswith("Researcher")
    assert "study 1" in told["said"].lower()
    assert Path(told["where"]).is_relative_to(tmp_path)
    assert (told["typed"], told["ours"]) == (True, [])
    assert set(told["installed"]) <= BESIDE | {"tastemaker-client"}


def pip(*arguments: str | Path, python: str | Path = sys.executable) -> None:
    """Run pip apart from this project's own path; fails with what it says."""
    apart = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    ran = subprocess.run(command, env=apart, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
