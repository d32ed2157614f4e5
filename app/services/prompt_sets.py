"""Prompt sets: read from text, stored as versions that never change, measured against a tokenizer's limit."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from tokenizers import Tokenizer
from tokenizers.models import BPE

from app.errors import BadInput, NotFound
from app.models import Prompt, PromptSet, Split, User
from app.services import events
from app.services.canonical import sha256_of

MOST_CHARACTERS = 2000


@dataclass(frozen=True)
class PromptLine:
    """One prompt and the split it belongs to."""

    text: str
    split: Split = Split.BOTH


def parse(text: str) -> list[PromptLine]:
    """One prompt a line; `train:`, `eval:` or `both:` before it names its split; blank and # lines are passed over.

    Raises `BadInput` where nothing is left, a prompt stands twice in a split, or a split has no prompt.
    """
    lines: list[PromptLine] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip().removeprefix("\ufeff")
        if not line or line.startswith("#"):
            continue
        head, colon, rest = line.partition(":")
        named = colon and head.strip().lower() in set(Split)
        prompt = PromptLine(rest.strip(), Split(head.strip().lower())) if named else PromptLine(line)
        if not prompt.text or len(prompt.text) > MOST_CHARACTERS or "\0" in prompt.text:
            raise BadInput(f"Line {number} holds no usable prompt.", f"A prompt has 1 to {MOST_CHARACTERS} characters.")
        lines.append(prompt)
    _check(lines)
    return lines


def create(session: Session, *, name: str, prompts: Sequence[PromptLine], actor: User | None) -> PromptSet:
    """Store the list as a set of this name: the newest version if it is the same list, else the next version."""
    lines = list(prompts)
    _check(lines)
    sha256 = sha256_of([[line.text, line.split] for line in lines])
    newest = session.scalars(
        select(PromptSet).where(PromptSet.name == name).order_by(PromptSet.version.desc()).limit(1)
    ).one_or_none()
    if newest is not None and newest.sha256 == sha256:
        return newest
    prompt_set = PromptSet(name=name, version=newest.version + 1 if newest else 1, sha256=sha256)
    session.add(prompt_set)
    session.flush()
    session.add_all(
        Prompt(prompt_set_id=prompt_set.id, number=number, text=line.text, split=line.split)
        for number, line in enumerate(lines)
    )
    events.write(session, "prompt_set.created", prompt_set, actor=actor, name=name, prompts=len(lines))
    return prompt_set


def get(session: Session, prompt_set_id: int) -> PromptSet:
    prompt_set = session.get(PromptSet, prompt_set_id)
    if prompt_set is None:
        raise NotFound(f"There is no prompt set {prompt_set_id}.")
    return prompt_set


def prompts_of(session: Session, prompt_set_id: int, *splits: Split) -> list[Prompt]:
    """The set's prompts in their order; only those in these splits (or in `both`) where any is named."""
    query = select(Prompt).where(Prompt.prompt_set_id == prompt_set_id).order_by(Prompt.number)
    if splits:
        query = query.where(Prompt.split.in_((*splits, Split.BOTH)))
    return list(session.scalars(query))


def count(session: Session, prompt_set_id: int) -> int:
    return session.scalar(select(func.count()).where(Prompt.prompt_set_id == prompt_set_id)) or 0


def over_limit(prompts: Sequence[Prompt], *, pipeline: Path, limit: int) -> list[int]:
    """The numbers of prompts that the pipeline's text encoder would cut: they are kept, and marked on the page.

    `limit` counts tokens with the start and the end token. Empty where the tokenizer cannot be read without loading it.
    """
    tokenizer = _tokenizer(pipeline / "tokenizer")
    if tokenizer is None:
        return []
    return [p.number for p in prompts if len(tokenizer.encode(p.text.lower(), add_special_tokens=False)) + 2 > limit]


def _tokenizer(folder: Path) -> Tokenizer | None:
    if (folder / "tokenizer.json").is_file():
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        model = BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"), end_of_word_suffix="</w>")
        return _clip_tokenizer(model)
    return None


def _clip_tokenizer(model: BPE) -> Tokenizer:
    """CLIP's word splitting around its byte-pair merges, as transformers builds it from the two vocabulary files."""
    from tokenizers import Regex, normalizers, pre_tokenizers

    words = r"""'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    return tokenizer


def _check(lines: list[PromptLine]) -> None:
    if not lines:
        raise BadInput("The prompt list is empty.", "Write one prompt a line.", fields={"prompts": "is empty"})
    for split in (Split.TRAIN, Split.EVAL):
        texts = [line.text for line in lines if line.split in (split, Split.BOTH)]
        if not texts:
            raise BadInput(
                f"No prompt is in the split {split.value!r}.",
                "Leave out the prefix to use a prompt for both, or give each split at least one.",
                fields={"prompts": f"none for {split.value}"},
            )
        twice = sorted({text for text in texts if texts.count(text) > 1}) if len(texts) <= 5000 else []
        if twice:
            raise BadInput(
                f"These prompts stand more than once: {', '.join(repr(text) for text in twice[:5])}.",
                "Keep each once.",
                fields={"prompts": "holds duplicates"},
            )
