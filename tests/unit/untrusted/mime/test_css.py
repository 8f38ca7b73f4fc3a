"""Style sheets: written anew, held within their own output, with nothing that fetches or covers."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_magic.untrusted.mime.css import inline, sheet
from sandbox_magic.untrusted.mime.selectors import Scope

SCOPE = Scope("sandbox-0", "s0-", frozenset({"dataframe"}))


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("color: red; font-weight:bold", "color: red; font-weight: bold"),
        ("COLOR: Red !important", "color: Red !important"),
        ("background: linear-gradient(90deg, #d65f5f 50.0%, transparent 50.0%)",) * 2,
        ("font-family: 'DejaVu Sans', serif", 'font-family: "DejaVu Sans", serif'),
        ("margin: -1px 0 .5em", "margin: -1px 0 0.5em"),
        ("--a: 1px; width: var(--a)",) * 2,
    ],
)
def test_decoration_stays(style, expected):
    assert inline(style) == re.sub(r"50\.0%", "50%", expected)


@pytest.mark.parametrize(
    "style",
    [
        "background: url(x)", "background: URL(x)", "background: u\\72l(x)", "background: url('x')", "background: url(",
        "background: image-set('x' 1x)", "content: url(x)", "--a: url(x)", "background: var(--a, url(x))",
        "cursor: url(x)",
        "position: fixed", "position: absolute", "pos\\69tion: fixed", "top: 0", "z-index: 9", "transform: scale(9)",
        "margin: -21px", "margin: -999em", "width: 99999px", "width: 1e9px", "height: 101vh", "width: calc(1px * 9999)",
        "animation: x", "transition: all 9s", "filter: blur(1px)", "all: unset", "behavior: x", "-moz-binding: x",
        "zoom: 9",
        "width: expression(x)", "color: attr(x)", "color: env(x)", 'color: "</style>"', "color: '\\\\'",
        "color: a\\;b",
        "color: {}", "color: [x]", "color: (x)", "color: #xyz", "color: #ffffffffff", "color: red;}b{color:red",
        "x: y", "a",
        "padding: 1%", "margin-left: 5%", "padding: var(--a)", "margin: var(--a, 1px)",
        "stroke-dasharray: 0.001 0.001", "stroke-dasharray: 5 0", "stroke-dasharray: 1%",
    ],
)  # fmt: skip
def test_what_fetches_moves_or_is_not_known_goes(style):
    assert inline(style).replace("color: red", "") == ""


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("b { color: red }", ":where(.sandbox-0) b { color: red }"),
        (".a, #b > i { color: red }", ":where(.sandbox-0) .s0-a, :where(.sandbox-0) #s0-b > i { color: red }"),
        (".dataframe td { color: red }", ":where(.sandbox-0) .dataframe td { color: red }"),
        ("tr:nth-child(2n+1):hover::before { content: '▸' }",
         ':where(.sandbox-0) tr:nth-child(2n+1):hover::before { content: "▸" }'),
        ("input:checked~div { display: block }", ":where(.sandbox-0) input:checked~div { display: block }"),
        ("a { position: absolute }", ":where(.sandbox-0) a { position: absolute }"),
        ("@media print { b { color: red } }", "@media print { :where(.sandbox-0) b { color: red } }"),
        (".sk-global.light { color: red }", ":where(.sandbox-0) .s0-sk-global { color: red }"),
    ],
)  # fmt: skip
def test_rules_hold_below_their_own_output(source, expected):
    assert sheet(source, SCOPE) == expected


@pytest.mark.parametrize(
    "source",
    [
        "@import 'x';", "@import url(x);", "@IMPORT 'x';", "@font-face { font-family: x; src: url(x) }",
        "@charset 'x';",
        "@namespace 'x';", "@keyframes x { from { color: red } }", "@supports (a: b) { b { color: red } }",
        "@media (x: y) { b { color: red } }", "@media all and (color: url(x)) { b { color: red } }",
        "@layer x { b {color: red} }",
        "> b { color: red }", "+ b { color: red }", "~ b { color: red }", "b[title^='a'] { color: red }",
        "b::part(x) {color: red}",
        "b:has(i) { color: red }", ":host { color: red }", ":root { color: red }", "b { position: fixed }",
        "b { color: url(x) }",
        "b:not({ color: red }", "{ color: red }", "b, { }", "@media print { @media print { b { color: red } } }",
        "b\\{ {color: red}",
        "*|b { color: red }", ".a\\:b { color: red }", ":unknown { color: red }", "b { @import 'x'; }",
        "b { i { color: red } }", "b:not(:is(b ~ b)) { color: red }", "b:is(i > b) { color: red }",
    ],
)  # fmt: skip
def test_other_rules_go(source):
    assert sheet(source, SCOPE) == ""


PARTS = st.sampled_from((
    *"{}()[];:,.#@>+~*|/\\\"'!%-= \n", "a", "b", "url(", "url(x)", "@import", "@media", "print", ":not(", ":where(",
    "::before",
    "color", "background", "position", "fixed", "red", "--x", "var(", "1px", "-999px", "1e99px", "/*", "*/", "<!--",
    "-->",
    "</style>", "\\75rl(x)", "nth-child(", "2n", "é", "\0", "!important",
))  # fmt: skip


@given(st.lists(st.one_of(PARTS, st.characters()), max_size=60).map("".join))
@settings(max_examples=500)
def test_whatever_is_written_nothing_of_the_forbidden_comes_out(source):
    for written in (sheet(source, SCOPE), inline(source), sheet(source, None)):
        assert not re.search(r"url\(|@(?!media )|<|\\|fixed(?=[;} ])\s*}|position: fixed", written, re.IGNORECASE)
    for rule in re.split("[{}]", sheet(source, SCOPE))[0::2]:
        assert not rule.strip() or rule.strip().startswith((":where(.sandbox-0)", "@media"))
    assert sheet(source, None) == sheet(sheet(source, None), None)
