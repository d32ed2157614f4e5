"""Become a child process: lower priority, another user, an end with the parent; then exec the command.

Run as a script of its own (`python -I -S launch.py PLAN COMMAND…`), so that nothing runs between fork and exec in a
process that has threads. It imports nothing of ours: the user that it becomes may not be able to read our files.
PLAN is JSON: {"parent": pid, "death_signal": number, "nice": number, "user": null | [uid, gid],
"capability": null | number}.
"""

import ctypes
import json
import os
import sys

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2
CAPABILITY_VERSION_3 = 0x20080522


def main(plan: dict, command: list[str]) -> None:
    os.nice(plan["nice"])
    if plan["user"] is not None:
        uid, gid = plan["user"]
        become(uid, gid, plan["capability"])
    if sys.platform == "linux":
        die_with(plan["parent"], plan["death_signal"])
    os.execv(command[0], command)  # noqa: S606 - becoming the given program is what this script is for


def become(uid: int, gid: int, capability: int | None) -> None:
    """Switch to another user for good; a `capability` of root may be kept across the switch and the exec."""
    if capability is not None:
        prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if capability is not None:
        keep_only(capability)


def keep_only(capability: int) -> None:
    """Drop every capability but one, and let that one pass through exec (an ambient capability, Linux 4.3)."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    bit = 1 << capability
    effective_permitted_inheritable = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, effective_permitted_inheritable) != 0:
        raise OSError(ctypes.get_errno(), "capset failed")
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def die_with(parent: int, signal: int) -> None:
    """Ask for `signal` when the parent ends. The kernel forgets this at a switch of user, so it comes after."""
    prctl(PR_SET_PDEATHSIG, signal)
    if os.getppid() != parent:
        sys.exit("The supervisor ended while this process was starting.")


def prctl(option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    if ctypes.CDLL(None, use_errno=True).prctl(option, *padded) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option} failed")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
