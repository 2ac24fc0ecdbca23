"""`compare`: the last inputs of one Flyte on another, launched once each, and only when somebody said so."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from sandbox.protos import INTEGER, Wire, echo_task, literals

from bridge_core.cli.main import main
from bridge_core.sandbox import Sandbox

PLACE = ["--insecure", "--project", "flytesnacks", "--domain", "development"]


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[Sandbox, Sandbox]]:
    """Two Flytes; the task of the second puts out something else for one of the inputs."""
    with Sandbox() as a, Sandbox() as b:
        wire = Wire(a.endpoint)
        task = echo_task("pkg.same", {"n": INTEGER}, {"o0": INTEGER})
        wire.register_task(task)
        for number in (1, 2, 3):
            wire.run(task.id, literals(n=number))
        a.stub("pkg.other", inputs={"n": int}, outputs={"o0": 1})
        wire.close()
        wire = Wire(b.endpoint)
        wire.register_task(task)
        wire.close()
        yield a, b


def command(both: tuple[Sandbox, Sandbox], *more: str, entity: str = "task:pkg.same") -> list[str]:
    a, b = both
    return ["compare", entity, "--from", a.endpoint, "--to", b.endpoint, *PLACE, *more]


def test_the_last_runs_on_both(both: tuple[Sandbox, Sandbox], capsys: pytest.CaptureFixture[str]) -> None:
    _, b = both
    assert main(command(both, "--inputs", "last:2", "--yes", "--output", "json")) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert [item["same"] for item in told] == [True, True]
    assert "2 runs of task:flytesnacks/development/pkg.same" in err
    assert "n = 3" in err
    assert "n = 1" not in err
    assert b.calls.count("CreateExecution") == 2
    assert main(command(both, "--inputs", "last:2", "--yes")) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[-1] == "2 of 2 the same"
    assert b.calls.count("CreateExecution") == 2, "the same again finds its runs"


def test_what_differs_and_what_fails(both: tuple[Sandbox, Sandbox], capsys: pytest.CaptureFixture[str]) -> None:
    a, b = both
    b.stub("pkg.liar", inputs={"n": int}, outputs={"o0": 99})
    b.stub("pkg.broken", inputs={"n": int}, outputs={"o0": 99}, fail_times=99)
    for entity, said in (("pkg.liar", "differ in o0"), ("pkg.broken", "FAILED"), ("task:pkg.nosuch", "no task")):
        assert main(command(both, "--inputs", "last:1", "--yes", "--to-entity", entity)) == 1
        shown = capsys.readouterr().out
        assert said in shown
        assert "0 of 1 the same" in shown
    assert a.calls.count("CreateExecution") == 3, "nothing is launched where the runs come from"


def test_nothing_runs_unless_somebody_says_so(
    both: tuple[Sandbox, Sandbox], capsys: pytest.CaptureFixture[str]
) -> None:
    _, b = both
    before = b.calls.count("CreateExecution")
    assert main(command(both, "--inputs", "last:1")) == 2
    assert "say --yes" in capsys.readouterr().err
    assert main(command(both, "--yes", "--inputs", "all")) == 2
    assert "wanted last:N" in capsys.readouterr().err
    assert main(command(both, "--yes", entity="pkg.never")) == 2
    assert "no run of it succeeded" in capsys.readouterr().err
    assert b.calls.count("CreateExecution") == before
