"""Ways to Flyte: certificates that are not checked, HTTP proxies for gRPC, IPv6 literals; what `config check` says of them."""

from __future__ import annotations

import datetime as dt
import json
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import trustme
from support.authority import serving
from support.guarded import GuardedFlyte
from support.http_proxy import HttpProxy
from support.ports import has_ipv6

from bridge_core import AsyncClient, Client, Config, ConfigError, RunNotFound, RunRef, Unavailable
from bridge_core.cli.main import main

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

NOBODY = RunRef("flytesnacks", "development", "nobody")
Serve = Callable[..., GuardedFlyte]


@pytest.fixture
def serve(flyte_sandbox: Sandbox) -> Iterator[Serve]:
    """Starts a Flyte that takes the token ``it``, with these TLS credentials."""
    with ExitStack() as stack:

        def start(tls: grpc.ServerCredentials | None = None, **more: Any) -> GuardedFlyte:
            known: Any = SimpleNamespace(is_good=lambda token: token == "it", issuer="http://127.0.0.1:9")
            flyte = stack.enter_context(GuardedFlyte(flyte_sandbox.endpoint, known, tls=tls, **more))
            flyte.header = "authorization"
            return flyte

        yield start


def reaches(config: Config) -> None:
    with Client(config) as client, pytest.raises(RunNotFound):
        client.describe(NOBODY)


def to(endpoint: str, **more: Any) -> Config:
    auth = {"token": "it", **more.pop("auth", {})}
    return Config.for_endpoint(endpoint, auth=auth, rpc_timeout=10, retry={"retries": 0}, search_cwd=False, **more)


def check(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, tuple[bool, str]]]:
    code = main(["config", "check", "--output", "json", "--timeout", "3", *arguments])
    return code, {step["name"]: (step["ok"], step["text"]) for step in json.loads(capsys.readouterr().out)["steps"]}


CERTIFICATES: dict[str, dict[str, Any]] = {
    "another name": {"names": ["flyte.internal", "second.internal"]},
    "an address": {"names": ["10.1.2.3"]},
    "a wildcard": {"names": ["*.flyte.internal"]},
    "IPv6": {"names": ["2001:db8::1"]},
    "an old-fashioned name": {"names": [], "common_name": "flyte.internal"},
    "the right one": {"names": ["localhost", "127.0.0.1"]},
}


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_skip_verify_takes_whatever_certificate_is_shown(
    kind: str, serve: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    about = dict(CERTIFICATES[kind])
    flyte = serve(serving(trustme.CA().issue_cert(*about.pop("names"), **about)))
    for host in ("localhost", "127.0.0.1"):
        endpoint = f"{host}:{flyte.port}"
        reaches(to(endpoint, insecure_skip_verify=True))
        reaches(to(endpoint, insecure_skip_verify=True, ca_cert_file="/nowhere/ca.pem"))  # which is not asked
        with Client(to(endpoint)) as client, pytest.raises(Unavailable):
            client.describe(NOBODY)
    monkeypatch.setenv("FLYTE_CREDENTIALS_TOKEN", "it")
    code, steps = check(capsys, "--endpoint", endpoint)
    assert (code, steps["encryption"][0]) == (3, False)
    monkeypatch.setenv("FLYTE_PLATFORM_INSECURE_SKIP_VERIFY", "true")
    code, steps = check(capsys, "--endpoint", endpoint)
    assert code == 0, steps
    assert steps["encryption"][1].endswith("the certificate is not checked (insecure_skip_verify)")


@pytest.mark.asyncio
async def test_skip_verify_on_a_loop(serve: Serve) -> None:
    flyte = serve(serving(trustme.CA().issue_cert("flyte.internal")))
    async with AsyncClient(to(f"127.0.0.1:{flyte.port}", insecure_skip_verify=True)) as client:
        with pytest.raises(RunNotFound):
            await client.describe(NOBODY)


def test_a_certificate_out_of_its_dates_is_named_because_grpc_checks_these(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    flyte = serve(serving(trustme.CA().issue_cert("localhost", not_after=past)))
    endpoint = f"localhost:{flyte.port}"
    expected = f"the certificate of {endpoint} is out of its dates .*, which gRPC checks even with insecure_skip_verify"
    with Client(to(endpoint, insecure_skip_verify=True)) as client, pytest.raises(ConfigError, match=expected):
        client.describe(NOBODY)
    monkeypatch.setenv("FLYTE_PLATFORM_INSECURE_SKIP_VERIFY", "true")
    code, steps = check(capsys, "--endpoint", endpoint)
    assert code == 3
    assert "is out of its dates" in steps["encryption"][1]


def test_a_server_that_is_away_when_its_certificate_is_wanted_could_not_be_asked(serve: Serve) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    with (
        Client(to(endpoint, insecure_skip_verify=True)) as client,
        pytest.raises(Unavailable, match="cannot fetch the cert"),
    ):
        client.describe(NOBODY)


@pytest.fixture
def proxy() -> Iterator[HttpProxy]:
    with HttpProxy() as proxy:
        yield proxy


@pytest.mark.parametrize("secure", [False, True])
def test_the_http_proxy_setting_serves_grpc(
    secure: bool, serve: Serve, proxy: HttpProxy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flyte = serve(serving(trustme.CA().issue_cert("flyte.internal")) if secure else None)
    plain = {"insecure_skip_verify": True} if secure else {"insecure": True}
    way = f"http://user:hunter%202@127.0.0.1:{proxy.port}"
    reaches(to(f"localhost:{flyte.port}", auth={"http_proxy_url": way}, **plain))
    assert set(proxy.tunnels) == {(f"localhost:{flyte.port}", "Basic dXNlcjpodW50ZXIgMg==")}
    assert proxy.asked == []
    proxy.tunnels.clear()
    monkeypatch.setenv("no_proxy", "localhost")
    reaches(to(f"localhost:{flyte.port}", auth={"http_proxy_url": way}, **plain))
    assert proxy.tunnels == []
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("FLYTE_PLATFORM_HTTP_PROXY_URL", way)
    monkeypatch.setenv("FLYTE_CREDENTIALS_TOKEN", "it")
    monkeypatch.setenv("FLYTE_PLATFORM_INSECURE_SKIP_VERIFY" if secure else "FLYTE_PLATFORM_INSECURE", "true")
    code, steps = check(capsys, "--endpoint", f"localhost:{flyte.port}")
    assert code == 0, steps
    assert steps["proxy"][1] == f"the proxy 127.0.0.1:{proxy.port} connects to localhost:{flyte.port}"
    proxy.refuse = 407
    code, steps = check(capsys, "--endpoint", f"localhost:{flyte.port}")
    assert code == 3
    assert f"by the proxy 127.0.0.1:{proxy.port}: Tunnel connection failed: 407" in steps["proxy"][1]
    assert "hunter" not in str(steps)


def test_a_proxy_that_refuses_could_not_ask(serve: Serve, proxy: HttpProxy) -> None:
    flyte = serve()
    proxy.refuse = 403
    config = to(f"localhost:{flyte.port}", insecure=True, auth={"http_proxy_url": f"http://127.0.0.1:{proxy.port}"})
    with Client(config) as client, pytest.raises(Unavailable) as caught:
        client.describe(NOBODY)
    assert f"cannot reach Flyte at {config.endpoint} through the proxy 127.0.0.1:{proxy.port}" in str(caught.value)


@pytest.mark.parametrize("scheme", ["https", "socks5"])
def test_a_proxy_that_grpc_cannot_use_is_told(
    scheme: str,
    serve: Serve,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flyte = serve()
    way = f"{scheme}://me:hunter2@proxy.example:3128"
    caplog.set_level(logging.WARNING, "bridge_core")
    reaches(to(flyte.endpoint, insecure=True, auth={"http_proxy_url": way}))
    expected = (
        "auth.http_proxy_url (proxy.example:3128) serves logins only: gRPC takes proxies whose URL begins with http://"
    )
    assert expected in caplog.text
    monkeypatch.setenv("FLYTE_PLATFORM_HTTP_PROXY_URL", way)
    monkeypatch.setenv("FLYTE_CREDENTIALS_TOKEN", "it")
    code, steps = check(capsys, "--endpoint", flyte.endpoint, "--insecure")
    assert code == 0
    assert steps["proxy"][1].startswith(expected)
    assert "hunter2" not in caplog.text + str(steps)


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
@pytest.mark.parametrize("tls", ["plain", "trusted", "skipped"])
def test_ipv6_literals(
    tls: str, serve: Serve, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    names = ["::1"] if tls == "trusted" else ["flyte.internal"]
    flyte = serve(None if tls == "plain" else serving(authority.issue_cert(*names)), address="[::1]:0")
    how: dict[str, Any] = {
        "plain": {"insecure": True},
        "trusted": {"ca_cert_file": str(tmp_path / "ca.pem")},
        "skipped": {"insecure_skip_verify": True},
    }[tls]
    reaches(to(f"[::1]:{flyte.port}", **how))
    variable, value = {
        "plain": ("FLYTE_PLATFORM_INSECURE", "true"),
        "trusted": ("FLYTE_PLATFORM_CA_CERT_FILE_PATH", str(tmp_path / "ca.pem")),
        "skipped": ("FLYTE_PLATFORM_INSECURE_SKIP_VERIFY", "true"),
    }[tls]
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("FLYTE_CREDENTIALS_TOKEN", "it")
    code, steps = check(capsys, "--endpoint", f"[::1]:{flyte.port}")
    assert code == 0, steps
