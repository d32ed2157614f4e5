"""What the tests of the pair page do again and again."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

LEFT = ".pair-picture[data-answer=left]"
RIGHT = ".pair-picture[data-answer=right]"
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 3, "has_touch": True, "is_mobile": True}


class Touch:
    """Fingers on the screen of `page`, each a place."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)

    def down(self, *places: tuple[float, float]) -> None:
        self._send("touchStart", places)

    def move(self, *places: tuple[float, float]) -> None:
        self._send("touchMove", places)

    def up(self, *left: tuple[float, float]) -> None:
        """Lift all fingers but those `left`."""
        self._send("touchEnd", left)

    def _send(self, kind: str, places: tuple[tuple[float, float], ...]) -> None:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def centre(page: Page, selector: str) -> tuple[float, float]:
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def as_side(answer: str, first_on_left: bool) -> str:
    sides = {"first": "left", "second": "right"} if first_on_left else {"first": "right", "second": "left"}
    return sides.get(answer, str(answer))


def wait_for_pair(page: Page) -> None:
    """Until the script shows a pair: only it sets the size of a picture."""
    expect(page.locator(f"{LEFT} img.is-fitted")).to_be_visible()


def shown(page: Page) -> str:
    """The address of the left picture: which pair is on the screen."""
    return str(page.locator(f"{LEFT} img").get_attribute("src"))


def answer_by(page: Page, act: Callable[[], object]) -> None:
    """Do `act`, a little later than a double click, and see the next pair."""
    before = shown(page)
    page.wait_for_timeout(200)
    act()
    expect(page.locator(f'{LEFT} img[src="{before}"]')).to_have_count(0)


def eventually(page: Page, read: Callable[[], object], expected: object) -> None:
    """What the site has stored is `expected` within some seconds: answers are sent behind the scenes."""
    for _ in range(50):
        if read() == expected:
            return
        page.wait_for_timeout(100)
    assert read() == expected
