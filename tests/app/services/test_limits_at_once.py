"""How many tries someone may have at work, and how many exports a study, also where all are asked for at once."""

import threading
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.db import transaction
from app.errors import TooMany
from app.models import Study, User
from app.services import exports, playground, tries
from app.services.export_source import Rounds
from app.services.playground import Drawing
from app.study_settings import validated
from tests import builders


def draw(session: Session, study: Study, user: User) -> None:
    playground.ask(session, study_id=study.id, prompt="owl", policies=[[]], drawing=Drawing(), actor=user)


def try_out(session: Session, study: Study, user: User) -> None:
    sampling = validated(study.settings).sampling
    tries.ask(session, base_model_id=study.base_model_id, prompt="owl", sampling=sampling, actor=user)


def export(session: Session, study: Study, user: User) -> None:
    exports.ask(session, study_id=study.id, format_name="csv", rounds=Rounds.ALL, secret="s" * 32, actor=user)


def at_once(sessions: sessionmaker[Session], asks: list[Callable[[Session, Study, User], None]]) -> Counter[str]:
    """How each of the requests ends, sent together in one study by one person."""
    with transaction(sessions) as session:
        study, user = builders.study(session), builders.user(session)
    together, ends = threading.Barrier(len(asks)), Counter[str]()

    def send(ask: Callable[[Session, Study, User], None]) -> None:
        try:
            with transaction(sessions) as session:
                session.get_one(User, user.id)
                together.wait(30)
                ask(session, study, user)
        except BaseException as error:  # noqa: BLE001 -- counted by the test
            ends[type(error).__name__] += 1
        else:
            ends["made"] += 1

    threads = [threading.Thread(target=send, args=(ask,)) for ask in asks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return ends


def test_requests_at_once_do_not_get_past_the_limit(sessions: sessionmaker[Session]) -> None:
    ends = at_once(sessions, [draw, try_out] * 4)
    assert ends == {"made": tries.MOST_AT_ONCE, TooMany.__name__: 8 - tries.MOST_AT_ONCE}


def test_exports_asked_for_at_once_do_not_get_past_the_limit_either(sessions: sessionmaker[Session]) -> None:
    ends = at_once(sessions, [export] * 8)
    assert ends == {"made": exports.MOST_AT_WORK, TooMany.__name__: 8 - exports.MOST_AT_WORK}


def test_the_limit_is_each_persons_own(db: Session) -> None:
    study, ada, grace = builders.study(db), builders.user(db), builders.user(db)
    for _ in range(tries.MOST_AT_ONCE):
        draw(db, study, ada)
    draw(db, study, grace)
    with pytest.raises(TooMany):
        draw(db, study, ada)
