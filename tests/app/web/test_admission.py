"""A guest's browser is led nowhere but where their invite leads, whatever address it asks for."""

import pytest

from app.db import transaction
from app.models import Role
from app.services import accounts, guide_pictures, invites
from app.web.identity import COOKIE
from tests import builders
from tests.app.web.conftest import Client
from tests.files import png

TEXTS = {"guidelines": "Look at both.", "consent": "You may stop."}


@pytest.fixture
def make_study(factory, artifacts):
    """`make_study()`: a study with texts, a picture and a pair; its id and the picture's."""

    def make():
        with transaction(factory) as session:
            study = builders.study(session, settings=builders.settings(labeling=TEXTS))
            builders.pair(session, round_id=builders.round_(session, study_id=study.id).id, artifacts=artifacts)
            return study.id, guide_pictures.add(session, artifacts, study=study, data=png(8, 8), actor=None).id

    return make


@pytest.fixture
def enter(app, factory):
    """`enter(study_id, **user)`: someone who came by an invite to the study, signed in."""

    def came(study_id, **columns):
        with transaction(factory) as session:
            user = builders.user(session, role=Role.ANNOTATOR, **columns)
            invite, _ = invites.make(session, name="Panel", actor=None, study_id=study_id)
            invites.join(session, invite, user=user)
            token = accounts.open_session(session, user=user)
        client = Client(app, user=user)
        client.cookies.set(COOKIE, token)
        return client

    return came


def answers(client, study, picture):
    """How each address of the study answers."""
    root = f"/annotate/{study}"
    return {
        "pair": client.get(root).status_code,
        "before": client.get(f"{root}/before").status_code,
        "begin": client.submit(f"{root}/before", agrees="true").status_code,
        "withdraw": client.submit(f"{root}/before/withdraw").status_code,
        "picture": client.get(f"{root}/guide/{picture}").status_code,
        "finish": client.get(f"{root}/finish").status_code,
        "next": client.get(f"/api/v1/studies/{study}/next").status_code,
        "texts": client.get(f"/api/v1/studies/{study}/before").status_code,
        "agree": client.call("POST", f"/studies/{study}/consent", json={"version": "x"}).status_code,
        "read": client.call("POST", f"/studies/{study}/guidelines", json={"version": "x"}).status_code,
        "take back": client.call("DELETE", f"/studies/{study}/consent").status_code,
    }


def test_every_address_of_another_study_is_not_found(make_study, enter):
    invited, other = make_study(), make_study()
    guest = enter(invited[0], is_guest=True)
    assert set(answers(guest, *other).values()) == {404}
    assert 404 not in answers(guest, *invited).values()


def test_whoever_has_an_account_reaches_all_studies(make_study, enter):
    invited, other = make_study(), make_study()
    assert 404 not in answers(enter(invited[0]), *other).values()
