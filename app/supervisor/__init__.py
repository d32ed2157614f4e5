"""The embedded servers and the processes of `up`: one supervisor that starts, watches and stops its children."""

from app.supervisor.lock import Instance, running_instance
from app.supervisor.servers import EmbeddedServers, ensure_servers

__all__ = ["EmbeddedServers", "Instance", "ensure_servers", "running_instance"]
