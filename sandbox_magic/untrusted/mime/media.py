"""Sound and film from a stranger: known by their bytes, whatever they are called, and holding no address.

A WAV is written anew with its samples alone. Of the compressed kinds the frame is checked; the page's element for them
reads nothing before a person presses "play".
"""

# ruff: noqa: PLR2004 - the marks of the formats, named beside where they stand

from __future__ import annotations

import binascii
import re
import struct
import urllib.parse
from typing import TYPE_CHECKING

from sandbox_magic.untrusted.mime.images import from_base64

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_BYTES = 6 * 2**20  # a minute of speech; nh3 reads ten megabytes in a second


class NotMedia(ValueError):  # noqa: N818 - said of the data, in words for a person
    """The bytes are no sound or film that is played, and why."""


_DATA = re.compile(r"data:[a-z]{0,20}/[a-z0-9.+-]{0,40}(?:;[a-zA-Z0-9=., \"-]{1,60}){0,3},", re.IGNORECASE)


def address(source: str, element: str) -> str:
    """Return the address of what an ``audio`` or ``video`` element's own address holds (``data:``), checked.

    Raises:
        NotMedia: It leads elsewhere, or holds nothing that such an element plays.
    """
    source = source.strip()
    match = _DATA.match(source)
    if match is None:
        raise NotMedia("only what came along is played, as with embed=True")
    data = source[match.end() :].encode("utf-8", "replace")
    data = from_base64(data) if match[0].lower().endswith(";base64,") else urllib.parse.unquote_to_bytes(data)
    kind, data = media(data)
    allowed = _PLAYED[element].get(kind)
    if allowed is None:
        raise NotMedia(f"{kind} is no {element}")
    return f"data:{allowed};base64,{binascii.b2a_base64(data, newline=False).decode('ascii')}"


def media(data: bytes) -> tuple[str, bytes]:
    """Return the kind of a sound or a film, and its bytes as they may be played.

    Raises:
        NotMedia: They are of no known kind, are broken, or too many.
    """
    if len(data) > MOST_BYTES:
        raise NotMedia("too many bytes")
    for start, kind, check in _KINDS:
        if start.match(data):
            try:
                return kind, check(data)
            except (struct.error, IndexError):
                raise NotMedia("it breaks off") from None
    raise NotMedia("not a WAV, MP3, Ogg, FLAC, MP4 or WebM")


def _wav(data: bytes) -> bytes:
    """Keep the form of the samples and the samples (no text, no cues)."""
    place, form, samples = 12, b"", b""
    while place + 8 <= len(data) and not samples:
        name, size = struct.unpack_from("<4sI", data, place)
        chunk = data[place + 8 : place + 8 + size]
        form, samples = (chunk[:16] if name == b"fmt " else form), (chunk if name == b"data" else b"")
        place += 8 + size + size % 2
    kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", form)
    if not (1 <= channels <= 8 and 1000 <= rate <= 384_000 and (kind, bits) in _SAMPLES):
        raise NotMedia("a WAV of an unknown kind")
    block = channels * bits // 8
    samples = samples[: len(samples) // block * block]
    if not samples:
        raise NotMedia("a WAV without a sound")
    form = struct.pack("<HHIIHH", kind, channels, rate, rate * block, block, bits)
    padding = b"\0" * (len(samples) % 2)
    size = 36 + len(samples) + len(padding)
    return b"".join(
        [
            struct.pack("<4sI4s4sI", b"RIFF", size, b"WAVE", b"fmt ", 16),
            form,
            struct.pack("<4sI", b"data", len(samples)),
            samples,
            padding,
        ]
    )


_SAMPLES = frozenset({(1, 8), (1, 16), (1, 24), (1, 32), (3, 32)})  # integers, and floating point
_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"moof", b"mfra", b"sidx", b"styp"})
_ELSEWHERE = re.compile(
    rb"rmra|rmda|rdrf|urn |alis|rsrc|url (?!\x00\x00\x00\x01)"
)  # of QuickTime and ISO 14496-12, 8.7.2


def _mp4(data: bytes) -> bytes:
    """Check the boxes: known ones alone, and no address of another file (a ``url`` of its own data has flag 1)."""
    place, seen = 0, set()
    while place < len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        if size == 1:
            size = struct.unpack_from(">Q", data, place + 8)[0]
        elif size == 0:
            size = len(data) - place
        if name not in _BOXES or size < 8 or place + size > len(data):
            raise NotMedia("an MP4 with an unknown part, or broken")
        if name in (b"moov", b"moof") and _ELSEWHERE.search(data, place, place + size):
            raise NotMedia("an MP4 that leads elsewhere")
        seen.add(name)
        place += size
    if b"moov" not in seen:
        raise NotMedia("an MP4 without its header")
    return data


def _mp3(data: bytes) -> bytes:
    """Leave out the tag before the sound, which may hold pictures and addresses."""
    if data.startswith(b"ID3"):
        size = sum((byte & 0x7F) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
        data = data[10 + size :]
    if data[0] != 0xFF or data[1] & 0xE6 != 0xE2:  # eleven bits of synchronisation, and layer III
        raise NotMedia("a broken MP3")
    return data


def _as_it_is(data: bytes) -> bytes:
    return data


_KINDS: tuple[tuple[re.Pattern[bytes], str, Callable[[bytes], bytes]], ...] = (
    (re.compile(rb"RIFF....WAVE", re.DOTALL), "WAV", _wav),
    (re.compile(rb"....ftyp", re.DOTALL), "MP4", _mp4),
    (re.compile(rb"\x1a\x45\xdf\xa3.{0,40}?\x42\x82\x84webm", re.DOTALL), "WebM", _as_it_is),
    (re.compile(rb"OggS\0"), "Ogg", _as_it_is),
    (re.compile(rb"fLaC"), "FLAC", _as_it_is),
    (re.compile(rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]"), "MP3", _mp3),
)
_PLAYED = {
    "audio": {
        "WAV": "audio/wav", "MP3": "audio/mpeg", "Ogg": "audio/ogg", "FLAC": "audio/flac", "MP4": "audio/mp4",
        "WebM": "audio/webm",
    },
    "video": {"MP4": "video/mp4", "WebM": "video/webm"},
}  # fmt: skip
"""What an element plays, and under which type."""
