"""How long a prompt is in a pipeline's tokens, without loading the model."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE

START_AND_END = 2


def over_limit(texts: Sequence[str], *, pipeline: Path, limit: int) -> list[int]:
    """The places of texts that the pipeline's text encoder would cut.

    `limit` counts tokens with the start and the end token. Empty where the tokenizer cannot be read without loading it.
    """
    tokenizer = _tokenizer(pipeline / "tokenizer")
    if tokenizer is None:
        return []
    encoded = tokenizer.encode_batch([text.lower() for text in texts], add_special_tokens=False)
    return [place for place, one in enumerate(encoded) if len(one) + START_AND_END > limit]


@lru_cache(maxsize=4)
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
