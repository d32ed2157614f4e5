"""Posting to a webhook: signed as Standard Webhooks says, to an address that was looked at, and within bounds.

No redirect is followed and no proxy of the environment is used: either would reach what `addresses` did not look at.
"""

import asyncio
import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from importlib.metadata import version
from ssl import SSLContext

import httpx2
from standardwebhooks.webhooks import Webhook as Signer

from app.errors import Refused
from app.models.base import Json
from app.services import addresses
from app.services.deliveries import End, Outcome

TIMEOUT_S = 10  # for each step: to connect, to be answered
WHOLE_S = 20  # for all of them
ANSWER_S = 3  # for what stands in the answer, which changes nothing any more
ADDRESSES_TRIED = 3
LONGEST_ANSWER = 4096  # bytes that are read
SHOWN = 500  # characters that are kept
GONE, BUSY = 410, (429, 503)


def post(url: str, *, message_id: str, body: Json, secrets: list[str], private: bool) -> Outcome:
    """Post `body` once, signed with each of the secrets (`whsec_…`). Blocks for at most `WHOLE_S` and a look-up."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    headers = {"Content-Type": "application/json", **signed(message_id, text, secrets)}
    began = time.monotonic()
    try:
        outcome = asyncio.run(_within(_post(url, headers, text.encode(), private)))
    except (httpx2.TimeoutException, TimeoutError):
        outcome = Outcome(End.FAILED, "It did not answer in time.")
    except Refused as error:
        outcome = Outcome(End.FAILED, str(error))
    except (OSError, httpx2.HTTPError, httpx2.InvalidURL) as error:
        outcome = Outcome(End.FAILED, f"It could not be reached: {error or type(error).__name__}"[:SHOWN])
    return Outcome(outcome.end, outcome.said, outcome.status, round((time.monotonic() - began) * 1000), outcome.wait_s)


def signed(message_id: str, text: str, secrets: list[str], *, at: datetime | None = None) -> dict[str, str]:
    """The headers that sign `text`, sent now (or `at`)."""
    at = at or datetime.now(UTC)
    signatures = " ".join(Signer(secret).sign(message_id, at, text) for secret in secrets)
    return {"webhook-id": message_id, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signatures}


async def _within(work):  # type: ignore[no-untyped-def]  # a coroutine of an Outcome
    async with asyncio.timeout(WHOLE_S):
        return await work


async def _post(url: str, headers: dict[str, str], body: bytes, private: bool) -> Outcome:
    asked = httpx2.URL(url)
    port = asked.port or {"http": 80, "https": 443}[asked.scheme]
    found = await addresses.resolve(asked.host, port, private=private)
    request = {
        "content": body,
        "extensions": {"sni_hostname": asked.host},
        "headers": {
            "Host": asked.netloc.decode(), "User-Agent": f"Tastemaker/{version('tastemaker')}",
            "Accept-Encoding": "identity", **headers,
        },
    }  # fmt: skip
    async with httpx2.AsyncClient(trust_env=False, verify=_tls(), timeout=TIMEOUT_S) as client:
        for address in found[:ADDRESSES_TRIED]:
            try:
                async with client.stream("POST", asked.copy_with(host=address), **request) as response:  # type: ignore[arg-type]
                    return _outcome(response, await _beginning(response))
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                if address == found[:ADDRESSES_TRIED][-1]:
                    raise
    raise AssertionError("there is always an address to try")


async def _beginning(response: httpx2.Response) -> str:
    """The first words of an answer, fit to be stored and shown."""
    read = b""
    with suppress(httpx2.HTTPError, TimeoutError):
        async with asyncio.timeout(ANSWER_S):
            async for part in response.aiter_raw():
                read += part
                if len(read) >= LONGEST_ANSWER:
                    break
    text = read[:LONGEST_ANSWER].decode("utf-8", "replace")
    return "".join(letter for letter in text if letter.isprintable() or letter in "\n\t").strip()[:SHOWN]


def _outcome(response: httpx2.Response, said: str) -> Outcome:
    status = response.status_code
    if response.is_success:
        return Outcome(End.DELIVERED, said, status)
    if status == GONE:
        return Outcome(End.GONE, said, status)
    if response.is_redirect:
        said = said or "It sends us elsewhere, and redirects are not followed."
    wait = _seconds(response.headers.get("retry-after", "")) if status in BUSY else 0.0
    return Outcome(End.FAILED, said, status, wait_s=wait)


def _seconds(retry_after: str) -> float:
    """How long Retry-After asks to wait, in seconds: it is a number of them or a date (RFC 9110, section 10.2.3)."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after[:9])
    try:
        return max((parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return 0.0


@cache
def _tls() -> SSLContext:
    """Certificates are checked as on the whole machine; made once, for reading them takes time."""
    return httpx2.create_ssl_context()
