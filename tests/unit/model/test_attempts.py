"""A list of attempts: a sequence, its words, its table, and its way through JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import sandbox_magic as sm
from sandbox_magic.model.attempts import Attempt, Attempts
from sandbox_magic.model.usage_file import BadUsageFile, from_json, to_json
from sandbox_magic.picture import card


def attempt(**values):
    """Return one, an open of a file that is there unless said otherwise."""
    return Attempt(**{"kind": "open", "target": "/a", "count": 1, "first_seconds": 0.5, "last_seconds": 0.5, **values})


KEYS = attempt(target="/home/sandbox/.ssh/id_rsa", count=3, answer="not shared", sensitive="SSH keys")
DATA = attempt(target="/data/x y.csv", answer="not shared", option="--bind '/data/x y.csv'")
CALL = attempt(kind="call", target="ptrace", answer="refused")
SOME = Attempts(rows=(attempt(), KEYS, DATA, CALL), ordinary=1200)


def result(attempts):
    """Return a result with this list."""
    return sm.Result(outcome=sm.Outcome.COMPLETED, exit_code=0, usage=sm.Usage(wall_seconds=1.0), attempts=attempts)


def test_it_is_a_sequence():
    assert (len(SOME), SOME[1], SOME[-1], SOME[:1]) == (4, KEYS, CALL, (attempt(),))
    assert list(SOME) == list(SOME.rows)
    assert KEYS in SOME
    assert not Attempts()


def test_what_was_not_allowed_comes_first_in_its_table():
    assert SOME.refused == (KEYS, DATA, CALL)
    assert [line[4] for line in SOME.lines()] == ["not shared", "not shared", "refused", "allowed"]
    assert str(SOME).startswith("3 not allowed, 4 in all, 1,200 of its environment's files\nopen  /home/sandbox/.ssh")


def test_secrets_are_told_in_words_and_never_suggested():
    keys = replace(KEYS, option="--bind ~/.ssh/id_rsa")
    some = Attempts(rows=(keys, DATA, DATA))
    assert some.suggestion == "--bind '/data/x y.csv'"
    assert some.sentences == (
        "It looked for SSH keys (3 times). There are none in the sandbox.",
        "To share what it looked for, in its working directory: --bind '/data/x y.csv'",
    )
    there = Attempts(rows=(replace(KEYS, answer="allowed", count=1),))
    assert there.sentences == ("It opened what may be SSH keys (once), which the sandbox has.",)
    assert Attempts(rows=(attempt(),)).sentences == ()


def test_a_list_that_is_not_whole_says_so():
    assert "ended before it" in Attempts(complete=False).sentences[0]
    assert Attempts(more=7).about == "0 not allowed, 0 in all, 7 more that were not looked at"


def test_it_becomes_a_frame():
    frame = SOME.to_frame()
    assert list(frame.columns[:4]) == ["kind", "target", "count", "first_seconds"]
    assert list(frame["count"]) == [1, 3, 1, 1]


def test_it_is_the_same_after_json():
    whole = result(SOME)
    assert from_json(to_json(whole)).attempts == SOME
    assert sm.Result.from_dict(json.loads(whole.to_json())).attempts == SOME
    assert sm.Result.from_dict(result(None).to_dict()).attempts is None


def test_a_file_of_before_has_none():
    older = json.loads(to_json(result(SOME)))
    del older["attempts"]
    assert from_json(json.dumps(older)).attempts is None


@pytest.mark.parametrize(
    "change", [{"kind": "shout"}, {"answer": "yes"}, {"count": -1}, {"first_seconds": "soon"}, {"target": 7}]
)
def test_a_strangers_file_is_checked(change):
    whole = json.loads(to_json(result(SOME)))
    whole["attempts"]["rows"][0] |= change
    with pytest.raises(BadUsageFile):
        from_json(json.dumps(whole))


def test_the_card_has_a_table_in_which_nothing_is_an_element():
    html = result(Attempts(rows=(attempt(target="<script>"),)))._repr_mimebundle_()["text/html"]
    assert "attempts <small>0 not allowed, 1 in all</small>" in html
    assert "&lt;script&gt;" in html
    assert "<script>" not in html
    assert "attempts <small>" not in result(None)._repr_mimebundle_()["text/html"]


def test_the_details_below_a_picture_have_the_list_too():
    assert "ptrace" in card.folded(result(SOME))
    assert "in all" not in card.folded(result(None))
