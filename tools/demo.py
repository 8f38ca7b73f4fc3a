"""Executes a notebook for real, says how each cell ended, and writes it as a page.

A cell tagged ``raises-exception`` is meant to fail: the demo goes on after it, and fails itself if the cell did not.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode

BUILD = Path("build")
CELL_SECONDS = 120
WIDTH = 76
ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def first_line(source: str) -> str:
    """The line by which a person knows the cell: its first that is not the magic's own, if there is one."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    shown = "  ".join(lines[:2]) if lines and lines[0].startswith("%") else "".join(lines[:1])
    return shown if len(shown) <= WIDTH else shown[: WIDTH - 1] + "…"


def said(output: NotebookNode) -> str:
    """What an output shows a person, in one line."""
    if output.output_type == "stream":
        text = output.text
    elif output.output_type == "error":
        text = f"{output.ename}: {output.evalue}"
    else:
        plain = output.data.get("text/plain", "")
        text = plain if "image/png" not in output.data else f"[picture] {plain}"
    lines = [line.split("\r")[-1].strip() for line in ANSI.sub("", text).splitlines() if line.strip()]
    inside = [line for line in lines if 'File "/sandbox/cell' in line]  # of a stack, where the code was
    shown = (inside or lines)[-1] if lines else ""
    return shown if len(shown) <= WIDTH else shown[: WIDTH - 1] + "…"


def judge(cell: NotebookNode, reply: dict[str, Any]) -> tuple[bool, str]:
    """Whether a cell ended as it was meant to, and the word for it.

    By the kernel's reply: a wrong option leaves no error among the outputs, only a line of text.
    """
    raised = reply["content"]["status"] != "ok"
    meant = "raises-exception" in cell.metadata.get("tags", [])
    if raised:
        return meant, "failed, as meant" if meant else "FAILED"
    return not meant, "DID NOT FAIL, and should" if meant else "ok"


class Report:
    """Prints each cell's outcome as soon as the kernel has answered, and keeps count."""

    def __init__(self) -> None:
        self.cells = 0
        self.unexpected = 0

    def cell(self, cell: NotebookNode, execute_reply: dict[str, Any], **_: Any) -> None:
        """Called by nbclient after each code cell."""
        self.cells += 1
        good, word = judge(cell, execute_reply)
        self.unexpected += not good
        print(f"[{self.cells}] {first_line(cell.source)}\n    {word}", flush=True)
        for output in cell.outputs:
            if line := said(output):
                print(f"    | {line}", flush=True)


def execute(path: Path, report: Report) -> NotebookNode:
    """Run every cell in a kernel of this environment, in the notebook's own directory."""
    import nbclient
    import nbformat
    from traitlets.config import Config

    notebook: NotebookNode = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_SECONDS,
        allow_errors=True,  # judged cell by cell
        on_cell_executed=report.cell,
        config=Config(KernelManager={"transport_encryption": "auto"}),  # or newer kernels warn of a plain socket
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    return notebook


def write_page(notebook: NotebookNode, path: Path) -> None:
    """Write the executed notebook as one HTML file, its pictures inside."""
    from nbconvert import HTMLExporter

    page, _ = HTMLExporter(embed_images=True).from_notebook_node(notebook)
    path.parent.mkdir(exist_ok=True)
    path.write_text(page, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Run the notebook named on the command line; 0 if every cell ended as it was meant to."""
    path = Path(arguments[0])
    BUILD.mkdir(exist_ok=True)
    # The kernel "python3" is this environment's own, whatever the user has installed under that name, and the user's
    # IPython start-up files don't change what the demo shows.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ["IPYTHONDIR"] = str((BUILD / "ipython").absolute())
    report = Report()
    print(f"Running {path}\n", flush=True)
    notebook = execute(path, report)
    page = BUILD / path.with_suffix(".html").name
    write_page(notebook, page)
    print(f"\n{report.cells} cells, {report.unexpected or 'none'} ended other than they should.")
    print(f"The page:        {page.absolute()}\nWith your own:   make lab")
    return 1 if report.unexpected else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
