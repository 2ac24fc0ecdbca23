"""`cutover`: a trigger stops on one Flyte before it starts on the other, whatever dies, and only when somebody said so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from bridge_core import Client, Cron, Trigger
from bridge_core.cli.main import main
from bridge_core.sandbox import Sandbox

PLACE = ["--insecure", "--project", "flytesnacks", "--domain", "development"]
UPDATE = {1: "UpdateLaunchPlan", 2: "UpdateTriggers"}


@dataclass(frozen=True)
class Side:
    """One Flyte with triggers of one API."""

    sandbox: Sandbox
    version: int

    @property
    def endpoint(self) -> str:
        return self.sandbox.endpoint if self.version == 1 else str(self.sandbox.flyte2_endpoint)

    @property
    def update(self) -> str:
        return UPDATE[self.version]

    def client(self) -> Client:
        return Client(self.sandbox.config(flyte_version=self.version))

    def deploy(self, *names: str, active: bool) -> None:
        entity = "launch_plan:pkg.report" if self.version == 1 else "task:pkg.report"
        with self.client() as flyte:
            for name in names:
                flyte.deploy_trigger(Trigger(name, entity=entity, automation=Cron("0 3 * * *"), auto_activate=active))
        self.sandbox.calls.clear()

    def active(self) -> set[str]:
        with self.client() as flyte:
            return {item.name for item in flyte.list_triggers() if item.active}

    def updates(self) -> int:
        return self.sandbox.calls.count(self.update)


Sides = tuple[Side, Side]


@pytest.fixture(params=[(1, 1), (1, 2), (2, 1), (2, 2)], ids=lambda pair: f"{pair[0]}to{pair[1]}")
def sides(request: pytest.FixtureRequest) -> Iterator[Sides]:
    """Two triggers, active on the one Flyte, deployed on the other."""
    with Sandbox() as one, Sandbox() as other:
        for sandbox in (one, other):
            sandbox.stub("pkg.report", outputs={"rows": 7})
        a, b = Side(one, request.param[0]), Side(other, request.param[1])
        a.deploy("nightly", "hourly", active=True)
        b.deploy("nightly", "hourly", active=False)
        yield a, b


def command(sides: Sides, *more: str) -> list[str]:
    a, b = sides
    return ["cutover", *more, "--from", a.endpoint, "--to", b.endpoint, *PLACE]


def killed(sides: Sides, when: Callable[[], bool], number: int = signal.SIGKILL) -> str:
    """The command in a process of its own, killed as soon as this is true; what it said."""
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from bridge_core.cli.main import main; sys.exit(main())"
    )
    arguments = [sys.executable, "-c", code, *command(sides, "nightly", "hourly", "--yes")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not when():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(process.pid, number)
        return process.communicate(timeout=60)[1].decode()


def test_one_by_one_and_never_both(sides: Sides, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = sides
    seen: list[set[str]] = []
    b.sandbox.faults.delay(b.update, 0.01, times=2, when=lambda _: seen.append(a.active()) or True)  # type: ignore[func-returns-value]
    assert main(command(sides, "nightly", "hourly", "--yes", "--output", "json")) == 0
    out, err = capsys.readouterr()
    assert seen == [{"hourly"}, set()], "what is active on the one side when the other hears of it"
    assert (a.active(), b.active()) == (set(), {"nightly", "hourly"})
    assert "0 3 * * *): stop it on --from, then start it on --to" in err
    told = json.loads(out)
    assert [(item["name"], item["active_from"], item["active_to"]) for item in told] == [
        ("nightly", False, True), ("hourly", False, True),
    ]  # fmt: skip
    assert all(item["stopped_at"] <= item["started_at"] for item in told)
    before = (a.updates(), b.updates())
    assert main(command(sides, "nightly", "hourly")) == 0, "nothing is left to ask about"
    assert "nightly: active on --to alone" in capsys.readouterr().out
    assert (a.updates(), b.updates()) == before == (2, 2)


def test_killed_between_stop_and_start_the_same_command_completes(
    sides: Sides, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = sides
    b.sandbox.faults.fail(b.update, times=1000)
    killed(sides, lambda: b.updates() > 0)
    assert (a.active(), b.active()) == ({"hourly"}, set())
    b.sandbox.faults.clear()
    stopped = a.updates()
    assert main(command(sides, "nightly", "hourly", "--yes")) == 0
    out, err = capsys.readouterr()
    assert "active on neither: start it on --to" in err
    assert "nightly: started on --to at" in out
    assert "hourly: switched at" in out
    assert (a.active(), b.active()) == (set(), {"nightly", "hourly"})
    assert (stopped, a.updates()) == (1, 2), "what was stopped is not stopped again"


def test_a_person_presses_ctrl_c_in_between(sides: Sides) -> None:
    a, b = sides
    b.sandbox.faults.fail(b.update, times=1000)
    said = killed(sides, lambda: b.updates() > 0, signal.SIGINT)
    assert "interrupted at nightly; the same command again" in said
    assert "Traceback" not in said
    assert (a.active(), b.active()) == ({"hourly"}, set())


def test_killed_before_it_stopped_nothing_has_changed(sides: Sides) -> None:
    a, b = sides
    a.sandbox.faults.fail(a.update, times=1000)
    killed(sides, lambda: a.updates() > 0)
    assert (a.active(), b.active(), b.updates()) == ({"nightly", "hourly"}, set(), 0)


def test_the_next_one_is_not_touched_when_one_cannot_be_started(
    sides: Sides, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = sides
    b.sandbox.faults.fail(b.update, code="PERMISSION_DENIED", times=1000)
    assert main(command(sides, "nightly", "hourly", "--yes")) == 1
    out, err = capsys.readouterr()
    assert "nightly: ACTIVE ON NEITHER: " in out
    assert "hourly: not touched" in out
    assert "the same command again goes on from here" in err
    assert (a.active(), b.active()) == ({"hourly"}, set())


def test_nothing_is_switched_unless_somebody_says_so(sides: Sides, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = sides
    for arguments, code, said in (
        (["nightly"], 2, "cutover stops and starts schedules: say --yes, or run it on a terminal"),
        (["nosuch", "--yes"], 4, "it has hourly, nightly. Deploy it first, inactive"),
        (["nightly", "nightly", "--yes"], 2, "named twice"),
        (["nightly=nosuch", "--yes"], 4, f"no trigger 'nosuch' in flytesnacks/development on {b.endpoint}"),
        (["task:nightly", "--yes"], 2, "wanted its name"),
        (["nightly@v1", "--yes"], 2, "wanted its name"),
    ):
        assert main(command(sides, *arguments)) == code
        assert said in capsys.readouterr().err
    assert main(command((a, a), "nightly", "--yes")) == 2
    assert "are the same Flyte" in capsys.readouterr().err
    assert (a.updates(), b.updates()) == (0, 0)


def test_active_on_both_is_stopped_on_the_one(sides: Sides, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = sides
    with b.client() as flyte:
        flyte.activate("nightly")
    assert main(command(sides, "nightly", "--yes")) == 0
    assert "ACTIVE ON BOTH: stop it on --from" in capsys.readouterr().err
    assert (a.active(), b.active()) == ({"hourly"}, {"nightly"})
    assert main(command((b, a), "nightly", "--yes")) == 0, "and back"
    assert (a.active(), b.active()) == ({"hourly", "nightly"}, set())
