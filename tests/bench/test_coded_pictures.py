"""A coded picture is told by its pixels, wherever on a screenshot it stands."""

import io

import pytest
from PIL import Image

from bench import coded_pictures


@pytest.mark.parametrize("number", [0, 1, 170, 341, coded_pictures.MOST - 1])
@pytest.mark.parametrize("quality", [95, 50])
def test_a_picture_is_known_on_a_screenshot_at_another_size(number, quality):
    screen = Image.new("RGB", (700, 500), "grey")
    with Image.open(io.BytesIO(coded_pictures.webp(number, 512))) as picture:
        screen.paste(picture.resize((321, 321)), (40, 90))
    taken = io.BytesIO()
    screen.save(taken, "JPEG", quality=quality)
    with Image.open(taken) as screenshot:
        assert coded_pictures.number_in(screenshot, (40, 90, 321, 321)) == number


def test_no_two_pictures_are_alike():
    assert len({coded_pictures.webp(number, 64) for number in range(40)}) == 40
