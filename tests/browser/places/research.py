"""Places of a researcher: checkpoints."""

from app.models import Role
from tests import builders, scenes
from tests.browser.places.registry import place, unfold


@place("/research", Role.RESEARCHER)
def everything_to_download(session, artifacts, me):
    study = builders.study(session)
    scenes.checkpoint(
        session, study, parent=scenes.checkpoint(session, study, artifacts=artifacts), artifacts=artifacts
    )
    return "/research"


@place("/research", Role.RESEARCHER)
def nothing_to_download(session, artifacts, me):
    return "/research"


@place("/research/checkpoints/{checkpoint_id}", Role.RESEARCHER, unfold)
def a_checkpoint(session, artifacts, me):
    made = scenes.checkpoint(session, builders.study(session), draws=2, artifacts=artifacts)
    return f"/research/checkpoints/{made.id}"
