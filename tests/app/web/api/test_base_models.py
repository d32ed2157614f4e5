from sqlalchemy import select

from app.db import transaction
from app.models import CheckState, Job, JobState, ModelCheck
from tests import builders


def refused(admin, factory) -> int:
    """The id of a check that a worker refused."""
    made = admin.call("POST", "/base-models", json={"source": "owner/flux"}).json()
    with transaction(factory) as session:
        check = session.get_one(ModelCheck, made["id"])
        session.get_one(Job, check.job_id).state = JobState.FAILED
        check.state, check.reason = CheckState.REFUSED, "holds a FluxPipeline"
    return made["id"]


def test_a_refused_check_is_made_again(admin, researcher, factory):
    check_id = refused(admin, factory)
    path = f"/base-models/checks/{check_id}"
    assert admin.call("GET", path).json()["state"] == "refused"
    assert researcher.call("POST", f"{path}/retry").status_code == 403
    again = admin.call("POST", f"{path}/retry")
    assert (again.status_code, again.json()["state"]) == (202, "checking")
    assert admin.call("POST", f"{path}/retry").status_code == 409
    assert admin.call("DELETE", path).status_code == 409


def test_a_refused_check_is_taken_off_the_list(admin, researcher, factory):
    path = f"/base-models/checks/{refused(admin, factory)}"
    assert researcher.call("DELETE", path).status_code == 403
    assert admin.call("DELETE", path).status_code == 204
    assert admin.call("GET", path).status_code == 404
    assert admin.call("DELETE", path).status_code == 404


def test_a_base_model_is_measured_again(admin, researcher, factory):
    with transaction(factory) as session:
        model = builders.base_model(session)
    path = f"/base-models/{model.id}/check"
    assert researcher.call("POST", path).status_code == 403
    first, second = (admin.call("POST", path) for _ in range(2))
    assert (first.status_code, first.json()["source"]) == (202, model.source)
    assert first.json()["id"] == second.json()["id"]
    with transaction(factory) as session:
        assert len(session.scalars(select(ModelCheck)).all()) == 1
    assert admin.call("POST", "/base-models/987654/check").status_code == 404
