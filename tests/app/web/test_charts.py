import math
import re

import pytest

from app.services.bradley_terry import Open, Strength
from app.services.training_views import Point
from app.web.charts import HEIGHT, WIDTH, Spread, bar_row, line_chart, short, thinned
from app.web.interval_chart import dots


def points(*values: float) -> list[Point]:
    return [Point(step, value) for step, value in enumerate(values, start=1)]


def test_a_curve_without_points_is_empty():
    assert line_chart([("loss", [])]).is_empty


def test_a_curve_stays_inside_its_picture_and_runs_left_to_right():
    (line,) = line_chart([("loss", points(0.7, 0.2, 0.9))]).lines
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y, _, _ in line.points)
    assert [x for x, *_ in line.points] == sorted(x for x, *_ in line.points)
    (_, low, *_), (_, high, *_) = line.points[1], line.points[2]
    assert high < low, "a larger value stands higher up"


def test_the_axis_reaches_the_values_that_it_must():
    chart = line_chart([("accuracy", points(0.6, 0.7))], floor=0, ceiling=1, guide=0.5)
    labels = [float(tick.label) for tick in chart.y_ticks]
    assert min(labels) == 0
    assert max(labels) == 1
    assert chart.guide is not None
    assert chart.guide.label == "0.5"


def test_a_long_jumpy_curve_is_smoothed_and_keeps_its_values_faintly_behind():
    jumpy = points(*(step % 2 for step in range(200)))
    (line,) = line_chart([("accuracy", jumpy)], smooth=True).lines
    assert line.faint
    assert all(abs(value - 0.5) < 0.11 for *_, value in line.points[10:])
    assert line_chart([("accuracy", jumpy[:10])], smooth=True).lines[0].faint == ""


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_not_finite_is_left_out(value):
    (line,) = line_chart([("loss", points(0.7, value, 0.6))]).lines
    assert [step for _, _, step, _ in line.points] == [1, 3]


def test_a_single_point_and_a_flat_curve_can_be_drawn():
    (single,) = line_chart([("loss", points(0.7))]).lines
    assert "h4" in single.path
    (flat,) = line_chart([("loss", points(0.0, 0.0, 0.0))]).lines
    assert "nan" not in flat.path


def test_columns_rise_above_zero_and_hang_below_it():
    row = bar_row(["951", "901", "851"], [1.0, None, -0.5], height=60)
    up, gap, down = row.bars
    assert up.y + up.height == pytest.approx(row.zero)
    assert down.y == pytest.approx(row.zero)
    assert down.height == pytest.approx(up.height / 2, abs=0.02)
    assert gap.value is None
    assert (row.top_label, row.bottom_label) == ("1", "-0.5")


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (3e-5, "3e-5"), (0.6931471, "0.6931"), (12345, "1.23e4"), (-0.5, "-0.5"), (40, "40")]
)
def test_a_number_is_short(value, text):
    assert short(value) == text


def test_the_labels_of_a_curve_that_hardly_moves_tell_its_ticks_apart():
    labels = [tick.label for tick in line_chart([("loss", points(0.69315, 0.69314, 0.69316))]).y_ticks]
    assert len(labels) > 1
    assert len(set(labels)) == len(labels)


def test_how_far_values_may_be_off_is_drawn_around_their_curve_and_fits_the_axis():
    spreads = {"score": [Spread(1, 0.0, 1.0), Spread(2, -math.inf, math.inf), Spread(3, 0.5, 2.0)]}
    chart = line_chart([("score", points(0.5, 0.6, 1.0)), ("other", points(0.5, 0.5, 0.5))], spreads=spreads)
    line, bare = chart.lines
    assert (bare.band, bare.bars) == ("", "")
    assert line.bars.count("M") == 2, "an interval that nothing bounds is left out"
    heights = [float(height) for height in re.findall(r" ([-\d.]+)", line.band)]
    assert len(heights) == 4
    assert min(heights) >= chart.top
    assert max(heights) <= chart.bottom


def test_strengths_stand_at_their_places_with_open_ends_at_the_edge():
    base = Strength(0, 0, 0, 0, Open.NEITHER, 30)
    known = Strength(1, math.log(3), 0.2, 2.0, Open.NEITHER, 20)
    won = Strength(2, 3.0, 1.0, math.inf, Open.HIGH, 10)
    chart = dots([won, known, base])
    assert [dot.y for dot in chart.dots] == sorted(dot.y for dot in chart.dots)
    assert chart.dots[0].open_high
    assert not chart.dots[0].open_low
    assert chart.dots[0].high == chart.right
    assert chart.dots[2].x == chart.even
    assert all(chart.left <= dot.low <= dot.x <= dot.high <= chart.right for dot in chart.dots)
    by_label = {tick.label: tick.at for tick in chart.ticks}
    assert by_label["75"] == chart.dots[1].x, "log 3 is to win three of four"
    assert by_label["50"] == chart.even


def test_a_thinned_curve_keeps_its_newest_point_and_about_as_many_as_are_asked_for():
    points = list(range(1001))
    kept = thinned(points, 200)
    assert (kept[-1], 150 <= len(kept) <= 200) == (1000, True)
    assert kept == sorted(kept)
    assert thinned(points[:200], 200) == points[:200]
