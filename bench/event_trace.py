"""What Chromium's trace tells of key presses and frames, at full precision and on one clock."""

import json
from base64 import b64decode

TIMELINE = "devtools.timeline"  # Event Timing's entries are part of it
FILM = "disabled-by-default-devtools.screenshot"


def key_spans(trace: bytes) -> list[tuple[float, float]]:
    """Of each keydown: its timeStamp and its presentation, in milliseconds of the trace's clock, in order."""
    found = []
    for event in json.loads(trace)["traceEvents"]:
        if event["name"] == "EventTiming" and event["ph"] == "b" and event["args"]["data"]["type"] == "keydown":
            start = event["ts"] / 1000
            found.append((start, start + event["args"]["data"]["duration"]))
    return sorted(found)


def frames_of(trace: bytes) -> list[tuple[float, bytes]]:
    """Every frame that was presented: when, and as a JPEG."""
    return sorted(
        (event["ts"] / 1000, b64decode(event["args"]["snapshot"]))
        for event in json.loads(trace)["traceEvents"]
        if event["name"] == "Screenshot"
    )
