"""``flyte-bridge launch`` takes every `RunOptions`; ``projects``; runs by the address of their page."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.flyte import RawFlyte

from bridge_core import InvalidRequest, Notification, RunOptions, SecurityContext, Unavailable
from bridge_core.cli import main
from bridge_core.cli.common import nowhere_named
from bridge_core.cli.run_options import add_run_options, run_options_of

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

EVERY = {
    "labels": (["--label", "a=b", "--label", "c=d=e"], {"a": "b", "c": "d=e"}),
    "annotations": (["--annotation", "a=b"], {"a": "b"}),
    "env_vars": (["--env", "A="], {"A": ""}),
    "interruptible": (["--no-interruptible"], False),
    "overwrite_cache": (["--overwrite-cache"], True),
    "raw_data_path": (["--raw-data-path", "s3://b/x"], "s3://b/x"),
    "service_account": (["--service-account", "me"], "me"),
    "max_parallelism": (["--max-parallelism", "3"], 3),
    "tags": (["--tag", "a", "--tag", "b"], ("a", "b")),
    "notifications": (
        ["--notify", "email:a@example.com,b@example.com:failed", "--notify", "pager-duty:c@example.com"],
        (
            Notification(kind="email", recipients=("a@example.com", "b@example.com"), phases=("FAILED",)),
            Notification(kind="pager_duty", recipients=("c@example.com",)),
        ),
    ),
    "disable_notifications": (["--disable-notifications"], True),
    "queue": (["--queue", "q"], "q"),
    "cluster_pool": (["--cluster-pool", "p"], "p"),
    "execution_cluster_label": (["--execution-cluster-label", "l"], "l"),
    "custom_context": (["--custom-context", "a=b"], {"a": "b"}),
    "cache_lookup_scope": (["--cache-lookup-scope", "global"], "global"),
    "run_base_dir": (["--run-base-dir", "s3://b"], "s3://b"),
    "security_context": (
        ["--service-account", "me", "--iam-role", "r"],
        SecurityContext(service_account="me", iam_role="r"),
    ),
    "log_level": (["--run-log-level", "debug"], "debug"),
    "max_queued_time": (["--max-queued-time", "60"], 60),
    "reset_root_logger": (["--reset-root-logger"], True),
    "log_format": (["--run-log-format", "json"], "json"),
}


def read(*words: str) -> RunOptions:
    parser = argparse.ArgumentParser()
    add_run_options(parser)
    return run_options_of(parser.parse_args(words))


def test_every_run_option_has_its_option() -> None:
    assert set(EVERY) == {field.name for field in dataclasses.fields(RunOptions)}
    assert read() == RunOptions(), "nothing is sent that was not asked for"


@pytest.mark.parametrize("field", EVERY)
def test_an_option(field: str) -> None:
    words, value = EVERY[field]
    assert read(*words) == RunOptions(**{field: value})  # type: ignore[arg-type]


def test_a_file_of_options(tmp_path: Path) -> None:
    file = tmp_path / "options.json"
    file.write_text(json.dumps({"labels": {"a": "file"}, "tags": ["t"], "interruptible": True}))
    assert read("--options", str(file), "--label", "a=line") == RunOptions(
        labels={"a": "line"}, tags=("t",), interruptible=True
    )
    file.write_text('{"label": {}}')
    with pytest.raises(InvalidRequest, match="unknown run option 'label'; known are labels"):
        read("--options", str(file))
    file.write_text("[]")
    with pytest.raises(InvalidRequest, match=r"--options .*: wanted a JSON object, found list"):
        read("--options", str(file))
    with pytest.raises(InvalidRequest, match="--notify 'me': wanted KIND:TO"):
        read("--notify", "me")


@pytest.fixture
def where(flyte_sandbox: Sandbox) -> list[str]:
    return ["--endpoint", flyte_sandbox.endpoint, "--insecure", "--project", "flytesnacks", "--domain", "development"]


def test_they_are_sent(raw: RawFlyte, name: str, where: list[str]) -> None:
    raw.register(name, {})
    words = ["--tag", "t", "--no-interruptible", "--max-parallelism", "3", "--run-log-level", "debug", "--env", "A=b"]
    assert main([*where, "launch", name, "--name", name, *words]) == 0
    (run,) = [item for item in raw.executions() if item.id.name == name]
    assert (list(run.spec.tags), run.spec.max_parallelism) == (["t"], 3)
    assert run.spec.HasField("interruptible")
    assert not run.spec.interruptible.value
    assert {pair.key for pair in run.spec.envs.values} == {"A", "FLYTE_SDK_LOGGING_LEVEL"}


def test_what_flyte_1_has_not(raw: RawFlyte, name: str, where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    raw.register(name, {})
    assert main([*where, "launch", name, "--queue", "q"]) == 2
    assert "run option 'queue' cannot be honoured by Flyte 1" in capsys.readouterr().err


def test_projects(where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*where, "projects"]) == 0
    assert "flytesnacks  development, staging, production" in capsys.readouterr().out
    assert main([*where, "projects", "--output", "json"]) == 0
    assert "flytesnacks" in {project["id"] for project in json.loads(capsys.readouterr().out)}


def test_a_run_by_the_address_of_its_page(
    raw: RawFlyte, name: str, where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    raw.register(name, {})
    assert main([*where, "launch", name, "--name", name, "--wait"]) == 0
    page = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("http"))
    for text in (page, f"ex:flytesnacks:development:{name}", name):
        assert main([*where, "get", text]) == 0
        assert f"run flytesnacks/development/{name} SUCCEEDED" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["launc", "x"], "did you mean 'launch'"),
        (["list", "launch_plan"], "did you mean 'launch-plans'"),
        (["launch", "wf", "day=2026", "n=3"], "inputs are given with -i: -i day=2026 -i n=3"),
        (["launch"], "usage: flyte-bridge launch [OPTIONS] ENTITY\n"),
        (["scheduler", "rewind"], "usage: flyte-bridge scheduler rewind [OPTIONS] FILE [TRIGGER …]\n"),
        (
            ["wait", "x", "--timeout", "soon"],
            "or a duration like 1h30m, got 'soon'; flyte-bridge wait --help says more",
        ),
    ],
)
def test_a_slip_is_told_in_a_few_lines(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    shown = capsys.readouterr().err
    assert told in shown
    assert len(shown.splitlines()) <= 2


def test_who_has_named_no_flyte_is_told_so_when_the_default_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith(("FLYTE", "UCTL"))]:
        monkeypatch.delenv(name)
    given = dict.fromkeys(("config", "insecure", "project", "domain", "data_upload_location"))
    away = Unavailable("cannot reach Flyte at localhost:30080 (GetVersion): connection refused")
    nowhere = argparse.Namespace(endpoint=None, **given)
    assert nowhere_named(nowhere, away)
    assert not nowhere_named(nowhere, Unavailable("Airflow at http://localhost:8080 could not be asked"))
    assert not nowhere_named(argparse.Namespace(endpoint="localhost:30080", **given), away)
    monkeypatch.setenv("FLYTE_PLATFORM_URL", "localhost:30080")
    assert not nowhere_named(nowhere, away)
