"""How SMS gateways split a text, which is what they charge for (3GPP TS 23.038, 23.040)."""

from __future__ import annotations

from dataclasses import dataclass

# GSM 03.38: the default alphabet, and its extension, whose characters count as two.
_GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("^{}\\[~]|€\f")


@dataclass(frozen=True, slots=True)
class Segments:
    """A text as SMS: its encoding ("GSM-7" or "UCS-2"), its length in that encoding, and the number of segments."""

    encoding: str
    length: int
    count: int


def segments(text: str) -> Segments:
    """The segments of a text."""
    if all(character in _GSM_BASIC or character in _GSM_EXTENDED for character in text):
        return _cut("GSM-7", [2 if character in _GSM_EXTENDED else 1 for character in text], single=160, part=153)
    return _cut("UCS-2", [2 if ord(character) > 0xFFFF else 1 for character in text], single=70, part=67)


def _cut(encoding: str, sizes: list[int], *, single: int, part: int) -> Segments:
    """Fill one segment after another; a character of size 2 is never split."""
    length = sum(sizes)
    if length <= single:
        return Segments(encoding, length, 1)
    count, used = 1, 0
    for size in sizes:
        if used + size > part:
            count, used = count + 1, 0
        used += size
    return Segments(encoding, length, count)
