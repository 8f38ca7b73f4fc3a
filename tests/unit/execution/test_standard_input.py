"""Standard input as it comes: bytes or a descriptor, never more than the pipe takes, nothing that blocks."""

import array
import fcntl
import os
import selectors
import termios

import pytest

from sandbox_magic.execution.standard_input import StandardInput


class Fed:
    """A pipe that is fed, with what the loop does around it."""

    def __init__(self, source):
        self.theirs, self.ours = os.pipe()
        os.set_blocking(self.ours, False)
        self.open = {self.theirs, self.ours}
        self.selector = selectors.PollSelector()
        self.input = StandardInput(source, self.ours, self.selector, lambda: self.close(self.ours))

    def close(self, descriptor):
        self.open.remove(descriptor)
        os.close(descriptor)

    def step(self):
        """Do what is due now; return whether there was anything."""
        ready = [key.data for key, _ in self.selector.select(0)]
        assert set(ready) <= {"stdin"}
        if ready:
            self.input.feed()
        return bool(ready)

    def settle(self):
        for _ in range(10_000):
            if not self.step():
                return
        pytest.fail("it never rests")

    @property
    def over(self):
        return self.ours not in self.open and not self.selector.get_map()


@pytest.fixture
def fed():
    made = []
    yield lambda source: made.append(Fed(source)) or made[-1]
    for each in made:
        for descriptor in list(each.open):
            each.close(descriptor)


@pytest.fixture
def pipe():
    read, write = os.pipe()
    ends = {"read": read, "write": write}
    yield ends
    for descriptor in ends.values():
        os.close(descriptor)


def unread(descriptor):
    count = array.array("i", [0])
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return count[0]


def fill(descriptor):
    """Write until a pipe is full; return how much it took."""
    os.set_blocking(descriptor, False)
    size = 0
    while True:
        try:
            size += os.write(descriptor, b"x" * 4096)
        except BlockingIOError:
            return size


@pytest.mark.parametrize("size", [1, 4096, 4097, 300_000])
def test_bytes_arrive_whole_and_then_it_is_closed(fed, size):
    data = os.urandom(size)
    it = fed(data)
    came = b""
    while piece := (it.step(), os.read(it.theirs, 2**20))[1]:
        came += piece
    assert came == data
    assert (it.over, it.input.fed) == (True, True)


def test_without_bytes_it_is_closed_at_once(fed):
    it = fed(b"")
    assert (it.over, it.input.fed) == (True, False)
    assert os.read(it.theirs, 1) == b""


def test_a_descriptor_is_copied_as_it_comes(fed, pipe):
    it = fed(pipe["read"])
    for line in (b"one\n", b"two\n"):
        it.settle()
        assert not it.over
        assert not it.step(), "it waits for the writer"
        os.write(pipe["write"], line)
        it.settle()
        assert os.read(it.theirs, 100) == line
    os.close(pipe.pop("write"))
    it.settle()
    assert it.over
    assert os.read(it.theirs, 1) == b""
    os.fstat(pipe["read"])  # it is left open


def test_no_more_is_read_than_the_code_takes(fed, pipe):
    it = fed(pipe["read"])
    size = fill(pipe["write"])
    it.settle()
    assert unread(pipe["read"]) == 0
    again = fill(pipe["write"])
    it.settle()
    assert unread(pipe["read"]) == again, "the code has read nothing yet"
    assert not it.step(), "it waits for the code"
    assert len(os.read(it.theirs, size)) == size
    it.settle()
    assert unread(pipe["read"]) == 0


def test_a_file_goes_on_where_it_has_been_read(fed, tmp_path):
    data = os.urandom(30_000)
    (tmp_path / "data").write_bytes(data)
    with (tmp_path / "data").open("rb", buffering=0) as file:
        file.read(7)
        it = fed(file.fileno())
        it.settle()
        assert it.over
        assert os.read(it.theirs, 2**20) == data[7:]


def test_code_that_has_closed_it_ends_it(fed, pipe):
    for source in (b"x", pipe["read"]):
        it = fed(source)
        it.close(it.theirs)
        os.write(pipe["write"], b"x")
        it.settle()
        assert it.over


def test_a_descriptor_that_can_not_be_read_is_at_its_end(fed, tmp_path):
    """As a directory, which a shell gives with ``< .``."""
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        it = fed(descriptor)
        it.settle()
        assert it.over
    finally:
        os.close(descriptor)


def test_another_reader_that_was_quicker_does_not_make_it_wait(fed, pipe, monkeypatch):
    def taken(*_):
        raise BlockingIOError

    it = fed(pipe["read"])
    os.write(pipe["write"], b"x")
    monkeypatch.setattr(os, "preadv", taken)
    it.step()
    assert not it.over
    monkeypatch.undo()
    it.settle()
    assert os.read(it.theirs, 9) == b"x"


def test_where_the_kernel_can_not_read_without_waiting_it_is_read_plainly(fed, pipe, monkeypatch):
    def refused(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "preadv", refused)
    it = fed(pipe["read"])
    os.write(pipe["write"], b"x")
    it.settle()
    assert os.read(it.theirs, 9) == b"x"
