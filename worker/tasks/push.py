"""A push: a checkpoint's folder, read whole, sent to the Hugging Face hub as one commit. Needs no torch."""

from app.db import transaction
from app.errors import Refused
from app.services import pushes
from app.settings import get_settings
from worker import hub
from worker.attempt import Attempt
from worker.d3po.errors import StoppedError


def run(held: Attempt) -> None:
    """Send it. Where it is stopped or fails, the repository shows nothing of it: the commit comes last."""
    settings = get_settings()
    if settings.hub_token is None:
        raise Refused("This worker has no token for the hub.", "Start it with the site's TASTEMAKER_HUB_TOKEN.")
    with transaction() as session:
        parcel = pushes.parcel(session, held.artifacts, held.claim, secret=settings.secret())
    told = held.progress("bytes")

    def watch(done: int, total: int) -> None:
        if held.should_stop():
            raise StoppedError("The push was told to stop.")
        told(done, total)

    arrived = hub.push(parcel, endpoint=settings.hub_endpoint, token=settings.hub_token.get_secret_value(), watch=watch)
    with transaction() as session:
        pushes.record(session, held.claim, url=arrived.url, commit=arrived.commit, private=arrived.private)
