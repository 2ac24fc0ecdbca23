"""The real flyte SDK, its runtime and its command line against the sandbox: nothing of it is changed or configured specially."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bridge_core.sandbox import Sandbox

from .wires import D, Grpc, P, data_of, ended, until

PROJECT = Path(__file__).parent / "sdk_project"
SHAPES = ["fan_out", "mapped", "grouped", "ordered", "read_file", "read_directory", "traced", "caught", "squares"]
SHAPES += ["reported", "flaky"]


class Sdk:
    """A home directory of a user of the SDK, with a configuration of this sandbox."""

    def __init__(self, sandbox, home):
        self.sandbox = sandbox
        self.wire = Grpc(sandbox.flyte2_endpoint)
        config = home / "config.yaml"
        config.write_text(
            f"admin:\n  endpoint: dns:///{sandbox.flyte2_endpoint}\n  insecure: true\n"
            f"task:\n  org: local\n  project: {P}\n  domain: {D}\n"
        )
        self._env = {**os.environ, "HOME": str(home), "FLYTECTL_CONFIG": str(config), "DO_NOT_TRACK": "1"}
        self._config = config

    def flyte(self, *words, code=0):
        """What the command line prints."""
        program = Path(sys.executable).with_name("flyte")
        return self.process(str(program), "--config", str(self._config), *words, code=code)

    def process(self, *command, code=0):
        done = subprocess.run(
            command, cwd=PROJECT, env=self._env, capture_output=True, text=True, timeout=170, stdin=subprocess.DEVNULL
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def run(self, *words):
        """The name of the run that ``flyte run`` starts."""
        said = self.flyte("run", *words)
        found = re.search(r"/runs/([a-z][-a-z0-9]*)", said)
        assert found, said
        return found[1]


@pytest.fixture(scope="module")
def sdk(tmp_path_factory):
    with Sandbox(prompt=True, crash_limit=3, isolation="fork") as sandbox:
        user = Sdk(sandbox, tmp_path_factory.mktemp("home"))
        yield user
        user.wire.close()


@pytest.fixture(scope="module")
def shapes(sdk):
    said = sdk.process(sys.executable, "drive.py", sdk.sandbox.flyte2_endpoint, *SHAPES)
    return json.loads(next(line for line in said.splitlines() if line.startswith('{"')))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_remote_run_puts_out_what_a_local_one_does(sdk, shapes, shape):
    found = shapes[shape]
    assert found["phase"] == "succeeded", ended(sdk.wire, found["run"]).error_info
    assert found["remote"] == found["local"]


def test_what_tasks_call_are_actions_below_them(sdk, shapes):
    run = shapes["grouped"]["run"]
    stream = sdk.wire.stream("WatchActions", {"runId": {"project": P, "domain": D, "name": run}})
    actions = [one.action for one in next(stream).enriched_actions]
    stream.close()
    children = [one for one in actions if one.metadata.parent == "a0"]
    assert [one.metadata.task.short_name for one in children] == ["scaled"] * 2
    assert {one.metadata.group for one in children} == {"pair"}


def test_the_second_call_with_the_same_inputs_is_a_cache_hit(sdk, shapes):
    listed = sdk.wire("ListActions", {"runId": {"project": P, "domain": D, "name": shapes["squares"]["run"]}}).actions
    children = [ended(sdk.wire, shapes["squares"]["run"], one.id.name) for one in listed if one.id.name != "a0"]
    assert {
        type(one.status).DESCRIPTOR.fields_by_name["cache_status"].enum_type.values[one.status.cache_status].name
        for one in children
    } <= {"CACHE_HIT", "CACHE_POPULATED"}
    assert children


def test_a_try_that_failed_is_followed_by_another_one_that_finds_its_checkpoint(sdk, shapes):
    assert len(ended(sdk.wire, shapes["flaky"]["run"]).attempts) == 2


def test_a_report_has_a_link(sdk, shapes):
    request = {
        "artifactType": "ARTIFACT_TYPE_REPORT",
        "actionAttemptId": {
            "actionId": {"run": {"project": P, "domain": D, "name": shapes["reported"]["run"]}, "name": "a0"},
            "attempt": 1,
        },
    }
    import urllib.request

    (url,) = sdk.wire("CreateDownloadLink", request).pre_signed_urls.signed_url
    with urllib.request.urlopen(url) as answer:
        assert b"<h1>done</h1>" in answer.read()


def test_a_run_waits_for_its_condition(sdk):
    run = sdk.run("shapes.py", "approved", "--x", "1")
    request = {"runId": {"project": P, "domain": D, "name": run}}
    until(
        sdk.wire, run, lambda _details: any(one.status.phase == 9 for one in sdk.wire("ListActions", request).actions)
    )
    (paused,) = [one for one in sdk.wire("ListActions", request).actions if one.status.phase == 9]
    sdk.wire(
        "SignalEvent", {"actionId": {"run": request["runId"], "name": paused.id.name}, "payload": {"boolValue": True}}
    )
    assert ended(sdk.wire, run).status.phase == 5
    assert data_of(sdk.wire, run)[1] == {"o0": 2}


def test_a_secret_of_the_command_line_reaches_the_task_and_no_answer(sdk):
    sdk.flyte("create", "secret", "shape-token", "--value", "s3cr3t-value", "--project", P, "--domain", D)
    run = sdk.run("shapes.py", "secretive")
    assert ended(sdk.wire, run).status.phase == 5
    assert data_of(sdk.wire, run)[1] == {"o0": len("s3cr3t-value")}
    assert "shape-token" in sdk.flyte("get", "secret")
    assert "s3cr3t-value" not in str(sdk.wire("ListSecrets"))


def test_a_deployed_task_is_listed_run_by_name_and_aborted(sdk):
    sdk.flyte("deploy", "shapes.py", "env")
    assert "shapes.scaled" in sdk.flyte("get", "task")
    run = sdk.run("deployed-task", "shapes.scaled", "--x", "4")
    assert ended(sdk.wire, run).status.phase == 5
    assert data_of(sdk.wire, run)[1] == {"o0": 8}
    assert run in sdk.flyte("get", "run")
    waiting = sdk.run("shapes.py", "approved", "--x", "1")
    until(sdk.wire, waiting, lambda details: details.status.phase == 4)
    sdk.flyte("abort", "run", waiting)
    assert ended(sdk.wire, waiting).status.phase == 7


def test_with_s3_storage_tasks_of_the_sdk_reach_their_files(tmp_path):
    find_rclone = pytest.importorskip("bridge_core.sandbox.blobs.s3").find_rclone
    try:
        find_rclone()
    except OSError as error:
        pytest.skip(str(error))
    with Sandbox(prompt=True, crash_limit=2, isolation="fork", storage="s3") as sandbox:
        user = Sdk(sandbox, tmp_path)
        run = user.run("shapes.py", "read_file")
        details = ended(user.wire, run)
        assert details.status.phase == 5, details.error_info
        assert details.attempts[-1].outputs.output_uri.startswith("s3://my-s3-bucket/")
        user.wire.close()
