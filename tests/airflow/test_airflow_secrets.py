"""Secrets of a connection reach Flyte and nobody else: no log, no XCom, no rendered field, no table, no process list."""

from __future__ import annotations

import json

import psutil
import pytest

CANARIES = {
    "token": "canary-token-7f3a",
    "s3_secret_access_key": "canary-store-7f3a",
    "command": "get-token canary-command-7f3a",
    "metadata": {"x-api-key": "canary-header-7f3a"},
}
PASSWORD = "canary-password-7f3a"  # not one
ALL = (PASSWORD, "canary-token-7f3a", "canary-store-7f3a", "canary-command-7f3a", "canary-header-7f3a")


def connect(airflow, sandbox):
    host, _, port = sandbox.endpoint.partition(":")
    extra = {"insecure": True, "project": "flytesnacks", "domain": "development", "auth_mode": "Token", **CANARIES}
    airflow.call(
        "POST",
        "/connections",
        connection_id="canary",
        conn_type="flyte",
        host=host,
        port=int(port),
        login="me",
        password=PASSWORD,
        extra=json.dumps(extra),
    )


def places(home):
    """Everything that Airflow has written, with what holds it."""
    for folder in ("logs", "component-logs"):
        for file in (home.root / folder).rglob("*"):
            if file.is_file():
                yield str(file.relative_to(home.root)), file.read_bytes()
    for file in home.root.glob("airflow.db*"):
        yield file.name, file.read_bytes()


@pytest.mark.long
def test_secrets_stay_where_they_belong(start, airflow, home, sandbox):
    connect(airflow, sandbox)
    try:
        cases = [start(dag_id) for dag_id in ("canary_waits", "canary_defers", "canary_fails")]
        for case in cases[:2]:
            case.flyte.approve(case.launched()[0])
            case.wait("success")
        cases[2].wait("failed")
        sent = [dict(call.metadata) for call in sandbox.calls.of("GetExecution") if "x-api-key" in dict(call.metadata)]
        assert sent, "they are used"
        lines = " ".join(" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))
        leaks = [(name, secret) for name, data in places(home) for secret in ALL if secret.encode() in data]
        assert not leaks
        assert not [secret for secret in ALL if secret in lines]
    finally:
        airflow.call("DELETE", "/connections/canary")
