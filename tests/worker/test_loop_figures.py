"""The figures of the loop, and the files it writes."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from app.artifacts import Artifacts
from app.services.measures import Mean
from app.settings import Settings
from tests.worker import rooms
from worker.judges import find
from worker.loop.curve import curve
from worker.loop.figures import Line, Seconds
from worker.loop.report import HEADER, Report, cells

BASE = Line(0, 2.7, 0, Seconds(0, 0, 3), None, 2.6, None, None, 3)
FIRST = Line(1, 2.5, 40, Seconds(10, 20, 5), 7, 2.4, Mean(-0.2, -0.3, -0.1), Mean(-0.2, -0.4, 0.0), 3)


def test_a_line_is_json_of_the_fixed_shape() -> None:
    line = json.loads(json.dumps(FIRST.as_json()))
    assert line["round"] == 1
    assert line["eval_score"] == 2.5
    assert line["choices"] == 40
    assert line["seconds"] == {"sample": 10, "train": 20, "other": 5}
    assert line["checkpoint"] == 7
    assert line["difference"] == {"mean": -0.2, "low": -0.3, "high": -0.1}
    assert BASE.as_json()["checkpoint"] is None
    assert replace(FIRST, difference=Mean.of(0.1, None, 1)).as_json()["difference"]["high"] is None


def test_the_table_has_a_cell_for_every_column() -> None:
    assert cells(FIRST) == ["1", "2.500", "-0.200 ± 0.100", "2.400", "-0.200 ± 0.200", "40", "10.0", "20.0", "5.0"]
    assert len(cells(BASE)) == len(HEADER)
    assert cells(BASE)[:3] == ["base", "2.700", ""]


@pytest.mark.parametrize("lines", [[BASE], [BASE, FIRST], [BASE, *[FIRST] * 40]])
def test_the_curve_is_an_svg_with_a_point_for_every_round(lines: list[Line]) -> None:
    svg = ET.fromstring(curve(lines, title="flat < 3d", unit="kB"))
    space = "{http://www.w3.org/2000/svg}"
    for polyline in svg.iter(f"{space}polyline"):
        assert len(polyline.attrib["points"].split()) == len(lines)
    assert "flat < 3d" in [text.text for text in svg.iter(f"{space}text")]


def test_a_report_writes_table_curve_and_grid(active: Settings, demo_model: Path, tmp_path: Path) -> None:
    study = rooms.make_study(demo_model)
    rooms.launch(study)
    rooms.work_off()
    report = Report(
        tmp_path / "out", judge=find("jpeg_compressibility"), title="Tiny", study_id=study.id,
        artifacts=Artifacts(active.artifacts),
    )  # fmt: skip

    report.write([BASE])

    assert {path.name for path in report.folder.iterdir()} == {"lines.jsonl", "table.md", "curve.svg", "grid.png"}
    assert "| base | 2.700 |" in (report.folder / "table.md").read_text()
    with Image.open(report.folder / "grid.png") as grid:
        colours = grid.convert("RGB").crop((150, 24, 246, 120)).getcolors(10000)
    assert colours is not None
    assert len(colours) > 100  # a picture, not paper
