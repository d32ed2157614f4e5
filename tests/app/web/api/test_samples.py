from app.db import transaction
from tests import builders


def test_the_lossless_picture_is_served_by_its_hash(researcher, factory, artifacts):
    with transaction(factory) as session:
        row = builders.sample(session, artifacts=artifacts)
    answer = researcher.call("GET", f"/samples/{row.id}/image")
    assert answer.content.startswith(b"\x89PNG")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["etag"] == f'"{row.image_sha256}"'


def test_the_trajectory_is_served_while_it_is_kept_and_gone_afterwards(researcher, factory, artifacts):
    stored = artifacts.put_bytes("trajectories/1-1.safetensors", b"x_T ... x_0")
    columns = {"trajectory_key": stored.key, "trajectory_sha256": stored.sha256, "trajectory_size": stored.size}
    with transaction(factory) as session:
        kept = builders.sample(session, **columns)
        released = builders.sample(session, **columns, trajectory_removed_at=builders.now())
        none = builders.sample(session)
    assert researcher.call("GET", f"/samples/{kept.id}/trajectory").content == b"x_T ... x_0"
    gone = researcher.call("GET", f"/samples/{released.id}/trajectory")
    assert (gone.status_code, stored.sha256 in gone.json()["detail"]) == (410, True)
    assert researcher.call("GET", f"/samples/{none.id}/trajectory").status_code == 404


def test_annotators_may_not_learn_who_drew_what(annotator, anonymous, factory):
    with transaction(factory) as session:
        row = builders.sample(session)
    for path in (f"/samples/{row.id}/image", f"/samples/{row.id}/trajectory"):
        assert [client.call("GET", path).status_code for client in (annotator, anonymous)] == [403, 401]
