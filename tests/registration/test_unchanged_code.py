"""Unchanged code is registered again without its interpreter; whatever changed is asked for anew."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge_core import Client, EntityRef, LaunchRequest, RegisterRequest
from bridge_core.sandbox import Sandbox

CODE = """
import json, pathlib
from flytekit import LaunchPlan, task, workflow
import helper
{more}

@task
def one(n: int) -> int:
    return n + helper.VALUE

@workflow
def wf(n: int = {default}) -> int:
    return one(n=n)

plan = LaunchPlan.get_or_create(wf, name="flow.nightly", default_inputs={{"n": 5}})
"""


class Checkout:
    """Code that was written long ago, and an interpreter that counts how often it is started."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.root.mkdir(parents=True)
        self.outside = folder / "outside"
        self.outside.mkdir()
        self.setting = self.outside / "setting.json"
        self.setting.write_text("7")
        self._starts = folder / "starts"
        self.python = folder / "python"
        self.python.write_text(f'#!/bin/sh\necho >> "{self._starts}"\nexec "{sys.executable}" "$@"\n')
        self.python.chmod(0o755)
        self.write("helper.py", f"VALUE = 1  # {uuid.uuid4()}\n")  # not what another test registered
        self.write("flow.py", CODE.format(more="", default=1))

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)
        self.settle()

    def settle(self) -> None:
        """All that changes does so a minute ago, at another time than before."""
        for path in [*self.root.rglob("*"), self.setting, self.outside]:
            was = path.stat().st_mtime
            if was > self._old(path):
                os.utime(path, (was - 60, was - 60))

    @staticmethod
    def _old(path: Path) -> float:
        import time

        return time.time() - 30

    @property
    def starts(self) -> int:
        return len(self._starts.read_text().splitlines()) if self._starts.exists() else 0


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def register(client: Client, checkout: Checkout, **more: object) -> tuple[str, set[str]]:
    report = client.register(checkout.root / "flow.py", python=str(checkout.python), **more)  # type: ignore[arg-type]
    return report.version, {item.outcome for item in report.entities}


def test_the_second_time_starts_no_interpreter_and_tells_the_same(client: Client, checkout: Checkout) -> None:
    first = client.register(checkout.root / "flow.py", python=str(checkout.python))
    again = client.register(checkout.root / "flow.py", python=str(checkout.python))
    assert checkout.starts == 1
    assert (again.version, again.code) == (first.version, first.code)
    assert [item.ref for item in again.entities] == [item.ref for item in first.entities]
    assert {item.outcome for item in again.entities} == {"unchanged"}
    active = client.register(checkout.root / "flow.py", python=str(checkout.python), activate=True)
    assert [item.ref.name for item in active.of("activated")] == ["flow.nightly", "flow.wf"]
    assert register(client, checkout, fresh=True) == (first.version, {"unchanged"})
    assert checkout.starts == 2


def new_module(checkout: Checkout) -> None:
    checkout.write("more.py", "VALUE = 3\n")


def other_content(checkout: Checkout) -> None:
    checkout.write("helper.py", "VALUE = 2\n")


def again_written(checkout: Checkout) -> None:
    os.utime(checkout.root / "helper.py", (1, 1))


def gone(checkout: Checkout) -> None:
    (checkout.root / "notes.txt").unlink()


def read_elsewhere(checkout: Checkout) -> None:
    checkout.setting.write_text("8")
    checkout.settle()


def installed_since(checkout: Checkout) -> None:
    (checkout.outside / "plugin.py").write_text("")
    os.utime(checkout.outside, (2, 2))


@pytest.mark.parametrize(
    "change",
    [
        read_elsewhere,
        *(pytest.param(one, marks=pytest.mark.matrix) for one in (new_module, other_content, again_written, gone)),
        pytest.param(installed_since, marks=pytest.mark.matrix),
    ],
)
def test_any_change_of_what_it_was_made_of_is_seen(
    change: Callable[[Checkout], None], client: Client, checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(checkout.outside))
    reads = f"DEFAULT = json.loads(pathlib.Path({str(checkout.setting)!r}).read_text())"
    checkout.write("notes.txt", "a file that nobody imports")
    checkout.write("flow.py", CODE.format(more=reads, default="DEFAULT"))
    before = register(client, checkout)[0]
    assert register(client, checkout) == (before, {"unchanged"})
    assert checkout.starts == 1
    change(checkout)
    after = register(client, checkout)[0]
    assert checkout.starts == 2
    assert (after != before) is (change in (other_content, read_elsewhere))


@pytest.mark.matrix
def test_other_settings_are_another_question(client: Client, checkout: Checkout) -> None:
    first = register(client, checkout)[0]
    assert register(client, checkout, env={"A": "1"})[0] != first
    assert register(client, checkout, images="elsewhere/image:1")[0] != first
    assert checkout.starts == 3
    register(client, checkout, version="v1")
    register(client, checkout, version="v1")
    assert checkout.starts == 5, "who names the version says nothing of the content"


def test_what_is_not_there_is_serialised(client: Client, flyte: Sandbox, checkout: Checkout) -> None:
    first = register(client, checkout)
    assert first[1] == {"created"}
    assert register(client, checkout, project="theirs") == first
    assert checkout.starts == 2
    with Sandbox(projects=("ours",)) as another, Client(another.config(project="ours")) as empty:
        assert register(empty, checkout) == first
    assert checkout.starts == 3


@pytest.mark.parametrize(
    "act",
    [
        "import subprocess; subprocess.run(['true'])",
        pytest.param("import os; os.system('true')", marks=pytest.mark.matrix),
        pytest.param(
            "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 9))",
            marks=pytest.mark.matrix,
        ),
    ],
)
def test_code_that_asks_others_is_asked_each_time(act: str, client: Client, checkout: Checkout) -> None:
    checkout.write("flow.py", CODE.format(more=act, default=1))
    register(client, checkout)
    register(client, checkout)
    assert checkout.starts == 2


@pytest.mark.matrix
def test_what_has_just_changed_may_change_again(client: Client, checkout: Checkout) -> None:
    (checkout.root / "helper.py").write_text("VALUE = 4\n")
    register(client, checkout)
    register(client, checkout)
    assert checkout.starts == 2


@pytest.mark.matrix
def test_a_damaged_file_is_no_harm(
    client: Client, checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = register(client, checkout)[0]
    (kept,) = Path(os.environ["XDG_CACHE_HOME"], "flyte-bridge", "registrations").glob("*.json")
    assert kept.stat().st_mode & 0o077 == 0
    for damage in (b"", b"[]", b'{"files": 3}', b"\xff"):
        kept.write_bytes(damage)
        assert register(client, checkout)[0] == first
    assert checkout.starts == 5


@pytest.mark.matrix
def test_a_folder_that_cannot_be_written_is_no_harm(
    client: Client, checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert register(client, checkout)[0] == register(client, checkout)[0]
    assert checkout.starts == 2


def test_a_launch_that_registers_first_pays_once(client: Client, checkout: Checkout) -> None:
    request = RegisterRequest(checkout.root / "flow.py", python=str(checkout.python))
    refs = [
        client.launch(LaunchRequest(EntityRef.launch_plan("flow.wf"), inputs={"n": number}, register=request))
        for number in range(3)
    ]
    assert len({ref.name for ref in refs}) == 3
    assert checkout.starts == 1
    assert {client.wait(ref, timeout=60).phase.value for ref in refs} == {"SUCCEEDED"}
