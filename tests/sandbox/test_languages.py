"""Other languages in real sandboxes: text, files, limits and endings are those of a Python cell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import pytest

import sandbox_magic as sm
from sandbox_magic import Outcome, PolicyError
from sandbox_magic.jail.cgroup import tiers
from sandbox_magic.jail.view import interpreter, places, programs
from sandbox_magic.model.languages import LANGUAGES
from sandbox_magic.model.policy import Limits

# Each prints 42, then its arguments and its input, and ends with status 3.
CELLS = {
    "bash": 'echo $((6*7)); printf "%s;" "$@"; cat; exit 3',
    "sh": 'echo $((6*7)); printf "%s;" "$@"; cat; exit 3',
    "node": """console.log(6*7); process.stdout.write(process.argv.slice(2).map(a => a + ";").join(""))
               process.stdout.write(require("fs").readFileSync(0)); process.exitCode = 3""",
    "perl": 'print 6*7, "\\n", map("$_;", @ARGV), <STDIN>; exit 3;',
    "ruby": 'puts 6*7; print ARGV.map { |a| a + ";" }.join, STDIN.read; exit 3',
    "R": 'cat(6*7, "\\n", sep=""); cat(paste0(commandArgs(TRUE), ";", collapse="")); '
         'writeLines(readLines(file("stdin"))); quit(status=3)',
    "lua": 'print(6*7); for i = 1, #arg do io.write(arg[i], ";") end; io.write(io.read("a")); os.exit(3)',
    "php": """<?php echo 6*7, "\\n"; foreach (array_slice($argv, 1) as $a) echo "$a;";
              echo stream_get_contents(STDIN); exit(3);""",
    "julia": 'println(6*7); print(join(ARGS .* ";")); print(read(stdin, String)); exit(3)',
    "awk": """BEGIN { print 6*7; for (i = 1; i < ARGC; i++) printf "%s;", ARGV[i]
              while ((getline line < "-") > 0) print line; exit 3 }""",
    "c": """#include <stdio.h>
            int main(int n, char **a) { int c; puts("42"); for (int i = 1; i < n; i++) printf("%s;", a[i]);
            while ((c = getchar()) != EOF) putchar(c); return 3; }""",
    "cpp": """#include <iostream>
              int main(int n, char **a) {
              std::cout << 6*7 << std::endl; for (int i = 1; i < n; i++) std::cout << a[i] << ";";
              std::cout << std::cin.rdbuf(); return 3; }""",
    "rust": """use std::io::Read;
               fn main() { println!("{}", 6*7); for a in std::env::args().skip(1) { print!("{};", a); }
               let mut s = String::new(); std::io::stdin().read_to_string(&mut s).unwrap();
               print!("{}", s); std::process::exit(3) }""",
    "go": """package main
             import ("fmt"; "io"; "os")
             func main() { fmt.Println(6*7); for _, a := range os.Args[1:] { fmt.Print(a, ";") }
             s, _ := io.ReadAll(os.Stdin); os.Stdout.Write(s); os.Exit(3) }""",
}  # fmt: skip

THERE = programs.available(interpreter.choose("kernel"), Limits())


@pytest.fixture(params=["the best tier", "no cgroup"])
def tier(request, monkeypatch):
    """The test is about what this machine enforces, and then about what is left without a cgroup."""
    if request.param == "no cgroup":
        monkeypatch.setattr(tiers, "_tiers", dict)


def test_the_cells_are_in_languages_of_the_table_and_some_are_there():
    """For every language, where all are there: tests/languages."""
    assert set(CELLS) < {language.name for language in LANGUAGES}
    assert {"bash", "sh"} <= set(THERE)


@pytest.mark.parametrize("language", [name for name in CELLS if name in THERE])
def test_text_arguments_input_and_status(language, tier):
    """With the default limits, whatever holds them; the input is the program's, not the compiler's."""
    result = sm.run(CELLS[language], language=language, args=["a b", "π"], stdin="line\n")
    assert (result.stdout, result.stderr) == ("42\na b;π;line\n", "")
    assert (result.outcome, result.exit_code, result.notes) == (Outcome.FAILED, 3, ())


@pytest.mark.parametrize("language", [name for name in CELLS if name not in THERE])
def test_what_is_missing_is_told_apart_from_code_that_fails(language):
    with pytest.raises(PolicyError, match="in the sandbox, so nothing was run; there are python, bash, sh"):
        sm.run(CELLS[language], language=language)


def test_a_program_in_a_home_is_not_there(tmp_path, monkeypatch):
    """The host's own PATH has it, and there it runs; a sandbox does not see it, and the error says where it is."""
    tool = tmp_path / "mytool"
    tool.write_text("#!/bin/sh\necho works\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert shutil.which("mytool") == str(tool)
    with pytest.raises(PolicyError) as caught:
        sm.run("", language="mine", languages={"mine": "mytool {file}"})
    assert caught.value.what.startswith("there is no mytool in the sandbox")
    assert str(tool) in caught.value.seen


def test_the_source_arrives_verbatim_under_a_name_with_its_suffix():
    source = "#!/bin/cat\n$HOME {file} {out} %s \\n 'π'\r\n\0"
    result = sm.run(source)
    assert result.stdout_bytes == source.encode()
    own = sm.Language(name="mine", suffix=".mine", commands=(("echo", "{file}"),))
    assert sm.run("", language=own).stdout == "/sandbox/cell.mine\n"


ERRORS = {
    "bash": ("\n\nnosuch", "/sandbox/cell.bash: line 3: nosuch: command not found", 127),
    "sh": ("\n\nnosuch", "/sandbox/cell.sh: 3: nosuch: not found", 127),
    "node": ("\n\nnull.x", "/sandbox/cell.js:3", 1),
    "perl": ("\n\ndie 'x'", "x at /sandbox/cell.pl line 3.", 255),
    "awk": ("\n\n}", "3", (1, 2)),
    "sqlite": ("select 1;\n\nselec 2;", "near line 3", 1),
    "c": ("\n\nbroken", "/sandbox/cell.c:3:1", 1),
    "cpp": ("\n\nbroken", "/sandbox/cell.cpp:3:1", 1),
    "ruby": ("\n\nif", "/sandbox/cell.rb:3", 1),
    "lua": ("\n\n}", "/sandbox/cell.lua:3:", 1),
    "php": ("<?php\n\n}", "/sandbox/cell.php on line 3", 255),
    "julia": ("\n\n}", "/sandbox/cell.jl:3", 1),
    "rust": ("\n\nbroken", "/sandbox/cell.rs:3:1", 1),
    "go": ("package main\n\nbroken", "/sandbox/cell.go:3:1", (1, 2)),
}


@pytest.mark.parametrize("language", [name for name in ERRORS if name in THERE])
def test_errors_keep_the_languages_own_line_numbers(language):
    """A compiler's own status is the run's when it fails."""
    source, said, status = ERRORS[language]
    result = sm.run(source, language=language)
    assert said in result.stderr
    assert result.outcome is Outcome.FAILED
    assert result.exit_code in (status if isinstance(status, tuple) else (status,))  # gawk and mawk, old Go and new


@pytest.mark.skipif("sqlite" not in THERE, reason="no sqlite3 on this machine")
def test_sqlite():
    result = sm.run("create table t(x);\ninsert into t values (6), (7);\nselect sum(x) from t;", language="sqlite")
    assert (result.stdout, result.stderr, result.ok) == ("13\n", "", True)


@pytest.mark.parametrize(
    ("line", "prints"),
    [
        ("#!/bin/bash\necho $0", "/home/sandbox/cell.bash"),
        ("#!/usr/bin/env sh\necho $0", "/home/sandbox/cell.sh"),
        ("#!/bin/bash -x -y\n", ""),
        ("#!/usr/bin/env -S FOO=42 sh\necho $FOO", "42"),
        ("#!/usr/bin/env python3\nprint(6*7)", "42"),
    ],
)
def test_the_first_line_picks_the_program(line, prints):
    result = sm.run(line)
    assert result.stdout.strip() == prints
    assert result.ok or "-x -y" in line  # one argument, which bash refuses, as it does under the kernel


def test_a_first_line_with_a_program_that_is_not_there():
    with pytest.raises(PolicyError, match="there is no /nowhere/tool in the sandbox"):
        sm.run("#!/nowhere/tool\n")


@pytest.mark.parametrize(
    ("code", "outcome", "number"),
    [("kill -SEGV $$", Outcome.SIGNALLED, 11), ("kill -KILL $$", Outcome.SIGNALLED, 9)],
)
def test_a_signal_that_ends_it_is_seen(code, outcome, number, tier):
    result = sm.run(code, language="bash")
    assert (result.outcome, result.signal, result.exit_code) == (outcome, number, None)


def test_a_compilers_signal_is_the_runs(tier):
    own = sm.Language(name="mine", commands=("sh {file}", "echo {file}"))
    result = sm.run("kill -TERM $$", language=own)
    assert (result.outcome, result.signal, result.stdout) == (Outcome.SIGNALLED, 15, "")


def test_the_wall_limit_holds(slowness, monkeypatch):
    """A step of a compiler has one of its own; and no word of our Python's."""
    monkeypatch.setattr("sandbox_magic.model.policy._COMPILE_SECONDS", 0.5 * slowness)
    spin = "while :; do :; done"
    steps = sm.Language(name="mine", commands=("sh {file}", "echo {file}"))
    for language in ("bash", steps):
        result = sm.run(spin, language=language, timeout=0.5 * slowness)
        assert result.outcome is Outcome.WALL_TIME
        assert result.signal in (9, None), "None where PID 1 was late, and the host had to end it"
        assert (result.stdout, result.stderr) == ("", "")
        assert result.usage.wall_seconds < 30


def test_an_interrupt_ends_it(stopped):
    result = stopped("echo started; exec sleep 60", language="bash")
    assert (result.outcome, result.signal) == (Outcome.INTERRUPTED, 2)


def test_signals_are_as_a_shells_child_has_them():
    """A closed pipe ends whoever writes there; our Python ignored that signal."""
    assert sm.run("yes | head -1; echo ${PIPESTATUS[0]}", language="bash").stdout == "y\n141\n"
    own = sm.Language(name="mine", commands=("cat /proc/self/status {file}",))
    facts = dict(line.split(":\t", 1) for line in sm.run("", language=own).stdout.splitlines())
    of_the_c_library = 0b11 << 31  # 32 and 33, which nobody else can set: as the host's own parent left them
    assert int(facts["SigBlk"], 16) == 0
    assert int(facts["SigIgn"], 16) & ~of_the_c_library == 0


# A line is written without a flush; then something holds that leaves no time for one.
LINES = {
    "perl": 'print "started\\n"; sleep 60;',
    "awk": 'BEGIN { print "started"; while (1); }',
    "c": '#include <stdio.h>\nint main(void) { puts("started"); *(volatile int *)0 = 7; }',
    "cpp": '#include <iostream>\nint main() { std::cout << "started" << "\\n"; *(volatile int *)0 = 7; }',
    "node": "console.log('started'); for (;;);",
    "sqlite": "select 'started';\nwith recursive n(x) as (select 1 union all select 2 from n) select max(x) from n;",
}


@pytest.mark.parametrize("language", LINES)
def test_lines_are_written_as_they_come(language):
    """So what was printed before a crash or a limit is there, and seen live; a pipe would keep it to the end."""
    with sm.stream(LINES[language], language=language, timeout=60) as run:
        assert next(event.text for event in run if isinstance(event, sm.Text)) == "started\n"
        if language in ("c", "cpp"):  # which end by themselves
            *_, last = run
            result = last.result
            assert (result.outcome, result.stdout, result.stderr) == (Outcome.SIGNALLED, "started\n", "")


def test_a_first_line_changes_nothing_about_that():
    with sm.stream("#!/usr/bin/perl -w\nprint 'line ', __LINE__, qq{\\n}; sleep 60;", timeout=60) as run:
        assert next(event.text for event in run if isinstance(event, sm.Text)) == "line 2\n"


def test_a_program_in_c_is_told_of_its_own_errors_only():
    """Also in C++, and with every warning that a user's own command may turn into an error."""
    for name, compiler in (("c", "gcc"), ("cpp", "g++")):
        strict = f"{compiler} -Wall -Wextra -Werror -pedantic -o {{out}} {{file}} {{lines}}.{name}"
        own = sm.Language(name="strict", suffix=f".{name}", commands=(strict, "{out}"))
        assert sm.run("int main(void) { return 0; }", language=own).ok


def test_it_holds_no_descriptor_of_ours():
    result = sm.run("for f in /proc/$$/fd/*; do readlink $f; done", language="sh")
    kinds = [line.partition(":")[0] for line in result.stdout.split()]
    assert sorted(kinds) == ["/sandbox/cell.sh", "pipe", "pipe", "pipe"]  # the first is the shell's own


def test_limits_are_in_force(tier):
    result = sm.run("ulimit -n; ulimit -c; exec 300<&0", language="bash", open_files=100)
    assert result.stdout.split() == ["100", "0"]
    assert result.outcome is Outcome.FAILED


def test_a_program_that_the_code_itself_lacks_ends_as_in_a_shell():
    own = sm.Language(name="mine", commands=("./brought-along {file}",))
    result = sm.run("", language=own)
    assert (result.exit_code, result.stderr) == (127, "./brought-along: No such file or directory\n")


def test_a_compiler_that_may_not_be_started_fails_the_run(monkeypatch):
    """One process and no more: the compiler would be the second."""
    own = sm.Language(name="mine", commands=("true {file}", "echo {file}"))
    result = sm.run("", language=own, processes=1)
    assert (result.outcome, result.exit_code, result.stdout) == (Outcome.FAILED, 1, "")
    assert "Resource temporarily unavailable" in result.stderr


def test_variables_are_refused_by_name_before_the_run():
    with pytest.raises(PolicyError, match="variables go to and from Python only, and this is bash"):
        sm.run("echo", language="bash", inputs={"n": 1})
    with pytest.raises(PolicyError, match="variables go to and from Python only"):
        sm.run("#!/bin/sh\necho", outputs=["n"])


def test_files_are_there_as_for_python(tmp_path):
    (tmp_path / "data.csv").write_text("6,7\n")
    (tmp_path / "answer.h").write_text("#define ANSWER 42\n")
    tmp_path.chmod(0o755)
    bound = {"bind": [str(tmp_path / "data.csv"), str(tmp_path / "answer.h")]}
    assert sm.run("cat data.csv", language="bash", **bound).stdout == "6,7\n"
    if "c" in THERE:
        code = '#include <stdio.h>\n#include "answer.h"\nint main(void) { printf("%d", ANSWER); }'
        assert sm.run(code, language="c", **bound).stdout == "42"


def test_a_workspace_and_files_out_are_as_for_python(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/old.txt").write_text("old\n")
    (tmp_path / "in/gone.txt").write_text("gone\n")
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    result = sm.run("cat old.txt; echo new >> old.txt; rm gone.txt; echo 1 > made.txt", language="bash", workspace="in")
    assert (result.stdout, result.stderr) == ("old\n", "")
    changed = {change.path: change.kind for change in result.changes}
    assert changed == {"made.txt": "added", "gone.txt": "removed", "old.txt": "changed"}
    sm.run("echo 42 > out.txt", language="sh", save=["*.txt"])
    assert (tmp_path / "out.txt").read_text() == "42\n"


@pytest.mark.parametrize(
    ("name", "options", "prints"),
    [
        ("script.sh", [], "/home/sandbox/script.sh a b\n"),
        ("script.py", ["-l", "bash"], "/home/sandbox/script.py a b\n"),
        ("script.PL", [], None),
        ("script", [], None),
    ],
)
def test_on_the_command_line_the_files_name_says_what_it_is(tmp_path, name, options, prints):
    """Unless an option or its first line does; without any of them it is Python."""
    (tmp_path / name).write_text('echo "$0 $1"' if prints else "print(6*7)")
    command = [sys.executable, "-P", "-m", "sandbox_magic", "run", "--quiet", *options, str(tmp_path / name), "a b"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == (prints or "42").strip()


def test_nothing_is_left_behind(footprint):
    """Also not where a program is missing, which is seen when the sandbox stands already."""
    sm.run("exit 1", language="sh")
    before = footprint()
    sm.run("sleep 60 & exit 1", language="sh")
    with pytest.raises(PolicyError):
        sm.run("", language="mine", languages={"mine": "nowhere {file}"})
    assert footprint() == before


def test_another_python_is_a_language_too():
    """Its own programs, beside the chosen Python, are on the PATH inside."""
    result = sm.run("echo $PATH", language="sh")
    assert result.stdout.startswith(os.path.dirname(sys.executable))
    own = sm.Language(name="plain", suffix=".py", commands=("python3 -E {file}",))
    assert sm.run("print(6*7)", language=own).stdout == "42\n"
    assert places.CELL == "/sandbox"


def compiled(step, program, **options):
    """Run a program behind a step of a compiler, both commands of the shell."""
    own = sm.Language(name="own", commands=(("sh", "-c", step, "{file}"), ("sh", "-c", program, "{file}")))
    return sm.run("", language=own, **options)


BUSY = "i=0; while [ $i -lt 600000 ]; do i=$((i+1)); done"


def test_a_compilers_time_is_not_the_programs(tier):
    """Neither real time nor CPU time, in the limits as in what is said of the run."""
    result = compiled(f"sleep 3; {BUSY}", "true", timeout=3, cpu_time=0.3)
    assert (result.outcome, result.notes) == (Outcome.COMPLETED, ())
    assert result.usage.wall_seconds < 3
    assert result.usage.cpu_seconds < 0.3
    assert all(0 <= sample.seconds < 3 and sample.cpu_seconds < 0.3 for sample in result.timeline.samples)
    assert result.compiled
    assert result.usage.compile_seconds >= 3
    busy = compiled("true", f"{BUSY}; {BUSY}; {BUSY}; {BUSY}; {BUSY}", cpu_time=0.3)
    assert busy.outcome is Outcome.CPU_TIME
    assert compiled("true", "sleep 60", timeout=0.3).outcome is Outcome.WALL_TIME


def test_a_compiler_has_a_limit_of_its_own(monkeypatch, tier):
    monkeypatch.setattr("sandbox_magic.model.policy._COMPILE_SECONDS", 3)
    result = compiled("echo on; sleep 60", "echo never", timeout=0.1)
    assert (result.outcome, result.stdout) == (Outcome.WALL_TIME, "on\n")
    assert result.notes == ("The compiler ran for longer than 3 s; --timeout allows more. The program never began.",)
    assert 3 <= result.usage.wall_seconds < 30
    assert (result.compiled, result.usage.compile_seconds) == (False, result.usage.wall_seconds)


def test_a_compiler_can_be_interrupted_and_paused(stopped):
    def own(step):
        return sm.Language(name="own", commands=(("sh", "-c", step, "{file}"), ("sh", "-c", "echo done", "{file}")))

    with sm.stream("", language=own("echo on; sleep 0.3"), timeout=30) as run:
        for event in run:
            if isinstance(event, sm.Text) and event.text == "on\n":
                run.pause()
                time.sleep(0.5)
                run.resume()
    assert (run.result.outcome, run.result.stdout) == (Outcome.COMPLETED, "on\ndone\n")
    result = stopped("", language=own("echo on; sleep 50"))
    assert (result.outcome, result.stdout) == (Outcome.INTERRUPTED, "on\n")


def test_a_program_gets_nothing_of_what_tells_that_it_is_compiled():
    assert compiled("ls /proc/self/fd", "ls /proc/self/fd").stdout == "0\n1\n2\n3\n" * 2  # the last is of ls
