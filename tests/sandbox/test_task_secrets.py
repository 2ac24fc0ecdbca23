"""Secrets reach the tasks that ask for them and no others; the settings of the cache hold for all runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from flyteidl.core import catalog_pb2

from bridge_core.sandbox import Sandbox

from .protos import INTEGER, PHASE, Wire, add_node, literals, new_workflow, shell_task, unique
from .test_engine import nodes_of


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "FLYTE_SECRETS_DB_PASSWORD": "from-guide",
        "_FSEC_DB_V2_PASSWORD": "from-prefix",
        "FLYTE_SECRETS_OTHER_KEY": "not yours",
        "_FSEC_OTHER": "not yours",
        "FLYTE_SECRETS_FILE_PREFIX": "setting-",
        "MY_TOKEN": "from-env",
    }.items():
        monkeypatch.setenv(name, value)


def environment_of_a_task(wire: Wire, tmp_path: Path, *secrets: tuple[str, str, str]) -> dict[str, str]:
    """What a task with these secrets (group, version, key) sees."""
    target = tmp_path / unique("env")
    task = shell_task(unique("shell"), f"env -0 > {target}")
    for group, version, key in secrets:
        task.security_context.secrets.add(group=group, group_version=version, key=key)
    wire.register_task(task)
    run = wire.run(task.id)
    assert run.closure.phase == PHASE.SUCCEEDED, run.closure.error
    return dict(pair.split("=", 1) for pair in target.read_text().split("\0") if pair)


def test_a_task_sees_what_it_asks_for(fresh, connect, tmp_path):
    file = tmp_path / "token"
    file.write_text("from-file\n")
    places = {"app/token": f"file:{file}", "app/other": "env:MY_TOKEN"}
    wire = connect(fresh(secrets=places))
    seen = environment_of_a_task(wire, tmp_path)
    assert not {name for name, value in seen.items() if value in ("from-guide", "from-prefix", "not yours", "from-env")}
    assert seen["FLYTE_SECRETS_FILE_PREFIX"] == "setting-", "how to look for secrets is no secret"

    asked = [
        ("db", "", "password"),
        ("db", "v2", "password"),
        ("app", "", "token"),
        ("app", "", "other"),
        ("no", "", "such"),
    ]
    seen = environment_of_a_task(wire, tmp_path, *asked)
    wanted = {
        "DB_PASSWORD": "from-guide",
        "DB_V2_PASSWORD": "from-prefix",
        "APP_TOKEN": "from-file\n",
        "APP_OTHER": "from-env",
    }
    for name, value in wanted.items():
        assert seen[f"_FSEC_{name}"] == seen[f"FLYTE_SECRETS_{name}"] == value
    assert "not yours" not in seen.values()
    assert "MY_TOKEN" not in seen
    file.write_text("rotated")
    assert environment_of_a_task(wire, tmp_path, ("app", "", "token"))["_FSEC_APP_TOKEN"] == "rotated"

    file.unlink()
    task = shell_task(unique("shell"), "true")
    task.security_context.secrets.add(group="app", key="token")
    wire.register_task(task)
    run = wire.run(task.id)
    assert run.closure.phase == PHASE.FAILED
    assert "secret app/token: file" in run.closure.error.message


@pytest.mark.parametrize(
    ("name", "place", "told"),
    [
        ("app", "file:/x", "wanted GROUP/KEY=file:PATH"),
        ("app/key", "/x", "wanted GROUP/KEY=file:PATH"),
        ("app/key", "value:x", "wanted GROUP/KEY=file:PATH"),
        ("app/key", "file:/nothing/here", "there is no file '/nothing/here'"),
        ("app/key", "env:NOT_SET_HERE", "there is no variable 'NOT_SET_HERE'"),
    ],
)
def test_a_secret_that_cannot_be(name: str, place: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Sandbox(secrets={name: place})
    program = [
        sys.executable,
        "-m",
        "bridge_core.sandbox",
        "--port",
        "0",
        "--http-port",
        "0",
        "--secret",
        f"{name}={place}",
    ]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_value_on_the_command_line_is_not_repeated() -> None:
    program = [sys.executable, "-m", "bridge_core.sandbox", "--secret", "group/key:hunter2"]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "wanted GROUP/KEY=file:PATH" in done.stderr


def cache_statuses(wire: Wire) -> list[int]:
    """Of two runs of one cacheable task."""
    name = unique("cached")
    task = shell_task(f"{name}.task", "true", {"n": INTEGER})
    task.metadata.discoverable = True
    task.metadata.discovery_version = "1"
    template = new_workflow(name, {"n": INTEGER})
    add_node(template, "n0", task, n=("", "n"))
    target = wire.register(template, tasks=[task])
    found = []
    for _ in range(2):
        run = wire.run(target, literals(n=1))
        assert run.closure.phase == PHASE.SUCCEEDED, run.closure.error
        found.append(nodes_of(wire, run.id)["n0"].closure.task_node_metadata.cache_status)
    return found


@pytest.mark.parametrize(
    ("settings", "second"),
    [
        ({}, catalog_pb2.CACHE_HIT),
        ({"cache_overwrite": True}, catalog_pb2.CACHE_POPULATED),
        ({"cache_enabled": False}, catalog_pb2.CACHE_DISABLED),
        ({"cache_enabled": False, "cache_overwrite": True}, catalog_pb2.CACHE_DISABLED),
    ],
)
def test_settings_of_the_cache(fresh, connect, settings, second):
    assert cache_statuses(connect(fresh(**settings)))[1] == second


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], {"cache_enabled": False, "cache_overwrite": True}),
        (["--cache-enabled"], {"cache_enabled": True, "cache_overwrite": True}),
        (["--no-cache-overwrite"], {"cache_enabled": False, "cache_overwrite": False}),
    ],
)
def test_the_program_reads_the_settings_of_clients(monkeypatch: pytest.MonkeyPatch, words, wanted) -> None:
    from bridge_core.sandbox.cli import _cache, _parser

    monkeypatch.setenv("FLYTE_LOCAL_CACHE_ENABLED", "false")
    monkeypatch.setenv("FLYTE_LOCAL_CACHE_OVERWRITE", "true")
    assert _cache(_parser("x").parse_args(words)) == wanted
