"""Pictures as files: how those that come from outside are opened, and the two files in which each is kept: the PNG that
judges read, and the WebP that browsers get."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from app.errors import BadInput

FORMATS = ("PNG", "JPEG", "WEBP")
MOST_PIXELS = 40_000_000
LOSSLESS_UP_TO = 256  # pixels of the longer side
QUALITY = 95


@contextmanager
def opened(data: bytes) -> Iterator[Image.Image]:
    """A picture from outside, for as long as it is looked at; its size is checked before anything is decoded.

    Raises `BadInput` that says what the picture is, and so does what is decoded within.
    """
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise BadInput("has more than 40 million pixels")
            yield image
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise BadInput("is no PNG, JPEG or WebP that can be decoded") from error


def png(image: Image.Image) -> bytes:
    """Lossless."""
    return _encoded(image, format="PNG")


def webp(image: Image.Image) -> bytes:
    """Lossless where neither side is over 256 pixels, else at quality 95."""
    if max(image.size) <= LOSSLESS_UP_TO:
        return _encoded(image, format="WEBP", lossless=True)
    return _encoded(image, format="WEBP", quality=QUALITY)


def _encoded(image: Image.Image, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, **options)  # type: ignore[arg-type]
    return buffer.getvalue()
