"""Places of an admin who runs studies: prompts, studies, settings, annotators, rounds."""

from sqlalchemy import select

from app.models import (
    Answer,
    Choice,
    Hold,
    Job,
    JobKind,
    JobState,
    Pair,
    PairState,
    Role,
    RoundState,
    RunState,
    Study,
    TrainingRun,
    TrainingSet,
    User,
)
from app.paths import DEMO
from app.services import gold, guide_pictures, participations, tallies, totals, tries
from app.study_settings import SamplingSettings
from tests import builders, scenes
from tests.browser.places.registry import place, unfold
from tests.browser.places.worked_on import studied
from tests.comparisons import ONE, OTHER, checkpoint, comparison, judged
from tests.files import png

TEXT = "Look at the **whole** picture.\n\n## Better\n\n- sharp\n\n| you see | say |\n| --- | --- |\n| two | Equal |\n"


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


@place("/admin/prompts/{prompt_set_id:int}", Role.ADMIN, unfold)
def a_prompt_set_with_its_figures(session, artifacts, me):
    round_ = studied(session, artifacts, me)
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


@place("/admin/studies/new", Role.ADMIN, unfold)
def a_new_study(session, artifacts, me):
    return "/admin/studies/new"


@place("/admin/studies/{study_id:int}", Role.ADMIN, unfold)
def a_study(session, artifacts, me):
    study = builders.study(session)
    scenes.checkpoint(session, study, artifacts=artifacts)
    scenes.labeling_round(session, study, artifacts=artifacts)
    return f"/admin/studies/{study.id}"


@place("/admin/studies/{study_id:int}", Role.ADMIN, unfold)
def a_study_with_warnings(session, artifacts, me):
    round_ = scenes.warned(session, builders.study(session, name="Mascots"), artifacts=artifacts)
    return f"/admin/studies/{round_.study_id}"


@place("/admin/rounds/{round_id}", Role.ADMIN)
def a_round_with_warnings(session, artifacts, me):
    scenes.warned(session, builders.study(session, name="Mascots"), artifacts=artifacts)
    made = session.scalars(select(TrainingRun).order_by(TrainingRun.id.desc()).limit(1)).one()
    return f"/admin/rounds/{made.round_id}"


@place("/admin/rounds/{round_id}", Role.ADMIN)
def a_round_that_looks_the_same(session, artifacts, me):
    round_ = scenes.warned(session, builders.study(session, name="Mascots"), artifacts=artifacts)
    for pair in session.scalars(select(Pair).where(Pair.round_id == round_.id).order_by(Pair.id.desc()).limit(3)):
        pair.distance, pair.state, pair.alike, pair.closed_at = 0.001, PairState.VOID, True, None
    totals.refresh(session, round_)
    return f"/admin/rounds/{round_.id}"


@place(
    "/admin/studies/{study_id:int}/launch",
    Role.ADMIN,
    lambda page: (
        unfold(page),
        page.get_by_label("Learning rate").fill("0.0007"),
        page.get_by_text("0.0007").wait_for(),
    ),
)
def a_launch_unlike_the_study(session, artifacts, me):
    return f"/admin/studies/{builders.study(session).id}/launch"


@place("/admin/rounds/{round_id}", Role.ADMIN)
def a_round_unlike_its_study(session, artifacts, me):
    study = builders.study(session)
    round_ = scenes.labeling_round(session, study, artifacts=artifacts)
    round_.differs = {"sampling.groups": [32, 20], "training.learning_rate": [3e-5, 7e-4], "training.clip": [0.1, None]}
    return f"/admin/rounds/{round_.id}"


@place("/admin/studies/{study_id:int}/settings", Role.ADMIN, unfold)
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


@place("/admin/studies/{study_id:int}/labeling", Role.ADMIN, unfold)
def labeling_settings(session, artifacts, me):
    study = builders.study(session, settings=builders.settings(labeling={"guidelines": TEXT, "reasons": ["sharper"]}))
    guide_pictures.add(session, artifacts, study=study, data=png(64, 64), actor=me)
    return f"/admin/studies/{study.id}/labeling"


@place("/admin/studies/{study_id:int}/people", Role.ADMIN, unfold)
def annotators(session, artifacts, me):
    study = builders.study(session)
    scenes.labeling_round(session, study, artifacts=artifacts)
    for user_id in session.scalars(select(Choice.user_id).distinct()):
        participations.of(session, study_id=study.id, user=session.get_one(User, user_id))
    tallies.catch_up(session)
    return f"/admin/studies/{study.id}/people"


@place("/admin/studies/{study_id:int}/people", Role.ADMIN, unfold)
def annotators_of_whom_one_is_left_out(session, artifacts, me):
    quick = builders.user(session)
    study_id = studied(session, artifacts, builders.user(session)).study_id
    for person in (quick, builders.user(session)):
        participations.of(session, study_id=study_id, user=person)
    participations.pause(session, study_id=study_id, user_id=quick.id, reason="too quick", actor=me)
    participations.leave_out(session, study_id=study_id, user_id=quick.id, actor=me)
    tallies.catch_up(session)
    return f"/admin/studies/{study_id}/people"


@place("/admin/studies/{study_id:int}/people", Role.ADMIN)
def annotators_in_a_table(session, artifacts, me):
    quick = builders.user(session)
    study_id = studied(session, artifacts, quick).study_id
    for person in (quick, builders.user(session)):
        participations.of(session, study_id=study_id, user=person)
    participations.pause(session, study_id=study_id, user_id=quick.id, reason="too quick", actor=me)
    tallies.catch_up(session)
    return f"/admin/studies/{study_id}/people?view=table&sort=left"


@place("/admin/studies/{study_id:int}/people/{user_id:int}/leave_out", Role.ADMIN)
def before_someone_is_left_out(session, artifacts, me):
    study = builders.study(session)
    scenes.checkpoint(session, study, artifacts=artifacts)
    round_ = scenes.labeling_round(session, study, artifacts=artifacts)
    person = session.get_one(User, session.scalars(select(Choice.user_id).order_by(Choice.id.desc())).first())
    participations.of(session, study_id=study.id, user=person)
    frozen = session.scalars(select(TrainingSet)).one()
    choice = session.scalars(select(Choice.id).where(Choice.user_id == person.id)).first()
    frozen.items = [{**item, "choices": [choice] if item["pair"] < 12 else []} for item in frozen.items]
    tallies.catch_up(session)
    return f"/admin/studies/{round_.study_id}/people/{person.id}/leave_out"


@place("/admin/studies/{study_id:int}/gold", Role.ADMIN, unfold)
def known_answers(session, artifacts, me):
    round_ = scenes.labeling_round(session, builders.study(session), closed=4, artifacts=artifacts)
    known = session.scalars(select(Pair.id).where(Pair.round_id == round_.id).order_by(Pair.id)).first()
    gold.set_answer(session, pair_id=known, answer=Answer.FIRST, actor=me)
    return f"/admin/studies/{round_.study_id}/gold"


@place("/admin/rounds/{round_id}", Role.ADMIN, unfold)
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


@place("/admin/rounds/{round_id}", Role.ADMIN, unfold)
def a_round_in_training(session, artifacts, me):
    round_ = scenes.training_round(session, builders.study(session), clamped=0.8)
    scenes.logged(session, round_)
    return f"/admin/rounds/{round_.id}"


@place("/admin/rounds/{round_id}", Role.ADMIN)
def a_round_with_chunks_put_aside(session, artifacts, me):
    round_ = scenes.labeling_round(session, builders.study(session), artifacts=artifacts)
    error = "The device ran out of memory. Make the sampling batch smaller, then retry."
    for _ in range(2):
        scenes.failed_chunk(session, round_, error=error)
    return f"/admin/rounds/{round_.id}"


@place("/admin/rounds/{round_id:int}/log", Role.ADMIN)
def the_log_of_a_round(session, artifacts, me):
    round_ = scenes.training_round(session, builders.study(session))
    scenes.logged(session, round_)
    return f"/admin/rounds/{round_.id}/log"


@place("/admin/rounds/{round_id:int}/log", Role.ADMIN)
def a_log_in_which_nothing_fits(session, artifacts, me):
    return f"/admin/rounds/{scenes.training_round(session, builders.study(session)).id}/log?job=training&level=error"


@place("/admin/rounds/{round_id}", Role.ADMIN, unfold)
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


@place("/admin/rounds/{round_id}", Role.ADMIN, unfold)
def a_round_that_is_complete(session, artifacts, me):
    checkpoint = scenes.checkpoint(session, builders.study(session), artifacts=artifacts)
    return f"/admin/rounds/{session.get_one(TrainingRun, checkpoint.training_run_id).round_id}"


@place("/admin/rounds/{round_id}", Role.ADMIN)
def a_round_that_was_cancelled(session, artifacts, me):
    return f"/admin/rounds/{builders.round_(session, state=RoundState.CANCELLED).id}"


@place("/admin/rounds/{round_id}", Role.ADMIN)
def a_comparison(session, artifacts, me):
    round_ = _compared(session, artifacts, [ONE, ONE, OTHER], [Answer.TIE, ONE], [Answer.BOTH_BAD], [])
    return f"/admin/rounds/{round_.id}"


@place("/admin/rounds/{round_id}", Role.ADMIN)
def a_comparison_that_is_settled_and_over(session, artifacts, me):
    said = ([ONE, ONE, ONE], [ONE, ONE], [OTHER, ONE, ONE], [ONE, ONE, Answer.TIE], [OTHER], [ONE, ONE, ONE])
    round_ = _compared(session, artifacts, *said, state=RoundState.COMPLETE)
    return f"/admin/rounds/{round_.id}"


@place("/admin/rounds/{round_id}", Role.ADMIN)
def a_comparison_whose_pictures_could_not_be_drawn(session, artifacts, me):
    round_ = _compared(session, artifacts, state=RoundState.GENERATING)
    said = {"state": JobState.FAILED, "error": "The device ran out of memory. Make the sampling batch smaller."}
    builders.job(session, kind=JobKind.EVALUATION, study_id=round_.study_id, checkpoint_id=round_.checkpoint_id, **said)
    return f"/admin/rounds/{round_.id}"


def _compared(session, artifacts, *said, **columns):
    """A comparison of a checkpoint with the base, with a pair for each of `said`."""
    study = builders.study(session, name="Emoji")
    columns = {"labeling_at": builders.now(), "groups": 6} | columns
    round_ = comparison(session, study, checkpoint(session, study).id, None, **columns)
    for number, answers in enumerate(said):
        pair = judged(session, round_, *answers, one_first=number % 2 == 0, artifacts=artifacts)
        if answers:
            pair.state, pair.filled, pair.closed_at = PairState.CLOSED, len(answers), builders.now()
    session.flush()
    totals.refresh(session, round_)
    return round_
