"""How many choices a second the site takes: simulated annotators on one study, site and database on this machine alone.

First they think between two answers, as people do; then they do not, which finds the highest rate. The time of an
answer is from its sending until the next pairs are there. Afterwards their records are held against the database.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.db import transaction
from app.errors import Unavailable
from app.supervisor.logs import Say
from bench.annotators import Annotator, Day, Made
from bench.bookkeeping import lost_and_double, over_quota
from bench.processor import cpu_seconds
from bench.study import make_people, make_study
from bench.throwaway import Product, throwaway_product

THINKS_S = 2.0
PLACES = 3  # choices that the study asks for per pair
END_S = 60  # for what was begun
HIGHEST_RATE = 500  # choices a second that the study's pairs are enough for


@dataclass(frozen=True)
class Span:
    """A part of the day: its beginning and end (seconds since 1970), and processor seconds used in it, by process."""

    begin: float
    end: float
    cpu: dict[str, float]

    @property
    def seconds(self) -> float:
        return self.end - self.begin

    def of(self, made: Sequence[Made]) -> list[float]:
        """The seconds that each answer took which was acknowledged in this span, its next pairs included."""
        return [one.took for one in made if one.took is not None and self.begin <= one.sent + one.took < self.end]


def run(*, people: int, thinking_s: float, rush_s: float, seed: int, say: Say, processes: int = 1) -> dict[str, Any]:
    """The figures that the issue of the annotator's site names, with what they rest on."""
    with throwaway_product(say, processes=processes) as product:
        pairs = int(people + HIGHEST_RATE * rush_s + people * thinking_s / THINKS_S) // PLACES + people
        with transaction(product.sessions) as session:
            study_id = make_study(session, pairs=pairs, size=512, choices_per_pair=PLACES).study_id
            tokens = list(make_people(session, people))
        address = (product.settings.local_host, product.settings.port)
        annotators = [
            Annotator(address, token, study_id, seed * people + n, THINKS_S) for n, token in enumerate(tokens)
        ]
        say(f"{people} annotators, {pairs} pairs, {PLACES} choices each …")
        thinking, rush = asyncio.run(_day(product, annotators, thinking_s, rush_s, say))
        return _figures(product, annotators, thinking, rush)


async def _day(
    product: Product, annotators: list[Annotator], thinking_s: float, rush_s: float, say: Say
) -> tuple[Span, Span]:
    day = Day()
    for annotator in annotators:  # one after the other: opening the page is not what is measured
        await annotator.open_page()
    at_work = [asyncio.create_task(annotator.work(day)) for annotator in annotators]
    say(f"{thinking_s:g} s with thinking …")
    thinking = await _span(product, thinking_s)
    day.rush.set()
    say(f"{rush_s:g} s without …")
    rush = await _span(product, rush_s)
    day.over = True
    try:
        async with asyncio.timeout(END_S):
            await asyncio.gather(*at_work)
    except TimeoutError as error:
        raise Unavailable(f"The site did not answer everyone within {END_S} s.", "Its log says more.") from error
    return thinking, rush


async def _span(product: Product, seconds: float) -> Span:
    begin, before = time.time(), cpu_seconds(product)
    await asyncio.sleep(seconds)
    after = cpu_seconds(product)
    return Span(begin, time.time(), {name: after[name] - before[name] for name in after})


def _figures(product: Product, annotators: list[Annotator], thinking: Span, rush: Span) -> dict[str, Any]:
    records = [annotator.record for annotator in annotators]
    made = [one for record in records for one in record.made.values()]
    with transaction(product.sessions) as session:
        lost, double = lost_and_double(session, records)
        over = over_quota(session, records, PLACES)
    return {
        "choices_per_second": round(len(thinking.of(made)) / thinking.seconds, 1),
        "max_choices_per_second": round(len(rush.of(made)) / rush.seconds, 1),
        "answer_and_next_ms": _milliseconds(thinking.of(made)),
        "lost": lost,
        "double": double,
        "over_quota": over,
        "choices": len(made),
        "failures": sum(record.failures for record in records),
        "waits_for_a_pair": sum(record.waits for record in records),
        "rush_answer_and_next_ms": _milliseconds(rush.of(made)),
        "cpu_share": {
            name: {key: round(value / span.seconds, 2) for key, value in span.cpu.items()}
            for name, span in (("thinking", thinking), ("rush", rush))
        },
    }


def _milliseconds(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        raise Unavailable("No answer was acknowledged in time.", "Run it again on a machine that does less else.")
    middle, high = np.percentile(seconds, [50, 95])
    return {"p50": round(1000 * float(middle), 1), "p95": round(1000 * float(high), 1)}
