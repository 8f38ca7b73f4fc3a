"""Fifty and more harmless things that a cell shows, by name. Run in a kernel by ``test_harmless.py``."""

import base64
import io

import numpy as np
import pandas as pd
import sympy
from IPython.display import HTML, SVG, Image, Latex, Markdown, Math
from matplotlib.figure import Figure
from PIL import Image as Pillow
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

FRAME = pd.DataFrame({"name": ["Ada", "Blaise", "Carl"], "n": [1, 22, 333], "x": [0.5, -1.25, np.nan]})
NUMBERS = pd.DataFrame(np.arange(20.0).reshape(5, 4) - 7, columns=list("abcd"))
SHADES = np.add.outer(np.arange(60), np.arange(90)).astype("uint8")
PHOTO = Pillow.fromarray(np.stack([SHADES, SHADES[::-1], 200 - SHADES], axis=-1))
x, y = sympy.symbols("x y")


def encoded(kind, **options):
    """The photograph as a file."""
    file = io.BytesIO()
    PHOTO.save(file, kind, **options)
    return file.getvalue()


def figure(draw, size=(4, 2.5)):
    """A figure of matplotlib's."""
    made = Figure(figsize=size)
    draw(made.subplots())
    return made


def drawn(made):
    """A figure as SVG."""
    file = io.StringIO()
    made.savefig(file, format="svg")
    return file.getvalue()


def plots(made):
    """Four small plots in one."""
    for number, axes in enumerate(made.subplots(2, 2).flat):
        axes.plot(np.cos(np.arange(20) / (number + 1)))
    return made


PNG = base64.b64encode(encoded("PNG")).decode()
FRAMES = [PHOTO.rotate(0).convert("P"), PHOTO.rotate(180).convert("P")]
BLUE_BOX = "background-color:#eef;border:1px solid #99c;border-radius:6px;padding:8px 12px;width:300px"
ROW = "display:flex;gap:10px;align-items:center;justify-content:space-between"

PIECES = {
    "frame": FRAME,
    "frame of numbers": NUMBERS,
    "frame, empty": FRAME[:0],
    "frame, long": pd.DataFrame({"n": range(200)}),
    "frame, wide": pd.DataFrame(np.zeros((2, 40))),
    "frame with two levels": FRAME.set_index(["name", "n"]),
    "frame with two levels of columns": pd.DataFrame(
        np.ones((2, 4)), columns=pd.MultiIndex.from_product([["a", "b"], [1, 2]])
    ),
    "frame with markup as text": pd.DataFrame({"<b>": ["<i>x</i>", "a & b", "$5", "C:\\temp"]}),
    "frame of dates": pd.DataFrame({"day": pd.date_range("2026-01-01", periods=3)}),
    "counts": FRAME["name"].value_counts().to_frame(),
    "description": NUMBERS.describe(),
    "style: gradient": NUMBERS.style.background_gradient(),
    "style: bars": NUMBERS.style.bar(color="#9bf"),
    "style: caption and highest": NUMBERS.style.highlight_max(color="gold").set_caption("Highest in each column"),
    "style: format and hidden index": NUMBERS.style.format("{:.1f}").hide(axis="index"),
    "style: rules of its own": NUMBERS.style.set_table_styles(
        [
            {"selector": "th", "props": "background-color: #369; color: white; padding: 4px 12px"},
            {"selector": "tr:nth-child(even)", "props": "background-color: #eef"},
            {"selector": "td:hover", "props": "color: red"},
            {"selector": "", "props": "border: 2px solid #369; border-collapse: collapse"},
        ]
    ),
    "style: by value": NUMBERS.style.map(lambda value: "color: crimson; font-weight: bold" if value < 0 else ""),
    "estimator": LogisticRegression(C=0.5),
    "estimator, fitted": LogisticRegression().fit([[0.0], [1.0]], [0, 1]),
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    "columns in parallel": make_pipeline(
        ColumnTransformer([("n", StandardScaler(), ["n"]), ("c", OneHotEncoder(), ["name"])]),
        RandomForestClassifier(max_depth=3),
    ),
    "picture": PHOTO,
    "picture with transparency": PHOTO.copy().convert("RGBA").rotate(20, expand=True),
    "picture of a palette": PHOTO.convert("P"),
    "picture in grey": PHOTO.convert("L"),
    "picture in black and white": PHOTO.convert("1"),
    "photograph": Image(encoded("JPEG")),
    "photograph, progressive": Image(encoded("JPEG", progressive=True, quality=60)),
    "moving picture, its two frames alike": Image(
        encoded("GIF", save_all=True, append_images=FRAMES[:1], duration=10**5)
    ),
    "picture in another size": Image(encoded("PNG"), width=300, height=100),
    "plot": figure(lambda axes: axes.plot([1, 3, 2])),
    "plot: bars": figure(lambda axes: axes.bar(["a", "b", "c"], [3, 1, 2], color=["#369", "#963", "#396"])),
    "plot: points": figure(lambda axes: axes.scatter(range(20), np.sin(range(20)), c=range(20))),
    "plot: heat": figure(lambda axes: axes.imshow(SHADES)),
    "plot: four": plots(Figure(figsize=(5, 3))),
    "drawing of a plot": SVG(drawn(figure(lambda axes: axes.plot([1, 3, 2], "o--", label="π ≈ $\\pi$")))),
    "drawing of bars": SVG(drawn(figure(lambda axes: axes.bar(["a", "b"], [3, 1], hatch="//")))),
    "drawing by hand": SVG(
        '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="80"><defs><linearGradient id="g">'
        '<stop offset="0" stop-color="gold"/><stop offset="1" stop-color="crimson"/></linearGradient></defs>'
        '<rect width="180" height="60" x="10" y="10" rx="8" fill="url(#g)"/><text x="60" y="46">hello</text></svg>'
    ),
    "integral": sympy.Integral(sympy.exp(-(x**2)), (x, -sympy.oo, sympy.oo)),
    "matrix": sympy.Matrix([[x, y], [sympy.sqrt(2), sympy.Rational(1, 3)]]),
    "sum": sympy.Sum(1 / x**2, (x, 1, sympy.oo)),
    "equation": sympy.Eq(sympy.Function("f")(x).diff(x, 2) + y, sympy.cos(x)),
    "cases": sympy.Piecewise((x**2, x > 0), (0, True)),
    "mathematics": Math(r"\hat f(\xi) = \int_{-\infty}^\infty f(x)\, e^{-2\pi i x \xi}\,dx"),
    "mathematics, aligned": Latex(r"\begin{align*}a &= b + c \\ &= \frac{d}{2}\end{align*}"),
    "mathematics in words": Latex(r"Euler said $e^{i\pi} + 1 = 0$ and meant it."),
    "Markdown: headings": Markdown("# One\n\ntext\n\n## Two\n\ntext\n\n### Three\n\ntext"),
    "Markdown: emphasis": Markdown("some *emphasis*, **strong**, ~~gone~~, `code` and a [link](https://example.org/)."),
    "Markdown: lists": Markdown("- one\n- two\n  - two and a half\n- three\n\n1. first\n2. second\n"),
    "Markdown: table": Markdown("| a | b |\n|:--|--:|\n| left | right |\n| `x` | **y** |\n"),
    "Markdown: quotation": Markdown("> Said once.\n>\n> Said twice.\n\nand after\n\n---\n\nthe rule"),
    "Markdown: program": Markdown("As in\n\n```\nfor n in range(3):\n    print(n)\n```\n\nit says."),
    "Markdown: program in a language": Markdown("```python\nfor n in range(3):\n    print(n)\n```"),
    "Markdown: mathematics": Markdown("With $a_1 + a_2$ and\n\n$$\\sum_{i=1}^n a_i * b_i$$\n\nwe are done."),
    "Markdown: HTML": Markdown(
        "A <kbd>Ctrl</kbd>+<kbd>C</kbd>, H<sub>2</sub>O, <span style='color: crimson'>red</span>."
    ),
    "Markdown: picture": Markdown(f"![a photograph](data:image/png;base64,{PNG})"),
    "table": HTML("<table><tr><th>a<th>b<tr><td>1<td>2<tr><td colspan=2 style='text-align:center'>both</table>"),
    "lists": HTML("<ul><li>one<li>two<ol><li>first<li>second</ol></ul><dl><dt>term<dd>what it is</dl>"),
    "details": HTML("<details><summary>More</summary><p>hidden</p></details>"),
    "details, open": HTML("<details open><summary>More</summary><p>shown</p></details>"),
    "headings": HTML("<h1>One</h1><p>p</p><h3>Three</h3><p>p<hr>q</p><h4>Four</h4>"),
    "preformatted": HTML(
        "<pre>a  b\n  <b>c</b> <span style='color:#00a;font-weight:bold'>blue</span></pre><p><code>x = 1</code>"
    ),
    "code outside a paragraph": HTML("<code>x = 1</code>"),
    "quotation": HTML(
        "<blockquote>Said once.</blockquote><p>and <q>again</q>, <mark>marked</mark> <abbr title=t>abbr</abbr></p>"
    ),
    "box": HTML(f'<div style="{BLUE_BOX}"><b>Note.</b> Something to <i>know</i>.</div>'),
    "row": HTML(f'<div style="{ROW};width:300px"><span>left</span><b>middle</b><span>right</span></div>'),
    "gradient": HTML('<div style="height:20px;width:200px;background:linear-gradient(to right,#fff,#369)"></div>'),
    "progress": HTML(
        "<progress value=3 max=10></progress> <meter value=.7 low=.3 high=.6 optimum=.2>70%</meter> 3 of 10"
    ),
    "boxes to tick": HTML(
        "<label><input type=checkbox checked> done</label><br><label><input type=checkbox> to do</label>"
    ),
    "style sheet": HTML(
        "<style>.tile{display:inline-block;width:40px;height:40px;margin:2px;background:#369}.tile:nth-child(odd)"
        "{background:#eb4}#last{border-radius:50%}</style><div><span class=tile></span><span class=tile></span>"
        "<span class=tile id=last></span></div>"
    ),
    "HTML with mathematics": HTML("<p>Let $x^2 = \\frac{1}{2}$, which costs \\$5.</p>"),
    "HTML with a picture": HTML(
        f'<figure><img src="data:image/png;base64,{PNG}" width=120><figcaption>a</figcaption></figure>'
    ),
    "HTML with a drawing": HTML(
        '<svg width="60" height="60"><circle cx="30" cy="30" r="25" fill="teal"/></svg> a disc'
    ),
    "text": {"a": [1, 2, 3], "b": "text <b>"},
    "array": np.arange(12).reshape(3, 4),
}
