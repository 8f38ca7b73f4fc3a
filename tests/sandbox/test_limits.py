"""Every limit, as the tier in force here holds it, and as it is held where there is no cgroup."""

from __future__ import annotations

import os
import select
import textwrap

import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome, Sample
from sandbox_magic.jail.cgroup import tiers

MIB = 2**20


@pytest.fixture(params=["the best tier", "no cgroup"])
def tier(request, monkeypatch):
    """The test is about what this machine enforces, and then about what is left without a cgroup."""
    if request.param == "no cgroup":
        monkeypatch.setattr(tiers, "_tiers", dict)


TRIES = 5  # of what is measured


def run(source, **options):
    return sm.run(textwrap.dedent(source), **options)


def is_enforced(result, name):
    return result.isolation[name].strength == "enforced"


FILL = "with open({!r}, 'wb') as f:\n    while True: f.write(b'x' * 2**20)"
# A page of zeros, mapped once in each 2 MiB of a large mapping, takes a page of tables each time and else nothing.
TABLES = """
    import ctypes, os, time
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    for _ in range({processes} - 1):
        if os.fork() == 0:
            break
    else:
        print("up", flush=True)
    pages = {mebibytes} * 256
    place = libc.mmap(None, ctypes.c_size_t(pages << 21), 1, 0x4022, -1, ctypes.c_long(0))  # PROT_READ, MAP_NORESERVE
    for page in range(pages):
        ctypes.c_char.from_address(place + (page << 21)).value
        if page % 64 == 0: time.sleep(0.004)  # no faster than 64 MiB a second
    time.sleep({mebibytes})
"""
EATERS = {
    "own memory": "kept = []\nwhile True: kept.append(b'x' * 2**20)",
    "children": """
        import os, time
        for _ in range(8):
            if os.fork() == 0:
                b = b"x" * (16 << 20)
                time.sleep(600)
        os.wait()
    """,
    "home": FILL.format("f"),
    "/tmp": FILL.format("/tmp/f"),
    "/dev/shm": FILL.format("/dev/shm/f"),
    "page tables": TABLES.format(processes=1, mebibytes=100),
    "memfd": "import os\nf = os.memfd_create('f')\nfor _ in range(400): os.write(f, b'x' * 2**20)",
    "SharedMemory": """
        from multiprocessing.shared_memory import SharedMemory
        shared = SharedMemory(create=True, size=200 << 20)
        for place in range(0, 200 << 20, 4096): shared.buf[place] = 1
    """,
}


@pytest.mark.parametrize("eater", EATERS)
def test_memory_of_the_whole_tree(eater, slowness):
    """Processes and tmpfs together are held to the limit, and the peak is the kernel's: at the limit."""
    result = run(EATERS[eater], memory="64M", disk="256M", timeout=60 * slowness)
    assert not result.ok
    if is_enforced(result, "memory"):
        assert result.outcome is Outcome.OUT_OF_MEMORY, result.stderr
        assert "The code needed more than 64 MiB of memory; --memory allows more." in result.notes
        if result.usage.peak_memory_bytes is not None:
            assert 62 * MIB <= result.usage.peak_memory_bytes <= 64 * MIB


def test_only_a_child_out_of_memory(slowness):
    """Then too the run is out of memory. v2 kills all of it; v1 one process.

    Where the first one has come to its own end before the loop saw that, a note tells that it was another.
    """
    code = """
        import os
        child = os.fork()
        if child == 0:
            kept = []
            while True: kept.append(b"x" * 2**20)
        os.waitpid(child, 0)
        os._exit(0)
    """
    result = run(code, memory="64M", timeout=60 * slowness)
    if is_enforced(result, "memory"):
        assert result.outcome is Outcome.OUT_OF_MEMORY
        told = any("killed a process that the code had started" in note for note in result.notes)
        assert told == (result.exit_code is not None)
        assert result.exit_code is None or "v1" in result.isolation["memory"].mechanism


def test_short_spike_is_in_the_peak():
    """A hundred megabytes for thirty milliseconds: the kernel's counter saw them, if there is one."""
    result = run("import time\nb = b'x' * (100 << 20)\ntime.sleep(0.03)\ndel b", memory="256M")
    assert result.ok
    if is_enforced(result, "memory"):
        assert result.usage.peak_memory_bytes is None or 100 * MIB <= result.usage.peak_memory_bytes <= 125 * MIB


@pytest.mark.alone
def test_cached_pages_of_files_are_no_part_of_the_peak(tmp_path, first_good):
    """A file is read piece by piece, so only its cached pages take its size; a file that is written does count."""
    tmp_path.chmod(0o755)
    path = tmp_path / "large"

    def read():
        with path.open("wb") as file:
            file.write(bytes(32 * MIB))
            file.flush()
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)  # so that its pages are the sandbox's
        return run("f = open('large', 'rb')\nwhile f.read(1 << 16): pass", bind=path)

    result = first_good(lambda run: run.usage.peak_memory_bytes < 14 * MIB, (read() for _ in range(TRIES)))
    assert result.ok
    assert result.usage.peak_memory_bytes < 14 * MIB
    written = run("import time\nfor _ in range(24): open('f', 'ab').write(bytes(1 << 20))\ntime.sleep(0.2)")
    assert not is_enforced(written, "memory") or 24 * MIB <= written.usage.peak_memory_bytes < 40 * MIB


@pytest.mark.alone
def test_what_comes_and_goes_between_two_samples_is_in_the_curve_and_in_the_peak():
    """A second in, samples are far enough apart to miss it; the kernel's own peak is not lost, and has its place."""
    source = "import time\ntime.sleep(1)\nx = bytearray(60 << 20)\ndel x\nprint('gone')\ntime.sleep(600)"
    with sm.stream(source, timeout=600) as stream:
        next(event for event in stream if isinstance(event, sm.Text))
        for _ in range(3):  # the first may have begun before that
            next(event for event in stream if isinstance(event, Sample))
        stream.interrupt()
        *_, last = stream
    result = last.result
    assert 58 * MIB <= result.usage.peak_memory_bytes < 80 * MIB
    assert result.usage.peak_memory_bytes == result.timeline.peak("memory_bytes")
    if is_enforced(result, "memory"):
        *samples, end = result.timeline.samples
        highest = max(samples, key=lambda sample: sample.memory_bytes)
        assert 0.9 < highest.seconds < end.seconds
        assert end.memory_bytes < highest.memory_bytes


def test_kinds_of_memory_are_told_apart(slowness):
    """Samples tell own memory, shared memory and files from each other; without a cgroup they say unknown."""
    code = "import time\nb = b'x' * (40 << 20)\nopen('/dev/shm/f', 'wb').write(b'x' * (12 << 20))\ntime.sleep(600)"
    with sm.stream(code, timeout=60 * slowness) as stream:
        counted = next(stream) and stream._loop.sandbox.group.tier != "none"
        samples = (event for event in stream if isinstance(event, Sample) and event.memory_bytes >= 40 * MIB)
        seen = next(sample for sample in samples if not counted or sample.shared_bytes >= 12 * MIB)
    kinds = (seen.anonymous_bytes, seen.shared_bytes, seen.file_bytes)
    if not counted:
        assert kinds == (None, None, None)
        return
    assert seen.memory_bytes >= seen.anonymous_bytes + seen.shared_bytes  # it may have been more just before
    assert kinds[0] in range(40 * MIB, 60 * MIB)
    assert kinds[1] in range(12 * MIB, 14 * MIB)
    assert kinds[2] < 8 * MIB


COUNT = """
    import _thread, errno, os, time
    n = 1
    try:
        while True:
            {}
            n += 1
    except OSError as error: print(n, errno.errorcode[error.errno])
    except RuntimeError: print(n, "EAGAIN")  # Python tells no number
    os._exit(0)
"""


@pytest.mark.parametrize("start", ["os.fork() or time.sleep(600)", "_thread.start_new_thread(time.sleep, (600,))"])
def test_processes(start, tier):
    """One more than the limit is refused, processes and threads alike, and a note tells."""
    result = run(COUNT.format(start), processes=20)
    assert result.ok
    number, error = result.stdout.split()
    counted = "pids controller" in result.isolation["processes"].mechanism
    assert (error, int(number) - 20) in (("EAGAIN", 0), ("EAGAIN", not counted))  # or PID 1 took its second thread late
    if counted:
        assert "The code asked for more than 20 processes and threads; --processes allows more." in result.notes


@pytest.mark.alone
def test_cpu_share(first_good):
    """Half a processor gives half of the time; what can't be enforced is said to be so."""
    code = "import os\nprint(os.environ['OMP_NUM_THREADS'])\nwhile True: pass"
    runs = (run(code, cpus=0.5, cpu_time=0.8, timeout=20) for _ in range(TRIES))

    def is_good(run):
        return not is_enforced(run, "cpus") or run.usage.cpu_seconds <= 0.6 * run.usage.wall_seconds

    result = first_good(is_good, runs)
    assert (result.outcome, result.stdout) == (Outcome.CPU_TIME, "1\n")  # so it got a part of its 20 s
    assert is_good(result), result.usage
    assert run("import os; print(os.environ['OMP_NUM_THREADS'])", cpus=1.5).stdout == "2\n"


@pytest.mark.alone
def test_cpu_time_of_the_whole_tree(tier, slowness, first_good):
    """Processes that ended, those that live and threads count together."""
    code = """
        import os, time
        def burn(seconds):
            while time.process_time() < seconds: pass
        if os.fork() == 0:
            burn(0.4)
            os._exit(0)
        os.wait()
        os.fork()
        while True: pass
    """
    most = 1.0 + 0.5 * slowness
    runs = (run(code, cpu_time=1, timeout=60 * slowness) for _ in range(TRIES))
    result = first_good(lambda run: run.usage.cpu_seconds <= most, runs)
    assert result.outcome is Outcome.CPU_TIME
    assert 0.9 <= result.usage.cpu_seconds <= most


def test_cpu_time_is_held_while_nobody_pulls_events(tier):
    """PID 1 holds it by itself, as it holds the wall clock."""
    with sm.stream("import os\nos.fork()\nwhile True: pass", cpu_time=1, timeout=60) as run:
        next(run)
        ended = select.poll()
        ended.register(run._loop.sandbox.report, select.POLLIN)
        assert ended.poll(40_000), "the sandbox goes on"
        for _ in run:
            pass
    assert run.result.outcome is Outcome.CPU_TIME
    assert run.result.usage.cpu_seconds >= 0.95


@pytest.mark.alone
def test_the_start_is_not_charged(tier, slowness, first_good):
    """What the sandbox itself used before "go" is not the code's."""
    used = (run("pass").usage.cpu_seconds for _ in range(2 * TRIES))
    assert first_good(lambda seconds: seconds < 0.015 * slowness, used) < 0.015 * slowness


def test_disk(tier):
    """The working directory, /tmp and /dev/shm take so much each, then ENOSPC."""
    code = """
        import errno
        for place in (".", "/tmp", "/dev/shm"):
            total = 0
            try:
                with open(place + "/f", "wb", 0) as file:
                    while True: total += file.write(b"x" * 4096)
            except OSError as error: print(total // 4096, errno.errorcode[error.errno])
    """
    result = run(code, disk="16M")
    assert result.stdout == "4096 ENOSPC\n" * 3
    assert is_enforced(result, "disk")


def test_open_files(tier):
    """A process has as many descriptors as the limit says, in each process."""
    code = "import os\ntry:\n    while True: last = os.dup(0)\nexcept OSError as error: print(last, error.errno)"
    assert run(code, open_files=32).stdout == "31 24\n"


def test_strict(tier, footprint):
    """Runs where the kernel holds every limit; else refuses, names what is not held and what would make it hold."""
    asked = {"cpu_time": 5, "cpus": 1}
    weak = [guard.name for guard in run("pass", **asked).isolation.weaker if guard.kind == "limit"]
    before = footprint()
    if not weak:
        assert run("print(1)", strict=True, **asked).stdout == "1\n"
        return
    with pytest.raises(sm.SandboxUnavailable) as caught:
        run("print(1)", strict=True, **asked)
    assert all(name in caught.value.what for name in weak)
    assert "delegate a cgroup" in caught.value.remedy
    assert footprint() == before


@pytest.mark.alone
@pytest.mark.parametrize("processes", [1, 8])
def test_page_tables_count_without_a_cgroup(processes, monkeypatch, slowness, first_good):
    """They are kernel memory, but each process tells its own: what makes many is stopped near the limit."""
    monkeypatch.setattr(tiers, "_tiers", dict)
    code = TABLES.format(processes=processes, mebibytes=256)
    most = 96 * MIB + 64 * MIB * processes * slowness  # what it takes in a second
    runs = (run(code, memory="96M", timeout=60 * slowness) for _ in range(TRIES))
    result = first_good(lambda run: run.usage.peak_memory_bytes <= most, runs)
    assert (result.outcome, result.stdout) == (Outcome.OUT_OF_MEMORY, "up\n")
    assert 96 * MIB <= result.usage.peak_memory_bytes <= most
    few = run(TABLES.format(processes=processes, mebibytes=1), memory="96M", timeout=60 * slowness)
    assert (few.outcome, few.stdout) == (Outcome.COMPLETED, "up\n")
    assert few.usage.peak_memory_bytes < 96 * MIB


def test_without_a_cgroup(monkeypatch, slowness):
    """Memory over children is watched, each process has limits of its own, and the isolation says so."""
    monkeypatch.setattr(tiers, "_tiers", dict)
    weak = {guard.name: guard.strength for guard in run("pass", cpu_time=5, cpus=1).isolation.weaker}
    assert weak.items() >= {"memory": "watched", "cpu-time": "watched", "cpus": "none"}.items()
    result = run(EATERS["children"], memory="64M", timeout=60 * slowness)
    assert "RLIMIT_DATA" in result.isolation["memory"].mechanism
    assert result.outcome is Outcome.OUT_OF_MEMORY
    alone = run(EATERS["own memory"], memory="64M", timeout=60 * slowness)
    assert "MemoryError" in alone.stderr or alone.outcome is Outcome.OUT_OF_MEMORY
    code = "import resource as r; print(*(r.getrlimit(n)[1] for n in (r.RLIMIT_DATA, r.RLIMIT_NPROC, r.RLIMIT_CPU)))"
    data, processes, cpu = map(int, run(code, memory="64M", processes=20, cpu_time=5).stdout.split())
    assert (data, cpu) == (64 * MIB, 7)
    assert processes in (20, 21, 22)  # PID 1's own two may be counted with them


@pytest.mark.alone
@pytest.mark.parametrize("language", ["python", "sh"])
def test_a_time_limit_ends_the_run_when_it_is_reached(language, first_good):
    """Also where the stack is shown first: the rest of the time for that is not waited for."""
    source = {"python": "import time\ntime.sleep(60)", "sh": "sleep 60"}[language]

    def is_good(result):
        late = result.usage.wall_seconds - result.limits.wall_seconds
        shown = 'cell.py", line 2' in result.stderr
        return result.signal == 9 and late < 0.08 and shown == (language == "python")

    runs = (run(source, language=language, timeout=seconds) for seconds in (0.5, 0.5, 0.5, 2, 2, 8))
    result = first_good(is_good, runs)
    assert result.outcome is Outcome.WALL_TIME
    assert is_good(result), (result, result.signal, result.stderr)


def test_a_process_that_does_not_show_its_stack_is_killed_all_the_same(first_good):
    mask = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n"
    source = f"{mask}print('deaf')\nwhile True: pass"
    runs = (run(source, timeout=seconds) for seconds in (0.5, 2, 8, 8))  # to import enum takes its time
    result = first_good(lambda run: (run.stdout, run.signal) == ("deaf\n", 9), runs)
    assert (result.outcome, result.signal, result.stdout) == (Outcome.WALL_TIME, 9, "deaf\n")
    assert result.stderr == ""
