"""A tracker's real package at work in an environment of its own: `python real_tracker.py NAME FOLDER`.

Each line on standard input is a call, as JSON; each line on standard output the answer to it. Imports nothing of the
project, which is not installed there.
"""

import importlib
import json
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def main(name: str, folder: Path) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the package itself prints is no answer
    module: Any = importlib.import_module(name)
    run: Any = None
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        call = json.loads(line)
        answer: Any = None
        match call["name"]:
            case "init":
                options = call["options"]
                if "settings" in options:
                    options["settings"] = module.Settings(**options["settings"])
                run = module.init(**options)
            case "log":
                run.log(call["values"], step=call["step"])
            case "finish":
                run.finish()
            case "read":
                answer = READ[name](folder)
        print(json.dumps(answer), file=answers, flush=True)


def of_wandb(folder: Path) -> dict[str, Any]:
    """The history in the one file of an offline run, by step."""
    from wandb.proto import wandb_internal_pb2

    (file,) = folder.rglob("*.wandb")
    found = {}
    for data in leveldb_records(file.read_bytes()[7:]):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        if record.WhichOneof("record_type") == "history":
            values = {(one.key or "/".join(one.nested_key)): json.loads(one.value_json) for one in record.history.item}
            found[str(values["_step"])] = values
    return found


def leveldb_records(data: bytes) -> Iterator[bytes]:
    """The records of a log in LevelDB's format (its first block lacks the 7 bytes that wandb writes before it)."""
    place, held = 0, b""
    while place + 7 <= len(data):
        left = 32_768 - (place + 7) % 32_768
        if left < 7:
            place += left
            continue
        length, kind = struct.unpack_from("<HB", data, place + 4)
        held += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or its last part
            yield held
            held = b""


def of_trackio(folder: Path) -> dict[str, Any]:
    """The metrics of the one run of the project, by step, as trackio itself reads them."""
    import trackio

    (run,) = trackio.Api().runs("tests")
    logs = importlib.import_module("trackio.sqlite_storage").SQLiteStorage.get_logs("tests", run.name)
    return {str(one["step"]): one for one in logs}


READ = {"wandb": of_wandb, "trackio": of_trackio}

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
