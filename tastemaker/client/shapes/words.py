"""Words that the API uses, as types."""

from typing import Any, Literal

RoundKind = Literal["preference", "evaluation", "imported"]
RoundState = Literal["generating", "labeling", "training", "complete", "cancelled"]
Hold = Literal["none", "paused", "failed"]
Sampler = Literal["study", "ddim"]
Answer = Literal["first", "second", "tie", "both_bad", "skip"]
RunState = Literal["waiting", "running", "finished", "failed", "cancelled"]
Side = Literal["first", "second"]
Queue = Literal["accelerator", "cpu"]
JobState = Literal["waiting", "running", "done", "failed", "cancelled"]
Format = Literal["diffusers", "kohya", "peft"]
Rounds = Literal["preference", "evaluation", "all"]
Json = dict[str, Any]
