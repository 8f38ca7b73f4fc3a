"""PNG, JPEG and GIF from a stranger: known by their bytes, measured by their headers, written anew without extras.

What a browser would decode is bounded here: its memory goes with pixels and frames, not with bytes. Only the parts
that make the picture are kept: no text, no profile, no second file behind the end.
"""

# ruff: noqa: PLR2004 - the marks of the formats, named beside where they stand

from __future__ import annotations

import binascii
import re
import struct
import zlib
from dataclasses import dataclass

MOST_BYTES = 16 * 2**20
MOST_PIXELS = 40_000_000  # a photograph; 160 MB once decoded
MOST_SIDE = 32_767
MOST_DRAWN = 200_000_000  # pixels over all of a GIF's frames, or over all of a JPEG's scans


class NotAPicture(ValueError):  # noqa: N818 - said of the data, in words for a person
    """The bytes are no picture that is shown, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that was checked, as it may be shown."""

    mime: str
    data: bytes
    width: int
    height: int

    @property
    def base64(self) -> str:
        """The picture as text on one line."""
        return binascii.b2a_base64(self.data, newline=False).decode("ascii")

    @property
    def url(self) -> str:
        """The picture as a ``data:`` URL."""
        return f"data:{self.mime};base64,{self.base64}"


def picture(data: bytes) -> Picture:
    """Return the picture that these bytes are, whatever they are called.

    Raises:
        NotAPicture: They are none of PNG, JPEG and GIF, are broken, or are too large.
    """
    if len(data) > MOST_BYTES:
        raise NotAPicture("too many bytes")
    for start, mime, rewrite in _KINDS:
        if data.startswith(start):
            try:
                kept, width, height = rewrite(data)
            except (struct.error, IndexError):
                raise NotAPicture("it breaks off") from None
            return Picture(mime=mime, data=kept, width=width, height=height)
    raise NotAPicture("not a PNG, JPEG or GIF")


_BASE64 = re.compile(rb"[A-Za-z0-9+/\s]*={0,2}\s*")


def from_base64(data: bytes) -> bytes:
    """Return the bytes that base64 text encodes, or the bytes themselves where they are not base64."""
    if len(data) > 2 * MOST_BYTES or not _BASE64.fullmatch(data):
        return data
    try:
        return binascii.a2b_base64(b"".join(data.split()))
    except binascii.Error:
        return data


def _bounded(width: int, height: int) -> None:
    if not (0 < width <= MOST_SIDE and 0 < height <= MOST_SIDE and width * height <= MOST_PIXELS):
        raise NotAPicture(f"too large or empty: {width} x {height} pixels")


_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD", b"pHYs"}
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


def _png(data: bytes) -> tuple[bytes, int, int]:
    """Keep the chunks that make a still picture (no text, no profile, no animation), up to the end."""
    kept, place, seen = [_PNG], len(_PNG), 0
    width = height = 0
    while True:
        size, name = struct.unpack_from(">I4s", data, place)
        chunk = data[place : place + 12 + size]
        if len(chunk) != 12 + size or zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
            raise NotAPicture("a broken PNG")
        if (place == len(_PNG)) != (name == b"IHDR"):
            raise NotAPicture("a PNG without its header")
        if name == b"IHDR":
            width, height = _png_header(chunk[8:-4])
        seen += name == b"IDAT"
        if name in _PNG_KEPT:
            kept.append(chunk)
        elif not name[0] & 0x20:
            raise NotAPicture("a PNG with an unknown part")
        if name == b"IEND":
            break
        place += len(chunk)
    if not seen or size:
        raise NotAPicture("a PNG without a picture")
    return b"".join(kept), width, height


def _png_header(header: bytes) -> tuple[int, int]:
    width, height, depth, colour, packed, filtered, interlaced = struct.unpack(">IIBBBBB", header)
    if depth not in _PNG_DEPTHS.get(colour, ()) or packed or filtered or interlaced > 1:
        raise NotAPicture("a PNG of an unknown kind")
    _bounded(width, height)
    return width, height


_JPEG_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive: what browsers draw
_JPEG_TABLES = {0xC4, 0xDB, 0xDD}  # Huffman, quantisation, restart interval
_JPEG_LABELS = {0xE0: b"JFIF\0", 0xEE: b"Adobe"}  # the two that say what the colours mean
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # what ends the coded data of a scan


def _jpeg(data: bytes) -> tuple[bytes, int, int]:
    """Keep the segments that make the picture (no EXIF, no comment, no profile), up to the end."""
    kept, place, scans = [b"\xff\xd8"], 2, 0
    width = height = 0
    while (marker := data[place + 1]) != 0xD9:  # end of image
        size = struct.unpack_from(">H", data, place + 2)[0]
        segment = data[place : place + 2 + size]
        if data[place] != 0xFF or size < 2 or len(segment) != 2 + size:
            raise NotAPicture("a broken JPEG")
        place += len(segment)
        if marker == 0xDA:  # start of scan
            segment, place, scans = _scan(data, segment, place), _scan_end(data, place), scans + 1
        elif marker in _JPEG_FRAMES:
            if width:
                raise NotAPicture("a JPEG with two pictures")
            width, height = _jpeg_header(segment)
        elif marker not in _JPEG_TABLES and not segment[4:].startswith(_JPEG_LABELS.get(marker, b"\0no")):
            if not (0xE0 <= marker <= 0xEF or marker == 0xFE):
                raise NotAPicture("a JPEG of an unknown kind")
            continue
        kept.append(segment)
    if not scans or not width or scans * width * height > MOST_DRAWN:
        raise NotAPicture("a JPEG without a picture, or drawn too often")
    return b"".join([*kept, b"\xff\xd9"]), width, height


def _scan(data: bytes, header: bytes, place: int) -> bytes:
    return header + data[place : _scan_end(data, place)]


def _scan_end(data: bytes, place: int) -> int:
    match = _JPEG_MARKER.search(data, place)
    if match is None:
        raise NotAPicture("a JPEG that breaks off")
    return match.start()


def _jpeg_header(segment: bytes) -> tuple[int, int]:
    precision, height, width, components = struct.unpack_from(">BHHB", segment, 4)
    if precision != 8 or components not in (1, 3, 4) or len(segment) != 10 + 3 * components:
        raise NotAPicture("a JPEG of an unknown kind")
    _bounded(width, height)
    return width, height


_GIF_LOOPS = b"\x0bNETSCAPE2.0"


def _gif(data: bytes) -> tuple[bytes, int, int]:
    """Keep the frames, their timing and their repetition (no comment, no text, no other extension), up to the end."""
    width, height = struct.unpack_from("<HH", data, 6)
    _bounded(width, height)
    place = 13 + _gif_colours(data[10])
    kept, frames = [data[:place]], 0
    while (kind := data[place]) != 0x3B:  # the trailer
        start = place
        if kind == 0x2C:
            place = _gif_frame(data, place, width, height)
            frames += 1
        elif kind == 0x21:
            place = _gif_blocks_end(data, place + 2)
        else:
            raise NotAPicture("a broken GIF")
        if kind == 0x2C or data[start + 1] == 0xF9 or data.startswith(_GIF_LOOPS, start + 2):
            kept.append(data[start:place])
    if not frames or frames * width * height > MOST_DRAWN:
        raise NotAPicture("a GIF without a picture, or with too many")
    return b"".join([*kept, b";"]), width, height


def _gif_colours(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _gif_frame(data: bytes, place: int, width: int, height: int) -> int:
    """Check that a frame lies in the picture, and return where it ends."""
    left, top, wide, high, flags = struct.unpack_from("<HHHHB", data, place + 1)
    if not (wide and high and left + wide <= width and top + high <= height):
        raise NotAPicture("a GIF with a frame beyond its edge")
    return _gif_blocks_end(data, place + 10 + _gif_colours(flags) + 1)


def _gif_blocks_end(data: bytes, place: int) -> int:
    while size := data[place]:
        place += 1 + size
    return place + 1


_KINDS = (
    (_PNG, "image/png", _png),
    (b"\xff\xd8\xff", "image/jpeg", _jpeg),
    (b"GIF87a", "image/gif", _gif),
    (b"GIF89a", "image/gif", _gif),
)
