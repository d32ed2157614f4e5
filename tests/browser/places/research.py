"""Places of a researcher: checkpoints."""

from app.models import Answer, Role
from app.services import judges
from tests import builders, scenes
from tests.browser.places.registry import place, unfold
from tests.comparisons import ONE, OTHER, comparison, judged


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


def improved(session, artifacts, rounds=3):
    """A study whose checkpoints get better round by round, of which people have compared all but the newest."""
    prompts = builders.prompt_set(session, prompts=[*builders.PROMPTS, "a lighthouse keeper over a stormy sea " * 3])
    study = builders.study(session, name="Emoji", question="Which one is livelier?", prompt_set_id=prompts.id)
    judges.know(session, name="jpeg_compressibility", unit="kB", larger_is_better=False)
    made = []
    for number in range(rounds):
        made.append(scenes.checkpoint(session, study, parent=made[-1] if made else None, draws=2, artifacts=artifacts))
        if number < rounds - 1:
            answers = [*[ONE] * (number + 4), OTHER, OTHER, Answer.TIE]
            judged(session, comparison(session, study, made[-1].id, None), *answers)
    judged(session, comparison(session, study, made[1].id, made[0].id), ONE, ONE, OTHER)
    return study


@place("/research/studies/{study_id:int}/better", Role.RESEARCHER, unfold)
def does_it_get_better(session, artifacts, me):
    study = improved(session, artifacts)
    last = scenes.checkpoint(session, study, artifacts=artifacts, draws=2)
    judged(session, comparison(session, study, last.id, None), ONE, ONE, ONE)
    return f"/research/studies/{study.id}/better"


@place(
    "/research/studies/{study_id:int}/better", Role.RESEARCHER, lambda page: page.locator("[data-cell]").first.click()
)
def a_picture_of_the_grid_in_large(session, artifacts, me):
    return f"/research/studies/{improved(session, artifacts).id}/better"


@place("/research/studies/{study_id:int}/better", Role.RESEARCHER)
def nothing_to_compare_yet(session, artifacts, me):
    return f"/research/studies/{builders.study(session).id}/better"
