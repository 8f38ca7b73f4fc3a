"""The collected cases: attempts at escaping, exhausting, confusing or simply using a sandbox.

`tests/cases.jsonl` says what each tries and, in prose, what must happen; here is the same as a check. A case whose
feature does not exist yet stands in LATER with what it waits for, so that none is forgotten.
"""

from __future__ import annotations

import ast
import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome, Result
from sandbox_magic.jail.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = {
    case["id"]: case
    for case in map(json.loads, (Path(__file__).parent.parent / "cases.jsonl").read_text("utf-8").splitlines())
}


@dataclass(frozen=True)
class Check:
    """What must be true of the result, the options of the run, and what the code does after its own end."""

    verify: Callable[[Result], object]
    options: dict[str, object] = field(default_factory=dict)
    after: str = ""


def held(result: Result) -> None:
    assert "ESCAPED" not in result.stdout
    assert "HELD" in result.stdout
    assert result.outcome is Outcome.COMPLETED


def prints(expected: str, outcome: Outcome = Outcome.COMPLETED) -> Callable[[Result], None]:
    def verify(result: Result) -> None:
        assert re.fullmatch(expected, result.stdout, re.DOTALL), result.stdout
        assert result.outcome is outcome
        if outcome is Outcome.COMPLETED:
            assert result.stderr == ""

    return verify


def ends(outcome: Outcome, **facts: object) -> Callable[[Result], None]:
    def verify(result: Result) -> None:
        assert result.outcome is outcome, (result, result.stderr)
        for name, value in facts.items():
            assert getattr(result, name) == value

    return verify


def errors(*names: str) -> Callable[[Result], None]:
    """Every line ends with one of these error names, and none with OK."""

    def verify(result: Result) -> None:
        lines = result.stdout.splitlines()
        assert lines
        assert all(line.split()[-2] == "-1" and line.split()[-1] in names for line in lines), lines

    return verify


def also(*checks: Callable[[Result], object]) -> Callable[[Result], None]:
    def verify(result: Result) -> None:
        for check in checks:
            check(result)

    return verify


def shows_stack(result: Result) -> None:
    assert 'File "/sandbox/cell.py", line' in result.stderr


def no_host_entries(result: Result) -> None:
    """Nothing but what is ours, and the way to the Python environment where it lies there."""
    listed = dict(line.split(" ", 1) for line in result.stdout.splitlines())
    ours = {"..": {"sandbox"}, "/home": {"sandbox"}, "/tmp": set(), "/dev/shm": set()}
    for directory, allowed in ours.items():
        place = "/home/" if directory == ".." else f"{directory}/"
        ways = {path.removeprefix(place).split("/")[0] for path in result.isolation.shared if path.startswith(place)}
        assert set(ast.literal_eval(listed[directory])) <= allowed | ways, listed
    assert listed["/run"].startswith("HELD")


def wall_time(result: Result) -> None:
    assert result.outcome is Outcome.WALL_TIME
    assert result.usage.wall_seconds < result.limits.wall_seconds + 5  # what holds it up does so for longer


def no_root(result: Result) -> None:
    assert not re.search(r"did \w+ \(0, 0, 0\)", result.stdout)


def sums_up(result: Result) -> None:
    assert 0.5 <= result.usage.cpu_seconds <= 0.7
    assert result.usage.wall_seconds >= 1.0  # and no more than the host saw: below


def out_of_memory(result: Result) -> None:
    """The kernel's verdict where there is a group; without one, a refusal inside the code."""
    if result.isolation["memory"].strength == "enforced":
        assert result.outcome is Outcome.OUT_OF_MEMORY
        assert result.usage.peak_memory_bytes >= 0.98 * (256 << 20)
    else:
        assert "MemoryError" in result.stderr or result.outcome is Outcome.OUT_OF_MEMORY


def straight_line(result: Result) -> None:
    used = [sample.memory_bytes for sample in result.timeline.samples]
    rise = used[: used.index(max(used)) + 1]
    assert rise == sorted(rise)
    assert max(used) >= 0.9 * (256 << 20)


def splits_memory(result: Result) -> None:
    last = result.timeline.samples[-1]
    if result.timeline.memory_source == "cgroup":
        assert last.shared_bytes >= 90 << 20
        assert last.anonymous_bytes < 200 << 20


def drops_middle(result: Result) -> None:
    assert result.outcome is Outcome.WALL_TIME
    assert len(result.stdout_bytes) == 2**20
    assert result.dropped_bytes > 2**20
    assert "bytes of output dropped here" in result.stdout


def shows(*kinds: list[str]) -> Callable[[Result], None]:
    """It ended well and showed bundles of these MIME types, in this order."""

    def verify(result: Result) -> None:
        assert result.outcome is Outcome.COMPLETED
        assert [sorted(display.data) for display in result.displays] == [*kinds]

    return verify


def named(what: str) -> Callable[[Result], None]:
    """The reader is told once that it was left out."""

    def verify(result: Result) -> None:
        assert len([note for note in result.notes if what in note]) == 1

    return verify


def shows_only_text(result: Result) -> None:
    shows(["text/plain"])(result)
    assert re.fullmatch(r"<__main__.P object at 0x\w+>", result.displays[0].text)
    not_pwned(result)


def shows_no_script(result: Result) -> None:
    assert result.outcome is Outcome.COMPLETED
    shown = str([dict(display.data) for display in result.displays]).lower()
    assert shown
    assert not re.search("<script|onclick|onerror|<img|kernel.execute", shown)


def not_pwned(_result: Result) -> None:
    assert not Path("/tmp/host-pwned").exists()


def two_pictures(result: Result) -> None:
    first, second = (display.data["image/png"] for display in result.displays)
    assert first != second


SOON = {"timeout": 0.5}
STOPPED = "1 background process was stopped at the end."
DATA = bytes(range(256)) * 10_000

CHECKS = {
    "fs-shadow": Check(held),
    "fs-canary": Check(also(held, lambda result: "SECRET" not in result.stdout + result.stderr)),
    "fs-home-secrets": Check(prints(r"HELD: \[\]\n")),
    "fs-jupyter-runtime": Check(prints(r"HELD: \[\]\n")),
    "fs-other-runs": Check(no_host_entries),
    "fs-venv-poison": Check(prints(r"HELD: \[\]\n")),
    "fs-pycache-poison": Check(held),
    "fs-symlink-write": Check(prints(r"wrote\n|HELD: 2\n")),
    "fs-mknod": Check(prints("HELD: 1\n")),
    "fs-remount": Check(prints("HELD: EPERM\n")),
    "fs-new-mount-api": Check(errors("EPERM", "ENOSYS", "EINVAL")),
    "fs-pivot-chroot": Check(prints("HELD: 1\n")),
    "fs-proc-root": Check(lambda result: "True" not in result.stdout and ends(Outcome.COMPLETED)(result)),
    "fs-shocker": Check(errors("EPERM")),
    "fs-kcore": Check(prints(r"HELD: \[\]\n")),
    "fs-cgroup-write": Check(prints(r"HELD: \[\]\n")),
    "fs-cgroup-release-agent": Check(errors("EPERM")),
    "priv-nnp": Check(prints("1\n")),
    "priv-setuid-copy": Check(prints(r".*stdout='1000\\n1000\\n', stderr=''\)\n")),
    "priv-sudo": Check(held),
    "priv-setuid0": Check(also(no_root, ends(Outcome.COMPLETED))),
    "priv-userns-limit": Check(lambda result: result.stdout.splitlines()[-1].split()[-1] in ("ENOSPC", "EPERM")),
    "priv-clone3": Check(errors("ENOSYS", "EPERM", "ENOSPC")),
    "priv-pid1-mem": Check(also(held, lambda result: "open" not in result.stdout)),
    "pid-count": Check(also(ends(Outcome.COMPLETED), lambda result: "'sandbox-init'" in result.stdout)),
    "fd-inherit": Check(prints(r"0 pipe:\S+\n1 pipe:\S+\n2 pipe:\S+\n3 socket:\S+\n")),
    "tty-tiocsti-highbits": Check(errors("EPERM", "ENOTTY", "EIO")),
    "tty-tioclinux": Check(errors("EPERM", "ENOTTY")),
    "tty-none": Check(prints(r"False False False \w+\nno ctty 6\n")),
    "net-metadata": Check(held),
    "net-own-loopback": Check(lambda result: result.stdout == "200 200\n"),
    "side-uts": Check(prints(r"sandbox sandbox .*machine-id HELD 2\n.*boot_id 37\n.*product_uuid HELD 2\n")),
    "trust-frames": Check(ends(Outcome.COMPLETED)),
    "out-deep": Check(ends(Outcome.COMPLETED)),
    "out-chmod0": Check(ends(Outcome.COMPLETED)),
    "cpu-spin": Check(also(wall_time, shows_stack), SOON),
    "cpu-sleep": Check(also(wall_time, shows_stack, lambda result: result.usage.cpu_seconds < 0.2), SOON),
    "cpu-regex": Check(wall_time, SOON),
    "cpu-swallow": Check(wall_time, SOON),
    "cpu-children": Check(ends(Outcome.CPU_TIME), {"cpu_time": 1}),
    "cpu-accuracy": Check(sums_up),
    "cpu-affinity": Check(also(held, ends(Outcome.COMPLETED))),
    "mem-shm-sigbus": Check(lambda result: result.outcome in ("FAILED", "SIGNALLED", "OUT_OF_MEMORY")),
    "mem-pipes": Check(held),
    "mem-swap": Check(lambda result: "survived" not in result.stdout and not result.ok, {"memory": "256M"}),
    "pid-forkbomb": Check(wall_time, SOON),
    "pid-threads": Check(held),
    "pid-daemon": Check(also(prints("main ends\n"), lambda result: STOPPED in result.notes)),
    "fd-exhaust": Check(prints(r"HELD 25\d 24\n")),
    "file-fsize": Check(prints(r"HELD \d+ (27|28)\n")),
    "file-urandom": Check(lambda result: not result.ok, {"timeout": 5}),
    "file-core": Check(ends(Outcome.SIGNALLED, signal=6)),
    "stack-c": Check(lambda result: not result.ok, {"timeout": 1}),
    "out-flood": Check(drops_middle, {"timeout": 1}),
    "out-longline": Check(
        also(ends(Outcome.COMPLETED, dropped_bytes=299 << 20), lambda result: len(result.stdout_bytes) == 1 << 20),
        {"memory": "1G"},
    ),
    "out-300k": Check(prints("x{300000}")),
    "out-dead-reader": Check(
        lambda result: (len(result.stdout), len(result.stderr)) == ((1 << 20) + 4, 1 << 20), {"output_limit": "2M"}
    ),
    "out-surrogate": Check(also(ends(Outcome.FAILED), lambda result: "UnicodeEncodeError" in result.stderr)),
    "out-binary": Check(
        also(ends(Outcome.COMPLETED, stdout_bytes=bytes(range(256)) * 64), lambda result: "\x1b" not in result.stdout)
    ),
    "out-order": Check(
        also(
            ends(Outcome.COMPLETED, stdout="".join(f"o {i}\n" for i in range(50))),
            ends(Outcome.COMPLETED, stderr="".join(f"e {i}\n" for i in range(50))),
        )
    ),
    "out-c-level": Check(prints("1 py\n2 c\n3 sh\n4 sub\n")),
    "out-lost-on-kill": Check(
        also(wall_time, shows_stack, ends(Outcome.WALL_TIME, stdout="before the hang\n")), SOON
    ),
    "out-progress": Check(lambda result: result.stdout == "".join(f"\r{i}" for i in range(2000))),
    "out-closed": Check(ends(Outcome.SIGNALLED, signal=11)),
    "term-osc52": Check(prints("link\n")),
    "term-overwrite": Check(
        ends(Outcome.FAILED, exit_code=3, stdout="hidden\rsandbox: exit 0, peak 1 MiB, nothing refused\n")
    ),
    "term-traceback-esc": Check(also(ends(Outcome.FAILED), lambda result: "\x1b" not in result.stderr)),
    "rb-segv": Check(also(ends(Outcome.SIGNALLED, signal=11), shows_stack)),
    "rb-badcode": Check(lambda result: result.outcome in (Outcome.SIGNALLED, Outcome.FAILED)),
    "rb-abort": Check(ends(Outcome.SIGNALLED, signal=6)),
    "rb-exit137": Check(ends(Outcome.FAILED, exit_code=137, signal=None)),
    "rb-sysexit-str": Check(ends(Outcome.FAILED, exit_code=1, stderr="message\n")),
    "rb-nul": Check(prints("before\n1\n")),
    "rb-surrogate-src": Check(prints(r"'\\ud83d'\n")),
    "rb-stdin-data": Check(prints(f"2560000 {sum(DATA) % 251}\n"), {"stdin": DATA}),
    "rb-stdin-ignored": Check(prints("done\n"), {"stdin": b"x" * 10_000_000}),
    "rb-cwd-deleted": Check(prints("ok\n")),
    "rb-blocked-signals": Check(prints(r"set\(\) 1 <built-in function default_int_handler>\n")),
    "ok-stdlib": Check(prints(r"1 \(1,\) e3b0c4 5\n")),
    "ok-numpy": Check(prints(r"\(600, 600\) \(50,\)\n")),
    "ok-fork": Check(prints("True 5\n")),
    "ok-subprocess": Check(prints("HI\n\n")),
    "ok-tmp": Check(prints("/tmp/.* True\n")),
    "ok-tz-locale": Check(prints("2:00:00 utf-8 utf-8\né😀\n")),
    "ok-utf8-args": Check(prints(r"""\['/sandbox/cell.py', 'a b', "it's", 'π'\]\n"""), {"args": ["a b", "it's", "π"]}),
    "ok-node": Check(prints("2 object\n"), {"memory": "256M"}),
    "ok-gcc": Check(prints("42\n")),
    "ok-localhost": Check(prints("127.0.0.1 sandbox /home/sandbox\n")),
    "ok-mplconfig": Check(ends(Outcome.COMPLETED, stderr="")),
    "priv-pid1-forge-exit": Check(
        also(ends(Outcome.FAILED, exit_code=9, stdout=""), lambda result: result.usage.wall_seconds >= 1)
    ),
    "pid-clearenv-leak": Check(held),
    "res-fault-forge": Check(ends(Outcome.FAILED, exit_code=1)),
    "priv-personality": Check(prints(r"set NO_RANDOMIZE -1 EPERM\nset READ_IMPLIES_EXEC -1 EPERM\nquery \d+ OK\n")),
    "priv-int80": Check(lambda result: "HELD" in result.stdout or "ESCAPED" not in result.stdout),
    "pid1-prlimit": Check(  # its 200 children are never waited for, so they count
        also(ends(Outcome.FAILED, exit_code=9), lambda result: "changed" not in result.stdout), {"processes": 300}
    ),
    "mem-ramp": Check(also(out_of_memory, straight_line), {"memory": "256M"}),
    "mem-memfd": Check(lambda result: "UNBOUNDED" not in result.stdout, {"memory": "256M"}),
    "mem-pagecache": Check(
        also(prints(f"{3 << 20}\n"), splits_memory), {"disk": "256M"}, after="import time; time.sleep(0.3)"
    ),  # until a sample has seen all of it
    "res-oom-absorb": Check(out_of_memory),
    "root-sysctl": Check(prints(r"HELD: \[\]\n")),
    "trust-pickle-result": Check(shows_only_text),
    "rich-script": Check(also(shows_no_script, named("<script>"))),
    "rich-js": Check(also(shows_no_script, named("application/javascript"), not_pwned)),
    "rich-latex": Check(also(shows(["text/plain"]), named("text/latex"))),
    "rich-png-fake": Check(also(shows(["text/plain"]), named("image/png"))),
    "rich-huge-repr": Check(also(shows(["text/plain"]), lambda result: len(result.displays[0].text) < 10_000)),
    "rich-bad-repr": Check(also(ends(Outcome.FAILED, exit_code=3), lambda result: "no repr" in result.stderr)),
    "ok-matplotlib": Check(also(prints(""), shows(*[["image/png", "text/plain"]] * 2), two_pictures)),
    "ok-last-expr": Check(also(prints(""), shows(["text/plain"]), lambda result: result.displays[0].text == "42")),
    "au-module": Check(also(ends(Outcome.FAILED), named("--python kernel")), {"python": "system"}),
    "au-write": Check(also(ends(Outcome.FAILED), named("Only its working directory and /tmp can be written"))),
    "term-bidi": Check(prints("ok .+ drowssap .+ x .+ y\n")),
}  # fmt: skip

LATER = {
    "an allow-list for the network, which nobody has asked for": "net-allow-empty net-allow-wildcard net-allow-bypass",
    "sessions": "ok-state-timeout ok-state-crash ok-state-files",
    "the report of what the code tried (--trace)": "au-net",
}
ELSEWHERE = {
    "test_run.py": "rb-big-source rb-sigchld-ign au-limits ok-venv out-300k",
    "test_leaks.py": "rb-crash-repeat rb-host-killed",
    "test_soak.py": "rb-repeat",
    "test_refusals.py": "au-preflight-proc au-preflight-nobwrap",
    "test_foreign_directory.py": "cwd-poison",
    "test_workspace.py": (
        "fs-git-hooks fs-missing-protected fs-rename-bypass out-symlink-passwd out-fifo out-special out-sparse-sum "
        "out-symlink-fan out-badname out-hidden out-unmodified out-input-readonly"
    ),
    "SECURITY.md": "side-flock",
}


def test_every_case_has_a_place():
    """Each case is checked here, tested elsewhere, or waits for a named feature."""
    placed = set(CHECKS) | set(" ".join((*LATER.values(), *ELSEWHERE.values())).split())
    assert placed == set(CASES)


@pytest.fixture
def code(name, canary, monkeypatch):
    """The code of a case, and on the host what it looks for, which stays as it is."""
    monkeypatch.setenv("SANDBOX_CANARY", "1")
    yield CASES[name]["code"].replace("@CANARY@", str(canary)).replace("some_pkg_only_on_host", "psutil")
    assert canary.read_text() == "SECRET-7f3a"


MEASURED = re.compile(
    "cpu-(spin|sleep|regex|swallow|accuracy)|pid-forkbomb|out-(lost|flood)|mem-(ramp|pagecache)"
)  # or memory as it grows


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.alone if MEASURED.match(name) else ()) for name in CHECKS]
)
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_case(name, warm, code, spares, first_good):
    """What `expect` says of the case holds, in a sandbox that is started for it and in one that was parked before.

    What is measured is measured again, and a time limit is longer then: a machine that stalls spoils one run.
    """
    check = CHECKS[name]

    def result_of(timeout: float) -> Result:
        options = {"language": CASES[name]["lang"], **check.options, "timeout": timeout}
        run = sm.stream(code + check.after, **options)
        if warm:
            spares.want(fingerprint(run.policy, None), run.policy, None)
            assert spares.filled(30)
        began = time.monotonic()
        *_, last = run
        assert last.result.usage.wall_seconds <= time.monotonic() - began
        assert last.result.usage.warm == warm
        return last.result

    def is_good(result: Result) -> bool:
        try:
            return check.verify(result) is not False
        except AssertionError:
            return False

    seconds = check.options.get("timeout", 60)
    limits = (seconds, 4 * seconds, 16 * seconds) if "timeout" in check.options else (seconds,) * 3
    result = first_good(is_good, map(result_of, limits if MEASURED.match(name) else limits[:1]))
    assert check.verify(result) is not False, (result, result.stdout[-2000:], result.stderr[-2000:])
