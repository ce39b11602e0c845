"""Ways in which a file comes out damaged, drawn by hypothesis."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import strategies as st

#: One blow: how, where (as a share of the file), and two numbers that it may use.
Blow = tuple[str, int, int, int]
_SHARE = 1 << 24
#: What stands in a header for a length, an offset or a count.
_EXTREMES = [0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 40, (1 << 63) - 1, (1 << 64) - 1]
#: What stands in a text where something else was expected.
_WORDS = [
    b"null", b"true", b"0", b"-1", b"1e999", b"NaN", b"-Infinity", b"1e-320", b"0.5", b"99999999999999999999",
    b"2147483648", b"[]", b"{}", b"[[0]]", b'""', b'"x"', b'"../../up"', b'"\\u0000"', b"nan", b"inf", b"-2",
    b"20239999", b"\xff\xfe", b"9" * 5000, b"[" * 3000, b"&a;", b"!!python/object/apply:os.getcwd []", b"*a",
    b"1900-01-01T00:00:00+00:00",
]  # fmt: skip
_TOKEN = re.compile(rb'"[^"\n]{0,80}"|-?\d+(?:\.\d+)?(?:e[-+]?\d+)?|\b(?:null|true|false)\b|\b[A-Za-z_][\w-]{2,30}\b')

#: Any blow at any place of any file.
BLOWS = st.lists(
    st.tuples(
        st.sampled_from(
            ["flip", "cut", "zero", "extreme", "copy", "swap", "drop", "insert", "word", "word", "token", "empty"]
        ),
        *[st.integers(0, _SHARE - 1)] * 3,
    ),
    min_size=1,
    max_size=3,
)
#: Which file of several.
PLACES = st.integers(0, _SHARE - 1)


def damaged(content: bytes, blows: Sequence[Blow]) -> bytes:
    """The content after all blows."""
    data = bytearray(content)
    for how, where, first, second in blows:
        if not data:
            break
        at, length = where * len(data) >> 24, 1 + (first % min(64, len(data)))
        other = first * len(data) >> 24
        if how == "flip":
            data[at] ^= 1 << (second % 8)
        elif how == "cut":
            del data[at:]
        elif how == "zero":
            data[at : at + length] = bytes(len(data[at : at + length]))
        elif how == "extreme":
            size = (1, 2, 4, 8)[first % 4]
            number = _EXTREMES[second % len(_EXTREMES)] & ((1 << 8 * size) - 1)
            data[at : at + size] = number.to_bytes(size, "big" if second & 1 << 20 else "little")
        elif how == "copy":
            data[at : at + length] = data[other : other + length]
        elif how == "swap":
            low, high = sorted((at, other))
            one, two = bytes(data[low : low + length]), bytes(data[high : high + length])
            data[low : low + length], data[high : high + length] = two, one
        elif how == "drop":
            del data[at : at + length]
        elif how == "insert":
            data[at:at] = bytes((second >> shift) & 255 for shift in (0, 8, 16)) * (1 + length % 9)
        elif how == "empty" and second % 8 == 0:
            data.clear()
        elif how in ("word", "token"):
            _replace_token(data, where, _WORDS[second % len(_WORDS)] if how == "word" else None, first)
    return bytes(data)


def _replace_token(data: bytearray, where: int, word: bytes | None, other: int) -> None:
    """Put a word, or another token of the same file, in the place of a token: damage that a parser lets through."""
    tokens = [match.span() for match in _TOKEN.finditer(data[: 1 << 16])]
    if not tokens:
        return
    start, stop = tokens[where * len(tokens) >> 24]
    if word is None:
        low, high = tokens[other * len(tokens) >> 24]
        word = bytes(data[low:high])
    data[start:stop] = word
