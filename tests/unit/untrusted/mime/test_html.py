"""HTML: what is harmless stays as it was meant, and lies in an element of ours."""

import pytest

from sandbox_magic.untrusted.mime.html import MOST_CHARACTERS, clean, drawing
from sandbox_magic.untrusted.mime.images import NotAPicture
from sandbox_magic.untrusted.mime.tokenizer import End, Start, TooMuch, tokens, unescape


def inside(source):
    """What is left of a piece of HTML, without the element around it."""
    page, _ = clean(source)
    return page.partition(">\n")[2].removesuffix("</div>")


@pytest.mark.parametrize(
    "source",
    [
        "<b>a</b> <i>b</i><br>c", "<ul><li>a</li><li>b</li></ul>", "<details><summary>a</summary>b</details>",
        "a &amp; &lt;b&gt;",
        '<table border="1" class="dataframe"><tbody><tr><td colspan="2">a</td></tr></tbody></table>',
        "<pre>a\n  b</pre>",
        '<p title="a &quot; b" lang="en" dir="rtl">x</p>', "<h1>a</h1><hr><blockquote>b</blockquote>",
        "<td>"[:0] + "<kbd>a</kbd>",
        '<progress value="3" max="10"></progress>', '<ol start="3"><li value="4">x</li></ol>', "𝄞 é —",
    ],
)  # fmt: skip
def test_harmless_html_stays(source):
    assert inside(source) == source


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>a<p>b", "<p>a</p><p>b</p>"),
        ("<ul><li>a<li>b</ul>", "<ul><li>a</li><li>b</li></ul>"),
        ("<table><tr><td>a<td>b<tr><td>c</table>",
         "<table><tbody><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></tbody></table>"),
        ("<b>a", "<b>a</b>"),
        ("a</b></div>", "a"),
        ("<dl><dt>a<dd>b</dl>", "<dl><dt>a</dt><dd>b</dd></dl>"),
        ("a<!-- b -->c<!>d<?e?>f</>g", "acdfg"),
        ("a < b > c", "a &lt; b &gt; c"),
        ("<x-y>a</x-y><blink>b</blink>", "ab"),
        ("<body><p>a</body>", "<p>a</p>"),
        ("a<textarea><b></textarea>c", "ac"),
        ("<b", ""),
    ],
)  # fmt: skip
def test_html_is_read_as_browsers_read_it(source, expected):
    assert inside(source) == expected


def test_names_are_the_outputs_own():
    page, _ = clean("<label for=a class='b dataframe'>x<input type=checkbox id=a></label><style>#a{color:red}</style>")
    name = page.split('"')[1].split()[0]
    own = f"s{name.removeprefix('sandbox-')}-"
    assert f'<label for="{own}a" class="{own}b dataframe">' in page or f'class="{own}b dataframe" for="{own}a"' in page
    assert f'id="{own}a"' in page
    assert f":where(.{name}) #{own}a {{ color: red }}" in page


def test_a_page_reaches_no_further_than_its_element():
    page, _ = clean("</div></div><b>x")
    assert page.startswith('<div class="sandbox-')
    assert (
        'style="contain: paint; isolation: isolate; margin: 0; overflow: auto; padding: 0; position: relative"' in page
    )
    assert page.count("</div>") == 1


def test_links_lead_out_and_open_apart():
    link = '<a href="https://h/a?b=c&amp;d#e" target="_blank" rel="noopener noreferrer nofollow">x</a>'
    assert inside("<a href='https://h/a?b=c&d#e'>x</a>") == link
    assert "href" not in inside("<a href=/api>x</a><a href=x>y</a><a href=javascript:x>z</a><a href=data:x>z</a>")


def test_mathematics_stands_apart_and_the_rest_can_not_be_any():
    assert inside("a $x$ b") == "a <span>$x$</span> b"
    assert inside(r"\href{x}") == r"<span>\</span>href{x}"
    assert inside("<b>$</b>\\href{x}{y}<b>$</b>") == (
        "<b><span>$</span></b><span>\\</span>href{x}{y}<b><span>$</span></b>"
    )
    assert inside("<pre>$x$</pre>") == "<pre><span>$</span>x<span>$</span></pre>"
    assert inside(r"costs \$5") == "costs <span>$</span>5"


def test_what_was_left_out_is_said():
    _, dropped = clean("<script>x</script><b onclick=x>y</b><img src=x><iframe></iframe><button>z</button>")
    assert dropped == [
        "<script> (it would run in the page)",
        "event handlers (they would run in the page)",
        "<img> (only pictures that came along are shown)",
        "<iframe> (it would load a page)",
        "<button> (it would ask for something)",
    ]


@pytest.mark.parametrize(
    ("rows", "cell", "why"),
    [(20_000, "<td>7</td>" * 5, "more than 100,000 tags"), (20_000, f"<td>{'x' * 200}</td>", "too long")],
)
def test_of_a_table_that_is_too_large_the_first_rows_are_kept(rows, cell, why):
    source = f"<table><tbody>{''.join(f'<tr><th>n{row}</th>{cell}</tr>' for row in range(rows))}</tbody></table>"
    page, dropped = clean(source)
    kept = page.count("</tr>")
    assert 2000 < kept < rows
    assert f">n{kept - 1}<" in page
    assert f">n{kept}<" not in page
    assert dropped == [f"what follows the first {kept:,} rows of a table ({why})"]
    assert page.rstrip().endswith("</tbody></table></div>")


def test_what_is_too_long_and_no_table_is_refused_still():
    for source in ("x" * (MOST_CHARACTERS + 1), f"<table><tr><td>{'x' * MOST_CHARACTERS}</td></tr></table>"):
        with pytest.raises(ValueError, match="too long"):
            clean(source)


def test_a_style_sheet_that_is_too_long_is_named():
    page, dropped = clean("<style>" + "b{color:red}" * 30_000 + "</style><b>x</b>")
    assert "color" not in page
    assert dropped == ["<style> (too long)"]


def test_a_drawing_in_html_becomes_a_picture():
    assert "<circle" not in inside("<svg viewbox='0 0 9 9'><circle r=4 /></svg>x".replace("=4", "='4'"))
    assert '<img src="data:image/svg+xml;base64,' in inside("<svg viewbox='0 0 9 9'><circle r='4'/></svg>")


@pytest.mark.parametrize(
    "source",
    [
        "<svg", "x", "", "<svg><b></svg>", "<!DOCTYPE svg [<!ENTITY a 'b'>]><svg>&a;</svg>", "<x><svg/></x>",
        '<svg xmlns="http://x/"/>', "<svg>" * 70 + "</svg>" * 70, '<svg width="90000" height="90000"/>',
        "<svg>" + "<g/>" * 100_001 + "</svg>", '<svg><g id="a"><use href="#a"/></g></svg>',
        '<svg><use href="#b"/><g id="b"><use href="#b"/></g></svg>',
    ],
)  # fmt: skip
def test_a_drawing_that_is_none_or_too_much_is_refused(source):
    with pytest.raises(NotAPicture):
        drawing(source)


def test_tokens_are_well_nested_and_bounded():
    found = list(tokens("<b><i>x</b>y</i>" + "<div>" * 500))
    depth = deepest = 0
    for token in found:
        depth += isinstance(token, Start) - isinstance(token, End)
        deepest = max(deepest, depth)
    assert (depth, deepest) == (0, 100)
    with pytest.raises(TooMuch):
        list(tokens("<br>" * 400_000))


def test_a_wall_of_a_table_is_not_closed_from_inside():
    assert [token.name for token in tokens("<div><table><td></div>") if isinstance(token, Start)] == [
        "div",
        "table",
        "td",
    ]
    assert [token.name for token in tokens("<div><table><td></div>") if isinstance(token, End)] == [
        "td",
        "table",
        "div",
    ]


def test_references_resolve_to_what_may_stand_in_a_page():
    assert unescape("&lt;&#65;&#x42;&amp;&notanentity;") == "<AB&¬anentity;"
    assert unescape("&#" + "9" * 10_000 + ";&#0;&#xD800;\0\ue000") == "\ufffd" * 3
