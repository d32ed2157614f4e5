import re

from app.db import transaction
from tests import builders


def test_an_invite_is_made_listed_and_taken_back(admin, factory, anonymous):
    with transaction(factory) as session:
        study = builders.study(session)
    made = admin.call(
        "POST", "/invites", json={"name": "Panel", "study": study.id, "max_uses": 20, "choices_wanted": 50}
    )
    assert made.status_code == 201
    said = made.json()
    assert (said["state"], said["uses"], said["study_id"], said["choices_wanted"]) == ("open", 0, study.id, 50)
    path = re.fullmatch(r"http://127.0.0.1:8000(/join/[\w-]{43})", said["link"]).group(1)
    assert anonymous.get(path).status_code == 200

    listed = admin.get("/api/v1/invites").json()["items"]
    assert [(item["id"], "link" in item) for item in listed] == [(said["id"], False)]

    for _ in range(2):
        assert admin.call("POST", f"/invites/{said['id']}/revoke").json()["state"] == "revoked"
    assert anonymous.get(path).status_code == 410


def test_what_cannot_be_used_is_named(admin):
    answer = admin.call("POST", "/invites", json={"name": "", "days": 0})
    assert (answer.status_code, set(answer.json()["fields"])) == (422, {"name", "days"})


def test_invites_are_the_admins_alone(annotator, researcher, anonymous):
    for client, status in ((annotator, 403), (researcher, 403), (anonymous, 401)):
        assert client.get("/api/v1/invites").status_code == status
        assert client.call("POST", "/invites", json={"name": "x"}).status_code == status


def test_the_list_goes_on_page_by_page(admin):
    ids = [admin.call("POST", "/invites", json={"name": f"n{n}"}).json()["id"] for n in range(3)]
    first = admin.get("/api/v1/invites?limit=2").json()
    rest = admin.get(f"/api/v1/invites?limit=2&cursor={first['next']}").json()
    assert [item["id"] for item in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next"] is None
