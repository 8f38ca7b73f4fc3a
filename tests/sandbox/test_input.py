"""Questions of the code's: who answers, what they cost, and that nobody hangs."""

import textwrap
import threading
import time
from itertools import pairwise

import pytest

import sandbox_magic as sm
from sandbox_magic import InputRequest, Outcome, Text

TRIES = 5  # where a limit is short, or time is measured
SPINNER = "import threading\ndef spin():\n    while True: pass\nthreading.Thread(target=spin, daemon=True).start()\n"


def run(code, answer=lambda events, request: None, **options):
    """Run code; return its result and the questions, each given to `answer`."""
    asked = []
    with sm.stream(textwrap.dedent(code), **{"timeout": 60, **options}) as events:
        for event in events:
            if isinstance(event, InputRequest):
                asked.append(event)
                answer(events, event)
    return events.result, asked


def answers(*lines):
    left = list(lines)
    return lambda events, request: events.answer(left.pop(0))


def test_an_answer_reaches_the_code():
    result, asked = run(
        """
        import getpass
        a = input("Name? ")
        b = getpass.getpass()
        print([a, b, input()])
        """,
        answers("π\u202e", "secret", ""),
    )
    assert result.stdout == "['π\\u202e', 'secret', '']\n"
    assert [(each.prompt, each.password) for each in asked] == [("Name?", False), ("Password:", True), ("", False)]
    assert "secret" not in repr(result.timeline) + str(result.notes)


@pytest.mark.parametrize("call", ["input('Name? ')", "__import__('getpass').getpass('Name? ')"])
@pytest.mark.parametrize("answer", [lambda events, request: None, lambda events, request: events.answer(None)])
def test_without_an_answer_it_is_the_end_of_input_at_once(call, answer):
    """As of `python3 < /dev/null`, the prompt included."""
    began = time.monotonic()
    result, _ = run(f"try: {call}\nexcept EOFError as error: print('|', error)", answer)
    assert result.stdout.endswith("| EOF when reading a line\n")
    assert "Name? " in (result.stdout[:6], result.stderr)
    assert time.monotonic() - began < 15


def test_run_answers_nothing():
    result = sm.run("input('Name? ')", timeout=60)
    assert (result.exit_code, result.stdout) == (1, "Name? ")
    assert result.stderr.splitlines()[-1] == "EOFError: EOF when reading a line"


def test_standard_input_is_not_asked_for():
    """What reads it meets the given text or its end; with a given text input() reads that too."""
    result, asked = run("import subprocess, sys\nprint([sys.stdin.read(), subprocess.check_output(['cat'])])")
    assert (result.stdout, asked) == ("['', b'']\n", [])
    result, asked = run("print([input(), input()])\ninput()", stdin="a\nb\n")
    assert (result.stdout, asked) == ("['a', 'b']\n", [])
    assert "EOFError" in result.stderr
    result, asked = run("import io, sys\nsys.stdin = io.StringIO('own\\n')\nprint(input())")
    assert (result.stdout, asked) == ("own\n", [])


def test_what_was_put_in_the_place_of_descriptor_0_is_read():
    """Another file, and a terminal of one's own, also by getpass(); when it is back where it was, nobody answers."""
    code = """
    import getpass, os, pty
    given, write = os.pipe()
    os.write(write, b"from a pipe\\n")
    before = os.dup(0)
    os.dup2(given, 0)
    print(input("? "))
    os.dup2(before, 0)
    pid, terminal = pty.fork()
    if pid == 0:
        print("got", input("name? "), getpass.getpass("word? "))
        os._exit(0)
    def until(end, seen=b""):
        while end not in seen:
            seen += os.read(terminal, 1000)
        return seen
    os.write(terminal, b"Ann\\n")
    until(b"word? ")
    os.write(terminal, b"secret\\n")
    print(b"got Ann secret" in until(b"secret\\r\\n"))
    print(input("who? "))
    """
    result, asked = run(code, answers("you"))
    assert (result.stdout, result.stderr) == ("? from a pipe\nTrue\nyou\n", "")
    assert [each.prompt for each in asked] == ["who?"]


def test_a_prompt_is_one_line_made_safe():
    _, (asked,) = run(r"input('a\x1b]52;c;x\x07b\u202ec\u200bd\n' + 'y' * 9999)")
    assert asked.prompt.startswith(r"ab\u202ec\u200bd yyy")
    assert len(asked.prompt) < 1100


def test_text_that_was_printed_stands_before_the_question():
    order = []
    with sm.stream("print('before', end=''); input(); print('after')", timeout=60) as events:
        for event in events:
            if isinstance(event, (Text, InputRequest)):
                order.append(getattr(event, "text", "?"))
                if order[-1] == "?":
                    events.answer("x")
    assert order == ["before", "?", "after\n"]


@pytest.mark.alone
def test_a_question_costs_a_waiting_code_nothing(first_good):
    """Two seconds on screen, of a limit of one; the marks and samples are on the run's own clock."""

    def slow(events, request):
        threading.Event().wait(2)
        events.answer("x")

    code = "import time\ninput()\nmark('asked')\ntime.sleep(0.2)"
    runs = (run(code, slow, timeout=1)[0] for _ in range(TRIES))
    result = first_good(lambda run: run.outcome is Outcome.COMPLETED, runs)
    assert result.outcome is Outcome.COMPLETED
    assert 0.2 <= result.usage.wall_seconds < 1
    assert [mark.seconds < 1 for mark in result.timeline.marks if mark.own] == [True]
    times = [sample.seconds for sample in result.timeline.samples]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(times))
    assert times[-1] < 1


@pytest.mark.alone
def test_after_the_answer_the_limit_holds_as_before(first_good):
    def slow(events, request):
        threading.Event().wait(1)
        events.answer("x")

    runs = (run("import time\ninput()\ntime.sleep(30)", slow, timeout=1)[0] for _ in range(TRIES))
    result = first_good(lambda run: run.usage.wall_seconds < 1.5, runs)
    assert result.outcome is Outcome.WALL_TIME
    assert 0.95 <= result.usage.wall_seconds < 1.5


def over(events, request):
    """Wait until the run is over, as whoever asks a person does."""
    ended = threading.Event()
    events.when_over = ended.set
    assert events.over or ended.wait(60), "the run goes on behind the question"


@pytest.mark.alone
@pytest.mark.parametrize(
    ("options", "outcome"),
    [({"timeout": 1}, Outcome.WALL_TIME), ({"cpu_time": 1}, Outcome.CPU_TIME)],
    ids=["wall", "cpu"],
)
def test_a_thread_that_computes_behind_a_question_gains_nothing(options, outcome, first_good):
    runs = (run(SPINNER + "input()", over, **options)[0] for _ in range(TRIES))
    result = first_good(lambda run: run.usage.cpu_seconds < 2 and run.usage.wall_seconds < 3, runs)
    assert result.outcome is outcome
    assert result.usage.cpu_seconds < 2
    assert result.usage.wall_seconds < 3


def test_memory_is_bounded_behind_a_question():
    code = """
        import os, time
        for _ in range(3):
            if not os.fork():
                held = b"x" * (60 << 20)
                time.sleep(60)
        input()
    """
    result, _ = run(code, over, memory="128M")
    assert result.outcome is Outcome.OUT_OF_MEMORY


def test_what_happens_behind_a_question_is_shown_after_it():
    seen = []
    code = "import threading\ndef show():\n    print('behind', flush=True); display('shown')\n"
    code += "thread = threading.Thread(target=show)\nthread.start()\ninput()\nthread.join()"
    with sm.stream(code, timeout=60) as events:
        for event in events:
            seen.append(getattr(event, "text", type(event).__name__))
            if isinstance(event, InputRequest):
                threading.Event().wait(0.5)
                events.answer("x")
    assert [each.strip() for each in seen if each.strip() in ("behind", "'shown'")] == ["behind", "'shown'"]


def test_an_interrupt_ends_a_question(stopped):
    result = stopped("input()")
    assert result.outcome is Outcome.INTERRUPTED
    assert "KeyboardInterrupt" in result.stderr


@pytest.mark.alone
def test_a_pause_behind_a_question_is_counted_once(first_good):
    def slow(events, request):
        events.pause()
        threading.Event().wait(0.6)
        events.resume()
        threading.Event().wait(0.6)
        events.answer("x")

    runs = (run("import time\ninput()\ntime.sleep(30)", slow, timeout=1)[0] for _ in range(TRIES))
    result = first_good(lambda run: run.usage.wall_seconds < 1.5, runs)
    assert result.outcome is Outcome.WALL_TIME
    assert 0.9 <= result.usage.wall_seconds < 1.5


@pytest.mark.alone
def test_a_pause_in_which_the_answer_comes_is_counted_once(first_good):
    """It was given twice: for the question, and for the pause."""

    def slow(events, request):
        events.pause()
        threading.Event().wait(1.5)
        events.answer("x")
        events.resume()

    def took():
        began = time.monotonic()
        result, _ = run("import time\ninput()\ntime.sleep(30)", slow, timeout=1)
        assert result.outcome is Outcome.WALL_TIME
        return time.monotonic() - began

    assert first_good(lambda seconds: seconds < 3.6, (took() for _ in range(TRIES))) < 3.6


@pytest.mark.alone
def test_a_question_of_code_that_has_ended_is_not_asked():
    """question-flood: fifty frames and an end, and fifty boxes to answer for nobody."""
    code = """
        import os
        fields = (b"ask", b"1", b"0", b"?")
        frame = b"".join(len(field).to_bytes(4, "big") + field for field in fields)
        os.write(3, (len(frame).to_bytes(4, "big") + frame) * 50)
        os._exit(0)
        """

    def late(events, request):
        over(events, request)
        events.answer("x")

    result, asked = run(code, late)
    assert result.ok
    assert len(asked) <= 1  # none where its end is heard first


@pytest.mark.alone
def test_a_late_answer_is_not_taken_for_the_next_questions(first_good):
    code = """
        import signal
        def late(*_): raise TimeoutError
        signal.signal(signal.SIGALRM, late); signal.setitimer(signal.ITIMER_REAL, 0.2)
        try: input("first")
        except TimeoutError: print("late")
        print(input("second"))
    """

    def slow(events, request):
        if request.prompt == "first":
            threading.Event().wait(0.6)
        events.answer(request.prompt)

    runs = (run(code, slow)[0] for _ in range(TRIES))
    result = first_good(lambda run: run.stdout.startswith("late\n"), runs)
    assert result.stdout == "late\nsecond\n"


def test_threads_ask_one_after_the_other():
    code = """
        import threading
        def work(n): print(n == input(n), end=" ")
        threads = [threading.Thread(target=work, args=(str(n),)) for n in range(5)]
        [thread.start() for thread in threads]; [thread.join() for thread in threads];
    """
    result, asked = run(code, lambda events, request: events.answer(request.prompt))
    assert result.stdout.count("True") == 5
    assert len(asked) == 5


def test_a_forked_process_meets_the_end_of_input():
    result, asked = run(
        "import os\nif os.fork() == 0:\n    try: input('x')\n    except EOFError: print('EOF')\nelse: os.wait()"
    )
    assert (result.stdout, asked) == ("xEOF\n", [])


def test_a_run_that_is_dropped_behind_its_question_ends(footprint):
    before = footprint()
    for event in sm.stream("input()", timeout=60):
        if isinstance(event, InputRequest):
            break
    del event
    deadline = time.monotonic() + 60
    while footprint() != before:
        assert time.monotonic() < deadline, footprint()
        time.sleep(0.02)


def test_a_run_that_is_closed_behind_its_question_ends(footprint):
    before = footprint()
    with sm.stream(SPINNER + "input()", timeout=60) as events:
        while not isinstance(next(events), InputRequest):
            pass
        threading.Event().wait(0.2)
    assert footprint() == before


def test_a_flood_of_questions_is_bounded():
    result, asked = run(
        """
        n = 0
        while True:
            n += 1
            try: input()
            except EOFError: pass
            if n == 1500: break
        """,
        timeout=60,
    )
    assert result.outcome is Outcome.COMPLETED
    assert len(asked) == 1000
    assert "The code asked more than 1000 questions; the later ones were not shown." in result.notes
