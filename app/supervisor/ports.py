"""Ports of this machine: one that is free, and whether a wanted one is."""

import errno
import socket

from app.errors import Refused

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def refuse_taken_port(host: str, port: int) -> None:
    """Raise `Refused`, with what to do, where the site could not listen on `host` and `port`."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return
    except OSError as error:
        raise Refused(f"The site cannot listen on {host}:{port}: {_reason(error, port)}", port=port) from error


def _reason(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"another program uses port {port}. Choose another: tastemaker up --port {port + 1}, or TASTEMAKER_PORT."
    if error.errno == errno.EACCES:
        return "ports below 1024 need more rights. Choose another: tastemaker up --port 8000."
    return f"{error.strerror}. Check TASTEMAKER_HOST; 127.0.0.1 always works."
