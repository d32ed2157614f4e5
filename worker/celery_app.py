"""The Celery side of a worker: it listens on one queue, and each message makes its child look for due jobs.

The parent never imports torch and never opens the database: the child that is forked from it would hang in the first
and share a connection of the second. Messages are acknowledged early and one at a time; a lost one costs a sweep.
"""

import warnings
from functools import partial
from typing import Any

from celery import Celery, signals
from celery.platforms import SecurityWarning

from app.dispatch import LOOK
from app.models import Queue
from app.settings import Settings
from worker import judging
from worker.attempt import Attempt, attempt
from worker.claims import Identity, due_jobs
from worker.heartbeat import Presence
from worker.shutdown import ShutdownFlag

LOADING_S = 120.0  # most that the child may take to load torch


def serve(settings: Settings, identity: Identity) -> int:
    """Work until told to end; returns the exit code.

    SIGTERM and Ctrl+C let the job at hand reach its next safe point and give it back; SIGQUIT ends at once, and the
    lease brings the job to another worker.
    """
    warnings.simplefilter("ignore", SecurityWarning)  # of being root with pickled messages: only JSON is read here
    shutting_down = ShutdownFlag()
    app = celery_app(settings, identity, shutting_down)

    # Celery keeps only weak references to receivers: these live as long as this call
    ask_to_stop = partial(_ask_to_stop, shutting_down)
    greet = partial(_greet, identity, settings)
    signals.worker_shutting_down.connect(ask_to_stop)
    signals.worker_process_init.connect(greet)
    worker = app.Worker(
        hostname=identity.name,
        queues=[identity.queue.value],
        pool="prefork",
        concurrency=1,
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def celery_app(settings: Settings, identity: Identity, shutting_down: ShutdownFlag) -> Celery:
    """The app with its one task, on the broker that the settings name."""
    app = Celery("tastemaker", broker=settings.require_broker_url(), set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_pool_start_method="fork",  # the child shares the shutdown flag
        worker_proc_alive_timeout=LOADING_S,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
    )

    @app.task(name=LOOK)
    def look(job_id: int) -> None:
        for claim in due_jobs(identity, shutting_down):
            attempt(claim, shutting_down, _work)

    return app


def _work(held: Attempt) -> None:
    """The job's own task. Imported here: torch must not be in the process that forks."""
    from worker.tasks import run

    run(held)


def _ask_to_stop(shutting_down: ShutdownFlag, **_: Any) -> None:
    shutting_down.set()


def _greet(identity: Identity, settings: Settings, **_: Any) -> None:
    """In the fresh child: say that the worker is there, and load torch where it is needed."""
    presence = Presence(identity, settings.device)
    judging.tell_installed()
    if identity.queue is Queue.CPU:
        presence.device = "cpu"
        return
    from worker import device, tasks

    tasks.load()
    presence.device, presence.memory = device.describe(), device.memory
