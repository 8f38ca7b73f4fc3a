"""What ``--with`` takes: names and versions, and nothing that leads elsewhere."""

import pytest

from sandbox_magic.model import options
from sandbox_magic.model.errors import PolicyError
from sandbox_magic.model.policy import Policy


def read(value):
    return options.to_policy(options.read({"packages": value}, ("policy",))).packages


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("polars", ("polars",)),
        ("none", ()),
        (["polars == 1.*", "a", "a"], ("polars==1.*", "a")),
        (("httpx[http2,socks]>=0.27,<1",), ("httpx[http2,socks]>=0.27,<1",)),
        ("zope.interface~=5.0", ("zope.interface~=5.0",)),
        ("a!=1.0.dev1+local", ("a!=1.0.dev1+local",)),
    ],
)
def test_names_and_versions_are_read(value, expected):
    assert read(value) == expected


@pytest.mark.parametrize(
    "value",
    ["-r x", "--index-url=http://a.test", "./a", "/a", "a.whl/", "a@https://a.test/a.whl", "git+https://a.test/a",
     "a;b", "a==", "a==1 --pre", "-", "a\n-rb", "é", "a,b", "a" * 200],
)  # fmt: skip
def test_what_leads_elsewhere_is_refused(value):
    with pytest.raises(PolicyError, match="is not a package"):
        read(value)
    with pytest.raises(PolicyError, match="is not a package"):
        Policy(packages=(value,))


def test_they_are_not_without_number():
    with pytest.raises(PolicyError, match="51 packages"):
        Policy(packages=tuple(f"a{number}" for number in range(51)))


def test_a_sandbox_is_not_shared_by_runs_with_other_packages():
    assert Policy(packages=("a",)).parked_with() != Policy().parked_with()
    assert Policy(library="/a").parked_with() != Policy(library="/b").parked_with()
