"""A byte-pair tokenizer in CLIP's layout, trained on the words of the captions.

Departures from CLIP's own (Radford et al., arXiv 2103.00020): the size, and 16 tokens instead of 77.
"""

import json
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor
from transformers import CLIPTokenizer

from scripts.demo_model.backgrounds import NAMES
from scripts.demo_model.files import whole_folder
from scripts.demo_model.pictures import Row
from scripts.demo_model.recipe import Recipe

SPECIALS = ("<|startoftext|>", "<|endoftext|>")
WORD_END = "</w>"
CLIP_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def train_tokenizer(rows: list[Row], recipe: Recipe, folder: Path) -> None:
    """Write a CLIPTokenizer to `folder`, with the two files beside it that transformers 4 wants."""
    merges = _learn_merges(_corpus(rows), recipe.vocabulary - len(SPECIALS))
    with whole_folder(folder) as part:
        raw = part / "raw"
        _write_slow_files(merges, raw)
        CLIPTokenizer.from_pretrained(raw, model_max_length=recipe.tokens).save_pretrained(part)
        for file in raw.iterdir():
            file.replace(part / file.name)
        raw.rmdir()


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer that `train_tokenizer` wrote."""
    return CLIPTokenizer.from_pretrained(folder)


def token_ids(tokenizer: Any, captions: list[str]) -> Tensor:
    """Captions -> N×tokens, cut and padded to the tokenizer's length."""
    batch = tokenizer(
        captions, padding="max_length", truncation=True, max_length=tokenizer.model_max_length, return_tensors="pt"
    )
    return batch.input_ids


def _corpus(rows: list[Row]) -> list[str]:
    """Names and groups as often as they occur, and the small words and single characters often enough to be learned."""
    names = [name for row in rows for name in row.names]
    groups = [row.group for row in rows] * 2
    small_words = ["flat", "3d", "on", "background"] * 200 + list(NAMES) * 100
    characters = [chr(code) for code in range(33, 127)] * 3
    return names + groups + small_words + characters


def _learn_merges(corpus: list[str], size: int) -> list[tuple[str, str]]:
    tokenizer = Tokenizer(models.BPE(unk_token=SPECIALS[-1], end_of_word_suffix=WORD_END, continuing_subword_prefix=""))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(CLIP_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    # Named beforehand, single bytes are numbered alike in every run; the trainer breaks ties between pairs by number.
    trainer = trainers.BpeTrainer(
        vocab_size=size, end_of_word_suffix=WORD_END, special_tokens=_single_bytes(), show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    return [(left, right) for left, right in json.loads(tokenizer.to_str())["model"]["merges"]]


def _single_bytes() -> list[str]:
    """Every byte within a word, then every byte that ends one."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    return [*alphabet, *(letter + WORD_END for letter in alphabet)]


def _write_slow_files(merges: list[tuple[str, str]], folder: Path) -> None:
    """`vocab.json` and `merges.txt`, in CLIP's order: single bytes, merged pairs, specials."""
    words = [*_single_bytes(), *(left + right for left, right in merges), *SPECIALS]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(words))}
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
