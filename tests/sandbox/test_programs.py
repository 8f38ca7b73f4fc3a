"""Programs that ask the system for what any program may ask: inside they print what they print outside."""

from __future__ import annotations

import shutil
import subprocess
import textwrap

import pytest

import sandbox_magic as sm

PYTHON = {
    "itself by its number": (
        """
        import os, resource
        me, first = os.getpid(), min(os.sched_getaffinity(0))
        os.sched_setaffinity(me, {first})
        os.setpriority(os.PRIO_PROCESS, me, 5)
        os.sched_setscheduler(me, os.SCHED_BATCH, os.sched_param(0))
        print(os.sched_getaffinity(me) == {first}, os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(me))
        before = resource.prlimit(me, resource.RLIMIT_NOFILE, (64, 64))
        print(before[0] > 64, resource.getrlimit(resource.RLIMIT_NOFILE), os.sched_rr_get_interval(0) >= 0)
        """,
        "True 5 3\nTrue (64, 64) True\n",
    ),
    "itself by psutil": (
        """
        import psutil
        me = psutil.Process()
        me.cpu_affinity([min(me.cpu_affinity())])
        me.nice(5)
        me.ionice(psutil.IOPRIO_CLASS_IDLE)
        print(len(me.cpu_affinity()), me.nice(), int(me.ionice().ioclass), me.rlimit(psutil.RLIMIT_CORE)[0] < 2)
        """,
        "1 5 3 True\n",
    ),
    "a child by its number": (
        """
        import os, subprocess
        child = subprocess.Popen(["sleep", "60"])
        os.setpriority(os.PRIO_PROCESS, child.pid, 7)
        os.sched_setaffinity(child.pid, {min(os.sched_getaffinity(0))})
        print(os.getpriority(os.PRIO_PROCESS, child.pid), len(os.sched_getaffinity(child.pid)))
        child.kill()
        """,
        "7 1\n",
    ),
    "the user that it is": (
        """
        import os
        uid, gid = os.getuid(), os.getgid()
        os.setreuid(-1, -1), os.setregid(-1, -1), os.setreuid(uid, uid), os.setresuid(uid, uid, uid)
        open("mine", "w").close()
        os.chown("mine", uid, gid), os.chown("mine", -1, -1)
        print(os.stat("mine").st_uid == uid)
        """,
        "True\n",
    ),
    "names of services": (
        """
        import socket
        print(socket.getservbyname("https"), socket.getservbyport(80, "tcp"), socket.getprotobyname("tcp"))
        print(socket.getaddrinfo("localhost", "http", socket.AF_INET, socket.SOCK_STREAM)[0][4])
        """,
        "443 http 6\n('127.0.0.1', 80)\n",
    ),
    "kinds of file": (
        "import mimetypes; print(mimetypes.guess_type('a.docx')[0].rpartition('.')[2], mimetypes.guess_type('a.webp'))",
        "document ('image/webp', None)\n",
    ),
    "what psutil asks of a machine": (
        """
        import psutil
        print(psutil.sensors_battery(), psutil.sensors_temperatures(), psutil.sensors_fans(), psutil.disk_io_counters())
        print(psutil.virtual_memory().total > 0, len(psutil.disk_partitions()) >= 0, psutil.boot_time() > 0)
        """,
        "None {} {} None\nTrue True True\n",
    ),
    "twenty megabytes to share": (
        """
        from multiprocessing import shared_memory
        block = shared_memory.SharedMemory(create=True, size=60 * 2**20)
        block.buf[:] = bytes(block.size)
        print(len(block.buf) // 2**20)
        block.close()
        block.unlink()
        """,
        "60\n",
    ),
    "an empty directory": (
        """
        import os, tempfile
        print(os.listdir("."), [name for place in os.walk(".") for name in place[1] + place[2]])
        before = len(os.listdir("/tmp"))  # what is shared may lie below it
        tempfile.NamedTemporaryFile(delete=False).close()
        print(os.listdir("."), len(os.listdir("/tmp")) - before, os.listdir("/dev/shm"))
        """,
        "[] []\n[] 1 []\n",
    ),
    "a screen to clear": (
        """
        import curses, os
        for frame in range(2):
            os.system("clear")
            print("frame", frame, flush=True)
        curses.setupterm()
        print(curses.tigetnum("cols") > 0, os.system("tput bold; tput sgr0 > /dev/null"))
        """,
        "frame 0\nframe 1\n\x1b[1mTrue 0\n",
    ),
}
BASH = {
    "grep from a pipe to nowhere": (
        """
        for each in grep egrep fgrep; do seq 9 | $each 5 > /dev/null 2>&1; echo $?; done
        seq 9 | grep x > /dev/null || echo no
        """,
        "0\n0\n0\nno\n",
    ),
    "less of the disk": ("ionice -c3 echo idle; ionice -c2 -n7 echo last", "idle\nlast\n"),
    "a processor": (
        "taskset -p $$ | wc -l; taskset -cp 0 $$ | wc -l; echo $(($(nice -n 5 nice) - $(nice)))",
        "1\n2\n5\n",
    ),
    "limits": ("prlimit --pid $$ --nofile=64:64; ulimit -n", "64\n"),
    "what is masked": ("cat /proc/partitions /proc/cmdline /proc/swaps /proc/diskstats; echo $?", "0\n"),
    "a certificate": (
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -keyout k -out c 2> /dev/null; ls",
        "c\nk\n",
    ),
    "no leak": (
        """
        cat > good.c <<'END'
        #include <stdio.h>
        #include <stdlib.h>
        int main(void) { int *p = malloc(sizeof *p); *p = 5; printf("%d\\n", *p); free(p); return 0; }
        END
        gcc -g -fsanitize=address good.c -o good && ./good && gcc -g -fsanitize=leak good.c -o good && ./good
        echo "status $?"
        """,
        "5\n5\nstatus 0\n",
    ),
    "the network": ("command -v ip > /dev/null && ip -o link | wc -l || echo 1", "1\n"),
}


@pytest.mark.parametrize("name", PYTHON)
def test_python_meets_what_it_would_meet_outside(name):
    """Its text is that of a run outside, and nothing is complained about."""
    source, stdout = PYTHON[name]
    result = sm.run(textwrap.dedent(source))
    assert (result.stdout, result.stderr, result.outcome) == (stdout, "", sm.Outcome.COMPLETED), result.notes


@pytest.mark.parametrize("name", BASH)
def test_commands_meet_what_they_would_meet_outside(name):
    """As for Python."""
    source, stdout = BASH[name]
    assert shutil.which("bash")
    result = sm.run(textwrap.dedent(source), language="bash", memory="1G")
    assert (result.stdout, result.stderr, result.outcome) == (stdout, "", sm.Outcome.COMPLETED), result.notes


def test_git_reads_a_repository_that_is_bound(tmp_path, monkeypatch):
    """Also where its files belong to somebody else inside."""
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o755)
    commands = (
        "git init -q repo && cd repo && echo 1 > a && git add a && git -c user.name=n -c user.email=n@n commit -qm 1"
    )
    subprocess.run(["sh", "-c", commands], check=True)
    result = sm.run("cd repo; git log --format=%s; git status --short | wc -l", language="bash", bind="repo")
    assert (result.stdout, result.stderr) == ("1\n0\n", "")


def test_pid_1_keeps_what_it_has():
    """Its two threads are those that the filter refuses to name; without a filter each of these calls would work."""
    source = """
    import os, resource
    print(sorted(os.listdir("/proc/1/task")))
    for tid in 1, 3:
        for attempt in (
            lambda: resource.prlimit(tid, resource.RLIMIT_CPU, (0, 0)),
            lambda: os.sched_setaffinity(tid, {0}),
            lambda: os.sched_setparam(tid, os.sched_param(0)),
            lambda: os.setpriority(os.PRIO_PROCESS, tid, 19),
        ):
            try:
                attempt()
                print("worked")
            except PermissionError:
                pass
    """
    result = sm.run(textwrap.dedent(source))
    assert (result.stdout, result.outcome) == ("['1', '3']\n", sm.Outcome.COMPLETED), result.stderr
