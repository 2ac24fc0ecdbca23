"""The commands in container files, manifests and crontab, run as processes: with other paths and ports, and nothing else."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.deploy_files import ROOT, cron_lines, instruction, manifest
from support.flyte import RawFlyte
from support.ports import free_ports
from support.schedules import executions

from bridge_core import Client

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

BIN = Path(sys.executable).parent


@pytest.fixture
def settings(flyte_sandbox: Sandbox, tmp_path: Path) -> Path:
    """In place of the mounted ``flyte.yaml``."""
    path = tmp_path / "flyte.yaml"
    where = f"admin: {{endpoint: 'dns:///{flyte_sandbox.endpoint}', insecure: true}}"
    path.write_text(f"{where}\ntask: {{project: flytesnacks, domain: development}}\n")
    return path


def environment(**more: str) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("FLYTE")}
    return {**clean, "PATH": f"{BIN}{os.pathsep}{clean['PATH']}", **more}


@contextmanager
def running(words: list[str], env: dict[str, str], cwd: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(words, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as one:
        try:
            yield one
        finally:
            one.kill()


def code_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def from_manifest() -> list[str]:
    (container,) = manifest("kubernetes/scheduler.yaml", "Deployment")["spec"]["template"]["spec"]["containers"]
    return [*instruction("scheduler.Dockerfile", "ENTRYPOINT"), *container["args"]]


def from_container_file() -> list[str]:
    return [*instruction("scheduler.Dockerfile", "ENTRYPOINT"), *instruction("scheduler.Dockerfile", "CMD")]


@pytest.mark.parametrize("command", [from_manifest, from_container_file], ids=["manifest", "container file"])
def test_the_scheduler_becomes_ready_is_probed_and_stops(
    command: Callable[[], list[str]], settings: Path, flyte_sandbox: Sandbox, tmp_path: Path
) -> None:
    spec: Any = manifest("kubernetes/scheduler.yaml", "Deployment")["spec"]["template"]["spec"]
    data = manifest("kubernetes/scheduler.yaml", "ConfigMap")["data"]
    (tmp_path / "triggers.yaml").write_text(data["triggers.yaml"])
    (port,) = free_ports(1)
    words = [
        re.sub(r"^(--http-port=)?8080$", rf"\g<1>{port}", word.replace("/etc/flyte-bridge", str(tmp_path))).replace(
            "0.0.0.0",
            "127.0.0.1",
        )
        for word in command()
    ]
    assert str(port) in " ".join(words)
    env = environment(FLYTE_BRIDGE_STATE=f"sqlite:///{tmp_path}/state.db", FLYTECTL_CONFIG=str(settings))
    with running(words, env, tmp_path) as process:
        container = spec["containers"][0]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            while code_of(f"http://127.0.0.1:{port}{container[probe]['httpGet']['path']}") != 200:
                assert process.poll() is None, process.communicate()[0]
                time.sleep(0.05)
        assert code_of(f"http://127.0.0.1:{port}/metrics") == 200
        process.send_signal(signal.SIGTERM)
        log, _ = process.communicate(timeout=spec["terminationGracePeriodSeconds"])
    assert process.returncode == 0, log
    assert '"scheduler stopped; 0 ticks wait for the next start"' in log


def test_a_cron_line_launches_once_however_often_it_runs(
    flyte_sandbox: Sandbox, settings: Path, tmp_path: Path
) -> None:
    raw = RawFlyte(flyte_sandbox.endpoint)
    from flyteidl.core import types_pb2

    text = types_pb2.LiteralType(simple=types_pb2.STRING)
    for _, command in cron_lines():
        name = "cron" + uuid.uuid4().hex[:8]
        entity, key = re.findall(r"launch (\S+) --input (\w+)=", command)[0]
        raw.register(name, {key: text}, activate=True)
        line = command.replace(entity, name).replace("--name ", f"--name {name[-6:].translate(DIGITS)}-")
        line = re.sub(r"/var/log/\w+\.log", str(tmp_path / "log"), line)
        for _ in range(2):
            done = subprocess.run(
                ["/bin/sh", "-c", line], env=environment(FLYTECTL_CONFIG=str(settings)), cwd=tmp_path, timeout=100
            )
            assert done.returncode == 0, (tmp_path / "log").read_text()
        (run,) = executions(raw, name)
        with Client(flyte_sandbox.config()) as client:
            from bridge_core import RunRef

            client.wait(RunRef(run.id.project, run.id.domain, run.id.name)).raise_for_phase()


@pytest.mark.parametrize("source", ["manifest", "container file"])
def test_the_connector_service_becomes_ready_and_stops(source: str, tmp_path: Path) -> None:
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    spec: Any = manifest("kubernetes/connector.yaml", "Deployment")["spec"]["template"]["spec"]
    words = instruction("connector.Dockerfile", "ENTRYPOINT")
    arguments = spec["containers"][0]["args"] if source == "manifest" else instruction("connector.Dockerfile", "CMD")
    port, http = free_ports(2)
    places = {"8000": str(port), "9090": str(http), "0.0.0.0": "127.0.0.1"}
    for word in arguments:
        option, found, value = word.rpartition("=")
        words.append(f"{option}{found}{places.get(value, value)}")
    served = {one["name"]: one["value"] for one in spec["containers"][0]["env"]}
    secrets = {"AIRFLOW_USERNAME": "me", "AIRFLOW_PASSWORD": "x"}
    with (
        running(words, environment(**served, **secrets), tmp_path) as process,
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        answer = health.Check(health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=60)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        assert code_of(f"http://127.0.0.1:{http}/healthz") == 200
        assert code_of(f"http://127.0.0.1:{http}/metrics") == 200
        process.send_signal(signal.SIGTERM)
        log, _ = process.communicate(timeout=spec["terminationGracePeriodSeconds"])
    assert process.returncode == 0, log


DIGITS = str.maketrans("0123456789", "ghijklmnop")
"""Run names begin with a letter."""


@pytest.mark.full
def test_the_code_server_of_dagster_starts(tmp_path: Path) -> None:
    words = instruction("dagster.Dockerfile", "CMD")
    (tmp_path / "definitions.py").write_text((ROOT / "examples" / "dagster_run_workflow.py").read_text())
    (port,) = free_ports(1)
    at = words.index("--port") + 1
    words[at] = str(port)
    words[words.index("--host") + 1] = "127.0.0.1"
    env = environment(DAGSTER_HOME=str(tmp_path))
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    check = [str(BIN / "dagster"), "api", "grpc-health-check", "--port", str(port), "--host", "127.0.0.1"]
    with running(words, env, tmp_path) as process:
        while subprocess.run(check, env=env, capture_output=True).returncode != 0:
            assert process.poll() is None, process.communicate()[0]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
