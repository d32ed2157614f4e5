"""Addresses of pictures that tell nothing: `/i/{token}`.

A token is the sample, the size, the viewer, the end and the file's key, padded to one length and encrypted with
AES-SIV (RFC 5297): it cannot be read or altered, and it is deterministic, so the same picture keeps its address for
the same viewer and hour and browsers keep it in their cache. Serving one needs no query.
"""

import hashlib
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from app.errors import Gone, NotFound
from app.services.pictures import Picture
from app.settings import Settings

HOUR = 3600
BLOCK = 128  # a longer key (round 10 after round 9) must not show in the token's length

Size = Literal["full"]


@dataclass(frozen=True)
class Shown:
    """What a token stands for. `end` is in seconds since 1970."""

    sample_id: int
    size: Size
    viewer_id: int
    end: int
    key: str


class PictureLinks:
    """Makes and reads the tokens, with a key of its own derived from the site's secret."""

    def __init__(self, settings: Settings) -> None:
        self._cipher = AESSIV(hashlib.sha512(b"pictures:" + settings.secret().encode()).digest())
        self._lease_hours = -(-settings.pair_lease_seconds // HOUR)

    def url(self, picture: Picture, *, viewer_id: int, size: Size = "full", now: float | None = None) -> str:
        """The address of `picture` for one viewer; good for at least an hour past a lease that is given now."""
        end = self._end(time.time() if now is None else now)
        text = json.dumps([picture.sample_id, size, viewer_id, end, picture.key], separators=(",", ":")).encode()
        padded = text + b" " * (-len(text) % BLOCK)
        return "/i/" + urlsafe_b64encode(self._cipher.encrypt(padded, None)).decode().rstrip("=")

    def read(self, token: str, *, now: float | None = None) -> Shown:
        """What `token` stands for. Raises `NotFound` where it was not made here, `Gone` after its end."""
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            shown = Shown(*json.loads(self._cipher.decrypt(sealed, None)))
        except (InvalidTag, NotBase64, ValueError) as error:
            raise NotFound("There is no such picture.") from error
        if shown.end <= (time.time() if now is None else now):
            raise Gone("The address of this picture has run out.", "Reload the page.")
        return shown

    def _end(self, now: float) -> int:
        """One moment for all of an hour: the hour's end, the lease, and an hour on top."""
        return int(now // HOUR + 2 + self._lease_hours) * HOUR
