"""A batch over engines of the real ipyparallel: `make test-adapters`. It brings an extension of JupyterLab with it."""

import os
import signal

import ipyparallel
import pytest

import sandbox_magic as sm

SOURCES = [(f"n{number}", f"total = {number}\nprint(total)") for number in range(6)]
HOW = {"check": "score(outputs['total'], of=6)", "timeout": 60}


def values(rows):
    return sorted((row.name, row.outcome, row.stdout, repr(row.outputs), row.score) for row in rows)


@pytest.mark.timeout(600)  # a cluster of four processes, which notices by its heart that one of them is dead
def test_engines_run_them_and_one_that_is_killed_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    expected = values(sm.run_many(SOURCES, **HOW))
    with ipyparallel.Cluster(n=2, log_level=40) as client:
        client.wait_for_engines(2, timeout=300)
        with pytest.raises(sm.PolicyError, match="has each of its engines run every submission"):
            sm.run_many(SOURCES, executor=client[:].executor)
        engine = client[0].apply_sync(os.getpid)
        batch = sm.run_many(SOURCES, executor=client.executor(), journal=tmp_path / "j", **HOW)
        rows = [next(batch)]
        os.kill(engine, signal.SIGKILL)
        rows += batch
    assert len(rows) == len(SOURCES)
    assert values(rows) == expected
    assert values(sm.Results.read(tmp_path / "j")) == expected
