"""A real OpenID provider (npm's oidc-provider), and a Flyte that lets only its tokens in."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.guarded import GuardedFlyte
from support.parts import lacking
from support.provider import Provider, install

from bridge_core import Config

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

FOLDER = Path(__file__).parent / "provider"


@pytest.fixture(autouse=True)
def _nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no file of the machine may decide these tests."""
    for name in list(os.environ):
        if name.startswith(("FLYTE_", "_FLYTECTL", "FLYTECTL", "UCTL")) and name != "FLYTE_BRIDGE_FULL":
            monkeypatch.delenv(name)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "GRPC_PROXY", "NO_GRPC_PROXY"):
        monkeypatch.delenv(name.lower(), raising=False)
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))


@pytest.fixture(scope="session")
def _provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    why = f"not installed: {', '.join(missing)}" if missing else ""
    package = None
    if not missing:
        try:
            package = install(FOLDER)
        except (OSError, subprocess.SubprocessError) as error:
            why = f"npm install oidc-provider failed: {error}"
    if package is None:
        lacking(f"an OpenID provider: {why}")
    with Provider(FOLDER / "provider.mjs", package, tmp_path_factory.mktemp("provider")) as provider:
        yield provider


@pytest.fixture
def provider(_provider: Provider) -> Provider:
    _provider.forget()
    return _provider


@pytest.fixture
def guarded(provider: Provider, flyte_sandbox: Sandbox) -> Iterator[GuardedFlyte]:
    """The session's sandbox behind a server that asks for tokens."""
    with GuardedFlyte(flyte_sandbox.endpoint, provider) as flyte:
        yield flyte


SECRET = "s3cret/+:%&="
"""Of every service in provider.mjs: each character of it needs quoting somewhere."""


@pytest.fixture
def config(guarded: GuardedFlyte) -> Callable[..., Config]:
    """A Config for the guarded Flyte with these settings of its auth part."""

    def make(**auth: Any) -> Config:
        return Config.for_endpoint(
            guarded.endpoint, insecure=True, flyte_version=1, project="flytesnacks", domain="development", auth=auth
        )

    return make


@pytest.fixture
def service(config: Callable[..., Config]) -> Callable[..., Config]:
    """The same, for client credentials."""

    def make(client_id: str = "service", secret: str = SECRET, **more: Any) -> Config:
        return config(mode="ClientSecret", client_id=client_id, client_secret=secret, scopes=("all",), **more)

    return make
