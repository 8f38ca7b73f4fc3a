"""Sound and film: what is known is played and holds no address; the rest is named and left out."""

import base64
import io
import re
import struct
import wave

import pytest

from sandbox_magic.untrusted.mime import media
from sandbox_magic.untrusted.mime.bundle import clean
from sandbox_magic.untrusted.mime.media import NotMedia


def wav(samples=b"\1\2\3\4", *, kind=1, channels=1, rate=8000, bits=16, more=b""):
    form = struct.pack("<HHIIHH", kind, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + more + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def box(name, content=b""):
    return struct.pack(">I4s", 8 + len(content), name) + content


FTYP = box(b"ftyp", b"isom\0\0\2\0isomiso2")
MP4 = FTYP + box(b"moov", b"x" * 20) + box(b"mdat", b"film")
WEBM = b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm" + b"film"
MP3 = b"\xff\xfb\x90\x00" + b"sound"
TAGGED = b"ID3\4\0\0\0\0\0\7http://" + MP3


def tag(name, data, *, attributes="controls", kind="audio/x"):
    return f'<{name} {attributes} src="data:{kind};base64,{base64.b64encode(data).decode()}"></{name}>'


def shown(source):
    """Return the element that is shown, its attributes, and what was left out."""
    cleaned = clean({"text/html": source.encode(), "text/plain": b"plain"})
    found = re.search(r"<(audio|video)([^>]*)></\1>", cleaned.data.get("text/html", ""))
    attributes = dict(re.findall(r'([a-z]+)="([^"]*)"', found[2])) if found else {}
    return found and found[1], attributes, cleaned.dropped


def held(attributes):
    kind, data = attributes["src"].removeprefix("data:").split(";base64,")
    return kind, base64.b64decode(data)


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("audio", wav(), "audio/wav"),
        ("audio", MP3, "audio/mpeg"),
        ("audio", b"OggS\0sound", "audio/ogg"),
        ("audio", b"fLaCsound", "audio/flac"),
        ("audio", MP4, "audio/mp4"),
        ("audio", WEBM, "audio/webm"),
        ("video", MP4, "video/mp4"),
        ("video", WEBM, "video/webm"),
    ],
)
def test_what_is_known_by_its_bytes_is_played_under_its_own_type(name, data, kind):
    """Whatever it was called; a browser reads nothing but samples before somebody presses "play"."""
    element, attributes, dropped = shown(tag(name, data))
    assert (element, dropped) == (name, ())
    assert held(attributes) == (kind, data)
    assert attributes["controls"] == ""
    assert attributes.get("preload") == (None if kind == "audio/wav" else "none")
    assert "nofullscreen" in attributes["controlslist"] or name == "audio"


def test_as_ipython_writes_it():
    """Also the one that is longer than any other page may be."""
    for size in (100, 2_500_000):
        data = wav(b"\1\2" * size)
        source = f"""
                <audio  controls="controls" autoplay="autoplay">
                    <source src="data:audio/wav;base64,{base64.b64encode(data).decode()}" type="audio/wav" />
                    Your browser does not support the audio element.
                </audio>
              """
        element, attributes, dropped = shown(source)
        assert (element, dropped) == ("audio", ())
        assert held(attributes) == ("audio/wav", data)
        assert "autoplay" not in attributes


def test_a_film_keeps_its_size_and_its_loop_and_nothing_else():
    attributes = 'controls autoplay muted loop width="640" height="480" poster="http://x" crossorigin onplay="x()"'
    _, kept, _ = shown(tag("video", MP4, attributes=attributes))
    assert {key: value for key, value in kept.items() if key != "src"} == {
        "preload": "none", "controls": "", "controlslist": "nofullscreen noremoteplayback",
        "disablepictureinpicture": "", "muted": "", "loop": "", "width": "640", "height": "480",
    }  # fmt: skip


def test_a_wav_is_written_anew_from_its_samples():
    more = b"LIST" + struct.pack("<I", 15) + b"INFOhttp://addr" + b"\0"
    _, attributes, _ = shown(tag("audio", wav(b"\1\2\3\4\5", channels=2, rate=44_100, more=more) + b"http://after"))
    data = held(attributes)[1]
    assert b"http" not in data
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 44_100, 2)
        assert file.readframes(9) == b"\1\2\3\4", "whole frames alone"


def test_the_tag_of_an_mp3_is_left_out():
    assert media.media(TAGGED) == ("MP3", MP3)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"#EXTM3U\nhttp://x/y.ts", "not a WAV"),
        (b"<html>", "not a WAV"),
        (b"", "not a WAV"),
        (wav(b""), "without a sound"),
        (wav(kind=85), "unknown kind"),
        (wav(channels=0), "unknown kind"),
        (wav(rate=1), "unknown kind"),
        (wav(bits=12), "unknown kind"),
        (b"RIFF....WAVEdata\4\0\0\0abcd", "breaks off"),
        (wav()[:20], "breaks off"),
        (FTYP, "without its header"),
        (MP4[:-1], "broken"),
        (FTYP + box(b"uuid") + box(b"moov"), "unknown part"),
        (FTYP + struct.pack(">I4s", 4, b"moov"), "broken"),
        (FTYP + box(b"moov", b"rmra" + b"rdrf"), "leads elsewhere"),
        (FTYP + box(b"moov", box(b"url ", b"\0\0\0\0http://x/")), "leads elsewhere"),
        (FTYP + struct.pack(">I4s", 1, b"moov"), "breaks off"),
        (b"ID3\4\0\0\x7f\x7f\x7f\x7f", "breaks off"),
        (b"ID3\4\0\0\0\0\0\1x<html>", "broken MP3"),
    ],
)
def test_what_is_not_known_to_be_harmless_is_not_played(data, why):
    with pytest.raises(NotMedia, match=why):
        media.media(data)
    element, _, dropped = shown(tag("video" if data.startswith(FTYP[:8]) else "audio", data))
    assert element is None
    assert why in dropped[0]


def test_a_file_whose_data_lies_in_itself_is_played():
    inside = FTYP + box(b"moov", box(b"url ", b"\0\0\0\1"))
    assert media.media(inside) == ("MP4", inside)


@pytest.mark.parametrize(
    "address", ["x.wav", "/x", "http://x/y.wav", "//x/y", "blob:x", "file:///x", "javascript:1", ""]
)
def test_an_address_is_not_followed(address):
    for source in (f'<audio controls src="{address}">', f'<audio controls><source src="{address}"></audio>'):
        element, _, dropped = shown(source)
        assert (element, dropped) == (
            None,
            ("text/html: <audio> (only what came along is played, as with embed=True)",),
        )


def test_a_sound_is_no_film_and_they_are_bounded(monkeypatch):
    assert shown(tag("video", wav()))[2] == ("text/html: <video> (WAV is no video)",)
    monkeypatch.setattr(media, "MOST_BYTES", 50)
    assert "too many bytes" in shown(tag("audio", wav(bytes(60))))[2][0]
    many = clean({"text/html": (tag("audio", wav()) * 30).encode()})
    assert (many.data["text/html"].count("<audio"), many.dropped) == (20, ("text/html: <audio> (too many)",))


def test_what_stands_in_such_an_element_is_not_shown():
    cleaned = clean({"text/html": f"{tag('audio', wav())[:-8]}<script>1</script><img src=http://x>no</audio>".encode()})
    assert cleaned.dropped == ()
    assert not re.search("script|img|>no", cleaned.data["text/html"])
