from sqlalchemy.orm import Session

from app.models import Role
from app.services import audit, events
from app.services.audit import Wanted
from tests import builders
from tests.queries import counted


def test_events_are_found_by_person_object_and_study(db: Session) -> None:
    ada = builders.user(db, role=Role.ADMIN, handle="ada", display_name="Ada Lovelace")
    grace = builders.user(db, role=Role.ADMIN, handle="grace")
    study = builders.study(db)
    round_ = builders.round_(db, study_id=study.id)
    events.write(db, "study.created", study, actor=ada)
    events.write(db, "round.launched", round_, actor=grace)
    events.write(db, "round.fail", round_, reason="no memory")
    events.write(db, "user.disabled", ada, actor=grace)
    db.flush()

    def found(**wanted: object) -> list[str]:
        return [line.what for line in audit.lines(db, Wanted(**wanted))]  # type: ignore[arg-type]

    assert found() == ["user.disabled", "round.fail", "round.launched", "study.created"]
    assert found(who="LOVE") == ["study.created"]
    assert found(who="100%") == []
    assert found(who=audit.SYSTEM) == ["round.fail"]
    assert found(kind="rounds") == ["round.fail", "round.launched"]
    assert found(study=study.id, who="grace") == ["round.launched"]
    newest = audit.lines(db, Wanted(), limit=1)[0]
    assert (newest.actor, newest.object_name) == ("Grace", "Ada Lovelace")
    assert [line.what for line in audit.lines(db, Wanted(), before=newest.id, limit=1)] == ["round.fail"]
    assert audit.kinds(db) == ["rounds", "studies", "users"]


def test_a_download_goes_in_pieces_from_the_oldest_on(db: Session) -> None:
    study = builders.study(db)
    for _ in range(5):
        events.write(db, "study.created", study)
    db.flush()
    first = audit.oldest_first(db, Wanted(study=study.id), limit=3)
    rest = audit.oldest_first(db, Wanted(study=study.id), after=first[-1].id, limit=3)
    ids = [line.id for line in first + rest]
    assert (len(ids), ids) == (5, sorted(ids))


def test_a_page_takes_two_queries(db: Session) -> None:
    person = builders.user(db)
    for _ in range(10):
        events.write(db, "user.added", person, actor=person)
    db.flush()
    with counted(db.get_bind()) as queries:
        audit.lines(db, Wanted())
    assert len(queries) == 2
