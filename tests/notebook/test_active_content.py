"""Active content shown in JupyterLab: as an ordinary cell shows it, it acts; cleaned, nothing is left that could.

The corpus lies in ``active_content.jsonl``, a vector a line. In it ``{call}`` stands for a call of a function that
the test hears, ``{url}`` for an address on a host that does not exist, ``{rel}`` for one on the Jupyter server itself,
``{n}`` for the vector's number. What the browser asks for is stopped and noted before it leaves.
"""

import base64
import json
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.sign import NotebookNotary

from sandbox_magic.cli import main
from sandbox_magic.untrusted.mime.bundle import clean

CORPUS = [json.loads(line) for line in Path(__file__).with_name("active_content.jsonl").read_text("utf-8").splitlines()]
LEAST = 300
PROBE = re.compile(r".*(?:beacon\.invalid|/p\d+-relative|\?p\d+-relative)", re.IGNORECASE)
NUMBER = re.compile(r"p(\d+)\b")

SHOW = """
import base64
import json
from IPython.display import display
with open({name!r}, encoding="utf-8") as file:
    for data, metadata in json.load(file):
        display(data, metadata=metadata, raw=True)
"""

# What is active in the page below an output, in words. It knows nothing of how the cleaner decides.
ACTIVE = r"""
() => {
    const TAGS = new Set(("script iframe frame object embed applet form button textarea select dialog link meta base " +
        "portal fencedframe noscript template canvas slot bgsound marquee picture source track map area " +
        "param keygen menuitem output fieldset datalist").split(" "));
    const PLAIN = new Set(("title lang dir hidden align valign width height bgcolor nowrap scope border cellpadding " +
        "cellspacing alt start type reversed value open color size face checked disabled max min low high optimum " +
        "colspan rowspan span rel target href src class id for style controls controlslist preload loop muted " +
        "disablepictureinpicture").split(" "));
    const PICTURE = /^data:image\/(png|jpeg|gif|svg\+xml);base64,[A-Za-z0-9+\/=]+$/;
    const HELD = {
        img: PICTURE,
        audio: /^data:audio\/(wav|mpeg|ogg|flac|mp4|webm);base64,[A-Za-z0-9+\/=]+$/,
        video: /^data:video\/(mp4|webm);base64,[A-Za-z0-9+\/=]+$/,
    };
    const OWN = /^s[0-9a-f]{16}-/;
    const {getAttributeNames, getAttribute} = Element.prototype;  // a form's fields hide the form's own
    const attributes = element => getAttributeNames.call(element).map(name => [name, getAttribute.call(element, name)]);
    const ofRules = (rules, found) => {
        for (const rule of rules) {
            if (/url\(|image-set|@import|@font-face|src\(/i.test(rule.cssText)) found.add("style: address");
            if (rule.selectorText !== undefined)
                for (const one of rule.selectorText.split(/,\s*(?=:where\(\.sandbox-|[^)]*$)/))
                    if (!one.startsWith(":where(.sandbox-")) found.add("style: reaches the page");
            if (rule.cssRules) ofRules(rule.cssRules, found);
        }
    };
    const ofMath = (element, found) => {
        if (element.localName === "a" || element.hasAttribute("href")) found.add("math: link");
        if (element.id && !/^MJX/.test(element.id)) found.add("math: id");
        const strange = [...element.classList].filter(name => !/^(mjx|MJX|MathJax|TEX|CtxtMenu)/.test(name));
        if (strange.length) found.add("math: class");
        if (/^mjx-(maction|tool|tip|status)$/.test(element.localName)) found.add("math: action");
        for (const [name] of attributes(element))
            if (name.startsWith("data-") && !/^data-(mjx|semantic|latex)/.test(name)) found.add("math: data");
    };
    const ofElement = (element, found) => {
        const name = element.localName;
        const own = /^sandbox-[0-9a-f]{16} jp-RenderedHTMLCommon$/.test(element.className);
        const foreign = element.namespaceURI !== "http://www.w3.org/1999/xhtml";
        if (TAGS.has(name) || name.includes("-") || foreign) found.add(name);
        if (element.shadowRoot) found.add("shadow root");
        if (name === "input" && element.type !== "checkbox") found.add("input");
        if (name === "style") ofRules(element.sheet?.cssRules ?? [], found);
        for (const [key, value] of attributes(element)) {
            if (!PLAIN.has(key)) found.add("attribute " + key);
            if (key === "id" && !OWN.test(value)) found.add("id");
            if (key === "class" && !own && /(^|\s)(jp-|lm-|lab-|mod-)/.test(value)) found.add("class");
            if (key === "href" && !/^(https?:\/\/|mailto:)/.test(value)) found.add("href");
            if (key === "href" && URL.parse(value, location)?.origin === location.origin) found.add("href: the server");
            if (key === "src" && !HELD[name]?.test(value)) found.add("src");
            if (key === "style" && /url\(|image-set|\\/i.test(value)) found.add("style: address");
        }
        if (name === "a" && element.href && !/noopener/.test(element.rel)) found.add("rel");
        const style = getComputedStyle(element);
        const inside = element.closest('[class^="sandbox-"]') !== null;
        if (["fixed", "sticky"].includes(style.position)) found.add("style: covers");
        if (["absolute", "relative"].includes(style.position) && !inside) found.add("style: moves");
        for (const what of ["transform", "translate", "scale", "rotate", "filter", "backdropFilter"])
            if (style[what] && style[what] !== "none") found.add("style: " + what);
        if (style.zoom && style.zoom !== "1") found.add("style: zoom");
        for (const side of ["marginTop", "marginLeft", "marginRight", "marginBottom"])
            if (parseFloat(style[side]) < -20) found.add("style: margin");
        if (own && style.contain !== "paint") found.add("not contained");
    };
    const cells = window.jupyterapp.shell.currentWidget.content.widgets;
    return cells.map(cell => cell.outputArea.widgets.map(({node}) => {
        const found = new Set();
        for (const shown of node.querySelectorAll(".jp-OutputArea-output"))
            for (const element of [...shown.querySelectorAll("*"), ...(shown.localName === "iframe" ? [shown] : [])])
                (element.closest("mjx-container") ? ofMath : ofElement)(element, found);
        return [...found];
    }));
}
"""


def filled(text, number):
    values = {"{call}": f"fired({number})", "{url}": f"http://beacon.invalid/p{number}", "{rel}": f"p{number}-relative"}
    for name, value in {**values, "{n}": str(number)}.items():
        text = text.replace(name, value)
    return text


def as_offered(number):
    """A vector as an ordinary cell publishes it: data and metadata."""
    vector = CORPUS[number]
    text = filled(vector["text"], number).encode("utf-8", "replace").decode()
    data = json.loads(text) if vector["mime"].endswith("json") else text
    return {vector["mime"]: data}, vector.get("metadata", {})


DRAWINGS = [vector["text"] for vector in CORPUS if vector["text"].startswith("<svg") and vector["mime"] == "text/html"]


def held_by_img(number, drawing):
    """An active drawing as an ordinary cell shows it by ``<img>``, not cleaned: all that we rely on is the browser."""
    drawing = filled(drawing, number).replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1).encode()
    return {"text/html": f'<img src="data:image/svg+xml;base64,{base64.b64encode(drawing).decode()}">'}, {}


def as_cleaned(number):
    vector = CORPUS[number]
    offered = {vector["mime"]: filled(vector["text"], number).encode("utf-8", "surrogatepass")}
    cleaned = clean(offered, vector.get("metadata"))
    assert cleaned.data or cleaned.dropped, f"vector {number} has vanished without a word"
    return dict(cleaned.data), dict(cleaned.metadata)


class Watched:
    """A page whose scripts are heard and whose requests are noted; none of those that a vector makes leaves."""

    def __init__(self, lab):
        self.lab = lab
        self.acted, self.others = set(), set()
        lab.page.expose_function("fired", lambda number: self.acted.add(int(number)))
        lab.page.route(PROBE, lambda route: route.abort("aborted"))
        lab.page.on("request", lambda request: self._note(request.url))

    def _note(self, url):
        if PROBE.match(url):
            self.acted.update(int(number) for number in NUMBER.findall(url)[-1:])
        else:
            self.others.add(url)

    def show(self, groups, kernel="python3"):
        """Show outputs, each group in a cell of its own; return what is active in the page for each of them."""
        names = [f"active-{place}.json" for place in range(len(groups))]
        for name, bundles in zip(names, groups, strict=True):
            (self.lab.server.root / name).write_text(json.dumps(bundles), encoding="utf-8")
        self.lab.page.goto("about:blank")  # some of them change the whole page
        self.lab.open([SHOW.format(name=name) for name in names], kernel=kernel)
        self.acted.clear()
        self.others.clear()
        self.lab.run()
        self._settle()
        return self.active()

    def active(self):
        """Return what is active in the page for each output."""
        return [active for cell in self.lab.page.evaluate(ACTIVE) for active in cell]

    def _settle(self):
        """Wait until nothing has been heard, and no formula has been set, for a second."""
        before = None
        while before != (before := (len(self.acted), len(self.others), self.lab.page.evaluate(FORMULAS))):
            self.lab.page.wait_for_timeout(1000)

    def look(self, name):
        """Open a notebook as it was saved, and wait until nothing comes any more."""
        self.acted.clear()
        self.lab.open_file(name)
        self._settle()


@pytest.fixture
def watched(lab):
    """A page that no other test goes on with."""
    yield Watched(lab)
    lab.come_back()


FORMULAS = "() => document.querySelectorAll('mjx-container').length"
RENDERED = """() => [...document.querySelectorAll(".jp-OutputArea-output")].filter(
    node => node.innerText.trim() !== "" || node.querySelector("*") !== null).length"""
OF_LAB = ("api/", "lab/", "static/", "kernelspecs/")


@pytest.mark.timeout(240)
def test_what_acts_in_an_ordinary_cell_is_still_once_cleaned(lab, watched):
    """Each vector is first shown to act: it ran, it asked for something, or it left something active in the page."""
    numbers = sorted(range(len(CORPUS)), key=lambda number: CORPUS[number]["family"] == "page")  # those change the page
    apart = sum(vector["family"] != "page" for vector in CORPUS)
    bundles = [as_offered(number) for number in numbers]
    held = [held_by_img(len(CORPUS) + place, drawing) for place, drawing in enumerate(DRAWINGS)]
    watched.show([bundles[:apart], bundles[apart:], held])

    def acting():
        active = watched.active()[: len(CORPUS)]
        return watched.acted | {number for number, found in zip(numbers, active, strict=True) if found}

    lab.until(lambda: set(numbers) <= acting())
    acts = acting()
    assert not {number for number in watched.acted if number >= len(CORPUS)}, "an <img> holds no drawing still"
    assert [CORPUS[number] for number in numbers if number not in acts] == []
    assert len({(vector["mime"], vector["text"]) for vector in CORPUS}) == len(acts) >= LEAST

    cleaned = {number: as_cleaned(number) for number in numbers}
    shown = [number for number in numbers if cleaned[number][0]]
    active = watched.show([[cleaned[number] for number in shown]])
    assert [(CORPUS[number], found) for number, found in zip(shown, active, strict=True) if found] == []
    assert [CORPUS[number] for number in watched.acted] == []
    lab.until(lambda: lab.page.evaluate(RENDERED) == len(shown))
    assert lab.page.evaluate(RENDERED) == len(shown)
    places = tuple(lab.server.url + place for place in OF_LAB)
    assert [url for url in watched.others if not url.startswith((*places, "data:", "blob:"))] == []
    print(f"{len(acts)} vectors act; cleaned, {len(shown)} leave something to show, and none acts")


def kernels(lab):
    """Return the names of the kernels that the server runs."""
    return lab.page.evaluate(
        """async base => (await (await fetch(base + "api/kernels")).json()).map(kernel => kernel.name)""",
        lab.server.url,
    )


@pytest.mark.timeout(240)
def test_a_notebook_that_attacks_its_viewer_is_still_in_the_sandboxed_kernel(lab, watched):
    """The control is above: each of these vectors acts where an ordinary kernel shows it."""
    numbers = range(0, len(CORPUS), 8)
    active = watched.show([[as_offered(number) for number in numbers]], kernel="sandbox-python")
    assert len(active) >= len(numbers) / 2, "they are shown, as far as there is something to show"
    assert [found for found in active if found] == []
    assert [CORPUS[number] for number in watched.acted] == []
    assert kernels(lab) == ["sandbox-python"]


BEACON = "<img src='http://beacon.invalid/p{n}'><img src='p{n}-relative'>"


def test_a_notebook_whose_saved_outputs_attack_its_viewer_is_still_once_it_was_cleaned(lab, watched):
    """Both are trusted, so that the page shows all that is in them; the first is the control."""
    script = "<b>seen</b><script>fired({n})</script><img src=x onerror='fired({n})'>"
    html = nbformat.v4.new_output("display_data", {"text/html": script.format(n=1) + BEACON.format(n=2)})
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("1", outputs=[html]),
            nbformat.v4.new_markdown_cell("# Prose\n\n" + BEACON.format(n=3) + "\n\n![](http://beacon.invalid/p4)"),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    notary = NotebookNotary(data_dir=str(lab.server.data))
    root = lab.server.root
    nbformat.write(notebook, root / "attack.ipynb")
    notary.sign(nbformat.read(root / "attack.ipynb", as_version=4))
    watched.look("attack.ipynb")
    lab.until(lambda: len(watched.acted) == 4)
    assert watched.acted == {1, 2, 3, 4}

    assert main.main(["notebook", str(root / "attack.ipynb"), "-o", str(root / "cleaned.ipynb"), "--no-run"]) == 0
    notary.sign(nbformat.read(root / "cleaned.ipynb", as_version=4))
    watched.look("cleaned.ipynb")
    assert lab.trusts(0)
    assert lab.page.locator(".jp-OutputArea-output b", has_text="seen").count() == 1
    assert lab.page.locator(".jp-MarkdownOutput h1", has_text="Prose").count() == 1
    assert watched.acted == set()
