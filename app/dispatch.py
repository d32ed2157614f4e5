"""Sends a job to the workers by name. A message only says "look": the row in the database is the truth."""

from functools import lru_cache

from celery import Celery

from app.models import Queue
from app.settings import get_settings

LOOK = "tastemaker.look"


@lru_cache
def broker(url: str) -> Celery:
    """A sender on the broker at `url`. It gives up soon: the sweep sends again what is due."""
    app = Celery("tastemaker", broker=url, set_as_current=False)
    app.conf.update(
        task_ignore_result=True,
        broker_connection_timeout=2,
        broker_transport_options={"socket_timeout": 5, "socket_connect_timeout": 2, "max_retries": 0},
    )
    return app


def look_at(job_id: int, queue: Queue) -> None:
    """Wake one worker of `queue`; it takes the queue's most urgent job, whichever that is by then."""
    broker(get_settings().require_broker_url()).send_task(LOOK, args=[job_id], queue=queue.value, retry=False)


def waiting(queue: Queue) -> int:
    """How many messages of `queue` no worker has taken yet."""
    with broker(get_settings().require_broker_url()).connection_for_write() as connection:
        return int(connection.default_channel.client.llen(queue.value))
