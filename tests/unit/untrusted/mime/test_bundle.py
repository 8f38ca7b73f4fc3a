"""Rich output: whatever is offered, what comes out holds only what a page may show, and it comes soon."""

import base64
import json
import re
import sys
import time
from pathlib import Path

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_magic.untrusted.mime.bundle import clean
from sandbox_magic.untrusted.mime.images import picture

settings.register_profile("unhurried", settings(), deadline=None)
settings.load_profile("unhurried")

CORPUS = [
    json.loads(line)
    for line in (Path(__file__).parents[3] / "notebook" / "active_content.jsonl").read_text("utf-8").splitlines()
]
KINDS = {"text/html", "text/latex", "text/plain", "image/png", "image/jpeg", "image/gif"}
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

# Written apart from the cleaner's own lists: what a page may hold at most.
TAGS = set(
    """a abbr address article aside b bdi big blockquote br caption center cite code col colgroup dd del details dfn div
    dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img input ins kbd label li main mark meter nav
    ol p pre progress q rp rt ruby s samp section small span strike strong style sub summary sup table tbody td tfoot th
    thead time tr tt u ul var wbr audio video""".split()
)
PLAYER = set(
    "src controls controlslist disablepictureinpicture preload loop muted width height id class title style".split()
)
ACTIVE = re.compile(r"^on|^data-|^aria-|^(name|form|action|formaction|srcset|poster|background|ping|is|slot|tabindex)$")
PICTURE = re.compile(r"data:image/(png|jpeg|gif|svg\+xml);base64,([A-Za-z0-9+/]+=*)")
PLAYED = re.compile(r"data:(audio/(wav|mpeg|ogg|flac|mp4|webm)|video/(mp4|webm));base64,([A-Za-z0-9+/]+=*)")
LINK = re.compile(r"(https?://|mailto:)\S+", re.IGNORECASE)
FETCHES = re.compile(r"url\s*\(|image-set|src\s*\(|@import|@font-face|expression|javascript:|\\", re.IGNORECASE)
WRAPPER = re.compile(r"sandbox-[0-9a-f]{16} jp-RenderedHTMLCommon")


def elements(page):
    """What a browser's parser makes of a piece of a page: tags, attributes, texts of style sheets."""
    tree = html5lib.parseFragment(page, treebuilder="etree", namespaceHTMLElements=False)
    return [(element.tag, dict(element.attrib), element.text or "") for element in tree.iter() if element is not tree]


def assert_only_shows(page):
    for tag, attributes, text in elements(page):
        assert tag in TAGS, tag
        wrapper = tag == "div" and WRAPPER.fullmatch(attributes.get("class", ""))
        assert not [name for name in attributes if ACTIVE.search(name)], attributes
        if "src" in attributes:
            assert tag in ("img", "audio", "video")
            assert (PICTURE if tag == "img" else PLAYED).fullmatch(attributes["src"])
        if tag in ("audio", "video"):
            assert set(attributes) <= PLAYER, attributes
            assert {"src", "controls"} <= set(attributes)
            assert attributes["src"].startswith(("data:audio/wav", f"data:{tag}/"))
            assert attributes.get("preload") == "none" or attributes["src"].startswith("data:audio/wav")
        if "href" in attributes:
            assert tag == "a"
            assert LINK.fullmatch(attributes["href"])
        if tag == "a":
            assert (attributes["target"], attributes["rel"]) == ("_blank", "noopener noreferrer nofollow")
        if tag == "input":
            assert attributes["type"] == "checkbox"
        if tag == "style":
            assert_only_decorates(text)
        assert re.fullmatch(r"(s[0-9a-f]{16}-[\w-]+)?", attributes.get("id", "")), attributes
        assert re.fullmatch(r"((s[0-9a-f]{16}-[\w-]+|dataframe)( |$))*", attributes.get("class", "")) or wrapper
        if not wrapper:
            assert not re.search("position|z-index|inset|transform|contain", attributes.get("style", ""))
        assert not FETCHES.search(attributes.get("style", ""))


def assert_only_decorates(sheet):
    assert not FETCHES.search(sheet)
    assert not re.search(r"@(?!media )|position:\s*(fixed|sticky)|<", sheet)
    bare = re.sub(r"@media [^{}]*\{((?:[^{}]*\{[^{}]*\})*)[^{}]*\}", r"\1", sheet)
    for rule in re.split(r"[{}]", bare)[0::2]:
        assert not rule.strip() or rule.strip().startswith(":where(.sandbox-"), rule


def assert_safe(cleaned):
    assert set(cleaned.data) <= KINDS
    assert all(isinstance(value, str) for value in cleaned.data.values())
    json.dumps([dict(cleaned.data), dict(cleaned.metadata), cleaned.dropped], ensure_ascii=False).encode("utf-8")
    for name in set(cleaned.data) & {"image/png", "image/jpeg", "image/gif"}:
        assert picture(base64.b64decode(cleaned.data[name], validate=True)).mime == name
    if "text/html" in cleaned.data:
        assert_only_shows(cleaned.data["text/html"])
        assert_only_shows(f"<div>{cleaned.data['text/html']}</div><p>")
    assert not re.search(r"\\(href|url|class|cssId|style|require|def|let|unicode)", cleaned.data.get("text/latex", ""))
    assert len(cleaned.dropped) <= 40
    assert all(len(what) < 300 and what.isprintable() for what in cleaned.dropped)


@pytest.mark.parametrize("number", range(len(CORPUS)))
def test_nothing_of_the_corpus_is_left_active(number):
    """The same vectors that a browser was shown, read by another parser than the cleaner's."""
    vector = CORPUS[number]
    for mime in {vector["mime"], "text/html", "text/markdown"}:
        assert_safe(clean({mime: vector["text"].encode("utf-8", "surrogatepass")}, vector.get("metadata")))


PARTS = st.sampled_from((
    *"<>/=\"'&;:!-# \t\n\f\r\0\\${}()[]*_`~|", "<!--", "-->", "--!>", "]]>", "<![CDATA[", "<?", "</", "/>", "&lt;",
    "&#0;",
    "&#x110000;", "&#99999999999;", "<b", "<p>", "</p>", "<table>", "<tr>", "<td>", "</td>", "<svg", "</svg>", "<math>",
    "<style>", "</style>", "<script>", "</script>", "<img src=", "<a href=", "<select>", "<template>", "<noscript>",
    "<title>", "<textarea>", "<plaintext>", "<input", "<form>", "<details open", " onload=x", " style=", " id=a",
    " class=b",
    " title=", "javascript:x", "data:image/png;base64,", "http://h/x", "//h/x", "url(x)", "url(", "@import 'x';",
    "@media",
    "position:fixed", "color:red", "a{", "}", ":where(", ".b", "\\href{x}{y}", "\\begin{x}", "$$", "\\(", "x", "é", "𝄞",
    "\ud800", "\u202e", "\ufeff", "\ue000", "\ue0010\ue001",
))  # fmt: skip
HOSTILE = st.lists(st.one_of(PARTS, st.characters()), max_size=50).map("".join)
HOSTILE_BYTES = st.one_of(st.binary(max_size=100), HOSTILE.map(lambda text: text.encode("utf-8", "surrogatepass")))
NAMES = st.one_of(
    st.sampled_from((*sorted(KINDS), "text/markdown", "image/svg+xml", "application/json", "application/javascript")),
    st.text(max_size=30),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(NAMES, HOSTILE_BYTES, max_size=6), st.dictionaries(NAMES, JSON, max_size=4) | st.none())
@settings(max_examples=150)
def test_whatever_is_offered_only_what_is_safe_comes_out(offered, metadata):
    assert_safe(clean(offered, metadata))


@given(HOSTILE, st.sampled_from(("text/html", "text/markdown", "image/svg+xml", "text/latex")))
@settings(max_examples=400)
def test_whatever_is_written_only_what_is_safe_comes_out(text, mime):
    assert_safe(clean({mime: text.encode("utf-8", "surrogatepass")}))


SIZE = 150_000  # what is quadratic takes a quarter of what it would of twice as much; so does the bound below
TRACED = 5 if sys.gettrace() else 1  # coverage takes time for each line


@pytest.mark.parametrize(
    "piece",
    [
        "<div>", "<b>", "<p>", "<a>", "<table>", "<b class={}>", "<p><b class={}></p>", "<table><b class={}>",
        "<i><table>",
        "<div><table><tr><td></div></td></tr></table>", "<!--", '<a b="', "<a b='", "</div>", "<", "&", "&#", "$",
        "\\(", "<li>",
        "<svg>", "<svg><g/></svg>", "<style>", "<style>a{{b:c}}</style>", "<td colspan=1000>", "<a ", "<a\t=",
        "<script>", "\\",
        '<b style="(((">', '<img src="data:image/svg+xml,<svg></svg>">', "&#x99999999;", "<template>", "<ruby><rt>",
        " ",
        '<b class="a b c d e f g h i j k l m n o p">',
    ],
)  # fmt: skip
def test_deep_and_broken_html_takes_linear_time(piece):
    """Many kilobytes of what makes parsers of HTML quadratic, or deep, in a few seconds."""
    source = "".join(piece.format(number) for number in range(SIZE // len(piece)))
    begun = time.process_time()
    cleaned = clean({"text/html": source.encode()})
    assert time.process_time() - begun < 2 * TRACED
    assert cleaned.data or cleaned.dropped or not source.strip()


@pytest.mark.parametrize(
    "piece",
    ["[", "![", "*a ", "**a", "_a_", "`", "> ", "- ", "* a\n", "[a](", "<", "a|b\n-|-\n", "|a", "~~", "\\", "$"],
)
def test_broken_markdown_takes_bounded_time(piece):
    begun = time.process_time()
    clean({"text/markdown": (piece * (50_000 // len(piece))).encode()})
    assert time.process_time() - begun < 4 * TRACED  # a quarter of what twice as much may take


def test_a_long_address_that_markdown_uses_often_is_not_written_often():
    source = f"[a]: http://h/{'x' * 40_000}\n\n" + "[a] " * 14_000
    cleaned = clean({"text/markdown": source.encode()})
    assert "once its references are resolved" in cleaned.dropped[0]
    assert len(cleaned.data["text/plain"]) == len(source)


def test_the_types_that_are_not_known_are_dropped_and_named():
    cleaned = clean(
        {"application/javascript": b"alert(1)", "application/x-new": b"", "text/html; charset=utf-7": b"<b>"}
    )
    assert (dict(cleaned.data), dict(cleaned.metadata)) == ({}, {})
    assert cleaned.dropped == (
        "application/javascript (it would run in the page)",
        "application/x-new (this kind is not known to be safe)",
        "text/html; charset=utf-7 (this kind is not known to be safe)",
    )


@pytest.mark.parametrize("name", ["vnd.plotly.v1", "vnd.vegalite.v5", "vnd.vega.v5", "vnd.bokehjs_exec.v0"])
def test_charts_that_are_programs_say_so(name):
    name = f"application/{name}+json"
    cleaned = clean({name: b"{}", "text/plain": b"a chart"})
    assert dict(cleaned.data) == {"text/plain": "a chart"}
    assert cleaned.dropped == (f"{name} (it needs scripts in the page)",)


def test_a_name_can_not_write_in_our_line():
    (dropped,) = clean({"a\x1b[2J\n\u202eb" + "c" * 1000: b""}).dropped
    assert dropped == "a \\u202eb" + "c" * 71 + " (this kind is not known to be safe)"


def test_many_names_are_counted():
    dropped = clean({f"x/{number}": b"" for number in range(1000)}).dropped
    assert len(dropped) == 13
    assert dropped[-1] == "38 more"


def test_a_picture_goes_by_its_bytes():
    assert dict(clean({"image/jpeg": DOT}).data) == {"image/png": base64.b64encode(DOT).decode()}
    assert dict(clean({"image/png": base64.b64encode(DOT)}).data) == {"image/png": base64.b64encode(DOT).decode()}
    assert clean({"image/png": b"<svg onload=x>"}).dropped == ("image/png (not a PNG, JPEG or GIF)",)


@pytest.mark.parametrize(
    "size", [{"width": True}, {"width": "9"}, {"width": -1}, {"width": 10**9}, {"isolated": 1}, [], 1]
)
def test_of_the_metadata_only_sizes_stay(size):
    assert dict(clean({"image/png": DOT}, {"image/png": size, "text/html": {"isolated": True}}).metadata) == {}
    kept = clean({"image/png": DOT}, {"image/png": {"width": 20, "height": 30, "x": 1}}).metadata
    assert dict(kept) == {"image/png": {"width": 20, "height": 30}}


def test_html_that_shows_nothing_leaves_the_place_to_what_does():
    """As of a library that would draw by script."""
    cleaned = clean({"text/html": b"<div id=p></div><script>draw()</script>", "text/plain": b"<Figure>"})
    assert dict(cleaned.data) == {"text/plain": "<Figure>"}
    assert cleaned.dropped == ("text/html: <script> (it would run in the page)",)


def test_the_style_of_a_drawing_is_bounded_in_all():
    """As sheets and as attributes, whatever it takes to read them; the same attribute again costs nothing."""
    sheets = "<style>" + "a{b:c}" * 9000 + "</style>"
    same = '<rect style="fill: red" width="1" height="1"/>' * 20_000
    other = "".join(f'<rect style="fill: red; x: {n:030}"/>' for n in range(10_000))
    assert clean({"image/svg+xml": f"<svg>{sheets * 2}{same}</svg>".encode()}).data
    for source in (sheets * 14, other):
        assert clean({"image/svg+xml": f"<svg>{source}</svg>".encode()}).dropped == (
            "image/svg+xml: all of it (too much style)",
        )


@pytest.mark.parametrize("pattern", ["0.001 0.001", "1E-9", "5 1e-3", "1%", "0"])
def test_a_drawing_has_no_dashes_without_a_length(pattern):
    circle = (
        f'<svg xmlns="http://www.w3.org/2000/svg"><circle r="9" stroke-dasharray="{pattern}" pathLength="1"/></svg>'
    )
    (_, _, _), (_, attributes, _) = elements(clean({"image/svg+xml": circle.encode()}).data["text/html"])
    drawing = base64.b64decode(attributes["src"].partition(",")[2]).decode()
    assert drawing == '<svg xmlns="http://www.w3.org/2000/svg"><circle r="9"></circle></svg>'


@pytest.mark.parametrize("mask", ['mask="url(#m)"', 'style="mask: url(#m)"'])
def test_masks_are_few(mask):
    some, many = (f'<mask id="m"/>{f"<rect {mask}/>" * count}' for count in (20, 21))
    assert clean({"image/svg+xml": f"<svg>{some}</svg>".encode()}).data
    assert clean({"image/svg+xml": f"<svg>{many}</svg>".encode()}).dropped == (
        "image/svg+xml: all of it (too many masks)",
    )


def test_markdown_is_shown_as_html_and_json_as_text():
    assert "<strong>b</strong>" in clean({"text/markdown": b"**b**"}).data["text/html"]
    assert clean({"application/json": b'{"a":["\\ud800"]}', "text/plain": b"<JSON>"}).data["text/plain"] == (
        '{\n  "a": [\n    "?"\n  ]\n}'
    )
    assert clean({"application/json": b"[" * 100_000}).data["text/plain"].startswith("[[[")


def test_json_that_would_be_too_long_set_out_is_shown_as_it_came():
    """A megabyte, nine hundred deep, would take gigabytes."""
    data = b"[" * 900 + b"1" + b",1" * 500_000 + b"]" * 900
    assert clean({"application/json": data}).data["text/plain"] == data.decode()


def test_latex_that_is_not_all_known_is_shown_as_text():
    assert dict(clean({"text/latex": b"$x^2$", "text/plain": b"x**2"}).data) == {
        "text/latex": "$x^2$",
        "text/plain": "x**2",
    }
    cleaned = clean({"text/latex": b"$\\href{x}{y}$"})
    assert dict(cleaned.data) == {"text/plain": "$\\href{x}{y}$"}
    assert cleaned.dropped == ("text/latex (not all of it is known to be safe)",)


def test_text_is_bounded_and_can_not_drive_a_terminal():
    text = clean({"text/plain": b"\x1b]0;t\x07a" * 10**6}).data["text/plain"]
    assert "\x1b" not in text
    assert len(text) < 2**20 + 100


def test_a_drawing_is_shown_as_a_picture_only():
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" onload="x"><script>x</script><circle r="4"/></svg>'
    (_, _, _), (tag, attributes, _) = elements(clean({"image/svg+xml": drawing}).data["text/html"])
    assert tag == "img"
    written = base64.b64decode(PICTURE.fullmatch(attributes["src"])[2]).decode()
    assert written == '<svg xmlns="http://www.w3.org/2000/svg"><circle r="4"></circle></svg>'
