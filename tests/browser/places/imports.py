"""Places of an admin: data that was made elsewhere."""

from datetime import timedelta

from app.models import Import, Job, JobState, Role, RoundState
from app.services import import_items, imports, totals
from tests import builders
from tests.browser.places.registry import place

ROUTE = "/admin/imports"


@place(ROUTE, Role.ADMIN)
def imports_in_every_state(session, artifacts, me):
    builders.base_model(session, name="Emoji model")
    for name, state in (
        ("Pick-a-Pic, the first shards", "whole"),
        ("Hands, scored by five people", JobState.CANCELLED),
        ("A file with faults", JobState.FAILED),
        ("Landscapes with a rather long name that goes on and on", JobState.RUNNING),
        ("The next ones", JobState.WAITING),
    ):
        format_name = "paper" if name.startswith("Hands") else "pick-a-pic"
        made = imports.ask(session, format_name=format_name, name=name, source={"uploaded": []}, actor=me)
        stand(session, artifacts, made, state)
    return ROUTE


@place(ROUTE, Role.ADMIN)
def nothing_imported_yet(session, artifacts, me):
    return ROUTE


@place("/admin/rounds/{round_id}", Role.ADMIN)
def imported_pairs(session, artifacts, me):
    study = builders.study(session, name="Pick-a-Pic, the first shards")
    round_ = builders.round_(session, study_id=study.id, kind="imported", state=RoundState.COMPLETE)
    for _ in range(4):
        pair = builders.pair(session, round_id=round_.id, artifacts=artifacts, state="closed", filled=1)
        builders.choice(session, pair_id=pair.id)
    totals.refresh(session, round_)
    return f"/admin/rounds/{round_.id}"


class Two:
    """A reader's facts: two prompts."""

    groups = ("a cat", "a dog")
    total = 58_000
    notes: dict[str, int] = {}  # noqa: RUF012


def stand(session, artifacts, made: Import, state) -> None:
    """Put an import into a state, as a worker would have."""
    job = session.get_one(Job, made.job_id)
    if state in ("whole", JobState.CANCELLED):
        made.sha256 = builders.sha256(made.name)
        imports.begin(session, made, Two())
        session.flush()
        whole = state == "whole"
        made.position = 58_000 if whole else 21_040
        made.left_out = {"no_label": 1312, "said_before": 40} if whole else {"pickle": 1}
        if whole:
            imports.finish(session, artifacts, made)
        state = JobState.DONE if whole else state
    elif state is JobState.FAILED:
        fault = import_items.Faults()
        fault.add(import_items.Fault("train-00000.parquet, row 17", "label_0 is 0.7, not 0, 0.5 or 1"))
        try:
            fault.refuse(1200)
        except Exception as error:  # noqa: BLE001 -- its words are what is shown
            job.error = str(error)
    elif state is JobState.RUNNING:
        job.lease_until = builders.now() + timedelta(seconds=45)
        job.progress = {"done": 12_200, "total": 58_000, "unit": "checks", "per_second": 210.0}
    job.state = state
    if state not in (JobState.RUNNING, JobState.WAITING):
        job.ended_at = builders.now()
