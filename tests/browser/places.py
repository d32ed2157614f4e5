"""Every page of the site in every state that looks different: who sees it, where it is, and what stands there.

A place is a function that makes what its page shows and gives the path. `ELSEWHERE` names the routes that are no pages.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from playwright.sync_api import Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.artifacts import Artifacts
from app.models import (
    Answer,
    Choice,
    Hold,
    Job,
    JobState,
    Pair,
    Role,
    Round,
    RoundKind,
    RoundState,
    RunState,
    Study,
    TrainingRun,
    User,
)
from app.models.user import LinkPurpose
from app.paths import DEMO
from app.services import events, gold, guide_pictures, invites, links, participations, totals, tries
from app.study_settings import SamplingSettings
from tests import builders, scenes
from tests.browser.annotate.steps import LEFT, wait_for_pair
from tests.files import png

TEXT = "Look at the **whole** picture.\n\n## Better\n\n- sharp\n\n| you see | say |\n| --- | --- |\n| two | Equal |\n"

Make = Callable[[Session, Artifacts, User], str]
Act = Callable[[Page], object]


@dataclass(frozen=True)
class Place:
    """One page in one state. `act` brings it into the state after it was opened; `role` is None for nobody. One behind
    an `open_door` stands on a site that lets anyone make an account, or sign in with a provider."""

    name: str
    route: str
    role: Role | None
    make: Make
    act: Act
    open_door: bool


PLACES: list[Place] = []
ELSEWHERE = {
    "/outside": "sends the browser to the provider",
    "/outside/return": "sends the browser on",
    "/annotate/{study_id}/guide/{picture_id}": "is a picture",
    "/live/rounds/{round_id}": "is an event stream",
    "/admin/studies/{study_id:int}/file": "is a file",
    "/live/house": "is an event stream",
    "/admin/log/events.csv": "is a file",
    "/admin/": "is /admin",
    "/research/": "is /research",
}


def place(
    route: str, role: Role | None, act: Act = lambda page: None, *, open_door: bool = False
) -> Callable[[Make], Make]:
    """Enter a function as a place; its name says the state."""

    def enter(make: Make) -> Make:
        PLACES.append(Place(make.__name__, route, role, make, act, open_door))
        return make

    return enter


# coming in


@place("/", None)
def the_door(session, artifacts, me):
    return "/"


@place("/sign-in", None)
def sign_in(session, artifacts, me):
    return "/sign-in"


@place("/sign-in", None, lambda page: _sign_in_wrongly(page))
def sign_in_refused(session, artifacts, me):
    return "/sign-in"


def _sign_in_wrongly(page: Page) -> None:
    page.locator("[name=name]").fill("ada")
    page.locator("[name=password]").fill("wrong")
    page.locator("[name=password]").press("Enter")
    expect(page.locator("[name=name]")).to_have_value("ada")


@place("/sign-up", None)
def sign_up_closed(session, artifacts, me):
    return "/sign-up"


@place("/sign-in", None, open_door=True)
def sign_in_with_a_provider(session, artifacts, me):
    return "/sign-in"


@place("/sign-up", None, lambda page: _sign_up_wrongly(page), open_door=True)
def sign_up_refused(session, artifacts, me):
    return "/sign-up"


def _sign_up_wrongly(page: Page) -> None:
    """A name that someone has. What the form itself would refuse is never sent."""
    page.get_by_role("textbox", name="Name", exact=True).fill("me")
    page.get_by_role("textbox", name="Password").fill("some words in a row")
    page.get_by_role("button", name="Make an account").click()
    expect(page.locator("[aria-invalid=true]")).to_be_visible()


@place("/sign-in/{token}", None)
def sign_in_link(session, artifacts, me):
    person = builders.user(session)
    return f"/sign-in/{links.make(session, user=person, purpose=LinkPurpose.SIGN_IN, actor=None)}"


@place("/back/{token}", None)
def personal_link(session, artifacts, me):
    guest = builders.user(session, is_guest=True)
    return f"/back/{links.make(session, user=guest, purpose=LinkPurpose.PERSONAL, actor=None)}"


@place("/reset/{token}", None)
def reset_link(session, artifacts, me):
    person = builders.user(session)
    return f"/reset/{links.make(session, user=person, purpose=LinkPurpose.RESET, actor=None)}"


@place("/join/{token}", None)
def invite_of_a_study(session, artifacts, me):
    study = builders.study(session)
    _, token = invites.make(session, name="Friends", actor=None, study_id=study.id, choices_wanted=50)
    return f"/join/{token}"


@place("/join/welcome", None, lambda page: _join(page))
def welcome_of_a_guest(session, artifacts, me):
    return f"/join/{invites.make(session, name='Friends', actor=None, study_id=builders.study(session).id)[1]}"


def _join(page: Page) -> None:
    page.get_by_label("Your name").fill("Ada")
    page.get_by_role("button", name="Begin").click()
    page.wait_for_url("**/join/welcome")


@place("/join/{token}", None)
def invite_that_needs_an_account(session, artifacts, me):
    return f"/join/{invites.make(session, name='Lab', actor=None, needs_account=True)[1]}"


@place("/sign-in/{token}", None)
def link_that_is_not_known(session, artifacts, me):
    return "/sign-in/nothing"


# labelling


@place("/", Role.ANNOTATOR)
def my_studies(session, artifacts, me):
    _studied(session, artifacts, me)
    _trained(session, artifacts, me)
    builders.study(session, name="Nothing to do yet")
    return "/"


@place("/", Role.ANNOTATOR)
def no_study_yet(session, artifacts, me):
    return "/"


@place("/annotate/{study_id}/before", Role.ANNOTATOR)
def guidelines_and_consent(session, artifacts, me):
    labeling = {"guidelines": TEXT, "consent": "You may **stop** at any time."}
    study = builders.study(session, settings=builders.settings(labeling=labeling))
    builders.pair(session, round_id=builders.round_(session, study_id=study.id).id)
    return f"/annotate/{study.id}/before"


@place("/annotate/{study_id}", Role.ANNOTATOR, wait_for_pair)
def a_pair(session, artifacts, me):
    return f"/annotate/{_studied(session, artifacts, me).study_id}"


@place("/annotate/{study_id}", Role.ANNOTATOR, wait_for_pair)
def a_pair_with_a_very_long_prompt(session, artifacts, me):
    prompts = builders.prompt_set(session, prompts=["a lighthouse keeper looks over a stormy sea, " * 12])
    study = builders.study(session, prompt_set_id=prompts.id)
    builders.pair(session, round_id=builders.round_(session, study_id=study.id).id, artifacts=artifacts)
    return f"/annotate/{study.id}"


@place("/annotate/{study_id}", Role.ANNOTATOR, lambda page: _answer_one(page))
def a_pair_after_an_answer_with_reasons(session, artifacts, me):
    labeling = {"reasons": ["sharper", "truer to the words"], "ask_comment": True, "guidelines": ""}
    return f"/annotate/{_studied(session, artifacts, me, **labeling).study_id}"


def _answer_one(page: Page) -> None:
    wait_for_pair(page)
    page.wait_for_timeout(300)
    before = page.locator(f"{LEFT} img").get_attribute("src")
    page.keyboard.press("1")
    expect(page.locator(f'{LEFT} img[src="{before}"]')).to_have_count(0)
    page.wait_for_timeout(500)


@place("/annotate/{study_id}", Role.ANNOTATOR, lambda page: _press(page, "?"))
def help_over_a_pair(session, artifacts, me):
    return f"/annotate/{_studied(session, artifacts, me).study_id}"


@place("/annotate/{study_id}", Role.ANNOTATOR, lambda page: _press(page, "z"))
def a_pair_zoomed(session, artifacts, me):
    return f"/annotate/{_studied(session, artifacts, me).study_id}"


def _press(page: Page, key: str) -> None:
    wait_for_pair(page)
    page.keyboard.press(key)
    page.wait_for_timeout(300)


@place("/annotate/{study_id}", Role.ANNOTATOR)
def nothing_left(session, artifacts, me):
    return f"/annotate/{builders.round_(session).study_id}"


@place("/annotate/{study_id}", Role.ANNOTATOR)
def a_study_on_hold(session, artifacts, me):
    return f"/annotate/{builders.round_(session, hold=Hold.PAUSED).study_id}"


@place("/annotate/{study_id}/finish", Role.ANNOTATOR)
def the_end(session, artifacts, me):
    return f"/annotate/{_studied(session, artifacts, me).study_id}/finish"


@place("/thanks/{round_id}", Role.ANNOTATOR)
def thanks(session, artifacts, me):
    return f"/thanks/{_trained(session, artifacts, me).id}"


@place("/account", Role.ANNOTATOR)
def my_account(session, artifacts, me):
    return "/account"


@place("/admin", Role.ANNOTATOR)
def a_page_that_is_not_mine(session, artifacts, me):
    return "/admin"


@place("/annotate/{study_id}", Role.ANNOTATOR)
def a_page_that_does_not_exist(session, artifacts, me):
    return "/annotate/999999"


# running studies


@place("/admin/prompts", Role.ADMIN)
def prompt_sets_of_an_admin(session, artifacts, me):
    made = builders.prompt_set(session)
    builders.prompt_set(session, name=made.name, version=2)
    return "/admin/prompts"


@place("/admin/prompts/new", Role.ADMIN, lambda page: page.get_by_role("button", name="Preview").click())
def a_prompt_list_with_repeats(session, artifacts, me):
    builders.base_model(session, source=str(DEMO / "model"), token_limit=8)
    rows = ["Cat face", "a large red apple with a very long stalk", "eval: fish", "cat  face"]
    version = builders.prompt_set(session, name="Animals", prompts=rows)
    return f"/admin/prompts/new?version_of={version.id}"


@place("/admin/prompts/{prompt_set_id:int}", Role.ADMIN, lambda page: _unfold(page))
def a_prompt_set_with_its_figures(session, artifacts, me):
    round_ = _studied(session, artifacts, me)
    for pair_id in session.scalars(select(Pair.id).where(Pair.round_id == round_.id).limit(3)):
        builders.choice(session, pair_id=pair_id, user_id=builders.user(session).id, answer=Answer.TIE)
    return f"/admin/prompts/{session.get_one(Study, round_.study_id).prompt_set_id}"


@place("/admin", Role.ADMIN)
def studies_of_an_admin(session, artifacts, me):
    scenes.labeling_round(session, builders.study(session), artifacts=artifacts)
    builders.study(session)
    return "/admin"


@place("/admin", Role.ADMIN)
def no_studies(session, artifacts, me):
    return "/admin"


@place("/admin/studies/new", Role.ADMIN, lambda page: _unfold(page))
def a_new_study(session, artifacts, me):
    return "/admin/studies/new"


@place("/admin/studies/{study_id:int}", Role.ADMIN, lambda page: _unfold(page))
def a_study(session, artifacts, me):
    study = builders.study(session)
    scenes.checkpoint(session, study, artifacts=artifacts)
    scenes.labeling_round(session, study, artifacts=artifacts)
    return f"/admin/studies/{study.id}"


@place("/admin/studies/{study_id:int}/settings", Role.ADMIN, lambda page: _unfold(page))
def settings_of_a_study(session, artifacts, me):
    study = builders.study(session)
    scenes.checkpoint(session, study, artifacts=artifacts)
    return f"/admin/studies/{study.id}/settings"


@place("/admin/tries/{try_id:int}", Role.ADMIN)
def a_try_that_was_drawn(session, artifacts, me):
    study = builders.study(session)
    made = tries.ask(
        session,
        base_model_id=study.base_model_id,
        prompt="cat face",
        sampling=SamplingSettings(),
        study=study,
        actor=me,
    )
    samples = [builders.sample(session, artifacts=artifacts) for _ in range(2)]
    made.pictures = [{"key": one.webp_key, "width": one.width, "height": one.height} for one in samples]
    made.seconds, made.loading_seconds = 2.4, 11.3
    session.get_one(Job, made.job_id).state = JobState.DONE
    return f"/admin/tries/{made.id}"


@place("/admin/studies/{study_id:int}/labeling", Role.ADMIN, lambda page: _unfold(page))
def labeling_settings(session, artifacts, me):
    study = builders.study(session, settings=builders.settings(labeling={"guidelines": TEXT, "reasons": ["sharper"]}))
    guide_pictures.add(session, artifacts, study=study, data=png(64, 64), actor=me)
    return f"/admin/studies/{study.id}/labeling"


@place("/admin/studies/{study_id:int}/people", Role.ADMIN, lambda page: _unfold(page))
def annotators(session, artifacts, me):
    study = builders.study(session)
    scenes.labeling_round(session, study, artifacts=artifacts)
    for user_id in session.scalars(select(Choice.user_id).distinct()):
        participations.of(session, study_id=study.id, user=session.get_one(User, user_id))
    return f"/admin/studies/{study.id}/people"


@place("/admin/studies/{study_id:int}/people", Role.ADMIN, lambda page: _unfold(page))
def annotators_of_whom_one_is_left_out(session, artifacts, me):
    quick = builders.user(session)
    study_id = _studied(session, artifacts, builders.user(session)).study_id
    for person in (quick, builders.user(session)):
        participations.of(session, study_id=study_id, user=person)
    participations.pause(session, study_id=study_id, user_id=quick.id, reason="too quick", actor=me)
    participations.leave_out(session, study_id=study_id, user_id=quick.id, actor=me)
    return f"/admin/studies/{study_id}/people"


@place("/admin/studies/{study_id:int}/gold", Role.ADMIN, lambda page: _unfold(page))
def known_answers(session, artifacts, me):
    round_ = scenes.labeling_round(session, builders.study(session), closed=4, artifacts=artifacts)
    known = session.scalars(select(Pair.id).where(Pair.round_id == round_.id).order_by(Pair.id)).first()
    gold.set_answer(session, pair_id=known, answer=Answer.FIRST, actor=me)
    return f"/admin/studies/{round_.study_id}/gold"


@place("/admin/rounds/{round_id}", Role.ADMIN, lambda page: _unfold(page))
def a_round_in_labeling(session, artifacts, me):
    return f"/admin/rounds/{scenes.labeling_round(session, builders.study(session), artifacts=artifacts).id}"


@place("/admin/rounds/{round_id}", Role.ADMIN)
def a_round_on_hold(session, artifacts, me):
    round_ = scenes.labeling_round(session, builders.study(session), artifacts=artifacts, hold=Hold.PAUSED)
    scenes.failed_chunk(session, round_, error="out of memory")
    return f"/admin/rounds/{round_.id}"


@place("/admin/rounds/{round_id}", Role.ADMIN)
def a_round_in_generation(session, artifacts, me):
    return f"/admin/rounds/{builders.round_(session, state=RoundState.GENERATING).id}"


@place("/admin/rounds/{round_id}", Role.ADMIN, lambda page: _unfold(page))
def a_round_in_training(session, artifacts, me):
    return f"/admin/rounds/{scenes.training_round(session, builders.study(session), clamped=0.8).id}"


@place("/admin/rounds/{round_id}", Role.ADMIN, lambda page: _unfold(page))
def a_round_that_failed(session, artifacts, me):
    round_ = scenes.training_round(
        session,
        builders.study(session),
        steps=20,
        run_state=RunState.FAILED,
        hold=Hold.FAILED,
        hold_reason="It blew up.",
    )
    return f"/admin/rounds/{round_.id}"


@place("/admin/rounds/{round_id}", Role.ADMIN, lambda page: _unfold(page))
def a_round_that_is_complete(session, artifacts, me):
    checkpoint = scenes.checkpoint(session, builders.study(session), artifacts=artifacts)
    return f"/admin/rounds/{session.get_one(TrainingRun, checkpoint.training_run_id).round_id}"


@place("/admin/rounds/{round_id}", Role.ADMIN)
def a_round_that_was_cancelled(session, artifacts, me):
    return f"/admin/rounds/{builders.round_(session, state=RoundState.CANCELLED).id}"


@place("/admin/rounds/{round_id}", Role.ADMIN)
def a_comparison(session, artifacts, me):
    study = builders.study(session)
    checkpoint = scenes.checkpoint(session, study, artifacts=artifacts)
    round_ = builders.round_(session, study_id=study.id, kind=RoundKind.EVALUATION, other_checkpoint_id=checkpoint.id)
    return f"/admin/rounds/{round_.id}"


@place("/admin/users", Role.ADMIN, lambda page: _unfold(page))
def everyone(session, artifacts, me):
    builders.user(session, is_guest=True)
    builders.user(session, disabled_at=builders.now())
    return "/admin/users"


@place("/admin/users/{user_id}", Role.ADMIN, lambda page: _unfold(page))
def someone(session, artifacts, me):
    return f"/admin/users/{builders.user(session).id}"


@place("/admin/invites", Role.ADMIN, lambda page: _unfold(page))
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


@place("/admin/models", Role.ADMIN, lambda page: _unfold(page))
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


@place("/admin/log", Role.ADMIN, lambda page: _unfold(page))
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


# research


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


@place("/research/checkpoints/{checkpoint_id}", Role.RESEARCHER, lambda page: _unfold(page))
def a_checkpoint(session, artifacts, me):
    made = scenes.checkpoint(session, builders.study(session), draws=2, artifacts=artifacts)
    return f"/research/checkpoints/{made.id}"


def _unfold(page: Page) -> None:
    """Unfold everything that is folded."""
    page.evaluate("document.querySelectorAll('details').forEach((box) => { box.open = true; })")


def _studied(session: Session, artifacts: Artifacts, me: User, **labeling: object) -> Round:
    """A round of which `me` has answered some pairs, and more are there."""
    study = builders.study(session, settings=builders.settings(labeling=labeling))
    round_ = builders.round_(session, study_id=study.id)
    for number in range(4):
        pair = builders.pair(session, round_id=round_.id, filled=1, artifacts=artifacts)
        builders.choice(session, pair_id=pair.id, user_id=me.id, made_at=builders.now() - timedelta(days=number // 2))
    for _ in range(6):
        builders.pair(session, round_id=round_.id, artifacts=artifacts)
    totals.refresh(session, round_)
    return round_


def _trained(session: Session, artifacts: Artifacts, me: User) -> Round:
    """A round that `me` worked on and that has trained since."""
    study = builders.study(session)
    checkpoint = scenes.checkpoint(session, study, artifacts=artifacts)
    round_ = session.get_one(Round, session.get_one(TrainingRun, checkpoint.training_run_id).round_id)
    participations.of(session, study_id=study.id, user=me)
    pair_id = session.scalars(select(Pair.id).where(Pair.round_id == round_.id)).first()
    builders.choice(session, pair_id=pair_id, user_id=me.id)
    return round_
