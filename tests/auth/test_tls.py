"""TLS and the way to the provider: CA file, client certificate, skip-verify, HTTP proxy; and what `config check` says."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from support.authority import Authority
from support.guarded import GuardedFlyte
from support.http_proxy import HttpProxy
from support.provider import Provider

from bridge_core import Client, Config, ConfigError, RunNotFound, RunRef, Unavailable
from bridge_core.cli.main import main

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

pytestmark = pytest.mark.full  # Node, for the OpenID provider

NOBODY = RunRef("flytesnacks", "development", "nobody")
SECRET = "s3cret/+:%&="


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(params=["server only", "mutual"])
def mutual(request: pytest.FixtureRequest) -> bool:
    return request.param == "mutual"


@pytest.fixture
def secure(provider: Provider, flyte_sandbox: Sandbox, authority: Authority, mutual: bool) -> Iterator[GuardedFlyte]:
    with GuardedFlyte(flyte_sandbox.endpoint, provider, tls=authority.credentials(mutual=mutual)) as flyte:
        flyte.is_good = lambda token: token == "it"
        yield flyte


def config_of(flyte: GuardedFlyte, **more: Any) -> Config:
    return Config.for_endpoint(
        f"localhost:{flyte.port}", auth={"token": "it"}, rpc_timeout=5, retry={"retries": 0}, **more
    )


def reaches(config: Config) -> None:
    with Client(config) as client, pytest.raises(RunNotFound):
        client.describe(NOBODY)


def test_ca_file_and_client_certificate(secure: GuardedFlyte, authority: Authority, mutual: bool) -> None:
    ca = {"ca_cert_file": str(authority.ca_file)}
    reaches(
        config_of(secure, **ca, client_cert_file=str(authority.client_chain), client_key_file=str(authority.client_key))
    )
    reaches(config_of(secure, **ca, client_cert_file=str(authority.client_both)))
    if not mutual:
        reaches(config_of(secure, **ca))
        reaches(config_of(secure, insecure_skip_verify=True))
    with Client(config_of(secure)) as client, pytest.raises(Unavailable):
        client.describe(NOBODY)
    with (
        Client(config_of(secure, **ca, client_cert_file="/nowhere.pem")) as client,
        pytest.raises(ConfigError, match=r"client_cert_file /nowhere\.pem cannot be read: No such file"),
    ):
        client.describe(NOBODY)
    credentials = grpc.ssl_channel_credentials(
        authority.ca_file.read_bytes(), authority.client_key.read_bytes(), authority.client_chain.read_bytes()
    )
    with Client(config_of(secure), credentials=credentials) as client, pytest.raises(RunNotFound):
        client.describe(NOBODY)


@pytest.mark.asyncio
async def test_channel_credentials_of_the_caller_on_a_loop(secure: GuardedFlyte, authority: Authority) -> None:
    from bridge_core import AsyncClient

    credentials = grpc.ssl_channel_credentials(
        authority.ca_file.read_bytes(), authority.client_key.read_bytes(), authority.client_chain.read_bytes()
    )
    async with AsyncClient(config_of(secure), credentials=credentials) as client:
        with pytest.raises(RunNotFound):
            await client.describe(NOBODY)


def run_check(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, tuple[bool, str]]]:
    code = main(["config", "check", "--output", "json", "--timeout", "3", *arguments])
    steps = json.loads(capsys.readouterr().out)["steps"]
    return code, {step["name"]: (step["ok"], step["text"]) for step in steps}


@pytest.mark.parametrize("mutual", ["server only"], indirect=True)
def test_check_of_a_certificate(
    secure: GuardedFlyte, authority: Authority, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLYTE_CREDENTIALS_TOKEN", "it")
    here = ("--endpoint", f"localhost:{secure.port}")
    code, steps = run_check(capsys, *here)
    assert (code, steps["encryption"][0]) == (3, False)
    assert "signed by an authority this machine does not know; set ca_cert_file" in steps["encryption"][1]
    code, steps = run_check(capsys, *here, "--insecure")
    assert (code, steps["encryption"][0]) == (3, False)
    assert "the server speaks TLS, and insecure is true" in steps["encryption"][1]
    monkeypatch.setenv("FLYTE_PLATFORM_CA_CERT_FILE_PATH", str(authority.ca_file))
    code, steps = run_check(capsys, *here)
    assert code == 0, steps
    assert steps["identity"][1] == "not offered by this Flyte (UNIMPLEMENTED)"  # as FlyteAdmin without authentication
    assert "authenticated by a token in 'flyte-authorization' (auth mode Token)" in steps["version"][1]
    code, steps = run_check(capsys, "--endpoint", f"127.0.0.2:{secure.port}")
    assert code == 3
    monkeypatch.setenv("FLYTE_CREDENTIALS_TOKEN", "hunter2")
    code, steps = run_check(capsys, *here)
    assert code == 5
    assert "A fresh token was refused too" in steps["version"][1]
    assert "hunter2" not in str(steps)


@pytest.mark.parametrize("mutual", ["mutual"], indirect=True)
def test_check_of_a_client_certificate(
    secure: GuardedFlyte, authority: Authority, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLYTE_CREDENTIALS_TOKEN", "it")
    monkeypatch.setenv("FLYTE_PLATFORM_CA_CERT_FILE_PATH", str(authority.ca_file))
    here = ("--endpoint", f"localhost:{secure.port}")
    code, steps = run_check(capsys, *here)
    assert code == 3
    assert "wants a client certificate; set client_cert_file" in steps["encryption"][1]
    monkeypatch.setenv("FLYTE_ADMIN_CLIENTCERTFILEPATH", str(authority.client_both))
    assert run_check(capsys, *here)[0] == 0


def test_check_of_a_plaintext_server(
    guarded: GuardedFlyte, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = ("--endpoint", guarded.endpoint)
    code, steps = run_check(capsys, *here)
    assert code == 3
    assert "the server speaks plaintext, and insecure is false; set insecure to true" in steps["encryption"][1]
    code, steps = run_check(capsys, *here, "--insecure")
    assert code == 5
    assert "auth mode Pkce opens a browser" in steps["version"][1]
    monkeypatch.setenv("FLYTE_CREDENTIALS_CLIENT_ID", "service")
    monkeypatch.setenv("FLYTE_CREDENTIALS_CLIENT_SECRET", SECRET)
    monkeypatch.setenv("FLYTE_CREDENTIALS_AUTH_MODE", "basic")
    monkeypatch.setenv("FLYTE_CREDENTIALS_SCOPES", "all")
    assert run_check(capsys, *here, "--insecure", "--project", "flytesnacks")[0] == 0
    assert main(["config", "check", *here, "--insecure"]) == 0
    assert capsys.readouterr().out.startswith("ok  configuration")


def test_oauth_goes_through_the_http_proxy(
    service: Callable[..., Config], provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "bridge_core")
    with HttpProxy() as proxy:
        reaches(service(http_proxy_url=f"http://user:hunter2@127.0.0.1:{proxy.port}"))
    assert proxy.asked == [(f"{provider.issuer}/token", "Basic dXNlcjpodW50ZXIy")]
    assert "hunter2" not in caplog.text


def test_secrets_go_over_https_only_unless_plaintext_was_asked_for(
    provider: Provider, flyte_sandbox: Sandbox, authority: Authority
) -> None:
    with GuardedFlyte(flyte_sandbox.endpoint, provider, tls=authority.credentials()) as flyte:
        flyte.issuer = "http://idp.example.com"
        config = Config.for_endpoint(
            f"localhost:{flyte.port}",
            ca_cert_file=str(authority.ca_file),
            auth={"mode": "ClientSecret", "client_id": "service", "client_secret": SECRET},
        )
        with (
            Client(config) as client,
            pytest.raises(ConfigError, match=r"names idp\.example\.com .*sent over https only"),
        ):
            client.describe(NOBODY)
