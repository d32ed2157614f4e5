import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sse_starlette import ServerSentEvent

from app.db import transaction
from app.models import Hold, Round, RoundState
from app.services import totals
from app.web.live import BEAT, END, HOUSE, Mailbox, Message, Watcher
from tests import builders, scenes
from tests.queries import counted

SHARED = {"stages", "warnings", "labeling", "generation", "training", "log", "workers", "history"}
FOR_ONE_VIEWER = {"moves", "put_aside", "pictures"}
ALL = len(SHARED | FOR_ONE_VIEWER)
QUICK = {"tick_s": 0.02, "beat_s": 60.0}


@pytest.fixture
def labeling(factory) -> Round:
    with transaction(factory) as session:
        return scenes.labeling_round(session, builders.study(session), pairs=2, closed=1)


def told(event: ServerSentEvent) -> str:
    """What an event is about: its name, or the part that it carries."""
    if event.event:
        return event.event
    return str(event.data).split("#round-")[1].split('"')[0]


async def read(
    watcher: Watcher, round_id: int, count: int, *, then: Callable[[], object] | None = None
) -> list[ServerSentEvent]:
    """The first `count` events of a new stream; `then` is done once they are read, and what follows it is read too."""
    stream = watcher.follow(round_id)
    events = [await anext(stream) for _ in range(count)]
    if then is not None:
        await asyncio.to_thread(then)
        events = [await asyncio.wait_for(anext(stream), 20)]
    await stream.aclose()
    return events


def run(work: Awaitable[list[ServerSentEvent]]) -> list[ServerSentEvent]:
    return asyncio.run(asyncio.wait_for(work, 60))


def test_a_stream_begins_with_the_present_state_of_every_part(factory, labeling):
    events = run(read(Watcher(factory, **QUICK), labeling.id, ALL))
    assert {told(event) for event in events} == SHARED | FOR_ONE_VIEWER
    assert {event.event for event in events if event.event} == FOR_ONE_VIEWER
    shown = next(str(event.data) for event in events if told(event) == "labeling")
    assert "1 of 10" in shown
    assert shown.startswith('<hx-partial hx-target="#round-labeling" hx-swap="outerMorph">')


def test_each_reader_is_told_in_their_own_language(factory, labeling):
    watcher = Watcher(factory, **QUICK)

    async def both() -> list[ServerSentEvent]:
        streams = [watcher.follow(labeling.id, language) for language in ("en", "de")]
        events = [await anext(stream) for stream in streams for _ in range(ALL)]
        for stream in streams:
            await stream.aclose()
        return events

    english, german = (str(event.data) for event in run(both()) if told(event) == "labeling")
    assert ("1 of 10" in english, "1 von 10" in german) == (True, True)


def test_only_a_part_that_changed_is_sent(factory, labeling):
    def label_another():
        with transaction(factory) as session:
            builders.event(session, round_id=labeling.id, what="round.resume")

    (event,) = run(read(Watcher(factory, **QUICK), labeling.id, ALL, then=label_another))
    assert told(event) == "history"


def test_a_part_for_one_viewer_is_announced_and_not_sent(factory, labeling):
    def pause():
        with transaction(factory) as session:
            session.get_one(Round, labeling.id).hold = Hold.PAUSED

    async def work():
        stream = Watcher(factory, **QUICK).follow(labeling.id)
        for _ in range(ALL):
            await anext(stream)
        await asyncio.to_thread(pause)
        events = [await anext(stream) for _ in range(ALL)]
        await stream.aclose()
        return events

    moves = next(event for event in run(work()) if told(event) == "moves")
    assert "button" not in str(moves.data)


def test_many_readers_cost_one_look_and_one_rendering(factory, labeling, app, monkeypatch):
    rendered: list[str] = []
    monkeypatch.setattr("app.web.live._render", lambda template, view: rendered.append(template) or "<p></p>")

    async def work():
        watcher = Watcher(factory, **QUICK)
        streams = [watcher.follow(labeling.id) for _ in range(5)]
        events = await asyncio.gather(*(anext(stream) for stream in streams))
        for stream in streams:
            await stream.aclose()
        return events

    assert len(run(work())) == 5
    assert len(rendered) == len(SHARED)


def test_a_stream_ends_when_the_round_is_final(factory, labeling):
    def complete():
        with transaction(factory) as session:
            round_ = session.get_one(Round, labeling.id)
            round_.state, round_.ended_at = RoundState.CANCELLED, builders.now()
            totals.refresh(session, round_)

    async def work():
        events = []
        async for event in Watcher(factory, **QUICK).follow(labeling.id):
            events.append(event)
            if len(events) == ALL:
                await asyncio.to_thread(complete)
        return events

    assert told(run(work())[-1]) == END


def test_a_stream_that_has_nothing_to_say_beats(factory, labeling):
    async def work():
        stream = Watcher(factory, tick_s=0.02, beat_s=0.05).follow(labeling.id)
        seen: list[str] = []
        while not (set(seen) > SHARED | FOR_ONE_VIEWER and seen[-1] == BEAT):
            seen.append(told(await anext(stream)))
        await stream.aclose()
        return seen

    said = run(work())
    assert [said.count(part) for part in SHARED | FOR_ONE_VIEWER] == [1] * ALL


def test_nobody_watching_means_no_queries(factory, labeling, app):
    async def work():
        watcher = Watcher(factory, **QUICK)
        await read(watcher, labeling.id, 1)
        await asyncio.sleep(0.2)
        with counted(app.state.engine) as queries:
            await asyncio.sleep(0.2)
        return queries

    assert run(work()) == []


def test_a_slow_reader_gets_the_newest_of_each_part_once():
    async def work():
        mailbox = Mailbox()
        mailbox.put([Message("labeling", "old"), Message("history", "one")])
        mailbox.put([Message("labeling", "new")])
        return await mailbox.take(1)

    assert run(work()) == [Message("labeling", "new"), Message("history", "one")]


def test_the_stream_of_a_final_round_is_served_and_closed(admin, factory):
    with transaction(factory) as session:
        round_ = builders.round_(session, state=RoundState.COMPLETE)
    answer = admin.get(f"/live/rounds/{round_.id}")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.count("<hx-partial") == len(SHARED)
    assert answer.text.rstrip().endswith("data: {}")
    assert "event: end" in answer.text


def test_the_house_is_watched_as_rounds_are(factory, artifacts):
    def a_worker_comes():
        with transaction(factory) as session:
            builders.worker(session, name="gpu/1")

    async def work():
        stream = Watcher(factory, artifacts, **QUICK).follow(HOUSE)
        first = [await anext(stream) for _ in range(4)]
        await asyncio.to_thread(a_worker_comes)
        then = [await asyncio.wait_for(anext(stream), 20) for _ in range(2)]
        await stream.aclose()
        return first, then

    first, then = asyncio.run(asyncio.wait_for(work(), 60))
    assert [event.event for event in first if event.event] == ["failed"]
    shown = [str(event.data) for event in first if not event.event]
    assert [text.split('hx-target="#')[1].split('"')[0] for text in shown] == [
        "house-workers",
        "house-queues",
        "house-disk",
    ]
    assert "gpu/1" in str(then[0].data)
    assert "1 worker takes from it" in str(then[1].data)
