"""Passwords: argon2id at the parameters of RFC 9106 (second recommendation), and the rules of NIST SP 800-63B.

The rules are a length and a list of what everyone tries first; there are none about composition. What a person types is
brought to one Unicode form (NFKC), so that another keyboard gives the same password.
"""

import unicodedata
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from app.errors import BadInput

SHORTEST = 10
LONGEST = 1000

_hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
# a hash takes 64 MiB: however many sign in at once, so many are computed at a time
_turns = BoundedSemaphore(4)
# what is verified where there is no such user: the same work, and never a match
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$lHtSIJYrfs1O9HqZj9LuXg$FGMbG2T70i+tubNV1o9CstVnut6X4KSxWDY9Ma2mTJg"
# of the most used passwords of ten characters or more, those that people try by hand
WORST = frozenset({
    "0123456789", "1234567890", "12345678910", "0987654321", "1111111111", "0000000000", "1q2w3e4r5t", "1q2w3e4r5t6y",
    "1qaz2wsx3edc", "q1w2e3r4t5", "qwertyuiop", "qwerty12345", "qwerty123456", "asdfghjkl;", "asdfghjkl1",
    "zaq12wsxcde3", "abcdefghij", "abcdefghijk", "password12", "password123", "password1234", "passwort123",
    "passw0rd123", "p@ssword123", "p@ssw0rd123", "motdepasse", "contrasena", "iloveyou12", "iloveyou123",
    "letmein123", "letmein1234", "welcome123", "welcome1234", "administrator", "admin12345", "admin123456",
    "changeme123", "trustno1trustno1", "football123", "sunshine123", "princess123", "superman123", "starwars123",
    "whatever123", "tastemaker", "tastemaker1", "tastemaker123", "correcthorsebatterystaple",
})  # fmt: skip


def hashed(password: str) -> str:
    """The argon2id hash of `password`, with salt and parameters in it."""
    with _turns:
        return _hasher.hash(_normal(password))


def matches(password: str, stored: str | None) -> bool:
    """Whether `password` is the one of the `stored` hash. None never matches and takes as long as a wrong password."""
    with _turns:
        try:
            right = _hasher.verify(stored or _NOBODY, _normal(password))
        except (VerificationError, InvalidHashError):
            return False
    return right and stored is not None


def is_outdated(stored: str) -> bool:
    """Whether a hash was made with other parameters than today's, and should be made anew."""
    return _hasher.check_needs_rehash(stored)


def require_good(password: str, *, names: tuple[str | None, ...] = (), field: str = "password") -> None:
    """Raises `BadInput` that names `field` where `password` is too short or long, one of the worst, or one of the
    person's own `names`."""
    plain = _normal(password).casefold()
    own = {part for name in names if name for part in (name.casefold(), name.casefold().partition("@")[0])}
    if len(password) < SHORTEST:
        problem = f"At least {SHORTEST} characters; a few words in a row are easy to remember."
    elif len(password) > LONGEST:
        problem = f"At most {LONGEST} characters."
    elif plain in own:
        problem = "This is your name; choose something that nobody would try."
    elif plain in WORST or len(set(plain)) == 1:
        problem = "This is among the first that anyone would try; choose another one."
    else:
        return
    raise BadInput("This password cannot be used.", problem, fields={field: problem})


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)
