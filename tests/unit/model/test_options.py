"""The one table of options, and what is made from it: API keywords, command lines, the magic's line."""

import argparse
import dataclasses

import pytest

import sandbox_magic as sm
from sandbox_magic import Limits, Policy, PolicyError
from sandbox_magic.model.options import BY_KEYWORD, OPTIONS, add_to, limit_names, read, to_policy
from sandbox_magic.model.policy import Mount
from sandbox_magic.model.units import MIB
from sandbox_magic.notebook.arguments import HELP, parse

ALL = ("limits", "policy", "run", "show")


def names(scope):
    return [option.name for option in OPTIONS if option.scope == scope]


def test_every_field_of_limits_and_policy_has_exactly_one_option():
    for kind, scope, others in ((Limits, "limits", set()), (Policy, "policy", {"limits", "undo", "library"})):
        fields = [option.field for option in OPTIONS if option.scope == scope]
        assert sorted(fields) == sorted({field.name for field in dataclasses.fields(kind)} - others)


def test_the_keywords_of_the_api_are_the_names_with_underscores():
    apart = {"input": "inputs", "output": "outputs"}  # several, where the magic's %%R has one letter for each
    apart["with"] = "packages"  # a word of Python's own
    assert list(BY_KEYWORD) == [apart.get(option.name, option.name.replace("-", "_")) for option in OPTIONS]
    assert all(keyword.isidentifier() for keyword in BY_KEYWORD)


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.scope in ("limits", "policy")])
def test_the_default_that_the_table_shows_is_the_policys_own(option):
    own = getattr(Limits() if option.scope == "limits" else Policy(), option.field)
    assert (option.parse(option.default) if option.parse else option.default == "on") == own


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_has_one_line_of_help(option):
    assert option.help
    assert "\n" not in option.help
    assert not option.help.endswith(".")
    assert option.default
    assert f"--{option.name}" in HELP


def test_errors_name_limits_as_the_table_does():
    """Limits refuses bounds under the option's name, which it does not get from the table."""
    for field, name in limit_names().items():
        with pytest.raises(PolicyError, match=rf"^{name} is "):
            Limits(**{field: "neither" if field == "on_output_limit" else -1})


def test_values_are_parsed_under_the_keywords_given():
    given = {"timeout": "2m", "memory": "1G", "quiet": True, "args": ["a b", "π"], "stdin": "é"}
    parsed = {"timeout": 120.0, "memory": 1024 * MIB, "quiet": True, "args": ("a b", "π"), "stdin": b"\xc3\xa9"}
    assert read(given, ALL) == parsed


@pytest.mark.parametrize(
    ("keyword", "remedy"), [("time_out", "timeout"), ("outputlimit", "output_limit"), ("Memory", "memory")]
)
def test_an_unknown_option_suggests_the_nearest(keyword, remedy):
    with pytest.raises(PolicyError) as caught:
        read({keyword: 1}, ALL)
    assert (repr(keyword) in caught.value.what, caught.value.remedy) == (True, remedy)


def test_an_unknown_option_near_to_none_lists_them_all():
    with pytest.raises(PolicyError, match=r"one of timeout, cpu_time, .*, no_dashboard"):
        read({"xyz": 1}, ALL)


def test_an_option_of_another_scope_is_unknown():
    with pytest.raises(PolicyError, match="there is no option 'quiet'"):
        read({"quiet": True}, ("limits", "policy", "run"))


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("memory", "much"), ("args", "'open"), ("args", [1]), ("args", ["\0"]), ("args", 5), ("stdin", 5)],
)
def test_a_wrong_value_names_its_option_and_what_would_be_right(keyword, value):
    with pytest.raises(PolicyError, match=f"^option {keyword}: ") as caught:
        read({keyword: value}, ALL)
    assert caught.value.remedy


@pytest.mark.parametrize(("keyword", "value"), [("args", "a\0b"), ("args", ["\ud800"]), ("stdin", "\ud800")])
def test_text_that_can_not_be_handed_to_a_process_is_refused(keyword, value):
    with pytest.raises(PolicyError):
        read({keyword: value}, ALL)


@pytest.mark.parametrize(
    ("keyword", "value", "parsed"),
    [
        ("outputs", "a, b", ("a", "b")),
        ("outputs", ["a", "b,c"], ("a", "b", "c")),
        ("inputs", {"x": 1}, {"x": 1}),
        ("inputs", ["x,y"], ("x", "y")),
        ("save", "*.png", ("*.png",)),
        ("save", ["a", "b"], ("a", "b")),
        ("bind", "/data/in.csv", (Mount(source="/data/in.csv", name="in.csv"),)),
        ("bind", ["/data/in.csv:x/y.csv"], (Mount(source="/data/in.csv", name="x/y.csv"),)),
        ("bind", [Mount(source="/a", name="b"), "/c"], (Mount(source="/a", name="b"), Mount(source="/c", name="c"))),
        ("workspace", "/data/", "/data"),
        ("bind", "none", ()),
        ("workspace", "none", ""),
    ],
)
def test_files_and_variables_are_named_as_one_or_as_many(keyword, value, parsed):
    assert read({keyword: value}, ALL) == {keyword: parsed}


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("outputs", "a b"), ("outputs", "class"), ("inputs", {"1": 2}), ("bind", "/"), ("bind", "/a:/b"),
     ("bind", "/a:../b"), ("save", ""), ("save", 5), ("workspace", 5)],
)  # fmt: skip
def test_a_name_that_can_not_be_is_refused(keyword, value):
    with pytest.raises(PolicyError, match=f"^option {BY_KEYWORD[keyword].name}: "):
        read({keyword: value}, ALL)


def test_names_of_inputs_alone_are_for_the_magic():
    with pytest.raises(PolicyError, match="without a value\nTry: a dict: "):
        sm.stream("1", inputs=["x"])


def test_options_lie_on_top_of_a_base():
    base = Policy(limits=Limits(processes=8, wall_seconds=5.0), python="system")
    made = to_policy({"timeout": 9.0, "memory": 64 * MIB, "strict": True, "quiet": True, "stdin": b"x"}, base)
    limits = Limits(processes=8, wall_seconds=9.0, memory_bytes=64 * MIB)
    assert made == Policy(limits=limits, python="system", strict=True)
    assert to_policy({"python": "/x"}, base) == Policy(limits=base.limits, python="/x")
    assert to_policy({}) == Policy()


def test_a_command_line_has_every_option_and_absent_ones_stay_absent():
    parser = argparse.ArgumentParser()
    add_to(parser)
    assert vars(parser.parse_args([])) == {}
    valued = [word for option in OPTIONS if option.parse for word in (f"--{option.name}", "v")]
    switches = [f"--{option.name}" for option in OPTIONS if option.parse is None]
    given = vars(parser.parse_args([*valued, *switches]))
    expected = {option.keyword: "v" if option.parse else True for option in OPTIONS}
    assert given == expected | {option.keyword: ["v"] for option in OPTIONS if option.many}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", {}),
        ("  --timeout 5 --memory=256M ", {"timeout": 5.0, "memory": 256 * MIB}),
        ("--args \"-v 'a b' π\"", {"args": ("-v", "a b", "π")}),
        ("--args=-v --stdin '{x} $HOME'", {"args": ("-v",), "stdin": b"{x} $HOME"}),
        ("--quiet --no-raise-error --result r1", {"quiet": True, "no_raise_error": True, "result": "r1"}),
        ("--timeout none", {"timeout": None}),
        ("-h", None),
        ("--timeout 5 --help", None),
    ],
)
def test_the_magics_line_is_read_as_a_shell_would(line, expected):
    assert parse(line) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--time 5", "there is no option --time\nTry: --timeout$"),  # nothing is guessed from its beginning
        ("--cheese=5", "there is no option --cheese\nTry: %sandbox -h lists the options$"),
        ("--bind my data.csv", "'data.csv' belongs to no option\nTry: .* --bind a --bind b .* 'my data.csv'"),
        ("--workspace a --workspace b", "option workspace: a and b: only one can be given\nTry: --bind"),
        ("--timeout", "expected one argument"),
        ("--timeout -1", "option timeout: '-1' is not a time"),
        ("print(1)", "'print\\(1\\)' belongs to no option"),
        ("--quiet=perhaps", "neither on nor off"),
        (
            "--memory 1G \\",
            r"^options stand on one line, and this one ends in \\\nSeen: --memory 1G \\\nTry: all of them",
        ),
        ("--args 'a\\\\' \\  ", "options stand on one line"),
        ("--args 'a\\'", r"option args: args is 'a\\\\'\nSeen: No escaped character\nTry: \\\\ for a backslash"),
        ("--args 'a", "the line can't be read: --args 'a\nSeen: No closing quotation\nTry: close the quotation"),
    ],
)
def test_a_wrong_line_is_an_error_of_ours_and_never_an_exit(line, message):
    with pytest.raises(PolicyError, match=message):
        parse(line)


@pytest.mark.parametrize(
    ("keyword", "value", "parsed"),
    [
        ("lang", "bash", {"language": "bash"}),
        ("input", {"x": 1}, {"inputs": {"x": 1}}),
        ("output", ["x"], {"outputs": ("x",)}),
    ],
)
def test_what_a_command_line_calls_it_is_a_keyword_too(keyword, value, parsed):
    assert read({keyword: value}, ALL) == read({next(iter(parsed)): value}, ALL) == parsed


@pytest.mark.parametrize(("one", "other"), [("inputs", "input"), ("output", "outputs")])
def test_an_option_is_given_once_under_one_name(one, other):
    name = min(one, other, key=len)
    with pytest.raises(PolicyError, match=f"option {name} is given twice, as {name}s and as {name}") as caught:
        read({one: {"x": 1}, other: {"x": 1}}, ALL)
    assert caught.value.remedy == f"{name}s alone"


def test_no_keyword_stands_for_two_options():
    keywords = [keyword for option in OPTIONS for keyword in option.keywords]
    assert len(set(keywords)) == len(keywords)


@pytest.mark.parametrize("value", ["3.12", "python3.12", " 3.12 "])
def test_a_version_of_python_is_read(value):
    assert read({"python": value}, ALL) == {"python": "3.12"}


def test_a_version_that_is_a_number_is_refused():
    """3.10 is 3.1."""
    with pytest.raises(PolicyError, match=r"in which 3\.10 is 3\.1"):
        read({"python": 3.10}, ALL)
