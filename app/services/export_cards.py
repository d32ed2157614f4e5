"""Data cards: what a folder of data says of itself, in the hub's conventions (Markdown below a block of YAML)."""

import json
from collections.abc import Mapping

from app.services.export_source import Rounds, Source

COMMON = """
## Where it comes from

Study **{name}** (seed {seed}): people were shown two pictures of the same prompt and the same starting noise and asked
“{question}”. The pictures are of {model}{revision} and of LoRA checkpoints trained from it in the same
study{rounds}.{imported}

## Annotators

They are told of by pseudonyms, the same in all exports of this study and other ones in every other study. Answers of
people who are left out of the study, or who took their consent back, are not in it. Comments that people wrote are as
they wrote them.
"""
IMPORTED = """

Pairs that were imported (`round_kind` is `imported`, where it is told) are none of that: pictures and answers were made
elsewhere, by the models that their files name, and not from the same noise."""
OF_ROUNDS = {
    Rounds.PREFERENCE: "",
    Rounds.EVALUATION: ". All pairs are of blind comparisons of two policies",
    Rounds.ALL: ". Pairs of blind comparisons (`evaluation`) are among them",
}


def pick_a_pic(source: Source, splits: Mapping[str, int]) -> str:
    """`splits`: how many rows each has."""
    paths = {split: f"data/{split}-*.parquet" for split in splits}
    body = (
        "The columns are those of Pick-a-Pic v2: one row for each choice. `label_0` is 1 where the first picture was "
        "preferred and 0 where the second was.\n\n"
        + "\n".join(f"- `{split}`: {count} rows" for split, count in splits.items())
        + "\n\nTies (0.5 and 0.5, `best_image_uid` is `tie`) stand in a split of their own, since readers that know no "
        "ties would take the first picture for the winner. `jpg_0` and `jpg_1` are the pictures as judged: "
        "lossless PNG. `image_0_uid` is the SHA-256 of the picture's file."
    )
    return _card(source, [("default", paths)], body)


def rapidata(source: Source) -> str:
    body = (
        "One row for each pair that at least two decided, in Rapidata's columns. A tie is a vote for neither and "
        "counts half for each in `weighted_results_…`; `detailed_results_preference` lists the single answers as JSON."
    )
    return _card(source, [("default", {"train": "data/train-*.parquet"})], body)


def dataset(source: Source) -> str:
    body = (
        "`preferences` has a row for each pair: `p` is the probability that `first` is better, (first + tie/2) / "
        "(first + second + tie) over the answers that count, and none where they say nothing. `choices` has a row for "
        "each answer, also those that do not count: which side was shown, how long it took, whether it was a repeat."
    )
    configs = [(name, {"train": f"{name}/train-*.parquet"}) for name in ("preferences", "choices")]
    return _card(source, configs, body)


def webdataset(source: Source) -> str:
    body = (
        "Tar shards of WebDataset. A pair is `KEY.first.png` and `KEY.second.png`, both pictures as they were judged, "
        "and `KEY.json`: `p`, the probability that `first` is better (null where its answers say nothing), the votes "
        "behind it, and each single answer."
    )
    return _card(source, [("default", {"train": "shard-*.tar"})], body)


def trajectories(source: Source, pairs: Mapping[str, int]) -> str:
    """`pairs`: of how many both trajectories are there, and of how many they are missing, by the reason."""
    gone = sum(count for reason, count in pairs.items() if reason != "there")
    body = (
        "Tar shards, a group (one prompt, one starting noise) being `KEY.safetensors` and `KEY.json`. Of the group's "
        "sample number N there are `N.latents` (T, C, H, W), which is x_{T-1} … x_0, `N.timesteps` (T,) and "
        "`N.log_probs` (T,), the mean log-probability of each step by the policy that drew it (NaN at steps without "
        "noise); `x_T` (C, H, W) is what all of them start from. The metadata `tastemaker.trajectory.N` holds prompt, "
        "sampling settings, policy and precision. `KEY.json` holds the group's pairs with every answer.\n\n"
        "`index.jsonl` has a line for each answered pair: `shard` and `file` say where its group is, `first_number` "
        "and `second_number` which tensors are its two pictures', `choices` lists the ids of its answers.\n\n"
        f"- {pairs.get('there', 0)} pairs with both trajectories\n- {gone} pairs without: trajectories of older rounds "
        "are cleaned up. They stand in the index with `missing` and the SHA-256 that their trajectories had."
    )
    return _card(source, [("default", {"train": "shard-*.tar"})], body)


def folders(source: Source, trainer: str, winners: str, losers: str) -> str:
    body = (
        f"Pairs as {trainer} reads them: `{winners}` holds the picture that was preferred, `{losers}` the other one "
        "under the same name, each with the prompt beside it. A pair is here where its answers decide for one of both: "
        "ties are in no folder. `preferences.jsonl` has a line for each: p, the votes, the ids of its answers.\n\n"
        "Paths in the settings beside it are from this folder: start the trainer here, or write the full path."
    )
    return _card(source, [("default", {"train": "preferences.jsonl"})], body)


def _card(source: Source, configs: list[tuple[str, dict[str, str]]], body: str) -> str:
    study = source.study
    revision = f" at revision `{study.model_revision}`" if study.model_revision else ""
    common = COMMON.format(
        name=study.name, seed=study.seed, question=study.question, model=f"`{study.model}`", revision=revision,
        imported=IMPORTED if study.has_imported else "",
        rounds=OF_ROUNDS[source.rounds],
    )  # fmt: skip
    return f"{_front(study.name, configs)}\n# {study.name}: preferences\n\n{body}\n{common}"


def _front(name: str, configs: list[tuple[str, dict[str, str]]]) -> str:
    """The block of YAML: JSON strings are YAML strings, whatever a name holds."""
    lines = ["---", f"pretty_name: {json.dumps(name, ensure_ascii=False)}", "tags:", "- preferences", "- text-to-image"]
    lines.append("configs:")
    for number, (config, splits) in enumerate(configs):
        lines += [f"- config_name: {config}", *(["  default: true"] if number == 0 else []), "  data_files:"]
        for split, path in splits.items():
            lines += [f"  - split: {split}", f'    path: "{path}"']
    return "\n".join([*lines, "---", ""])
