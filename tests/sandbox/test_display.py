"""What a cell shows besides text: the last value, displays, figures; from real sandboxes."""

import base64
import io
import os
import re
import socket
import struct
import textwrap

import pytest
from PIL import Image

import sandbox_magic as sm
from sandbox_magic import Display, Outcome, Text
from sandbox_magic.jail.limit_guards import kernel

QUICK = {"timeout": 20}


def run(code, **options):
    return sm.run(textwrap.dedent(code), **QUICK | options)


def texts(result):
    return [display.text for display in result.displays]


def kinds(result):
    return [display.kind for display in result.displays]


def size(display):
    """Width and height of a display's PNG, from its header."""
    data = base64.b64decode(display.data["image/png"])
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = 20\nx + 22", ["42"]),
        ("20; 22", ["22"]),
        ("(42);", []),
        ("42 # the end; really", ["42"]),
        ("(\n6 *\n7\n)\n\n# end\n", ["42"]),
        ("'only a string'", ["'only a string'"]),
        ("π = 3; 'π', π", ["('π', 3)"]),
        ("\ufeff42", ["42"]),
        ("from __future__ import annotations\n'x'", ["'x'"]),
        ("42;", []),
        ("'π'; # c", []),
        ("(42) \\\n ; # c", []),
        ("None", []),
        ("x = 42", []),
        ("for x in (1, 2): x", []),
        ("", []),
        ("# only a comment", []),
    ],
)
def test_the_last_value_is_shown_apart_from_the_text(code, expected):
    """As IPython decides it: not for None, and not before a semicolon."""
    result = sm.run(code, **QUICK)
    assert (result.outcome, result.stdout, result.stderr) == (Outcome.COMPLETED, "", "")
    assert texts(result) == expected
    assert kinds(result) == ["result"] * len(expected)


def test_the_cell_is_a_script_as_before():
    """Docstring, future, name of the module, no name of ours; spawn imports it again."""
    result = run(
        '''
        """About it."""
        from __future__ import annotations
        import multiprocessing
        def f(x: no_such_name): return x * 2
        if __name__ == "__main__":
            print(__doc__, f.__annotations__, [name for name in globals() if "sandbox" in name])
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(f, [21]))
        __name__
        '''
    )
    assert (result.stdout, result.stderr) == ("About it. {'x': 'no_such_name'} []\n[42]\n", "")
    assert texts(result) == ["'__main__'"]


def test_errors_keep_the_cells_lines_and_have_none_of_ours():
    result = run("x = 1\n\n(x +\n None)")
    assert 'File "/sandbox/cell.py", line 3, in <module>' in result.stderr
    assert "guest" not in result.stderr
    assert result.exit_code == 1
    chained = run("try: input()\nexcept EOFError as error: raise ValueError('no') from error")
    assert "EOFError: EOF when reading a line" in chained.stderr
    assert "guest" not in chained.stderr


OWN = """
class Own:
    def __repr__(self): return "plain"
    def _repr_html_(self): return "<b>html</b>", {"isolated": True}
    def _repr_svg_(self): raise KeyError("svg")
    def _repr_latex_(self): return None
    def _repr_png_(self): raise NotImplementedError
"""


def test_an_object_shows_what_it_has_and_what_fails_is_an_error():
    result = run(OWN + "Own()")
    assert result.outcome is Outcome.COMPLETED
    assert set(result.displays[0].data) == {"text/plain", "text/html"}
    assert "KeyError: 'svg'" in result.stderr
    assert "NotImplementedError" not in result.stderr
    assert "guest" not in result.stderr


@pytest.mark.parametrize(
    ("body", "exit_code"),
    [("def __repr__(self): raise SystemExit(4)", 4), ("def _repr_html_(self): import os; os._exit(5)", 5)],
)
def test_an_exit_in_a_representation_is_the_codes_exit(body, exit_code):
    assert run(f"class A:\n    {body}\nA()").exit_code == exit_code


def test_bundles_classes_and_objects_that_answer_to_everything():
    result = run(
        """
        class Bundle:
            def _repr_mimebundle_(self, include=None, exclude=None):
                return {"text/plain": "bundled", "text/html": "<i>x</i>"}, {"text/html": {"a": 1}}
        class Itself:
            def _ipython_display_(self): display("by itself")
        class Anything:
            def __getattr__(self, name): return lambda *_, **__: 1 / 0
            def __repr__(self): return "anything"
        display(Bundle(), Bundle, Itself(), Anything())
        display({"text/plain": "raw", "text/html": "<u>raw</u>"}, raw=True)
        """
    )
    assert result.stderr == ""
    assert texts(result) == ["bundled", "<class '__main__.Bundle'>", "'by itself'", "anything", "raw"]


def test_ipythons_functions_are_ours():
    """Also for names that were imported from it, and for what it shows with them."""
    result = run(
        """
        from IPython.display import HTML, Image, display, display_markdown, publish_display_data, update_display
        from IPython.core.display_functions import display as other
        display(HTML("<b>x</b>")); other(1); display_markdown("*a*", raw=True)
        publish_display_data({"text/plain": "p"})
        handle = display("one", display_id=True)
        handle.update("two"); update_display("three", display_id=handle.display_id)
        """
    )
    assert (result.stdout, result.stderr) == ("", "")
    assert texts(result)[0::3] == ["<IPython.core.display.HTML object>", "p"]
    assert result.displays[-1].text == "'three'"
    assert len(result.displays) == 5


def test_text_and_displays_keep_their_order():
    code = """
        import os, sys
        for n in range(20):
            print(n); display(n); os.write(2, b"e%d\\n" % n); display(-n)
    """
    seen = ""
    with sm.stream(textwrap.dedent(code), **QUICK) as events:
        for event in events:
            match event:
                case Text(text=text):
                    seen += text
                case Display():
                    seen += f"[{event.text}]\n"
    assert seen == "".join(f"{n}\n[{n}]\ne{n}\n[{-n}]\n" for n in range(20))


def test_a_forked_process_prints_what_it_would_show():
    """Frames have one writer; the parent's own displays are whole."""
    result = run(
        """
        import multiprocessing, os
        def work(n):
            mark("m"); display(n); return n
        with multiprocessing.get_context("fork").Pool(4) as pool:
            done = pool.map(work, range(40))
        display("parent")
        if os.fork() == 0:
            display("child")
        else:
            os.wait()
        done[-1]
        """
    )
    assert result.stderr == ""
    assert sorted(result.stdout.split()) == sorted([*map(str, range(40)), "'child'"])
    assert texts(result) == ["'parent'", "39"]


def test_threads_show_whole_displays():
    result = run(
        """
        import threading
        def work(n):
            for _ in range(20): display("x" * 5000 + str(n))
        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        [thread.start() for thread in threads]; [thread.join() for thread in threads];
        """
    )
    assert sorted(texts(result)) == sorted(repr("x" * 5000 + str(n)) for n in range(8) for _ in range(20))


def test_a_descriptor_that_is_the_cells_own_by_now_is_not_written_to():
    result = run(
        """
        import os
        os.closerange(3, 100)
        with open("mine", "w+") as file:
            assert file.fileno() == 3
            display(42); mark("m")
            print(repr(file.read()))
        """
    )
    assert (result.stdout, result.stderr, result.displays) == ("42\n''\n", "", ())


def test_descriptors_that_a_cell_sends_do_not_arrive(footprint):
    """The host reads with read(2), so the kernel throws them away."""
    before = footprint()
    code = """
        import array, socket
        with socket.socket(fileno=3) as line, open("mine", "w") as file:
            frame = b"\\0\\0\\0\\x14" + b"".join(len(f).to_bytes(4, "big") + f for f in (b"mark", b"0", b"so"))
            frame = (len(frame) - 4).to_bytes(4, "big") + frame[4:]
            sent = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file.fileno()] * 4))]
            for _ in range(10): line.sendmsg([frame], sent)
            print(line.getpeername() or "unnamed")
            line.detach()
        input()
    """
    with sm.stream(textwrap.dedent(code), **QUICK) as events:
        for event in events:
            if isinstance(event, sm.InputRequest):
                held = {os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if name.isdigit()
                        and os.path.lexists(f"/proc/self/fd/{name}")}  # fmt: skip
                assert not [path for path in held if path.endswith("/mine")]
    assert [mark.label for mark in events.result.timeline.marks] == ["so"] * 10
    assert events.result.stdout == "unnamed\n"
    assert footprint() == before


@pytest.mark.parametrize("data", ["b'nonsense' * 9", "b'\\xff' * 99", "b'\\0\\0\\0\\x08\\0\\0\\0\\x04what'"])
def test_what_is_no_frame_ends_the_wire_and_not_the_run(data):
    result = run(f"import os\nprint('a')\nos.write(3, {data})\ndisplay('x')\nprint('b')")
    assert result.outcome is Outcome.COMPLETED
    assert result.stdout == "a\n'x'\nb\n"
    assert result.displays == ()


def test_a_frame_that_is_never_finished_holds_nothing_up():
    result = run("import os\nos.write(3, (2**23).to_bytes(4, 'big') + bytes(2**22))\nprint('a')")
    assert (result.stdout, result.displays) == ("a\n", ())


def test_large_parts_are_left_out_and_named():
    result = run("display({'text/plain': 'small', 'text/html': '<b>' + 'x' * (13 << 20)}, raw=True)")
    assert texts(result) == ["small"]
    assert "text/html, which is too large" in result.notes[0]


def test_a_run_shows_no_more_than_its_room():
    """Eighty megabytes in pieces of four: host and notebook hold a part, and the reader is told once."""
    result = run("for n in range(20): display({'text/plain': str(n), 'text/html': 'x' * (4 << 20)}, raw=True)")
    assert result.outcome is Outcome.COMPLETED
    assert 0 < len(result.displays) < 9
    assert len([note for note in result.notes if "Displays were left out" in note]) == 1


def test_a_display_sent_just_before_a_kill_is_there():
    result = run("import os, signal\ndisplay('last words')\nos.kill(os.getpid(), signal.SIGKILL)")
    assert texts(result) == ["'last words'"]


def test_an_interrupt_in_a_flood_of_displays_ends_the_run():
    with sm.stream(
        "n = 0\nwhile True:\n    n += 1\n    display({}, display_id='x', raw=True, update=n > 1)", **QUICK
    ) as events:
        for event in events:
            if isinstance(event, Display):
                events.interrupt()
    assert events.result.outcome is Outcome.INTERRUPTED


FIGURES = """
import matplotlib.pyplot as plt
def figure(width):
    made = plt.figure(figsize=(width, 2)); made.add_subplot(); return made
"""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("figure(3); plt.show(); figure(5); print(1)", [3, 5]),  # open at the end
        ("figure(3); figure(5); plt.show(); plt.show()", [3, 5]),
        ("figure(3)", [3]),  # a result, and not again
        ("a = figure(3); display(a); figure(5); plt.show()", [3, 5]),
        ("figure(3); 1/0", [3]),
        ("figure(3); raise SystemExit(2)", [3]),
        ("plt.switch_backend('agg'); figure(3); print(1)", []),  # named by the cell
        ("plt.switch_backend('agg'); figure(3); plt.show(); figure(5); plt.show(); plt.show()", [3, 5]),
        ("plt.switch_backend('agg'); figure(3); plt.show(); plt.title('x'); plt.show()", [3, 3]),  # it has changed
    ],
)
def test_figures_are_shown_once_in_order_without_naming_a_backend(code, expected):
    result = run(FIGURES + code)
    widths = [size(display)[0] for display in result.displays if "image/png" in display.data]
    assert [3 if width < 340 else 5 for width in widths] == expected
    assert "font" not in result.stderr


@pytest.mark.parametrize("backend", ["Agg", "TkAgg", "Qt5Agg", "webagg"])
def test_a_script_that_names_a_backend_shows_its_figures(backend):
    """Agg leaves them open, so that what is saved after ``show()`` is the figure, as outside."""
    result = run(
        f"""
        import matplotlib
        matplotlib.use({backend!r})
        import matplotlib.pyplot as plt
        plt.plot([1, 4, 9])
        plt.show()
        print(plt.get_fignums())
        """
    )
    assert result.stdout == ("[1]\n" if backend == "Agg" else "[]\n"), result.stderr
    assert result.stderr == ""
    assert [set(display.data) for display in result.displays] == [{"image/png", "text/plain"}]


def test_a_page_for_a_browser_is_said_and_comes_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    opening = "import webbrowser; print(webbrowser.open('file:///x.html'), webbrowser.open_new_tab('http://x'))"
    result = run(opening)
    assert (result.stdout, result.stderr) == ("False False\n", "")
    (note,) = result.notes
    assert note.endswith("written to a file in the working directory it is brought out by --save '*.html'.")
    assert run(f"open('x.html', 'w').write('<p>page')\n{opening}", save=["*.html"]).ok
    assert (tmp_path / "x.html").read_text() == "<p>page"
    assert run("import os\nif not os.fork():\n    " + opening).ok, "a forked copy says nothing"


def test_an_image_that_is_shown_is_shown():
    result = run("import PIL.Image\nprint(PIL.Image.new('RGB', (7, 5)).show())")
    assert (result.stdout, result.notes) == ("None\n", ())
    assert [size(display) for display in result.displays] == [(7, 5)]


PLOTLY = """
class BaseFigure:
    def show(self, *args, **how): print("rendered", args, how)
    def _ipython_display_(self): print("Figure({ a long dump")
"""


def test_a_plotly_figure_says_why_it_is_not_shown(tmp_path):
    """By a package of its names, for the real one is large; plotly 7.1 was tried by hand."""
    tmp_path.chmod(0o755)
    (tmp_path / "plotly").mkdir()
    (tmp_path / "plotly" / "__init__.py").touch()
    (tmp_path / "plotly" / "basedatatypes.py").write_text(PLOTLY)
    (tmp_path / "plotly" / "io.py").write_text("class renderers: default = 'browser'\n")
    code = "from plotly.basedatatypes import BaseFigure\nf = BaseFigure()\nf.show()\nf.show(renderer='png')\nf"
    result = run(code, bind=[tmp_path / "plotly"])
    assert result.stdout == "rendered () {'renderer': 'png'}\n", result.stderr
    assert [text[:31] for text in texts(result)] == ["<plotly figure, not shown: it n"] * 2
    assert result.notes == ("Left out of a display: application/vnd.plotly.v1+json (it needs scripts in the page).",)


def test_ipython_that_is_imported_has_no_shell_and_the_hint_says_so():
    result = run("from IPython import get_ipython\nprint(get_ipython())\nget_ipython().run_line_magic('ls', '')")
    assert result.stdout == "None\n"
    (note,) = result.notes
    assert note.startswith("get_ipython is there in a cell that has a line of IPython's own")


CLEARS = """
from IPython.display import clear_output
for n in range(3):
    clear_output(wait=True)
    print("step", n)
    display(n)
"""


def test_a_clearing_comes_between_what_was_before_it_and_what_comes_after():
    with sm.stream(CLEARS, **QUICK) as events:
        seen = [event for event in events if isinstance(event, (Text, Display, sm.Cleared))]
    clearing = sm.Cleared(wait=True)
    assert [seen[0], seen[3], seen[6]] == [clearing] * 3
    assert [event.text for event in seen if isinstance(event, Text)] == ["step 0\n", "step 1\n", "step 2\n"]
    assert texts(events.result) == ["2"], "what was shown since"
    assert (events.result.stdout, events.result.notes) == ("step 0\nstep 1\nstep 2\n", ())
    assert run("display(1); display(2, clear=True)").displays[0].text == "2"


def test_a_plot_as_last_value_is_text_and_then_the_figure():
    result = run("import matplotlib.pyplot as plt\nplt.plot([1, 2])")
    assert (result.stderr, kinds(result)) == ("", ["result", "display"])
    assert "Line2D" in texts(result)[0]
    assert set(result.displays[1].data) == {"image/png", "text/plain"}


def test_tables_and_images():
    result = run(
        """
        import pandas, PIL.Image
        display(PIL.Image.new("RGB", (7, 5)))
        pandas.DataFrame({"a": [1, 2]})
        """
    )
    picture, table = result.displays
    assert size(picture) == (7, 5)
    assert "<td>2</td>" in table.data["text/html"].replace("\n", "")
    assert table.text.splitlines()[0].split() == ["a"]


@pytest.mark.parametrize("rows", [20_000, 120_000])
def test_a_table_of_all_rows_is_cut_to_what_fits(rows):
    """Which is two, or ten, million characters."""
    code = f"""
    import numpy as np, pandas as pd
    pd.set_option("display.max_rows", None)
    pd.DataFrame(np.arange({5 * rows}).reshape({rows}, 5), columns=list("vwxyz"))
    """
    result = run(code, memory="1G", timeout=120)
    (table,) = result.displays
    assert "<td>7</td>" in table.data["text/html"]
    assert f"<td>{5 * rows - 1}</td>" not in table.data["text/html"]
    assert table.text.splitlines()[0].split() == list("vwxyz")
    (note,) = result.notes
    assert re.search(r"Left out of a display: text/html: what follows the first [\d,]{5,6} rows of a table \(", note)


def test_a_sound_with_its_data_is_played():
    result = run("import numpy\nfrom IPython.display import Audio\nAudio(numpy.sin(numpy.arange(8000) / 5), rate=8000)")
    (sound,) = result.displays
    assert '<audio src="data:audio/wav;base64,UklGR' in sound.data["text/html"]
    assert result.notes == ()


def test_json_is_set_out_to_be_read():
    (shown,) = run("from IPython.display import JSON\nJSON({'a': [1, {'π': None}]})").displays
    assert shown.text == '{\n  "a": [\n    1,\n    {\n      "π": null\n    }\n  ]\n}'


def test_the_systems_own_python_shows_too():
    result = run(OWN + "display(1); mark('m')\nOwn()", python="system")
    assert texts(result) == ["1", "plain"]
    assert "text/html" in result.displays[1].data


def test_a_display_is_a_value_that_a_notebook_shows():
    (display,) = run("[1, 2]").displays
    assert repr(display) == "[1, 2]"
    assert display._repr_mimebundle_(include=None) == ({"text/plain": "[1, 2]"}, {})


def test_the_display_wire_gives_no_handle_on_the_host():
    """SO_PEERPIDFD would give a pidfd of this process, SO_PASSPIDFD one with each reply (Linux 6.5)."""
    code = """
        import socket
        wire = socket.socket(fileno=3)
        for call, option in ((lambda: wire.getsockopt(1, 77, 4), "PEER"), (lambda: wire.setsockopt(1, 76, 1), "PASS")):
            try: call(); print("ESCAPED", option)
            except PermissionError: print("HELD", option)
        wire.detach()
    """
    assert run(code).stdout == "HELD PEER\nHELD PASS\n"
    if kernel() >= (6, 5):  # the control
        ours, theirs = socket.socketpair()
        with ours, theirs:
            os.close(struct.unpack("i", ours.getsockopt(socket.SOL_SOCKET, 77, 4))[0])


def test_pictures_are_bytes():
    """Of each display that is a picture its file's bytes; what else is shown is none."""
    code = """
        import io
        import matplotlib.pyplot as plt
        from PIL import Image
        plt.plot([1, 2]); plt.show()
        display("text")
        for kind in ("PNG", "JPEG", "GIF"):
            file = io.BytesIO()
            Image.new("RGB", (3, 2)).save(file, kind)
            display({f"image/{kind.lower()}": file.getvalue(), "text/plain": "x"}, raw=True)
    """
    images = sm.run(textwrap.dedent(code), timeout=60).images()
    assert [(image.format, image.size[1] > 1) for image in (Image.open(io.BytesIO(each)) for each in images)] == [
        ("PNG", True),
        ("PNG", True),
        ("JPEG", True),
        ("GIF", True),
    ]
