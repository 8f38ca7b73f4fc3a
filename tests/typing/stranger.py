"""Some lines of a stranger's, right and wrong. Behind a wrong one stands what mypy and pyright call it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_never

import sandbox_magic as sm

result = sm.run("print(6 * 7)", timeout=5, memory="256M", args=["a"], stdin=b"", bind=Path("orders.csv"))
outcome: sm.Outcome = result.check().outcome
variables: Mapping[str, object] = sm.run("total = sum(xs)", inputs={"xs": [1, 2]}, outputs=["total"]).outputs
policy = sm.Policy(limits=sm.Limits(wall_seconds=2.0), binds=(sm.Mount(source="/etc/hosts", name="hosts"),))
options: sm.Options = {"timeout": "2m", "language": "bash", "workspace": Path("project")}
lines: list[str] = sm.run("echo 1", policy=policy, **options).stdout.splitlines()
guards: list[str] = [guard.remedy for guard in result.isolation.weaker]
version: str = sm.__version__
sm.compare(result, result, labels=("first", "second")).plot().save("sorts.html", theme="dark")
workspace: str = sm.diagnose().workspace
files: dict[str, bytes] = sm.run("x", files={"a.csv": b"1"}, save="*.csv").files
where: int | None = result.error.line if result.error else None

print(result.usage.cpu_seconds + 1)  # wrong: operator, reportOptionalOperand
print(result.output)  # wrong: attr-defined, reportAttributeAccessIssue
result.changes.apply("*.txt")  # wrong: union-attr, reportOptionalMemberAccess
result.exit_code = 0  # wrong: misc, reportAttributeAccessIssue
sm.run("x", memroy="1G")  # wrong: call-arg, reportCallIssue
sm.run("x", timeout=[5])  # wrong: arg-type, reportArgumentType
sm.run("x", on_output_limit="burn")  # wrong: arg-type, reportArgumentType
sm.run("x", inputs=["xs"])  # wrong: arg-type, reportArgumentType
sm.run("x", quiet=True)  # wrong: call-arg, reportCallIssue
sm.run("x", files={"a.csv": "1"})  # wrong: dict-item, reportArgumentType
sm.run(5)  # wrong: arg-type, reportArgumentType
sm.Limits(30)  # wrong: call-arg, reportCallIssue
sm.prepare("x", {})  # wrong: attr-defined, reportAttributeAccessIssue


def follow(source: str, **defaults: Any) -> sm.Result:
    """Show a run as it goes, and answer its questions."""
    with sm.stream(source, **defaults) as run:
        for event in run:
            match event:
                case sm.Text(stream, text):
                    print(text, stream.upper())
                case sm.Display():
                    print(event.text, event.data.get("text/html", ""))
                case sm.Cleared():
                    print("-" * 20 if event.wait else "")
                case sm.InputRequest():
                    run.answer(None if event.password else event.prompt)
                case sm.Sample() | sm.Mark():
                    print(event.seconds + 1)
                case sm.Output():
                    print(event.name.upper(), event.value + 1)  # wrong: operator, reportOperatorIssue
                case sm.Ended():
                    print(event.result.summary)
                case _:
                    assert_never(event)
        return run.result


def apply(changes: sm.Changes, to: os.PathLike[str]) -> list[str]:
    """Apply what can be, and say what can't."""
    try:
        applied: sm.Applied = changes.apply(to=to)
    except sm.NotApplied as error:
        return [error.what, error.remedy]
    first: sm.Change = changes[0]
    return [*applied.done, first.path, first.kind.upper()]
