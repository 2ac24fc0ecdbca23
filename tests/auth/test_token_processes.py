"""Many processes, one login: on each cache, with a strict provider that revokes a login whose refresh token comes twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.guarded import GuardedFlyte
from support.provider import Provider, device_page, log_in

from bridge_core import Client, Config, RunNotFound, RunRef

pytestmark = pytest.mark.full  # Node, for the OpenID provider

Make = Callable[..., Config]

TASK = """
import json, sys, time
from bridge_core import Client, Config, RunNotFound, RunRef
config, seconds = json.loads(sys.argv[1]), float(sys.argv[2])
sys.stdin.readline()  # all begin together
with Client(Config.from_mapping(config)) as client:
    end = time.monotonic() + seconds
    while True:
        try:
            client.describe(RunRef("flytesnacks", "development", "nobody"))
        except RunNotFound:
            pass
        if time.monotonic() >= end:
            break
        time.sleep(0.1)
"""

RING = '''
"""A keyring in a file, slow enough that two processes which read and write without a lock get in each other's way."""
import json, os, pathlib, time
from keyring.backend import KeyringBackend

class Ring(KeyringBackend):
    priority = 1
    file = pathlib.Path(os.environ["RING"])

    def get_password(self, service, username):
        time.sleep(0.02)
        return json.loads(self.file.read_text()).get(username) if self.file.exists() else None

    def set_password(self, service, username, password):
        time.sleep(0.02)
        known = json.loads(self.file.read_text()) if self.file.exists() else {}
        fresh = self.file.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps({**known, username: password}))
        fresh.replace(self.file)
'''


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Of the processes; this one finds the same keyring."""
    import keyring

    (tmp_path / "slow_ring.py").write_text(RING)
    monkeypatch.setenv("RING", str(tmp_path / "ring.json"))
    monkeypatch.syspath_prepend(str(tmp_path))
    import slow_ring

    slow_ring.Ring.file = tmp_path / "ring.json"
    monkeypatch.setattr("keyring.core._keyring_backend", slow_ring.Ring())
    assert isinstance(keyring.get_keyring(), slow_ring.Ring)
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(tmp_path), *sys.path)),
        "PYTHON_KEYRING_BACKEND": "slow_ring.Ring",
    }


def run(config: Config, environment: dict[str, str], *, count: int, seconds: float) -> list[str]:
    """What so many processes that begin together complained about."""
    command = [sys.executable, "-c", TASK, json.dumps(config.to_mapping()), str(seconds)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        for _ in range(count)
    ]
    try:
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        ends = [process.communicate(timeout=120)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [end for end, process in zip(ends, processes, strict=True) if process.returncode]


@pytest.mark.parametrize("cache", ["file", "keyring"])
def test_six_processes_spend_each_refresh_token_once(  # noqa: PLR0917  # fixtures
    cache: str,
    config: Make,
    guarded: GuardedFlyte,
    provider: Provider,
    environment: dict[str, str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    guarded.client_id = "short-flytectl"  # tokens of 3 s
    shared = config(
        mode="DeviceFlow", device_poll_interval=0.3, token_cache=cache, token_cache_dir=str(tmp_path / "tokens")
    )
    with Client(shared) as client:
        person = threading.Thread(target=lambda: (provider.requests(at_least=1), log_in(device_page(caplog.messages))))
        person.start()
        with pytest.raises(RunNotFound):
            client.describe(RunRef("flytesnacks", "development", "nobody"))
        person.join()
    already = len(provider.grants(at_least=2))
    assert run(shared, environment, count=6, seconds=12) == []
    refreshes = provider.grants()[already:]
    assert set(refreshes) == {("refresh_token", 200)}  # never refused, and nobody had to log in again
    assert len(guarded.tokens()) == len(refreshes) + 1  # each rotation was used: one refresh for all six
    assert len(refreshes) >= 3


def test_one_token_request_per_pod_and_no_discovery_where_the_configuration_says_it_all(
    service: Make, guarded: GuardedFlyte, provider: Provider, environment: dict[str, str], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret/+:%&=")
    told: dict[str, Any] = {"token_url": f"{provider.issuer}/token", "authorization_header": guarded.header}
    cache = {"token_cache": "file", "token_cache_dir": str(tmp_path / "tokens")}
    pod = service(secret={"location": str(secret)}, **told, **cache)
    assert run(pod, environment, count=6, seconds=0) == []
    assert provider.grants(at_least=1) == [("client_credentials", 200)]
    assert set(guarded.methods()) == {"GetExecution"}
    assert run(pod, environment, count=6, seconds=0) == []
    assert len(provider.grants()) == 1


def test_a_service_account_token_is_the_assertion_and_is_read_again_when_it_rotates(
    config: Make, guarded: GuardedFlyte, provider: Provider, tmp_path: Path
) -> None:
    projected = tmp_path / "token"
    pod = config(
        client_id="pod",
        client_assertion={"location": str(projected)},
        scopes=("all",),
        token_url=f"{provider.issuer}/token",
        authorization_header=guarded.header,
    )
    assert pod.auth.effective_mode == "ClientSecret"
    old: list[str] = []
    guarded.is_good = lambda token: token not in old and provider.is_good(token)
    with Client(pod) as client:
        for _ in range(2):
            projected.write_text(provider.signer.sign(provider.issuer))  # each is good for one login
            with pytest.raises(RunNotFound):
                client.describe(RunRef("flytesnacks", "development", "nobody"))
            old = guarded.tokens()
    assert provider.grants(at_least=2) == [("client_credentials", 200)] * 2
    assert len(guarded.tokens()) == 2
    assert set(guarded.methods()) == {"GetExecution"}


def test_flyte_is_asked_late_when_it_wants_another_audience(
    service: Make, guarded: GuardedFlyte, provider: Provider
) -> None:
    guarded.header = "authorization"
    guarded.is_good = lambda token: token == guarded.tokens()[-1] and len(guarded.tokens()) == 2
    with Client(service(token_url=f"{provider.issuer}/token")) as client:
        for _ in range(3):
            with pytest.raises(RunNotFound):
                client.describe(RunRef("flytesnacks", "development", "nobody"))
    told = [line.get("audience") for line in provider.requests(at_least=2)]
    assert told == [None, "https://flyte.example"]
    assert guarded.methods().count("GetPublicClientConfig") == 1


def test_flyte_is_asked_late_when_it_wants_another_key_and_the_token_stays(
    service: Make, guarded: GuardedFlyte, provider: Provider
) -> None:
    with Client(service(token_url=f"{provider.issuer}/token", audience="https://flyte.example")) as client:
        for _ in range(3):
            with pytest.raises(RunNotFound):
                client.describe(RunRef("flytesnacks", "development", "nobody"))
    assert provider.grants(at_least=1) == [("client_credentials", 200)]
    assert len(guarded.tokens()) == 1
    assert guarded.methods().count("GetPublicClientConfig") == 1
