"""How many tries someone may have at work, also where all are asked for at once."""

import threading
from collections import Counter

import pytest
from sqlalchemy.orm import Session, sessionmaker

from app.db import transaction
from app.errors import TooMany
from app.models import Study, User
from app.services import playground, tries
from app.services.playground import Drawing
from app.study_settings import validated
from tests import builders


def draw(session: Session, study: Study, user: User) -> None:
    playground.ask(session, study_id=study.id, prompt="owl", policies=[[]], drawing=Drawing(), actor=user)


def try_out(session: Session, study: Study, user: User) -> None:
    sampling = validated(study.settings).sampling
    tries.ask(session, base_model_id=study.base_model_id, prompt="owl", sampling=sampling, actor=user)


def test_requests_at_once_do_not_get_past_the_limit(sessions: sessionmaker[Session]) -> None:
    with transaction(sessions) as session:
        study, user = builders.study(session), builders.user(session)
    together, ends = threading.Barrier(8), Counter[str]()

    def send(number: int) -> None:
        try:
            with transaction(sessions) as session:
                session.get_one(User, user.id)
                together.wait(30)
                (draw if number % 2 else try_out)(session, study, user)
        except BaseException as error:  # noqa: BLE001 -- counted by the test
            ends[type(error).__name__] += 1
        else:
            ends["made"] += 1

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert ends == {"made": tries.MOST_AT_ONCE, TooMany.__name__: 8 - tries.MOST_AT_ONCE}


def test_the_limit_is_each_persons_own(db: Session) -> None:
    study, ada, grace = builders.study(db), builders.user(db), builders.user(db)
    for _ in range(tries.MOST_AT_ONCE):
        draw(db, study, ada)
    draw(db, study, grace)
    with pytest.raises(TooMany):
        draw(db, study, ada)
