"""A site with what the notebooks look for: a study with a checkpoint that was trained for them, a round that waits for
a judge, and a study that several people answered."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.db import make_engine, session_factory, sessions_on, transaction
from app.models import Answer, PairState, Role
from app.services import accounts, personal_tokens, scopes, tallies, totals
from app.settings import Settings, activate, make_settings
from app.supervisor import EmbeddedServers
from app.supervisor.ports import free_port
from tests import builders
from tests.browser.conftest import serving
from tests.conftest import SECRET, copy_of
from tests.worker import rooms

DEMO_MODEL = Path(__file__).parents[2] / "demo" / "model"
SETTINGS = {
    "sampling": {"steps": 4, "groups": 5, "chunk_groups": 5, "batch": 10},
    "labeling": {"counted": "both"},
    "training": {"learning_rate": 3e-5, "warmup_steps": 0},
}


@dataclass(frozen=True)
class Prepared:
    """The site's address, a token of an admin's and a judge's, and the two studies' ids."""

    url: str
    settings: Settings
    admin: str
    judge: str
    trained: int
    answered: int


@pytest.fixture(scope="session")
def prepared(server_folder: Path, servers: EmbeddedServers, template_url: str) -> Iterator[Prepared]:
    import torch

    torch.set_num_threads(1)
    for database_url in copy_of(template_url):
        settings = make_settings(
            data_dir=server_folder / "notebooks", database_url=database_url, broker_url=servers.broker_url,
            secret_key=SECRET, port=free_port(), local_admin=False, sweep_seconds=600, threads=1,
        )  # fmt: skip
        engine = make_engine(database_url)
        with serving(settings):
            with activate(settings):
                trained = rooms.make_study(DEMO_MODEL, **SETTINGS)
                rooms.begin_training(trained)
                rooms.work_off()
                rooms.draw_round(trained)
                with transaction(session_factory(engine)) as session:
                    admin = builders.user(session, role=Role.ADMIN)
                    tokens = [
                        personal_tokens.make(
                            session, user=user, name="Notebook", wanted=scopes.of_role(user), days=1, actor=None
                        )[1]
                        for user in (admin, accounts.judge(session, name="colourful"))
                    ]
                    answered = answered_study(session)
            sessions_on(database_url).kw["bind"].dispose()  # what the worker opened here; later tests forget it
            yield Prepared(settings.site_url, settings, *tokens, trained.id, answered)
        engine.dispose()


def answered_study(session: Session) -> int:
    """Thirty pairs that three people answered, who mostly agree."""
    study = builders.study(session, name="Agreement")
    round_ = builders.round_(session, study_id=study.id, groups=30)
    people = [builders.user(session, handle=name) for name in ("Ada", "Grace", "Mary")]
    chance = random.Random(0)
    for _ in range(30):
        pair = builders.pair(session, round_id=round_.id, state=PairState.CLOSED, filled=3)
        better = chance.choice((Answer.FIRST, Answer.SECOND))
        for person in people:
            said = better if chance.random() < 0.8 else chance.choice((Answer.FIRST, Answer.SECOND, Answer.TIE))
            builders.choice(
                session, pair_id=pair.id, user_id=person.id, answer=said, response_ms=chance.randrange(600, 4000)
            )
    totals.refresh(session, round_)
    tallies.catch_up(session)
    return study.id
