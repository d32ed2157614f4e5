"""Places of an admin who looks after the house: people, invites, workers, models, files, the log."""

from app.models import Role, RoundState
from app.services import events, invites
from tests import builders, scenes
from tests.browser.places.registry import place, unfold


@place("/admin/users", Role.ADMIN, unfold)
def everyone(session, artifacts, me):
    builders.user(session, is_guest=True)
    builders.user(session, disabled_at=builders.now())
    return "/admin/users"


@place("/admin/users/{user_id}", Role.ADMIN, unfold)
def someone(session, artifacts, me):
    return f"/admin/users/{builders.user(session).id}"


@place("/admin/invites", Role.ADMIN, unfold)
def all_invites(session, artifacts, me):
    invites.make(session, name="Friends", actor=me, study_id=builders.study(session).id)
    invites.revoke(session, invite_id=invites.make(session, name="Old", actor=me)[0].id, actor=me)
    return "/admin/invites"


@place("/admin/house", Role.ADMIN)
def the_house_at_work(session, artifacts, me):
    scenes.busy_house(session, artifacts)
    return "/admin/house"


@place("/admin/house", Role.ADMIN)
def an_empty_house(session, artifacts, me):
    return "/admin/house"


@place("/admin/models", Role.ADMIN, unfold)
def base_models_of_all_kinds(session, artifacts, me):
    scenes.registry(session, artifacts)
    return "/admin/models"


@place("/admin/models", Role.ADMIN)
def no_base_model_yet(session, artifacts, me):
    return "/admin/models"


@place("/admin/house/files", Role.ADMIN)
def files_that_are_kept(session, artifacts, me):
    study = builders.study(session)
    round_ = builders.round_(session, study_id=study.id, state=RoundState.COMPLETE)
    group = builders.group(session, round_id=round_.id)
    builders.sample(session, group_id=group.id, trajectory_key="studies/1/t", trajectory_size=660_000_000)
    return "/admin/house/files"


@place("/admin/house/check", Role.ADMIN)
def the_system_check(session, artifacts, me):
    return "/admin/house/check"


@place("/admin/log", Role.ADMIN, unfold)
def the_audit_log(session, artifacts, me):
    study = builders.study(session, name="Emoji")
    round_ = builders.round_(session, study_id=study.id)
    events.write(session, "study.auto_rounds_set", study, actor=me, rounds=3)
    events.write(session, "round.launched", round_, actor=me)
    events.write(session, "round.fail", round_, reason="The loss is not finite.")
    events.write(session, "user.role_changed", me, actor=me, before="annotator", role="admin")
    return "/admin/log"


@place("/admin/house/failed", Role.ADMIN)
def failed_jobs(session, artifacts, me):
    scenes.busy_house(session, artifacts)
    return "/admin/house/failed"
