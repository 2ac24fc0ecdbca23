"""A resource for the session's embedded Flyte, and the wire behind its back."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster_support import CANARIES, Daemon, Home, Webserver, served
from support.flyte import DOMAIN, INTEGER, PROJECT, RawFlyte

from dagster_integration import FlyteResource

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the developer's Flyte nor the developer's Dagster takes part."""
    for name in list(os.environ):
        if name.startswith(("FLYTE", "DAGSTER", "UCTL")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)


@dataclass(frozen=True)
class Running:
    """Dagster's webserver, code server, run launcher and daemon, which all tests of a process share.

    Attributes:
        webserver: Its API.
        home: Its DAGSTER_HOME.
        entity: The workflow of `flyte_defs`: each run of it waits until a test lets it go.
        guarded: A Flyte that asks for tokens, for `secret_defs`.
        daemon: May be killed, and must be started again.
    """

    webserver: Webserver
    home: Home
    entity: str
    guarded: Sandbox
    daemon: Daemon


@pytest.fixture(scope="session")
def _flyte_sandbox_server() -> Iterator[Sandbox]:
    """One for this folder: the daemon of `running` asks it for ever, and other tests count what they are asked."""
    from bridge_core.sandbox import Sandbox

    with Sandbox(isolation="fork") as started:  # of flytekit's tasks: test_dagster_pipes.py
        yield started


@pytest.fixture(scope="session")
def running(_flyte_sandbox_server: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    from bridge_core.sandbox import Auth, Sandbox

    entity = "dagster.held"
    RawFlyte(_flyte_sandbox_server.endpoint).register(entity, {"n": INTEGER}, gate="approve")
    files = tmp_path_factory.mktemp("secrets")
    for name in ("secret", "token", "assertion"):
        (files / name).write_text(f"canary-file-{name}-5c1e")
    with Sandbox(auth=Auth(client_secret=CANARIES["CANARY_CLIENT"])) as guarded:
        home = Home(
            tmp_path_factory.mktemp("dagster") / "home",
            _flyte_sandbox_server.endpoint,
            entity,
            settings="run_retries: {enabled: true}\n",
            TEST_AUTH_ENDPOINT=guarded.endpoint,
            TEST_SECRET_FILES=str(files),
            **CANARIES,
        )
        with served(home) as webserver:
            daemon = Daemon(home)
            daemon.start()
            try:
                yield Running(webserver=webserver, home=home, entity=entity, guarded=guarded, daemon=daemon)
            finally:
                daemon.stop()


@pytest.fixture
def webserver(running: Running) -> Webserver:
    return running.webserver


@pytest.fixture
def raw(flyte_sandbox: Sandbox) -> RawFlyte:
    return RawFlyte(flyte_sandbox.endpoint)


@pytest.fixture
def name() -> str:
    """A name that no other test uses, for a workflow."""
    return "t" + uuid.uuid4().hex[:12]


@pytest.fixture
def flyte(flyte_sandbox: Sandbox) -> FlyteResource:
    return FlyteResource(
        endpoint=flyte_sandbox.endpoint,
        insecure=True,
        project=PROJECT,
        domain=DOMAIN,
        console_endpoint=flyte_sandbox.console_url,
    )


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance
