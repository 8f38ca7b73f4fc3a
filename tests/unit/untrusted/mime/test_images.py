"""Pictures: known by their bytes, bounded by what a browser would hold, and written without what they need not have."""

import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sandbox_magic.untrusted.mime.images import NotAPicture, from_base64, picture

COLOURS = Image.effect_mandelbrot((64, 48), (-2, -1, 1, 1), 50)


def encoded(kind, mode="RGB", **options):
    file = io.BytesIO()
    COLOURS.convert(mode).save(file, kind, **options)
    return file.getvalue()


FILES = {
    "png": encoded("PNG"),
    "png, grey": encoded("PNG", "L"),
    "png, palette": encoded("PNG", "P"),
    "png, transparent": encoded("PNG", "RGBA"),
    "png, one bit": encoded("PNG", "1"),
    "jpeg": encoded("JPEG"),
    "jpeg, progressive": encoded("JPEG", progressive=True),
    "jpeg, grey": encoded("JPEG", "L"),
    "jpeg, for print": encoded("JPEG", "CMYK"),
    "gif": encoded("GIF", "P"),
    "gif, moving": encoded("GIF", "P", save_all=True, append_images=[COLOURS.rotate(90).convert("P")] * 3, loop=0),
}


def pixels(data):
    with Image.open(io.BytesIO(data)) as image:
        return getattr(image, "n_frames", 1), image.convert("RGBA").tobytes()


@pytest.mark.parametrize("name", FILES)
def test_a_picture_stays_what_it_is(name):
    found = picture(FILES[name])
    assert found.mime == "image/" + name.partition(",")[0]
    assert (found.width, found.height) == (64, 48)
    assert pixels(found.data) == pixels(FILES[name])
    assert picture(found.data) == found


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("tail", [b"<script>x</script>", b"PK\x03\x04", b"\x00" * 1000])
def test_what_lies_behind_the_end_is_cut_off(name, tail):
    assert picture(FILES[name] + tail) == picture(FILES[name])


@pytest.mark.parametrize("name", FILES)
def test_a_picture_that_breaks_off_is_none(name):
    for end in (4, 9, 20, 40, len(FILES[name]) // 2, len(FILES[name]) - 1):
        with pytest.raises(NotAPicture):
            picture(FILES[name][:end])


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, *extra):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(0, 1), (2**31 - 1, 1), (40_000, 1), (30_000, 30_000), (2**32 - 1, 2**32 - 1)])
def test_more_than_a_page_can_hold_is_refused(size):
    with pytest.raises(NotAPicture, match="too large or empty"):
        picture(png(*size))
    with pytest.raises(NotAPicture, match=r"too large or empty|breaks off"):
        picture(FILES["gif"][:6] + struct.pack("<HH", *(min(side, 65_535) for side in size)))


def test_text_profiles_and_animation_of_a_png_are_left_out():
    bomb = chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(10**6)))
    extras = (
        bomb,
        chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(10**6))),
        chunk(b"acTL", struct.pack(">II", 10**6, 0)),
    )
    assert picture(png(9, 9, *extras)).data == png(9, 9)
    with pytest.raises(NotAPicture, match="unknown part"):
        picture(png(9, 9, chunk(b"ABCD", b"")))


def test_a_comment_in_a_jpeg_or_a_gif_is_left_out():
    comment = b"\xff\xfe" + struct.pack(">H", 10) + b"<script>"
    assert picture(b"\xff\xd8" + comment + FILES["jpeg"][2:]) == picture(FILES["jpeg"])
    assert picture(FILES["gif"][:-1] + b"\x21\xfe\x08<script>\x00;") == picture(FILES["gif"])


def test_a_gif_of_too_many_frames_is_refused():
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    head = b"GIF89a" + struct.pack("<HHBBB", 4000, 4000, 0, 0, 0)
    assert picture(head + frame * 5 + b";").width == 4000
    with pytest.raises(NotAPicture, match="too many"):
        picture(head + frame * 50 + b";")
    with pytest.raises(NotAPicture, match="beyond its edge"):
        picture(head + frame.replace(struct.pack("<HH", 1, 1), struct.pack("<HH", 5000, 1)) + b";")


def test_a_jpeg_of_too_many_scans_is_refused():
    data = FILES["jpeg, progressive"]
    with pytest.raises(NotAPicture, match="drawn too often"):
        picture(data[:-2] + b"\xff\xda\x00\x02" * 70_000 + b"\xff\xd9")


def test_base64_is_read_and_other_bytes_stay():
    assert from_base64(b" iVBO\nRw0K ") == b"\x89PNG\r\n"
    assert from_base64(FILES["png"]) == FILES["png"]
    assert from_base64(b"abc") == b"abc"


@given(st.sampled_from(sorted(FILES)), st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=4)), max_size=5))
@settings(max_examples=500)
def test_whatever_is_damaged_a_picture_or_its_refusal_comes_out(name, damages):
    data = bytearray(FILES[name])
    for place, new in damages:
        data[place % len(data) : place % len(data) + len(new)] = new
    try:
        found = picture(bytes(data))
    except NotAPicture:
        return
    assert picture(found.data) == found
