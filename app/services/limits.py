"""How often something may be tried: counted in the broker, so that all processes of the site count together.

Where the broker is away each process counts for itself, rather than let everything or nothing through.
"""

import hashlib
import math
import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import TypeVar

import structlog
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from app.errors import TooMany

log = structlog.get_logger(__name__)

PATIENCE_S = 1.0
# of one name: from one address, and from anywhere. The second is wide, so that nobody locks another out easily
NAME_HERE = parse("5 per 5 minutes")
NAME_ANYWHERE = parse("100 per 1 hour")
# of one address, whatever the name; a classroom or an office is one address
ADDRESS = parse("60 per 15 minutes")
NEWCOMERS = parse("200 per 1 hour")


T = TypeVar("T")


class Limits:
    """Counts of tries. One object lasts as long as its process."""

    def __init__(self, broker_url: str | None) -> None:
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._shared = _in_broker(broker_url)

    def take(self, item: RateLimitItem, *key: str) -> None:
        """Count one try under `key`. Raises `TooMany`, and counts nothing, where `item` allows no more."""
        if not self._ask(lambda limiter: limiter.hit(item, *_hidden(key))):
            raise self._refusal(item, key)

    def check(self, item: RateLimitItem, *key: str) -> None:
        """Raises like `take`, without counting."""
        if not self._ask(lambda limiter: limiter.test(item, *_hidden(key))):
            raise self._refusal(item, key)

    def forget(self, item: RateLimitItem, *key: str) -> None:
        """Begin to count afresh under `key`."""
        self._ask(lambda limiter: limiter.clear(item, *_hidden(key)))

    def _refusal(self, item: RateLimitItem, key: tuple[str, ...]) -> TooMany:
        end = self._ask(lambda limiter: limiter.get_window_stats(item, *_hidden(key)).reset_time)
        seconds = max(1, math.ceil(end - time.time()))
        wait = f"{seconds} seconds" if seconds < 100 else f"{math.ceil(seconds / 60)} minutes"
        return TooMany("There were too many tries in a short time.", f"Try again in {wait}.", retry_after=seconds)

    def _ask(self, question: Callable[[MovingWindowRateLimiter], T]) -> T:
        if self._shared is not None:
            try:
                return question(self._shared)
            except StorageError as error:
                log.warning("limits_counted_here_only", error=str(error.storage_error))
        return question(self._own)


def network(address: str) -> str:
    """What counts as one address: an IPv6 customer has a whole /64 of them."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    return str(ip.exploded[:19]) if isinstance(ip, IPv6Address) and ip.ipv4_mapped is None else str(ip)


def _in_broker(url: str | None) -> MovingWindowRateLimiter | None:
    if url is None or not url.startswith(("redis://", "rediss://", "redis+socket://")):
        return None
    storage = RedisStorage(
        url.replace("redis+socket://", "redis+unix://"),
        key_prefix="tastemaker-limits",
        wrap_exceptions=True,
        socket_timeout=PATIENCE_S,
        socket_connect_timeout=PATIENCE_S,
    )
    return MovingWindowRateLimiter(storage)


def _hidden(key: tuple[str, ...]) -> tuple[str, ...]:
    """Keys without names or addresses in clear, and of one length whatever was typed."""
    return tuple(hashlib.sha256(part.casefold().encode()).hexdigest()[:32] for part in key)
