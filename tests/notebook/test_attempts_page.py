"""The list of attempts on a page of JupyterLab: in words, by the keyboard, and as a table for a screen reader."""

import pytest

TRIES = """%%sandbox --session work --trace --no-raise-error
import contextlib, os, socket, time
def attempt(do, *given):
    with contextlib.suppress(OSError): do(*given)
attempt(open, os.path.expanduser("~/.ssh/id_rsa"))
time.sleep(0.4)
attempt(socket.create_connection, ("evil.example", 443))
attempt(open, "/usr/bin/x", "w")
time.sleep(0.4)
open("/tmp/kept.txt", "w").close()"""


@pytest.mark.timeout(180)
def test_a_list_of_attempts_is_read_by_keyboard_and_as_a_table(lab, pictures):
    lab.open(["%load_ext sandbox_magic", TRIES, "%sandbox attempts work", "_sandbox"])
    lab.theme("JupyterLab Light")
    lab.run()
    page = lab.page
    cell = page.locator(".jp-Notebook .jp-Cell")
    assert lab.until(lambda: "It looked for SSH keys (once)." in cell.nth(1).inner_text())
    for number in (2, 3):
        if number == 3:  # the card has it folded: by the keyboard alone
            summary = cell.nth(3).locator("summary", has_text="attempts")
            summary.focus()
            page.keyboard.press("Enter")
        table = cell.nth(number).get_by_role("table").filter(has_text="how often")
        row = table.get_by_role("row").filter(has_text="/home/sandbox/.ssh/id_rsa")
        assert row.get_by_role("rowheader").inner_text() == "open"
        heads = [head.inner_text() for head in table.get_by_role("columnheader").all()]
        assert heads[:5] == ["kind", "what", "how often", "first", "answer"]
        assert row.get_by_role("cell").nth(3).inner_text() == "not shared"
    for theme in ("Light", "Dark"):
        lab.theme(f"JupyterLab {theme}")
        for number in (1, 2, 3):
            lab.screenshot(pictures / f"attempts-{theme.lower()}-{number}.png", cell=number)
    assert lab.errors == []
